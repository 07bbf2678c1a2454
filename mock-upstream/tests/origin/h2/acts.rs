//! Each act of the origin as a client of HTTP/2 reads it.

use http2::ErrorCode;
use vocabulary::directive::{
    ChunkDefect, Close, Cut, CutBy, FaultKind, Field, Framing, GoAway, Hold, Interim, InterimLength, LastStream,
    OriginAct, ResetCode, Segment, SettingsChange, Surplus, SurplusKind, SurplusTiming, Writes,
};
use vocabulary::history::{DeliveryKind, Performed};
use vocabulary::identity::{Attempt, DeliveryId, ExchangeId, StreamId};
use vocabulary::plan::{Event, EventKind};

use super::peer::{Got, Peer};
use crate::stage::{Stage, final_with, ok};

fn interim(status: u16, length: InterimLength, segment: Segment) -> OriginAct {
    OriginAct::Interim(Interim { status, length, fields: Vec::new(), segment })
}

fn surplus(what: SurplusKind, when: SurplusTiming) -> OriginAct {
    OriginAct::Surplus(Surplus { what, when })
}

const SECOND: SurplusKind = SurplusKind::Reply { status: 200, bytes: 64, garbage: 0 };

#[tokio::test]
async fn a_benign_reply_carries_its_owners_canaries() {
    let stage = Stage::with(vec![ok(300)]);
    let mut peer = Peer::connect(&stage).await;
    let id = peer.get(1).await;
    let reply = peer.reply(id).await;
    assert!(reply.heads[0].starts_with(":status=200 content-type=text/plain x-crosswire="), "{reply:?}");
    assert!(reply.heads[0].ends_with("content-length=300"), "{reply:?}");
    assert_eq!(reply.body, peer.striped(1, 1, 300));
    let replied = stage.replied(1, 1).await;
    assert_eq!((replied.kind, replied.performed, replied.attempt), (DeliveryKind::Owed, Performed::Fully, Attempt(1)));
    assert_eq!((replied.status, replied.body_bytes, replied.stream), (200, 300, Some(StreamId(1))));
    assert!(replied.head.starts_with("HTTP/2 200\ncontent-type: text/plain\nx-crosswire: "), "{}", replied.head);
    let seen = &stage.seen(1, 1).await[0];
    assert_eq!((seen.canaries.len(), seen.unverified, seen.in_flight), (2, 0, 1));
    assert_eq!((seen.authority.as_deref(), seen.stream, seen.ordinal.0), (Some("origin"), Some(StreamId(1)), 1));
    assert!(seen.head.starts_with("GET /") && seen.head.contains(" HTTP/2\nhost: origin\nx-crosswire: "), "{seen:?}");
    for kind in [EventKind::Seen, EventKind::FinalWritten] {
        stage.event(1, kind).await;
    }
}

#[tokio::test]
async fn an_interim_reply_does_not_end_its_stream() {
    let aborted = Event { exchange: ExchangeId(9), kind: EventKind::Aborted };
    let hold = OriginAct::Hold(Hold::Event(aborted));
    let table = [
        (InterimLength::Absent, ""),
        (InterimLength::Zero, " content-length=0"),
        (InterimLength::Bytes(9), " content-length=9"),
        (InterimLength::Chunked, ""),
    ];
    for (length, said) in table {
        let stage = Stage::with(vec![interim(103, length, Segment::Own), hold.clone(), ok(64)]);
        let mut peer = Peer::connect(&stage).await;
        let id = peer.get(1).await;
        let head = peer.head(id).await;
        let canary = head.strip_prefix(":status=103 x-crosswire=").unwrap();
        assert_eq!(&canary[48..], said, "{length:?}");
        stage.notify(9, EventKind::Aborted);
        assert_eq!(peer.reply(id).await.owner, Some((1, 1)));
        assert_eq!(stage.performed(FaultKind::Interim).await, Performed::Fully);
        stage.event(1, EventKind::InterimWritten).await;
    }
}

