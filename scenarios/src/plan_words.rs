//! A plan in words: who sends what when, and what the origin does in return. For a look before anything is sent.

use std::collections::BTreeMap;
use std::fmt::Write;

use vocabulary::crossing::Http;
use vocabulary::directive::{
    ChunkDefect, Close, CutBy, Field, Final, Frames, Framing, GoAway, Hold, Interim, InterimLength, LastStream,
    OriginAct, ResetCode, Segment, SettingsChange, Surplus, SurplusKind, SurplusTiming, Table,
};
use vocabulary::identity::ExchangeId;
use vocabulary::plan::{
    Abort, AbortHow, AbortWhen, Absolute, Audience, BodyPace, ConnectionUse, Credential, Event, EventKind, Freeze,
    Gate, HiddenIn, Lane, Misframing, Plan, Request, RequestBody, Start, Stimulus, Target, Until, Version,
};

/// Stimuli of a lane that are told whatever they are.
const STIMULI_TOLD: usize = 3;
/// Stimuli of a lane that are told because they hold a fault.
const FAULTS_TOLD: usize = 4;
/// Stimuli of a lane that are told because they wait for another lane: the story begins there, behind warm-ups.
const WAITING_TOLD: usize = 2;
/// Lanes of one name that are told.
const LANES_TOLD: usize = 3;
/// Gates that are told.
const GATES_TOLD: usize = 8;
/// Exchanges of a gate that are named.
const NAMES_TOLD: usize = 12;

/// A plan in words: a header with counts, then lane by lane one line for each stimulus. Of many alike, a few are told and
/// the others are counted.
pub fn describe_plan(plan: &Plan) -> String {
    let mut text = header(plan);
    let mut told: BTreeMap<&str, usize> = BTreeMap::new();
    let mut untold: Vec<&Lane> = Vec::new();
    for (index, lane) in plan.lanes.iter().enumerate() {
        let of_name = told.entry(&lane.name).or_default();
        *of_name += 1;
        if *of_name <= LANES_TOLD {
            text.push_str(&self::lane(lane, plan.down));
        } else {
            untold.push(lane);
        }
        // After the last lane of a run of the same name.
        if plan.lanes.get(index + 1).is_none_or(|next| next.name != lane.name) && !untold.is_empty() {
            let stimuli = untold.iter().map(|lane| lane.stimuli.len()).sum::<usize>();
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "\n{}: … {} more like it, with {}",
                lane.name,
                counted(untold.len(), "client"),
                counted(stimuli, "exchange")
            );
            untold.clear();
        }
    }
    if !plan.gates.is_empty() {
        text.push('\n');
    }
    for gate in plan.gates.iter().take(GATES_TOLD) {
        let _ = writeln!(text, "{}", self::gate(gate));
    }
    if plan.gates.len() > GATES_TOLD {
        let _ = writeln!(text, "… {} more", counted(plan.gates.len() - GATES_TOLD, "gate"));
    }
    text
}

fn header(plan: &Plan) -> String {
    let mut text = format!("{} · case {} of seed {}", plan.scenario.name, plan.case.0, plan.seed);
    if !plan.scenario.title.is_empty() {
        let _ = write!(text, " · {}", plan.scenario.title);
    }
    let exchanges = plan.stimuli().count();
    let tenants = plan.size().tenants as usize;
    let _ = write!(
        text,
        "\n{} · {} · {}",
        counted(tenants, "tenant"),
        counted(plan.lanes.len(), "client"),
        counted(exchanges, "exchange")
    );
    if !plan.gates.is_empty() {
        let _ = write!(text, " · {}", counted(plan.gates.len(), "gate"));
    }
    let mut faults: BTreeMap<_, usize> = BTreeMap::new();
    for (_, kind) in plan.faults() {
        *faults.entry(kind).or_default() += 1;
    }
    let kinds: Vec<String> = faults.iter().map(|(kind, count)| format!("{count} {}", kind.word())).collect();
    let _ = writeln!(text, " · {}", if kinds.is_empty() { "no fault".to_owned() } else { kinds.join(", ") });
    if plan.down == Http::H2 {
        text.push_str("clients speak HTTP/2\n");
    }
    if !plan.note.is_empty() {
        let _ = writeln!(text, "schedules: {}", plan.note);
    }
    text
}

