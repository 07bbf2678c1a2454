//! Mutants on the connection that all clients share, or on a client's: each shows its defect in the smallest scene there is,
//! and the reference does not in the same scene.

use std::collections::BTreeMap;

use http2::frame;
use http2::hpack::{Indexing, Style};
use http2::{ErrorCode, SettingId, StreamId};

use super::framed::{Framed, Heard};
use super::shared::asked;
use super::stage::{Stage, ok};
use crate::decisions::Decisions;
use crate::mutants::mutant;

fn decisions_of(name: &str) -> Decisions {
    (mutant(name).expect("the index lists it").decisions)()
}

fn reference() -> Decisions {
    Decisions::reference().with_h2_up()
}

const OWN: [&str; 2] = ["reply to a", "reply to b"];
const SWAPPED: [&str; 2] = ["reply to b", "reply to a"];

/// What two clients receive, who have asked for `/a` and `/b`.
async fn received(clients: &mut [(Framed, u32)]) -> [String; 2] {
    let [(a, of_a), (b, of_b)] = clients else { panic!("two clients") };
    [a.message(*of_a).await.body, b.message(*of_b).await.body]
}

/// Two clients ask at the same time, and the origin answers in this order.
async fn two(decisions: Decisions, order: [usize; 2]) -> [String; 2] {
    let stage = Stage::new(decisions).await;
    let (mut clients, mut upstream, streams) = asked(&stage, &["/a", "/b"]).await;
    for at in order {
        upstream.ok(streams[at], OWN[at]).await;
    }
    received(&mut clients).await
}

/// Two clients ask one after the other.
async fn in_turn(decisions: Decisions) -> [String; 2] {
    let stage = Stage::new(decisions).await;
    let (mut clients, mut upstream, streams) = asked(&stage, &["/a"]).await;
    let (a, own) = &mut clients[0];
    upstream.ok(streams[0], OWN[0]).await;
    let first = a.message(*own).await.body;
    let mut b = stage.framed_client().await;
    let own = b.get("/b").await;
    let (stream, _) = upstream.request().await;
    upstream.ok(stream, OWN[1]).await;
    [first, b.message(own).await.body]
}

#[tokio::test]
async fn stream_map_off_by_one_swaps_two_that_are_open_together() {
    let mutant = decisions_of("stream-map-off-by-one");
    for order in [[0, 1], [1, 0]] {
        assert_eq!(two(mutant, order).await, SWAPPED);
        assert_eq!(two(reference(), order).await, OWN);
    }
    assert_eq!(in_turn(mutant).await, OWN);
}

#[tokio::test]
async fn replies_in_order_of_streams_go_to_whoever_asked_first() {
    let mutant = decisions_of("replies-in-order-of-streams");
    for decisions in [mutant, reference()] {
        let stage = Stage::new(decisions).await;
        let (mut clients, mut upstream, streams) = asked(&stage, &["/a", "/b"]).await;
        // The later of the two streams first, whosever it is.
        let last = if streams[0] < streams[1] { 1 } else { 0 };
        for at in [last, 1 - last] {
            upstream.ok(streams[at], OWN[at]).await;
        }
        let expected = if decisions.bends_up.is_some() { SWAPPED } else { OWN };
        assert_eq!(received(&mut clients).await, expected);
    }
    assert_eq!(in_turn(mutant).await, OWN);
}

#[tokio::test]
async fn client_streams_off_by_one_swaps_two_of_one_client() {
    async fn two(decisions: Decisions, clients: usize) -> [String; 2] {
        let stage = Stage::new(decisions).await;
        let mut all = vec![stage.framed_client().await];
        let a = all[0].get("/a").await;
        let mut for_a = stage.upstream().await;
        for_a.head().await;
        if clients > 1 {
            all.push(stage.framed_client().await);
        }
        let last = all.len() - 1;
        let b = all[last].get("/b").await;
        let mut for_b = stage.upstream().await;
        for_b.head().await;
        for_b.send(&ok(OWN[1])).await;
        for_a.send(&ok(OWN[0])).await;
        let second = all[last].message(b).await.body;
        [all[0].message(a).await.body, second]
    }
    let mutant = decisions_of("client-streams-off-by-one");
    assert_eq!(two(mutant, 1).await, SWAPPED);
    assert_eq!(two(mutant, 2).await, OWN);
    assert_eq!(two(Decisions::reference(), 1).await, OWN);
}