#[tokio::test]
async fn an_interim_reply_may_share_the_write_of_the_final_one() {
    let stage = Stage::with(vec![interim(103, InterimLength::Absent, Segment::Shared), ok(64)]);
    let mut peer = Peer::connect(&stage).await;
    peer.ping().await;
    let id = peer.get(1).await;
    let before = peer.reads;
    assert_eq!(peer.reply(id).await.heads.len(), 2);
    assert_eq!(peer.reads - before, 1);
}

#[tokio::test]
async fn each_framing_says_what_is_planned_of_the_length() {
    let table: [(Framing, &str, Option<Performed>); 9] = [
        (Framing::Length, "content-length=128", None),
        (Framing::LengthShort { by: 28 }, "content-length=100", Some(Performed::Fully)),
        (Framing::LengthLong { by: 7 }, "content-length=135", Some(Performed::Fully)),
        (Framing::LengthTwice { off_by: -8 }, "content-length=128 content-length=120", Some(Performed::Fully)),
        (Framing::Chunked { chunk: 50 }, "", None),
        (Framing::Close, "", None),
        (Framing::LengthAndChunked, "", Some(Performed::VersionForbids)),
        (Framing::ChunkedBroken(ChunkDefect::BadSize), "", Some(Performed::VersionForbids)),
        (Framing::ChunkedBroken(ChunkDefect::NoLastChunk), "", Some(Performed::VersionForbids)),
    ];
    for (framing, said, fault) in table {
        let stage = Stage::with(vec![final_with(128, |reply| reply.framing = framing)]);
        let mut peer = Peer::connect(&stage).await;
        let id = peer.get(1).await;
        let reply = peer.reply(id).await;
        let lengths: Vec<&str> =
            reply.heads[0].split(' ').filter(|field| field.starts_with("content-length")).collect();
        assert_eq!(lengths.join(" "), said, "{framing:?}");
        assert!(!reply.heads[0].contains("transfer-encoding") && !reply.heads[0].contains("connection"));
        assert_eq!(reply.body, peer.striped(1, 1, 128), "{framing:?}");
        let cuts: &[usize] = if matches!(framing, Framing::Chunked { .. }) { &[50, 50, 28] } else { &[128] };
        assert_eq!(reply.cuts, cuts, "{framing:?}");
        if let Some(performed) = fault {
            assert_eq!(stage.performed(FaultKind::Framing).await, performed, "{framing:?}");
        }
        let next = peer.get(2).await;
        assert_eq!(peer.reply(next).await.owner, Some((2, 1)), "{framing:?}");
    }
}

#[tokio::test]
async fn a_body_goes_out_where_none_is_allowed() {
    for (method, status) in [("HEAD", 200), ("GET", 204), ("GET", 304)] {
        let stage = Stage::with(vec![final_with(128, |reply| {
            reply.framing = Framing::BodyWhereNone;
            reply.status = status;
        })]);
        let mut peer = Peer::connect(&stage).await;
        let id = peer.request(method, 1, &[], true).await;
        assert_eq!(peer.reply(id).await.owner, Some((1, 1)));
        assert_eq!(stage.performed(FaultKind::Framing).await, Performed::Fully);
    }
}

#[tokio::test]
async fn without_such_a_plan_no_body_follows_where_none_is_allowed() {
    for (method, status) in [("HEAD", 200), ("GET", 204), ("GET", 304)] {
        let stage = Stage::with(vec![final_with(128, |reply| reply.status = status)]);
        let mut peer = Peer::connect(&stage).await;
        let id = peer.request(method, 1, &[], true).await;
        assert!(matches!(peer.on(id).await, Got::Head(_, _, _, true)), "{method} {status}");
    }
}

