//! What serde cannot see: names that refer to nothing, and parts that contradict each other.

use std::collections::BTreeSet;
use std::ops::Range;

use toml::Spanned;
use vocabulary::plan::{EventKind, Target};

use crate::client::{BodyWord, FormWord};
use crate::draw::{Draw, Number, Quantity};
use crate::error::{ScenarioError, Source};
use crate::language::{File, Lane, Schedule, Variant};
use crate::origin::{Act, EventOf, HoldFor, InterimSegment, SurplusWhen};

/// Lanes of a plan: each is a client worker with a connection of its own.
const LANES_MAX: u64 = 256;
/// The canary has ten bits for a tenant.
const TENANTS_MAX: u64 = 1023;

/// The first contradiction in the file, if there is one.
pub(crate) fn check(source: Source<'_>, file: &File, stem: Option<&str>) -> Result<(), ScenarioError> {
    let name = file.name.get_ref();
    if stem != Some(name.as_str()) {
        let what = format!("the name {name:?} is not the stem of the file, {:?}", stem.unwrap_or_default());
        return Err(source.contradiction(file.name.span(), what));
    }
    check_name(source, "name", &file.name)?;
    check_name(source, "family", &file.family)?;
    if file.variants.is_empty() {
        let lanes = Lanes { source, lanes: &file.lanes };
        return lanes.check(0..0, file.rounds.as_ref().map(|rounds| rounds.get_ref().max().0).unwrap_or(1));
    }
    let beside = file.lanes.first().map(|lane| lane.name.span());
    let beside = beside.or(file.rounds.as_ref().map(Spanned::span)).or(file.gate.as_ref().map(Spanned::span));
    if let Some(span) = beside {
        return Err(source.contradiction(span, "the scenario has variants, so lanes, rounds and gate belong into them"));
    }
    file.variants.iter().try_for_each(|variant| check_variant(source, variant))
}

fn check_variant(source: Source<'_>, spanned: &Spanned<Variant>) -> Result<(), ScenarioError> {
    let variant = spanned.get_ref();
    let lanes = Lanes { source, lanes: &variant.lanes };
    lanes.check(spanned.span(), variant.rounds().max().0)?;
    match &variant.schedule {
        Some(schedule) => check_schedule(source, variant, schedule),
        None => Ok(()),
    }
}

/// A schedule decides who sends when and what is held; the lane only says what requests look like.
fn check_schedule(source: Source<'_>, variant: &Variant, schedule: &Spanned<Schedule>) -> Result<(), ScenarioError> {
    let [lane] = variant.lanes.as_slice() else {
        return Err(source.contradiction(schedule.span(), "a schedule needs exactly one lane"));
    };
    if let Some(rounds) = variant.rounds.as_ref().filter(|rounds| !is_fixed(rounds.get_ref())) {
        // Otherwise some orders would be skipped and others repeated from case to case.
        return Err(source.contradiction(rounds.span(), "beside a schedule the number of rounds must be fixed"));
    }
    match (&schedule.get_ref().exchanges, schedule.get_ref().orders.as_deref()) {
        (Some(_), None) | (None, Some([_, ..])) => {}
        (Some(_), Some(_)) => {
            return Err(source.contradiction(schedule.span(), "a schedule has either exchanges or orders, not both"));
        }
        (None, None | Some([])) => {
            let what =
                "a schedule says how many exchanges it has, or which orders: exchanges = 2 or orders = [\"0110\"]";
            return Err(source.contradiction(schedule.span(), what));
        }
    }
    let counted = lane.copies.is_some()
        || lane.workers.is_some()
        || lane.in_turn
        || lane.warm_ups.max().0 > 0
        || lane.login.is_some()
        || lane.requests.max().0 > 1
        || lane.plain_after.max().0 > 0;
    let acted = lane.freeze.is_some()
        || lane.start.is_some()
        || lane.until.is_some()
        || lane.abort.is_some()
        || lane.read.is_some();
    if counted || acted || !lane.origin.is_empty() {
        let what = "a schedule decides by itself who sends how often and when, and what the origin holds";
        return Err(source.contradiction(lane.name.span(), what));
    }
    Ok(())
}

fn is_fixed<T: Quantity>(draw: &Draw<T>) -> bool {
    draw.alternatives().iter().all(|ends| *ends == (draw.max(), draw.max()))
}

/// Names are words of a command line and parts of paths.
fn check_name(source: Source<'_>, key: &str, name: &Spanned<String>) -> Result<(), ScenarioError> {
    let text = name.get_ref();
    let letters = text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if text.is_empty() || !letters || text.starts_with('-') || text.ends_with('-') {
        let what = format!("the {key} {text:?} is no name, expected lower-case words joined by hyphens");
        return Err(source.value(name.span(), what));
    }
    Ok(())
}

