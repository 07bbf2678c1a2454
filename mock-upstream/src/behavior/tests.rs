//! Every act as the program that it becomes, beside `golden.txt` and `golden-h2.txt`: `CROSSWIRE_BLESS=1 cargo test`
//! writes those files anew.

use std::fmt::Write as _;

use super::*;
use crate::head::tests::head_of;
use vocabulary::canary::{Role, Scanner, Site};
use vocabulary::crossing::Http;
use vocabulary::directive::{
    ChunkDefect, Cut, CutBy, Field, Final, Frames, Framing, GoAway, Interim, InterimLength, LastStream, ResetCode,
    Segment, SettingsChange, Surplus, SurplusKind, SurplusTiming, Table, Writes,
};
use vocabulary::excerpt::excerpt;
use vocabulary::identity::GateId;
use vocabulary::limits::BODY_BYTES_MAX;
use vocabulary::plan::Version;

/// When the replies are made.
const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const GET: &str = "GET / HTTP/1.1\r\n\r\n";
const HEAD: &str = "HEAD / HTTP/1.1\r\n\r\n";
const POST: &str = "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\n";
const OLD: &str = "GET / HTTP/1.0\r\n\r\n";
const OLD_KEPT: &str = "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
const EXPECTS: &str = "POST / HTTP/1.1\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n";
const LAST: &str = "GET / HTTP/1.1\r\nConnection: close\r\n\r\n";

fn key() -> CanaryKey {
    CanaryKey::new([7; 16], 1)
}

fn program<W: Medium>(request: &str, directive: &Directive, attempt: u8) -> Program<W> {
    let key = key();
    let context = Context {
        key: &key,
        tenant: TenantId(1),
        exchange: ExchangeId(16),
        attempt: Attempt(attempt),
        date: DATE,
        first_delivery: u16::from(attempt),
    };
    let mut head = head_of(request);
    if W::HTTP == Http::H2 {
        head = RequestHead { http: Http::H2, version: Version::Http11, persistent: true, ..head };
    }
    respond(directive, &head, context)
}

/// A medium as text.
trait Shown: Medium {
    fn show(&self) -> String;
}

impl Shown for Wire {
    fn show(&self) -> String {
        let mut bytes = Vec::new();
        self.render(0..self.len(), &mut bytes);
        readable(&bytes)
    }
}

impl Shown for Parts {
    fn show(&self) -> String {
        let shaped = |shape: &Frames| match *shape == Frames::default() {
            true => String::new(),
            false => format!(" as {shape:?}"),
        };
        let show = |part: &Part| match part {
            Part::Head { text, shape } => format!("HEADERS{}\n{}", shaped(shape), readable(text).trim_end()),
            Part::Trailers { text, shape } => format!("trailer{}\n{}", shaped(shape), readable(text).trim_end()),
            Part::Body { wire, shape } => format!("DATA{}\n{}", shaped(shape), wire.show()),
            other => format!("{other:?}"),
        };
        self.iter().map(show).collect::<Vec<_>>().join("\n")
    }
}

/// A program as text: one emission per line, canaries by their site and delivery, whole stripes by theirs.
fn script<W: Shown>(request: &str, directive: &Directive, attempt: u8) -> String {
    let program: Program<W> = program(request, directive, attempt);
    let mut text = String::new();
    let mark = |mark: &Mark| match mark {
        Mark::Begins(delivery) => format!("begins {delivery}"),
        Mark::Ends(delivery) => format!("ends {delivery}"),
        Mark::Performs(fault) => format!("performs {}", program.faults[*fault].word()),
        Mark::PerformsEarly(fault) => format!("performs {} if early", program.faults[*fault].word()),
        Mark::Happens(kind) => format!("{kind:?}"),
    };
    let marks = |marks: &[Mark]| marks.iter().map(mark).collect::<Vec<_>>().join(", ");
    let write = |write: &Write<W>| format!("write [{}]\n{}", marks(&write.marks), write.wire.show());
    for emission in &program.emissions {
        let line = match emission {
            Emission::Write(bytes) => write(bytes),
            Emission::AwaitBody => "await body".to_owned(),
            Emission::Pause(lasts) => format!("pause {lasts:?}"),
            Emission::Silence { lasts, fault } => format!("silence {lasts:?}{}", named(&program, *fault)),
            Emission::Hold { hold, fault } => format!("hold {hold:?}{}", named(&program, *fault)),
            Emission::AfterNextRequest { write: bytes, fault } => {
                format!("after next request{}: {}", named(&program, *fault), write(bytes))
            }
            Emission::AwaitAcknowledgement => "await acknowledgement".to_owned(),
            Emission::Acknowledge(done) => format!("acknowledge [{}]", marks(done)),
            Emission::Unperformed { fault, performed } => {
                format!("not performed: {} ({performed:?})", program.faults[*fault].word())
            }
            Emission::Close { close, fault } => format!("close {close:?}{}", named(&program, *fault)),
            Emission::Swallow => "swallow".to_owned(),
        };
        // Each line end shows, so that a missing or a second one does too.
        let line = line.replace('\n', "⏎\n    ").replacen("⏎\n", "\n", usize::from(line.contains("]\n")));
        writeln!(text, "  {}", line.trim_end()).unwrap();
    }
    for (index, delivery) in program.deliveries.iter().enumerate() {
        let Delivery { number, kind, status, body_bytes, cut, same_write_as, .. } = delivery;
        write!(text, "  {index}: d{number} {kind:?} {status}, {body_bytes} bytes").unwrap();
        text.push_str(if *cut { ", cut" } else { "" });
        text.extend(same_write_as.map(|other| format!(", same write as d{other}")));
        text.push('\n');
    }
    text
}

