//! The proxy as a program: it listens on `LISTEN_PORT` and forwards to `UPSTREAM_PORT`, both of 127.0.0.1.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port = |name: &str| -> Result<SocketAddr, Box<dyn std::error::Error>> {
        Ok((Ipv4Addr::LOCALHOST, std::env::var(name)?.parse()?).into())
    };
    let listener = TcpListener::bind(port("LISTEN_PORT")?)?;
    listener.set_nonblocking(true)?;
    examples::proxy::serve(listener, port("UPSTREAM_PORT")?).await?;
    Ok(())
}
