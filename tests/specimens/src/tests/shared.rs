//! What the reference gateway does right on the connection to the origin that all its clients share.

use std::time::Duration;

use http2::frame::{self, PAYLOAD_BYTES_DEFAULT};
use http2::hpack::Style;
use http2::{ErrorCode, SettingId, StreamId};

use super::framed::{Framed, Heard};
use super::stage::Stage;
use crate::decisions::Decisions;

async fn reference() -> Stage {
    Stage::new(Decisions::reference().with_h2_up()).await
}

/// Clients that have asked for a path each, and the connection on which all that has arrived: the streams there, in order.
async fn asked(stage: &Stage, paths: &[&str]) -> (Vec<(Framed, u32)>, Framed, Vec<u32>) {
    let mut clients = Vec::new();
    for path in paths {
        let mut client = stage.framed_client().await;
        let own = client.get(path).await;
        clients.push((client, own));
    }
    let (upstream, streams) = arrived(stage.framed_upstream().await, paths).await;
    (clients, upstream, streams)
}

/// The streams of the requests for these paths, in that order.
async fn arrived(mut upstream: Framed, paths: &[&str]) -> (Framed, Vec<u32>) {
    let mut streams = vec![0; paths.len()];
    for _ in paths {
        let (stream, head) = upstream.request().await;
        let at =
            paths.iter().position(|path| head.starts_with(&format!("GET {path} "))).expect("a path that was asked for");
        streams[at] = stream;
    }
    (upstream, streams)
}

#[tokio::test]
async fn streams_of_all_clients_share_one_connection_and_are_answered_in_any_order() {
    let stage = reference().await;
    let paths = ["/0", "/1", "/2", "/3"];
    let (mut clients, mut upstream, streams) = asked(&stage, &paths).await;
    let mut lines = stage.get("/lines").await;
    let (of_lines, _) = upstream.request().await;
    assert_eq!(streams.iter().chain([&of_lines]).collect::<std::collections::BTreeSet<_>>().len(), 5);
    // Heads in reverse order, then bodies frame by frame in turn, then the ends.
    upstream.ok(of_lines, "lines").await;
    for &stream in streams.iter().rev() {
        upstream.put_reply(stream, 200, &[("x-own", &stream.to_string())], false);
    }
    for piece in ["a", "b", "c"] {
        streams.iter().for_each(|&stream| upstream.put_data(stream, &format!("{stream}{piece}"), false));
    }
    streams.iter().for_each(|&stream| upstream.put_data(stream, "", true));
    upstream.flush().await;
    for ((client, own), stream) in clients.iter_mut().zip(&streams) {
        let reply = client.message(*own).await;
        assert!(reply.has(&format!("x-own: {stream}")), "{reply:?}");
        assert_eq!(reply.body, format!("{stream}a{stream}b{stream}c"));
    }
    assert_eq!(lines.message().await.body, "lines");
}

#[tokio::test]
async fn a_refused_stream_is_tried_once_more_with_its_body_and_no_third_time() {
    let stage = reference().await;
    for (path, refusals, status) in [("/once", 1, 200), ("/twice", 2, 502)] {
        let mut client = stage.framed_client().await;
        let own = client.put_request("POST", path, &[("content-length", "5")], false);
        client.put_data(own, "hello", true);
        client.flush().await;
        // The second round comes on the same connection: the stream was refused, and nothing else.
        let mut upstream = stage.framed_upstream().await;
        for _ in 0..refusals {
            let (stream, seen) = upstream.whole_request().await;
            assert!(seen.head.starts_with(&format!("POST {path} ")) && seen.body == "hello", "{seen:?}");
            upstream.reset(stream, ErrorCode::REFUSED_STREAM).await;
        }
        if status == 200 {
            let (stream, seen) = upstream.whole_request().await;
            assert_eq!(seen.body, "hello");
            upstream.ok(stream, "own").await;
        }
        assert_eq!(client.message(own).await.status(), status);
        assert_eq!(upstream.settled().await, []);
        upstream.go_away(u32::MAX >> 1).await;
    }
}