#[tokio::test]
async fn a_trailer_follows_a_body_of_any_framing() {
    for framing in [Framing::Length, Framing::Chunked { chunk: 64 }, Framing::Close] {
        let stage = Stage::with(vec![final_with(128, |reply| {
            reply.framing = framing;
            reply.trailers = true;
        })]);
        let mut peer = Peer::connect(&stage).await;
        let id = peer.get(1).await;
        let reply = peer.reply(id).await;
        assert!(reply.heads[0].contains("trailer=x-crosswire-end"), "{reply:?}");
        assert!(reply.trailer.unwrap().starts_with("x-crosswire-end="));
        assert_eq!(reply.owner, Some((1, 1)));
    }
}

#[tokio::test]
async fn what_http_2_has_no_word_for_is_not_performed() {
    let switch = || final_with(64, |reply| reply.status = 101);
    for (acts, kind) in [
        (vec![switch()], FaultKind::Tunnel),
        (vec![switch(), OriginAct::Tunnel { bytes: 64 }], FaultKind::Tunnel),
        (vec![OriginAct::Tunnel { bytes: 64 }, ok(64)], FaultKind::Tunnel),
        (vec![interim(101, InterimLength::Absent, Segment::Own), ok(64)], FaultKind::Interim),
    ] {
        let stage = Stage::with(acts);
        let mut peer = Peer::connect(&stage).await;
        let id = peer.request("GET", 1, &[], true).await;
        let reply = peer.reply(id).await;
        assert!(reply.heads[0].starts_with(":status=200 ") && reply.owner == Some((1, 1)), "{reply:?}");
        assert_eq!(stage.performed(kind).await, Performed::VersionForbids);
    }
}

#[tokio::test]
async fn what_http_1_has_no_word_for_is_not_performed() {
    for (act, kind) in [
        (OriginAct::Reset(ResetCode::Cancel), FaultKind::Reset),
        (OriginAct::GoAway(GoAway { last: LastStream::Before }), FaultKind::GoAway),
        (OriginAct::Settings(SettingsChange::HeaderTable(0)), FaultKind::Settings),
    ] {
        let stage = Stage::with(vec![act, ok(64)]);
        let mut client = stage.connect().await;
        client.send(stage.get(1)).await;
        assert_eq!(client.reply().await.owner, Some((1, 1)));
        assert_eq!(stage.performed(kind).await, Performed::VersionForbids);
    }
}

#[tokio::test]
async fn fields_of_a_plan_are_in_lower_case_and_none_is_about_the_connection() {
    let field = |name: &str, value: &str| Field { name: name.to_owned(), value: value.to_owned() };
    let stage = Stage::with(vec![final_with(64, |reply| {
        reply.fields = vec![field("Cache-Control", "max-age=9"), field("Connection", "close"), field("X", "{canary}")];
    })]);
    let mut peer = Peer::connect(&stage).await;
    let id = peer.get(1).await;
    let head = peer.reply(id).await.heads.remove(0);
    assert!(head.contains(" cache-control=max-age=9 x=") && !head.contains("connection"), "{head}");
    assert!(!head.contains("{canary}"));
}

#[tokio::test]
async fn a_reply_is_cut_off_by_a_reset_of_its_stream() {
    for (close, after) in [(Close::Fin, 100), (Close::Rst, 300), (Close::Rst, 0)] {
        let cut = Cut { after_bytes: after, then: CutBy::Close(close) };
        let stage = Stage::with(vec![final_with(300, |reply| reply.cut = Some(cut))]);
        let mut peer = Peer::connect(&stage).await;
        let id = peer.get(1).await;
        peer.head(id).await;
        if after > 0 {
            let expected = peer.striped(1, 1, 300)[..after as usize].to_vec();
            assert_eq!(peer.on(id).await, Got::Data(id, expected, 0, false));
        }
        assert_eq!(peer.on(id).await, Got::Reset(id, ErrorCode::INTERNAL_ERROR));
        assert_eq!(stage.performed(FaultKind::Cut).await, Performed::Fully);
        let replied = stage.replied(1, 1).await;
        assert_eq!((replied.cut, replied.body_bytes), (true, 300));
        // The connection goes on.
        let next = peer.get(2).await;
        assert_eq!(peer.reply(next).await.owner, Some((2, 1)));
    }
}

