//! The life of a connection: its preface, its end, and what a gateway may not send.

use std::time::Duration;

use http2::{ErrorCode, Frame, Kind, PREFACE, SettingId, StreamId, frame};
use mock_upstream::Drained;
use tokio::io::AsyncWriteExt;
use vocabulary::directive::{FaultKind, Hold, OriginAct};
use vocabulary::history::{Closer, Observation, Performed};

use super::peer::{Got, Peer};
use crate::stage::{Stage, WAIT, final_with, ok};

async fn closers(stage: &Stage, count: usize) -> Vec<Closer> {
    stage
        .until("the ends of connections", |all| {
            let closed = all.iter().filter_map(|it| match it {
                Observation::UpstreamClosed { by, .. } => Some(*by),
                _ => None,
            });
            let closed: Vec<_> = closed.collect();
            (closed.len() >= count).then_some(closed)
        })
        .await
}

#[tokio::test]
async fn a_connection_may_begin_byte_by_byte() {
    let stage = Stage::new();
    let mut peer = Peer::over(stage.open().await, stage.key.clone());
    let mut out = PREFACE.to_vec();
    frame::settings(&mut out, &[]);
    let (id, request) = peer.spell("GET", 1, &[], true);
    out.extend(request);
    for byte in out {
        peer.send(&[byte]).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(peer.reply(id).await.owner, Some((1, 1)));
    assert_eq!(stage.seen(1, 1).await[0].ordinal.0, 1);
}

#[tokio::test]
async fn the_origin_announces_what_it_takes_before_it_is_asked() {
    let stage = Stage::new();
    let mut peer = Peer::connect(&stage).await;
    let settings = peer.find("settings", |got| matches!(got, Got::Settings(_))).await;
    let expected = [SettingId::MAX_CONCURRENT_STREAMS.of(100), SettingId::MAX_HEADER_LIST_SIZE.of(65_536)];
    assert_eq!(settings, Got::Settings(expected.to_vec()));
}

#[tokio::test]
async fn what_only_looks_like_a_preface_is_http_1() {
    for (text, status) in [("PRI * HTTP/2.0\r\n\r\nSX\r\n\r\n", "400"), ("PRI /x HTTP/1.1\r\n\r\n", "200")] {
        let stage = Stage::new();
        let mut client = stage.connect().await;
        client.send(text).await;
        let head = client.head().await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status}")), "{head}");
    }
    let stage = Stage::new();
    let mut client = stage.connect().await;
    client.send("GET / HTTP/1.1\r\n\r\n").await;
    client.reply().await;
    client.send(PREFACE).await;
    assert!(client.reply().await.head.contains(" 400 "), "a preface stands at the beginning");
}

#[tokio::test]
async fn a_connection_that_ends_amid_its_preface_is_the_gateways_to_end() {
    let stage = Stage::new();
    let mut client = stage.connect().await;
    client.send(&PREFACE[..10]).await;
    drop(client);
    assert_eq!(closers(&stage, 1).await, [Closer::Gateway]);
}

#[tokio::test]
async fn between_cases_connections_say_that_they_end_and_are_closed_in_order_or_reset() {
    let stage = Stage::with(vec![OriginAct::Hold(Hold::Bait), OriginAct::Silence { us: 1 }, ok(64)]);
    let mut held = Peer::connect(&stage).await;
    held.get(1).await;
    stage.event(1, vocabulary::plan::EventKind::Seen).await;
    let (mut idle, mut stubborn) = (Peer::connect(&stage).await, Peer::connect(&stage).await);
    for (peer, exchange) in [(&mut idle, 2), (&mut stubborn, 3)] {
        let id = peer.get(exchange).await;
        peer.reply(id).await;
    }
    let closing = stage.origin().close_connections(Duration::from_secs(1));
    let gateway = async {
        for peer in [&mut held, &mut idle] {
            let rest = peer.rest().await;
            assert!(rest.contains(&Got::GoAway(1, ErrorCode::NO_ERROR)), "{rest:?}");
            assert!(!rest.iter().any(|got| matches!(got, Got::Head(..))));
            peer.stream.shutdown().await.unwrap();
        }
    };
    let (drained, ()) = tokio::join!(closing, gateway);
    assert_eq!(drained, Drained { closed_in_order: 2, reset: 1 });
    assert_eq!(stage.performed(FaultKind::Silence).await, Performed::Expired);
    assert!(closers(&stage, 3).await.iter().all(|by| *by == Closer::Origin));
    stubborn.rest().await;
    assert!(stubborn.stream.write_all(b"x").await.is_err() || stubborn.stream.write_all(b"x").await.is_err());
    assert_eq!(stage.origin().close_connections(WAIT).await, Drained::default());
    let mut peer = Peer::connect(&stage).await;
    let id = peer.get(4).await;
    assert_eq!(peer.reply(id).await.owner, Some((4, 1)));
}

