//! The language as its readers meet it: the page in README.md, every act in TOML, a scenario in words, globs.

use std::time::Duration;

use scenarios::{DirectiveAt, DrawContext, Scenario, SelectError, catalogue, select};
use vocabulary::directive::{
    ChunkDefect, Close, Cut, CutBy, FaultKind, Framing, Hold, OriginAct, SurplusKind, SurplusTiming,
};
use vocabulary::identity::CaseNumber;
use vocabulary::plan::{BodyPace, Credential, Plan, RequestBody, Target, Version};

const HEAD: &str = r#"
name = "x"
family = "test"
title = "t"
story = "s"
incidents = []
requirement = "RFC 9112 section 9.2"
level = "should"
may_reveal = []
must_exercise = []
may_be_prevented_by = []
"#;

/// Reads a scenario of these lines and draws its first plan.
fn draw(lines: &str) -> Plan {
    draw_with(lines, &DrawContext::default())
}

fn draw_with(lines: &str, context: &DrawContext) -> Plan {
    let scenario = Scenario::parse("x.toml", &format!("{HEAD}{lines}")).expect("the lines are sound");
    let plan = scenario.plan(1, CaseNumber(0), context);
    assert_eq!(plan.defect(), None);
    plan
}

/// The acts of a program, drawn.
fn acts(program: &str) -> Vec<OriginAct> {
    let plan = draw(&format!("[[lane]]\nname = \"a\"\norigin = [{program}]"));
    plan.lanes[0].stimuli[0].directive.acts.clone()
}

#[test]
fn the_example_in_the_readme_can_be_read() {
    let readme = include_str!("../README.md");
    let example = readme.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let scenario = Scenario::parse("my-scenarios/hints-lost.toml", example).unwrap();
    for case in 0..50 {
        assert_eq!(scenario.plan(1, CaseNumber(case), &DrawContext::default()).defect(), None);
    }
}

#[test]
fn every_act_of_the_origin_has_a_form() {
    let framing = |words: &str| match acts(&format!("{{ final = {{ bytes = 100, {words} }} }}")).remove(0) {
        OriginAct::Final(reply) => reply.framing,
        other => panic!("{other:?} is no final reply"),
    };
    assert_eq!(framing("framing = \"length\""), Framing::Length);
    assert_eq!(framing("framing = { length-short = { by = 1 } }"), Framing::LengthShort { by: 1 });
    assert_eq!(framing("framing = { length-long = { by = 5 } }"), Framing::LengthLong { by: 5 });
    assert_eq!(framing("framing = { length-twice = { off_by = -1 } }"), Framing::LengthTwice { off_by: -1 });
    assert_eq!(framing("framing = \"chunked\", chunk = 16"), Framing::Chunked { chunk: 16 });
    assert_eq!(framing("framing = \"length-and-chunked\""), Framing::LengthAndChunked);
    assert_eq!(framing("framing = { chunked-broken = \"bad-size\" }"), Framing::ChunkedBroken(ChunkDefect::BadSize));
    assert_eq!(framing("framing = \"close\""), Framing::Close);
    assert_eq!(framing("framing = \"body-where-none\""), Framing::BodyWhereNone);

    assert_eq!(acts("{ close = \"rst\" }"), [OriginAct::Close(Close::Rst)]);
    assert_eq!(
        acts("{ silence = \"2s\" }, { wait = \"300us\" }"),
        [OriginAct::Silence { us: 2_000_000 }, OriginAct::Wait { us: 300 }]
    );
    assert_eq!(acts("{ tunnel = { bytes = 9 } }"), [OriginAct::Tunnel { bytes: 9 }]);
    assert_eq!(acts("{ hold = \"bait\" }"), [OriginAct::Hold(Hold::Bait)]);
    let surplus = acts("{ surplus = { what = { garbage = { bytes = 7 } }, when = { idle = \"20ms\" } } }").remove(0);
    let OriginAct::Surplus(surplus) = surplus else { panic!("surplus was planned") };
    assert_eq!((surplus.what, surplus.when), (SurplusKind::Garbage { bytes: 7 }, SurplusTiming::Idle { us: 20_000 }));

    let cut = acts(
        "{ final = { bytes = 10, cut = { after_bytes = 50, then = { close = \"rst\" } }, early = true, trailers = true, writes = { count = 2 } } }",
    );
    let OriginAct::Final(reply) = &cut[0] else { panic!("a reply was planned") };
    assert_eq!(reply.cut, Some(Cut { after_bytes: 10, then: CutBy::Close(Close::Rst) }));
    assert!(reply.early && reply.trailers && reply.writes.gap_us == 3_000);
}