fn named<W>(program: &Program<W>, fault: Option<usize>) -> String {
    fault.map(|fault| format!(" performs {}", program.faults[fault].word())).unwrap_or_default()
}

fn readable(bytes: &[u8]) -> String {
    let (mut text, mut at) = (String::new(), 0);
    for hit in Scanner::new().scan_plain(&key(), bytes) {
        let Ok(claim) = hit.canary else { continue };
        text.push_str(&excerpt(&bytes[at..hit.offset]));
        let stripe = matches!(claim.site, Site::BodyBegin | Site::Stripe | Site::BodyEnd);
        assert_eq!((claim.role, claim.exchange, claim.tenant), (Role::Reply, ExchangeId(16), TenantId(1)));
        write!(text, "<{:?} d{}>", claim.site, claim.delivery).unwrap();
        at = (hit.offset + if stripe { 64 } else { 48 }).min(bytes.len());
    }
    text + &excerpt(&bytes[at..])
}

fn acts(acts: Vec<OriginAct>) -> Directive {
    Directive { acts, every_attempt: false }
}

fn ok() -> OriginAct {
    OriginAct::Final(Final::ok(128))
}

fn final_with(change: impl FnOnce(&mut Final)) -> OriginAct {
    let mut reply = Final::ok(128);
    change(&mut reply);
    OriginAct::Final(reply)
}

fn framed(framing: Framing) -> Directive {
    acts(vec![final_with(|reply| reply.framing = framing)])
}

fn chunked_and_cut(close: Close) -> Directive {
    acts(vec![final_with(|reply| {
        reply.framing = Framing::Chunked { chunk: 64 };
        reply.cut = Some(Cut { after_bytes: 10, then: CutBy::Close(close) });
    })])
}

fn interim(status: u16, length: InterimLength, segment: Segment) -> OriginAct {
    OriginAct::Interim(Interim { status, length, fields: Vec::new(), segment })
}

fn surplus(what: SurplusKind, when: SurplusTiming) -> OriginAct {
    OriginAct::Surplus(Surplus { what, when })
}

fn field(name: &str, value: &str) -> Field {
    Field { name: name.to_owned(), value: value.to_owned() }
}

