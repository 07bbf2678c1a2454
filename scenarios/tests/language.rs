//! The language as its readers meet it: the page in README.md, every act in TOML, a scenario in words, globs.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use scenarios::{DirectiveAt, DrawContext, ProfileWord, Scenario, SelectError, catalogue, select};
use vocabulary::crossing::{Crossing, Http};
use vocabulary::directive::{
    ChunkDefect, Close, Cut, CutBy, FaultKind, Frames, Framing, GoAway, Hold, LastStream, OriginAct, ResetCode,
    SettingsChange, SurplusKind, SurplusTiming, Table,
};
use vocabulary::identity::{CaseNumber, ExchangeId};
use vocabulary::plan::{
    Absolute, BodyPace, ConnectionUse, Credential, EventKind, Form, Plan, RequestBody, Stimulus, Target, Version,
};

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

/// The acts of a program towards HTTP/1.1, drawn.
fn acts(program: &str) -> Vec<OriginAct> {
    acts_in("h1", program)
}

fn acts_in(up: &str, program: &str) -> Vec<OriginAct> {
    let plan = draw(&format!("up = \"{up}\"\n[[lane]]\nname = \"a\"\norigin = [{program}]"));
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

    let tail =
        acts("{ surplus = { what = { reply = { bytes = 7, garbage = 12 } }, when = { idle = \"0ms\" } } }").remove(0);
    let OriginAct::Surplus(tail) = tail else { panic!("surplus was planned") };
    assert_eq!(tail.what, SurplusKind::Reply { status: 200, bytes: 7, garbage: 12 });

    let cut = acts("{ final = { bytes = 100, cut = { after_bytes = 50, then = { silence = \"timeout+200ms\" } } } }");
    let OriginAct::Final(reply) = &cut[0] else { panic!("a reply was planned") };
    assert!(matches!(reply.cut, Some(Cut { then: CutBy::Silence { us: 200_000.. }, .. })), "{:?}", reply.cut);

    let cut = acts(
        "{ final = { bytes = 10, cut = { after_bytes = 50, then = { close = \"rst\" } }, early = true, trailers = true, writes = { count = 2 } } }",
    );
    let OriginAct::Final(reply) = &cut[0] else { panic!("a reply was planned") };
    assert_eq!(reply.cut, Some(Cut { after_bytes: 10, then: CutBy::Close(Close::Rst) }));
    assert!(reply.early && reply.trailers && reply.writes.gap_us == 3_000);
}

#[test]
fn every_act_of_http_2_has_a_form() {
    let reset = |code: &str| acts_in("h2", &format!("{{ reset = \"{code}\" }}"));
    for (word, code) in [
        ("no-error", ResetCode::NoError),
        ("refused-stream", ResetCode::RefusedStream),
        ("cancel", ResetCode::Cancel),
        ("internal-error", ResetCode::InternalError),
    ] {
        assert_eq!(reset(word), [OriginAct::Reset(code)]);
    }
    for (word, last) in [("this", LastStream::This), ("before", LastStream::Before), ("any", LastStream::Any)] {
        let announced = acts_in("h2", &format!("{{ go-away = {{ last = \"{word}\" }} }}"));
        assert_eq!(announced, [OriginAct::GoAway(GoAway { last })]);
    }
    let settings = acts_in(
        "h2",
        "{ settings = { header-table = 0 } }, { settings = [{ initial-window = 100 }] }, { settings = { concurrent-streams = 3 } }",
    );
    let changes =
        [SettingsChange::HeaderTable(0), SettingsChange::InitialWindow(100), SettingsChange::ConcurrentStreams(3)];
    assert_eq!(settings, changes.map(OriginAct::Settings));

    let final_reply = |words: &str| match acts_in("h2", &format!("{{ final = {{ bytes = 9, {words} }} }}")).remove(0) {
        OriginAct::Final(reply) => reply,
        other => panic!("{other:?} is no final reply"),
    };
    let reply = final_reply(
        "padding = 20000, frames = { data = 1, padding = 255, empty = true, end_apart = true, block = 150, table = \"filled\" }",
    );
    let frames = Frames { data: 1, padding: 255, empty: true, end_apart: true, block: 150, table: Table::Filled };
    assert_eq!((reply.frames, reply.padding, reply.fault()), (frames, 20_000, Some(FaultKind::LargeHead)));
    let plain = final_reply("frames = {}");
    assert_eq!((plain.frames, plain.padding, plain.fault()), (Frames::default(), 0, None));
}

