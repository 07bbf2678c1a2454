//! One set of tests, over loopback TCP and over simulated networks of several seeds.

use std::future::poll_fn;
use std::io::ErrorKind;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::Builder;
use tokio::time::{sleep, timeout};

use crate::{Address, Listener, Net, Stream, Waiting};

/// How long a test waits for what must come.
const WAIT: Duration = Duration::from_secs(5);
const SEEDS: [u64; 12] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];

/// A listener, and the two ends of a connection to it.
struct Stage {
    listener: Listener,
    address: Address,
    client: Stream,
    server: Stream,
}

impl Stage {
    async fn on(listener: Listener) -> Stage {
        let address = listener.address().unwrap();
        let (client, server) = tokio::join!(address.connect(), listener.accept());
        Stage::set(listener, address, client.unwrap(), server.unwrap())
    }

    #[cfg(feature = "tls")]
    async fn over_tls(listener: Listener) -> Stage {
        use crate::tls::{Acceptor, Connector};
        let acceptor = Acceptor::new(&[]).unwrap();
        let connector = Connector::new("127.0.0.1", &[]).unwrap();
        let address = listener.address().unwrap().over_tls(connector);
        let accepted = async { acceptor.accept(listener.accept().await.unwrap()).await };
        let (client, server) = tokio::join!(address.connect(), accepted);
        Stage::set(listener, address, client.unwrap(), server.unwrap())
    }

    fn set(listener: Listener, address: Address, client: Stream, server: Stream) -> Stage {
        client.set_nodelay(true).unwrap();
        server.set_nodelay(true).unwrap();
        Stage { listener, address, client, server }
    }
}

/// Runs a scene over TCP, with TLS and without, and over simulated networks.
fn over_all(scene: impl AsyncFn(Stage)) {
    over_both(&scene);
    #[cfg(feature = "tls")]
    over_sockets(async |listener| {
        timeout(WAIT, scene(Stage::over_tls(listener).await)).await.expect("over TLS");
    });
}

fn over_sockets(play: impl AsyncFnOnce(Listener)) {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        play(Listener::from_std(listener).unwrap()).await;
    });
}

/// Runs a scene over TCP and over simulated networks.
fn over_both(scene: impl AsyncFn(Stage)) {
    over_sockets(async |listener| {
        timeout(WAIT, scene(Stage::on(listener).await)).await.expect("over TCP");
    });
    for seed in SEEDS {
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let listener = Net::new(seed).listen().unwrap();
            timeout(WAIT, scene(Stage::on(listener).await)).await.unwrap_or_else(|_| panic!("seed {seed}"));
        });
    }
}

async fn readable(stream: &Stream) {
    poll_fn(|context| stream.poll_read_ready(context)).await.unwrap();
}

/// Everything up to the end, and how that came.
async fn rest(stream: &mut Stream) -> (Vec<u8>, Option<ErrorKind>) {
    let mut all = Vec::new();
    let end = stream.read_to_end(&mut all).await.err().map(|error| error.kind());
    (all, end)
}

#[test]
fn what_is_written_is_read_in_order_both_ways() {
    over_all(async |Stage { mut client, mut server, .. }| {
        let (mut from_client, mut to_client) = server.split();
        for number in 0..50_u8 {
            client.write_all(&[number, number]).await.unwrap();
            to_client.write_all(&[number]).await.unwrap();
        }
        let mut read = [0; 100];
        from_client.read_exact(&mut read).await.unwrap();
        assert!(read.iter().enumerate().all(|(index, byte)| index / 2 == usize::from(*byte)));
        let mut read = [0; 50];
        client.read_exact(&mut read).await.unwrap();
        assert!(read.iter().enumerate().all(|(index, byte)| index == usize::from(*byte)));
    });
}

#[test]
fn a_drop_is_a_fin_and_a_later_write_of_the_peer_is_reset() {
    over_all(async |Stage { client, mut server, .. }| {
        client.try_write(b"last").unwrap();
        drop(client);
        assert_eq!(rest(&mut server).await, (b"last".to_vec(), None));
        server.write_all(b"to nobody").await.unwrap();
        // The reset takes its way; then there is no writing any more.
        let refused = async {
            loop {
                match server.write_all(b"again").await {
                    Ok(()) => sleep(Duration::from_millis(1)).await,
                    Err(error) => return error.kind(),
                }
            }
        };
        assert!(matches!(refused.await, ErrorKind::BrokenPipe | ErrorKind::ConnectionReset));
        assert_eq!(rest(&mut server).await.1, None, "in order is how it had ended");
    });
}

