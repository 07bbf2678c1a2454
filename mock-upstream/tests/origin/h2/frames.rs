//! How a reply stands in frames: cuts, padding, empty frames, blocks in pieces, the table of fields; and the windows.

use http2::hpack::decoder::Spelling;
use http2::{ErrorCode, SettingId, StreamId, frame};
use vocabulary::directive::{FaultKind, Final, Frames, OriginAct, Table};
use vocabulary::history::Performed;

use super::peer::{Got, Peer};
use crate::stage::{Stage, final_with, ok};

fn framed(bytes: u64, frames: Frames) -> OriginAct {
    final_with(bytes, |reply| reply.frames = frames)
}

/// The frames of the only reply, without its head.
async fn data(stage: &Stage, peer: &mut Peer) -> Vec<(usize, usize, bool)> {
    let (id, mut frames) = (peer.get(1).await, Vec::new());
    peer.head(id).await;
    loop {
        let Got::Data(_, bytes, padding, ends) = peer.on(id).await else { panic!("{}", stage.story()) };
        frames.push((bytes.len(), padding, ends));
        if ends {
            return frames;
        }
    }
}

#[tokio::test]
async fn a_body_is_cut_padded_and_announced_as_planned() {
    let plain = Frames::default();
    let table = [
        (plain, vec![(100, 0, true)]),
        (Frames { data: 40, ..plain }, vec![(40, 0, false), (40, 0, false), (20, 0, true)]),
        (Frames { padding: 9, data: 60, ..plain }, vec![(60, 9, false), (40, 9, true)]),
        (Frames { padding: 4_000_000, ..plain }, vec![(100, 255, true)]),
        (Frames { empty: true, data: 60, ..plain }, vec![(0, 0, false), (60, 0, false), (40, 0, true)]),
        (Frames { end_apart: true, ..plain }, vec![(100, 0, false), (0, 0, true)]),
    ];
    for (frames, expected) in table {
        let stage = Stage::with(vec![framed(100, frames)]);
        let mut peer = Peer::connect(&stage).await;
        assert_eq!(data(&stage, &mut peer).await, expected, "{frames:?}");
        assert_eq!(stage.replied(1, 1).await.performed, Performed::Fully);
    }
}

#[tokio::test]
async fn a_body_comes_byte_by_byte() {
    let stage = Stage::with(vec![framed(300, Frames { data: 1, ..Frames::default() })]);
    let mut peer = Peer::connect(&stage).await;
    let id = peer.get(1).await;
    let reply = peer.reply(id).await;
    assert_eq!((reply.cuts, reply.owner), (vec![1; 300], Some((1, 1))));
}

#[tokio::test]
async fn a_block_of_fields_is_cut_as_planned() {
    for (block, least) in [(0, 1), (16, 8), (1, 100)] {
        let stage = Stage::with(vec![final_with(64, |reply| {
            reply.frames.block = block;
            reply.trailers = true;
        })]);
        let mut peer = Peer::connect(&stage).await;
        let id = peer.get(1).await;
        let Got::Head(_, _, head, false) = peer.on(id).await else { panic!("no head") };
        peer.on(id).await;
        let Got::Head(_, _, trailer, true) = peer.on(id).await else { panic!("no trailer") };
        assert!(head >= least && (trailer > 1) == (block > 0), "{block}: {head} and {trailer} frames");
        assert!(block > 0 || head == 1);
    }
}

