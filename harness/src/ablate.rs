//! The counterfactual of a plan: the same requests without what is held against the gateway.
//!
//! Pure. If the finding is gone where the fault is gone, the fault brought it about; that is what a card shows.

use vocabulary::directive::{FaultKind, Field, Final, Framing, Hold, OriginAct, Segment};
use vocabulary::finding::LeftOut;
use vocabulary::plan::{BodyPace, Event, EventKind, Freeze, Plan, Request, RequestBody, Start, Stimulus};

/// The plan without its faults. Where its only fault is the order of replies, or where it has none, the requests go
/// one after the other instead: what is left out then is that they were in flight together.
pub(crate) fn ablate(plan: &Plan) -> (Plan, LeftOut) {
    let mut plan = plan.clone();
    let only_an_order = is_only_an_order(&plan);
    plan.gates.clear();
    for stimulus in plan.lanes.iter_mut().flat_map(|lane| &mut lane.stimuli) {
        well_behaved(stimulus);
    }
    if !only_an_order {
        return (plan, LeftOut::Faults);
    }
    let mut previous = None;
    for stimulus in plan.lanes.iter_mut().flat_map(|lane| &mut lane.stimuli) {
        let after = previous.map(|exchange| Event { exchange, kind: EventKind::Concluded });
        stimulus.start = Start { after, delay_us: 0 };
        previous = Some(stimulus.exchange);
    }
    (plan, LeftOut::Overlap)
}

/// Whether nothing of a plan misbehaves but the order of replies, if anything does.
pub(crate) fn is_only_an_order(plan: &Plan) -> bool {
    plan.faults().iter().all(|(_, kind)| *kind == FaultKind::Reorder)
}

/// The same request, sent well and answered well.
fn well_behaved(stimulus: &mut Stimulus) {
    stimulus.abort = None;
    thaw(stimulus);
    well_framed(&mut stimulus.request);
    if let Some(event) = &mut stimulus.start.after {
        event.kind = still_happens(event.kind);
    }
    let acts = std::mem::take(&mut stimulus.directive.acts);
    stimulus.directive.acts = acts.into_iter().filter_map(well_done).collect();
    if !stimulus.directive.acts.iter().any(|act| act.final_reply().is_some()) {
        stimulus.directive.acts.push(OriginAct::Final(Final::ok(256)));
    }
}

/// The gateway is not stopped; the request waits as long as it did.
pub(crate) fn thaw(stimulus: &mut Stimulus) {
    if let Some(Freeze { until, delay_us, begun: _ }) = stimulus.freeze.take() {
        stimulus.start = Start { after: Some(until), delay_us };
    }
}

/// Whether an act waits for the gateway to stand still.
pub(crate) fn awaits_freeze(act: &OriginAct) -> bool {
    matches!(act, OriginAct::Hold(Hold::Event(Event { kind: EventKind::Frozen, .. })))
}

fn well_framed(request: &mut Request) {
    request.tail = None;
    match &mut request.body {
        RequestBody::Ghost { .. } | RequestBody::Misframed { .. } => request.body = RequestBody::None,
        RequestBody::Sized { declared_off_by, .. } => *declared_off_by = 0,
        RequestBody::None | RequestBody::Chunked { .. } => {}
    }
    if request.pace == BodyPace::Withheld {
        request.pace = BodyPace::AtOnce;
    }
}

/// The act without its fault; none if it is nothing else.
fn well_done(act: OriginAct) -> Option<OriginAct> {
    match act {
        // Nobody is stopped any more, and what comes of it would wait for nobody.
        act if awaits_freeze(&act) => None,
        OriginAct::Hold(Hold::Gate(_))
        | OriginAct::Interim(_)
        | OriginAct::Surplus(_)
        | OriginAct::Close(_)
        | OriginAct::Silence { .. }
        | OriginAct::Tunnel { .. }
        | OriginAct::Reset(_)
        | OriginAct::GoAway(_)
        | OriginAct::Settings(_) => None,
        OriginAct::Hold(Hold::Event(event)) => {
            let kind = still_happens(event.kind);
            Some(OriginAct::Hold(Hold::Event(Event { kind, ..event })))
        }
        OriginAct::Hold(Hold::Bait | Hold::Body) | OriginAct::Wait { .. } => Some(act),
        OriginAct::Final(reply) => Some(OriginAct::Final(answered_well(reply))),
    }
}

