//! Requests in frames: whose they are, their bodies and trailers, the room that is made for them, and what is none.

use http2::{ErrorCode, StreamId, frame};
use vocabulary::canary::{Encoding, Site, StripedBody};
use vocabulary::directive::{FaultKind, Hold, OriginAct};
use vocabulary::history::{Performed, Place};
use vocabulary::identity::ExchangeId;
use vocabulary::plan::{Event, EventKind};

use super::peer::{Got, Peer};
use crate::stage::{Stage, final_with, ok, request_claim};

const LINE: [(&str, &str); 4] =
    [(":method", "POST"), (":scheme", "http"), (":authority", "origin"), (":path", "/chat")];

/// Sends fields as a request: its stream.
async fn ask(peer: &mut Peer, fields: &[(&str, &str)], ends: bool) -> u32 {
    let (id, block, mut out) = (peer.take_id(), peer.block(fields), Vec::new());
    frame::headers(&mut out, StreamId(id), &block, ends, 1000);
    peer.send(&out).await;
    id
}

#[tokio::test]
async fn requests_are_numbered_in_the_order_of_their_arrival_on_all_streams() {
    let stage = Stage::with(vec![OriginAct::Hold(Hold::Bait), ok(64)]);
    let mut peer = Peer::connect(&stage).await;
    let streams = [peer.get(1).await, peer.get(2).await, peer.get(3).await];
    for (exchange, id) in (1..).zip(streams) {
        assert_eq!(peer.reply(id).await.owner, Some((exchange, 1)));
        let seen = &stage.seen(exchange, 1).await[0];
        assert_eq!((seen.ordinal.0, seen.stream.unwrap().0), (exchange, id));
        assert_eq!(stage.replied(exchange, 1).await.ordinal, seen.ordinal);
    }
}

#[tokio::test]
async fn a_request_without_any_canary_is_nobodys() {
    let stage = Stage::new();
    let mut peer = Peer::connect(&stage).await;
    for ends in [true, false] {
        let id = ask(&mut peer, &LINE, ends).await;
        if !ends {
            peer.data(id, b"hello", true).await;
        }
        let reply = peer.reply(id).await;
        assert_eq!((reply.body.as_slice(), reply.owner), (b"ok\n".as_slice(), None));
        assert!(!reply.heads[0].contains("x-crosswire"));
    }
    let seen = stage.seen(0, 2).await;
    assert_eq!(seen[0].head, "POST /chat HTTP/2\nhost: origin\n\n");
}

#[tokio::test]
async fn a_request_is_known_by_its_body_alone() {
    let stage = Stage::with(vec![ok(64)]);
    let mut peer = Peer::connect(&stage).await;
    let body = format!("{{\"input\":\"{} {}\"}}", stage.canary(3, Site::Body), stage.canary(1, Site::Body));
    let id = ask(&mut peer, &LINE, false).await;
    peer.data(id, &body.as_bytes()[..60], false).await;
    peer.data(id, &body.as_bytes()[60..], true).await;
    assert_eq!(peer.reply(id).await.owner, Some((3, 1)), "the newest exchange of a conversation is the present one");
    let seen = &stage.seen(3, 1).await[0];
    assert_eq!(seen.canaries.iter().map(|found| found.place).collect::<Vec<_>>(), [Place::Body; 2]);
}

#[tokio::test]
async fn a_sender_that_waits_for_a_100_gets_one_even_when_only_its_body_says_who_it_is() {
    let stage = Stage::with(vec![ok(64)]);
    for site in [Site::Body, Site::Header] {
        let mut peer = Peer::connect(&stage).await;
        let canary = stage.canary(1, site);
        let mut fields = LINE.to_vec();
        fields.push(("expect", "100-continue"));
        if site == Site::Header {
            fields.push(("x-crosswire", &canary));
        }
        let id = ask(&mut peer, &fields, false).await;
        assert!(peer.head(id).await.starts_with(":status=100"));
        peer.data(id, canary.as_bytes(), true).await;
        assert_eq!(peer.reply(id).await.owner.map(|owner| owner.0), Some(1));
    }
}

