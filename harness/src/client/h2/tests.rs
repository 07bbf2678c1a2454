//! The rules of the clients over HTTP/2, one by one, against a gateway that follows a script.

use http2::frame::{self, PAYLOAD_BYTES_DEFAULT};
use http2::{ErrorCode, SettingId, StreamId};
use vocabulary::canary::BodyState;
use vocabulary::history::{Completeness, UnaskedKind, Why};
use vocabulary::identity::{self, ExchangeId, Ordinal};
use vocabulary::plan::{ConnectionUse, EventKind, Stimulus};

use super::super::stage::{after, body, deliveries, get, lane};
use super::stage::{Peer, Sent, beside, of_tenant, play};

#[tokio::test]
async fn a_connection_carries_batch_after_batch() {
    let played = play(vec![lane([get(1), get(2)])], async |gateway| {
        let mut peer = Peer::accept(gateway).await;
        let head = peer.serve(1).await;
        assert!(head.starts_with(":method: GET\n:scheme: http\n:authority: gateway.test\n:path: /api/cw/"), "{head}");
        peer.serve(2).await;
        peer.end().await;
    })
    .await;
    for (exchange, stream) in [(1, 1), (2, 3)] {
        let (sent, received) = (played.sent(exchange), played.received(exchange));
        assert_eq!((received.connection.0, received.ordinal), (1, Ordinal(exchange)));
        assert_eq!((sent.ordinal, sent.stream), (Ordinal(exchange), Some(identity::StreamId(stream))));
        assert_eq!(received.stream, sent.stream);
        assert_eq!((received.body, received.completeness), (BodyState::Intact, Completeness::Whole));
        assert_eq!(received.head, "HTTP/2 200\ncontent-length: 200\n\n");
        assert!(
            sent.head.starts_with("GET /api/cw/") && sent.head.contains(" HTTP/2\nhost: gateway.test\nuser-agent: ")
        );
        assert_eq!(deliveries(&received.canaries), [format!("d{exchange}")]);
    }
    assert_eq!(
        played.told,
        [(1, EventKind::Sent), (1, EventKind::Concluded), (2, EventKind::Sent), (2, EventKind::Concluded)]
    );
    assert!(played.unasked().is_empty());
}

#[tokio::test]
async fn sixteen_streams_of_four_tenants_may_be_answered_in_any_order() {
    let stimuli = (1..=16).map(|exchange| of_tenant(1 + (exchange as u16 - 1) % 4, beside(exchange)));
    let played = play(vec![lane(stimuli)], async |gateway| {
        let mut peer = Peer::accept(gateway).await;
        let streams = peer.requests(16).await;
        assert_eq!(streams.values().copied().collect::<Vec<_>>(), (0..16).map(|n| 2 * n + 1).collect::<Vec<_>>());
        for (exchange, stream) in streams.iter().rev() {
            peer.reply(*stream, *exchange, 1);
        }
        peer.send().await;
        peer.end().await;
    })
    .await;
    for exchange in 1..=16 {
        assert_eq!(deliveries(&played.received(exchange).canaries), [format!("d{exchange}")]);
        assert_eq!(played.sent(exchange).tenant.0, 1 + (exchange as u16 - 1) % 4);
    }
    let order = |kind| {
        let told = played.told.iter().filter(move |(_, told)| *told == kind);
        told.map(|(exchange, _)| *exchange).collect::<Vec<_>>()
    };
    assert_eq!(order(EventKind::Sent), (1..=16).collect::<Vec<_>>(), "in the order of the plan");
    assert_eq!(order(EventKind::Concluded), (1..=16).rev().collect::<Vec<_>>(), "in the order in which replies came");
}

#[tokio::test]
async fn a_reply_is_credited_to_the_stream_on_which_it_came_whosever_it_is() {
    let played = play(vec![lane([get(1), of_tenant(2, beside(2))])], async |gateway| {
        let mut peer = Peer::accept(gateway).await;
        let streams = peer.requests(2).await;
        peer.reply(streams[&1], 2, 1);
        peer.reply(streams[&2], 1, 1);
        peer.send().await;
    })
    .await;
    assert_eq!([1, 2].map(|exchange| deliveries(&played.received(exchange).canaries)), [["d2"], ["d1"]]);
    assert!(played.unasked().is_empty());
}

