//! What a reader of the language says about files that it cannot read: the place to the column, and what was meant.

use scenarios::{Scenario, ScenarioError};

/// A sound scenario; each test spoils one line of it.
const SOUND: &str = r#"name = "x"
family = "interim"
title = "An interim reply is taken for the final one"
story = "The next client receives the reply."
incidents = []
requirement = "RFC 9110 section 15.2"
level = "must"
may_reveal = ["shift"]
must_exercise = [{ fault-performed = "interim" }, { follow-ups = 3 }]
may_be_prevented_by = ["peer-closed-first"]

[[lane]]
name = "first"
requests = "1..=3"
origin = [
  { interim = { status = [100, 102, 199], length = "zero" } },
  { hold = "bait" },
  { final = { bytes = "64..=2048" } },
]
[[lane]]
name = "next"
tenants = "1..=3"
start = { after = "first.interim-written", within = "0ms..=15ms" }
"#;

fn parse(text: &str) -> Result<Scenario, ScenarioError> {
    Scenario::parse("scenarios/x.toml", text)
}

#[test]
fn a_sound_file_is_read() {
    assert_eq!(parse(SOUND).unwrap().name(), "x");
}

/// Replaces the only occurrence of `from` by `to` and compares the error.
#[track_caller]
fn check(from: &str, to: &str, expected: &str) {
    assert_eq!(SOUND.matches(from).count(), 1, "{from:?} must stand once");
    let error = parse(&SOUND.replace(from, to)).expect_err("the spoilt file was read").to_string();
    assert_eq!(error, format!("scenarios/x.toml:{expected}"));
}

#[test]
fn toml_itself() {
    check("level = \"must\"", "level = must", "7:9: string values must be quoted, expected literal string");
    check("[[lane]]\nname = \"next\"", "[[lane\nname = \"next\"", "20:7: unclosed array table, expected `]]`");
}

#[test]
fn unknown_keys() {
    check("requests = \"1..=3\"", "reqests = \"1..=3\"", "14:1: unknown key \"reqests\", did you mean \"requests\"?");
    check("bytes = \"64..=2048\"", "byts = \"64..=2048\"", "18:15: unknown key \"byts\", did you mean \"bytes\"?");
    check("within = \"0ms", "wihtin = \"0ms", "23:44: unknown key \"wihtin\", did you mean \"within\"?");
    check(
        "title = \"An",
        "banner = \"An",
        "3:1: unknown key \"banner\", expected one of \"name\", \"family\", \"title\", \"story\", \"incidents\", \"requirement\", \"level\", \"may_reveal\", \"must_exercise\", \"may_be_prevented_by\", \"down\", \"up\", \"needs_directive_at\", \"profile\", \"swarm\", \"rounds\", \"gate\", \"lane\", \"variant\"",
    );
}

#[test]
fn unknown_words() {
    check("{ interim = { status", "{ interm = { status", "16:5: unknown act \"interm\", did you mean \"interim\"?");
    check("{ hold = \"bait\" }", "{ hold = \"baits\" }", "17:12: unknown hold \"baits\", did you mean \"bait\"?");
    check(
        "length = \"zero\"",
        "length = \"nil\"",
        "16:52: unknown word \"nil\", expected one of \"absent\", \"zero\", \"bytes\", \"chunked\"",
    );
    check(
        "length = \"zero\"",
        "length = [\"absent\", \"zeero\"]",
        "16:63: unknown word \"zeero\", did you mean \"zero\"?",
    );
    check("level = \"must\"", "level = \"musst\"", "7:9: unknown level \"musst\", did you mean \"must\"?");
    check("[\"shift\"]", "[\"pair-swap\", \"shfit\"]", "8:28: unknown shape \"shfit\", did you mean \"shift\"?");
    check(
        "{ follow-ups = 3 }",
        "{ followups = 3 }",
        "9:53: unknown obligation \"followups\", did you mean \"follow-ups\"?",
    );
    check(
        "fault-performed = \"interim\"",
        "fault-performed = \"interm\"",
        "9:38: unknown fault \"interm\", did you mean \"interim\"?",
    );
    check(
        "[\"peer-closed-first\"]",
        "[\"serialized\"]",
        "10:24: unknown witness \"serialized\", did you mean \"serialised\"?",
    );
    check(
        "first.interim-written",
        "first.interim-writen",
        "23:19: unknown event \"interim-writen\", did you mean \"interim-written\"?",
    );
}

