//! What only one version of HTTP has. A scenario that says such a word says as well where it is told: by `down` what the
//! clients speak, by `up` what the gateway speaks to the origin. One that says neither is told in every crossing.

use std::ops::Range;

use toml::Spanned;
use vocabulary::crossing::Http;
use vocabulary::directive::FaultKind;
use vocabulary::plan::Version;
use vocabulary::scenario::Obligation;

use crate::client::{BodyWord, ConnectionWord, FormWord};
use crate::draw::{Draw, Number};
use crate::error::{ScenarioError, Source};
use crate::fields::Fields;
use crate::language::{File, GateRelease, Lane};
use crate::origin::{Act, FinalReply, FramingWord, HoldFor, InterimReply, SurplusBytes, SurplusWord};
use crate::plan_words::misframing;

/// RFC 9113 §8.2.2: fields that speak of the connection, which no message of HTTP/2 has. `TE: trailers` is the exception.
const OF_THE_CONNECTION: [&str; 6] =
    ["connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade", "http2-settings"];

/// The first word that has no meaning where the scenario is told, if there is one.
pub(crate) fn check(source: Source<'_>, file: &File) -> Result<(), ScenarioError> {
    let told = Told { source, down: file.down, up: file.up };
    file.must_exercise.iter().try_for_each(|obligation| told.check_obligation(obligation))?;
    if file.variants.is_empty() {
        return told.check_lanes(&file.lanes, file.gate.as_ref().map(Spanned::get_ref));
    }
    for version in [Http::H1, Http::H2] {
        let has_its_own = file.variants.iter().any(|variant| variant.get_ref().is_told_in(version));
        if file.down.is_none_or(|down| down == version) && !has_its_own {
            let what = format!("no variant is told where clients speak {version}: say down in the head, not in each");
            return Err(source.contradiction(file.variants[0].span(), what));
        }
    }
    for variant in file.variants.iter().map(Spanned::get_ref) {
        let own = variant.down.as_ref();
        if let (Some(own), Some(down)) = (own.filter(|own| Some(*own.get_ref()) != file.down), file.down) {
            let what = format!("the head says down = \"{down}\", so this variant would never be told");
            return Err(source.contradiction(own.span(), what));
        }
        let told = Told { down: own.map(|own| *own.get_ref()).or(file.down), ..told };
        told.check_lanes(&variant.lanes, variant.gate.as_ref())?;
    }
    Ok(())
}

/// Where a variant is told.
#[derive(Clone, Copy)]
struct Told<'a> {
    source: Source<'a>,
    down: Option<Http>,
    up: Option<Http>,
}