#[tokio::test]
async fn each_request_goes_out_as_soon_as_its_own_start_allows() {
    let waits = |exchange, kind| Stimulus { start: after(1, kind), ..beside(exchange) };
    let stimuli = [get(1), waits(2, EventKind::Seen), beside(3), waits(4, EventKind::InterimWritten)];
    let stimuli = stimuli.into_iter().chain([5, 6].map(|exchange| waits(exchange, EventKind::Seen)));
    play(vec![lane(stimuli)], async |gateway| {
        let mut peer = Peer::accept(gateway).await;
        let mut arrive = async |count| {
            let mut order = Vec::new();
            for _ in 0..count {
                let (stream, text) = peer.request().await;
                order.push((super::stage::exchange_in(&text), stream));
            }
            order
        };
        let mut all = arrive(2).await;
        gateway.happens(1, EventKind::Seen);
        all.extend(arrive(3).await);
        gateway.happens(1, EventKind::InterimWritten);
        all.extend(arrive(1).await);
        let order: Vec<u32> = all.iter().map(|(exchange, _)| *exchange).collect();
        assert_eq!(
            order,
            [1, 3, 2, 5, 6, 4],
            "none waits for a reply; where starts are equal, the plan's order is kept"
        );
        for (exchange, stream) in all {
            peer.reply(stream, exchange, 1);
        }
        peer.send().await;
    })
    .await;
}

#[tokio::test]
async fn no_more_streams_are_open_than_the_gateway_allows() {
    let played = play(vec![lane([get(1), beside(2), beside(3), beside(4)])], async |gateway| {
        let mut peer = Peer::accept_with(gateway, &[SettingId::MAX_CONCURRENT_STREAMS.of(2)]).await;
        let mut streams = peer.requests(2).await;
        gateway.all_lanes_wait().await;
        frame::ping(&mut peer.out, *b"all come", false);
        peer.send().await;
        // Whatever had been sent before would come first.
        while !matches!(peer.next().await, Some(Sent::PingAck(_))) {}
        for exchange in 1..=4 {
            peer.reply(streams[&exchange], exchange, 1);
            peer.send().await;
            if exchange <= 2 {
                streams.append(&mut peer.requests(1).await);
            }
        }
    })
    .await;
    assert_eq!([1, 2, 3, 4].map(|exchange| played.received(exchange).connection.0), [1; 4]);
}

#[tokio::test]
async fn a_gateway_that_allows_no_stream_is_not_waited_for_without_end() {
    let played = play(vec![lane([get(1), beside(2)])], async |gateway| {
        let mut peer = Peer::accept_with(gateway, &[SettingId::MAX_CONCURRENT_STREAMS.of(0)]).await;
        peer.end().await;
        let mut peer = Peer::accept(gateway).await;
        peer.serve(2).await;
    })
    .await;
    assert_eq!((played.gave_up(1).why, &played.gave_up(1).partial), (Why::NoReply, &None));
    assert_eq!(played.received(2).connection.0, 2);
}

#[tokio::test]
async fn a_fresh_connection_is_a_new_one_with_streams_and_tables_of_its_own() {
    let played =
        play(vec![lane([get(1), Stimulus { connection: ConnectionUse::Fresh, ..get(2) }, get(3)])], async |gateway| {
            Peer::accept(gateway).await.serve(1).await;
            let mut second = Peer::accept(gateway).await;
            second.serve(2).await;
            second.serve(3).await;
        })
        .await;
    let place = |exchange| (played.received(exchange).connection.0, played.received(exchange).stream.unwrap().0);
    assert_eq!([1, 2, 3].map(place), [(1, 1), (2, 1), (2, 3)]);
}

