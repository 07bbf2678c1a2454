//! A scenario in words: who does what at both ends, and what must have happened for silence to count.

use std::fmt::Write;

use toml::Spanned;
use vocabulary::plan::{AbortHow, Audience, ConnectionUse, EventKind, Target, Until};

use crate::client::{BodyWord, GiveUp, GiveUpWhen};
use crate::draw::{Choice, one_of};
use crate::language::{Lane, Scenario, Variant};
use crate::origin::{
    Act, FinalReply, FramingWord, HoldFor, InterimReply, InterimSegment, LengthWord, SurplusBytes, SurplusWhen,
    SurplusWord,
};

impl Scenario {
    /// The scenario in words, for `crosswire scenarios show NAME`.
    pub fn describe(&self) -> String {
        let head = &self.head;
        let mut text = format!("{} · {} · {}\n{}\n\n{}\n", head.name, head.family, head.level, head.title, head.story);
        let shares: u64 = self.variants.iter().map(|variant| u64::from(variant.weight.get())).sum();
        for variant in &self.variants {
            text.push('\n');
            let rounds = variant.rounds();
            let rounds = if rounds.max().0 == 1 { "once".to_owned() } else { format!("in {rounds} rounds") };
            // Writing to a string cannot fail.
            let _ = match variant.name.as_str() {
                "" => writeln!(text, "Told {rounds}:"),
                name => writeln!(text, "{name} ({} of {shares} cases), told {rounds}:", variant.weight),
            };
            if let Some(schedule) = variant.schedule.as_ref().map(Spanned::get_ref) {
                let exchanges = &schedule.exchanges;
                let _ = writeln!(
                    text,
                    "  Each round is the next of all orders in which {exchanges} exchanges can be sent and released."
                );
            }
            for lane in &variant.lanes {
                let _ = writeln!(text, "  {}: {}", lane.name.get_ref(), client(lane, variant));
                let _ = writeln!(text, "    The origin {}.", origin(lane));
            }
        }
        let list = |words: Vec<String>| if words.is_empty() { "nothing".to_owned() } else { words.join("; ") };
        let _ = writeln!(text, "\nRequirement: {}", head.requirement);
        let _ = writeln!(text, "Retells: {}", list(head.incidents.clone()));
        let _ = writeln!(text, "May reveal: {}", list(head.may_reveal.iter().map(ToString::to_string).collect()));
        let _ = writeln!(
            text,
            "Must have happened: {}",
            list(head.must_exercise.iter().map(ToString::to_string).collect())
        );
        let prevented = head.may_be_prevented_by.iter().map(|witness| witness.word().to_owned()).collect();
        let _ = writeln!(text, "May rightly be prevented by: {}", list(prevented));
        if self.needs_gateway_timeout() {
            text.push_str("Needs the gateway's reply timeout (--gateway-timeout); skipped without it.\n");
        }
        text
    }
}

