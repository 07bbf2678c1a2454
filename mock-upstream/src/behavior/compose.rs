//! Acts become emissions: what shares a write with what, when a fault is done, what the connection comes to.

use std::time::Duration;

use vocabulary::crossing::Http;
use vocabulary::directive::{
    Close, Cut, CutBy, FaultKind, Final, GoAway, Hold, Interim, InterimLength, LastStream, OriginAct, Segment, Surplus,
    SurplusKind, SurplusTiming,
};
use vocabulary::excerpt::excerpt;
use vocabulary::history::{DeliveryKind, Performed};
use vocabulary::limits::{BODY_BYTES_MAX, CASE_WAIT};
use vocabulary::plan::{EventKind, Version};

use super::framing::{Form, bodiless};
use super::text::Persistent;
use super::{Context, Delivery, Emission, Mark, Medium, Program, Write};
use crate::head::{Framing, RequestHead};

/// A write up to this many bytes is taken for one segment: the proof that a surplus was early.
pub(crate) const SEGMENT_BYTES_MAX: u64 = 16 * 1024;

/// The program of these acts, whose faults are listed.
pub(super) fn compose<W: Medium>(
    acts: &[OriginAct],
    faults: Vec<FaultKind>,
    head: &RequestHead,
    context: Context<'_>,
) -> Program<W> {
    let mut composer = Composer {
        head,
        context,
        program: Program { faults, ..Program::default() },
        pending: None,
        next_fault: 0,
        persistent: if head.persistent { Persistent::Stays } else { Persistent::Closes },
        body_awaited: head.body == Framing::None,
        runs_on: None,
        version_refused: false,
        ended: Ended::Open,
    };
    composer.continue_if_expected(acts);
    for (index, act) in acts.iter().enumerate() {
        composer.act(act, acts.get(index + 1));
    }
    composer.finish(acts)
}

/// Turns acts into emissions, one after the other.
struct Composer<'a, W> {
    head: &'a RequestHead,
    context: Context<'a>,
    program: Program<W>,
    /// What waits for more to share its write with.
    pending: Option<Write<W>>,
    next_fault: usize,
    /// Whether the connection outlives the program.
    persistent: Persistent,
    body_awaited: bool,
    /// Where everything up to the end of the connection is the body of the last final reply: what that makes of a surplus.
    runs_on: Option<Performed>,
    /// Whether a switch of protocols was refused because the request's version has none.
    version_refused: bool,
    ended: Ended,
}

/// How far the composed program has taken the connection, or the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    Open,
    Tunnel,
    /// The stream was reset: what still comes on it is surplus.
    Reset,
    Closed,
}