fn lane(lane: &Lane, down: Http) -> String {
    let until = match lane.until {
        Some(Until::UpstreamServed(served)) => {
            format!(", until each upstream connection has served {served} more")
        }
        None => String::new(),
    };
    let mut text = format!("\n{}: {}{until}\n", lane.name, counted(lane.stimuli.len(), "exchange"));
    let (mut untold, mut faulty, mut waiting) = (0, 0, 0);
    for (index, stimulus) in lane.stimuli.iter().enumerate() {
        let has_fault = !stimulus.faults().is_empty() || !stimulus.directive.faults().is_empty();
        let waits = stimulus.start.after.is_some();
        if index < STIMULI_TOLD || has_fault && faulty < FAULTS_TOLD || waits && waiting < WAITING_TOLD {
            faulty += usize::from(has_fault);
            waiting += usize::from(waits && index >= STIMULI_TOLD);
            if untold > 0 {
                let _ = writeln!(text, "  … {untold} more");
                untold = 0;
            }
            let _ = writeln!(text, "  {}", self::stimulus(stimulus, index == 0, down));
        } else {
            untold += 1;
        }
    }
    if untold > 0 {
        let _ = writeln!(text, "  … {untold} more like it");
    }
    text
}

fn stimulus(stimulus: &Stimulus, first: bool, down: Http) -> String {
    let Stimulus { exchange, tenant, start, connection, freeze, request, abort, read, audience, directive } = stimulus;
    let mut text = format!("{exchange} {tenant}");
    if let Some(start) = self::start(*start) {
        let _ = write!(text, ", {start}");
    }
    match connection {
        // The first has no choice.
        ConnectionUse::Kept => {}
        ConnectionUse::Fresh if first => {}
        ConnectionUse::Fresh => text.push_str(", new connection"),
        ConnectionUse::Pipelined => text.push_str(match down {
            Http::H1 => ", pipelined",
            Http::H2 if first => "",
            Http::H2 => ", a stream beside",
        }),
        ConnectionUse::Affinity { with, among } => {
            let with: Vec<String> = with.iter().map(ToString::to_string).collect();
            let _ = write!(text, ", by affinity with {}", with.join(" "));
            if *among > 1 {
                let _ = write!(text, " among {among} new connections");
            }
        }
    }
    if let Some(Freeze { until, delay_us, begun }) = freeze {
        let then = if *delay_us > 0 { format!("{} after ", time(*delay_us)) } else { "once ".to_owned() };
        let begun = if *begun { " (its first letter before all else)" } else { "" };
        let _ = write!(text, ", to a stopped gateway {then}{}{begun}", happened(*until));
    }
    let _ = write!(text, ": {}", self::request(request));
    if let Some(abort) = abort {
        let _ = write!(text, "; gives up {}", self::abort(*abort, down));
    }
    if let Some(read) = read {
        let _ = write!(text, "; reads {} every {}", bytes(u64::from(read.bytes)), time(read.gap_us));
    }
    match audience {
        Audience::Exchange => {}
        Audience::Tenant => text.push_str("; for all of its tenant"),
        Audience::Public => text.push_str("; for everybody"),
    }
    let acts: Vec<String> = directive.acts.iter().map(act).collect();
    let acts = if acts.is_empty() { "nothing".to_owned() } else { acts.join(", ") };
    let again = if directive.every_attempt { ", at every attempt" } else { "" };
    let _ = write!(text, " → {acts}{again}");
    text
}