/// What the clients do, in one sentence.
fn client(lane: &Lane, variant: &Variant) -> String {
    let tenants = match (&lane.tenants_of, &lane.tenants) {
        (Some(owner), _) => format!("the tenants of {}", owner.get_ref()),
        (None, Some(tenants)) => counted(&tenants.get_ref().to_string(), "tenant"),
        (None, None) => "1 tenant".to_owned(),
    };
    let copies = if lane.copies.max().0 == 1 { String::new() } else { format!(" × {} clients", lane.copies) };
    let requests = match variant.schedule {
        Some(_) => "requests as scheduled".to_owned(),
        None => format!("{} each", counted(&lane.requests.to_string(), "request")),
    };
    let mut text = format!("{tenants}{copies}, {requests} ({})", request(lane));
    if let Some(connection) = &lane.connection {
        let word = |connection: &ConnectionUse| match connection {
            ConnectionUse::Kept => "kept connections".to_owned(),
            ConnectionUse::Fresh => "a new connection for each".to_owned(),
            ConnectionUse::Pipelined => "one connection, without awaiting replies".to_owned(),
        };
        let _ = write!(text, ", on {}", words(connection, word));
    }
    if lane.think.max().us > 0 {
        let _ = write!(text, ", {} apart", lane.think);
    }
    if let Some(start) = &lane.start {
        match &start.after {
            Some(event) => {
                let _ = write!(text, ", {} after {}", start.within, event.get_ref());
            }
            None => {
                let _ = write!(text, ", after {}", start.within);
            }
        }
    }
    if let Some(Until::UpstreamServed(served)) = lane.until.as_ref().map(Spanned::get_ref) {
        let _ = write!(text, ", until each upstream connection has served {served} more");
    }
    if lane.plain_after.max().0 > 0 {
        let _ =
            write!(text, ", then {} on the same connection", counted(&lane.plain_after.to_string(), "plain request"));
    }
    if let Some(give_up) = &lane.abort {
        let _ = write!(text, "; {}", abort(give_up));
    }
    if let Some(read) = &lane.read {
        let _ = write!(text, "; reads {} bytes every {}", read.bytes, read.gap);
    }
    match lane.audience {
        Audience::Exchange => {}
        Audience::Tenant => text.push_str("; the replies are for their own tenant"),
        Audience::Public => text.push_str("; the replies are for everybody"),
    }
    text
}

fn request(lane: &Lane) -> String {
    let form = &lane.request;
    let mut text =
        form.method.as_ref().map_or("any method".to_owned(), |method| words(method, |method| method.0.clone()));
    if let Some(body) = &form.body {
        let word = |body: &BodyWord| match body {
            BodyWord::None => "no body".to_owned(),
            BodyWord::Sized { bytes, .. } => format!("{bytes} bytes of body"),
            BodyWord::Chunked { bytes, .. } => format!("{bytes} bytes of chunked body"),
            BodyWord::Ghost { .. } => "a body that spells another request".to_owned(),
        };
        let _ = write!(text, ", {}", words(body, word));
    }
    let word = |target: &Target| match target {
        Target::Own => "its own path".to_owned(),
        Target::Shared(path) => format!("the shared path {path}"),
        Target::Asterisk => "*".to_owned(),
        Target::Authority(authority) => authority.clone(),
    };
    let _ = write!(text, " of {}{}", words(&form.target, word), form.fields);
    text
}

fn abort(give_up: &GiveUp) -> String {
    let how = words(&give_up.how, |how| match how {
        AbortHow::Fin => "by FIN".to_owned(),
        AbortHow::Rst => "by RST".to_owned(),
        AbortHow::HalfClose => "by closing its sending side".to_owned(),
    });
    let when = words(&give_up.when, |when| match when {
        GiveUpWhen::Sent(time) => format!("{time} after sending"),
        GiveUpWhen::ReplyBytes(bytes) => format!("after {bytes} bytes of the reply"),
        GiveUpWhen::Event { event, within } => match event {
            EventKind::Sent => format!("{within} after sending"),
            EventKind::Seen => format!("{within} after the origin has seen it"),
            EventKind::InterimWritten => format!("{within} after an interim reply"),
            EventKind::FinalWritten => format!("{within} after the final reply was written"),
            EventKind::SurplusWritten => format!("{within} after surplus was written"),
            EventKind::Aborted | EventKind::Concluded => format!("{within} after its end"),
        },
    });
    format!("gives up {how}, {when}")
}

/// What the origin does, in one sentence.
fn origin(lane: &Lane) -> String {
    if lane.origin.is_empty() {
        return "answers plainly".to_owned();
    }
    lane.origin.iter().map(|act| self::act(act.get_ref())).collect::<Vec<_>>().join("; ")
}