#[tokio::test]
async fn fields_have_to_do_with_the_table_what_is_planned() {
    let added = |spelled: &[Spelling]| spelled.iter().filter(|spelling| **spelling == Spelling::Added).count();
    let named = |spelled: &[Spelling]| spelled.iter().any(|spelling| matches!(spelling, Spelling::Indexed(_)));
    let all = [Table::Shared, Table::Filled, Table::Unused];
    let stage = Stage::new();
    let exchanges = (1..).zip(all.into_iter().flat_map(|table| [table, table]));
    let planned =
        exchanges.map(|(exchange, table)| (exchange, vec![framed(64, Frames { table, ..Frames::default() })]));
    stage.load(&planned.collect::<Vec<_>>(), Vec::new());
    let mut peer = Peer::connect(&stage).await;
    let mut spelled = Vec::new();
    for exchange in 1..=6 {
        let id = peer.get(exchange).await;
        assert_eq!(peer.reply(id).await.owner, Some((exchange, 1)));
        spelled.push(std::mem::take(&mut peer.spelled));
    }
    // :status, content-type, x-crosswire, etag, date, content-length: of the second reply, the first two are known.
    assert_eq!(spelled[0].iter().filter(|spelling| **spelling == Spelling::Literal).count(), 3);
    assert!(matches!(spelled[1][1], Spelling::Indexed(62..)), "{:?}", spelled[1]);
    assert_eq!(added(&spelled[1]), 1);
    // Of a table that takes everything, the date is another only if a second has passed.
    assert!(matches!(added(&spelled[3]), 2 | 3), "{:?}", spelled[3]);
    assert_eq!(spelled[5], [Spelling::Literal; 6]);
    assert!(named(&spelled[3]) && !named(&spelled[4]));
}

#[tokio::test]
async fn a_table_that_the_client_makes_smaller_is_used_no_more() {
    let stage = Stage::new();
    let mut peer = Peer::with(&stage, &[SettingId::HEADER_TABLE_SIZE.of(0)]).await;
    for exchange in 1..=3 {
        let id = peer.get(exchange).await;
        assert_eq!(peer.reply(id).await.owner, Some((exchange, 1)));
        assert!(!peer.spelled.iter().any(|spelling| matches!(spelling, Spelling::Indexed(62..))));
    }
}

#[tokio::test]
async fn a_block_that_is_too_large_for_the_client_is_sent_all_the_same() {
    let stage = Stage::with(vec![final_with(64, |reply| reply.padding = 40_000)]);
    let mut peer = Peer::with(&stage, &[SettingId::MAX_HEADER_LIST_SIZE.of(1000)]).await;
    let id = peer.get(1).await;
    let Got::Head(_, head, frames, false) = peer.on(id).await else { panic!("no head") };
    assert!(head.len() > 40_000 && frames > 1, "{} bytes in {frames} frames", head.len());
    assert_eq!(stage.performed(FaultKind::LargeHead).await, Performed::Fully);
    // The table is what both make of all blocks.
    let next = peer.get(2).await;
    assert_eq!(peer.reply(next).await.owner, Some((2, 1)));
}

#[tokio::test]
async fn frames_are_as_long_as_the_client_takes_them() {
    let stage = Stage::with(vec![ok(60_000)]);
    let settings = [SettingId::MAX_FRAME_SIZE.of(20_000)];
    let mut peer = Peer::with(&stage, &settings).await;
    peer.takes_frames_of(20_000);
    let id = peer.get(1).await;
    assert_eq!(peer.reply(id).await.cuts, [20_000, 20_000, 20_000]);

    let stage = Stage::with(vec![ok(60_000)]);
    let mut peer = Peer::connect(&stage).await;
    let id = peer.get(1).await;
    assert!(peer.reply(id).await.cuts.into_iter().all(|bytes| bytes <= 16_384));
}

