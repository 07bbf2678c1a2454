//! The life of connections and of the origin itself: closing, resetting, dropping, surviving.

use std::sync::Arc;
use std::time::{Duration, Instant};

use mock_upstream::{Clock, Config, Drained, Origin};
use tokio::io::AsyncWriteExt;
use vocabulary::canary::CanaryKey;
use vocabulary::directive::{Close, FaultKind, Hold, OriginAct};
use vocabulary::history::{Closer, Observation, Performed};
use vocabulary::identity::{ConnectionId, ExchangeId};
use vocabulary::plan::{Event, EventKind};

use crate::stage::{Stage, WAIT, ok};

async fn closers(stage: &Stage, count: usize) -> Vec<(ConnectionId, Closer)> {
    stage
        .until("the ends of connections", |observations| {
            let closed = observations.iter().filter_map(|observation| match observation {
                Observation::UpstreamClosed { connection, by, .. } => Some((*connection, *by)),
                _ => None,
            });
            let closed: Vec<_> = closed.collect();
            (closed.len() >= count).then_some(closed)
        })
        .await
}

#[tokio::test]
async fn connections_are_numbered_and_their_ends_reported() {
    let stage = Stage::with(vec![ok(64), OriginAct::Close(Close::Rst)]);
    let mut first = stage.connect().await;
    first.send(stage.get(1)).await;
    assert_eq!(first.reply().await.owner, Some((1, 1)));
    assert!(first.is_reset().await);
    let mut second = stage.connect().await;
    second.send(stage.get(2)).await;
    second.reply().await;
    drop(second);
    let ends = closers(&stage, 2).await;
    assert_eq!(ends, [(ConnectionId(1), Closer::Origin), (ConnectionId(2), Closer::Gateway)]);
    assert_eq!(stage.performed(FaultKind::Close).await, Performed::Fully);
    assert_eq!(stage.seen(2, 1).await[0].ordinal.0, 1);
}

#[tokio::test]
async fn between_cases_all_connections_are_closed_in_order_and_the_stubborn_are_reset() {
    let stage = Stage::with(vec![OriginAct::Hold(Hold::Bait), OriginAct::Silence { us: 1 }, ok(64)]);
    let (mut held, mut idle, mut stubborn) = (stage.connect().await, stage.connect().await, stage.connect().await);
    for (client, exchange) in [(&mut held, 1), (&mut idle, 2), (&mut stubborn, 3)] {
        client.send(stage.get(exchange)).await;
        stage.event(exchange, EventKind::Seen).await;
    }
    for client in [&mut idle, &mut stubborn] {
        client.reply().await;
    }
    assert_eq!(stage.origin().open_connections(), 3);
    let closing = stage.origin().close_connections(Duration::from_secs(1));
    let gateway = async {
        for client in [&mut held, &mut idle] {
            assert!(client.rest().await.is_empty());
            client.stream.shutdown().await.unwrap();
        }
    };
    let (drained, ()) = tokio::join!(closing, gateway);
    assert_eq!(drained, Drained { closed_in_order: 2, reset: 1 });
    assert_eq!(stage.origin().open_connections(), 0);
    assert!(stubborn.is_reset().await || stubborn.stream.write_all(b"x").await.is_err());
    assert_eq!(stage.performed(FaultKind::Silence).await, Performed::Expired);
    assert!(closers(&stage, 3).await.iter().all(|(_, by)| *by == Closer::Origin));
    assert_eq!(stage.origin().close_connections(WAIT).await, Drained::default());
    // The origin serves on.
    let mut client = stage.connect().await;
    client.send(stage.get(4)).await;
    assert_eq!(client.reply().await.owner, Some((4, 1)));
}

#[tokio::test]
async fn dropping_the_origin_does_not_hang_whatever_is_held() {
    let never = Event { exchange: ExchangeId(9), kind: EventKind::Aborted };
    let mut stage = Stage::with(vec![OriginAct::Hold(Hold::Event(never)), ok(64)]);
    let (mut held, mut idle) = (stage.connect().await, stage.connect().await);
    held.send(stage.get(1)).await;
    idle.send("GET /half").await;
    stage.event(1, EventKind::Seen).await;
    let addr = stage.origin().addr();
    let began = Instant::now();
    stage.origin = None;
    assert!(began.elapsed() < Duration::from_millis(1900), "{:?}", began.elapsed());
    assert!(held.rest().await.is_empty());
    assert!(tokio::net::TcpStream::connect(addr).await.is_err(), "the listener is closed");
}

#[test]
fn an_origin_may_be_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Origin>();
}

#[test]
fn an_observer_that_panics_costs_its_connection_and_not_the_origin() {
    let observer = Arc::new(|observation| {
        assert!(!matches!(observation, Observation::Event { exchange: ExchangeId(13), .. }), "as planned by the test");
    });
    let config = Config { key: CanaryKey::new([3; 16], 99), clock: Clock::start(), observer };
    let origin = Origin::start(std::net::TcpListener::bind("127.0.0.1:0").unwrap(), config).unwrap();
    let stage = Stage::new();
    let ask = |exchange| {
        use std::io::{Read, Write};
        let mut stream = std::net::TcpStream::connect(origin.addr()).unwrap();
        stream.set_read_timeout(Some(WAIT)).unwrap();
        stream.write_all(stage.request("GET", exchange, "Connection: close\r\n").as_bytes()).unwrap();
        let mut reply = Vec::new();
        stream.read_to_end(&mut reply).map(|_| reply.len()).unwrap_or_default()
    };
    assert_eq!(ask(13), 0);
    assert!(ask(14) > 256);
}

#[tokio::test]
async fn a_case_is_in_force_as_soon_as_it_is_loaded() {
    let stage = Stage::new();
    let mut client = stage.connect().await;
    for exchange in 1..50 {
        stage.load(&[(exchange, vec![ok(u64::from(exchange))])], Vec::new());
        client.send(stage.get(exchange)).await;
        assert_eq!(client.reply().await.body.len(), exchange as usize);
    }
}

#[tokio::test]
async fn a_well_behaved_client_is_served_well() {
    use http_body_util::{BodyExt, Full};
    use hyper::body::Bytes;
    use hyper_util::rt::TokioIo;

    let stage = Stage::with(vec![ok(5000)]);
    let stream = tokio::net::TcpStream::connect(stage.origin().addr()).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    let driver = tokio::spawn(connection);
    for exchange in 1..=20 {
        let canary = stage.canary(exchange, vocabulary::canary::Site::Header);
        let request = hyper::Request::post("/").header("x-crosswire", canary).body(Full::new(Bytes::from("hello")));
        let reply = sender.send_request(request.unwrap()).await.unwrap();
        assert_eq!(reply.status(), 200);
        let bytes = reply.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(bytes.len(), if exchange == 1 { 5000 } else { 256 });
    }
    drop(sender);
    tokio::time::timeout(WAIT, driver).await.unwrap().unwrap().unwrap();
    assert_eq!(closers(&stage, 1).await[0].1, Closer::Gateway);
}