#[test]
fn unknown_lanes() {
    check("first.interim-written", "frist.interim-written", "23:19: unknown lane \"frist\", did you mean \"first\"?");
    check("first.interim-written", "warm.concluded", "23:19: unknown lane \"warm\", expected \"first\"");
    check("tenants = \"1..=3\"", "tenants_of = \"frist\"", "22:14: unknown lane \"frist\", did you mean \"first\"?");
    check(
        "{ hold = \"bait\" }",
        "{ hold = { event = \"nxt.seen\" } }",
        "17:22: unknown lane \"nxt\", did you mean \"next\"?",
    );
    check(
        "first.interim-written",
        "next.interim-written",
        "23:19: the lane \"next\" cannot be referred to from here, only other lanes, listed earlier",
    );
}

#[test]
fn wrong_types() {
    check(
        "title = \"An interim reply is taken for the final one\"",
        "title = 3",
        "3:9: expected a string, found integer `3`",
    );
    check(
        "requests = \"1..=3\"",
        "requests = true",
        "14:12: expected a number from 1 to 256, a range such as \"1..=3\", or a list of them, found boolean `true`",
    );
    check("requests = \"1..=3\"", "requests = \"many\"", "14:12: \"many\" is no number");
    check("requests = \"1..=3\"", "requests = []", "14:12: the list is empty");
    check("within = \"0ms..=15ms\"", "within = 15", "23:53: the duration 15 has no unit, write \"15ms\"");
    check(
        "within = \"0ms..=15ms\"",
        "within = \"0..=15ms\"",
        "23:53: the duration \"0\" has no unit, expected us, ms or s",
    );
    check(
        "within = \"0ms..=15ms\"",
        "within = \"1.5ms\"",
        "23:53: \"1.5ms\" is no duration, expected a whole number of us, ms or s",
    );
    check(
        "first.interim-written",
        "first",
        "23:19: \"first\" is no event, expected \"LANE.EVENT\" such as \"first.seen\"",
    );
    check(
        "{ final = { bytes = \"64..=2048\" } }",
        "{ final = { fields = [\"Vary\"] } }",
        "18:25: \"Vary\" is no header field, expected \"Name: value\"",
    );
}

#[test]
fn values_out_of_range() {
    check(
        "requests = \"1..=3\"",
        "requests = \"9..=3\"",
        "14:12: the range \"9..=3\" is empty, its first value is larger than its last",
    );
    check(
        "requests = \"1..=3\"",
        "requests = \"1..3\"",
        "14:12: \"1..3\" is no range, ranges name their last value: \"1..=3\"",
    );
    check("requests = \"1..=3\"", "requests = 0", "14:12: 0 is out of range, expected 1 to 256");
    check("[100, 102, 199]", "[100, 99, 199]", "16:32: 99 is out of range, expected 100 to 199");
    check("[100, 102, 199]", "[100, \"190..=200\"]", "16:32: 200 is out of range, expected 100 to 199");
    check("{ final = { bytes", "{ final = { status = 103, bytes", "18:24: a final status is 101 or 200 to 599");
    check(
        "within = \"0ms..=15ms\"",
        "within = \"1s..=99s\"",
        "23:53: 99s is out of range, no scenario waits longer than 30s",
    );
    check(
        "tenants = \"1..=3\"",
        "tenants = 64\ncopies = 5",
        "1:1: up to 321 client workers would be drawn, at most 256 run at once",
    );
}

#[test]
fn missing_keys() {
    check("title = \"An interim reply is taken for the final one\"\n", "", "1:1: the key \"title\" is missing");
    check(
        "{ interim = { status = [100, 102, 199], length = \"zero\" } }",
        "{ interim = { length = \"zero\" } }",
        "16:15: the key \"status\" is missing",
    );
}

