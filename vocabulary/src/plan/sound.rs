//! What a plan may not say, whoever wrote it: words that would break the line they stand in, statuses that are no such
//! reply, requests whose bytes another one would swallow, waits that wait for each other.
//!
//! A gateway that follows such a plan to the letter would be accused of what the plan itself has done.

use std::collections::{BTreeMap, BTreeSet};

use super::{Absolute, ConnectionUse, Plan, Request, Target};
use crate::crossing::Http;
use crate::directive::{Field, OriginAct, Surplus, SurplusKind, is_token};
use crate::identity::ExchangeId;

/// The first such thing, if there is one.
pub(super) fn unsound(plan: &Plan) -> Option<String> {
    let worded = plan.stimuli().find_map(|(_, stimulus)| {
        let what = request(&stimulus.request).or_else(|| stimulus.directive.acts.iter().find_map(act))?;
        Some(format!("exchange {}: {what}", stimulus.exchange))
    });
    worded.or_else(|| swallowed(plan)).or_else(|| circle(plan))
}

fn request(request: &Request) -> Option<String> {
    if !is_token(&request.method) {
        return Some(format!("{:?} is no method (RFC 9110 §9.1)", request.method));
    }
    let target = match &request.target {
        Target::Shared(text) | Target::Authority(text) => Some(text),
        Target::Own | Target::Asterisk => None,
    };
    let absolute = match &request.absolute {
        Some(Absolute::Other(text)) => Some(text),
        Some(Absolute::Host) | None => None,
    };
    let spaceless = target.into_iter().chain(absolute).chain(&request.host);
    if let Some(text) = spaceless.into_iter().find(|text| text.bytes().any(|byte| byte <= b' ' || byte == 0x7f)) {
        return Some(format!("{text:?} has a space or a line end, which no target or authority has (RFC 9112 §3.2)"));
    }
    if let Some(text) = request.expect.iter().find(|text| breaks_a_line(text)) {
        return Some(format!("{text:?} has a line end, which no field value has (RFC 9110 §5.5)"));
    }
    fields(&request.fields, "body")
}

fn act(act: &OriginAct) -> Option<String> {
    match act {
        OriginAct::Interim(interim) => match interim.status {
            0..=99 | 101 | 200.. => Some(format!("{} is no interim status (RFC 9110 §15.2)", interim.status)),
            _ => fields(&interim.fields, "length"),
        },
        OriginAct::Final(reply) => match reply.status {
            101 | 200..=599 => fields(&reply.fields, "framing"),
            status => Some(format!("{status} is no final status (RFC 9110 §15)")),
        },
        OriginAct::Surplus(Surplus { what: SurplusKind::Reply { status, .. }, .. })
            if !(200..=599).contains(status) =>
        {
            Some(format!("{status} is no final status (RFC 9110 §15)"))
        }
        OriginAct::Surplus(_)
        | OriginAct::Hold(_)
        | OriginAct::Wait { .. }
        | OriginAct::Close(_)
        | OriginAct::Silence { .. }
        | OriginAct::Tunnel { .. }
        | OriginAct::Reset(_)
        | OriginAct::GoAway(_)
        | OriginAct::Settings(_) => None,
    }
}

fn fields(fields: &[Field], framed_by: &str) -> Option<String> {
    fields.iter().find_map(|Field { name, value }| {
        let framing = ["content-length", "transfer-encoding"].iter().any(|framing| name.eq_ignore_ascii_case(framing));
        match () {
            () if !is_token(name) => Some(format!("{name:?} is no field name (RFC 9110 §5.1)")),
            () if breaks_a_line(value) => Some(format!("{name} has a line end in its value (RFC 9110 §5.5)")),
            () if framing => {
                Some(format!("{name} among the fields would contradict what `{framed_by}` says of the body"))
            }
            () => None,
        }
    })
}

/// RFC 9112 §6.3: what follows a body that is shorter than its head says is read as the rest of it, and what is longer
/// begins the next request; a gateway that does so is right. In HTTP/2 what lies beside a stream is no part of it.
fn swallowed(plan: &Plan) -> Option<String> {
    if plan.down == Http::H2 {
        return None;
    }
    plan.lanes.iter().find_map(|lane| {
        lane.stimuli.windows(2).find_map(|pair| {
            let [before, behind] = pair else { return None };
            let behind_it = behind.connection == ConnectionUse::Pipelined && before.request.lies();
            behind_it.then(|| {
                let (before, behind) = (before.exchange, behind.exchange);
                format!(
                    "exchange {behind} is pipelined behind {before}, whose body is not what its head declares: its bytes \
                     would be taken for a part of {before} (RFC 9112 §6.3)"
                )
            })
        })
    })
}