#[test]
fn zero_linger_resets_once_and_what_had_come_is_still_read() {
    over_all(async |Stage { client, mut server, .. }| {
        client.try_write(b"before").unwrap();
        let mut read = [0; 6];
        server.read_exact(&mut read[..2]).await.unwrap();
        client.set_zero_linger().unwrap();
        drop(client);
        assert_eq!(rest(&mut server).await, (b"fore".to_vec(), Some(ErrorKind::ConnectionReset)));
        assert_eq!(server.read(&mut read).await.unwrap(), 0);
        assert_eq!(server.write(b"x").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
        assert_eq!(server.half_close().unwrap_err().kind(), ErrorKind::NotConnected);
    });
}

#[test]
fn a_drop_with_unread_bytes_resets() {
    over_all(async |Stage { client, mut server, .. }| {
        server.write_all(b"never read").await.unwrap();
        readable(&client).await;
        drop(client);
        assert_eq!(rest(&mut server).await, (Vec::new(), Some(ErrorKind::ConnectionReset)));
    });
}

#[test]
fn a_half_close_ends_one_direction_only() {
    over_all(async |Stage { mut client, mut server, .. }| {
        client.write_all(b"ask").await.unwrap();
        client.split().0.half_close().unwrap();
        assert_eq!(client.write(b"x").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
        assert_eq!(rest(&mut server).await, (b"ask".to_vec(), None));
        server.write_all(b"answer").await.unwrap();
        server.shutdown().await.unwrap();
        assert_eq!(rest(&mut client).await, (b"answer".to_vec(), None));
    });
}

#[test]
fn nobody_listens_where_a_listener_was_dropped_and_who_waited_there_is_reset() {
    over_both(async |Stage { listener, address, .. }| {
        let mut waits = address.connect().await.unwrap();
        drop(listener);
        assert_eq!(rest(&mut waits).await, (Vec::new(), Some(ErrorKind::ConnectionReset)));
        assert_eq!(address.connect().await.unwrap_err().kind(), ErrorKind::ConnectionRefused);
    });
}

#[test]
fn a_reader_that_does_not_read_holds_its_writer_up() {
    over_all(async |Stage { mut client, mut server, .. }| {
        let (_, to_server) = client.split();
        let block = vec![7; 64 * 1024];
        let mut written = 0;
        let full = async {
            loop {
                match to_server.try_write(&block) {
                    Ok(count) => written += count,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => to_server.writable().await.unwrap(),
                    Err(error) => panic!("{error}"),
                }
            }
        };
        assert!(timeout(Duration::from_millis(100), full).await.is_err(), "it waits");
        assert!(written >= block.len());
        let mut read = vec![0; written];
        server.read_exact(&mut read).await.unwrap();
        to_server.writable().await.unwrap();
        assert!(to_server.try_write(&block).unwrap() > 0);
    });
}

#[test]
fn what_lies_unread_is_seen_without_reading_it() {
    over_all(async |Stage { mut client, mut server, .. }| {
        assert_eq!(server.waiting(), Waiting::Nothing);
        client.write_all(b"x").await.unwrap();
        readable(&server).await;
        assert_eq!((server.waiting(), server.waiting()), (Waiting::Bytes, Waiting::Bytes));
        assert_eq!(server.read(&mut [0; 8]).await.unwrap(), 1);
        assert_eq!(server.try_read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
        assert_eq!(server.waiting(), Waiting::Nothing);
        drop(client);
        readable(&server).await;
        assert_eq!(server.waiting(), Waiting::Closed);
        assert_eq!(server.read(&mut [0; 8]).await.unwrap(), 0);
    });
}

#[test]
fn everything_is_acknowledged_once_it_has_reached_the_other_end() {
    over_all(async |Stage { mut client, server, .. }| {
        let (_, to_server) = client.split();
        for _ in 0..5 {
            to_server.try_write(b"surplus").unwrap();
        }
        while to_server.unacknowledged().unwrap() > 0 {
            sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(server.waiting(), Waiting::Bytes);
        assert_eq!(server.try_read(&mut [0; 64]).unwrap_or(0) % 7, 0);
    });
}

/// Two clients that talk to one server at once, seen from there.
async fn crowd(seed: u64) -> Vec<u8> {
    let listener = Net::new(seed).listen().unwrap();
    let address = listener.address().unwrap();
    for number in 0..2 {
        let address = address.clone();
        tokio::spawn(async move {
            let mut client = address.connect().await.unwrap();
            for _ in 0..10 {
                client.write_all(&[number]).await.unwrap();
                client.read_u8().await.unwrap();
            }
        });
    }
    let (mut one, mut other) = (listener.accept().await.unwrap(), listener.accept().await.unwrap());
    let mut seen = Vec::new();
    while seen.len() < 20 {
        tokio::select! {
            biased;
            Ok(byte) = one.read_u8() => {
                seen.push(byte);
                one.write_u8(byte).await.unwrap();
            }
            Ok(byte) = other.read_u8() => {
                seen.push(byte);
                other.write_u8(byte).await.unwrap();
            }
        }
    }
    seen
}

#[test]
fn the_seed_decides_who_comes_first() {
    let run = |seed| {
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(crowd(seed))
    };
    let runs: std::collections::BTreeSet<Vec<u8>> = SEEDS.into_iter().map(run).collect();
    assert!(runs.len() > 6, "{runs:?}");
    assert!(SEEDS.into_iter().all(|seed| run(seed) == run(seed)));
}