/// The lanes of one variant.
#[derive(Clone, Copy)]
struct Lanes<'a> {
    source: Source<'a>,
    lanes: &'a [Lane],
}

impl Lanes<'_> {
    fn check(self, around: Range<usize>, rounds: u64) -> Result<(), ScenarioError> {
        if self.lanes.is_empty() {
            return Err(self.source.contradiction(around, "there is no lane, so nobody would send anything"));
        }
        let mut names = BTreeSet::new();
        for (index, lane) in self.lanes.iter().enumerate() {
            check_name(self.source, "lane name", &lane.name)?;
            if !names.insert(lane.name.get_ref()) {
                let what = format!("two lanes are called {:?}", lane.name.get_ref());
                return Err(self.source.contradiction(lane.name.span(), what));
            }
            self.check_references(index, lane)?;
            if let Some(until) = lane.until.as_ref().filter(|_| rounds > 1) {
                let what = "a lane that may stop early cannot take part in a second round";
                return Err(self.source.contradiction(until.span(), what));
            }
            self.check_request(lane)?;
            self.check_program(lane)?;
        }
        self.check_size(around)
    }

    /// A reader meets lanes in the order of the story, so a lane refers back.
    fn check_references(self, index: usize, lane: &Lane) -> Result<(), ScenarioError> {
        let earlier = &self.lanes[..index];
        if let Some(owner) = &lane.tenants_of {
            if let Some(tenants) = &lane.tenants {
                return Err(self.source.contradiction(tenants.span(), "either tenants or tenants_of, not both"));
            }
            let own: Vec<&Lane> = earlier.iter().filter(|lane| lane.tenants_of.is_none()).collect();
            self.known(owner.span(), owner.get_ref(), &own)?;
        }
        if let (Some(_), Some(workers)) = (&lane.copies, &lane.workers) {
            return Err(self.source.contradiction(workers.span(), "either copies or workers, not both"));
        }
        for count in lane.copies.iter().chain(&lane.workers) {
            let known: Vec<&Lane> = earlier.iter().collect();
            count.get_ref().lanes().try_for_each(|name| self.known(count.span(), name, &known))?;
        }
        if let Some(after) = lane.start.as_ref().and_then(|start| start.after.as_ref()) {
            let known: Vec<&Lane> = earlier.iter().collect();
            self.known(after.span(), &after.get_ref().lane, &known)?;
        }
        if let Some(freeze) = &lane.freeze {
            let known: Vec<&Lane> = earlier.iter().collect();
            self.known(freeze.until.span(), &freeze.until.get_ref().lane, &known)?;
        }
        let others: Vec<&Lane> =
            self.lanes.iter().filter(|other| other.name.get_ref() != lane.name.get_ref()).collect();
        for with in lane.affinities() {
            self.known(with.span(), with.get_ref(), &others)?;
            let is_later = |other: &&Lane| !earlier.iter().any(|lane| lane.name.get_ref() == other.name.get_ref());
            let later = others.iter().copied().filter(is_later).find(|other| other.name.get_ref() == with.get_ref());
            if later.is_some_and(|later| later.warm_ups.max().0 == 0) {
                let what =
                    format!("the lane {:?} comes later and has no warm-ups: nothing would be known", with.get_ref());
                return Err(self.source.contradiction(with.span(), what));
            }
        }
        for act in &lane.origin {
            if let Act::Hold(HoldFor::Event(event)) = act.get_ref() {
                let EventOf { lane, .. } = event.get_ref();
                self.known(event.span(), lane, &others)?;
            }
        }
        self.check_frozen(lane)
    }

    /// Nobody is told of a freeze that no lane commits: whoever waited for it would wait in vain.
    fn check_frozen(self, lane: &Lane) -> Result<(), ScenarioError> {
        let held = lane.origin.iter().filter_map(|act| match act.get_ref() {
            Act::Hold(HoldFor::Event(event)) => Some(event),
            _ => None,
        });
        let started = lane.start.iter().filter_map(|start| start.after.as_ref());
        let until = lane.freeze.iter().map(|freeze| &freeze.until);
        for event in held.chain(started).chain(until) {
            let EventOf { lane: of, kind } = event.get_ref();
            let freezes = self.lanes.iter().any(|lane| lane.name.get_ref() == of && lane.freeze.is_some());
            if *kind == EventKind::Frozen && !freezes {
                let what = format!("the lane {of:?} does not freeze the gateway, so that this never happens");
                return Err(self.source.contradiction(event.span(), what));
            }
        }
        Ok(())
    }

    fn known(self, span: Range<usize>, name: &str, lanes: &[&Lane]) -> Result<(), ScenarioError> {
        if lanes.iter().any(|lane| lane.name.get_ref() == name) {
            return Ok(());
        }
        if self.lanes.iter().any(|lane| lane.name.get_ref() == name) {
            let what = format!("the lane {name:?} cannot be referred to from here, only other lanes, listed earlier");
            return Err(self.source.contradiction(span, what));
        }
        let expected = lanes.iter().map(|lane| lane.name.get_ref().clone()).collect();
        Err(self.source.unknown(span, "lane", name, expected))
    }

    /// A form has a path of its own, and what a ghost's body spells leaves no room for another text.
    fn check_request(self, lane: &Lane) -> Result<(), ScenarioError> {
        let request = &lane.request;
        let formed = request.form.0.iter().any(|form| *form != FormWord::Plain);
        let ghost = request
            .bodies()
            .into_iter()
            .flat_map(|body| &body.0)
            .any(|body| matches!(body, BodyWord::Ghost { .. } | BodyWord::Misframed { .. }));
        let own = request.target.0.iter().all(|target| *target == Target::Own);
        let what = if formed && !own {
            "a form brings a path of its own, so the request's target must be \"own\""
        } else if ghost && (formed || request.rich) {
            "the body of a ghost spells a request, so it can be neither rich nor of a form"
        } else {
            return Ok(());
        };
        Err(self.source.contradiction(lane.name.span(), what))
    }

    /// The acts of one program, in their order.
    fn check_program(self, lane: &Lane) -> Result<(), ScenarioError> {
        let (mut finals, mut gates) = (0, 0);
        let mut previous: Option<&Act> = None;
        for spanned in &lane.origin {
            let act = spanned.get_ref();
            let error = |what: &str| Err(self.source.contradiction(spanned.span(), what));
            match act {
                Act::Final(reply) => {
                    finals += 1;
                    if finals > 1 {
                        return error(
                            "a second final reply is surplus, write { surplus = { what = { reply = … }, … } }",
                        );
                    }
                    if let Some(status) = reply.status.as_ref().filter(|status| !is_final(status.get_ref())) {
                        return Err(self.source.value(status.span(), "a final status is 101 or 200 to 599"));
                    }
                }
                Act::Hold(HoldFor::Gate) => {
                    gates += 1;
                    if gates > 1 {
                        return error("a program holds at one gate at most");
                    }
                }
                Act::Surplus(surplus) => {
                    let joined = surplus.when.0.iter().any(|when| matches!(when, SurplusWhen::SameSegment));
                    if joined && !matches!(previous, Some(Act::Final(_) | Act::Surplus(_))) {
                        return error("surplus in the same segment must follow the final reply directly");
                    }
                }
                Act::Interim(_) if finals > 0 && !matches!(previous, Some(Act::Final(_))) => {
                    return error("an interim reply behind the final one is surplus, and must follow it directly");
                }
                Act::Hold(_)
                | Act::Wait(_)
                | Act::Interim(_)
                | Act::Close(_)
                | Act::Silence(_)
                | Act::Tunnel(_)
                | Act::Reset(_)
                | Act::GoAway(_)
                | Act::Settings(_) => {}
            }
            if let (Some(Act::Interim(interim)), Act::Hold(_) | Act::Wait(_) | Act::Silence(_)) = (previous, act)
                && interim.segment.0.contains(&InterimSegment::Shared)
            {
                return error(
                    "the interim reply before this shares its segment with what follows: nothing may come between",
                );
            }
            previous = Some(act);
        }
        Ok(())
    }

    fn check_size(self, around: Range<usize>) -> Result<(), ScenarioError> {
        let workers: u64 = self.lanes.iter().map(|lane| lane.workers_max(self.lanes)).sum();
        if workers > LANES_MAX {
            let what = format!("up to {workers} client workers would be drawn, at most {LANES_MAX} run at once");
            return Err(self.source.contradiction(around, what));
        }
        let own = self.lanes.iter().filter(|lane| lane.tenants_of.is_none());
        let tenants: u64 = own.map(|lane| lane.tenants_max(self.lanes)).sum();
        if tenants > TENANTS_MAX {
            let what = format!("up to {tenants} tenants would be drawn, at most {TENANTS_MAX} can be told apart");
            return Err(self.source.contradiction(around, what));
        }
        Ok(())
    }
}

/// RFC 9110 §15.2: 1xx replies are interim, but for 101, after which the connection is another protocol's.
fn is_final(status: &Draw<Number<101, 599>>) -> bool {
    status.alternatives().iter().all(|(low, high)| low.0 >= 200 || (low.0, high.0) == (101, 101))
}