impl<W: Medium> Composer<'_, W> {
    fn act(&mut self, act: &OriginAct, next: Option<&OriginAct>) {
        let fault = act.fault().filter(|_| self.next_fault < self.program.faults.len()).map(|_| {
            self.next_fault += 1;
            self.next_fault - 1
        });
        // Acts behind a close cannot be performed; a reply behind the reset of its stream is not owed any more.
        let is_reply = matches!(act, OriginAct::Interim(_) | OriginAct::Final(_));
        if self.ended == Ended::Closed || (self.ended == Ended::Reset && is_reply) {
            return self.unperformed(fault, Performed::Expired);
        }
        let joins = matches!(next, Some(OriginAct::Surplus(Surplus { when: SurplusTiming::SameSegment, .. })));
        let segment = match act {
            OriginAct::Interim(interim) => self.interim(interim, fault),
            OriginAct::Final(reply) => self.final_reply(reply, fault, next),
            OriginAct::Surplus(surplus) => self.surplus(surplus, fault),
            OriginAct::Tunnel { bytes } => self.tunnel(*bytes, fault),
            OriginAct::Hold(hold) => self.hold(*hold, fault),
            OriginAct::Wait { us } => self.emit(Emission::Pause(Duration::from_micros(*us))),
            OriginAct::Silence { us } => self.emit(Emission::Silence { lasts: Duration::from_micros(*us), fault }),
            OriginAct::Close(close) => self.close(*close, fault),
            OriginAct::Reset(_) | OriginAct::GoAway(_) | OriginAct::Settings(_) => self.own_act(act, fault),
        };
        if segment == Segment::Own && !joins {
            self.flush();
        }
    }

    fn interim(&mut self, interim: &Interim, fault: Option<usize>) -> Segment {
        // RFC 9110 §15.2: a server must not send a 1xx to an HTTP/1.0 client. RFC 9113 §8.6: HTTP/2 has no 101.
        if self.head.version == Version::Http10 || (W::HTTP == Http::H2 && interim.status == 101) {
            self.unperformed(fault, Performed::VersionForbids);
            return Segment::Shared;
        }
        let text = self.context.interim_head(W::HTTP, interim, self.next_delivery());
        let mut marks: Vec<Mark> = fault.map(Mark::Performs).into_iter().collect();
        marks.push(Mark::Happens(EventKind::InterimWritten));
        self.write(W::head(text), marks);
        interim.segment
    }

    fn final_reply(&mut self, reply: &Final, fault: Option<usize>, next: Option<&OriginAct>) -> Segment {
        let form = Form::of(reply, self.head);
        self.version_refused |= form.refuses_switch;
        if form.closes {
            self.persistent = Persistent::Closes;
        }
        self.runs_on = form.runs_on();
        let early = reply.early && !self.body_awaited;
        match early {
            true => self.program.early = true,
            false => self.await_body(),
        }
        let (mut wire, delivery, cut_at) = self.final_delivery(reply, &form);
        let cut = reply.cut.filter(|_| form.carries_body).map(|cut| cut.then);
        let fault = self.possible(fault, form.impossible(reply));

        // The stripes of a tunnel belong to the reply that opens it, and end it.
        let leads_into_tunnel = matches!(next, Some(OriginAct::Tunnel { .. })) && !self.version_refused;
        let mut last = Vec::new();
        if !matches!(cut, Some(CutBy::Bait | CutBy::Silence { .. })) && !leads_into_tunnel {
            last.push(Mark::Ends(delivery));
        }
        if cut.is_none() {
            let is_early = early && reply.fault() == Some(FaultKind::EarlyFinal);
            last.extend(fault.map(if is_early { Mark::PerformsEarly } else { Mark::Performs }));
        }
        // After the silence there is more to wait for.
        if !matches!(cut, Some(CutBy::Silence { .. })) {
            last.push(Mark::Happens(EventKind::FinalWritten));
        }
        let first = wire.take(cut_at.unwrap_or(u64::MAX));
        self.write_in_parts(first, reply, vec![Mark::Begins(delivery)], last);

        if form.switches {
            self.program.switches = true;
            self.ended = Ended::Tunnel;
        }
        match cut {
            None => {}
            Some(CutBy::Close(close)) => return self.close(close, fault),
            Some(CutBy::Bait) => {
                self.flush();
                match self.persistent {
                    Persistent::Stays => self.program.emissions.push(Emission::Hold { hold: Hold::Bait, fault }),
                    // No next request will ever come: the request's sender, or this reply, has said so.
                    Persistent::Closes => self.unperformed(fault, Performed::PeerClosedFirst),
                }
                self.write(wire, vec![Mark::Ends(delivery)]);
            }
            Some(CutBy::Silence { us }) => {
                self.emit(Emission::Silence { lasts: Duration::from_micros(us), fault });
                self.write(wire, vec![Mark::Ends(delivery), Mark::Happens(EventKind::FinalWritten)]);
            }
        }
        reply.segment
    }

    /// The bytes of a final reply, the delivery that they are, and where they are to be cut.
    fn final_delivery(&mut self, reply: &Final, form: &Form) -> (W, usize, Option<u64>) {
        let number = self.next_delivery();
        let body = self.context.striped(number, if form.carries_body { reply.bytes.min(BODY_BYTES_MAX) } else { 0 });
        let text = self.context.reply_head(reply, form, self.head, self.persistent, number);
        let cut = reply.cut.filter(|_| form.carries_body);
        let evidence = excerpt(&text);
        let (wire, cut_at) = W::reply(text, &body, &self.context.trailer(reply, number), reply, form);
        let answered = self.program.deliveries.iter().any(|delivery| delivery.kind == DeliveryKind::Owed);
        let delivery = self.deliver(Delivery {
            number,
            kind: if answered { DeliveryKind::Surplus } else { DeliveryKind::Owed },
            status: form.status,
            body_bytes: body.len(),
            cut: matches!(cut, Some(Cut { then: CutBy::Close(_), .. })),
            same_write_as: None,
            head: evidence,
        });
        (wire, delivery, cut_at)
    }

    fn write_in_parts(&mut self, mut wire: W, reply: &Final, first: Vec<Mark>, last: Vec<Mark>) {
        let count = u64::from(reply.writes.count.max(1)).min(wire.len().max(1));
        let gap = Duration::from_micros(reply.writes.gap_us);
        let mut marks = first;
        for left in (1..=count).rev() {
            let part = match left {
                1 => std::mem::take(&mut wire),
                left => wire.take(wire.len().div_ceil(left)),
            };
            if left == 1 {
                marks.extend_from_slice(&last);
            }
            self.write(part, std::mem::take(&mut marks));
            if left > 1 {
                self.flush();
                if reply.writes.acknowledged {
                    self.program.emissions.push(Emission::AwaitAcknowledgement);
                }
                if gap > Duration::ZERO {
                    self.program.emissions.push(Emission::Pause(gap));
                }
            }
        }
    }

    fn surplus(&mut self, surplus: &Surplus, fault: Option<usize>) -> Segment {
        // RFC 9112 §6.3 item 8: what stands behind such a reply is a part of it, and no surplus.
        if let Some(performed) = self.runs_on {
            self.unperformed(fault, performed);
            return Segment::Own;
        }
        let same_segment = surplus.when == SurplusTiming::SameSegment;
        // RFC 9112 §9.3: whoever asked for the close reads nothing more, and sends nothing more.
        if self.persistent == Persistent::Closes && !same_segment {
            self.unperformed(fault, Performed::PeerClosedFirst);
            return Segment::Own;
        }
        let number = self.next_delivery();
        let (status, body_bytes) = match surplus.what {
            SurplusKind::Reply { status, bytes, .. } => (status, bytes.min(BODY_BYTES_MAX)),
            SurplusKind::Garbage { bytes } => (0, bytes.min(BODY_BYTES_MAX)),
        };
        let carried = if bodiless(status) { 0 } else { body_bytes };
        let body = self.context.striped(number, carried);
        let (wire, head) = match surplus.what {
            SurplusKind::Reply { garbage, .. } => {
                let text = self.context.surplus_head(W::HTTP, status, body_bytes, number);
                let mut wire = match garbage {
                    0 => W::default(),
                    garbage => W::stripes(&self.context.striped(number, garbage.min(BODY_BYTES_MAX))),
                };
                let head = excerpt(&text);
                wire.append(W::whole(text, &body));
                (wire, head)
            }
            SurplusKind::Garbage { .. } => (W::stripes(&body), String::new()),
        };
        let body_bytes = carried;
        let same_write_as = self.pending.as_ref().filter(|_| same_segment).and_then(|pending| {
            let ends = pending.marks.iter().find_map(|mark| match mark {
                Mark::Ends(delivery) => Some(self.program.deliveries[*delivery].number),
                _ => None,
            });
            ends.filter(|_| pending.wire.segment_bytes() + wire.segment_bytes() <= SEGMENT_BYTES_MAX)
        });
        let kind = DeliveryKind::Surplus;
        let delivery = self.deliver(Delivery { number, kind, status, body_bytes, cut: false, same_write_as, head });

        let mut marks = vec![Mark::Begins(delivery)];
        let done = [Mark::Ends(delivery), Mark::Happens(EventKind::SurplusWritten)];
        match surplus.when {
            SurplusTiming::SameSegment => {
                marks.push(done[0]);
                marks.extend(fault.map(Mark::Performs));
                marks.push(done[1]);
                self.write(wire, marks);
            }
            SurplusTiming::Idle { us } => {
                self.emit(Emission::Pause(Duration::from_micros(us)));
                marks.extend(fault.map(Mark::Performs));
                self.emit(Emission::Write(Write { wire, marks }));
                // Followers start after this event: only then can the surplus be proven to have been early.
                self.emit(Emission::Acknowledge(done.to_vec()));
            }
            SurplusTiming::AfterNextRequest => {
                marks.extend(done);
                let write = Write { wire, marks };
                self.emit(Emission::AfterNextRequest { write, fault });
            }
        }
        Segment::Own
    }

    fn tunnel(&mut self, bytes: u64, fault: Option<usize>) -> Segment {
        // RFC 9113 §8.6: HTTP/2 has no switch of protocols.
        if self.version_refused || W::HTTP == Http::H2 {
            self.unperformed(fault, Performed::VersionForbids);
            return Segment::Own;
        }
        let bytes = bytes.min(BODY_BYTES_MAX);
        let mut marks = Vec::new();
        let delivery = match self.program.deliveries.len().checked_sub(1) {
            Some(last) => last,
            None => {
                let (number, kind) = (self.next_delivery(), DeliveryKind::Owed);
                let (cut, same_write_as, head) = (false, None, String::new());
                let new = Delivery { number, kind, status: 0, body_bytes: 0, cut, same_write_as, head };
                marks.push(Mark::Begins(self.deliver(new)));
                0
            }
        };
        // The stripes are the body of the reply that opened the tunnel.
        self.program.deliveries[delivery].body_bytes += bytes;
        let wire = W::stripes(&self.context.striped(self.program.deliveries[delivery].number, bytes));
        marks.push(Mark::Ends(delivery));
        marks.extend(fault.map(Mark::Performs));
        self.write(wire, marks);
        self.program.switches = true;
        self.ended = Ended::Tunnel;
        Segment::Own
    }

    fn hold(&mut self, hold: Hold, fault: Option<usize>) -> Segment {
        // On a connection that ends with this reply no next request can come: bait would only cost time.
        match hold {
            Hold::Bait if self.persistent == Persistent::Closes => Segment::Own,
            Hold::Body => {
                self.flush();
                self.await_body();
                Segment::Own
            }
            Hold::Bait | Hold::Gate(_) | Hold::Event(_) => self.emit(Emission::Hold { hold, fault }),
        }
    }

    fn close(&mut self, close: Close, fault: Option<usize>) -> Segment {
        self.ended = if W::HTTP == Http::H1 { Ended::Closed } else { Ended::Reset };
        self.emit(W::close(close, fault))
    }

    /// What one version has and the other has not.
    fn own_act(&mut self, act: &OriginAct, fault: Option<usize>) -> Segment {
        let Some(wire) = W::own_act(act) else {
            self.unperformed(fault, Performed::VersionForbids);
            return Segment::Shared;
        };
        match act {
            OriginAct::Reset(_) => self.ended = Ended::Reset,
            // The exchange itself is not worked on.
            OriginAct::GoAway(GoAway { last: LastStream::Before }) => self.ended = Ended::Closed,
            _ => {}
        }
        self.emit(Emission::Write(Write { wire, marks: fault.map(Mark::Performs).into_iter().collect() }))
    }

    /// RFC 9110 §10.1.1: whoever waits for a 100 gets one, unless the directive has its own way to answer.
    fn continue_if_expected(&mut self, acts: &[OriginAct]) {
        let own_way = acts.iter().any(|act| match act {
            OriginAct::Interim(_) => true,
            OriginAct::Final(reply) => reply.early,
            OriginAct::Silence { .. } | OriginAct::Close(_) => true,
            OriginAct::Reset(_) => W::HTTP == Http::H2,
            OriginAct::Hold(_)
            | OriginAct::Wait { .. }
            | OriginAct::Surplus(_)
            | OriginAct::Tunnel { .. }
            | OriginAct::GoAway(_)
            | OriginAct::Settings(_) => false,
        });
        let waits = self.head.expects_continue && !self.body_awaited && self.head.version == Version::Http11;
        if waits && !own_way {
            let plain =
                Interim { status: 100, length: InterimLength::Absent, fields: Vec::new(), segment: Segment::Own };
            let text = self.context.interim_head(W::HTTP, &plain, self.next_delivery());
            self.emit(Emission::Write(Write::unmarked(W::head(text))));
        }
    }

    fn finish(mut self, acts: &[OriginAct]) -> Program<W> {
        self.flush();
        let answered = acts.iter().any(|act| matches!(act, OriginAct::Final(_)));
        match self.ended {
            Ended::Closed | Ended::Reset => {}
            Ended::Tunnel => self.program.emissions.push(Emission::Swallow),
            Ended::Open if answered && self.persistent == Persistent::Stays => {}
            Ended::Open => {
                // A reply to a later request would be taken for the one that never came, and the fault would be ours.
                if !answered && !matches!(acts.last(), Some(OriginAct::Silence { .. })) {
                    self.program.emissions.push(Emission::Silence { lasts: CASE_WAIT, fault: None });
                }
                self.program.emissions.push(W::close(Close::Fin, None));
            }
        }
        self.program
    }

    fn await_body(&mut self) {
        if !self.body_awaited {
            self.body_awaited = true;
            self.program.emissions.push(Emission::AwaitBody);
        }
    }

    fn write(&mut self, wire: W, marks: Vec<Mark>) {
        match &mut self.pending {
            Some(pending) => {
                pending.wire.append(wire);
                pending.marks.extend(marks);
            }
            None => self.pending = Some(Write { wire, marks }),
        }
    }

    fn flush(&mut self) {
        self.program.emissions.extend(self.pending.take().map(Emission::Write));
    }

    fn emit(&mut self, emission: Emission<W>) -> Segment {
        self.flush();
        self.program.emissions.push(emission);
        Segment::Own
    }

    fn unperformed(&mut self, fault: Option<usize>, performed: Performed) {
        self.program.emissions.extend(fault.map(|fault| Emission::Unperformed { fault, performed }));
    }

    /// The fault, unless something stands against it, which is reported then.
    fn possible(&mut self, fault: Option<usize>, impossible: Option<Performed>) -> Option<usize> {
        if let Some(performed) = impossible {
            self.unperformed(fault, performed);
            return None;
        }
        fault
    }

    fn deliver(&mut self, delivery: Delivery) -> usize {
        self.program.deliveries.push(delivery);
        self.program.deliveries.len() - 1
    }

    fn next_delivery(&self) -> u16 {
        self.context.first_delivery.saturating_add(self.program.deliveries.len() as u16)
    }
}