#[tokio::test]
async fn a_gateway_that_closes_its_side_still_gets_the_owed_replies() {
    let stage = Stage::with(vec![OriginAct::Hold(Hold::Bait), final_with(64, |reply| reply.private = true)]);
    let mut peer = Peer::connect(&stage).await;
    let id = peer.get(1).await;
    peer.stream.shutdown().await.unwrap();
    assert_eq!(peer.reply(id).await.owner, Some((1, 1)));
    assert_eq!(stage.performed(FaultKind::PrivateReply).await, Performed::PeerClosedFirst);
    assert_eq!(stage.replied(1, 1).await.performed, Performed::PeerClosedFirst);
    assert!(peer.rest().await.iter().all(|got| matches!(got, Got::Settings(_))));
    assert_eq!(closers(&stage, 1).await, [Closer::Gateway]);
}

#[tokio::test]
async fn a_gateway_that_resets_the_connection_is_noticed_at_once() {
    let stage = Stage::with(vec![OriginAct::Hold(Hold::Bait), final_with(64, |reply| reply.private = true)]);
    let mut peer = Peer::connect(&stage).await;
    peer.get(1).await;
    stage.event(1, vocabulary::plan::EventKind::Seen).await;
    peer.stream.set_zero_linger().unwrap();
    drop(peer);
    assert_eq!(stage.performed(FaultKind::PrivateReply).await, Performed::PeerClosedFirst);
    assert_eq!(closers(&stage, 1).await, [Closer::Gateway]);
}

#[tokio::test]
async fn a_goaway_of_the_gateways_lets_its_streams_end() {
    let stage = Stage::with(vec![OriginAct::Wait { us: 10_000 }, ok(64)]);
    let mut peer = Peer::connect(&stage).await;
    let id = peer.get(1).await;
    let mut out = Vec::new();
    frame::go_away(&mut out, StreamId(0), ErrorCode::NO_ERROR, b"bye");
    peer.send(&out).await;
    assert_eq!(peer.reply(id).await.owner, Some((1, 1)));
}

/// A frame of a kind, with flags, on a stream, with a payload.
fn raw(kind: Kind, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    Frame { kind, flags, stream: StreamId(stream), payload }.write(&mut out);
    out
}

#[tokio::test]
async fn what_a_gateway_may_not_send_ends_the_connection_with_its_code() {
    let head = |flags| raw(Kind::Headers, flags, 1, &[0x82]);
    let cases: [(&str, Vec<u8>, ErrorCode); 16] = [
        ("data of a stream that was not opened", raw(Kind::Data, 0, 1, b"x"), ErrorCode::PROTOCOL_ERROR),
        ("a reset of such a stream", raw(Kind::RstStream, 0, 1, &[0; 4]), ErrorCode::PROTOCOL_ERROR),
        ("room on such a stream", raw(Kind::WindowUpdate, 0, 1, &[0, 0, 0, 1]), ErrorCode::PROTOCOL_ERROR),
        ("data of no stream", raw(Kind::Data, 0, 0, b"x"), ErrorCode::PROTOCOL_ERROR),
        ("settings of a stream", raw(Kind::Settings, 0, 1, b""), ErrorCode::PROTOCOL_ERROR),
        ("a ping of a stream", raw(Kind::Ping, 0, 1, &[0; 8]), ErrorCode::PROTOCOL_ERROR),
        ("a ping of another size", raw(Kind::Ping, 0, 0, &[0; 7]), ErrorCode::FRAME_SIZE_ERROR),
        ("no room", raw(Kind::WindowUpdate, 0, 0, &[0; 4]), ErrorCode::PROTOCOL_ERROR),
        ("too much room", raw(Kind::WindowUpdate, 0, 0, &[0x7f, 255, 255, 255]), ErrorCode::FLOW_CONTROL_ERROR),
        ("a promise", raw(Kind::PushPromise, frame::END_HEADERS, 1, &[0, 0, 0, 2]), ErrorCode::PROTOCOL_ERROR),
        ("a stream of ours", raw(Kind::Headers, frame::END_HEADERS, 2, &[0x82]), ErrorCode::PROTOCOL_ERROR),
        ("a block that is interrupted", [head(0), raw(Kind::Ping, 0, 0, &[0; 8])].concat(), ErrorCode::PROTOCOL_ERROR),
        ("a continuation of nothing", raw(Kind::Continuation, 4, 1, b""), ErrorCode::PROTOCOL_ERROR),
        ("an index of nothing", raw(Kind::Headers, frame::END_HEADERS, 1, &[0xff, 0]), ErrorCode::COMPRESSION_ERROR),
        ("a frame too long", raw(Kind::Unknown(99), 0, 0, &[0; 16_385]), ErrorCode::FRAME_SIZE_ERROR),
        ("a window beyond its bound", raw(Kind::Settings, 0, 0, &[0, 4, 0x80, 0, 0, 0]), ErrorCode::FLOW_CONTROL_ERROR),
    ];
    for (what, bytes, code) in cases {
        let stage = Stage::new();
        let mut peer = Peer::connect(&stage).await;
        peer.send(&bytes).await;
        let rest = peer.rest().await;
        assert!(rest.contains(&Got::GoAway(0, code)), "{what}: {rest:?}");
        assert_eq!(closers(&stage, 1).await, [Closer::Origin], "{what}");
    }
}

