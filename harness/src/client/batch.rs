//! One batch on one connection: requests out, replies in, until nothing is owed any more or the client gives up.
//!
//! A batch is most often one request. Pipelined requests follow in it, and so do the optional exchanges that tails
//! spell. Replies are read while requests are still being written, as an early reply demands. Replies are credited to
//! requests in their order on the connection (RFC 9112 §9.3.2), and only to requests that have been begun: a byte that
//! comes before was not asked for.

use std::cell::Cell;
use std::io;
use std::pin::pin;

use tokio::io::AsyncReadExt;
use tokio::time::{Instant, sleep_until};
use transport::ReadHalf;
use vocabulary::history::{Performed, Why};
use vocabulary::identity::LaneId;
use vocabulary::plan::{AbortHow, Stimulus};

use super::Run;
use super::connection::{Account, Connection, READ_BYTES};
use super::exchange::{Asking, framing_fault};
use super::framing::{Asked, Reuse};
use super::reading::Reply;
use super::receiving::{Ending, Talk};
use super::sending::{Progress, Sender};
use super::waiting::Patience;
use crate::gateway::Frozen;

/// Buffers that a lane uses again and again.
#[derive(Debug)]
pub(super) struct Buffers {
    out: Vec<u8>,
    reply: Reply,
    /// Room for one read.
    pub(super) read: Vec<u8>,
}

impl Default for Buffers {
    fn default() -> Buffers {
        Buffers { out: Vec::new(), reply: Reply::default(), read: vec![0; READ_BYTES] }
    }
}

/// Does a batch on a connection. Returns how many of its stimuli have been sent, at least one, and the connection,
/// unless that was broken or given up; whether it may be used again stands in its account. A gateway that stands still goes
/// on when the first request is written.
pub(super) async fn perform(
    run: &Run,
    lane: LaneId,
    mut connection: Connection,
    stimuli: &[Stimulus],
    frozen: Option<Frozen>,
    buffers: &mut Buffers,
) -> (usize, Option<Connection>) {
    let askings = askings(run, &connection.account, stimuli);
    let progress = Progress::default();
    let id = connection.account.id;
    let (frozen, begun) = (Cell::new(frozen), Cell::new(std::mem::take(&mut connection.account.begun)));
    let sender = Sender { run, lane, connection: id, stimuli, askings: &askings, progress: &progress, frozen, begun };
    let mut talk = Talk::new(run, lane, id, &askings, &progress, &mut buffers.reply);

    let ending = converse(&mut talk, &mut connection, &sender, &mut buffers.out, &mut buffers.read).await;

    let begun = &askings[..progress.begun.get()];
    connection.account.requests += begun.len() as u32;
    connection.account.last = begun.last().map(|asking| asking.exchange).or(connection.account.last);
    let connection = match ending {
        Ending::Settled => Some(connection),
        Ending::Broken(why) => {
            drop(connection);
            talk.give_all_up(why, None);
            None
        }
        Ending::Abort { index, how } => {
            hang_up(connection, how);
            talk.give_all_up(Why::Aborted, Some(index));
            None
        }
    };
    let sent = begun.iter().filter(|asking| asking.patience == Patience::Owed).count();
    // A reply that announced the close has ended the batch: the rest of the request was not wanted any more.
    let told_to_stop = connection.as_ref().is_some_and(|connection| connection.account.reuse == Reuse::Closing);
    let performed = if told_to_stop { Performed::PeerClosedFirst } else { Performed::Expired };
    for cut_short in &stimuli[progress.framed.get().min(sent)..sent] {
        framing_fault(run, cut_short, performed);
    }
    (sent, connection)
}

