//! Each act of the origin as a client reads it.

use vocabulary::directive::{
    ChunkDefect, Close, Cut, CutBy, FaultKind, Field, Framing, Hold, Interim, InterimLength, OriginAct, Segment,
    Surplus, SurplusKind, SurplusTiming, Writes,
};
use vocabulary::history::{DeliveryKind, Observation, Performed, Place};
use vocabulary::identity::{Attempt, DeliveryId, ExchangeId};
use vocabulary::plan::{Event, EventKind};

use super::simulated;
use crate::stage::{Stage, final_with, ok};

fn interim(length: InterimLength, segment: Segment) -> OriginAct {
    OriginAct::Interim(Interim { status: 100, length, fields: Vec::new(), segment })
}

fn surplus(what: SurplusKind, when: SurplusTiming) -> OriginAct {
    OriginAct::Surplus(Surplus { what, when })
}

const SECOND: SurplusKind = SurplusKind::Reply { status: 200, bytes: 64, garbage: 0 };

#[tokio::test]
async fn a_benign_reply_carries_its_owners_canaries() {
    let stage = Stage::with(vec![ok(300)]);
    let mut client = stage.connect().await;
    client.send(stage.get(1)).await;
    let reply = client.reply().await;
    assert!(reply.head.starts_with("HTTP/1.1 200 OK\r\n"), "{}", reply.head);
    assert_eq!(reply.body, client.striped(1, 1, 300));
    let replied = stage.replied(1, 1).await;
    assert_eq!((replied.kind, replied.performed, replied.attempt), (DeliveryKind::Owed, Performed::Fully, Attempt(1)));
    assert_eq!((replied.status, replied.body_bytes, replied.cut), (200, 300, false));
    assert!(replied.head.starts_with("HTTP/1.1 200 OK\nContent-Type: text/plain\n"), "{}", replied.head);
    let seen = &stage.seen(1, 1).await[0];
    assert_eq!((seen.canaries.len(), seen.unverified, seen.in_flight), (2, 0, 1));
    assert_eq!(seen.authority.as_deref(), Some("origin"));
    for kind in [EventKind::Seen, EventKind::FinalWritten] {
        stage.event(1, kind).await;
    }
}

#[tokio::test]
async fn an_interim_reply_goes_by_itself_or_with_the_final_one() {
    let aborted = Event { exchange: ExchangeId(9), kind: EventKind::Aborted };
    let hold = OriginAct::Hold(Hold::Event(aborted));
    let stage = Stage::with(vec![interim(InterimLength::Zero, Segment::Own), hold, ok(64)]);
    let mut client = stage.connect().await;
    client.send(stage.get(1)).await;
    let first = client.segment().await;
    stage.notify(9, EventKind::Aborted);
    assert!(first.starts_with("HTTP/1.1 100 Continue\r\n") && first.ends_with("Content-Length: 0\r\n\r\n"), "{first}");
    assert_eq!(client.reply().await.owner, Some((1, 1)));
    assert_eq!(stage.performed(FaultKind::Interim).await, Performed::Fully);
    stage.event(1, EventKind::InterimWritten).await;

    let stage = Stage::with(vec![interim(InterimLength::Chunked, Segment::Shared), ok(64)]);
    let mut client = stage.connect().await;
    client.send(stage.get(1)).await;
    let both = client.segment().await;
    assert!(both.contains("Transfer-Encoding: chunked\r\n\r\nHTTP/1.1 200 OK\r\n"), "{both}");
}

#[tokio::test]
async fn each_framing_reaches_the_wire_as_planned() {
    let table: [(Framing, &str, &str, bool); 8] = [
        (Framing::LengthShort { by: 28 }, "Content-Length: 100\r\n", "BODY", true),
        (Framing::LengthLong { by: 7 }, "Content-Length: 135\r\n", "BODY", true),
        (Framing::LengthTwice { off_by: 0 }, "Content-Length: 128\r\nContent-Length: 128\r\n", "BODY", true),
        (Framing::Chunked { chunk: 200 }, "Transfer-Encoding: chunked\r\n", "80\r\nBODY\r\n0\r\n\r\n", false),
        (
            Framing::LengthAndChunked,
            "Content-Length: 128\r\nTransfer-Encoding: chunked\r\n",
            "80\r\nBODY\r\n0\r\n\r\n",
            true,
        ),
        (Framing::ChunkedBroken(ChunkDefect::NoLastChunk), "Transfer-Encoding: chunked\r\n", "80\r\nBODY\r\n", true),
        (
            Framing::ChunkedBroken(ChunkDefect::TooLong),
            "Transfer-Encoding: chunked\r\n",
            "40\r\nBODY\r\n0\r\n\r\n",
            true,
        ),
        (Framing::Length, "Content-Length: 128\r\n", "BODY", false),
    ];
    for (framing, field, body, is_fault) in table {
        let stage = Stage::with(vec![final_with(128, |reply| reply.framing = framing)]);
        let mut client = stage.connect().await;
        client.send(stage.get(1)).await;
        let head = client.head().await;
        assert!(head.contains(field), "{framing:?}: {head}");
        let striped = String::from_utf8(client.striped(1, 1, 128)).unwrap();
        let expected = body.replace("BODY", &striped);
        assert_eq!(String::from_utf8(client.bytes(expected.len()).await).unwrap(), expected, "{framing:?}");
        if is_fault {
            assert_eq!(stage.performed(FaultKind::Framing).await, Performed::Fully, "{framing:?}");
        }
        // The connection lives on: the next request is answered behind whatever was wrong.
        client.send(stage.get(2)).await;
        assert_eq!(client.reply().await.owner, Some((2, 1)), "{framing:?}");
    }
}