fn start(start: Start) -> Option<String> {
    match (start.after, start.delay_us) {
        (None, 0) => None,
        (None, us) => Some(format!("after {}", time(us))),
        (Some(event), 0) => Some(format!("once {}", happened(event))),
        (Some(event), us) => Some(format!("{} after {}", time(us), happened(event))),
    }
}

fn happened(event: Event) -> String {
    let exchange = event.exchange;
    match event.kind {
        EventKind::Frozen => format!("the gateway is stopped for {exchange}"),
        EventKind::Sent => format!("{exchange} is sent"),
        EventKind::BodySent => format!("the body of {exchange} is sent"),
        EventKind::Seen => format!("the origin has seen {exchange}"),
        EventKind::InterimWritten => format!("{exchange}'s interim reply is written"),
        EventKind::FinalWritten => format!("{exchange}'s final reply is written"),
        EventKind::SurplusWritten => format!("{exchange}'s surplus is written"),
        EventKind::Aborted => format!("{exchange} is given up"),
        EventKind::Concluded => format!("{exchange} is done"),
    }
}

fn request(request: &Request) -> String {
    let mut text = format!("{} {}", request.method, target(request));
    let mut add = |part: &str| {
        let _ = write!(text, ", {part}");
    };
    match &request.absolute {
        None => {}
        Some(Absolute::Host) => add("in absolute form"),
        Some(Absolute::Other(authority)) => add(&format!("in absolute form with {authority}")),
    }
    if request.version == Version::Http10 {
        add("HTTP/1.0");
    }
    if let Some(host) = &request.host {
        add(&format!("host {host}"));
    }
    match request.credential {
        Credential::Both => {}
        Credential::Authorization => add("Authorization only"),
        Credential::Cookie => add("cookie only"),
        Credential::None => add("no credential"),
    }
    if request.keep_cookies {
        add("a login");
    }
    if request.rich {
        add("rich");
    }
    for field in &request.fields {
        add(&line(field));
    }
    match request.body {
        RequestBody::None => {}
        RequestBody::Sized { bytes: sent, declared_off_by: 0 } => add(&format!("{} of body", bytes(sent))),
        RequestBody::Sized { bytes: sent, declared_off_by } => {
            add(&format!("{} of body, {declared_off_by:+} declared", bytes(sent)));
        }
        RequestBody::Chunked { bytes: sent, chunk } => add(&format!("{} of body in chunks of {chunk}", bytes(sent))),
        RequestBody::Ghost { exchange, chunked, filler } => {
            let framing = if chunked { "chunked " } else { "" };
            let more = if filler > 0 { format!(" and {} more", bytes(filler)) } else { String::new() };
            add(&format!("a {framing}body that spells {exchange}{more}"));
        }
        RequestBody::Misframed { exchange, by } => {
            add(&match by.hidden_in() {
                HiddenIn::DoubtfulBody | HiddenIn::Stream => {
                    format!("a body that spells {exchange}, misframed: {}", misframing(by))
                }
                HiddenIn::Body => format!("a body that spells {exchange}: {}", misframing(by)),
                HiddenIn::Head | HiddenIn::Path => format!("{}, which spells {exchange} behind it", misframing(by)),
            });
        }
    }
    match request.pace {
        BodyPace::AtOnce => {}
        BodyPace::Slow { writes, gap_us } => add(&format!("in {writes} writes {} apart", time(gap_us))),
        BodyPace::AfterContinue { wait_us } => add(&format!("the body after a 100 or {}", time(wait_us))),
        BodyPace::AfterReply { wait_us } => add(&format!("the body after the reply or {}", time(wait_us))),
        BodyPace::Withheld => add("the body never comes"),
    }
    if let Some(expect) = &request.expect {
        add(&format!("Expect: {expect}"));
    }
    if request.trailers {
        add("a trailer");
    }
    if let Some(tail) = request.tail {
        add(&format!("then bytes that spell {tail}"));
    }
    text
}