#[tokio::test]
async fn a_refused_stream_and_a_reset_one_leave_the_others_alone() {
    let played = play(vec![lane([get(1), beside(2), beside(3), get(4)])], async |gateway| {
        let mut peer = Peer::accept(gateway).await;
        let streams = peer.requests(3).await;
        frame::rst_stream(&mut peer.out, StreamId(streams[&1]), ErrorCode::REFUSED_STREAM);
        peer.head(streams[&2], &[(":status", "200"), ("content-length", "200")], false);
        peer.data(streams[&2], &body(2, 1)[..100], false);
        frame::rst_stream(&mut peer.out, StreamId(streams[&2]), ErrorCode::NO_ERROR);
        peer.reply(streams[&3], 3, 1);
        // RFC 9113 §8.1: behind a whole reply it is lawful.
        frame::rst_stream(&mut peer.out, StreamId(streams[&3]), ErrorCode::NO_ERROR);
        peer.send().await;
        peer.serve(4).await;
    })
    .await;
    assert_eq!((played.gave_up(1).why, &played.gave_up(1).partial), (Why::Refused, &None));
    assert_eq!(played.gave_up(2).why, Why::Reset);
    let partial = played.gave_up(2).partial.as_ref().unwrap();
    assert_eq!((partial.body, partial.completeness), (BodyState::CutAfter(100), Completeness::CutOff));
    assert_eq!(partial.stream, Some(identity::StreamId(3)));
    assert_eq!([3, 4].map(|exchange| played.received(exchange).connection.0), [1, 1]);
    assert!(played.unasked().is_empty());
}

#[tokio::test]
async fn behind_a_goaway_nothing_is_awaited_and_what_was_not_begun_goes_out_elsewhere() {
    let waits = Stimulus { start: after(1, EventKind::Concluded), ..beside(3) };
    let played = play(vec![lane([get(1), beside(2), waits, get(4)])], async |gateway| {
        let mut peer = Peer::accept(gateway).await;
        let streams = peer.requests(2).await;
        frame::go_away(&mut peer.out, StreamId(streams[&1]), ErrorCode::NO_ERROR, b"");
        peer.send().await;
        gateway.awaits(2, EventKind::Concluded).await;
        peer.reply(streams[&1], 1, 1);
        peer.send().await;
        let mut second = Peer::accept(gateway).await;
        second.serve(3).await;
        second.serve(4).await;
    })
    .await;
    assert_eq!((played.gave_up(2).why, &played.gave_up(2).partial), (Why::Refused, &None));
    assert_eq!([1, 3, 4].map(|exchange| played.received(exchange).connection.0), [1, 2, 2]);
    assert!(played.unasked().is_empty(), "that a connection ends is no anomaly");
}

#[tokio::test]
async fn an_announced_end_that_refuses_nothing_lets_every_reply_come() {
    let played = play(vec![lane([get(1), beside(2), get(3)])], async |gateway| {
        let mut peer = Peer::accept(gateway).await;
        let streams = peer.requests(2).await;
        frame::go_away(&mut peer.out, StreamId(u32::MAX >> 1), ErrorCode::NO_ERROR, b"");
        [1, 2].into_iter().for_each(|exchange| peer.reply(streams[&exchange], exchange, 1));
        peer.send().await;
        Peer::accept(gateway).await.serve(3).await;
    })
    .await;
    assert_eq!([1, 2, 3].map(|exchange| played.received(exchange).connection.0), [1, 1, 2]);
}

#[tokio::test]
async fn what_comes_on_an_ended_stream_is_reported_and_its_connection_is_not_used_again() {
    let played = play(vec![lane([get(1), beside(2), get(3)])], async |gateway| {
        let mut peer = Peer::accept(gateway).await;
        let streams = peer.requests(2).await;
        peer.reply(streams[&1], 1, 1);
        peer.data(streams[&1], &body(1, 2)[..100], false);
        peer.head(streams[&1], &[(":status", "200"), ("x-late", &body(9, 1)[..48])], true);
        peer.reply(streams[&2], 2, 1);
        peer.send().await;
        peer.end().await;
        Peer::accept(gateway).await.serve(3).await;
    })
    .await;
    assert_eq!(deliveries(&played.received(1).canaries), ["d1"]);
    assert_eq!(deliveries(&played.received(2).canaries), ["d2"], "the other stream goes on");
    assert_eq!(played.received(3).connection.0, 2);
    let [late] = played.unasked() else { panic!("{:?}", played.unasked()) };
    assert_eq!((late.looks_like, late.after), (UnaskedKind::LateFrames, Some(ExchangeId(1))));
    assert_eq!(deliveries(&late.canaries), ["d1.2", "d9"]);
    assert!(late.excerpt.contains("HTTP/2 200\nx-late: "), "{}", late.excerpt);
}