/// A client asks, and resets its stream; another asks; the origin answers the first, before the other has asked or after,
/// and then the other. Says what the other received.
async fn behind_a_reset(decisions: Decisions, before: bool) -> String {
    let stage = Stage::new(decisions).await;
    let (mut clients, mut upstream, streams) = asked(&stage, &["/a"]).await;
    let (a, own) = &mut clients[0];
    a.reset(*own, ErrorCode::CANCEL).await;
    a.settled().await;
    if before {
        upstream.ok(streams[0], OWN[0]).await;
        upstream.settled().await;
    }
    let mut b = stage.framed_client().await;
    let own = b.get("/b").await;
    let (stream, _) = upstream.request().await;
    if !before {
        upstream.put_ok(streams[0], OWN[0]);
    }
    upstream.ok(stream, OWN[1]).await;
    b.message(own).await.body
}

#[tokio::test]
async fn reset_stream_place_reused_gives_the_late_reply_to_the_next_request() {
    for before in [false, true] {
        assert_eq!(behind_a_reset(decisions_of("reset-stream-place-reused"), before).await, OWN[0]);
        assert_eq!(behind_a_reset(reference(), before).await, OWN[1]);
    }
    assert_eq!(two(decisions_of("reset-stream-place-reused"), [1, 0]).await, OWN);
}

#[tokio::test]
async fn interim_ends_stream_gives_the_final_reply_to_another() {
    async fn hinted(decisions: Decisions) -> [String; 2] {
        let stage = Stage::new(decisions).await;
        let (mut clients, mut upstream, streams) = asked(&stage, &["/a", "/b"]).await;
        upstream.put_reply(streams[0], 103, &[("x-hint", "a")], false);
        upstream.flush().await;
        let (a, own) = &mut clients[0];
        assert!(a.head(*own).await.starts_with("HTTP/2 103\r\n"));
        upstream.put_ok(streams[0], OWN[0]);
        upstream.ok(streams[1], OWN[1]).await;
        received(&mut clients).await
    }
    assert_eq!(hinted(decisions_of("interim-ends-stream")).await, SWAPPED);
    assert_eq!(hinted(reference()).await, OWN);
    assert_eq!(two(decisions_of("interim-ends-stream"), [1, 0]).await, OWN);
}

#[tokio::test]
async fn early_reply_finds_no_stream_and_goes_to_another() {
    /// A sends a body to its end or not, and is answered before B is.
    async fn early(decisions: Decisions, whole: bool) -> [String; 2] {
        let stage = Stage::new(decisions).await;
        let mut a = stage.framed_client().await;
        let of_a = a.put_request("POST", "/a", &[], false);
        a.put_data(of_a, "piece", whole);
        a.flush().await;
        let mut upstream = stage.framed_upstream().await;
        let (for_a, _) = upstream.request().await;
        while !matches!(upstream.of(for_a).await, Heard::Data { ends, .. } if ends || !whole) {}
        let mut b = stage.framed_client().await;
        let of_b = b.get("/b").await;
        let (for_b, _) = upstream.request().await;
        upstream.put_ok(for_a, OWN[0]);
        upstream.ok(for_b, OWN[1]).await;
        received(&mut [(a, of_a), (b, of_b)]).await
    }
    let mutant = decisions_of("early-reply-finds-no-stream");
    assert_eq!(early(mutant, false).await, SWAPPED);
    assert_eq!(early(mutant, true).await, OWN);
    assert_eq!(early(reference(), false).await, OWN);
}

