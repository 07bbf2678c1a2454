//! How many benign requests one core of the origin answers: `cargo run --release -p crosswire-mock-upstream --example rate`.
//!
//! The clients keep 64 connections busy from another thread. What counts is the processor time of the origin's own
//! thread, which Linux tells; so the clients may be slow.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use mock_upstream::{Clock, Config, Origin};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use vocabulary::canary::{CanaryKey, Claim, Role, Site};
use vocabulary::identity::{Attempt, ExchangeId, TenantId};

const CONNECTIONS: u32 = 64;
const LASTS: Duration = Duration::from_secs(4);

fn main() -> std::io::Result<()> {
    let key = CanaryKey::new([5; 16], 1);
    let observed = Arc::new(AtomicU64::new(0));
    let counter = observed.clone();
    let observer = Arc::new(move |observation| {
        drop(observation);
        counter.fetch_add(1, Ordering::Relaxed);
    });
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    let config = Config { key: key.clone(), clock: Clock::start(), observer };
    let origin = Origin::start(listener, config).map_err(std::io::Error::other)?;
    let began = Instant::now();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let served: u64 = runtime.block_on(async {
        let clients: Vec<_> = (0..CONNECTIONS)
            .map(|client| tokio::spawn(ask(origin.addr(), key.clone(), client, began + LASTS)))
            .collect();
        let mut served = 0;
        for client in clients {
            served += client.await.map_err(std::io::Error::other)??;
        }
        Ok::<u64, std::io::Error>(served)
    })?;
    let (wall, processor) = (began.elapsed().as_secs_f64(), processor_seconds("crosswire-origi")?);
    let each = processor / served as f64;
    println!("{served} requests in {wall:.2} s: {:.0} a second", served as f64 / wall);
    println!("{:.2} us of the origin's processor time each: {:.0} a second and core", each * 1e6, 1.0 / each);
    println!("{:.1} observations each", observed.load(Ordering::Relaxed) as f64 / served as f64);
    Ok(())
}

async fn ask(addr: std::net::SocketAddr, key: CanaryKey, client: u32, until: Instant) -> std::io::Result<u64> {
    let mut stream = TcpStream::connect(addr).await?;
    stream.set_nodelay(true)?;
    let (mut served, mut reply) = (0, vec![0; 16 * 1024]);
    while Instant::now() < until {
        let exchange = ExchangeId(1 + client + CONNECTIONS * served as u32);
        let (tenant, attempt) = (TenantId(1), Attempt(0));
        let claim = |site| Claim { role: Role::Request, tenant, exchange, attempt, site, delivery: 0 };
        let (path, field) = (key.mint(claim(Site::Path)), key.mint(claim(Site::Header)));
        let request = format!(
            "GET /{path} HTTP/1.1\r\nHost: origin\r\nAccept: */*\r\nUser-Agent: rate\r\nx-crosswire: {field}\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await?;
        let mut read = 0;
        // Every reply has the same shape: a head and 256 bytes.
        while !reply[..read].windows(4).any(|end| end == b"\r\n\r\n") {
            read += stream.read(&mut reply[read..]).await?;
        }
        served += 1;
    }
    Ok(served)
}

/// The processor time of the thread of this name.
fn processor_seconds(name: &str) -> std::io::Result<f64> {
    for task in std::fs::read_dir("/proc/self/task")? {
        let path = task?.path();
        if std::fs::read_to_string(path.join("comm"))?.trim() == name {
            let schedstat = std::fs::read_to_string(path.join("schedstat"))?;
            let nanoseconds: f64 = schedstat.split(' ').next().and_then(|text| text.parse().ok()).unwrap_or(f64::NAN);
            return Ok(nanoseconds / 1e9);
        }
    }
    Err(std::io::Error::other(format!("no thread is called {name}")))
}