/// What leaves the end of a body in doubt.
pub(crate) fn misframing(by: Misframing) -> &'static str {
    match by {
        Misframing::LengthBesideChunks => "a short Content-Length beside chunks",
        Misframing::ShortLengthFirst => "two lengths, the short one first",
        Misframing::ShortLengthLast => "two lengths, the short one last",
        Misframing::LengthWithSign => "a length with a sign",
        Misframing::UnknownCoding => "an unknown transfer coding",
        Misframing::ChunkedNotLast => "chunked, but not as the last coding",
        Misframing::LineFeedInExtension => "a bare LF in a chunk's extension",
        Misframing::ChunkSizeTooLarge => "a chunk size of 65 bits",
        Misframing::ChunkedBehindAnother => "a short Content-Length beside chunks in another coding",
        Misframing::CodingTwice => "a short Content-Length beside a coding that is named twice",
        Misframing::CodingAfterChunked => "a coding on the line behind chunked",
        Misframing::SpaceBeforeColon => "a space before the colon of its coding",
        Misframing::CodingBehindTab => "a vertical tab before its coding",
        Misframing::FoldedCoding => "a short Content-Length beside a coding on a continued line",
        Misframing::LengthBehindNameless => "a field without a name before its length",
        Misframing::LengthBehindLongName => "a field with a name of 270 bytes before its length",
        Misframing::LengthBehindManyFields => "more than 2000 fields before its length",
        Misframing::LengthNamedByConnection => "a length that Connection names",
        Misframing::ShortLengthInStream => "a content-length shorter than its frames",
        Misframing::CodingInStream => "a transfer coding where there is none",
        Misframing::LineBreakInField => "an empty line in a field",
        Misframing::LineBreakInPath => "an empty line in its path",
        Misframing::LineBreakEscaped => "an empty line in its path, percent-encoded",
        Misframing::LineBreakInMethod => "an empty line in its method",
    }
}

fn target(request: &Request) -> String {
    match (&request.target, request.form.spelling()) {
        (Target::Own, None) => "own path".to_owned(),
        (Target::Own, Some(form)) => format!("{} ({})", form.path, request.form.word()),
        (Target::Shared(path), _) => format!("shared {path}"),
        (Target::Asterisk, _) => "*".to_owned(),
        (Target::Authority(authority), _) => authority.clone(),
    }
}

fn abort(abort: Abort, down: Http) -> String {
    let how = match (down, abort.how) {
        (Http::H1, AbortHow::Fin) => "by FIN",
        (Http::H1, AbortHow::Rst) => "by RST",
        (Http::H1, AbortHow::HalfClose) => "by half-close",
        (Http::H2, _) => "by RST_STREAM",
    };
    let when = match abort.when {
        AbortWhen::AfterSent { us } => format!("{} after sending", time(us)),
        AbortWhen::AfterReplyBytes { bytes: most } => format!("after {} of the reply", bytes(most)),
        AbortWhen::AfterEvent { event, us } => {
            let what = match event {
                EventKind::Frozen => "the gateway is stopped",
                EventKind::Sent => "sending",
                EventKind::BodySent => "sending the body",
                EventKind::Seen => "the origin has seen it",
                EventKind::InterimWritten => "an interim reply is written",
                EventKind::FinalWritten => "the final reply is written",
                EventKind::SurplusWritten => "surplus is written",
                EventKind::Aborted | EventKind::Concluded => "its end",
            };
            format!("{} after {what}", time(us))
        }
    };
    format!("{how} {when}")
}