#[tokio::test]
async fn refused_stream_retried_in_anothers_place_swaps_it_with_one_that_waits() {
    async fn refused(decisions: Decisions, code: ErrorCode) -> [String; 2] {
        let stage = Stage::new(decisions).await;
        let (mut clients, mut upstream, streams) = asked(&stage, &["/a", "/b"]).await;
        upstream.reset(streams[0], code).await;
        if code == ErrorCode::REFUSED_STREAM {
            let (again, head) = upstream.request().await;
            assert!(head.starts_with("GET /a "), "{head}");
            upstream.put_ok(again, OWN[0]);
        }
        upstream.ok(streams[1], OWN[1]).await;
        received(&mut clients).await
    }
    let mutant = decisions_of("refused-stream-retried-in-anothers-place");
    assert_eq!(refused(mutant, ErrorCode::REFUSED_STREAM).await, SWAPPED);
    assert_eq!(refused(mutant, ErrorCode::CANCEL).await, ["", OWN[1]]);
    assert_eq!(refused(reference(), ErrorCode::REFUSED_STREAM).await, OWN);
}

#[tokio::test]
async fn request_left_behind_in_anothers_place_swaps_it_with_one_that_waits() {
    async fn left_behind(decisions: Decisions) -> [String; 2] {
        let stage = Stage::new(decisions).await;
        let (mut clients, mut old, _) = asked(&stage, &["/a"]).await;
        old.go_away(0).await;
        let mut new = stage.framed_upstream().await;
        let (for_a, _) = new.request().await;
        let mut b = stage.framed_client().await;
        let own = b.get("/b").await;
        clients.push((b, own));
        let (for_b, _) = new.request().await;
        new.put_ok(for_a, OWN[0]);
        new.ok(for_b, OWN[1]).await;
        received(&mut clients).await
    }
    assert_eq!(left_behind(decisions_of("request-left-behind-in-anothers-place")).await, SWAPPED);
    assert_eq!(left_behind(reference()).await, OWN);
    assert_eq!(two(decisions_of("request-left-behind-in-anothers-place"), [1, 0]).await, OWN);
}

#[tokio::test]
async fn late_frames_taken_for_reply_answer_whoever_waits() {
    async fn late(decisions: Decisions) -> (u16, String) {
        let stage = Stage::new(decisions).await;
        let (mut clients, mut upstream, streams) = asked(&stage, &["/a", "/b"]).await;
        upstream.ok(streams[0], OWN[0]).await;
        let (a, own) = &mut clients[0];
        assert_eq!(a.message(*own).await.body, OWN[0]);
        upstream.put_ok(streams[0], "late");
        upstream.ok(streams[1], OWN[1]).await;
        let (b, own) = &mut clients[1];
        let reply = b.message(*own).await;
        (reply.status(), reply.body)
    }
    assert_eq!(late(decisions_of("late-frames-taken-for-reply")).await, (200, "late".to_owned()));
    let (status, body) = late(reference()).await;
    // RFC 9113 §5.1 lets the whole connection be closed for it.
    assert!(body == OWN[1] || (status, body.as_str()) == (502, ""), "{status} {body}");
    assert_eq!(two(decisions_of("late-frames-taken-for-reply"), [1, 0]).await, OWN);
}

#[tokio::test]
async fn data_buffer_shared_by_streams_mixes_bodies_whose_frames_alternate() {
    async fn bodies(decisions: Decisions, alternate: bool) -> [String; 2] {
        let stage = Stage::new(decisions).await;
        let (mut clients, mut upstream, streams) = asked(&stage, &["/a", "/b"]).await;
        streams.iter().for_each(|&stream| upstream.put_reply(stream, 200, &[("content-length", "6")], false));
        let order = if alternate { [0, 1, 0, 1] } else { [0, 0, 1, 1] };
        let mut sent = [0; 2];
        for at in order {
            sent[at] += 1;
            upstream.put_data(streams[at], ["aaa", "bbb"][at], sent[at] == 2);
        }
        upstream.flush().await;
        received(&mut clients).await
    }
    let mutant = decisions_of("data-buffer-shared-by-streams");
    assert_eq!(bodies(mutant, true).await, ["aaabbb", "aaabbb"]);
    assert_eq!(bodies(mutant, false).await, ["aaaaaa", "bbbbbb"]);
    assert_eq!(bodies(reference(), true).await, ["aaaaaa", "bbbbbb"]);
}

