//! Smaller values: what can be plainer in one stimulus without leaving it out.

use vocabulary::directive::{Final, Framing, Hold, Interim, InterimLength, OriginAct, Surplus, SurplusKind, Writes};
use vocabulary::plan::{BodyPace, ConnectionUse, Credential, EventKind, Form, Freeze, RequestBody, Stimulus, Version};

use crate::ablate::thaw;

/// Bytes of a plain body: one stripe.
const PLAIN_BYTES: u64 = 64;

/// A way to make a stimulus plainer, with its name in the log.
pub(super) type Plainer = (&'static str, fn(&mut Stimulus));

/// From what costs most time to what merely reads worse.
pub(super) const PLAINER: [Plainer; 19] = [
    ("no wait at the origin", |stimulus| stimulus.directive.acts.retain(|act| !matches!(act, OriginAct::Wait { .. }))),
    ("no delay before the request", |stimulus| stimulus.start.delay_us = 0),
    ("no freeze", thaw),
    ("nothing of the request before the rest", |stimulus| {
        stimulus.freeze = stimulus.freeze.map(|freeze| Freeze { begun: false, ..freeze });
    }),
    ("no event awaited", |stimulus| stimulus.start.after = None),
    ("no bait", |stimulus| without(stimulus, |hold| matches!(hold, Hold::Bait))),
    ("the request's body not awaited", |stimulus| without(stimulus, |hold| matches!(hold, Hold::Body))),
    ("no event held for", |stimulus| {
        // What is held for a freeze belongs to it, and goes with it: apart from it, it would be a race.
        without(stimulus, |hold| matches!(hold, Hold::Event(event) if event.kind != EventKind::Frozen));
    }),
    ("any connection", |stimulus| {
        if let ConnectionUse::Affinity { .. } = stimulus.connection {
            stimulus.connection = ConnectionUse::Kept;
        }
    }),
    ("a plain interim reply", |stimulus| interims(stimulus, |interim| interim.fields.clear())),
    ("an interim reply without a length", |stimulus| {
        interims(stimulus, |interim| interim.length = InterimLength::Absent)
    }),
    ("a reply of one stripe", |stimulus| finals(stimulus, |reply| reply.bytes = reply.bytes.min(PLAIN_BYTES))),
    ("a reply in one write", |stimulus| finals(stimulus, |reply| reply.writes = Writes::default())),
    ("a reply with a length", |stimulus| {
        finals(stimulus, |reply| {
            if let Framing::Chunked { .. } = reply.framing {
                (reply.framing, reply.trailers) = (Framing::Length, false);
            }
        });
    }),
    ("a reply without further fields", |stimulus| finals(stimulus, |reply| reply.fields.clear())),
    ("surplus of one stripe", |stimulus| {
        for act in &mut stimulus.directive.acts {
            if let OriginAct::Surplus(Surplus { what, .. }) = act {
                let (SurplusKind::Reply { bytes, .. } | SurplusKind::Garbage { bytes }) = what;
                *bytes = (*bytes).min(PLAIN_BYTES);
            }
        }
    }),
    ("surplus without garbage before it", |stimulus| {
        for act in &mut stimulus.directive.acts {
            if let OriginAct::Surplus(Surplus { what: SurplusKind::Reply { garbage, .. }, .. }) = act {
                *garbage = 0;
            }
        }
    }),
    ("a plain GET", |stimulus| {
        let request = &mut stimulus.request;
        if request.fault().is_none() {
            "GET".clone_into(&mut request.method);
            (request.body, request.pace, request.trailers) = (RequestBody::None, BodyPace::AtOnce, false);
            (request.expect, request.version) = (None, Version::Http11);
            (request.form, request.rich, request.absolute) = (Form::Plain, false, None);
        }
    }),
    ("a request without further fields", |stimulus| {
        let request = &mut stimulus.request;
        request.fields.clear();
        request.padding = 0;
        (request.credential, request.host, stimulus.read) = (Credential::Both, None, None);
        request.keep_cookies = false;
        if stimulus.connection == ConnectionUse::Fresh {
            stimulus.connection = ConnectionUse::Kept;
        }
    }),
];

/// The first of several interim replies in a row.
pub(super) fn one_interim(stimulus: &mut Stimulus) {
    stimulus.directive.acts.dedup_by(|later, act| act.interim().is_some() && later.interim().is_some());
}

fn without(stimulus: &mut Stimulus, gone: impl Fn(&Hold) -> bool) {
    stimulus.directive.acts.retain(|act| !matches!(act, OriginAct::Hold(hold) if gone(hold)));
}

fn finals(stimulus: &mut Stimulus, change: impl Fn(&mut Final)) {
    for act in &mut stimulus.directive.acts {
        if let OriginAct::Final(reply) = act {
            change(reply);
        }
    }
}

fn interims(stimulus: &mut Stimulus, change: impl Fn(&mut Interim)) {
    for act in &mut stimulus.directive.acts {
        if let OriginAct::Interim(interim) = act {
            change(interim);
        }
    }
}