#[test]
fn contradictions() {
    check("name = \"x\"", "name = \"y\"", "1:8: the name \"y\" is not the stem of the file, \"x\"");
    check(
        "family = \"interim\"",
        "family = \"Interim replies\"",
        "2:10: the family \"Interim replies\" is no name, expected lower-case words joined by hyphens",
    );
    check("name = \"next\"", "name = \"first\"", "21:8: two lanes are called \"first\"");
    check(
        "tenants = \"1..=3\"",
        "tenants = \"1..=3\"\ntenants_of = \"first\"",
        "22:11: either tenants or tenants_of, not both",
    );
    check(
        "length = \"zero\"",
        "segment = \"shared\"",
        "17:3: the interim reply before this shares its segment with what follows: nothing may come between",
    );
    check(
        "{ hold = \"bait\" }",
        "{ surplus = { what = { garbage = { bytes = 9 } }, when = \"same-segment\" } }",
        "17:3: surplus in the same segment must follow the final reply directly",
    );
    check(
        "{ hold = \"bait\" }",
        "{ final = {} }",
        "18:3: a second final reply is surplus, write { surplus = { what = { reply = … }, … } }",
    );
    check(
        "requests = \"1..=3\"",
        "connection = { affinity = \"next\" }",
        "14:27: the lane \"next\" comes later and has no warm-ups: nothing would be known",
    );
    let repeated = SOUND.replace("level = \"must\"", "level = \"must\"\nrounds = 2");
    let stopping = repeated.replace("tenants = \"1..=3\"", "until = { upstream-served = 2 }");
    let error = parse(&stopping).unwrap_err().to_string();
    assert_eq!(error, "scenarios/x.toml:23:9: a lane that may stop early cannot take part in a second round");
}

#[test]
fn variants() {
    let varied = SOUND.replace("[[lane]]", "[[variant.lane]]");
    let (head, lanes) = varied.split_once("\n[[variant.lane]]").unwrap();
    let with = |variant: &str, lanes: &str| parse(&format!("{head}\n[[variant]]\nname = \"v\"\n{variant}\n{lanes}"));
    assert!(with("weight = 3", &format!("[[variant.lane]]{lanes}")).is_ok());
    let message = |result: Result<Scenario, ScenarioError>| result.expect_err("the spoilt file was read").to_string();
    let schedule = "rounds = \"2..=3\"\nschedule = { exchanges = 2 }";
    assert_eq!(
        message(with(schedule, "[[variant.lane]]\nname = \"a\"")),
        "scenarios/x.toml:14:10: beside a schedule the number of rounds must be fixed",
    );
    assert_eq!(
        message(with("rounds = 2\nschedule = { exchanges = 2 }", "[[variant.lane]]\nname = \"a\"\ncopies = 2")),
        "scenarios/x.toml:17:8: a schedule decides by itself who sends how often and when, and what the origin holds",
    );
    assert_eq!(
        message(parse(&format!("{head}\nrounds = 2\n[[variant]]\nname = \"v\"\n[[variant.lane]]{lanes}"))),
        "scenarios/x.toml:12:10: the scenario has variants, so lanes, rounds and gate belong into them",
    );
    assert_eq!(message(with("", "")), "scenarios/x.toml:12:1: there is no lane, so nobody would send anything");
}