const LITERAL: Style = Style { indexing: Indexing::Without, huffman: false };

/// Three replies on one connection; the second has this many bytes of another field. Says what the third client saw of a
/// field that the reply before has entered into the table, or the one before that.
async fn third_head(decisions: Decisions, large: usize, names: &str) -> String {
    let stage = Stage::new(decisions).await;
    let (mut clients, mut upstream, streams) = asked(&stage, &["/one", "/two", "/three"]).await;
    let large = "x".repeat(large);
    for (at, field) in ["one", "two"].iter().enumerate() {
        let mut block = Vec::new();
        upstream.encoder.encode(&mut block, b":status", b"200", Style::USUAL);
        upstream.encoder.encode(&mut block, b"x-account", field.as_bytes(), Style::USUAL);
        if at == 1 {
            upstream.encoder.encode(&mut block, b"x-large", large.as_bytes(), LITERAL);
        }
        frame::headers(&mut upstream.out, StreamId(streams[at]), &block, true, 16_384);
        upstream.flush().await;
        let (client, own) = &mut clients[at];
        client.message(*own).await;
    }
    upstream.put_reply(streams[2], 200, &[("x-account", names)], true);
    upstream.flush().await;
    let (client, own) = &mut clients[2];
    let head = client.message(*own).await.head;
    head.lines().find_map(|line| line.strip_prefix("x-account: ")).unwrap_or_default().to_owned()
}

#[tokio::test]
async fn large_block_skipped_or_decoded_twice_has_later_heads_say_what_others_say() {
    let (skipped, twice) = (decisions_of("large-block-skipped"), decisions_of("large-block-decoded-twice"));
    assert_eq!(third_head(skipped, 40_000, "two").await, "one");
    assert_eq!(third_head(twice, 40_000, "one").await, "two");
    for names in ["one", "two"] {
        assert_eq!(third_head(reference(), 40_000, names).await, names);
        for mutant in [skipped, twice] {
            assert_eq!(third_head(mutant, 400, names).await, names);
        }
    }
}

/// Two requests, one after the other, with different hosts and credentials: the second as the origin saw it.
async fn second_of_two_hosts(decisions: Decisions) -> String {
    let stage = Stage::new(decisions).await;
    let mut upstream = None;
    let mut head = String::new();
    for tenant in ["a", "b"] {
        let mut client = stage.framed_client().await;
        let host = format!("{tenant}.example");
        let own = client.put_request("GET", "/", &[(":authority", &host), ("authorization", tenant)], true);
        client.flush().await;
        let mut origin = match upstream.take() {
            Some(origin) => origin,
            None => stage.framed_upstream().await,
        };
        let (stream, seen) = origin.request().await;
        origin.ok(stream, "").await;
        client.message(own).await;
        (head, upstream) = (seen, Some(origin));
    }
    head
}

#[tokio::test]
async fn shared_connection_keeps_authority_or_identity_of_whoever_opened_it() {
    for (name, host, credential) in [
        ("shared-connection-keeps-authority", "a.example", "b"),
        ("shared-connection-keeps-identity", "b.example", "a"),
    ] {
        let head = second_of_two_hosts(decisions_of(name)).await;
        assert!(head.contains(&format!("\r\nhost: {host}\r\n")), "{name}: {head}");
        assert!(head.contains(&format!("\r\nauthorization: {credential}\r\n")), "{name}: {head}");
    }
    let head = second_of_two_hosts(reference()).await;
    assert!(head.contains("\r\nhost: b.example\r\n") && head.contains("\r\nauthorization: b\r\n"), "{head}");
}