#[tokio::test]
async fn a_body_that_is_gone_is_not_sent_again() {
    let stage = reference().await;
    let mut client = stage.framed_client().await;
    let own = client.put_request("POST", "/", &[], false);
    client.flush().await;
    client.pour(own, &"x".repeat(65_000), false).await;
    let mut upstream = stage.framed_upstream().await;
    let (stream, _) = upstream.request().await;
    client.pour(own, &"x".repeat(1_000), false).await;
    let mut seen = 0;
    while seen < 66_000 {
        match upstream.of(stream).await {
            Heard::Data { bytes, .. } => seen += bytes.len(),
            other => panic!("{other:?}"),
        }
    }
    upstream.reset(stream, ErrorCode::REFUSED_STREAM).await;
    assert_eq!(client.message(own).await.status(), 502);
    assert_eq!(upstream.settled().await, []);
}

#[tokio::test]
async fn another_reset_than_a_refusal_is_a_502_and_concerns_nobody_else() {
    let stage = reference().await;
    let (mut clients, mut upstream, streams) = asked(&stage, &["/a", "/b"]).await;
    upstream.reset(streams[0], ErrorCode::INTERNAL_ERROR).await;
    let (a, own) = &mut clients[0];
    assert_eq!(a.message(*own).await.status(), 502);
    upstream.ok(streams[1], "own").await;
    let (b, own) = &mut clients[1];
    assert_eq!(b.message(*own).await.body, "own");
    assert_eq!(upstream.settled().await, []);
}

#[tokio::test]
async fn behind_a_goaway_requests_go_to_another_connection_and_those_before_come_to_their_end() {
    let stage = reference().await;
    let (mut clients, mut old, streams) = asked(&stage, &["/0", "/1", "/2"]).await;
    let last = *streams.iter().min().unwrap();
    old.go_away(last).await;
    let behind: Vec<usize> = (0..3).filter(|&at| streams[at] > last).collect();
    let paths: Vec<String> = behind.iter().map(|at| format!("/{at}")).collect();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let (mut new, again) = arrived(stage.framed_upstream().await, &paths).await;
    // A new request is for the new connection as well.
    let mut lines = stage.get("/new").await;
    let (of_lines, head) = new.request().await;
    assert!(head.starts_with("GET /new "));
    for (at, stream) in behind.iter().zip(&again) {
        new.put_ok(*stream, &format!("reply to {at}"));
    }
    new.put_ok(of_lines, "reply to new");
    new.flush().await;
    old.ok(last, "reply on the old").await;
    for (at, (client, own)) in clients.iter_mut().enumerate() {
        let expected = if behind.contains(&at) { format!("reply to {at}") } else { "reply on the old".to_owned() };
        assert_eq!(client.message(*own).await.body, expected);
    }
    assert_eq!(lines.message().await.body, "reply to new");
    old.closed().await;
}

#[tokio::test]
async fn behind_a_goaway_that_leaves_nobody_behind_only_new_requests_go_elsewhere() {
    let stage = reference().await;
    let (mut clients, mut old, streams) = asked(&stage, &["/a"]).await;
    old.go_away(u32::MAX >> 1).await;
    old.settled().await;
    let mut b = stage.get("/b").await;
    let mut new = stage.framed_upstream().await;
    let (stream, _) = new.request().await;
    new.ok(stream, "b").await;
    assert_eq!(b.message().await.body, "b");
    old.ok(streams[0], "a").await;
    let (a, own) = &mut clients[0];
    assert_eq!(a.message(*own).await.body, "a");
}