/// Exchanges that wait for each other: nobody would ever begin.
fn circle(plan: &Plan) -> Option<String> {
    let mut awaits: BTreeMap<ExchangeId, Vec<ExchangeId>> = BTreeMap::new();
    for lane in &plan.lanes {
        let mut previous = None;
        for stimulus in &lane.stimuli {
            let event = stimulus.start.after.map(|event| event.exchange);
            awaits.entry(stimulus.exchange).or_default().extend(previous.into_iter().chain(event));
            previous = Some(stimulus.exchange);
        }
    }
    let mut done: BTreeSet<ExchangeId> = BTreeSet::new();
    // Whoever waits only for those who are done is done too; what is left over waits in a circle.
    loop {
        let next: Vec<ExchangeId> = awaits
            .iter()
            .filter(|(exchange, others)| !done.contains(exchange) && others.iter().all(|other| done.contains(other)))
            .map(|(exchange, _)| *exchange)
            .collect();
        if next.is_empty() {
            break;
        }
        done.extend(next);
    }
    let stuck = awaits.keys().find(|exchange| !done.contains(exchange))?;
    Some(format!("exchange {stuck} waits, by way of others, for itself"))
}

fn breaks_a_line(text: &str) -> bool {
    text.bytes().any(|byte| matches!(byte, b'\r' | b'\n' | 0))
}

#[cfg(test)]
mod tests {
    use super::super::tests::plan_of;
    use super::*;
    use crate::directive::{Interim, InterimLength, Segment};
    use crate::plan::{Event, EventKind, RequestBody, Stimulus};

    #[track_caller]
    fn refused(change: impl Fn(&mut Plan), says: &str) {
        let mut plan = plan_of(&[1, 2]);
        assert_eq!(plan.defect(), None);
        change(&mut plan);
        let defect = plan.defect().expect("it is refused");
        assert!(defect.contains(says), "{defect}");
    }

    fn first(plan: &mut Plan) -> &mut Stimulus {
        &mut plan.lanes[0].stimuli[0]
    }

    #[test]
    fn words_that_would_break_their_line_are_refused() {
        refused(|plan| first(plan).request.method = "GET / HTTP/1.1\r\n".to_owned(), "no method");
        refused(|plan| first(plan).request.host = Some("a\r\nb".to_owned()), "line end");
        refused(|plan| first(plan).request.target = Target::Shared("/a HTTP/1.1".to_owned()), "space");
        refused(|plan| first(plan).request.absolute = Some(Absolute::Other("a b".to_owned())), "space");
        let field = |name: &str, value: &str| Field { name: name.to_owned(), value: value.to_owned() };
        refused(|plan| first(plan).request.fields.push(field("x", "1\r\ny: 2")), "line end");
        refused(|plan| first(plan).request.fields.push(field("x y", "1")), "no field name");
        refused(|plan| first(plan).request.fields.push(field("content-length", "0")), "`body`");
    }

    #[test]
    fn a_final_status_is_no_interim_one_and_the_other_way_round() {
        let interim = |status| {
            let fields = Vec::new();
            OriginAct::Interim(Interim { status, length: InterimLength::Absent, fields, segment: Segment::Own })
        };
        refused(|plan| first(plan).directive.acts.insert(0, interim(200)), "no interim status");
        refused(|plan| first(plan).directive.acts.insert(0, interim(101)), "no interim status");
        let mut plan = plan_of(&[1]);
        first(&mut plan).directive.acts.insert(0, interim(199));
        assert_eq!(plan.defect(), None);
    }

    #[test]
    fn nobody_is_pipelined_behind_a_body_that_lies() {
        let pipelined = |plan: &mut Plan, declared_off_by| {
            let behind = plan.lanes.pop().unwrap().stimuli.remove(0);
            first(plan).request.body = RequestBody::Sized { bytes: 64, declared_off_by };
            plan.lanes[0].stimuli.push(Stimulus { connection: ConnectionUse::Pipelined, ..behind });
        };
        refused(|plan| pipelined(plan, -64), "taken for a part of e1");
        refused(|plan| pipelined(plan, 5), "taken for a part of e1");
        let mut honest = plan_of(&[1, 2]);
        pipelined(&mut honest, 0);
        assert_eq!(honest.defect(), None);
        let mut streams = plan_of(&[1, 2]);
        pipelined(&mut streams, 5);
        streams.down = Http::H2;
        assert_eq!(streams.defect(), None);
    }

    #[test]
    fn nobody_waits_for_whoever_waits_for_them() {
        let after = |exchange| Some(Event { exchange: ExchangeId(exchange), kind: EventKind::Seen });
        refused(
            |plan| {
                plan.lanes[0].stimuli[0].start.after = after(2);
                plan.lanes[1].stimuli[0].start.after = after(1);
            },
            "for itself",
        );
    }
}