/// Every request of a batch in the order in which replies are owed.
fn askings<'a>(run: &Run, account: &Account, stimuli: &'a [Stimulus]) -> Vec<Asking<'a>> {
    let mut askings = Vec::with_capacity(stimuli.len());
    for stimulus in stimuli {
        askings.push(Asking {
            stimulus,
            exchange: run.wire(stimulus.exchange),
            ordinal: account.ordinal(askings.len()),
            patience: Patience::Owed,
            asked: Asked::by(&stimulus.request.method),
        });
        // RFC 9112 §6.3 item 7: bytes after a message are the next request, unless the gateway has lost the boundary.
        askings.extend(stimulus.request.tail.map(|tail| Asking {
            stimulus,
            exchange: run.wire(tail),
            ordinal: account.ordinal(askings.len()),
            patience: Patience::Optional,
            asked: Asked::Other,
        }));
    }
    askings
}

/// Ends a connection as planned. That it has ended already is no error.
fn hang_up(connection: Connection, how: AbortHow) {
    let _ = match how {
        AbortHow::Fin | AbortHow::HalfClose => connection.stream.half_close(),
        AbortHow::Rst => connection.stream.set_zero_linger(),
    };
}

/// Writes and reads until the batch has ended on its connection.
async fn converse(
    talk: &mut Talk<'_>,
    connection: &mut Connection,
    sender: &Sender<'_>,
    out: &mut Vec<u8>,
    buffer: &mut [u8],
) -> Ending {
    let Connection { stream, account, .. } = connection;
    let (mut from, mut to) = stream.split();
    let run = talk.run;
    let mut writer = pin!(sender.send(&mut to, out));
    let mut writing = true;
    let mut armed = talk.next_abort();
    let mut abort = pin!(abort_due(run, talk.progress, talk.askings, armed));
    let mut patience = pin!(talk.patience());
    let mut waiting = None;
    loop {
        let owed = talk.is_owed();
        if !owed && (!writing || account.reuse == Reuse::Closing) {
            return Ending::Settled;
        }
        if armed != talk.next_abort() {
            armed = talk.next_abort();
            abort.set(abort_due(run, talk.progress, talk.askings, armed));
        }
        if waiting.is_some() != (owed && !writing) {
            waiting = waiting.is_none().then(|| run.idle.wait());
        }
        let due = match talk.reply_bytes_left() {
            0 if owed => Some(talk.front),
            most => {
                let window = talk.read_window(buffer, most);
                tokio::select! {
                    biased;
                    () = writer.as_mut(), if writing => {
                        writing = false;
                        if talk.progress.unfinished.get() {
                            account.reuse = Reuse::Closing;
                        }
                        None
                    }
                    () = abort.as_mut(), if armed.is_some() => armed,
                    read = read_at(talk.next_read, &mut from, window) => {
                        let ended = match read {
                            Ok(0) => talk.stream_ended(account, None),
                            Err(error) => talk.stream_ended(account, Some(error)),
                            Ok(bytes) => talk.absorb(account, &buffer[..bytes]),
                        };
                        match ended {
                            Some(Ending::Broken(Why::Malformed)) => {
                                talk.gather_strays(&mut from, buffer).await;
                                return Ending::Broken(Why::Malformed);
                            }
                            Some(ended) => return ended,
                            None => None,
                        }
                    }
                    () = patience.as_mut(), if owed && talk.progress.over.get() > talk.front => {
                        match talk.patience_ends(account) {
                            Some(ended) => return ended,
                            None => continue,
                        }
                    }
                }
            }
        };
        if let Some(index) = due {
            let how = talk.askings[index].abort().map_or(AbortHow::Fin, |abort| abort.how);
            if how != AbortHow::HalfClose {
                return Ending::Abort { index, how };
            }
            // That the gateway has closed already is seen by the next read.
            let _ = from.half_close();
            writing = false;
            account.reuse = Reuse::Closing;
            talk.half_closed(index);
        }
        patience.set(talk.patience());
    }
}