fn answered_well(reply: Final) -> Final {
    let framing = match reply.framing {
        Framing::Length | Framing::Chunked { .. } | Framing::Close => reply.framing,
        Framing::LengthShort { .. }
        | Framing::LengthLong { .. }
        | Framing::LengthTwice { .. }
        | Framing::LengthAndChunked
        | Framing::ChunkedBroken(_)
        | Framing::BodyWhereNone => Framing::Length,
    };
    let status = if reply.status == 101 { 200 } else { reply.status };
    let mut fields = reply.fields;
    if reply.private {
        // RFC 9111 §5.2.2.5: what says so is stored by nobody, and so offered to no store.
        fields.retain(|field| !field.name.eq_ignore_ascii_case("cache-control"));
        fields.push(Field { name: "Cache-Control".to_owned(), value: "no-store".to_owned() });
    }
    Final {
        status,
        framing,
        fields,
        cut: None,
        early: false,
        private: false,
        padding: 0,
        segment: Segment::Own,
        ..reply
    }
}

/// What still happens where the fault does not, at about the same time.
fn still_happens(kind: EventKind) -> EventKind {
    match kind {
        EventKind::InterimWritten => EventKind::Seen,
        EventKind::SurplusWritten => EventKind::FinalWritten,
        EventKind::Aborted | EventKind::Frozen => EventKind::Sent,
        EventKind::BodySent => EventKind::Sent,
        EventKind::Sent | EventKind::Seen | EventKind::FinalWritten | EventKind::Concluded => kind,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use scenarios::{DrawContext, catalogue};
    use vocabulary::identity::CaseNumber;

    #[test]
    fn what_is_left_of_any_plan_has_no_fault_and_the_same_requests() {
        for scenario in catalogue().all() {
            for case in 0..40 {
                let plan = scenario.plan(3, CaseNumber(case), &DrawContext::default());
                let (ablated, left_out) = ablate(&plan);
                assert_eq!((ablated.defect(), ablated.faults()), (None, Vec::new()), "{}", scenario.name());
                assert_eq!(ablated.size().exchanges, plan.size().exchanges);
                let reordered = plan.faults().iter().all(|(_, kind)| *kind == FaultKind::Reorder);
                assert_eq!(left_out == LeftOut::Overlap, reordered, "{}", scenario.name());
            }
        }
    }

    #[test]
    fn where_an_order_is_the_only_fault_the_requests_go_one_by_one() {
        let scenario = catalogue().find("plain-concurrency").unwrap();
        let (plan, left_out) = ablate(&scenario.plan(1, CaseNumber(0), &DrawContext::default()));
        assert_eq!(left_out, LeftOut::Overlap);
        let waits = plan.stimuli().filter(|(_, stimulus)| stimulus.start.after.is_some()).count();
        assert_eq!(waits + 1, plan.stimuli().count());
    }

    #[test]
    fn without_its_faults_a_plan_stops_nobody_and_the_request_waits_all_the_same() {
        let scenario = catalogue().find("surplus-frozen").unwrap();
        let plan = scenario.plan(1, CaseNumber(0), &DrawContext::default());
        let frozen: Vec<_> = plan.stimuli().filter(|(_, one)| one.freeze.is_some()).map(|(_, one)| one).collect();
        assert!(!frozen.is_empty());
        let (ablated, _) = ablate(&plan);
        for one in frozen {
            let (_, left) = ablated.stimulus(one.exchange).unwrap();
            let until = Event { kind: EventKind::FinalWritten, ..one.freeze.unwrap().until };
            assert_eq!((left.freeze, left.start.after), (None, Some(until)));
        }
        assert!(!ablated.stimuli().flat_map(|(_, one)| &one.directive.acts).any(awaits_freeze));
    }

    #[test]
    fn what_waited_for_the_fault_waits_for_what_was_there_anyway() {
        let scenario = catalogue().find("interim-100-late-final").unwrap();
        let (plan, _) = ablate(&scenario.plan(1, CaseNumber(0), &DrawContext::default()));
        let kinds: Vec<EventKind> = plan.stimuli().filter_map(|(_, one)| Some(one.start.after?.kind)).collect();
        assert!(kinds.contains(&EventKind::Seen) && !kinds.contains(&EventKind::InterimWritten), "{kinds:?}");
    }
}