#[test]
fn weights_and_relations() {
    check("requests = \"1..=3\"", "requests = [\"0*1\", 2]", "14:13: 0 is no weight, expected 1 to 100 before the *");
    check(
        "requests = \"1..=3\"",
        "requests = [2, \"101*1\"]",
        "14:16: 101 is no weight, expected 1 to 100 before the *",
    );
    check("requests = \"1..=3\"", "requests = \"3*many\"", "14:12: \"many\" is no number");
    check(
        "length = \"zero\"",
        "length = [\"2*absent\", \"3*zeero\"]",
        "16:65: unknown word \"zeero\", did you mean \"zero\"?",
    );
    check("tenants = \"1..=3\"", "copies = \"frist+1\"", "22:10: unknown lane \"frist\", did you mean \"first\"?");
    check(
        "tenants = \"1..=3\"",
        "workers = [2, \"next/2\"]",
        "22:11: the lane \"next\" cannot be referred to from here, only other lanes, listed earlier",
    );
    check(
        "tenants = \"1..=3\"",
        "copies = [1, \"first/3\"]",
        "22:14: \"first/3\" is no number of workers, only halves can be taken, as in \"warm/2\"",
    );
    check(
        "tenants = \"1..=3\"",
        "copies = \"first+x\"",
        "22:10: \"first+x\" is no number of workers, expected a number after the +, as in \"warm+1\"",
    );
    check("tenants = \"1..=3\"", "copies = 2\nworkers = 3", "23:11: either copies or workers, not both");
    check(
        "tenants = \"1..=3\"",
        "copies = true",
        "22:10: expected a number from 1 to 64, a range such as \"1..=3\", or a list of them, or another lane's number such as \"warm+1\", found boolean `true`",
    );
}

#[test]
fn requests() {
    let with =
        |request: &str, expected: &str| check("tenants = \"1..=3\"", &format!("request = {{ {request} }}"), expected);
    with("form = \"chatt\"", "22:20: unknown form \"chatt\", did you mean \"chat\"?");
    with("form = { own = { pth = \"/\" } }", "22:30: unknown key \"pth\", did you mean \"path\"?");
    with(
        "form = { own = { path = \"ask\" } }",
        "22:37: \"ask\" is no path, expected one such as \"/v1/ask\", without spaces",
    );
    with(
        "form = \"chat\", target = \"asterisk\"",
        "21:8: a form brings a path of its own, so the request's target must be \"own\"",
    );
    with(
        "rich = true, body = { ghost = { chunked = true } }",
        "21:8: the body of a ghost spells a request, so it can be neither rich nor of a form",
    );
    check(
        "tenants = \"1..=3\"",
        "login = { path = \"/in\", cookie = \"a b\" }",
        "22:34: \"a b\" is no name of a cookie, expected a token such as \"sid\"",
    );
}

#[test]
fn schedules() {
    let varied = SOUND.split("\n[[lane]]").next().unwrap();
    let error = |schedule: &str| {
        let text = format!(
            "{varied}\n[[variant]]\nname = \"v\"\nschedule = {{ {schedule} }}\n[[variant.lane]]\nname = \"a\"\n"
        );
        parse(&text).expect_err("the spoilt file was read").to_string()
    };
    let expected = |what: &str| format!("scenarios/x.toml:{what}");
    assert_eq!(
        error("orders = [\"0011\", \"0110a\"]"),
        expected("14:32: \"0110a\" is no schedule: 'a' is no digit, each exchange is one, as in \"010212\"")
    );
    assert_eq!(
        error("orders = [\"0210\"]"),
        expected(
            "14:24: \"0210\" is no schedule: 2 is sent before 1, exchanges are numbered in the order of sending, as in \"010212\""
        )
    );
    assert_eq!(
        error("orders = [\"010\"]"),
        expected("14:24: \"010\" is no schedule: 1 is sent and never released, as in \"010212\"")
    );
    assert_eq!(
        error("orders = [\"000\"]"),
        expected(
            "14:24: \"000\" is no schedule: 0 stands there more than twice, once to send and once to release, as in \"010212\""
        )
    );
    assert_eq!(
        error("orders = [\"0011\"], exchanges = 2"),
        expected("14:12: a schedule has either exchanges or orders, not both")
    );
    assert_eq!(
        error("gap = \"0ms\""),
        expected(
            "14:12: a schedule says how many exchanges it has, or which orders: exchanges = 2 or orders = [\"0110\"]"
        )
    );
}