#[tokio::test]
async fn queued_fields_shared_sends_those_who_wait_with_the_fields_of_the_last() {
    /// How each of three requests named itself, when the origin takes so many at once.
    async fn named(decisions: Decisions, streams_max: u32) -> BTreeMap<String, String> {
        let stage = Stage::new(decisions).await;
        let mut clients = vec![stage.framed_client().await];
        let first = clients[0].get("/first").await;
        let mut upstream = stage.framed_upstream_with(&[SettingId::MAX_CONCURRENT_STREAMS.of(streams_max)]).await;
        let (mut open, _) = upstream.request().await;
        // The gateway has read the settings when it has answered this.
        upstream.settled().await;
        for name in ["/a", "/b"] {
            let mut client = stage.framed_client().await;
            client.put_request("GET", name, &[("authorization", name)], true);
            client.flush().await;
            // Its request has come when the gateway answers this.
            client.settled().await;
            clients.push(client);
        }
        let mut named = BTreeMap::new();
        for _ in 0..2 {
            upstream.ok(open, "").await;
            let (stream, head) = upstream.request().await;
            let path = head.split(' ').nth(1).unwrap().to_owned();
            let name = head.lines().find_map(|line| line.strip_prefix("authorization: ")).unwrap().to_owned();
            named.insert(path, name);
            open = stream;
        }
        clients[0].message(first).await;
        named
    }
    let own = BTreeMap::from([("/a".to_owned(), "/a".to_owned()), ("/b".to_owned(), "/b".to_owned())]);
    let mixed = named(decisions_of("queued-fields-shared"), 1).await;
    assert!(mixed["/a"] == mixed["/b"], "{mixed:?}");
    assert_eq!(named(decisions_of("queued-fields-shared"), 100).await, own);
    assert_eq!(named(reference(), 1).await, own);
}

#[tokio::test]
async fn stalled_reply_buffer_shared_goes_on_with_what_stalled_last() {
    /// The bodies of two replies whose clients take nothing at first; or of which only the second stalls.
    async fn bodies(decisions: Decisions, both: bool) -> [String; 2] {
        let stage = Stage::new(decisions).await;
        let (mut clients, mut upstream, streams) = asked(&stage, &["/a", "/b"]).await;
        let length = 65_535 + 100;
        let mut bodies = [String::new(), String::new()];
        for at in [0, 1] {
            let (client, own) = &mut clients[at];
            client.takes = at == 0 && !both;
            upstream.put_reply(streams[at], 200, &[], false);
            upstream.pour(streams[at], &["a", "b"][at].repeat(length), true).await;
            while bodies[at].len() < if client.takes { length } else { 65_535 } {
                if let Heard::Data { bytes, .. } = client.of(*own).await {
                    bodies[at] += &bytes;
                }
            }
            // What is left has come to the gateway, and has been put down somewhere.
            upstream.settled().await;
            client.settled().await;
        }
        for (at, (client, own)) in clients.iter_mut().enumerate() {
            if bodies[at].len() < length {
                frame::window_update(&mut client.out, StreamId(0), 1000);
                frame::window_update(&mut client.out, StreamId(*own), 1000);
                client.flush().await;
            }
            while bodies[at].len() < length {
                match client.of(*own).await {
                    Heard::Data { bytes, .. } => bodies[at] += &bytes,
                    other => panic!("{other:?}"),
                }
            }
        }
        bodies
    }
    let tails = |bodies: [String; 2]| bodies.map(|body| body[body.len() - 100..].to_owned());
    let own = ["a".repeat(100), "b".repeat(100)];
    let mutant = decisions_of("stalled-reply-buffer-shared");
    assert_ne!(tails(bodies(mutant, true).await), own);
    assert_eq!(tails(bodies(mutant, false).await), own);
    assert_eq!(tails(bodies(reference(), true).await), own);
}