fn act(act: &OriginAct) -> String {
    match act {
        OriginAct::Hold(Hold::Bait) => "bait".to_owned(),
        OriginAct::Hold(Hold::Body) => "awaits the request's body".to_owned(),
        OriginAct::Hold(Hold::Gate(gate)) => format!("held at {gate}"),
        OriginAct::Hold(Hold::Event(event)) => format!("held until {}", happened(*event)),
        OriginAct::Wait { us } => format!("waits {}", time(*us)),
        OriginAct::Interim(reply) => interim(reply),
        OriginAct::Final(reply) => final_reply(reply),
        OriginAct::Surplus(surplus) => self::surplus(surplus),
        OriginAct::Close(close) => self::close(*close).to_owned(),
        OriginAct::Silence { us } => format!("silent for {}", time(*us)),
        OriginAct::Tunnel { bytes: sent } => format!("tunnel with {}", bytes(*sent)),
        OriginAct::Reset(code) => format!("stream reset with {}", reset_code(*code)),
        OriginAct::GoAway(go_away) => self::go_away(*go_away).to_owned(),
        OriginAct::Settings(change) => settings(*change),
    }
}

/// The code, as RFC 9113 §7 spells it.
pub(crate) fn reset_code(code: ResetCode) -> &'static str {
    match code {
        ResetCode::NoError => "NO_ERROR",
        ResetCode::RefusedStream => "REFUSED_STREAM",
        ResetCode::Cancel => "CANCEL",
        ResetCode::InternalError => "INTERNAL_ERROR",
    }
}

fn go_away(go_away: GoAway) -> &'static str {
    match go_away.last {
        LastStream::This => "GOAWAY that names its stream as the last one",
        LastStream::Before => "GOAWAY that names the stream before as the last one",
        LastStream::Any => "GOAWAY that names the highest stream",
    }
}

fn settings(change: SettingsChange) -> String {
    match change {
        SettingsChange::HeaderTable(bytes) => format!("header table of {bytes} bytes"),
        SettingsChange::InitialWindow(bytes) => format!("window of {bytes} bytes for each stream"),
        SettingsChange::ConcurrentStreams(streams) => format!("{} at once", counted(streams as usize, "stream")),
    }
}

fn interim(reply: &Interim) -> String {
    let length = match reply.length {
        InterimLength::Absent => String::new(),
        InterimLength::Zero => " with Content-Length: 0".to_owned(),
        InterimLength::Bytes(bytes) => format!(" with Content-Length: {bytes}"),
        InterimLength::Chunked => " with Transfer-Encoding: chunked".to_owned(),
    };
    let fields: String = reply.fields.iter().map(|field| format!(" + {}", line(field))).collect();
    let segment = if reply.segment == Segment::Shared { " in one write with" } else { "" };
    format!("{}{length}{fields}{segment}", reply.status)
}

fn final_reply(reply: &Final) -> String {
    let framing = match reply.framing {
        Framing::Length => String::new(),
        Framing::LengthShort { by } => format!(", declared {by} too short"),
        Framing::LengthLong { by } => format!(", declared {by} too long"),
        Framing::LengthTwice { off_by } => format!(", declared twice, {off_by:+}"),
        Framing::Chunked { chunk } => format!(" in chunks of {chunk}"),
        Framing::LengthAndChunked => " with a length and in chunks".to_owned(),
        Framing::ChunkedBroken(ChunkDefect::NoLastChunk) => " in chunks without a last one".to_owned(),
        Framing::ChunkedBroken(ChunkDefect::BadSize) => " in chunks with a bad size".to_owned(),
        Framing::ChunkedBroken(ChunkDefect::TooLong) => " in chunks longer than they say".to_owned(),
        Framing::Close => " up to the connection's end".to_owned(),
        Framing::BodyWhereNone => " where none is allowed".to_owned(),
    };
    let mut text = format!("{} with {}{framing}", reply.status, bytes(reply.bytes));
    for field in &reply.fields {
        let _ = write!(text, " + {}", line(field));
    }
    if reply.trailers {
        text.push_str(" + a trailer");
    }
    if reply.writes.count > 1 {
        let acknowledged = if reply.writes.acknowledged { ", each acknowledged" } else { "" };
        let _ = write!(text, " in {} writes {} apart{acknowledged}", reply.writes.count, time(reply.writes.gap_us));
    }
    if let Some(cut) = reply.cut {
        let then = match cut.then {
            CutBy::Close(close) => self::close(close).to_owned(),
            CutBy::Bait => "the rest on bait".to_owned(),
            CutBy::Silence { us } => format!("the rest {} later", time(us)),
        };
        let _ = write!(text, ", cut off after {}: {then}", bytes(cut.after_bytes));
    }
    if reply.early {
        text.push_str(", before the request's body is read");
    }
    if reply.private {
        text.push_str(", private");
    }
    if reply.validates {
        text.push_str(", 304 if conditional");
    }
    if reply.padding > 0 {
        let _ = write!(text, ", a field of {}", bytes(reply.padding));
    }
    if reply.frames != Frames::default() {
        let _ = write!(text, ", in {}", frames(reply.frames));
    }
    text
}