#[tokio::test]
async fn what_a_gateway_may_send_is_read_over() {
    let stage = Stage::new();
    let mut peer = Peer::connect(&stage).await;
    let id = peer.get(1).await;
    peer.reply(id).await;
    let odd = [
        raw(Kind::Unknown(99), 255, 7, b"anything"),
        raw(Kind::Priority, 0, 9, &[0; 5]),
        raw(Kind::RstStream, 0, id, &[0; 4]),
        raw(Kind::WindowUpdate, 0, id, &[0, 0, 0, 1]),
        raw(Kind::Data, 0, id, b"late"),
        raw(Kind::Settings, 0, 0, &[0xab, 0xcd, 0, 0, 0, 1]),
        raw(Kind::Settings, frame::ACK, 0, b""),
        raw(Kind::Ping, frame::ACK, 0, &[0; 8]),
    ];
    peer.send(&odd.concat()).await;
    let next = peer.get(2).await;
    assert_eq!(peer.reply(next).await.owner, Some((2, 1)));
}

#[tokio::test]
async fn a_gateway_that_says_something_before_its_settings_is_none() {
    let stage = Stage::new();
    let mut peer = Peer::over(stage.open().await, stage.key.clone());
    let (_, request) = peer.spell("GET", 1, &[], true);
    peer.send(&[PREFACE.as_slice(), &request].concat()).await;
    assert!(peer.rest().await.contains(&Got::GoAway(0, ErrorCode::PROTOCOL_ERROR)));
    assert!(!stage.story().contains("Seen"));
}

#[tokio::test]
async fn a_stream_is_not_opened_twice() {
    let stage = Stage::new();
    let mut peer = Peer::connect(&stage).await;
    let (id, request) = peer.spell("GET", 1, &[], true);
    peer.send(&request).await;
    peer.reply(id).await;
    let mut again = Vec::new();
    let block = peer.block(&[(":method", "GET"), (":scheme", "http"), (":path", "/")]);
    frame::headers(&mut again, StreamId(id), &block, true, 1000);
    peer.send(&again).await;
    assert!(peer.rest().await.contains(&Got::GoAway(1, ErrorCode::STREAM_CLOSED)));
}

#[tokio::test]
async fn floods_end_the_connection() {
    let ping = raw(Kind::Ping, 0, 0, &[0; 8]);
    let settings = raw(Kind::Settings, 0, 0, b"");
    for (what, flood) in [("pings", ping), ("settings", settings), ("nothing", raw(Kind::Unknown(77), 0, 0, b""))] {
        let stage = Stage::new();
        let mut peer = Peer::connect(&stage).await;
        for _ in 0..101 {
            if peer.stream.write_all(&flood.repeat(100)).await.is_err() {
                break;
            }
        }
        let rest = peer.rest().await;
        assert!(rest.contains(&Got::GoAway(0, ErrorCode::ENHANCE_YOUR_CALM)), "{what}: {} frames", rest.len());
    }
    let stage = Stage::new();
    let mut peer = Peer::connect(&stage).await;
    let endless = [raw(Kind::Headers, 0, 1, &[0x82]), raw(Kind::Continuation, 0, 1, b"").repeat(300)].concat();
    peer.send(&endless).await;
    assert!(peer.rest().await.contains(&Got::GoAway(0, ErrorCode::ENHANCE_YOUR_CALM)));
}

#[tokio::test]
async fn streams_that_are_opened_and_reset_at_once_cost_only_themselves() {
    let stage = Stage::new();
    let mut peer = Peer::connect(&stage).await;
    for _ in 0..20 {
        let mut out = Vec::new();
        for _ in 0..100 {
            let (id, request) = peer.spell("GET", 1, &[], true);
            out.extend(request);
            frame::rst_stream(&mut out, StreamId(id), ErrorCode::CANCEL);
        }
        peer.send(&out).await;
    }
    peer.ping().await;
    let id = peer.get(2).await;
    assert_eq!(peer.reply(id).await.owner, Some((2, 1)));
    let seen = stage.seen(2, 1).await.remove(0);
    assert_eq!((seen.ordinal.0, seen.in_flight), (2001, 1));
}