#[tokio::test]
async fn stalled_request_buffer_shared_goes_on_with_what_stalled_last() {
    async fn bodies(decisions: Decisions, window: u32) -> [String; 2] {
        let stage = Stage::new(decisions).await;
        let mut clients = Vec::new();
        let mut upstream = None;
        let mut streams = [0; 2];
        for (at, letter) in ["a", "b"].into_iter().enumerate() {
            let mut client = stage.framed_client().await;
            let own = client.put_request("POST", "/", &[("content-length", "20")], false);
            client.flush().await;
            let origin = match &mut upstream {
                Some(origin) => origin,
                None => {
                    let settings = [SettingId::INITIAL_WINDOW_SIZE.of(window)];
                    upstream.insert(stage.framed_upstream_with(&settings).await)
                }
            };
            origin.takes = false;
            streams[at] = origin.request().await.0;
            if at == 0 {
                // The gateway has read the settings when it has answered this.
                origin.settled().await;
            }
            client.put_data(own, &letter.repeat(20), true);
            client.flush().await;
            clients.push(client);
        }
        let mut upstream = upstream.unwrap();
        let mut bodies = [String::new(), String::new()];
        // What there is a window for, then the rest.
        for length in [window.min(20) as usize, 20] {
            for at in [0, 1] {
                while bodies[at].len() < length {
                    match upstream.of(streams[at]).await {
                        Heard::Data { bytes, .. } => bodies[at] += &bytes,
                        other => panic!("{other:?}"),
                    }
                }
                frame::window_update(&mut upstream.out, StreamId(streams[at]), 20);
            }
            upstream.flush().await;
        }
        bodies
    }
    let own = ["a".repeat(20), "b".repeat(20)];
    let mutant = decisions_of("stalled-request-buffer-shared");
    assert_ne!(bodies(mutant, 10).await, own);
    assert_eq!(bodies(mutant, 100).await, own);
    assert_eq!(bodies(reference(), 10).await, own);
}

#[tokio::test]
async fn trailers_left_over_end_the_next_message_that_has_none() {
    /// Two exchanges with bodies, of which the first ends with trailers on its way up and down: the second, both ways.
    async fn second(decisions: Decisions, own: bool) -> [String; 2] {
        let stage = Stage::new(decisions).await;
        let mut client = stage.framed_client().await;
        let mut upstream = None;
        let mut bodies = [String::new(), String::new()];
        for trailers in [Some("first"), own.then_some("own")] {
            let stream = client.put_request("POST", "/", &[], false);
            finish(&mut client, stream, trailers).await;
            let origin = match &mut upstream {
                Some(origin) => origin,
                None => upstream.insert(stage.framed_upstream().await),
            };
            let (of_origin, seen) = origin.whole_request().await;
            origin.put_reply(of_origin, 200, &[], false);
            finish(origin, of_origin, trailers).await;
            bodies = [seen.body, client.message(stream).await.body];
        }
        bodies
    }
    async fn finish(end: &mut Framed, stream: u32, trailers: Option<&str>) {
        end.put_data(stream, "body", trailers.is_none());
        if let Some(value) = trailers {
            end.put_fields(stream, &[("x-end", value)], Style::USUAL, true);
        }
        end.flush().await;
    }
    let (bare, left_over) = ("body", "body[x-end: first]");
    assert_eq!(second(decisions_of("request-trailers-left-over"), false).await, [left_over, bare]);
    assert_eq!(second(decisions_of("reply-trailers-left-over"), false).await, [bare, left_over]);
    assert_eq!(second(reference(), false).await, [bare, bare]);
    for name in ["request-trailers-left-over", "reply-trailers-left-over"] {
        assert_eq!(second(decisions_of(name), true).await, ["body[x-end: own]"; 2]);
    }
}