fn act(act: &Act) -> String {
    match act {
        Act::Hold(HoldFor::Bait) => "holds until the next request arrives on the same upstream connection".to_owned(),
        Act::Hold(HoldFor::Gate) => {
            "holds until the others have arrived, then releases in the planned order".to_owned()
        }
        Act::Hold(HoldFor::Event(event)) => format!("holds until {}", event.get_ref()),
        Act::Wait(time) => format!("waits {time}"),
        Act::Interim(reply) => interim(reply),
        Act::Final(reply) => final_reply(reply),
        Act::Surplus(bytes) => surplus(bytes),
        Act::Close(close) => {
            format!("closes the connection by {}", words(close, |close| format!("{close:?}").to_uppercase()))
        }
        Act::Silence(time) => format!("stays silent for {time}"),
        Act::Tunnel(tunnel) => format!("sends {} bytes into the tunnel", tunnel.bytes),
    }
}

fn interim(reply: &InterimReply) -> String {
    let times = if reply.count.max().0 == 1 { String::new() } else { format!("{} times ", reply.count) };
    let length = words(&reply.length, |length| match length {
        LengthWord::Absent => "no length".to_owned(),
        LengthWord::Zero => "Content-Length: 0".to_owned(),
        LengthWord::Bytes(bytes) => format!("Content-Length: {bytes}"),
        LengthWord::Chunked => "Transfer-Encoding: chunked".to_owned(),
    });
    let segment = words(&reply.segment, |segment| match segment {
        InterimSegment::Own => "in a write of its own".to_owned(),
        InterimSegment::Together => "together in one write".to_owned(),
        InterimSegment::Shared => "in one write with what follows".to_owned(),
    });
    format!("writes {times}an interim {} with {length}{}, {segment}", reply.status, reply.fields)
}

fn final_reply(reply: &FinalReply) -> String {
    let status = reply.status.as_ref().map_or("200".to_owned(), |status| status.get_ref().to_string());
    let bytes = reply.bytes.as_ref().map_or("some".to_owned(), ToString::to_string);
    let mut text = format!("writes the final {status} with {bytes} bytes{}", reply.fields);
    if let Some(framing) = &reply.framing {
        let word = |framing: &FramingWord| match framing {
            FramingWord::Length => "an exact length".to_owned(),
            FramingWord::LengthShort { by } => format!("a length {by} bytes too short"),
            FramingWord::LengthLong { by } => format!("a length {by} bytes too long"),
            FramingWord::LengthTwice { .. } => "two lengths".to_owned(),
            FramingWord::Chunked => "chunks".to_owned(),
            FramingWord::LengthAndChunked => "a length and chunks".to_owned(),
            FramingWord::ChunkedBroken(_) => "broken chunks".to_owned(),
            FramingWord::Close => "the connection's end".to_owned(),
            FramingWord::BodyWhereNone => "a body where none is allowed".to_owned(),
        };
        let _ = write!(text, ", framed by {}", words(framing, word));
    }
    if reply.early {
        text.push_str(", before it has read the request's body");
    }
    if reply.private {
        text.push_str(", which no other tenant may receive");
    }
    if let Some(cut) = &reply.cut {
        let _ = write!(text, ", cut off after {} bytes", cut.after_bytes);
    }
    text
}

fn surplus(surplus: &SurplusBytes) -> String {
    let what = words(&surplus.what, |what| match what {
        SurplusWord::Reply { status, bytes } => format!("a second reply, {status} with {bytes} bytes"),
        SurplusWord::Garbage { bytes } => format!("{bytes} bytes that are no HTTP"),
    });
    let when = words(&surplus.when, |when| match when {
        SurplusWhen::SameSegment => "in the same write".to_owned(),
        SurplusWhen::Idle(time) => format!("{time} later, while the connection is idle"),
        SurplusWhen::AfterNextRequest => "when the next request has arrived".to_owned(),
    });
    format!("adds {what}, {when}")
}

fn words<T>(choice: &Choice<T>, word: impl Fn(&T) -> String) -> String {
    let mut words: Vec<String> = Vec::new();
    for word in choice.0.iter().map(word) {
        if !words.contains(&word) {
            words.push(word);
        }
    }
    one_of(&words)
}

/// `1 request`, `2 to 3 requests`.
fn counted(count: &str, noun: &str) -> String {
    if count == "1" { format!("1 {noun}") } else { format!("{count} {noun}s") }
}