#[tokio::test]
async fn a_cut_reply_goes_on_when_the_next_request_comes_or_after_its_silence() {
    for then in [CutBy::Bait, CutBy::Silence { us: 5_000 }] {
        let cut = Cut { after_bytes: 64, then };
        let stage = Stage::with(vec![final_with(192, |reply| reply.cut = Some(cut))]);
        let mut peer = Peer::connect(&stage).await;
        let id = peer.get(1).await;
        peer.head(id).await;
        assert!(matches!(peer.on(id).await, Got::Data(_, bytes, _, false) if bytes.len() == 64));
        if then == CutBy::Bait {
            peer.get(2).await;
        }
        let rest = peer.striped(1, 1, 192)[64..].to_vec();
        assert_eq!(peer.on(id).await, Got::Data(id, rest, 0, true));
        assert_eq!(stage.performed(FaultKind::Cut).await, Performed::Fully);
        assert!(!stage.replied(1, 1).await.cut, "in the end all of it came");
    }
}

#[tokio::test]
async fn a_surplus_shares_the_write_with_the_end_of_the_reply_before_it() {
    let garbage = SurplusKind::Garbage { bytes: 64 };
    let (same, when) = (Some(DeliveryId { exchange: ExchangeId(1), number: 1 }), SurplusTiming::SameSegment);
    let stage = Stage::with(vec![ok(64), surplus(SECOND, when), surplus(garbage, when)]);
    let mut peer = Peer::connect(&stage).await;
    peer.ping().await;
    let id = peer.get(1).await;
    let before = peer.reads;
    for number in [1, 2] {
        let reply = peer.reply(id).await;
        assert_eq!((reply.heads.len(), reply.owner), (1, Some((1, number))));
    }
    assert_eq!(peer.on(id).await, Got::Data(id, peer.striped(1, 3, 64), 0, false));
    assert_eq!(peer.reads - before, 1);
    for number in [2, 3] {
        let replied = stage.replied(1, number).await;
        assert_eq!((replied.kind, replied.same_write_as), (DeliveryKind::Surplus, same));
        assert_eq!(replied.stream, Some(StreamId(id)));
    }
    assert_eq!(stage.performed(FaultKind::Surplus).await, Performed::Fully);
}

#[tokio::test]
async fn garbage_of_a_surplus_reply_stands_before_its_head() {
    let what = SurplusKind::Reply { status: 200, bytes: 64, garbage: 70 };
    let stage = Stage::with(vec![ok(64), surplus(what, SurplusTiming::SameSegment)]);
    let mut peer = Peer::connect(&stage).await;
    let id = peer.get(1).await;
    peer.reply(id).await;
    assert_eq!(peer.on(id).await, Got::Data(id, peer.striped(1, 2, 70), 0, false));
    assert_eq!(peer.reply(id).await.owner, Some((1, 2)));
}

#[tokio::test]
async fn an_idle_surplus_comes_by_itself_and_is_acknowledged() {
    // On a busy machine a timer may be late, and then nothing is claimed.
    for _ in 0..20 {
        let stage = Stage::with(vec![ok(64), surplus(SECOND, SurplusTiming::Idle { us: 20_000 })]);
        let mut peer = Peer::connect(&stage).await;
        let id = peer.get(1).await;
        for number in [1, 2] {
            assert_eq!(peer.reply(id).await.owner, Some((1, number)));
        }
        let replied = stage.replied(1, 2).await;
        assert!(replied.at.since(stage.replied(1, 1).await.done_at).as_millis() >= 20);
        stage.event(1, EventKind::SurplusWritten).await;
        match replied.acknowledged_at {
            Some(at) => return assert!(at >= replied.done_at, "{replied:?}"),
            None if cfg!(target_os = "linux") => {}
            None => return,
        }
    }
    panic!("of twenty surpluses none was seen to be acknowledged");
}