/// The sound scenario with a line in its head, and something else where its second lane says how many tenants it has.
#[track_caller]
fn told(head: &str, lane: &str) -> Result<Scenario, String> {
    let text = SOUND.replace("level = \"must\"", &format!("level = \"must\"\n{head}"));
    parse(&text.replace("tenants = \"1..=3\"", lane)).map_err(|error| error.to_string())
}

/// What only one version has is refused where the scenario does not ask for that version, or asks for the other one.
#[track_caller]
fn needs(side: &str, version: &str, lane: &str, column: usize, what: &str) {
    let (other, name) = if version == "h1" { ("h2", "HTTP/2") } else { ("h1", "HTTP/1.1") };
    let place = if side == "down" { "in the head, or in the variant" } else { "in the head" };
    for (head, line) in [("# nothing".to_owned(), 23), (format!("{side} = \"{other}\""), 23)] {
        let expected = format!(
            "scenarios/x.toml:{line}:{column}: {what} means nothing in {name}: say {side} = \"{version}\" {place}"
        );
        assert_eq!(told(&head, lane).expect_err("it was read"), expected);
    }
    assert!(told(&format!("{side} = \"{version}\""), lane).is_ok());
}

#[test]
fn what_only_clients_of_http_1_1_can_say() {
    needs("down", "h1", "request = { tail = true }", 20, "a tail");
    needs("down", "h1", "request = { version = [\"http11\", \"http10\"] }", 23, "HTTP/1.0");
    needs("down", "h1", "request = { absolute = \"host\" }", 24, "a target in absolute form");
    needs(
        "down",
        "h1",
        "request = { body = [\"none\", { misframed = { by = \"length-with-sign\" } }] }",
        20,
        "a body misframed by a length with a sign",
    );
    needs(
        "down",
        "h2",
        "request = { body = { misframed = { by = \"line-break-in-path\" } } }",
        20,
        "a body misframed by an empty line in its path",
    );
    needs("down", "h1", "request = { fields = [[], [\"Connection: close\"]] }", 22, "the field Connection");
    needs("down", "h1", "request = { fields = [\"TE: gzip\"] }", 22, "the field TE");
    let upgrade = "request = { fields = [\"Upgrade: websocket\"] }";
    assert!(told("", upgrade).unwrap_err().contains("the field Upgrade means nothing in HTTP/2: say down = \"h1\""));
    assert!(told("down = \"h2\"", upgrade).is_ok(), "a CONNECT that names a protocol, RFC 8441");
    let own = "request = { form = { own = { path = \"/\", fields = [\"Upgrade: h2c\"] } } }";
    assert!(told("", own).unwrap_err().ends_with(
        "22:8: the field Upgrade means nothing in HTTP/2: say down = \"h1\" in the head, or in the variant"
    ));
    for everywhere in ["request = { tail = false, version = \"http11\" }", "request = { fields = [\"TE: trailers\"] }"]
    {
        assert!(told("", everywhere).is_ok(), "{everywhere}");
    }
}

#[test]
fn what_only_an_origin_of_http_1_1_can_do() {
    needs("up", "h1", "origin = [{ tunnel = { bytes = 9 } }]", 11, "a tunnel behind a 101");
    needs("up", "h1", "origin = [{ final = { status = 101 } }]", 32, "a 101");
    needs(
        "up",
        "h1",
        "origin = [{ final = { framing = [\"length\", \"length-and-chunked\"] } }]",
        33,
        "a Transfer-Encoding",
    );
    needs(
        "up",
        "h1",
        "origin = [{ final = { framing = { chunked-broken = \"bad-size\" } } }]",
        33,
        "a Transfer-Encoding",
    );
    needs(
        "up",
        "h1",
        "origin = [{ wait = \"1ms\" }, { final = { fields = [\"Keep-Alive: max=9\"] } }]",
        29,
        "the field Keep-Alive",
    );
    needs(
        "up",
        "h1",
        "origin = [{ interim = { status = 103, fields = [\"Upgrade: h2c\"] } }]",
        11,
        "the field Upgrade",
    );
    let garbled = "{ surplus = { what = { reply = { bytes = 9, garbage = 1 } }, when = \"after-next-request\" } }";
    needs("up", "h1", &format!("origin = [{garbled}]"), 11, "garbage before a status line");
    assert!(
        told("", "origin = [{ final = { framing = [\"length\", \"chunked\", \"close\", \"body-where-none\"] } }]")
            .is_ok()
    );
}