/// Every act once, and what a request's version, method and persistence make of it.
fn cases() -> Vec<(&'static str, &'static str, Directive, u8)> {
    let reply = SurplusKind::Reply { status: 200, bytes: 64, garbage: 0 };
    let cut = |then| {
        acts(vec![final_with(|reply| reply.cut = Some(Cut { after_bytes: 64, then })), OriginAct::Wait { us: 1 }])
    };
    let early = || final_with(|reply| reply.early = true);
    let switch = || vec![final_with(|reply| reply.status = 101), OriginAct::Tunnel { bytes: 128 }];
    let bait = || OriginAct::Hold(Hold::Bait);
    let gate = || OriginAct::Hold(Hold::Gate(GateId(1)));
    vec![
        ("benign", GET, Directive::benign(128), 1),
        ("benign, asked by HEAD", HEAD, Directive::benign(128), 1),
        ("benign, with a request body", POST, Directive::benign(128), 1),
        ("benign, towards HTTP/1.0", OLD, Directive::benign(128), 1),
        ("benign, towards HTTP/1.0 that stays", OLD_KEPT, Directive::benign(128), 1),
        ("benign, and the request is the last", LAST, Directive::benign(128), 1),
        ("204 has no body", GET, acts(vec![final_with(|reply| reply.status = 204)]), 1),
        ("interim, bait, final", GET, acts(vec![interim(100, InterimLength::Zero, Segment::Own), bait(), ok()]), 1),
        (
            "interim in the final's segment",
            GET,
            acts(vec![interim(103, InterimLength::Bytes(9), Segment::Shared), ok()]),
            1,
        ),
        ("interim towards HTTP/1.0", OLD, acts(vec![interim(100, InterimLength::Chunked, Segment::Own), ok()]), 1),
        ("interim on attempt 2", GET, acts(vec![interim(100, InterimLength::Zero, Segment::Own), ok()]), 2),
        ("gate", GET, acts(vec![gate(), ok()]), 1),
        ("length short", GET, framed(Framing::LengthShort { by: 64 }), 1),
        ("length long", GET, framed(Framing::LengthLong { by: 10 }), 1),
        ("length twice", GET, framed(Framing::LengthTwice { off_by: -8 }), 1),
        (
            "chunked, with a trailer",
            GET,
            acts(vec![final_with(|reply| {
                reply.framing = Framing::Chunked { chunk: 64 };
                reply.trailers = true;
            })]),
            1,
        ),
        ("chunked towards HTTP/1.0", OLD_KEPT, framed(Framing::Chunked { chunk: 64 }), 1),
        ("length and chunked", GET, framed(Framing::LengthAndChunked), 1),
        ("chunked and cut in order towards HTTP/1.0", OLD_KEPT, chunked_and_cut(Close::Fin), 1),
        ("chunked and cut by a reset towards HTTP/1.0", OLD_KEPT, chunked_and_cut(Close::Rst), 1),
        (
            "surplus behind chunked in one write towards HTTP/1.0",
            OLD_KEPT,
            acts(vec![
                final_with(|reply| reply.framing = Framing::Chunked { chunk: 64 }),
                surplus(SurplusKind::Reply { status: 404, bytes: 64, garbage: 0 }, SurplusTiming::SameSegment),
            ]),
            1,
        ),
        ("length and chunked towards HTTP/1.0", OLD, framed(Framing::LengthAndChunked), 1),
        ("no last chunk", GET, framed(Framing::ChunkedBroken(ChunkDefect::NoLastChunk)), 1),
        ("bad chunk size", GET, framed(Framing::ChunkedBroken(ChunkDefect::BadSize)), 1),
        ("chunk too long", GET, framed(Framing::ChunkedBroken(ChunkDefect::TooLong)), 1),
        ("close-delimited", GET, framed(Framing::Close), 1),
        ("a body after HEAD", HEAD, framed(Framing::BodyWhereNone), 1),
        ("a body after HEAD that came as GET", GET, framed(Framing::BodyWhereNone), 1),
        (
            "a body in a 304",
            GET,
            acts(vec![final_with(|reply| {
                reply.status = 304;
                reply.framing = Framing::BodyWhereNone;
            })]),
            1,
        ),
        ("short length, asked by HEAD", HEAD, framed(Framing::LengthShort { by: 64 }), 1),
        (
            "several writes",
            GET,
            acts(vec![final_with(|reply| reply.writes = Writes { count: 3, gap_us: 3000, acknowledged: false })]),
            1,
        ),
        (
            "several writes, each acknowledged",
            GET,
            acts(vec![final_with(|reply| reply.writes = Writes { count: 2, gap_us: 3000, acknowledged: true })]),
            1,
        ),
        ("cut by reset", GET, cut(CutBy::Close(Close::Rst)), 1),
        ("cut by bait", GET, cut(CutBy::Bait), 1),
        ("cut by bait, and the request is the last", LAST, cut(CutBy::Bait), 1),
        ("cut by silence", GET, cut(CutBy::Silence { us: 1000 }), 1),
        ("cut by silence, and the request is the last", LAST, cut(CutBy::Silence { us: 1000 }), 1),
        (
            "cut within a chunk",
            GET,
            acts(vec![final_with(|reply| {
                reply.framing = Framing::Chunked { chunk: 100 };
                reply.cut = Some(Cut { after_bytes: 64, then: CutBy::Close(Close::Fin) });
            })]),
            1,
        ),
        ("surplus in the same segment", GET, acts(vec![ok(), surplus(reply, SurplusTiming::SameSegment)]), 1),
        (
            "surplus in the same segment, behind garbage",
            GET,
            acts(vec![
                ok(),
                surplus(SurplusKind::Reply { status: 200, bytes: 64, garbage: 12 }, SurplusTiming::SameSegment),
            ]),
            1,
        ),
        (
            "surplus in the same segment, twice",
            GET,
            acts(vec![
                ok(),
                surplus(reply, SurplusTiming::SameSegment),
                surplus(SurplusKind::Garbage { bytes: 64 }, SurplusTiming::SameSegment),
            ]),
            1,
        ),
        ("surplus while idle", GET, acts(vec![ok(), surplus(reply, SurplusTiming::Idle { us: 20_000 })]), 1),
        (
            "surplus while idle, and the request is the last",
            LAST,
            acts(vec![ok(), surplus(reply, SurplusTiming::Idle { us: 20_000 })]),
            1,
        ),
        ("surplus after the next request", GET, acts(vec![ok(), surplus(reply, SurplusTiming::AfterNextRequest)]), 1),
        ("early final", POST, acts(vec![early()]), 1),
        ("early final without a request body", GET, acts(vec![early()]), 1),
        ("silence", GET, acts(vec![OriginAct::Silence { us: 1000 }, ok()]), 1),
        ("silence for ever", GET, acts(vec![OriginAct::Silence { us: 1000 }]), 1),
        ("nothing", GET, acts(vec![]), 1),
        ("close in order", GET, acts(vec![ok(), OriginAct::Close(Close::Fin)]), 1),
        ("reset before the reply", GET, acts(vec![OriginAct::Close(Close::Rst), ok()]), 1),
        ("switch of protocols", GET, acts(switch()), 1),
        ("switch of protocols towards HTTP/1.0", OLD, acts(switch()), 1),
        ("CONNECT", "CONNECT a:1 HTTP/1.1\r\n\r\n", Directive::benign(128), 1),
        (
            "fields with canaries",
            GET,
            acts(vec![final_with(|reply| {
                reply.fields =
                    vec![field("Set-Cookie", "sid={canary}"), field("ETag", "W/\"{canary}\""), field("X", "{canary}")];
                reply.private = true;
            })]),
            1,
        ),
        ("who waits for a 100 gets one", EXPECTS, Directive::benign(128), 1),
    ]
}