/// Resolves when a request is to be aborted for a reason that no reply byte brings about.
async fn abort_due(run: &Run, progress: &Progress, askings: &[Asking<'_>], armed: Option<usize>) {
    let Some((index, abort)) = armed.and_then(|index| Some((index, askings[index].abort()?))) else {
        return std::future::pending().await;
    };
    let sent = async {
        while progress.over.get() <= index {
            progress.went_on.notified().await;
        }
    };
    run.abort_due(askings[index].exchange, abort.when, sent).await;
}

/// Reads as soon as a slow reader may.
async fn read_at(next: Option<Instant>, from: &mut ReadHalf<'_>, window: &mut [u8]) -> io::Result<usize> {
    if let Some(next) = next {
        sleep_until(next).await;
    }
    from.read(window).await
}

#[cfg(test)]
mod tests {
    use super::super::stage::{after, body, deliveries, get, lane, play, reply};
    use super::*;
    use std::time::Duration;
    use vocabulary::canary::BodyState;
    use vocabulary::directive::{FaultKind, Field};
    use vocabulary::history::{Completeness, Place};
    use vocabulary::identity::{ExchangeId, Ordinal};
    use vocabulary::limits::{EVENT_WAIT, REPLY_WAIT};
    use vocabulary::plan::{Abort, AbortWhen, ConnectionUse, EventKind, SlowRead, Version};

    fn pipelined(exchange: u32) -> Stimulus {
        Stimulus { connection: ConnectionUse::Pipelined, ..get(exchange) }
    }

    fn aborted(exchange: u32, how: AbortHow, when: AbortWhen) -> Stimulus {
        Stimulus { abort: Some(Abort { how, when }), ..get(exchange) }
    }

    const AT_ONCE: AbortWhen = AbortWhen::AfterSent { us: 0 };

    #[tokio::test]
    async fn pipelined_requests_go_out_together_and_their_replies_are_credited_in_order() {
        let played = play(vec![lane([get(1), pipelined(2), pipelined(3), get(4)])], async |gateway| {
            let mut peer = gateway.accept().await;
            peer.read().await.unwrap();
            let heads = String::from_utf8_lossy(peer.held()).matches("\r\n\r\n").count();
            assert_eq!(heads, 3, "in one write");
            for _ in 1..=3 {
                peer.head().await;
            }
            let replies = reply(1, 1) + &reply(2, 1) + &reply(3, 1);
            let (first, second) = replies.split_at(300);
            peer.write(first).await;
            gateway.awaits(1, EventKind::Concluded).await;
            peer.write(second).await;
            peer.serve(4).await;
        })
        .await;
        for exchange in 1..=4 {
            assert_eq!(deliveries(&played.received(exchange).canaries), [format!("d{exchange}")]);
            assert_eq!(played.received(exchange).ordinal, Ordinal(exchange));
        }
    }

    #[tokio::test]
    async fn a_pipelined_request_that_waits_goes_out_behind_one_whose_reply_is_owed() {
        let waits = Stimulus { start: after(1, EventKind::Seen), ..pipelined(2) };
        let played = play(vec![lane([get(1), waits])], async |gateway| {
            let mut peer = gateway.accept().await;
            peer.head().await;
            assert!(peer.held().is_empty());
            gateway.happens(1, EventKind::Seen);
            peer.head().await;
            peer.write(reply(1, 1) + &reply(2, 1)).await;
        })
        .await;
        assert_eq!(deliveries(&played.received(2).canaries), ["d2"]);
    }

    #[tokio::test]
    async fn a_reply_that_comes_before_its_pipelined_request_was_not_asked_for() {
        let waits = Stimulus { start: after(1, EventKind::SurplusWritten), ..pipelined(2) };
        let played = play(vec![lane([get(1), waits])], async |gateway| {
            let mut peer = gateway.accept().await;
            peer.head().await;
            peer.write(reply(1, 1) + &reply(1, 2)).await;
            peer.end().await.unwrap();
            gateway.happens(1, EventKind::SurplusWritten);
            gateway.accept().await.serve(2).await;
        })
        .await;
        assert_eq!(deliveries(&played.unasked()[0].canaries), ["d1.2"]);
        assert_eq!(deliveries(&played.received(2).canaries), ["d2"]);
    }

    #[tokio::test]
    async fn a_reply_that_announces_the_close_ends_the_pipeline_behind_it() {
        let played = play(vec![lane([get(1), pipelined(2), get(3)])], async |gateway| {
            let mut peer = gateway.accept().await;
            peer.head().await;
            peer.head().await;
            peer.write("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n").await;
            gateway.accept().await.serve(3).await;
        })
        .await;
        assert_eq!(played.received(1).status, 200);
        assert_eq!((played.gave_up(2).why, &played.gave_up(2).partial), (Why::Closed, &None));
        assert_eq!(played.received(3).status, 200);
    }

    #[tokio::test]
    async fn aborts_by_fin_and_by_rst_reach_the_gateway_as_such() {
        for (how, in_order) in [(AbortHow::Fin, true), (AbortHow::Rst, false)] {
            let played = play(vec![lane([aborted(1, how, AT_ONCE), get(2)])], async |gateway| {
                let mut peer = gateway.accept().await;
                peer.head().await;
                assert_eq!(peer.end().await.is_ok(), in_order, "{how:?}");
                assert!(gateway.has_happened(1, EventKind::Aborted));
                gateway.accept().await.serve(2).await;
            })
            .await;
            assert_eq!((played.gave_up(1).why, &played.gave_up(1).partial), (Why::Aborted, &None));
            assert_eq!(played.faults(), [(FaultKind::ClientAbort, Performed::Fully)]);
            assert_eq!(played.told[..3], [(1, EventKind::Sent), (1, EventKind::Aborted), (1, EventKind::Concluded)]);
        }
    }

    #[tokio::test]
    async fn a_half_close_still_reads_the_reply() {
        let played = play(vec![lane([aborted(1, AbortHow::HalfClose, AT_ONCE), get(2)])], async |gateway| {
            let mut peer = gateway.accept().await;
            peer.head().await;
            peer.end().await.unwrap();
            peer.write(reply(1, 1)).await;
            gateway.accept().await.serve(2).await;
        })
        .await;
        assert_eq!(deliveries(&played.received(1).canaries), ["d1"]);
        assert_eq!(played.faults(), [(FaultKind::ClientAbort, Performed::Fully)]);
        assert_eq!(played.told[1], (1, EventKind::Aborted));
        assert_eq!(played.received(2).connection.0, 2, "a half-closed connection is not used again");
    }

    #[tokio::test]
    async fn an_abort_after_reply_bytes_keeps_what_had_come_and_reads_no_more() {
        let after_bytes = AbortWhen::AfterReplyBytes { bytes: 100 };
        let played = play(vec![lane([aborted(1, AbortHow::Rst, after_bytes)])], async |gateway| {
            let mut peer = gateway.accept().await;
            peer.serve(1).await;
            peer.end().await.unwrap_err();
        })
        .await;
        let partial = played.gave_up(1).partial.as_ref().unwrap();
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n".len() as u64;
        assert_eq!((partial.body_bytes, partial.completeness), (100 - head, Completeness::CutOff));
        assert_eq!(deliveries(&partial.canaries), ["d1"]);
    }

    #[tokio::test]
    async fn an_abort_after_an_event_waits_for_it() {
        let after_event = AbortWhen::AfterEvent { event: EventKind::InterimWritten, us: 100 };
        let played = play(vec![lane([aborted(1, AbortHow::Fin, after_event)])], async |gateway| {
            let mut peer = gateway.accept().await;
            peer.head().await;
            peer.write("HTTP/1.1 103 E\r\n\r\n").await;
            assert!(!gateway.has_happened(1, EventKind::Aborted));
            gateway.happens(1, EventKind::InterimWritten);
            peer.end().await.unwrap();
        })
        .await;
        assert_eq!(played.gave_up(1).why, Why::Aborted);
        assert_eq!(played.gave_up(1).partial.as_ref().unwrap().interims, [103]);
    }

    #[tokio::test]
    async fn an_abort_that_comes_too_late_leaves_the_reply_and_the_connection_alone() {
        let late = AbortWhen::AfterSent { us: 5_000_000 };
        let played = play(vec![lane([aborted(1, AbortHow::Rst, late), get(2)])], async |gateway| {
            let mut peer = gateway.accept().await;
            peer.serve(1).await;
            peer.serve(2).await;
        })
        .await;
        assert_eq!(played.received(2).connection.0, 1);
        assert_eq!(played.faults(), [(FaultKind::ClientAbort, Performed::Expired)]);
        assert!(!played.told.contains(&(1, EventKind::Aborted)));
    }

    #[tokio::test]
    async fn an_abort_in_a_pipeline_gives_up_everything_that_is_owed() {
        let last = Stimulus { connection: ConnectionUse::Pipelined, ..aborted(2, AbortHow::Fin, AT_ONCE) };
        let played = play(vec![lane([get(1), last])], async |gateway| {
            let mut peer = gateway.accept().await;
            peer.end().await.unwrap();
        })
        .await;
        assert_eq!([1, 2].map(|exchange| played.gave_up(exchange).why), [Why::Aborted; 2]);
        assert_eq!(played.faults(), [(FaultKind::ClientAbort, Performed::Fully)]);
    }

    #[tokio::test]
    async fn a_half_close_within_a_pipelined_reply_loses_no_byte_of_it() {
        let when = AbortWhen::AfterReplyBytes { bytes: 60 };
        let last = Stimulus { connection: ConnectionUse::Pipelined, ..aborted(2, AbortHow::HalfClose, when) };
        let played = play(vec![lane([get(1), last])], async |gateway| {
            let mut peer = gateway.accept().await;
            peer.head().await;
            peer.head().await;
            let (first, rest) = (reply(1, 1) + &reply(2, 1)[..100], &reply(2, 1)[100..]);
            peer.write(first).await;
            peer.end().await.unwrap();
            peer.write(rest).await;
        })
        .await;
        assert_eq!(played.received(2).body, BodyState::Intact);
        assert_eq!(played.faults(), [(FaultKind::ClientAbort, Performed::Fully)]);
    }

    #[tokio::test]
    async fn interim_replies_are_recorded_with_their_canaries_and_the_final_one_is_awaited() {
        let played = play(vec![lane([get(1)])], async |gateway| {
            let mut peer = gateway.accept().await;
            peer.head().await;
            let canary = &body(9, 1)[..48];
            peer.write(format!("HTTP/1.1 100 C\r\nContent-Length: 5\r\nx-crosswire: {canary}\r\n\r\n")).await;
            peer.write("HTTP/1.1 103 E\r\n\r\n").await;
            peer.write(reply(1, 1)).await;
        })
        .await;
        let received = played.received(1);
        assert_eq!((received.status, &received.interims[..]), (200, &[100, 103][..]));
        let foreign = received.canaries.iter().find(|found| found.claim.exchange == ExchangeId(9)).unwrap();
        assert_eq!(foreign.place, Place::Interim);
    }

    #[tokio::test]
    async fn a_reply_cut_off_by_fin_or_rst_is_given_up_with_what_had_come() {
        for (reset, why) in [(false, Why::Closed), (true, Why::Reset)] {
            let played = play(vec![lane([get(1)])], async |gateway| {
                let mut peer = gateway.accept().await;
                peer.head().await;
                peer.write(&reply(1, 1)[..150]).await;
                gateway.all_lanes_wait().await;
                match reset {
                    true => peer.reset(),
                    false => drop(peer),
                }
            })
            .await;
            assert_eq!(played.gave_up(1).why, why);
            // A reset may overtake bytes that the kernel has not handed out.
            if let Some(partial) = &played.gave_up(1).partial {
                assert_eq!(partial.completeness, Completeness::CutOff);
                assert!(matches!(partial.body, BodyState::CutAfter(1..200)), "{:?}", partial.body);
            } else {
                assert!(reset);
            }
        }
    }

    #[tokio::test]
    async fn a_close_delimited_reply_is_whole_only_as_far_as_anybody_can_know() {
        let played = play(vec![lane([get(1), get(2)])], async |gateway| {
            let mut peer = gateway.accept().await;
            peer.head().await;
            peer.write(format!("HTTP/1.1 200 OK\r\n\r\n{}", body(1, 1))).await;
            drop(peer);
            gateway.accept().await.serve(2).await;
        })
        .await;
        let received = played.received(1);
        assert_eq!((received.completeness, received.body), (Completeness::CloseDelimited, BodyState::Intact));
        assert_eq!(played.received(2).connection.0, 2);
    }

    #[tokio::test]
    async fn a_foreign_body_without_a_head_is_malformed_and_still_names_its_owner() {
        let played = play(vec![lane([get(1), get(2)])], async |gateway| {
            let mut peer = gateway.accept().await;
            peer.head().await;
            peer.write(body(9, 1)).await;
            gateway.accept().await.serve(2).await;
        })
        .await;
        let partial = played.gave_up(1).partial.as_ref().unwrap();
        assert_eq!((played.gave_up(1).why, partial.status), (Why::Malformed, 0));
        assert_eq!(deliveries(&partial.canaries), ["d9"]);
        assert!(partial.canaries.iter().all(|found| found.place == Place::Outside));
        assert_eq!(played.received(2).connection.0, 2);
    }

    #[tokio::test]
    async fn a_reply_that_was_written_and_does_not_come_is_not_awaited_for_long() {
        let began = std::time::Instant::now();
        let played = play(vec![lane([get(1), get(2)])], async |gateway| {
            let mut peer = gateway.accept().await;
            peer.head().await;
            gateway.happens(1, EventKind::FinalWritten);
            peer.end().await.unwrap();
            gateway.accept().await.serve(2).await;
        })
        .await;
        assert_eq!(played.gave_up(1).why, Why::NoReply);
        assert_eq!(played.received(2).connection.0, 2, "the connection is not used again");
        assert!(began.elapsed() < REPLY_WAIT / 2);
    }

    #[tokio::test]
    async fn a_reply_that_nobody_wrote_is_awaited_for_as_long_as_the_bound_says() {
        let began = Instant::now();
        let played = play(vec![lane([get(1)])], async |gateway| {
            let mut peer = gateway.accept().await;
            peer.head().await;
            peer.end().await.unwrap();
        })
        .await;
        assert_eq!(played.gave_up(1).why, Why::NoReply);
        assert!(began.elapsed() >= REPLY_WAIT);
    }

    #[tokio::test]
    async fn a_tunnel_is_read_until_it_falls_silent() {
        let mut upgrade = get(1);
        upgrade.request.fields.push(Field { name: "Upgrade".to_owned(), value: "x".to_owned() });
        let played = play(vec![lane([upgrade, get(2)])], async |gateway| {
            let mut peer = gateway.accept().await;
            peer.head().await;
            peer.write("HTTP/1.1 101 S\r\nUpgrade: x\r\n\r\n").await;
            peer.write(body(1, 1)).await;
            gateway.happens(1, EventKind::FinalWritten);
            gateway.accept().await.serve(2).await;
        })
        .await;
        let received = played.received(1);
        assert_eq!((received.status, received.body), (101, BodyState::Intact));
        assert_eq!(received.completeness, Completeness::CloseDelimited);
    }

    #[tokio::test]
    async fn a_body_after_a_reply_to_head_is_not_taken_for_the_next_reply() {
        let mut head = get(1);
        head.request.method = "HEAD".to_owned();
        let played = play(vec![lane([head, get(2)])], async |gateway| {
            gateway.accept().await.serve(1).await;
            gateway.accept().await.serve(2).await;
        })
        .await;
        assert_eq!((played.received(1).body_bytes, played.received(1).status), (0, 200));
        assert_eq!(played.unasked()[0].bytes, 200);
        assert_eq!(deliveries(&played.unasked()[0].canaries), ["d1"]);
    }

    #[tokio::test]
    async fn a_slow_reader_reads_everything_in_small_pieces() {
        let slow = Stimulus { read: Some(SlowRead { bytes: 64, gap_us: 1000 }), ..get(1) };
        let played = play(vec![lane([slow])], async |gateway| {
            gateway.accept().await.serve(1).await;
        })
        .await;
        let received = played.received(1);
        assert_eq!(received.body, BodyState::Intact);
        assert!(received.at.since(received.first_at) >= Duration::from_millis(3));
    }

    #[tokio::test]
    async fn a_tail_is_an_exchange_of_its_own_if_the_gateway_takes_it_for_one() {
        let mut with_tail = get(1);
        with_tail.request.tail = Some(ExchangeId(7));
        let began = std::time::Instant::now();
        let (answered, ignored) = (with_tail.clone(), with_tail);
        let played = play(vec![lane([answered, get(2)])], async |gateway| {
            let mut peer = gateway.accept().await;
            peer.serve(1).await;
            peer.serve(7).await;
            peer.serve(2).await;
        })
        .await;
        assert_eq!(deliveries(&played.received(7).canaries), ["d7"]);
        assert_eq!([1, 7, 2].map(|exchange| played.sent(exchange).ordinal.0), [1, 2, 3]);

        let played = play(vec![lane([ignored, get(2)])], async |gateway| {
            let mut peer = gateway.accept().await;
            peer.serve(1).await;
            gateway.accept().await.serve(2).await;
        })
        .await;
        assert_eq!(played.gave_up(7).why, Why::NoReply);
        assert!(began.elapsed() < EVENT_WAIT);
    }

    #[tokio::test]
    async fn a_tail_that_has_arrived_is_awaited_for_as_long_as_its_reply_is_held() {
        let mut with_tail = get(1);
        with_tail.request.tail = Some(ExchangeId(7));
        let played = play(vec![lane([with_tail, get(2)])], async |gateway| {
            let mut peer = gateway.accept().await;
            peer.serve(1).await;
            peer.head().await;
            gateway.happens(7, EventKind::Seen);
            // Longer than an optional reply is waited for: the client must not close meanwhile.
            let patience = 2 * vocabulary::limits::REPLY_WAIT_AFTER_WRITTEN;
            assert!(tokio::time::timeout(patience, peer.read()).await.is_err());
            peer.write(reply(7, 1)).await;
            peer.serve(2).await;
        })
        .await;
        assert_eq!(deliveries(&played.received(7).canaries), ["d7"]);
        assert_eq!([7, 2].map(|exchange| played.received(exchange).connection.0), [1, 1]);
    }

    #[tokio::test]
    async fn what_comes_in_a_tails_place_is_credited_to_it_whosever_it_is() {
        let mut with_tail = get(1);
        with_tail.request.tail = Some(ExchangeId(7));
        let played = play(vec![lane([with_tail])], async |gateway| {
            let mut peer = gateway.accept().await;
            peer.serve(1).await;
            peer.head().await;
            peer.write(reply(9, 1)).await;
        })
        .await;
        assert_eq!(deliveries(&played.received(1).canaries), ["d1"]);
        assert_eq!(deliveries(&played.received(7).canaries), ["d9"]);
        assert!(played.unasked().is_empty());
    }

    #[tokio::test]
    async fn behind_a_reply_that_announces_the_close_a_tails_reply_is_not_awaited() {
        let mut with_tail = get(1);
        with_tail.request.tail = Some(ExchangeId(7));
        let played = play(vec![lane([with_tail])], async |gateway| {
            let mut peer = gateway.accept().await;
            peer.head().await;
            peer.head().await;
            let first = reply(1, 1).replacen("\r\n", "\r\nConnection: close\r\n", 1);
            peer.write(first + &reply(7, 1)).await;
        })
        .await;
        assert_eq!(played.gave_up(7).why, Why::Closed);
        let [unasked] = played.unasked() else { panic!("{:?}", played.unasked()) };
        assert_eq!((unasked.after, deliveries(&unasked.canaries)), (Some(ExchangeId(7)), vec!["d7".to_owned()]));
    }

    #[tokio::test]
    async fn a_connection_is_not_used_again_after_a_request_in_http_1_0() {
        let mut old = get(1);
        old.request.version = Version::Http10;
        let played = play(vec![lane([old, get(2)])], async |gateway| {
            assert!(gateway.accept().await.serve(1).await.contains(" HTTP/1.0\r\n"));
            gateway.accept().await.serve(2).await;
        })
        .await;
        assert_eq!(played.received(2).connection.0, 2);
    }
}