#[test]
fn what_only_an_origin_of_http_2_can_do() {
    needs("up", "h2", "origin = [{ reset = \"cancel\" }]", 11, "a reset stream");
    needs("up", "h2", "origin = [{ go-away = { last = \"any\" } }]", 11, "GOAWAY");
    needs("up", "h2", "origin = [{ settings = { header-table = 0 } }]", 11, "a setting");
    needs("up", "h2", "origin = [{ final = { bytes = 9, frames = { data = 1 } } }]", 43, "a frame");
    assert!(told("", "origin = [{ final = { padding = 20000, trailers = [true, false] } }]").is_ok());
    let (unknown, up) = (|lane: &str| told("up = \"h2\"", lane).unwrap_err(), "scenarios/x.toml:23:");
    assert_eq!(
        unknown("origin = [{ reset = \"refused\" }]"),
        format!(
            "{up}21: unknown code \"refused\", expected one of \"no-error\", \"refused-stream\", \"cancel\", \"internal-error\""
        )
    );
    assert_eq!(
        unknown("origin = [{ settings = { header-tabel = 0 } }]"),
        format!("{up}26: unknown setting \"header-tabel\", did you mean \"header-table\"?")
    );
    assert_eq!(
        unknown("origin = [{ final = { frames = { end-apart = true } } }]"),
        format!("{up}34: unknown key \"end-apart\", did you mean \"end_apart\"?")
    );
    assert_eq!(
        unknown("origin = [{ final = { frames = { padding = 256 } } }]"),
        format!("{up}44: 256 is out of range, expected 0 to 255")
    );
    assert_eq!(
        unknown("origin = [{ final = { frames = { empty = \"yes\" } } }]"),
        format!("{up}42: expected a boolean, found string \"yes\"")
    );
    assert_eq!(
        told("up = \"h3\"", "tenants = 1").unwrap_err(),
        "scenarios/x.toml:8:6: unknown version \"h3\", did you mean \"h1\"?"
    );
}

#[test]
fn obligations_that_only_one_version_can_meet() {
    let of = |obligation: &str| {
        let changed = SOUND.replace("{ follow-ups = 3 }", obligation);
        let in_up = |up: &str| parse(&changed.replace("level = \"must\"", &format!("level = \"must\"\n{up}")));
        let refused = in_up("# nothing").expect_err("it was read").to_string();
        (refused, [in_up("up = \"h1\"").is_ok(), in_up("up = \"h2\"").is_ok()])
    };
    let at = "scenarios/x.toml:10:51: ";
    let (refused, told) = of("{ streams-held = 2 }");
    assert_eq!(
        (refused, told),
        (format!("{at}a stream means nothing in HTTP/1.1: say up = \"h2\" in the head"), [false, true])
    );
    let (refused, told) = of("{ fault-performed = \"go-away\" }");
    let expected = format!("{at}the fault \"go-away\" means nothing in HTTP/1.1: say up = \"h2\" in the head");
    assert_eq!((refused, told), (expected, [false, true]));
    let (refused, told) = of("{ fault-performed = \"tunnel\" }");
    assert_eq!(
        (refused, told),
        (format!("{at}a tunnel means nothing in HTTP/2: say up = \"h1\" in the head"), [true, false])
    );
}