/// What only HTTP/2 has, and what it makes of what both have.
fn cases_in_frames() -> Vec<(&'static str, &'static str, Directive, u8)> {
    let reply = SurplusKind::Reply { status: 200, bytes: 64, garbage: 0 };
    let late = || surplus(reply, SurplusTiming::Idle { us: 1000 });
    let refused = || OriginAct::Reset(ResetCode::RefusedStream);
    let goes = |last| OriginAct::GoAway(GoAway { last });
    let framed = |frames| final_with(|reply| reply.frames = frames);
    let plain = Frames::default();
    let small = Frames { data: 1, padding: 7, empty: true, end_apart: true, block: 3, table: Table::Filled };
    vec![
        ("frames as planned", GET, acts(vec![framed(small)]), 1),
        (
            "chunks are frames, the smaller of two",
            GET,
            acts(vec![final_with(|reply| {
                reply.framing = Framing::Chunked { chunk: 64 };
                reply.frames = Frames { data: 100, ..plain };
            })]),
            1,
        ),
        ("a trailer behind a length", GET, acts(vec![final_with(|reply| reply.trailers = true)]), 1),
        ("a trailer behind no body", HEAD, acts(vec![final_with(|reply| reply.trailers = true)]), 1),
        ("a large head", GET, acts(vec![final_with(|reply| reply.padding = 10)]), 1),
        ("an interim 101", GET, acts(vec![interim(101, InterimLength::Absent, Segment::Own), ok()]), 1),
        ("reset before the reply", GET, acts(vec![refused()]), 1),
        ("reset, with a request body", POST, acts(vec![refused()]), 1),
        ("reset, and a reply behind it", GET, acts(vec![refused(), final_with(|reply| reply.private = true)]), 1),
        ("reset, and late frames", GET, acts(vec![refused(), late()]), 1),
        ("reset behind the reply", POST, acts(vec![ok(), OriginAct::Reset(ResetCode::NoError)]), 1),
        ("reset on attempt 2", GET, acts(vec![refused()]), 2),
        ("the end announced, this stream the last", GET, acts(vec![goes(LastStream::This), ok()]), 1),
        (
            "the end announced, the one before the last",
            GET,
            acts(vec![goes(LastStream::Before), final_with(|reply| reply.private = true)]),
            1,
        ),
        ("the end announced to nobody", GET, acts(vec![goes(LastStream::Any), ok()]), 1),
        ("a setting", GET, acts(vec![OriginAct::Settings(SettingsChange::InitialWindow(0)), ok()]), 1),
        ("who waits for a 100 and is reset", EXPECTS, acts(vec![refused()]), 1),
    ]
}