#[test]
fn every_part_of_a_request_has_a_form() {
    let plan = draw(
        r#"[[lane]]
        name = "a"
        request = { method = "PUT", target = { shared = "/p" }, version = "http10", host = "b.test", credential = "cookie", fields = ["Upgrade: websocket", "Connection: upgrade"], body = { sized = { bytes = 5, declared_off_by = 2 } }, pace = { slow = { writes = 2, gap = "1ms" } }, expect = "100-continue" }
        abort = { how = "rst", when = { after-reply-bytes = 12 } }
        read = { bytes = 16, gap = "1ms" }
        audience = "public"
        [[lane]]
        name = "b"
        request = { target = "asterisk", method = "OPTIONS", body = { ghost = { chunked = true } }, pace = { after-continue = { wait = "50ms" } }, tail = true }
        [[lane]]
        name = "c"
        request = { target = { authority = "h:1" }, method = "CONNECT", body = { chunked = { bytes = 9, chunk = 3 } }, pace = "withheld", trailers = true }"#,
    );
    let request = |lane: usize| plan.lanes[lane].stimuli[0].request.clone();
    let (a, b, c) = (request(0), request(1), request(2));
    assert_eq!((a.method.as_str(), a.target, a.version), ("PUT", Target::Shared("/p".to_owned()), Version::Http10));
    assert_eq!((a.host.as_deref(), a.credential, a.fields.len()), (Some("b.test"), Credential::Cookie, 2));
    assert_eq!(
        (a.body, a.pace),
        (RequestBody::Sized { bytes: 5, declared_off_by: 2 }, BodyPace::Slow { writes: 2, gap_us: 1_000 })
    );
    assert_eq!(a.expect.as_deref(), Some("100-continue"));
    assert!(matches!(b.body, RequestBody::Ghost { chunked: true, .. }) && b.tail.is_some());
    assert_eq!((b.target, b.pace), (Target::Asterisk, BodyPace::AfterContinue { wait_us: 50_000 }));
    assert_eq!((c.target, c.pace, c.trailers), (Target::Authority("h:1".to_owned()), BodyPace::Withheld, true));
    let faults = plan.lanes[0].stimuli[0].faults();
    assert_eq!(faults, [FaultKind::ClientAbort, FaultKind::RequestFraming]);
}

#[test]
fn times_may_count_from_the_gateways_own_timeout() {
    let lines = "[[lane]]\nname = \"a\"\norigin = [{ wait = \"timeout+200ms\" }, { final = {} }]";
    let scenario = Scenario::parse("x.toml", &format!("{HEAD}{lines}")).unwrap();
    assert!(scenario.needs_gateway_timeout());
    assert!(scenario.describe().contains("--gateway-timeout"));
    let plan =
        draw_with(lines, &DrawContext { gateway_timeout: Some(Duration::from_millis(500)), ..DrawContext::default() });
    assert_eq!(plan.lanes[0].stimuli[0].directive.acts[0], OriginAct::Wait { us: 700_000 });
}