#[tokio::test]
async fn a_body_goes_out_where_none_is_allowed() {
    let stage = Stage::with(vec![final_with(128, |reply| reply.framing = Framing::BodyWhereNone)]);
    let mut client = stage.connect().await;
    client.send(stage.request("HEAD", 1, "")).await;
    assert_eq!(client.reply().await.owner, Some((1, 1)));
    assert_eq!(stage.performed(FaultKind::Framing).await, Performed::Fully);
}

#[tokio::test]
async fn a_close_delimited_reply_ends_with_the_connection() {
    let stage = Stage::with(vec![final_with(128, |reply| reply.framing = Framing::Close)]);
    let mut client = stage.connect().await;
    client.send(stage.get(1)).await;
    let head = client.head().await;
    assert!(!head.contains("Content-Length") && head.contains("Connection: close\r\n"), "{head}");
    assert_eq!(client.rest().await, client.striped(1, 1, 128));
}

#[tokio::test]
async fn a_reply_is_cut_off_in_order_or_by_a_reset() {
    for close in [Close::Fin, Close::Rst] {
        let cut = Cut { after_bytes: 100, then: CutBy::Close(close) };
        let stage = Stage::with(vec![final_with(300, |reply| reply.cut = Some(cut))]);
        let mut client = stage.connect().await;
        client.send(stage.get(1)).await;
        client.head().await;
        assert_eq!(client.bytes(100).await, client.striped(1, 1, 300)[..100]);
        assert_eq!(client.is_reset().await, close == Close::Rst);
        assert!(client.unread.is_empty());
        assert_eq!(stage.performed(FaultKind::Cut).await, Performed::Fully);
        let replied = stage.replied(1, 1).await;
        assert_eq!((replied.cut, replied.body_bytes), (true, 300));
    }
}

#[tokio::test]
async fn a_surplus_shares_the_segment_of_the_reply_before_it() {
    let garbage = SurplusKind::Garbage { bytes: 64 };
    let (same, when) = (Some(DeliveryId { exchange: ExchangeId(1), number: 1 }), SurplusTiming::SameSegment);
    let stage = Stage::with(vec![ok(64), surplus(SECOND, when), surplus(garbage, when)]);
    let mut client = stage.connect().await;
    client.send(stage.get(1)).await;
    let segment = client.segment().await;
    client.unread = segment.into_bytes();
    assert_eq!(client.reply().await.owner, Some((1, 1)));
    assert_eq!(client.reply().await.owner, Some((1, 2)));
    assert_eq!(client.unread, client.striped(1, 3, 64));
    for number in [2, 3] {
        let replied = stage.replied(1, number).await;
        assert_eq!((replied.kind, replied.same_write_as), (DeliveryKind::Surplus, same));
    }
    assert_eq!(stage.performed(FaultKind::Surplus).await, Performed::Fully);
}

#[tokio::test]
async fn an_idle_surplus_comes_by_itself_and_is_acknowledged() {
    // On a busy machine a timer may be late, and then nothing is claimed.
    for _ in 0..20 {
        let stage = Stage::with(vec![ok(64), surplus(SECOND, SurplusTiming::Idle { us: 20_000 })]);
        let mut client = stage.connect().await;
        client.send(stage.get(1)).await;
        assert_eq!(client.reply().await.owner, Some((1, 1)));
        assert_eq!(client.reply().await.owner, Some((1, 2)));
        let replied = stage.replied(1, 2).await;
        assert!(replied.at.since(stage.replied(1, 1).await.done_at).as_millis() >= 20);
        stage.event(1, EventKind::SurplusWritten).await;
        client.send(stage.get(2)).await;
        assert_eq!(client.reply().await.owner, Some((2, 1)));
        match replied.acknowledged_at {
            Some(at) => return assert!(at >= replied.done_at, "{replied:?}"),
            None if cfg!(target_os = "linux") => {}
            None => return,
        }
    }
    panic!("of twenty surpluses none was seen to be acknowledged");
}