#[test]
fn a_variant_for_one_kind_of_clients() {
    let varied = SOUND.replace("[[lane]]", "[[variant.lane]]");
    let (head, lanes) = varied.split_once("\n[[variant.lane]]").unwrap();
    let told = |side: &str, variants: &[&str]| {
        let each = variants
            .iter()
            .zip(1..)
            .map(|(down, number)| format!("[[variant]]\nname = \"v{number}\"\n{down}\n[[variant.lane]]{lanes}\n"));
        let text = format!("{head}\n{}", each.collect::<String>())
            .replace("level = \"must\"", &format!("level = \"must\"\n{side}"));
        parse(&text).map(|_| ()).map_err(|error| error.to_string())
    };
    assert_eq!(told("# nothing", &["down = \"h2\"", "# open"]), Ok(()));
    assert_eq!(told("# nothing", &["down = \"h2\"", "down = \"h1\""]), Ok(()));
    let alone = "scenarios/x.toml:13:1: no variant is told where clients speak h1: say down in the head, not in each";
    assert_eq!(told("# nothing", &["down = \"h2\""]), Err(alone.to_owned()));
    let never = "scenarios/x.toml:15:8: the head says down = \"h1\", so this variant would never be told";
    assert_eq!(told("down = \"h1\"", &["down = \"h2\"", "# open"]), Err(never.to_owned()));
    assert_eq!(told("down = \"h1\"", &["down = \"h1\""]), Ok(()));
}

#[test]
fn requests_that_are_held_together_must_not_await_each_other() {
    let held = |down: &str, words: &str| {
        let lines =
            SOUND.replace("level = \"must\"", &format!("level = \"must\"\n{down}\ngate = {{ together = true }}"));
        let lines = lines.replace("{ hold = \"bait\" }", "{ hold = \"gate\" }");
        parse(&lines.replace("requests = \"1..=3\"", words)).map(|_| ()).map_err(|error| error.to_string())
    };
    let awaits = "scenarios/x.toml:19:3: all requests of a round are held together here, so that they must not await each \
                  other's replies: say connection = \"pipelined\"";
    assert_eq!(held("# open", "requests = 2"), Err(awaits.to_owned()));
    let some = held("# open", "requests = 2\nconnection = [\"pipelined\", \"kept\"]");
    assert_eq!(some, Err(awaits.replace("19:3", "20:3")));
    let beside = "scenarios/x.toml:20:3: a second request beside one that is held means nothing in HTTP/1.1: say down = \
                  \"h2\" in the head, or in the variant";
    assert_eq!(held("# open", "requests = 2\nconnection = \"pipelined\""), Err(beside.to_owned()));
    assert_eq!(held("down = \"h2\"", "requests = 2\nconnection = \"pipelined\""), Ok(()));
    assert_eq!(held("# open", "requests = 1"), Ok(()));
}

#[test]
fn waiting_for_a_freeze_that_nobody_commits() {
    check(
        "{ hold = \"bait\" }",
        "{ hold = { event = \"next.frozen\" } }",
        "17:22: the lane \"next\" does not freeze the gateway, so that this never happens",
    );
    let freezes = SOUND.replace("{ hold = \"bait\" }", "{ hold = { event = \"next.frozen\" } }")
        + "freeze = { until = \"first.interim-written\" }\n";
    assert_eq!(parse(&freezes).unwrap().name(), "x");
}

/// The sound scenario with this request of its second lane.
fn with_request(request: &str) -> String {
    SOUND.replace("tenants = \"1..=3\"\n", &format!("tenants = \"1..=3\"\nrequests = 3\n{request}\n"))
}

#[test]
fn what_no_gateway_could_be_blamed_for_is_refused() {
    let lies = r#"request = { method = "POST", body = { sized = { bytes = 64, declared_off_by = -64 } } }"#;
    assert!(parse(&with_request(lies)).is_ok());
    for (request, says) in [
        (format!("connection = \"pipelined\"\n{lies}"), "would be taken for a part of"),
        (r#"request = { host = "a\r\nb" }"#.to_owned(), "line end"),
        (r#"request = { target = { shared = "/a HTTP/1.1" } }"#.to_owned(), "space"),
        (r#"request = { fields = ["Content-Length: 0"] }"#.to_owned(), "among the fields would contradict"),
    ] {
        let error = parse(&with_request(&request)).unwrap_err().to_string();
        assert!(error.starts_with("scenarios/x.toml:1:") && error.contains(says), "{request}: {error}");
    }
}