#[tokio::test]
async fn a_surplus_may_wait_for_the_next_request_and_stays_unwritten_if_none_comes() {
    let acts = || vec![ok(64), surplus(SECOND, SurplusTiming::AfterNextRequest)];
    let stage = Stage::with(acts());
    let mut peer = Peer::connect(&stage).await;
    let id = peer.get(1).await;
    peer.reply(id).await;
    peer.ping().await;
    assert!(!peer.has_unread(id));
    let next = peer.get(2).await;
    assert_eq!(peer.reply(id).await.owner, Some((1, 2)));
    assert_eq!(peer.reply(next).await.owner, Some((2, 1)));
    assert_eq!(stage.performed(FaultKind::Surplus).await, Performed::Fully);

    let stage = Stage::with(acts());
    let mut peer = Peer::connect(&stage).await;
    let id = peer.get(1).await;
    peer.reply(id).await;
    stage.event(1, EventKind::FinalWritten).await;
    stage.origin().end_patience();
    assert_eq!(stage.performed(FaultKind::Surplus).await, Performed::Expired);
    peer.ping().await;
    assert!(!peer.has_unread(id));
}

#[tokio::test]
async fn an_early_final_reply_comes_before_the_body_which_is_drained_then() {
    let stage = Stage::with(vec![final_with(64, |reply| reply.early = true)]);
    let mut peer = Peer::connect(&stage).await;
    let id = peer.request("POST", 1, &[("content-length", "5")], false).await;
    assert_eq!(peer.reply(id).await.owner, Some((1, 1)));
    assert_eq!(stage.performed(FaultKind::EarlyFinal).await, Performed::Fully);
    assert_eq!(stage.seen(1, 1).await.len(), 1);
    peer.data(id, b"12345", true).await;
    peer.ping().await;
    assert!(!peer.has_unread(id), "nothing was wrong with it");
}

#[tokio::test]
async fn nothing_is_early_when_the_whole_body_has_come() {
    let stage = Stage::with(vec![OriginAct::Hold(Hold::Bait), final_with(64, |reply| reply.early = true)]);
    let mut peer = Peer::connect(&stage).await;
    let id = peer.request("POST", 1, &[], false).await;
    peer.data(id, b"12345", true).await;
    peer.get(2).await;
    assert_eq!(peer.reply(id).await.owner, Some((1, 1)));
    assert_eq!(stage.performed(FaultKind::EarlyFinal).await, Performed::Expired);
}

#[tokio::test]
async fn a_reply_in_several_writes_arrives_in_several_frames() {
    let writes = Writes { count: 3, gap_us: 50_000, acknowledged: true };
    let stage = Stage::with(vec![final_with(3000, |reply| {
        reply.writes = writes;
        reply.trailers = true;
    })]);
    let mut peer = Peer::connect(&stage).await;
    let id = peer.get(1).await;
    let before = peer.reads;
    let reply = peer.reply(id).await;
    assert_eq!((reply.body.clone(), reply.cuts), (peer.striped(1, 1, 3000), vec![1000; 3]));
    assert!(reply.trailer.is_some() && peer.reads - before >= 3);
    assert!(stage.replied(1, 1).await.done_at > stage.replied(1, 1).await.at);
}

#[tokio::test]
async fn a_silence_lasts_as_planned_and_a_close_resets_the_stream() {
    let stage = Stage::with(vec![OriginAct::Silence { us: 30_000 }, OriginAct::Close(Close::Fin), ok(64)]);
    let mut peer = Peer::connect(&stage).await;
    let began = std::time::Instant::now();
    let id = peer.get(1).await;
    assert_eq!(peer.on(id).await, Got::Reset(id, ErrorCode::INTERNAL_ERROR));
    assert!(began.elapsed().as_millis() >= 30);
    for kind in [FaultKind::Silence, FaultKind::Close] {
        assert_eq!(stage.performed(kind).await, Performed::Fully, "{kind:?}");
    }
    peer.ping().await;
    assert!(!peer.has_unread(id), "a reply behind the reset is not owed");
}