#[tokio::test]
async fn a_surplus_may_wait_for_the_next_request() {
    let stage = Stage::with(vec![ok(64), surplus(SECOND, SurplusTiming::AfterNextRequest)]);
    let mut client = stage.connect().await;
    client.send(stage.get(1)).await;
    assert_eq!(client.reply().await.owner, Some((1, 1)));
    client.send(stage.get(2)).await;
    assert_eq!(client.reply().await.owner, Some((1, 2)));
    assert_eq!(client.reply().await.owner, Some((2, 1)));
    assert_eq!(stage.performed(FaultKind::Surplus).await, Performed::Fully);
}

#[tokio::test]
async fn a_surplus_that_no_request_comes_for_stays_unwritten() {
    let stage = Stage::with(vec![ok(64), surplus(SECOND, SurplusTiming::AfterNextRequest)]);
    let mut client = stage.connect().await;
    client.send(stage.get(1)).await;
    client.reply().await;
    stage.event(1, EventKind::FinalWritten).await;
    stage.origin().end_patience();
    assert_eq!(stage.performed(FaultKind::Surplus).await, Performed::Expired);
    client.send(stage.get(2)).await;
    assert_eq!(client.reply().await.owner, Some((2, 1)));
}

#[tokio::test]
async fn an_early_final_reply_comes_before_the_body_which_is_drained_then() {
    let stage = Stage::with(vec![final_with(64, |reply| reply.early = true)]);
    let mut client = stage.connect().await;
    client.send(stage.request("POST", 1, "Content-Length: 5\r\n")).await;
    assert_eq!(client.reply().await.owner, Some((1, 1)));
    assert_eq!(stage.performed(FaultKind::EarlyFinal).await, Performed::Fully);
    assert_eq!(stage.seen(1, 1).await.len(), 1);
    client.send("GET /").await;
    client.send(stage.get(2)).await;
    assert_eq!(client.reply().await.owner, Some((2, 1)));
    assert!(stage.seen(2, 1).await[0].head.starts_with("GET /xw"), "the body was no request");
}

#[tokio::test]
async fn what_is_swallowed_behind_an_early_reply_is_reported_as_that_body() {
    let stage = Stage::with(vec![final_with(64, |reply| reply.early = true)]);
    let mut client = stage.connect().await;
    client.send(stage.request("POST", 1, "Content-Length: 1000\r\n")).await;
    assert_eq!(client.reply().await.owner, Some((1, 1)));
    stage.seen(1, 1).await;
    client.send(stage.get(2)).await;
    // The end of the connection is the end of the body.
    drop(client);
    let swallowed = stage.until("a body behind its reply", |all| {
        all.iter().find_map(|it| match it {
            Observation::BodySeen(body) => Some(body.clone()),
            _ => None,
        })
    });
    let swallowed = swallowed.await;
    assert_eq!(swallowed.exchange, Some(ExchangeId(1)));
    assert!(swallowed.canaries.iter().all(|found| found.claim.exchange == ExchangeId(2) && found.place == Place::Body));
    assert!(!swallowed.canaries.is_empty());
}

#[tokio::test]
async fn nothing_is_early_when_the_whole_body_has_come() {
    let stage = Stage::with(vec![final_with(64, |reply| reply.early = true)]);
    let mut client = stage.connect().await;
    client.send(stage.request("POST", 1, "Content-Length: 5\r\n") + "12345").await;
    assert_eq!(client.reply().await.owner, Some((1, 1)));
    assert_eq!(stage.performed(FaultKind::EarlyFinal).await, Performed::Expired);
}

#[tokio::test]
async fn a_reply_in_several_writes_arrives_in_several_segments() {
    let writes = Writes { count: 3, gap_us: 100_000, acknowledged: false };
    let stage = Stage::with(vec![final_with(3000, |reply| reply.writes = writes)]);
    let mut client = stage.connect().await;
    client.send(stage.get(1)).await;
    let first = client.segment().await;
    assert!(first.len() < 1500, "{}", first.len());
    client.unread = first.into_bytes();
    assert_eq!(client.reply().await.body, client.striped(1, 1, 3000));
    assert!(stage.replied(1, 1).await.done_at > stage.replied(1, 1).await.at);
}

#[tokio::test]
async fn writes_that_are_to_be_acknowledged_all_arrive() {
    let writes = Writes { count: 3, gap_us: 0, acknowledged: true };
    let stage = Stage::with(vec![final_with(3000, |reply| reply.writes = writes)]);
    let mut client = stage.connect().await;
    client.send(stage.get(1)).await;
    assert_eq!(client.reply().await.body, client.striped(1, 1, 3000));
    // The next request may be there already: that is no reason to hurry.
    stage.load(&[(2, vec![final_with(3000, |reply| reply.writes = writes)]), (3, vec![ok(64)])], Vec::new());
    client.send(stage.get(2) + &stage.get(3)).await;
    assert_eq!(client.reply().await.body, client.striped(2, 1, 3000));
    assert_eq!(client.reply().await.owner, Some((3, 1)));
}