#[tokio::test]
async fn stripes_and_trailers_of_a_body_are_searched() {
    let stage = Stage::with(vec![ok(64)]);
    let mut peer = Peer::connect(&stage).await;
    let striped = StripedBody::new(&stage.key, request_claim(1, Site::BodyBegin), 200).to_vec();
    let (trailer, foreign) = (stage.canary(1, Site::Trailer), stage.canary(9, Site::Trailer).to_uppercase());
    let id = peer.request("POST", 1, &[("content-length", "200")], false).await;
    let mut out = Vec::new();
    // Cut within a canary, padded, and with an empty frame between.
    frame::data(&mut out, StreamId(id), &striped[..50], false, Some(200));
    frame::data(&mut out, StreamId(id), b"", false, None);
    frame::data(&mut out, StreamId(id), &striped[50..], false, None);
    peer.send(&out).await;
    peer.trailer(id, &[("x-crosswire-end", &trailer), ("x-other", &foreign)]).await;
    assert_eq!(peer.reply(id).await.owner, Some((1, 1)));
    let seen = &stage.seen(1, 1).await[0];
    let places: Vec<(Site, Place)> = seen.canaries.iter().map(|found| (found.claim.site, found.place)).collect();
    let expected = [
        (Site::Path, Place::Head),
        (Site::Header, Place::Head),
        (Site::BodyBegin, Place::Body),
        (Site::Trailer, Place::Trailer),
        (Site::Trailer, Place::Trailer),
    ];
    assert_eq!(places, expected);
    let last = seen.canaries.last().unwrap();
    assert_eq!((last.claim.exchange, last.encoding), (ExchangeId(9), Encoding::CaseFolded));
}

#[tokio::test]
async fn a_body_that_differs_from_its_content_length_is_refused() {
    // Too short, too long at its end, too long before its end, and too short with a trailer.
    for (bytes, ends) in [(4, true), (6, true), (6, false), (4, false)] {
        let stage = Stage::with(vec![final_with(64, |reply| reply.private = true)]);
        let mut peer = Peer::connect(&stage).await;
        let id = peer.request("POST", 1, &[("content-length", "5")], false).await;
        peer.data(id, &b"123456"[..bytes], ends).await;
        if bytes < 5 && !ends {
            peer.trailer(id, &[("x", "y")]).await;
        }
        assert!(matches!(peer.on(id).await, Got::Head(_, head, _, true) if head.starts_with(":status=400 ")));
        assert_eq!(peer.on(id).await, Got::Reset(id, ErrorCode::PROTOCOL_ERROR));
        assert_eq!(stage.performed(FaultKind::PrivateReply).await, Performed::Expired);
        // The connection goes on.
        let next = peer.get(2).await;
        assert_eq!(peer.reply(next).await.owner, Some((2, 1)));
    }
}

#[tokio::test]
async fn what_is_no_request_is_refused_and_kept_as_evidence() {
    let canary = Stage::new().canary(7, Site::Header);
    let cases: [&[(&str, &str)]; 5] = [
        &[(":method", "GET"), (":path", "/"), ("x-crosswire", &canary)],
        &[(":method", "GET"), (":scheme", "http"), (":path", "/"), ("connection", "close"), ("x-crosswire", &canary)],
        &[(":method", "GET"), (":scheme", "http"), (":path", "/"), ("X-Crosswire", &canary)],
        &[(":method", "GET"), (":scheme", "http"), (":path", "/"), ("x-crosswire", &canary), ("content-length", "1")],
        &[(":method", "GET"), (":scheme", "http"), (":path", "/"), ("x-crosswire", &canary), ("te", "gzip")],
    ];
    for fields in cases {
        let stage = Stage::new();
        let mut peer = Peer::connect(&stage).await;
        let id = ask(&mut peer, fields, true).await;
        assert!(matches!(peer.on(id).await, Got::Head(_, head, _, true) if head.starts_with(":status=400 ")));
        assert_eq!(peer.on(id).await, Got::Reset(id, ErrorCode::PROTOCOL_ERROR));
        let seen = &stage.seen(0, 1).await[0];
        assert_eq!((seen.canaries.len(), seen.exchange), (1, None), "{fields:?}");
        let next = peer.get(2).await;
        assert_eq!(peer.reply(next).await.owner, Some((2, 1)));
        assert_eq!(stage.seen(2, 1).await[0].in_flight, 1);
    }
}