#[tokio::test]
async fn what_comes_while_nothing_is_asked_is_reported_for_its_stream() {
    let waits = Stimulus { start: after(1, EventKind::SurplusWritten), ..get(2) };
    let played = play(vec![lane([get(1), waits])], async |gateway| {
        let mut peer = Peer::accept(gateway).await;
        peer.serve(1).await;
        gateway.awaits(1, EventKind::Concluded).await;
        peer.head(1, &[(":status", "200"), ("content-length", "200")], false);
        peer.data(1, body(1, 2), true);
        // A stream of nobody's.
        peer.data(2, body(9, 1), true);
        peer.send().await;
        gateway.happens(1, EventKind::SurplusWritten);
        Peer::accept(gateway).await.serve(2).await;
    })
    .await;
    let told: Vec<_> = played.unasked().iter().map(|late| (late.after, deliveries(&late.canaries))).collect();
    assert_eq!(told, [(Some(ExchangeId(1)), vec!["d1.2".to_owned()]), (None, vec!["d9".to_owned()])]);
    assert!(played.unasked().iter().all(|late| late.looks_like == UnaskedKind::LateFrames));
    assert_eq!(played.received(2).connection.0, 2);
}

/// RFC 9113 §5.1: those may come on a stream that is over, and say nothing.
#[tokio::test]
async fn window_updates_resets_and_priorities_on_ended_streams_are_nothing_to_report() {
    let played = play(vec![lane([get(1), get(2)])], async |gateway| {
        let mut peer = Peer::accept(gateway).await;
        peer.serve(1).await;
        gateway.awaits(1, EventKind::Concluded).await;
        frame::window_update(&mut peer.out, StreamId(1), 10);
        frame::rst_stream(&mut peer.out, StreamId(1), ErrorCode::CANCEL);
        frame::write_head(&mut peer.out, 5, http2::Kind::Priority, 0, StreamId(1));
        peer.out.extend_from_slice(&[0; 5]);
        frame::write_head(&mut peer.out, 0, http2::Kind::Unknown(99), 0, StreamId(1));
        peer.send().await;
        peer.serve(2).await;
    })
    .await;
    assert_eq!(played.received(2).connection.0, 1);
    assert!(played.unasked().is_empty());
}

#[tokio::test]
async fn an_idle_connection_answers_pings_and_settings_and_heeds_its_announced_end() {
    let waits = |exchange, kind| Stimulus { start: after(1, kind), ..get(exchange) };
    let stimuli = [get(1), waits(2, EventKind::FinalWritten), waits(3, EventKind::SurplusWritten)];
    let played = play(vec![lane(stimuli)], async |gateway| {
        let mut peer = Peer::accept(gateway).await;
        peer.serve(1).await;
        gateway.awaits(1, EventKind::Concluded).await;
        while peer.held().is_some() {}
        frame::ping(&mut peer.out, *b"are you?", false);
        frame::settings(&mut peer.out, &[SettingId::HEADER_TABLE_SIZE.of(0)]);
        peer.send().await;
        let mut told = Vec::new();
        while told.len() < 2 {
            match peer.next().await.unwrap() {
                Sent::PingAck(opaque) => told.push(opaque),
                Sent::SettingsAck => told.push(*b"settings"),
                _ => {}
            }
        }
        assert!(told.contains(b"are you?"));
        gateway.happens(1, EventKind::FinalWritten);
        peer.serve(2).await;
        gateway.awaits(2, EventKind::Concluded).await;
        frame::go_away(&mut peer.out, StreamId(3), ErrorCode::NO_ERROR, b"idle");
        // The answer to it says that what went before has been read.
        frame::ping(&mut peer.out, *b"read it?", false);
        peer.send().await;
        while !matches!(peer.next().await.unwrap(), Sent::PingAck(_)) {}
        gateway.happens(1, EventKind::SurplusWritten);
        Peer::accept(gateway).await.serve(3).await;
    })
    .await;
    assert_eq!([2, 3].map(|exchange| played.received(exchange).connection.0), [1, 2]);
    assert!(played.unasked().is_empty());
}