#[test]
fn a_gate_holds_the_same_request_of_every_copy() {
    let plan = draw(
        "[[lane]]\nname = \"a\"\ntenants = 2\ncopies = 2\nrequests = 3\norigin = [{ hold = \"gate\" }, { final = {} }]",
    );
    assert_eq!((plan.lanes.len(), plan.gates.len()), (4, 3));
    for (index, gate) in plan.gates.iter().enumerate() {
        let awaited: Vec<_> = plan.lanes.iter().map(|lane| lane.stimuli[index].exchange).collect();
        assert_eq!(gate.awaits, awaited);
    }
    let alone = draw("[[lane]]\nname = \"a\"\norigin = [{ hold = \"gate\" }, { final = {} }]");
    assert!(alone.gates.is_empty() && alone.faults().is_empty());
}

#[test]
fn the_body_can_be_what_carries_the_directive() {
    let text = format!("{HEAD}needs_directive_at = \"body\"\n[[lane]]\nname = \"a\"");
    assert_eq!(Scenario::parse("x.toml", &text).unwrap().needs_directive_at, DirectiveAt::Body);
}

#[test]
fn a_description_tells_both_ends() {
    for scenario in catalogue().all() {
        let text = scenario.describe();
        for part in
            [scenario.name(), &scenario.head.story, &scenario.head.requirement, "The origin ", "Must have happened: "]
        {
            assert!(text.contains(part), "{part:?} is missing in:\n{text}");
        }
    }
    let text = catalogue().find("interim-100-late-final").unwrap().describe();
    assert!(text.contains("first: 2 to 4 tenants, 1 request each (GET of its own path)"), "{text}");
    assert!(text.contains("The origin writes 1 to 2 times an interim 100, 102 or 199"), "{text}");
    assert!(text.contains("holds until the next request arrives on the same upstream connection"), "{text}");
    assert!(text.contains("0 ms to 15 ms after the origin has written first an interim reply"), "{text}");
}

fn names(globs: &[&str], skip: &[&str]) -> Result<Vec<String>, String> {
    let owned = |globs: &[&str]| globs.iter().map(|glob| (*glob).to_owned()).collect::<Vec<_>>();
    let chosen =
        select(catalogue().all(), &owned(globs), &owned(skip)).map_err(|error: SelectError| error.to_string())?;
    Ok(chosen.iter().map(|scenario| scenario.name().to_owned()).collect())
}

#[test]
fn globs_choose_by_name_and_by_family() {
    assert_eq!(names(&[], &[]).unwrap().len(), catalogue().all().len());
    // Of the family, whoever is added to it.
    let interims = names(&["interim/*"], &[]).unwrap();
    assert!(["interim-100-late-final", "interim-103-split"].iter().all(|name| interims.iter().any(|it| it == name)));
    assert_eq!(names(&["interim/*", "interim-10?-split"], &[]).unwrap(), interims, "each once");
    assert_eq!(names(&["*/interim-10?-*"], &["*103*"]).unwrap(), ["interim-100-late-final"]);
    assert_eq!(names(&["plain-concurrency"], &[]).unwrap(), ["plain-concurrency"]);
}

#[test]
fn a_glob_that_matches_nothing_says_what_was_probably_meant() {
    let error = |globs: &[&str], skip: &[&str]| names(globs, skip).unwrap_err();
    assert_eq!(
        error(&["plain-concurency"], &[]),
        "no scenario matches \"plain-concurency\", did you mean \"plain-concurrency\"?"
    );
    assert_eq!(error(&["interm/*"], &[]), "no scenario matches \"interm/*\", did you mean \"interim/*\"?");
    assert_eq!(error(&["interim"], &[]), "no scenario matches \"interim\", did you mean \"interim/*\"?");
    assert_eq!(
        error(&[], &["abort/client-abort-before-header"]),
        "no scenario matches \"abort/client-abort-before-header\", did you mean \"abort/client-abort-before-headers\"?"
    );
    assert_eq!(error(&["zzz"], &[]), "no scenario matches \"zzz\"");
    assert_eq!(error(&["interim/*"], &["interim*"]), "every chosen scenario is skipped");
}