#[tokio::test]
async fn a_head_beyond_the_bound_is_refused_and_the_next_is_read() {
    let stage = Stage::new();
    let mut peer = Peer::connect(&stage).await;
    let long = "x".repeat(70_000);
    let id = ask(&mut peer, &[LINE.as_slice(), &[("x-long", &long)]].concat(), true).await;
    assert!(matches!(peer.on(id).await, Got::Head(_, head, _, true) if head.starts_with(":status=431 ")));
    peer.on(id).await;
    let next = peer.get(2).await;
    assert_eq!(peer.reply(next).await.owner, Some((2, 1)));
}

#[tokio::test]
async fn a_trailer_with_a_pseudo_field_or_a_second_head_is_refused() {
    for (fields, ends) in [([(":path", "/")], true), ([("x", "y")], false)] {
        let stage = Stage::new();
        let mut peer = Peer::connect(&stage).await;
        let id = peer.request("POST", 1, &[], false).await;
        let (block, mut out) = (peer.block(&fields), Vec::new());
        frame::headers(&mut out, StreamId(id), &block, ends, 1000);
        peer.send(&out).await;
        assert!(matches!(peer.on(id).await, Got::Head(_, head, _, true) if head.starts_with(":status=400 ")));
    }
}

#[tokio::test]
async fn room_is_made_for_bodies_of_any_length_on_several_streams() {
    let stage = Stage::new();
    let mut peer = Peer::with(&stage, &[]).await;
    let (one, two) = (peer.request("POST", 1, &[], false).await, peer.request("POST", 2, &[], false).await);
    let (part, mut room, mut left) = (vec![b'x'; 10_000], [65_535_i64; 3], [300_000_i64; 2]);
    while left.iter().any(|left| *left > 0) {
        for (place, id) in [(0, one), (1, two)] {
            let bytes = left[place].min(10_000).min(room[place]).min(room[2]);
            if bytes > 0 {
                peer.data(id, &part[..bytes as usize], left[place] == bytes).await;
                left[place] -= bytes;
                room[place] -= bytes;
                room[2] -= bytes;
            }
        }
        if (room[2] < 10_000 || room.iter().zip(&left).any(|(room, left)| *room < 10_000 && *left > 0))
            && let Got::Room(id, bytes) = peer.find("room", |got| matches!(got, Got::Room(..))).await
        {
            let place = [one, two, 0].iter().position(|other| *other == id).unwrap();
            room[place] += i64::from(bytes);
        }
    }
    assert_eq!(peer.reply(one).await.owner, Some((1, 1)));
    assert_eq!(peer.reply(two).await.owner, Some((2, 1)));
}