#[tokio::test]
async fn a_connection_that_ends_ends_every_exchange_on_it_with_what_had_come() {
    for (reset, why) in [(false, Why::Closed), (true, Why::Reset)] {
        let played = play(vec![lane([get(1), beside(2), get(3)])], async |gateway| {
            let mut peer = Peer::accept(gateway).await;
            let streams = peer.requests(2).await;
            peer.head(streams[&1], &[(":status", "200"), ("content-length", "200")], false);
            // A frame that is cut counts as far as it came.
            let mut whole = Vec::new();
            frame::data(&mut whole, StreamId(streams[&1]), body(1, 1).as_bytes(), true, None);
            peer.out.extend_from_slice(&whole[..109]);
            peer.send().await;
            gateway.all_lanes_wait().await;
            match reset {
                true => peer.hang_up(),
                false => drop(peer),
            }
            Peer::accept(gateway).await.serve(3).await;
        })
        .await;
        assert_eq!([1, 2].map(|exchange| played.gave_up(exchange).why), [why; 2]);
        // A reset may overtake bytes that the kernel has not handed out.
        if let Some(partial) = &played.gave_up(1).partial {
            assert_eq!((partial.body, partial.completeness), (BodyState::CutAfter(100), Completeness::CutOff));
        } else {
            assert!(reset);
        }
        assert_eq!(played.gave_up(2).partial, None);
        assert_eq!(played.received(3).connection.0, 2);
        assert!(played.unasked().is_empty());
    }
}

#[tokio::test]
async fn a_gateway_that_cannot_be_reached_ends_each_exchange() {
    let played = play(vec![lane([get(1), beside(2)])], async |gateway| gateway.stop_listening()).await;
    assert_eq!([1, 2].map(|exchange| played.gave_up(exchange).why), [Why::Unreachable; 2]);
}

#[tokio::test]
async fn a_block_in_many_frames_and_padded_data_are_read_like_any_other() {
    let played = play(vec![lane([get(1)])], async |gateway| {
        let mut peer = Peer::accept(gateway).await;
        let (stream, _) = peer.request().await;
        let mut whole = Vec::new();
        std::mem::swap(&mut whole, &mut peer.out);
        peer.head(stream, &[(":status", "200"), ("content-length", "200")], false);
        let block = peer.out.split_off(frame::HEAD_BYTES);
        peer.out.clear();
        frame::headers(&mut peer.out, StreamId(stream), &block, false, 1);
        let text = body(1, 1);
        frame::data(&mut peer.out, StreamId(stream), b"", false, Some(255));
        frame::data(&mut peer.out, StreamId(stream), &text.as_bytes()[..1], false, Some(7));
        frame::data(&mut peer.out, StreamId(stream), &text.as_bytes()[1..], false, None);
        frame::data(&mut peer.out, StreamId(stream), b"", true, None);
        peer.send().await;
    })
    .await;
    assert_eq!((played.received(1).body, played.received(1).completeness), (BodyState::Intact, Completeness::Whole));
}

#[tokio::test]
async fn a_large_reply_comes_in_full_as_room_is_given_back() {
    let large = Stimulus { directive: vocabulary::directive::Directive::benign(1 << 20), ..get(1) };
    let played = play(vec![lane([large, beside(2)])], async |gateway| {
        let mut peer = Peer::accept(gateway).await;
        let streams = peer.requests(2).await;
        let (copies, mut room) = (body(1, 1).repeat(5_000), [(streams[&1], 65_535), (0, 1 << 20)]);
        peer.head(streams[&1], &[(":status", "200")], false);
        let mut left = copies.as_bytes();
        while !left.is_empty() {
            let most = room[0].1.min(room[1].1).min(PAYLOAD_BYTES_DEFAULT as usize).min(left.len());
            if most > 0 {
                let (piece, rest) = left.split_at(most);
                peer.data(streams[&1], piece, rest.is_empty());
                peer.send().await;
                room.iter_mut().for_each(|(_, room)| *room -= most);
                left = rest;
            } else if let Sent::WindowUpdate { stream, bytes } = peer.next().await.unwrap() {
                room.iter_mut().filter(|(of, _)| *of == stream).for_each(|(_, room)| *room += bytes as usize);
            }
        }
        peer.reply(streams[&2], 2, 1);
        peer.send().await;
    })
    .await;
    assert_eq!((played.received(1).body_bytes, played.received(1).completeness), (1_000_000, Completeness::Whole));
    assert_eq!(played.received(2).body, BodyState::Intact);
}