fn compare_with_golden(name: &str, text: &str) {
    let path = format!("{}/src/behavior/{name}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("CROSSWIRE_BLESS").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap();
    for (line, (expected, found)) in golden.lines().zip(text.lines()).enumerate() {
        assert_eq!(expected, found, "{name}, line {}", line + 1);
    }
    assert_eq!(golden.lines().count(), text.lines().count());
}

#[test]
fn every_act_becomes_the_program_that_the_golden_file_shows() {
    let mut text = String::new();
    for (what, request, directive, attempt) in cases() {
        writeln!(text, "{what}\n{}", script::<Wire>(request, &directive, attempt)).unwrap();
    }
    compare_with_golden("golden.txt", &text);
}

#[test]
fn every_act_becomes_the_program_in_frames_that_the_golden_file_shows() {
    let mut text = String::new();
    let both = cases().into_iter().filter(|(_, request, ..)| [GET, HEAD, POST, EXPECTS].contains(request));
    for (what, request, directive, attempt) in both.chain(cases_in_frames()) {
        writeln!(text, "{what}\n{}", script::<Parts>(request, &directive, attempt)).unwrap();
    }
    compare_with_golden("golden-h2.txt", &text);
}

/// How often each planned fault is told of.
fn told<W: Medium>(program: &Program<W>) -> Vec<u32> {
    let mut told = vec![0; program.faults.len()];
    for emission in &program.emissions {
        let marks: &[Mark] = match emission {
            Emission::Write(write) => &write.marks,
            Emission::Acknowledge(marks) => marks,
            _ => &[],
        };
        let by_mark = marks.iter().filter_map(|mark| match mark {
            Mark::Performs(fault) | Mark::PerformsEarly(fault) => Some(*fault),
            _ => None,
        });
        let by_itself = match emission {
            Emission::Silence { fault, .. } | Emission::Hold { fault, .. } | Emission::Close { fault, .. } => *fault,
            Emission::AfterNextRequest { fault, .. } => *fault,
            Emission::Unperformed { fault, .. } => Some(*fault),
            _ => None,
        };
        by_mark.chain(by_itself).for_each(|fault| told[fault] += 1);
    }
    told
}

#[test]
fn every_planned_fault_is_performed_or_accounted_for() {
    for (what, request, directive, attempt) in cases() {
        let told = told(&program::<Wire>(request, &directive, attempt));
        assert!(told.iter().all(|told| *told == 1), "{what}: {told:?} of {:?}", directive.faults());
    }
    for (what, request, directive, attempt) in cases().into_iter().chain(cases_in_frames()) {
        let told = told(&program::<Parts>(request, &directive, attempt));
        assert!(told.iter().all(|told| *told == 1), "{what}, in frames: {told:?} of {:?}", directive.faults());
    }
}

#[test]
fn a_surplus_behind_more_than_a_segment_is_no_proof() {
    let reply = SurplusKind::Reply { status: 200, bytes: 64, garbage: 0 };
    for (bytes, same) in [(15_000, Some(1)), (16_384, None)] {
        let directive = acts(vec![OriginAct::Final(Final::ok(bytes)), surplus(reply, SurplusTiming::SameSegment)]);
        assert_eq!(program::<Wire>(GET, &directive, 1).deliveries[1].same_write_as, same, "{bytes} bytes");
        assert_eq!(program::<Parts>(GET, &directive, 1).deliveries[1].same_write_as, same, "{bytes} bytes in frames");
    }
}

#[test]
fn a_large_body_is_not_made_before_its_turn() {
    let program: Program<Wire> = program(GET, &Directive::benign(BODY_BYTES_MAX * 2), 1);
    let [Emission::Write(write)] = program.emissions.as_slice() else { panic!("{:?}", program.emissions) };
    assert!(write.wire.at_hand().is_none());
    assert_eq!(program.deliveries[0].body_bytes, BODY_BYTES_MAX);
}

#[test]
fn strangers_and_nonsense_get_replies_without_any_canary() {
    let programs: [Program<Wire>; 4] = [
        stranger(&head_of(GET), DATE),
        stranger(&head_of(HEAD), DATE),
        stranger(&head_of(OLD), DATE),
        refuse(400, DATE),
    ];
    for program in programs {
        let Some(Emission::Write(write)) = program.emissions.first() else { panic!("{:?}", program.emissions) };
        assert!(Scanner::new().scan(&key(), write.wire.at_hand().unwrap()).is_empty());
        assert!(program.deliveries.is_empty());
    }
}