impl Told<'_> {
    fn check_lanes(self, lanes: &[Lane], gate: Option<&GateRelease>) -> Result<(), ScenarioError> {
        let together = gate.is_some_and(|gate| gate.together);
        for lane in lanes {
            self.check_request(lane)?;
            if together {
                self.check_held_together(lane)?;
            }
            lane.origin.iter().try_for_each(|act| self.check_act(act))?;
        }
        Ok(())
    }

    fn check_obligation(self, obligation: &Spanned<Obligation>) -> Result<(), ScenarioError> {
        let span = obligation.span();
        match obligation.get_ref() {
            Obligation::StreamsHeld(_) => self.needs_up(Http::H2, span, "a stream"),
            Obligation::FaultPerformed(kind @ (FaultKind::Reset | FaultKind::GoAway | FaultKind::Settings)) => {
                self.needs_up(Http::H2, span, &format!("the fault {:?}", kind.word()))
            }
            Obligation::FaultPerformed(FaultKind::Tunnel) => self.needs_up(Http::H1, span, "a tunnel"),
            Obligation::FaultPerformed(_)
            | Obligation::Overlap(_)
            | Obligation::FollowUps(_)
            | Obligation::OrderReleased
            | Obligation::ClientAbortSeen
            | Obligation::DeliveredFromCache
            | Obligation::RequestsPerUpstreamConnection(_)
            | Obligation::IdleGap
            | Obligation::Affinity(_) => Ok(()),
        }
    }

    fn check_request(self, lane: &Lane) -> Result<(), ScenarioError> {
        let request = &lane.request;
        if let Some(tail) = request.tail.as_ref().filter(|tail| *tail.get_ref()) {
            self.needs_down(Http::H1, tail.span(), "a tail")?;
        }
        if let Some(absolute) = &request.absolute {
            self.needs_down(Http::H1, absolute.span(), "a target in absolute form")?;
        }
        if let Some(version) = request.version.as_ref().filter(|version| version.get_ref().0.contains(&Version::Http10))
        {
            self.needs_down(Http::H1, version.span(), "HTTP/1.0")?;
        }
        let misframings = |body: &BodyWord| match body {
            BodyWord::Misframed { by } => by.0.clone(),
            _ => Vec::new(),
        };
        if let Some(body) = &request.body {
            for by in body.get_ref().0.iter().flat_map(misframings) {
                if let Some(needed) = by.spoken() {
                    self.needs_down(needed, body.span(), &format!("a body misframed by {}", misframing(by)))?;
                }
            }
        }
        // RFC 8441 §4: who speaks HTTP/2 asks for another protocol by CONNECT.
        let asks_in_a_stream = |name: &&str| self.down == Some(Http::H2) && name.eq_ignore_ascii_case("upgrade");
        if let Some((fields, name)) = request.fields.as_ref().and_then(|fields| {
            let name = of_the_connection(fields.get_ref()).filter(|name| !asks_in_a_stream(name))?;
            Some((fields, name))
        }) {
            self.needs_down(Http::H1, fields.span(), &format!("the field {name}"))?;
        }
        let own = request.form.0.iter().filter_map(|form| match form {
            FormWord::Own { fields, .. } => Some(&fields.0),
            _ => None,
        });
        match own.flatten().find(|field| speaks_of_the_connection(&field.name, &field.value)) {
            Some(field) => self.needs_down(Http::H1, lane.name.span(), &format!("the field {}", field.name)),
            None => Ok(()),
        }
    }

    /// Who waits for his reply before he asks again cannot be held with what he asks then.
    fn check_held_together(self, lane: &Lane) -> Result<(), ScenarioError> {
        let held = |act: &Spanned<Act>| matches!(act.get_ref(), Act::Hold(HoldFor::Gate));
        let Some(act) = lane.origin.iter().find(|act| held(act)).filter(|_| lane.requests.max().0 > 1) else {
            return Ok(());
        };
        let uses = lane.connection.iter().flat_map(|connection| &connection.0);
        if uses.clone().count() == 0 || !uses.into_iter().all(|word| matches!(word, ConnectionWord::Pipelined)) {
            let what = "all requests of a round are held together here, so that they must not await each other's replies: \
                        say connection = \"pipelined\"";
            return Err(self.source.contradiction(act.span(), what));
        }
        self.needs_down(Http::H2, act.span(), "a second request beside one that is held")
    }

    fn check_act(self, spanned: &Spanned<Act>) -> Result<(), ScenarioError> {
        let span = spanned.span();
        match spanned.get_ref() {
            Act::Reset(_) => self.needs_up(Http::H2, span, "a reset stream"),
            Act::GoAway(_) => self.needs_up(Http::H2, span, "GOAWAY"),
            Act::Settings(_) => self.needs_up(Http::H2, span, "a setting"),
            Act::Tunnel(_) => self.needs_up(Http::H1, span, "a tunnel behind a 101"),
            Act::Final(reply) => self.check_final(reply, span),
            Act::Interim(InterimReply { fields, .. }) => self.check_fields(fields, span),
            Act::Surplus(surplus) => self.check_surplus(surplus, span),
            Act::Hold(_) | Act::Wait(_) | Act::Close(_) | Act::Silence(_) => Ok(()),
        }
    }

    fn check_final(self, reply: &FinalReply, span: Range<usize>) -> Result<(), ScenarioError> {
        // RFC 9113 §8.6: there is no 101.
        let is_switch = |status: &Draw<Number<101, 599>>| status.alternatives().iter().any(|(low, _)| low.0 == 101);
        if let Some(status) = reply.status.as_ref().filter(|status| is_switch(status.get_ref())) {
            self.needs_up(Http::H1, status.span(), "a 101")?;
        }
        let in_chunks =
            |framing: &FramingWord| matches!(framing, FramingWord::LengthAndChunked | FramingWord::ChunkedBroken(_));
        if let Some(framing) = reply.framing.as_ref().filter(|framing| framing.get_ref().0.iter().any(in_chunks)) {
            self.needs_up(Http::H1, framing.span(), "a Transfer-Encoding")?;
        }
        if let Some(frames) = &reply.frames {
            self.needs_up(Http::H2, frames.span(), "a frame")?;
        }
        self.check_fields(&reply.fields, span)
    }

    fn check_fields(self, fields: &Fields, span: Range<usize>) -> Result<(), ScenarioError> {
        match of_the_connection(fields) {
            Some(name) => self.needs_up(Http::H1, span, &format!("the field {name}")),
            None => Ok(()),
        }
    }

    fn check_surplus(self, surplus: &SurplusBytes, span: Range<usize>) -> Result<(), ScenarioError> {
        let garbled = surplus
            .what
            .0
            .iter()
            .any(|what| matches!(what, SurplusWord::Reply { garbage: Some(garbage), .. } if garbage.max().0 > 0));
        match garbled {
            true => self.needs_up(Http::H1, span, "garbage before a status line"),
            false => Ok(()),
        }
    }

    fn needs_down(self, version: Http, span: Range<usize>, what: &str) -> Result<(), ScenarioError> {
        let place = "in the head, or in the variant";
        self.needs("down", self.down, (version, span), (what, place))
    }

    fn needs_up(self, version: Http, span: Range<usize>, what: &str) -> Result<(), ScenarioError> {
        self.needs("up", self.up, (version, span), (what, "in the head"))
    }

    fn needs(
        self,
        side: &str,
        said: Option<Http>,
        (version, span): (Http, Range<usize>),
        (what, place): (&str, &str),
    ) -> Result<(), ScenarioError> {
        if said == Some(version) {
            return Ok(());
        }
        let other = match version {
            Http::H1 => "HTTP/2",
            Http::H2 => "HTTP/1.1",
        };
        let what = format!("{what} means nothing in {other}: say {side} = \"{version}\" {place}");
        Err(self.source.contradiction(span, what))
    }
}

/// The name of a field that no message of HTTP/2 has.
fn of_the_connection(fields: &Fields) -> Option<&str> {
    let mut all = fields.all();
    all.find(|field| speaks_of_the_connection(&field.name, &field.value)).map(|field| field.name.as_str())
}

fn speaks_of_the_connection(name: &str, value: &str) -> bool {
    let is = |other: &str| name.eq_ignore_ascii_case(other);
    OF_THE_CONNECTION.into_iter().any(is) || (is("te") && !value.eq_ignore_ascii_case("trailers"))
}