/// On a network where some segments catch up with the one before, none does that had to wait for the acknowledgement.
#[test]
fn writes_that_are_acknowledged_are_read_one_by_one() {
    let in_one_read = |acknowledged| (1..=20).filter(|seed| simulated::reads(*seed, acknowledged) < 3).count();
    assert_eq!(in_one_read(true), 0);
    assert!(in_one_read(false) > 0);
}

#[tokio::test]
async fn a_silence_lasts_as_planned_and_a_close_ends_the_connection() {
    let stage = Stage::with(vec![OriginAct::Silence { us: 30_000 }, ok(64), OriginAct::Close(Close::Fin)]);
    let mut client = stage.connect().await;
    let began = std::time::Instant::now();
    client.send(stage.get(1)).await;
    assert_eq!(client.reply().await.owner, Some((1, 1)));
    assert!(began.elapsed().as_millis() >= 30);
    assert!(client.rest().await.is_empty());
    for kind in [FaultKind::Silence, FaultKind::Close] {
        assert_eq!(stage.performed(kind).await, Performed::Fully, "{kind:?}");
    }
}

#[tokio::test]
async fn a_tunnel_sends_stripes_and_takes_no_request() {
    let switch = final_with(0, |reply| reply.status = 101);
    let stage = Stage::with(vec![switch, OriginAct::Tunnel { bytes: 128 }]);
    let mut client = stage.connect().await;
    client.send(stage.request("GET", 1, "Connection: upgrade\r\nUpgrade: echo\r\n")).await;
    let head = client.head().await;
    assert!(head.contains("Upgrade: echo\r\nConnection: Upgrade\r\n"), "{head}");
    assert_eq!(client.bytes(128).await, client.striped(1, 1, 128));
    client.send(stage.get(2)).await;
    client.stream.set_zero_linger().unwrap();
    drop(client);
    stage.until("the end", |seen| format!("{seen:?}").contains("UpstreamClosed").then_some(())).await;
    assert!(!stage.story().contains("ExchangeId(2)"), "a tunnel takes no request");
    assert_eq!(stage.performed(FaultKind::Tunnel).await, Performed::Fully);
    assert_eq!(stage.replied(1, 1).await.body_bytes, 128);
}

#[tokio::test]
async fn fields_get_canaries_of_their_own() {
    let field = |name: &str, value: &str| Field { name: name.to_owned(), value: value.to_owned() };
    let fields = vec![field("Set-Cookie", "sid={canary}; Path=/"), field("Cache-Control", "public")];
    let stage = Stage::with(vec![final_with(64, |reply| {
        reply.fields = fields;
        reply.private = true;
    })]);
    let mut client = stage.connect().await;
    client.send(stage.get(1)).await;
    let head = client.reply().await.head;
    assert!(
        head.contains("Set-Cookie: sid=xw90q8") && head.contains("; Path=/\r\nCache-Control: public\r\n"),
        "{head}"
    );
    assert_eq!(stage.performed(FaultKind::PrivateReply).await, Performed::Fully);
}

#[tokio::test]
async fn an_old_client_gets_neither_interim_replies_nor_chunks() {
    let chunked = final_with(128, |reply| reply.framing = Framing::ChunkedBroken(ChunkDefect::BadSize));
    let stage = Stage::with(vec![interim(InterimLength::Zero, Segment::Own), chunked]);
    let mut client = stage.connect().await;
    client.send(stage.get(1).replace("HTTP/1.1", "HTTP/1.0")).await;
    let head = client.head().await;
    assert!(head.starts_with("HTTP/1.1 200") && !head.contains("chunked"), "{head}");
    assert_eq!(client.rest().await, client.striped(1, 1, 128));
    for kind in [FaultKind::Interim, FaultKind::Framing] {
        assert_eq!(stage.performed(kind).await, Performed::VersionForbids, "{kind:?}");
    }
}

#[tokio::test]
async fn an_old_client_that_asks_for_it_keeps_its_connection() {
    let stage = Stage::with(vec![ok(64)]);
    let mut client = stage.connect().await;
    for exchange in [1, 2] {
        let request = stage.request("GET", exchange, "Connection: keep-alive\r\n").replace("HTTP/1.1", "HTTP/1.0");
        client.send(request).await;
        let reply = client.reply().await;
        assert!(reply.head.contains("Connection: keep-alive\r\n"), "{}", reply.head);
        assert_eq!(reply.owner, Some((exchange, 1)));
    }
}