#[tokio::test]
async fn a_silence_for_ever_ends_with_a_reset_of_the_stream_alone() {
    let stage = Stage::with(vec![OriginAct::Silence { us: 10_000 }]);
    let mut peer = Peer::connect(&stage).await;
    let (silent, other) = (peer.get(1).await, peer.get(2).await);
    assert_eq!(peer.reply(other).await.owner, Some((2, 1)));
    assert_eq!(peer.on(silent).await, Got::Reset(silent, ErrorCode::INTERNAL_ERROR));
}

#[tokio::test]
async fn a_stream_is_reset_before_amid_and_after_its_reply() {
    let codes = [
        (ResetCode::NoError, ErrorCode::NO_ERROR),
        (ResetCode::RefusedStream, ErrorCode::REFUSED_STREAM),
        (ResetCode::Cancel, ErrorCode::CANCEL),
        (ResetCode::InternalError, ErrorCode::INTERNAL_ERROR),
    ];
    for (planned, code) in codes {
        let early = interim(103, InterimLength::Absent, Segment::Own);
        for (before, frames) in [(vec![], 0), (vec![early], 1), (vec![ok(64)], 2)] {
            let stage = Stage::with(before.into_iter().chain([OriginAct::Reset(planned)]).collect());
            let mut peer = Peer::connect(&stage).await;
            let id = peer.get(1).await;
            for _ in 0..frames {
                assert!(matches!(peer.on(id).await, Got::Head(..) | Got::Data(..)));
            }
            assert_eq!(peer.on(id).await, Got::Reset(id, code));
            assert_eq!(stage.performed(FaultKind::Reset).await, Performed::Fully);
            assert_eq!(stage.seen(1, 1).await.len(), 1);
        }
    }
}

#[tokio::test]
async fn a_refused_request_may_come_again_and_is_answered_well() {
    let stage = Stage::with(vec![OriginAct::Reset(ResetCode::RefusedStream)]);
    let mut peer = Peer::connect(&stage).await;
    let id = peer.request("POST", 1, &[], false).await;
    assert_eq!(peer.on(id).await, Got::Reset(id, ErrorCode::REFUSED_STREAM));
    // What was under way is read over.
    peer.data(id, b"late", true).await;
    let again = peer.get(1).await;
    assert_eq!(peer.reply(again).await.body.len(), 256);
    assert_eq!(stage.seen(1, 2).await[1].attempt, Attempt(2));
}

#[tokio::test]
async fn late_frames_come_on_a_stream_that_was_reset() {
    let late = surplus(SECOND, SurplusTiming::Idle { us: 2_000 });
    let stage = Stage::with(vec![OriginAct::Reset(ResetCode::RefusedStream), late]);
    let mut peer = Peer::connect(&stage).await;
    let id = peer.get(1).await;
    assert_eq!(peer.on(id).await, Got::Reset(id, ErrorCode::REFUSED_STREAM));
    assert_eq!(peer.reply(id).await.owner, Some((1, 1)));
    let replied = stage.replied(1, 1).await;
    assert_eq!((replied.kind, replied.performed), (DeliveryKind::Surplus, Performed::Fully));
}