#[tokio::test]
async fn nothing_is_sent_beyond_the_window_of_a_stream() {
    let stage = Stage::with(vec![ok(64)]);
    let mut peer = Peer::with(&stage, &[SettingId::INITIAL_WINDOW_SIZE.of(10)]).await;
    let (id, other) = (peer.get(1).await, peer.get(2).await);
    peer.head(id).await;
    let body = peer.striped(1, 1, 64);
    assert_eq!(peer.on(id).await, Got::Data(id, body[..10].to_vec(), 0, false));
    peer.ping().await;
    assert!(!peer.has_unread(id));
    // The other stream has a window of its own.
    peer.room(other, 1000).await;
    assert_eq!(peer.reply(other).await.body.len(), 256);
    peer.room(id, 1).await;
    assert_eq!(peer.on(id).await, Got::Data(id, body[10..11].to_vec(), 0, false));
    // RFC 9113 §6.9.2: what was used counts against a smaller window, which is below zero then.
    let mut out = Vec::new();
    frame::settings(&mut out, &[SettingId::INITIAL_WINDOW_SIZE.of(4)]);
    frame::window_update(&mut out, StreamId(id), 6);
    peer.send(&out).await;
    peer.ping().await;
    assert!(!peer.has_unread(id));
    peer.room(id, 1000).await;
    assert_eq!(peer.on(id).await, Got::Data(id, body[11..].to_vec(), 0, true));
    assert_eq!(stage.replied(1, 1).await.performed, Performed::Fully);
}

#[tokio::test]
async fn nothing_is_sent_beyond_the_window_of_the_connection() {
    let stage = Stage::with(vec![ok(100_000)]);
    let mut peer = Peer::with(&stage, &[SettingId::INITIAL_WINDOW_SIZE.of(1 << 20)]).await;
    let id = peer.get(1).await;
    peer.head(id).await;
    let mut received = 0;
    while received < 65_535 {
        let Got::Data(_, bytes, _, false) = peer.on(id).await else { panic!("no data") };
        received += bytes.len();
    }
    assert_eq!(received, 65_535);
    peer.ping().await;
    assert!(!peer.has_unread(id));
    peer.room(0, 50_000).await;
    while received < 100_000 {
        let Got::Data(_, bytes, ..) = peer.on(id).await else { panic!("no data") };
        received += bytes.len();
    }
    assert_eq!(received, 100_000);
}

#[tokio::test]
async fn padding_counts_and_is_left_out_where_there_is_no_room_for_it() {
    let stage = Stage::with(vec![framed(64, Frames { padding: 19, data: 20, ..Frames::default() })]);
    let mut peer = Peer::with(&stage, &[SettingId::INITIAL_WINDOW_SIZE.of(45)]).await;
    let id = peer.get(1).await;
    peer.head(id).await;
    for (bytes, padding) in [(20, 19), (5, 0)] {
        let Got::Data(_, got, padded, false) = peer.on(id).await else { panic!("no data") };
        assert_eq!((got.len(), padded), (bytes, padding));
    }
    peer.ping().await;
    assert!(!peer.has_unread(id));
}

#[tokio::test]
async fn windows_that_open_by_nothing_or_too_far_end_their_stream() {
    for (bytes, code) in [(0, ErrorCode::PROTOCOL_ERROR), (i32::MAX as u32, ErrorCode::FLOW_CONTROL_ERROR)] {
        let stage = Stage::with(vec![ok(70_000)]);
        let mut peer = Peer::with(&stage, &[]).await;
        let id = peer.get(1).await;
        peer.head(id).await;
        // One byte is left in the window, so that the sum is beyond any bound.
        let mut received = 0;
        while received < 65_535 {
            let Got::Data(_, bytes, ..) = peer.on(id).await else { panic!("no data") };
            received += bytes.len();
        }
        peer.room(id, 1).await;
        peer.room(id, bytes).await;
        assert_eq!(peer.on(id).await, Got::Reset(id, code));
        assert_eq!(stage.replied(1, 1).await.performed, Performed::Expired);
        let next = peer.get(2).await;
        peer.room(0, 1000).await;
        assert_eq!(peer.reply(next).await.owner, Some((2, 1)));
    }
}

#[tokio::test]
async fn a_reply_of_no_bytes_ends_with_its_head() {
    let stage = Stage::with(vec![OriginAct::Final(Final::ok(0))]);
    let mut peer = Peer::connect(&stage).await;
    let id = peer.get(1).await;
    assert!(matches!(peer.on(id).await, Got::Head(_, _, _, true)));
}