#[tokio::test]
async fn a_connection_that_breaks_is_replaced_and_what_may_be_repeated_is_asked_again() {
    let stage = reference().await;
    let (mut clients, mut upstream, streams) = asked(&stage, &["/first"]).await;
    upstream.ok(streams[0], "first").await;
    let (first, own) = &mut clients[0];
    assert_eq!(first.message(*own).await.body, "first");
    // The connection has carried something: it may have been closed while it was idle.
    let mut get = stage.get("/get").await;
    upstream.request().await;
    let mut post = stage.ask("POST /post HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\na").await;
    upstream.request().await;
    drop(upstream);
    assert_eq!(post.message().await.status(), 502);
    let mut upstream = stage.framed_upstream().await;
    let (stream, head) = upstream.request().await;
    assert!(head.starts_with("GET /get "), "{head}");
    upstream.ok(stream, "own").await;
    assert_eq!(get.message().await.body, "own");
    // Idle connections are replaced without anybody noticing.
    drop(upstream);
    let mut next = stage.get("/next").await;
    let mut upstream = stage.framed_upstream().await;
    let (stream, _) = upstream.request().await;
    upstream.ok(stream, "next").await;
    assert_eq!(next.message().await.body, "next");
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused_alone_and_its_fields_are_read_all_the_same() {
    let stage = reference().await;
    let (mut clients, mut upstream, streams) = asked(&stage, &["/large", "/small"]).await;
    let large = "x".repeat(70_000);
    upstream.put_reply(streams[0], 200, &[("x-shared", "entered by the large one"), ("x-large", &large)], true);
    upstream.put_reply(streams[1], 200, &[("x-shared", "entered by the large one")], false);
    upstream.put_data(streams[1], "own", true);
    upstream.flush().await;
    let (refused, own) = &mut clients[0];
    assert_eq!(refused.message(*own).await.status(), 502);
    let (client, own) = &mut clients[1];
    let reply = client.message(*own).await;
    assert!(reply.has("x-shared: entered by the large one") && reply.body == "own", "{reply:?}");
}

#[tokio::test]
async fn a_request_whose_head_is_too_large_is_refused_alone() {
    let stage = reference().await;
    let mut client = stage.framed_client().await;
    let large = client.put_request("GET", "/large", &[("x-large", &"x".repeat(70_000))], true);
    let small = client.put_request("GET", "/small", &[], true);
    client.flush().await;
    assert!(client.head(large).await.starts_with("HTTP/2 431\r\n"));
    let mut upstream = stage.framed_upstream().await;
    let (stream, _) = upstream.request().await;
    upstream.ok(stream, "own").await;
    assert_eq!(client.message(small).await.body, "own");
}

#[tokio::test]
async fn a_client_that_takes_nothing_holds_its_own_reply_up_and_nobody_elses() {
    let stage = reference().await;
    let (mut clients, mut upstream, streams) = asked(&stage, &["/slow", "/quick"]).await;
    clients[0].0.takes = false;
    upstream.put_reply(streams[0], 200, &[], false);
    upstream.flush().await;
    // The slow one's window is used up, and then the origin waits for it.
    let body = "x".repeat(1 << 20);
    let waits = tokio::select! {
        biased;
        () = upstream.pour(streams[0], &body, true) => false,
        () = async {
            let (slow, own) = &mut clients[0];
            let mut taken = 0;
            while taken < 65_535 {
                match slow.of(*own).await {
                    Heard::Data { bytes, .. } => taken += bytes.len(),
                    Heard::Head { .. } => {}
                    other => panic!("{other:?}"),
                }
            }
        } => true,
    };
    assert!(waits);
    upstream.ok(streams[1], "own").await;
    let (quick, own) = &mut clients[1];
    assert_eq!(quick.message(*own).await.body, "own");
    // Room for the rest, and it comes.
    let (slow, own) = &mut clients[0];
    assert!(slow.settled().await.is_empty());
    slow.takes = true;
    frame::window_update(&mut slow.out, StreamId(0), 1 << 20);
    frame::window_update(&mut slow.out, StreamId(*own), 1 << 20);
    slow.flush().await;
    assert!(matches!(slow.of(*own).await, Heard::Data { .. }));
}

#[tokio::test]
async fn a_reset_by_the_client_resets_the_stream_at_the_origin_and_the_connections_go_on() {
    let stage = reference().await;
    let mut client = stage.framed_client().await;
    let (gone, stays) = (client.get("/gone").await, client.get("/stays").await);
    let (mut upstream, streams) = arrived(stage.framed_upstream().await, &["/gone", "/stays"]).await;
    client.reset(gone, ErrorCode::CANCEL).await;
    assert_eq!(upstream.reset_of(streams[0]).await, ErrorCode::CANCEL);
    // Its late reply was under way.
    upstream.put_ok(streams[0], "late");
    upstream.put_ok(streams[1], "own");
    upstream.flush().await;
    assert_eq!(client.message(stays).await.body, "own");
    assert_eq!(client.settled().await, []);
}

#[tokio::test]
async fn a_client_whose_connection_ends_takes_all_its_exchanges_with_it() {
    for h2 in [false, true] {
        let stage = Stage::new(if h2 { Decisions::reference().with_h2_up() } else { Decisions::reference() }).await;
        let mut client = stage.framed_client().await;
        client.get("/a").await;
        if h2 {
            let mut upstream = stage.framed_upstream().await;
            let (stream, _) = upstream.request().await;
            drop(client);
            assert_eq!(upstream.reset_of(stream).await, ErrorCode::CANCEL);
        } else {
            let mut upstream = stage.upstream().await;
            upstream.head().await;
            drop(client);
            upstream.closed().await;
        }
    }
}

#[tokio::test]
async fn behind_an_early_reply_the_rest_of_the_request_is_not_wanted() {
    for h2 in [false, true] {
        let stage = Stage::new(if h2 { Decisions::reference().with_h2_up() } else { Decisions::reference() }).await;
        let mut client = stage.framed_client().await;
        let own = client.put_request("POST", "/", &[("content-length", "900")], false);
        client.flush().await;
        if h2 {
            let mut upstream = stage.framed_upstream().await;
            let (stream, _) = upstream.request().await;
            upstream.put_reply(stream, 413, &[], false);
            upstream.put_data(stream, "no", true);
            upstream.flush().await;
            let reply = client.message(own).await;
            assert_eq!((reply.status(), reply.body.as_str()), (413, "no"));
            assert_eq!(upstream.reset_of(stream).await, ErrorCode::CANCEL);
        } else {
            let mut upstream = stage.upstream().await;
            upstream.head().await;
            upstream.send("HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\nno").await;
            let reply = client.message(own).await;
            assert_eq!((reply.status(), reply.body.as_str()), (413, "no"));
            upstream.closed().await;
        }
        assert_eq!(client.reset_of(own).await, ErrorCode::NO_ERROR);
    }
}

#[tokio::test]
async fn a_body_of_another_length_than_declared_ends_both_sides() {
    for h2 in [false, true] {
        for body in ["short", "a body that is too long"] {
            let stage = Stage::new(if h2 { Decisions::reference().with_h2_up() } else { Decisions::reference() }).await;
            let mut client = stage.framed_client().await;
            let own = client.put_request("POST", "/", &[("content-length", "9")], false);
            client.flush().await;
            if h2 {
                let mut upstream = stage.framed_upstream().await;
                let (stream, _) = upstream.request().await;
                client.put_data(own, body, true);
                client.flush().await;
                assert_eq!(upstream.reset_of(stream).await, ErrorCode::CANCEL);
            } else {
                let mut upstream = stage.upstream().await;
                upstream.head().await;
                client.put_data(own, body, true);
                client.flush().await;
                upstream.rest().await;
            }
            assert_eq!(client.reset_of(own).await, ErrorCode::PROTOCOL_ERROR);
        }
    }
}

#[tokio::test]
async fn each_request_names_its_own_authority_and_whoever_asks() {
    let stage = reference().await;
    let mut client = stage.framed_client().await;
    for (authority, credential) in [("a.example", "a"), ("b.example", "b")] {
        client.put_request("GET", "/", &[(":authority", authority), ("authorization", credential)], true);
    }
    client.flush().await;
    let mut upstream = stage.framed_upstream().await;
    for (authority, credential) in [("a.example", "a"), ("b.example", "b")] {
        let (_, head) = upstream.request().await;
        assert!(
            head.contains(&format!("host: {authority}\r\n"))
                && head.contains(&format!("authorization: {credential}\r\n"))
        );
    }
}

#[tokio::test]
async fn a_host_that_contradicts_the_authority_is_refused_and_one_alone_is_taken() {
    let stage = reference().await;
    let mut client = stage.framed_client().await;
    let both = client.put_request("GET", "/", &[("host", "other")], true);
    client.flush().await;
    assert_eq!(client.message(both).await.status(), 400);
    client.put_fields(
        3,
        &[(":method", "GET"), (":scheme", "http"), (":path", "/"), ("host", "alone")],
        Style::USUAL,
        true,
    );
    client.put_fields(5, &[(":method", "GET"), (":scheme", "http"), (":path", "/")], Style::USUAL, true);
    client.flush().await;
    assert_eq!(client.message(5).await.status(), 400);
    let mut upstream = stage.framed_upstream().await;
    assert!(upstream.request().await.1.contains("host: alone\r\n"));
}

#[tokio::test]
async fn a_cookie_in_crumbs_is_put_together() {
    let stage = Stage::new(Decisions::reference()).await;
    let mut client = stage.framed_client().await;
    client.put_request("GET", "/", &[("cookie", "a=1"), ("x-between", "1"), ("cookie", "b=2")], true);
    client.flush().await;
    assert!(stage.upstream().await.head().await.contains("\r\ncookie: a=1; b=2\r\n"));
}

#[tokio::test]
async fn the_origin_says_how_many_streams_it_takes_at_once() {
    let stage = reference().await;
    let mut a = stage.get("/a").await;
    let mut upstream = stage.framed_upstream_with(&[SettingId::MAX_CONCURRENT_STREAMS.of(1)]).await;
    let (first, _) = upstream.request().await;
    // The gateway has read the settings when it has answered this.
    upstream.settled().await;
    let mut b = stage.get("/b").await;
    upstream.ok(first, "a").await;
    assert_eq!(a.message().await.body, "a");
    let (second, head) = upstream.request().await;
    assert!(head.starts_with("GET /b "));
    upstream.ok(second, "b").await;
    assert_eq!(b.message().await.body, "b");
}

#[tokio::test]
async fn frames_of_a_stream_that_has_ended_reach_nobody() {
    for head_again in [true, false] {
        let stage = reference().await;
        let (mut clients, mut upstream, streams) = asked(&stage, &["/a", "/b"]).await;
        upstream.ok(streams[0], "a").await;
        let (a, own) = &mut clients[0];
        assert_eq!(a.message(*own).await.body, "a");
        match head_again {
            true => upstream.put_ok(streams[0], "late"),
            false => upstream.put_data(streams[0], "late", true),
        }
        upstream.put_ok(streams[1], "own");
        upstream.flush().await;
        let (b, own) = &mut clients[1];
        let reply = b.message(*own).await;
        // RFC 9113 §5.1 lets the whole connection be closed for it.
        assert!(reply.body == "own" || reply.status() == 502, "{reply:?}");
        assert_eq!(clients[0].0.settled().await, []);
    }
}

#[tokio::test]
async fn an_idle_client_is_told_to_go() {
    let stage = Stage::new(Decisions { client_idle: Duration::from_millis(50), ..Decisions::reference() }).await;
    let mut client = stage.framed_client().await;
    assert_eq!(client.gone_away().await.1, ErrorCode::NO_ERROR);
    client.closed().await;
}

#[tokio::test]
async fn a_block_in_many_frames_is_one_head() {
    let stage = reference().await;
    let (mut clients, mut upstream, streams) = asked(&stage, &["/a"]).await;
    let mut block = Vec::new();
    upstream.encoder.begin(&mut block);
    for (name, value) in [(":status", "200"), ("x-own", "in pieces")] {
        upstream.encoder.encode(&mut block, name.as_bytes(), value.as_bytes(), Style::USUAL);
    }
    frame::headers(&mut upstream.out, StreamId(streams[0]), &block, true, 4);
    assert!(upstream.out.len() < PAYLOAD_BYTES_DEFAULT as usize);
    upstream.flush().await;
    let (client, own) = &mut clients[0];
    assert!(client.message(*own).await.has("x-own: in pieces"));
}
