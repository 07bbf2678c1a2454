//! A scenario in words: who does what at both ends, and what must have happened for silence to count.

use std::fmt::Write;

use toml::Spanned;
use vocabulary::crossing::Http;
use vocabulary::directive::{ChunkDefect, Close, LastStream, Table};
use vocabulary::plan::{AbortHow, Absolute, Audience, Credential, EventKind, Target, Until, Version};

use crate::client::{BodyWord, ConnectionWord, FormWord, GiveUp, GiveUpWhen, Login, PaceWord, RequestForm};
use crate::draw::{Choice, Count, Draw, Time, one_of};
use crate::language::{DirectiveAt, FreezeOf, Lane, Order, ProfileWord, Scenario, Variant};
use crate::origin::{
    Act, CutWord, FinalReply, FrameForm, FramingWord, HoldFor, InterimReply, InterimSegment, LengthWord, SettingWord,
    SurplusBytes, SurplusWhen, SurplusWord,
};
use crate::plan_words::{misframing, reset_code};

impl Scenario {
    /// The scenario in words, for `crosswire scenarios show NAME`.
    pub fn describe(&self) -> String {
        let head = &self.head;
        let mut text = format!("{} · {} · {}\n{}\n\n{}\n", head.name, head.family, head.level, head.title, head.story);
        let shares = self.cases_per_cycle();
        for variant in &self.variants {
            text.push('\n');
            let rounds = variant.rounds();
            let rounds = if rounds.max().0 == 1 { "once".to_owned() } else { format!("in {rounds} rounds") };
            let clients =
                variant.down.as_ref().map(|down| format!(", where clients speak {}", version(*down.get_ref())));
            let rounds = rounds + &clients.unwrap_or_default();
            // Writing to a string cannot fail.
            let _ = match variant.name.as_str() {
                "" => writeln!(text, "Told {rounds}:"),
                name => writeln!(text, "{name} ({} of {shares} cases), told {rounds}:", variant.weight),
            };
            if let Some(schedule) = variant.schedule.as_ref().map(Spanned::get_ref) {
                let each = match (&schedule.exchanges, &schedule.orders) {
                    (Some(exchanges), _) => {
                        format!("all orders in which {exchanges} exchanges can be sent and released")
                    }
                    (None, orders) => {
                        let orders = orders.iter().flatten().map(ToString::to_string).collect::<Vec<_>>().join(", ");
                        format!(
                            "the orders {orders}; a digit's first place sends that exchange, its second releases it"
                        )
                    }
                };
                let _ = writeln!(text, "  Each round is the next of {each}{}.", apart(&schedule.gap));
            }
            if let Some(gate) = &variant.gate {
                let order = words(&gate.order, |order| match order {
                    Order::Fifo => "as planned".to_owned(),
                    Order::Lifo => "the other way round".to_owned(),
                    Order::Random => "in any order".to_owned(),
                });
                let together = if gate.together { ", all requests of a round together" } else { "" };
                let _ = writeln!(text, "  A gate releases {order}{}{together}.", apart(&gate.gap));
            }
            for lane in &variant.lanes {
                let _ = writeln!(text, "  {}: {}", lane.name.get_ref(), client(lane, variant));
                let _ = writeln!(text, "    The origin {}.", origin(lane));
            }
        }
        if !self.swarm.is_empty() {
            let knobs: Vec<String> = self.swarm.iter().map(|knob| knob.word().to_owned()).collect();
            let _ = writeln!(text, "\nEach case switches on some of: {}", knobs.join(", "));
        }
        if self.needs_directive_at == DirectiveAt::Body {
            text.push_str("\nThe origin reads the whole request before it does anything.\n");
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
        text.push_str(&spoken(self.head.down, self.head.up));
        if self.needs_gateway_timeout() {
            text.push_str("Needs the gateway's reply timeout (--gateway-timeout); skipped without it.\n");
        }
        if self.needs_freezing() {
            text.push_str("Stops the gateway's process; skipped where crosswire has not started one.\n");
        }
        if self.profile > ProfileWord::Quick {
            let _ = writeln!(text, "Run in the profile {:?} or by its name.", self.profile.word());
        }
        text
    }
}

/// Where the scenario is told, if it is not told everywhere.
fn spoken(down: Option<Http>, up: Option<Http>) -> String {
    let before = down.map(|down| format!("clients speak {}", version(down)));
    let behind = up.map(|up| format!("the gateway speaks {} to the origin", version(up)));
    let both: Vec<String> = before.into_iter().chain(behind).collect();
    if both.is_empty() { String::new() } else { format!("Told where {}; skipped elsewhere.\n", both.join(" and ")) }
}

fn version(http: Http) -> &'static str {
    match http {
        Http::H1 => "HTTP/1.1",
        Http::H2 => "HTTP/2",
    }
}