#[tokio::test]
async fn no_room_is_made_for_a_body_that_is_left_alone_until_the_early_reply() {
    let released = Event { exchange: ExchangeId(9), kind: EventKind::Aborted };
    let hold = OriginAct::Hold(Hold::Event(released));
    let stage = Stage::with(vec![hold, final_with(64, |reply| reply.early = true)]);
    let mut peer = Peer::with(&stage, &[]).await;
    let id = peer.request("POST", 1, &[], false).await;
    for _ in 0..4 {
        peer.data(id, &[b'x'; 16_000], false).await;
    }
    let is_room = |id: u32| move |got: &Got| matches!(got, Got::Room(other, _) if *other == id);
    peer.find("room on the connection", is_room(0)).await;
    peer.ping().await;
    assert!(!peer.has_unread(id));
    stage.notify(9, EventKind::Aborted);
    assert_eq!(peer.reply(id).await.owner, Some((1, 1)));
    peer.find("room on the stream", is_room(id)).await;
    assert_eq!(stage.performed(FaultKind::EarlyFinal).await, Performed::Fully);
    peer.data(id, b"end", true).await;
    peer.ping().await;
    assert!(!peer.has_unread(id));
}

#[tokio::test]
async fn what_comes_behind_an_early_reply_is_reported_as_that_body() {
    let stage = Stage::with(vec![final_with(64, |reply| reply.early = true)]);
    let mut peer = Peer::connect(&stage).await;
    let id = peer.request("POST", 1, &[], false).await;
    assert_eq!(peer.reply(id).await.owner, Some((1, 1)));
    stage.seen(1, 1).await;
    let foreign = stage.canary(2, Site::Body);
    peer.data(id, foreign.as_bytes(), true).await;
    let body = stage.until("a body behind its reply", |all| {
        all.iter().find_map(|it| match it {
            vocabulary::history::Observation::BodySeen(body) => Some(body.clone()),
            _ => None,
        })
    });
    let body = body.await;
    assert_eq!((body.exchange, body.ordinal.0, body.canaries.len()), (Some(ExchangeId(1)), 1, 1));
}

#[tokio::test]
async fn more_than_a_window_ends_its_stream_or_the_connection() {
    let hold = OriginAct::Hold(Hold::Event(Event { exchange: ExchangeId(9), kind: EventKind::Aborted }));
    let stage = Stage::with(vec![hold, final_with(64, |reply| reply.early = true)]);
    let mut peer = Peer::with(&stage, &[]).await;
    let id = peer.request("POST", 1, &[], false).await;
    // The connection's window is opened again meanwhile, the stream's is not.
    for _ in 0..4 {
        peer.data(id, &[b'x'; 16_000], false).await;
    }
    peer.find("room on the connection", |got| matches!(got, Got::Room(0, _))).await;
    peer.data(id, &[b'x'; 1_536], false).await;
    assert_eq!(peer.on(id).await, Got::Reset(id, ErrorCode::FLOW_CONTROL_ERROR));
    assert_eq!(stage.performed(FaultKind::EarlyFinal).await, Performed::Expired);
    let next = peer.get(2).await;
    assert_eq!(peer.reply(next).await.owner, Some((2, 1)));
}

#[tokio::test]
async fn data_behind_the_end_of_a_request_ends_its_stream() {
    let stage = Stage::with(vec![OriginAct::Hold(Hold::Bait), final_with(64, |reply| reply.private = true)]);
    let mut peer = Peer::connect(&stage).await;
    let id = peer.get(1).await;
    peer.data(id, b"more", true).await;
    assert_eq!(peer.on(id).await, Got::Reset(id, ErrorCode::STREAM_CLOSED));
    assert_eq!(stage.performed(FaultKind::PrivateReply).await, Performed::Expired);
}

#[tokio::test]
async fn connect_is_answered_by_a_tunnel_that_ends_at_once() {
    let stage = Stage::new();
    let mut peer = Peer::connect(&stage).await;
    let canary = stage.canary(1, Site::Header);
    let id = ask(&mut peer, &[(":method", "CONNECT"), (":authority", "a:1"), ("x-crosswire", &canary)], false).await;
    let Got::Head(_, head, _, true) = peer.on(id).await else { panic!("no reply") };
    assert!(head.starts_with(":status=200 ") && !head.contains("content-length"), "{head}");
    peer.data(id, b"hello", true).await;
    let next = peer.get(2).await;
    assert_eq!(peer.reply(next).await.owner, Some((2, 1)));
}
