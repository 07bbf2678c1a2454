//! A specimen as a program of its own: the start contract of recipes and `--command`.
//!
//! `LISTEN_PORT` and `UPSTREAM_PORT` say where; `VARIANT` names a mutant, empty is the reference gateway.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use specimens::Decisions;

fn port(name: &str) -> u16 {
    let value = std::env::var(name).unwrap_or_default();
    value.parse().unwrap_or_else(|_| panic!("{name} is {value:?}, it must be a port"))
}

fn main() -> std::io::Result<()> {
    let variant = std::env::var("VARIANT").unwrap_or_default();
    let decisions = match variant.as_str() {
        "" => Decisions::reference(),
        name => (specimens::mutant(name).unwrap_or_else(|| panic!("there is no mutant {name}")).decisions)(),
    };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port("LISTEN_PORT")))?;
    listener.set_nonblocking(true)?;
    let origin = SocketAddr::from((Ipv4Addr::LOCALHOST, port("UPSTREAM_PORT")));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(specimens::serve(listener, origin, decisions))
}