/// What the clients do, in one sentence.
fn client(lane: &Lane, variant: &Variant) -> String {
    let tenants = match (&lane.tenants_of, &lane.tenants) {
        (Some(owner), _) => format!("the tenants of {}", owner.get_ref()),
        (None, Some(tenants)) => counted(&tenants.get_ref().to_string(), "tenant"),
        (None, None) => "1 tenant".to_owned(),
    };
    let clients = match (&lane.workers, lane.copies()) {
        (Some(workers), _) => format!(" on {}", counted(&workers.get_ref().to_string(), "client")),
        (None, copies) if copies == Count::one() && !lane.in_turn => String::new(),
        (None, copies) if lane.in_turn => format!(" on {}", counted(&copies.to_string(), "client")),
        (None, copies) => format!(" × {}", counted(&copies.to_string(), "client")),
    };
    let turns = if lane.in_turn { ", each of which takes them in turn" } else { "" };
    let requests = match variant.schedule {
        Some(_) => "requests as scheduled".to_owned(),
        None => format!("{} each", counted(&lane.requests.to_string(), "request")),
    };
    let mut text = format!("{tenants}{clients}{turns}, {requests} ({})", request(lane));
    if let Some(Login { path, cookie }) = lane.login.as_ref().map(Spanned::get_ref) {
        let _ = write!(text, ", after a login at {} that sets the cookie {}", path.0, cookie.0);
    }
    if let Some(connection) = &lane.connection {
        let word = |connection: &ConnectionWord| match connection {
            ConnectionWord::Kept => "kept connections".to_owned(),
            ConnectionWord::Fresh => "a new connection for each".to_owned(),
            ConnectionWord::Pipelined => "one connection, without awaiting replies".to_owned(),
            ConnectionWord::Affinity(with) => {
                format!("connections that share upstream connections with those of {}", with.get_ref())
            }
        };
        let _ = write!(text, ", on {}", words(connection, word));
    }
    if lane.warm_ups.max().0 > 0 {
        let _ = write!(text, ", after {}, one at a time", counted(&lane.warm_ups.to_string(), "warm-up"));
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
    if let Some(FreezeOf { until, within, begun }) = &lane.freeze {
        let begun = if *begun { ", its first letter before all else" } else { "" };
        let _ =
            write!(text, ", the first of each round to a stopped gateway, {within} after {}{begun}", until.get_ref());
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
    if let Some(body) = form.bodies() {
        let word = |body: &BodyWord| match body {
            BodyWord::None => "no body".to_owned(),
            BodyWord::Sized { bytes, declared_off_by } => match declared_off_by.0.as_slice() {
                [0] => format!("{bytes} bytes of body"),
                off => {
                    let off: Vec<String> = off.iter().map(|off| format!("{off:+}")).collect();
                    format!("{bytes} bytes of body that declare {}", one_of(&off))
                }
            },
            BodyWord::Chunked { bytes, chunk } => format!("{bytes} bytes of body in chunks of {chunk}"),
            BodyWord::Ghost { chunked, filler } => {
                let framing = if *chunked { "chunked body" } else { "body" };
                let more = if filler.max().0 > 0 { format!(" and {filler} bytes more") } else { String::new() };
                format!("a {framing} that spells another request{more}")
            }
            BodyWord::Misframed { by } => {
                let by = words(by, |by| misframing(*by).to_owned());
                format!("bytes that spell another request: {by}")
            }
        };
        let _ = write!(text, ", {}", words(body, word));
    }
    let word = |target: &Target| match target {
        Target::Own => "its own path".to_owned(),
        Target::Shared(path) => format!("the shared path {path}"),
        Target::Asterisk => "*".to_owned(),
        Target::Authority(authority) => authority.clone(),
    };
    let _ = write!(text, " of {}{}", words(&form.target, word), form.fields());
    request_details(form, &mut text);
    text
}

/// What only some scenarios say of a request.
fn request_details(form: &RequestForm, text: &mut String) {
    if let Some(padding) = &form.padding {
        let _ = write!(text, " and a field of {padding} bytes");
    }
    if let Some(absolute) = &form.absolute {
        let word = |absolute: &Absolute| match absolute {
            Absolute::Host => "its own host".to_owned(),
            Absolute::Other(authority) => authority.clone(),
        };
        let _ = write!(text, ", in absolute form with {}", words(absolute.get_ref(), word));
    }
    if form.version().0.contains(&Version::Http10) {
        let word = |version: &Version| match version {
            Version::Http11 => "HTTP/1.1".to_owned(),
            Version::Http10 => "HTTP/1.0".to_owned(),
        };
        let _ = write!(text, ", {}", words(&form.version(), word));
    }
    if let Some(host) = &form.host {
        let _ = write!(text, ", host {}", words(host, String::clone));
    }
    if let Some(credential) = &form.credential {
        let word = |credential: &Credential| match credential {
            Credential::Both => "Authorization and a cookie".to_owned(),
            Credential::Authorization => "Authorization".to_owned(),
            Credential::Cookie => "a cookie".to_owned(),
            Credential::None => "no credential".to_owned(),
        };
        let _ = write!(text, ", with {}", words(credential, word));
    }
    if form.form.0.iter().any(|form| *form != FormWord::Plain) {
        let word = |form: &FormWord| match form {
            FormWord::Own { path, .. } => format!("own ({})", path.0),
            built_in => built_in.close().0.word().to_owned(),
        };
        let _ = write!(text, ", form {}", words(&form.form, word));
    }
    if form.rich {
        text.push_str(", with everything that a request can have");
    }
    if let Some(expect) = &form.expect {
        let _ = write!(text, ", expecting {}", words(expect, String::clone));
    }
    if let Some(pace) = &form.pace {
        let word = |pace: &PaceWord| match pace {
            PaceWord::AtOnce => "at once".to_owned(),
            PaceWord::Slow { writes, gap } => format!("in {writes} writes {gap} apart"),
            PaceWord::AfterContinue { wait } => format!("after a 100 or {wait}"),
            PaceWord::AfterReply { wait } => format!("after the reply or {wait}"),
            PaceWord::Withheld => "never".to_owned(),
        };
        let _ = write!(text, ", the body {}", words(pace, word));
    }
    text.push_str(trailer(&form.trailers));
    if form.has_tail() {
        text.push_str(", followed by bytes that spell another request");
    }
}

fn trailer(choice: &Choice<bool>) -> &'static str {
    match (choice.0.contains(&true), choice.0.contains(&false)) {
        (true, false) => ", with a trailer",
        (true, true) => ", some with a trailer",
        (false, _) => "",
    }
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
            EventKind::Frozen => format!("{within} after the gateway was stopped"),
            EventKind::Sent => format!("{within} after sending"),
            EventKind::BodySent => format!("{within} after sending the body"),
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
    let acts = lane.origin.iter().map(|act| self::act(act.get_ref())).collect::<Vec<_>>().join("; ");
    if lane.every_attempt { format!("{acts}; the same for every attempt") } else { acts }
}

fn apart(gap: &Draw<Time>) -> String {
    if gap.max().us > 0 { format!(", {gap} apart") } else { String::new() }
}

fn act(act: &Act) -> String {
    match act {
        Act::Hold(HoldFor::Bait) => "holds until the next request arrives on the same upstream connection".to_owned(),
        Act::Hold(HoldFor::Body) => "holds until the request's body has been read".to_owned(),
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
        Act::Reset(code) => format!("resets the stream with {}", words(code, |code| reset_code(*code).to_owned())),
        Act::GoAway(announced) => {
            let last = words(&announced.last, |last| match last {
                LastStream::This => "this stream".to_owned(),
                LastStream::Before => "the stream before this one".to_owned(),
                LastStream::Any => "the highest that there can be".to_owned(),
            });
            format!("announces the end of the connection, with {last} as the last one")
        }
        Act::Settings(word) => format!("from then on has {}", words(word, setting)),
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
    if let Some(framing) = reply.framing.as_ref().map(Spanned::get_ref) {
        let word = |framing: &FramingWord| match framing {
            FramingWord::Length => "an exact length".to_owned(),
            FramingWord::LengthShort { by } => format!("a length {by} bytes too short"),
            FramingWord::LengthLong { by } => format!("a length {by} bytes too long"),
            FramingWord::LengthTwice { off_by } => {
                format!("two lengths, {} apart", words(off_by, |off_by| format!("{off_by:+}")))
            }
            FramingWord::Chunked => "chunks".to_owned(),
            FramingWord::LengthAndChunked => "a length and chunks".to_owned(),
            FramingWord::ChunkedBroken(defect) => words(defect, |defect| match defect {
                ChunkDefect::NoLastChunk => "chunks without a last one".to_owned(),
                ChunkDefect::BadSize => "chunks with a size that is no number".to_owned(),
                ChunkDefect::TooLong => "chunks longer than they say".to_owned(),
            }),
            FramingWord::Close => "the connection's end".to_owned(),
            FramingWord::BodyWhereNone => "a body where none is allowed".to_owned(),
        };
        let _ = write!(text, ", framed by {}", words(framing, word));
    }
    if let Some(chunk) = &reply.chunk {
        let _ = write!(text, " of {chunk} bytes");
    }
    text.push_str(reply.trailers.as_ref().map_or("", trailer));
    if let Some(writes) = &reply.writes {
        let acknowledged = if writes.acknowledged { ", each acknowledged before the next" } else { "" };
        let _ = write!(text, ", in {} writes {} apart{acknowledged}", writes.count, writes.gap);
    }
    if reply.early {
        text.push_str(", before it has read the request's body");
    }
    if reply.private {
        text.push_str(", which no other tenant may receive");
    }
    if reply.validates {
        text.push_str(", or 304 to a conditional request");
    }
    if let Some(padding) = &reply.padding {
        let _ = write!(text, ", with a field of {padding} bytes");
    }
    if let Some(form) = &reply.frames {
        let _ = write!(text, ", in {}", words(form.get_ref(), frames));
    }
    if let Some(cut) = &reply.cut {
        let then = words(&cut.then, |then| match then {
            CutWord::Close(Close::Fin) => "the connection ends by FIN".to_owned(),
            CutWord::Close(Close::Rst) => "the connection ends by RST".to_owned(),
            CutWord::Bait => "the rest follows the next request".to_owned(),
            CutWord::Silence(time) => format!("the rest follows {time} later"),
        });
        let _ = write!(text, ", cut off after {} bytes, then {then}", cut.after_bytes);
    }
    text
}

fn frames(form: &FrameForm) -> String {
    let mut text = match &form.data {
        Some(data) if data.max().0 > 0 => format!("frames of {data} bytes"),
        _ => "frames".to_owned(),
    };
    let parts = [
        form.padding.as_ref().map(|padding| format!("padded by {padding}")),
        sometimes(&form.empty, "an empty one before them"),
        sometimes(&form.end_apart, "the end in one of its own"),
        form.block.as_ref().map(|block| format!("the fields in blocks of {block} bytes")),
        (form.table.0 != [Table::Shared]).then(|| {
            let word = |table: &Table| match table {
                Table::Shared => "the table used as is useful".to_owned(),
                Table::Filled => "the table filled".to_owned(),
                Table::Unused => "the table left alone".to_owned(),
            };
            words(&form.table, word)
        }),
    ];
    for part in parts.into_iter().flatten() {
        let _ = write!(text, ", {part}");
    }
    text
}

fn sometimes(choice: &Choice<bool>, what: &str) -> Option<String> {
    match (choice.0.contains(&true), choice.0.contains(&false)) {
        (true, false) => Some(what.to_owned()),
        (true, true) => Some(format!("sometimes {what}")),
        (false, _) => None,
    }
}

fn setting(word: &SettingWord) -> String {
    match word {
        SettingWord::HeaderTable(bytes) => format!("a header table of {bytes} bytes"),
        SettingWord::InitialWindow(bytes) => format!("a window of {bytes} bytes for each stream"),
        SettingWord::ConcurrentStreams(streams) => format!("a limit of {streams} on open streams"),
    }
}

fn surplus(surplus: &SurplusBytes) -> String {
    let what = words(&surplus.what, |what| match what {
        SurplusWord::Reply { status, bytes, garbage } => {
            let before =
                garbage.as_ref().map_or(String::new(), |garbage| format!(", behind {garbage} bytes that are no HTTP"));
            format!("a second reply, {status} with {bytes} bytes{before}")
        }
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