#[tokio::test]
async fn behind_a_goaway_only_the_streams_that_it_names_are_answered() {
    for (last, answered) in [(LastStream::This, true), (LastStream::Before, false)] {
        let released = Event { exchange: ExchangeId(9), kind: EventKind::Aborted };
        let stage = Stage::new();
        let waits = vec![OriginAct::Hold(Hold::Event(released)), ok(64)];
        let leaves = vec![OriginAct::Hold(Hold::Bait), OriginAct::GoAway(GoAway { last }), ok(64)];
        stage.load(&[(1, leaves), (5, waits.clone()), (2, waits)], Vec::new());
        let mut peer = Peer::connect(&stage).await;
        let (before, own, behind) = (peer.get(5).await, peer.get(1).await, peer.get(2).await);
        let expected = if answered { own } else { before };
        let end = peer.find("GOAWAY", |got| matches!(got, Got::GoAway(..))).await;
        assert_eq!(end, Got::GoAway(expected, ErrorCode::NO_ERROR));
        assert_eq!(stage.performed(FaultKind::GoAway).await, Performed::Fully);
        // One that was under way when the end was announced.
        let late = peer.get(3).await;
        stage.event(3, EventKind::Seen).await;
        stage.notify(9, EventKind::Aborted);
        assert_eq!(peer.reply(before).await.owner, Some((5, 1)));
        if answered {
            assert_eq!(peer.reply(own).await.owner, Some((1, 1)));
        }
        let rest = peer.rest().await;
        let unanswered = [behind, late];
        assert!(!rest.iter().any(|got| matches!(got, Got::Head(id, ..) if unanswered.contains(id))), "{rest:?}");
        assert!(rest.iter().all(|got| matches!(got, Got::Room(..) | Got::Settings(_))), "{rest:?}");
    }
}

#[tokio::test]
async fn a_goaway_that_names_every_stream_leaves_the_connection_open() {
    let stage = Stage::with(vec![OriginAct::GoAway(GoAway { last: LastStream::Any }), ok(64)]);
    let mut peer = Peer::connect(&stage).await;
    let id = peer.get(1).await;
    let end = peer.find("GOAWAY", |got| matches!(got, Got::GoAway(..))).await;
    assert_eq!(end, Got::GoAway(i32::MAX as u32, ErrorCode::NO_ERROR));
    assert_eq!(peer.reply(id).await.owner, Some((1, 1)));
    let under_way = peer.get(2).await;
    assert_eq!(peer.reply(under_way).await.owner, Some((2, 1)));
}

#[tokio::test]
async fn a_setting_changes_while_streams_are_open() {
    use http2::SettingId;
    let table = [
        (SettingsChange::HeaderTable(0), SettingId::HEADER_TABLE_SIZE.of(0)),
        (SettingsChange::InitialWindow(10), SettingId::INITIAL_WINDOW_SIZE.of(10)),
        (SettingsChange::ConcurrentStreams(1), SettingId::MAX_CONCURRENT_STREAMS.of(1)),
    ];
    for (change, setting) in table {
        let stage = Stage::with(vec![OriginAct::Settings(change), OriginAct::Hold(Hold::Body), ok(64)]);
        let mut peer = Peer::connect(&stage).await;
        let id = peer.request("POST", 1, &[], false).await;
        peer.find("the change", |got| *got == Got::Settings(vec![setting])).await;
        assert_eq!(stage.performed(FaultKind::Settings).await, Performed::Fully);
        peer.data(id, b"12345", true).await;
        assert_eq!(peer.reply(id).await.owner, Some((1, 1)));
    }
}

#[tokio::test]
async fn more_streams_than_were_announced_are_refused_once_that_is_acknowledged() {
    let change = OriginAct::Settings(SettingsChange::ConcurrentStreams(1));
    let stage = Stage::with(vec![change, OriginAct::Hold(Hold::Body), ok(64)]);
    let mut peer = Peer::connect(&stage).await;
    let id = peer.request("POST", 1, &[], false).await;
    let is_change = |got: &Got| matches!(got, Got::Settings(settings) if settings.len() == 1);
    peer.find("the change", is_change).await;
    let other = peer.get(2).await;
    assert_eq!(peer.on(other).await, Got::Reset(other, ErrorCode::REFUSED_STREAM));
    peer.data(id, b"12345", true).await;
    assert_eq!(peer.reply(id).await.owner, Some((1, 1)));
    let again = peer.get(2).await;
    assert_eq!(peer.reply(again).await.owner, Some((2, 1)));
}