fn frames(frames: Frames) -> String {
    let mut text =
        if frames.data > 0 { format!("frames of {}", bytes(frames.data.into())) } else { "frames".to_owned() };
    if frames.padding > 0 {
        let _ = write!(text, " padded by {}", frames.padding);
    }
    if frames.empty {
        text.push_str(" behind an empty one");
    }
    if frames.end_apart {
        text.push_str(" with the end apart");
    }
    if frames.block > 0 {
        let _ = write!(text, " with fields in blocks of {}", frames.block);
    }
    match frames.table {
        Table::Shared => {}
        Table::Filled => text.push_str(" that fill the table"),
        Table::Unused => text.push_str(" without the table"),
    }
    text
}

fn surplus(surplus: &Surplus) -> String {
    let what = match surplus.what {
        SurplusKind::Reply { status, bytes: sent, garbage: 0 } => format!("a surplus {status} with {}", bytes(sent)),
        SurplusKind::Reply { status, bytes: sent, garbage } => {
            format!("{} of garbage and a surplus {status} with {}", bytes(garbage), bytes(sent))
        }
        SurplusKind::Garbage { bytes: sent } => format!("{} of garbage", bytes(sent)),
    };
    let when = match surplus.when {
        SurplusTiming::SameSegment => "in the same write".to_owned(),
        SurplusTiming::Idle { us } => format!("{} later", time(us)),
        SurplusTiming::AfterNextRequest => "after the next request".to_owned(),
    };
    format!("{what} {when}")
}

fn close(close: Close) -> &'static str {
    match close {
        Close::Fin => "FIN",
        Close::Rst => "RST",
    }
}

fn gate(gate: &Gate) -> String {
    let names = |exchanges: &[ExchangeId]| {
        let mut names: Vec<String> = exchanges.iter().take(NAMES_TOLD).map(ToString::to_string).collect();
        if exchanges.len() > NAMES_TOLD {
            names.push(format!("… {} more", exchanges.len() - NAMES_TOLD));
        }
        names.join(" ")
    };
    let gap = if gate.gap_us > 0 { format!(", {} apart", time(gate.gap_us)) } else { String::new() };
    format!("{}: awaits {}; releases {}{gap}", gate.id, names(&gate.awaits), names(&gate.release))
}

fn line(field: &Field) -> String {
    format!("{}: {}", field.name, field.value)
}

fn time(us: u64) -> String {
    match us {
        0 => "0 ms".to_owned(),
        us if us % 1_000_000 == 0 => format!("{} s", us / 1_000_000),
        us if us % 1_000 == 0 => format!("{} ms", us / 1_000),
        us if us > 1_000 => format!("{:.1} ms", us as f64 / 1_000.0),
        us => format!("{us} us"),
    }
}

fn bytes(count: u64) -> String {
    counted(usize::try_from(count).unwrap_or(usize::MAX), "byte")
}

fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}