#[test]
fn what_a_reply_leaves_open_of_its_frames_is_drawn_for_each() {
    let plan = draw(
        r#"up = "h2"
        [[lane]]
        name = "a"
        requests = 256
        origin = [{ final = { bytes = 9, trailers = [true, false], padding = ["3*0", "1000..=1999"], frames = [{}, { data = "1..=3", empty = [true, false], table = ["2*unused", "filled"] }] } }]"#,
    );
    let replies: Vec<_> = plan.stimuli().filter_map(|(_, stimulus)| stimulus.directive.acts[0].final_reply()).collect();
    let seen =
        |what: &dyn Fn(&vocabulary::directive::Final) -> bool| replies.iter().filter(|reply| what(reply)).count();
    assert!((90..=166).contains(&seen(&|reply| reply.trailers)));
    assert!((40..=90).contains(&seen(&|reply| reply.padding >= 1_000)));
    assert!((90..=166).contains(&seen(&|reply| reply.frames == Frames::default())));
    for data in 1..=3 {
        for empty in [true, false] {
            for table in [Table::Unused, Table::Filled] {
                assert!(seen(&|reply| reply.frames == Frames { data, empty, table, ..Frames::default() }) > 0);
            }
        }
    }
}

#[test]
fn a_scenario_is_told_where_it_makes_sense() {
    let all = [(Http::H1, Http::H1), (Http::H1, Http::H2), (Http::H2, Http::H1), (Http::H2, Http::H2)];
    let told = |head: &str| {
        let scenario = Scenario::parse("x.toml", &format!("{HEAD}{head}\n[[lane]]\nname = \"a\"")).unwrap();
        let fits = all.into_iter().filter(|(down, up)| scenario.suits(Crossing { down: *down, up: *up }));
        fits.map(|(down, up)| Crossing { down, up }.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(told(""), ["h1→h1", "h1→h2", "h2→h1", "h2→h2"]);
    assert_eq!(told("down = \"h2\""), ["h2→h1", "h2→h2"]);
    assert_eq!(told("up = \"h2\""), ["h1→h2", "h2→h2"]);
    assert_eq!(told("down = \"h2\"\nup = \"h1\""), ["h2→h1"]);
    let described =
        |head: &str| Scenario::parse("x.toml", &format!("{HEAD}{head}\n[[lane]]\nname = \"a\"")).unwrap().describe();
    assert!(described("down = \"h2\"\nup = \"h1\"").contains(
        "Told where clients speak HTTP/2 and the gateway speaks HTTP/1.1 to the origin; skipped elsewhere.\n"
    ));
    assert!(!described("").contains("skipped elsewhere"));
}

/// What the clients speak decides which variants there are to take.
#[test]
fn a_variant_may_be_told_to_one_kind_of_clients_only() {
    let lines = r#"
        [[variant]]
        name = "everywhere"
        weight = 2
        [[variant.lane]]
        name = "a"
        [[variant]]
        name = "old"
        down = "h1"
        [[variant.lane]]
        name = "b"
        request = { tail = true }
        [[variant]]
        name = "streams"
        down = "h2"
        weight = 3
        [[variant.lane]]
        name = "c""#;
    let scenario = Scenario::parse("x.toml", &format!("{HEAD}{lines}")).unwrap();
    let names = |down| {
        let context = DrawContext { down, ..DrawContext::default() };
        (0..30).map(|case| scenario.plan(1, CaseNumber(case), &context).lanes[0].name.clone()).collect::<Vec<_>>()
    };
    let count = |names: &[String], name: &str| names.iter().filter(|lane| *lane == name).count();
    let (old, new) = (names(Http::H1), names(Http::H2));
    assert_eq!([count(&old, "a"), count(&old, "b"), count(&old, "c")], [20, 10, 0]);
    assert_eq!([count(&new, "a"), count(&new, "b"), count(&new, "c")], [12, 0, 18]);
}

#[test]
fn a_scenario_for_one_kind_of_clients_is_drawn_for_them_whatever_is_asked_for() {
    let plan = draw_with("down = \"h2\"\n[[lane]]\nname = \"a\"", &DrawContext::default());
    assert_eq!(plan.down, Http::H2);
    let told = scenarios::describe_plan(&plan);
    assert!(told.contains("clients speak HTTP/2"), "{told}");
}

#[test]
fn a_gate_may_hold_all_streams_of_a_round_at_once() {
    let context = DrawContext { down: Http::H2, ..DrawContext::default() };
    let lines = r#"down = "h2"
        rounds = 2
        gate = { order = "lifo", together = true }
        [[lane]]
        name = "a"
        tenants = 3
        in_turn = true
        requests = 5
        connection = "pipelined"
        origin = [{ hold = "gate" }, { final = {} }]
        [[lane]]
        name = "b"
        origin = [{ hold = "gate" }, { final = {} }]"#;
    let plan = draw_with(lines, &context);
    assert_eq!(plan.gates.len(), 2, "one for each round");
    for gate in &plan.gates {
        let reversed: Vec<_> = gate.awaits.iter().rev().copied().collect();
        assert_eq!((gate.awaits.len(), &gate.release), (6, &reversed));
    }
    let held =
        plan.stimuli().filter(|(_, one)| matches!(one.directive.acts[0], OriginAct::Hold(Hold::Gate(_)))).count();
    assert_eq!(held, 12);
    let alone = lines.replace("requests = 5", "requests = 1");
    assert_eq!(draw_with(&alone, &context).gates[0].awaits.len(), 2);
}

#[test]
fn every_part_of_a_request_has_a_form() {
    let plan = draw(
        r#"down = "h1"
        [[lane]]
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
fn a_scenario_for_a_larger_profile_is_left_out_unless_it_is_named_in_full() {
    let chosen = |profile, glob: &str| {
        let globs: Vec<String> = Some(glob.to_owned()).filter(|glob| !glob.is_empty()).into_iter().collect();
        let chosen = scenarios::select_for(profile, catalogue().all(), &globs, &[]).map_err(|error| error.to_string());
        chosen.map(|chosen| chosen.iter().any(|scenario| scenario.name() == "surplus-frozen"))
    };
    for profile in [ProfileWord::Quick, ProfileWord::Default] {
        for (glob, is_chosen) in
            [("", false), ("surplus-*", false), ("surplus-frozen", true), ("*/surplus-frozen", true)]
        {
            assert_eq!(chosen(profile, glob), Ok(is_chosen), "{glob:?}");
        }
        let error = "surplus-frozen is run in the profile \"deep\" only, or by its whole name";
        assert_eq!(chosen(profile, "surplus-froze?"), Err(error.to_owned()));
    }
    assert_eq!((chosen(ProfileWord::Deep, ""), chosen(ProfileWord::Deep, "surplus-*")), (Ok(true), Ok(true)));
    assert!(catalogue().find("surplus-frozen").is_some_and(Scenario::needs_freezing));
    assert!(catalogue().find("surplus-same-segment").is_some_and(|scenario| !scenario.needs_freezing()));
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

/// How often each count of workers in the lane of this name occurs over many cases.
fn worker_counts(lines: &str, lane: &str, cases: u32) -> BTreeMap<usize, u32> {
    let scenario = Scenario::parse("x.toml", &format!("{HEAD}{lines}")).expect("the lines are sound");
    let mut counts = BTreeMap::new();
    for case in 0..cases {
        let plan = scenario.plan(1, CaseNumber(case), &DrawContext::default());
        assert_eq!(plan.defect(), None);
        *counts.entry(plan.lanes.iter().filter(|it| it.name == lane).count()).or_insert(0) += 1;
    }
    counts
}

#[test]
fn an_entry_with_a_weight_counts_as_often_as_it_says() {
    let crowd = "[[lane]]\nname = \"a\"\ntenants = [2, 3, 8]\nworkers = [\"30*2\", \"25*3\", \"20*4\", \"15*8\", \"7*16\", \"3*64\"]";
    let counts = worker_counts(crowd, "a", 2000);
    assert_eq!(counts.keys().copied().collect::<Vec<_>>(), [2, 3, 4, 8, 16, 64]);
    for (workers, share) in [(2, 0.30), (3, 0.25), (4, 0.20), (8, 0.15), (16, 0.07), (64, 0.03)] {
        let drawn = f64::from(counts[&workers]) / 2000.0;
        assert!((drawn - share).abs() < 0.03, "{workers} workers in {drawn} of the cases");
    }
    let words = "[[lane]]\nname = \"a\"\nrequests = 256\nthink = [\"9*0ms\", \"1ms..=2ms\"]\nrequest = { method = [\"3*GET\", \"DELETE\"] }";
    let plan = draw(words);
    let deletes = plan.stimuli().filter(|(_, stimulus)| stimulus.request.method == "DELETE").count();
    let thinks = plan.stimuli().filter(|(_, stimulus)| stimulus.start.delay_us > 0).count();
    assert!((40..90).contains(&deletes) && (10..45).contains(&thinks), "{deletes} {thinks}");
}

#[test]
fn workers_take_the_tenants_in_turn_and_no_tenant_is_without_one() {
    let plan = draw("[[lane]]\nname = \"a\"\ntenants = 8\nworkers = 3");
    let tenants: Vec<u16> = plan.lanes.iter().map(|lane| lane.stimuli[0].tenant.0).collect();
    assert_eq!((tenants, plan.tenants), (vec![1, 2, 3], 3));
    let plan = draw("[[lane]]\nname = \"a\"\ntenants = 2\nworkers = 3");
    let tenants: Vec<u16> = plan.lanes.iter().map(|lane| lane.stimuli[0].tenant.0).collect();
    assert_eq!(tenants, [1, 2, 1]);
}

#[test]
fn tenants_may_share_a_connection_as_behind_a_proxy() {
    let plan = draw(
        "[[lane]]\nname = \"a\"\ntenants = 2\ncopies = 2\nin_turn = true\nrequests = 4\nplain_after = 1\nconnection = \"pipelined\"",
    );
    let tenants = |lane: usize| plan.lanes[lane].stimuli.iter().map(|stimulus| stimulus.tenant.0).collect::<Vec<_>>();
    assert_eq!((plan.lanes.len(), tenants(0), tenants(1)), (2, vec![1, 2, 1, 2, 1], vec![2, 1, 2, 1, 2]));
}

const AFFINITY: &str = r#"
[[lane]]
name = "first"
warm_ups = 2
connection = { affinity = "next" }
[[lane]]
name = "next"
warm_ups = 3
connection = { affinity = "first" }
start = { after = "first.seen" }
[[lane]]
name = "others"
"#;

#[test]
fn warm_ups_go_one_at_a_time_by_turns_and_the_story_begins_after_them() {
    let plan = draw(AFFINITY);
    let start = |exchange: u32| plan.stimulus(ExchangeId(exchange)).unwrap().1.start;
    let after = |exchange: u32| start(exchange).after.map(|event| (event.exchange.0, event.kind));
    let done = |exchange: u32| Some((exchange, EventKind::Concluded));
    let warm_ups = [1, 3, 2, 4, 5].map(after);
    assert_eq!(warm_ups, [None, done(1), done(3), done(2), None], "the last two are of one lane");
    assert!([3, 2, 4, 5].iter().all(|exchange| start(*exchange).delay_us == 1_000));
    assert_eq!([6, 7, 8].map(after), [done(5), Some((6, EventKind::Seen)), done(5)]);
}

#[test]
fn whoever_is_warmed_up_seeks_any_of_the_other_lane_and_a_follower_the_trigger() {
    let plan = draw(AFFINITY);
    let connection = |exchange: u32| plan.stimulus(ExchangeId(exchange)).unwrap().1.connection.clone();
    let by =
        |with: &[u32], among| ConnectionUse::Affinity { with: with.iter().copied().map(ExchangeId).collect(), among };
    assert_eq!([1, 2].map(connection), [by(&[3, 4, 5], 2), by(&[3, 4, 5], 2)]);
    assert_eq!([3, 4, 5].map(connection), [by(&[1, 2], 2), by(&[1, 2], 2), by(&[1, 2], 2)]);
    assert_eq!([6, 7, 8].map(connection), [by(&[3, 4, 5], 1), by(&[6], 1), ConnectionUse::Kept]);
    let told = scenarios::describe_plan(&plan);
    assert!(told.contains("e7 t2, once the origin has seen e6, by affinity with e6:"), "{told}");
}

/// A pool of u connections, of which c stay; then a burst of one more than were ever open.
#[test]
fn a_lane_may_be_as_large_as_another_half_of_it_or_one_larger() {
    let pool = |workers: &str| {
        format!("[[lane]]\nname = \"warm\"\ncopies = [1, 2, 4, 16]\n[[lane]]\nname = \"burst\"\nworkers = {workers}")
    };
    let keys = |workers: &str| worker_counts(&pool(workers), "burst", 200).into_keys().collect::<Vec<_>>();
    assert_eq!(keys("\"warm\""), [1, 2, 4, 16]);
    assert_eq!(keys("\"warm/2\""), [1, 2, 8]);
    assert_eq!(keys("\"warm+1\""), [2, 3, 5, 17]);
    assert_eq!(keys("\"warm/2+1\""), [1, 2, 3, 9]);
    let mixed = worker_counts(&pool("[1, \"2*warm/2\", \"warm\", \"warm+1\"]"), "burst", 400);
    assert!([1, 2, 3, 4, 5, 8, 16, 17].iter().all(|workers| mixed.contains_key(workers)), "{mixed:?}");
}

#[test]
fn schedules_can_be_pasted_and_stand_in_the_plan() {
    let plan = draw(
        "[[variant]]\nname = \"v\"\nrounds = 3\nschedule = { orders = [\"010212\", \"0011\"] }\n[[variant.lane]]\nname = \"a\"\ntenants = 2",
    );
    assert_eq!((plan.note.as_str(), plan.stimuli().count()), ("010212 0011 010212", 8));
    let all = draw(
        "[[variant]]\nname = \"v\"\nrounds = 3\nschedule = { exchanges = 2 }\n[[variant.lane]]\nname = \"a\"\ntenants = 2",
    );
    assert_eq!(all.note, "0011 0101 0110");
    let pasted = draw(&format!(
        "[[variant]]\nname = \"v\"\nrounds = 3\nschedule = {{ orders = [\"{}\"] }}\n[[variant.lane]]\nname = \"a\"\ntenants = 2",
        all.note.replace(' ', "\", \"")
    ));
    assert_eq!((pasted.note, pasted.lanes), (all.note, all.lanes), "the same plan by its strings");
}

#[test]
fn a_rich_request_has_trailers_where_it_can() {
    let plan = draw(
        "[[lane]]\nname = \"a\"\nrequest = { rich = true, body = { chunked = { bytes = 10 } } }\n[[lane]]\nname = \"b\"\nrequest = { rich = true, method = \"GET\" }",
    );
    let request = |lane: usize| &plan.lanes[lane].stimuli[0].request;
    assert!(request(0).rich && request(0).trailers && request(1).rich && !request(1).trailers);
}

#[test]
fn one_path_under_several_authorities_can_be_asked_for() {
    let plan = draw(
        r#"down = "h1"
        [[lane]]
        name = "a"
        requests = 64
        request = { target = { shared = "/p" }, host = ["a.test", "A.test", "a.test:8080"], absolute = ["host", { other = "b.test" }] }"#,
    );
    let mut seen = BTreeSet::new();
    for (_, stimulus) in plan.stimuli() {
        assert_eq!(stimulus.request.target, Target::Shared("/p".to_owned()));
        seen.insert((stimulus.request.host.clone().unwrap(), stimulus.request.absolute == Some(Absolute::Host)));
    }
    assert_eq!(seen.len(), 6);
}

#[test]
fn what_a_gateway_answers_itself_can_be_asked_for_with_a_ghost_in_the_body() {
    let plan = draw(
        r#"[[lane]]
        name = "a"
        request = { method = "OPTIONS", target = "asterisk", fields = ["Max-Forwards: 0"], body = { ghost = { chunked = false } } }
        [[lane]]
        name = "b"
        request = { method = "POST", body = { ghost = { chunked = true, filler = 2000000 } } }
        [[lane]]
        name = "c"
        request = { method = "GET", target = { shared = "/p" }, fields = ["If-None-Match: \"v1\""], body = { ghost = { chunked = false } } }"#,
    );
    let ghosts: Vec<RequestBody> = plan.stimuli().map(|(_, stimulus)| stimulus.request.body).collect();
    assert!(ghosts.iter().all(|body| matches!(body, RequestBody::Ghost { .. })));
    assert!(matches!(ghosts[1], RequestBody::Ghost { chunked: true, filler: 2_000_000, .. }));
}

#[test]
fn forms_bring_their_method_and_a_body() {
    let of = |words: &str| {
        draw(&format!("[[lane]]\nname = \"a\"\nrequest = {{ {words} }}")).lanes[0].stimuli[0].request.clone()
    };
    for (word, form) in [
        ("chat", Form::Chat),
        ("responses", Form::Responses),
        ("messages", Form::Messages),
        ("mcp", Form::Mcp),
        ("polyglot", Form::Polyglot),
    ] {
        let request = of(&format!("form = \"{word}\""));
        assert_eq!((request.form, request.method.as_str(), request.body), (form, "POST", RequestBody::None));
    }
    let own = of(
        "form = { own = { method = \"PUT\", path = \"/ask\", fields = [\"x-key: {tenant}\"], body = '{\"q\":\"{canary}\"}', reply = \"/a\" } }, body = { chunked = { bytes = 64, chunk = 16 } }",
    );
    let Form::Own(form) = own.form else { panic!("a form of one's own was planned") };
    assert_eq!((own.method.as_str(), own.body), ("PUT", RequestBody::Chunked { bytes: 64, chunk: 16 }));
    assert_eq!(
        (form.path.as_str(), form.body.as_str(), form.reply.as_deref()),
        ("/ask", "{\"q\":\"{canary}\"}", Some("/a"))
    );
    assert_eq!((form.fields[0].name.as_str(), form.fields[0].value.as_str()), ("x-key", "{tenant}"));
}

#[test]
fn a_worker_logs_in_once_for_each_of_its_tenants_before_its_first_request() {
    let plan = draw(
        "rounds = 2\n[[lane]]\nname = \"a\"\ntenants = 2\nrequests = 2\nlogin = { path = \"/login\", cookie = \"sid\" }",
    );
    for lane in &plan.lanes {
        let logins: Vec<bool> = lane.stimuli.iter().map(|stimulus| stimulus.request.keep_cookies).collect();
        assert_eq!(logins, [true, false, false, false, false]);
        let (login, first) = (&lane.stimuli[0], &lane.stimuli[1]);
        assert_eq!((login.tenant, login.request.method.as_str()), (first.tenant, "POST"));
        let OriginAct::Final(reply) = &login.directive.acts[0] else { panic!("a login is answered") };
        assert_eq!(reply.fields[0].value, "sid={canary}; Path=/; HttpOnly");
    }
}

#[test]
fn each_knob_touches_half_of_the_cases() {
    let text = format!(
        "{HEAD}swarm = [\"pipelining\", \"conditional\", \"hosts\", \"aborts\", \"expect\", \"bimodal-delays\", \"bodies\"]\n[[lane]]\nname = \"a\"\nrequests = 64"
    );
    let scenario = Scenario::parse("x.toml", &text).unwrap();
    let mut touched = BTreeMap::new();
    for case in 0..200 {
        let plan = scenario.plan(1, CaseNumber(case), &DrawContext::default());
        let stimuli: Vec<_> = plan.stimuli().map(|(_, stimulus)| stimulus).collect();
        let has = |what: &dyn Fn(&Stimulus) -> bool| stimuli.iter().any(|stimulus| what(stimulus));
        let waits = |us| move |stimulus: &Stimulus| stimulus.directive.acts[0] == OriginAct::Wait { us };
        for (knob, on) in [
            ("pipelining", has(&|stimulus| stimulus.connection == ConnectionUse::Pipelined)),
            ("conditional", has(&|stimulus| stimulus.request.fields.iter().any(|field| field.name == "If-None-Match"))),
            ("hosts", has(&|stimulus| stimulus.request.host.as_deref() == Some("A.Crosswire.TEST"))),
            ("aborts", has(&|stimulus| stimulus.abort.is_some())),
            ("bimodal", has(&waits(1_000)) && has(&waits(100_000))),
        ] {
            *touched.entry(knob).or_insert(0) += u32::from(on);
        }
        let expecting = stimuli.iter().filter(|stimulus| stimulus.request.expect.is_some());
        assert!(expecting.into_iter().all(|stimulus| stimulus.request.body != RequestBody::None));
        assert!(stimuli[0].abort.is_none(), "others wait for it");
        for pair in stimuli.windows(2) {
            assert!(pair[0].abort.is_none() || pair[1].connection != ConnectionUse::Pipelined);
        }
    }
    for (knob, cases) in touched {
        assert!((75..=125).contains(&cases), "{knob} touches {cases} of 200 cases");
    }
}
