//! False alarms, looked for at length: `cargo run --release -p crosswire-suite --example soak`.
//!
//! ```text
//! soak [--replies 1000000] [--per-pair 2000] [--time-limit 60m] [--jobs N] [--seed N] [--scenario GLOB]…
//!      [--gateway NAME[:VARIANT]]… [--command NAME=CMD]… [--out SOAK.md]
//! ```
//! Runs every scenario of HTTP/1.1 that accuses on every gateway, round after round with ever other seeds, until each pair has its
//! verified replies, half of them exposures, and all together have theirs. Gateways are the reference, HAProxy, nginx and
//! Varnish, as far as there is a recipe and a program; a command is started as `crosswire check --command` does.
//!
//! It ends with 1 if anything was found that is not documented below, with 3 if it could not do all it was to do in its
//! time, with 2 if it was asked for what there is not.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crosswire::{Gateway, Recipe, Regressions};
use specimens::Decisions;
use vocabulary::crossing::Http;
use vocabulary::finding::{Finding, Shape};
use vocabulary::record::RunRecord;
use vocabulary::scenario::Level;

/// What is known of a real gateway, and no false alarm. FINDINGS.md has more of it.
struct Documented {
    gateway: &'static str,
    /// The scenarios that show it, as a glob.
    scenarios: &'static str,
    /// Its shapes; all of them where it has many.
    shapes: &'static [Shape],
    /// What is broken, and how.
    why: &'static str,
}

const DOCUMENTED: [Documented; 7] = [
    Documented {
        gateway: "nginx",
        scenarios: "interim-*",
        shapes: &[],
        why: "RFC 9110 section 15.2: nginx takes an interim reply for the final one (nginx/nginx#1427)",
    },
    Documented {
        gateway: "varnish",
        scenarios: "interim-method-queue",
        shapes: &[],
        why: "RFC 9110 section 15.2: an interim reply is taken for the final one",
    },
    Documented {
        gateway: "varnish",
        scenarios: "*",
        shapes: &[Shape::TruncationAsComplete],
        why: "RFC 9112 section 8, should: now and then Varnish ends a reply as a whole one that the origin has cut off \
              (varnishcache/varnish-cache#2918)",
    },
    Documented {
        gateway: "varnish",
        scenarios: "te-cl-disagreement",
        shapes: &[Shape::GhostRequest],
        why: "RFC 9112 section 6.3 item 4: it reads on behind a request whose last coding is not chunked",
    },
    Documented { gateway: "varnish", scenarios: "surplus-frozen", shapes: &[Shape::Shift], why: UNSEEN },
    Documented { gateway: "haproxy", scenarios: "surplus-frozen", shapes: &[Shape::Shift], why: UNSEEN },
    Documented { gateway: "nginx", scenarios: "surplus-frozen", shapes: &[Shape::Shift], why: UNSEEN },
];

const UNSEEN: &str = "RFC 9112 section 9.2, should: what came on an idle connection while the process stood still is \
                      taken for the answer to the next request";

/// Cases of one round: a gateway is started for each round.
const CASES: u32 = 40;
/// Cases of a round that will find what is documented: each finding takes a while, and a scenario ends after some.
const CASES_DOCUMENTED: u32 = 10;
/// Rounds after which a pair without a single exposure is taken to have none to give.
const ROUNDS_WITHOUT_EXPOSURE: u32 = 3;
/// How often a pair may take the cases that it should need.
const ROUNDS_MAX: u32 = 400;

/// What was asked for.
struct Asked {
    replies: u64,
    per_pair: u64,
    time_limit: Duration,
    jobs: usize,
    seed: u64,
    scenarios: Vec<String>,
    gateways: Vec<String>,
    commands: Vec<(String, String)>,
    out: Option<PathBuf>,
}

/// A gateway under one scenario.
struct Pair {
    gateway: Under,
    scenario: String,
    rounds: u32,
    busy: bool,
    cases: u64,
    verified: u64,
    exposures: u64,
    prevented: bool,
    version: Option<String>,
    /// How often it was found in which way, what is documented and what is not.
    documented: BTreeMap<String, u64>,
    alarms: BTreeMap<String, u64>,
    /// Why it cannot be run any more.
    broken: Option<String>,
}

/// A gateway to be looked at.
#[derive(Clone)]
enum Under {
    Reference(&'static str),
    Recipe(String),
    Command(String, String),
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    if let (Some("serve"), Some(name)) = (arguments.next().as_deref(), arguments.next()) {
        // This program is the reference gateway, where its process has to be stopped.
        if let Err(error) = specimens::serve_as_program(&name) {
            eprintln!("soak: {error}");
        }
        std::process::exit(70);
    }
    let code = match asked(std::env::args().skip(1)) {
        Ok(asked) => soak(&asked),
        Err(reason) => {
            eprintln!("soak: {reason}");
            2
        }
    };
    std::process::exit(code);
}

fn asked(mut arguments: impl Iterator<Item = String>) -> Result<Asked, String> {
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    let mut asked = Asked {
        replies: 1_000_000,
        per_pair: 2_000,
        time_limit: Duration::from_secs(3600),
        jobs,
        seed: 1,
        scenarios: Vec::new(),
        gateways: Vec::new(),
        commands: Vec::new(),
        out: None,
    };
    while let Some(flag) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{flag} lacks its value"))?;
        let number = || value.parse::<u64>().map_err(|error| format!("{flag} {value}: {error}"));
        match flag.as_str() {
            "--replies" => asked.replies = number()?,
            "--per-pair" => asked.per_pair = number()?,
            "--jobs" => asked.jobs = number()?.max(1) as usize,
            "--seed" => asked.seed = number()?,
            "--time-limit" => {
                asked.time_limit =
                    duration(&value).ok_or_else(|| format!("{flag} {value}: write it like 90s or 60m"))?
            }
            "--scenario" => asked.scenarios.push(value),
            "--gateway" => asked.gateways.push(value),
            "--command" => {
                let named = value.split_once('=').ok_or_else(|| format!("{flag} {value}: write it like NAME=CMD"))?;
                asked.commands.push((named.0.to_owned(), named.1.to_owned()));
            }
            "--out" => asked.out = Some(PathBuf::from(value)),
            _ => return Err(format!("there is no {flag}; the head of examples/soak.rs has what there is")),
        }
    }
    Ok(asked)
}

fn duration(text: &str) -> Option<Duration> {
    let (number, seconds) = match text.strip_suffix('m') {
        Some(minutes) => (minutes, 60),
        None => (text.strip_suffix('s')?, 1),
    };
    Some(Duration::from_secs(number.parse::<u64>().ok()? * seconds))
}

fn soak(asked: &Asked) -> i32 {
    let (gateways, skipped) = gateways(asked);
    let scenarios = match scenarios::select(scenarios::catalogue().all(), &asked.scenarios, &[]) {
        Ok(chosen) => chosen,
        Err(error) => {
            eprintln!("soak: {error}");
            return 2;
        }
    };
    // Gateways are spoken to in HTTP/1.1, and speak it.
    let in_http_11 = |scenario: &&scenarios::Scenario| {
        ![scenario.head.down, scenario.head.up].contains(&Some(Http::H2)) && scenario.head.level != Level::Observe
    };
    let accusing = scenarios.iter().filter(in_http_11);
    let names: Vec<&str> = accusing.map(scenarios::Scenario::name).collect();
    let pairs = gateways.iter().flat_map(|gateway| names.iter().map(|name| Pair::new(gateway, name)));
    let pairs = Mutex::new(pairs.collect::<Vec<Pair>>());
    let began = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..asked.jobs {
            scope.spawn(|| work(&pairs, asked, began + asked.time_limit));
        }
    });
    let pairs = pairs.into_inner().unwrap_or_else(PoisonError::into_inner);
    let (page, code) = page(&pairs, &skipped, asked, began.elapsed());
    print!("{page}");
    if let Some(path) = &asked.out
        && let Err(error) = std::fs::write(path, page)
    {
        eprintln!("soak: write {}: {error}", path.display());
        return 2;
    }
    code
}

/// The gateways that can be run here, and why others cannot.
fn gateways(asked: &Asked) -> (Vec<Under>, Vec<String>) {
    let usual = ["reference", "reference:cache", "haproxy", "nginx", "varnish"].map(str::to_owned);
    let wanted: Vec<String> = match asked.gateways.is_empty() && asked.commands.is_empty() {
        true => usual.to_vec(),
        false => asked.gateways.clone(),
    };
    let (mut gateways, mut skipped) = (Vec::new(), Vec::new());
    for name in wanted {
        let recipe = Recipe::find(name.split(':').next().unwrap_or_default());
        match (name.as_str(), recipe) {
            ("reference", _) => gateways.push(Under::Reference("reference")),
            ("reference:cache", _) => gateways.push(Under::Reference("reference:cache")),
            (_, Ok(recipe)) if recipe.is_installed() => gateways.push(Under::Recipe(name)),
            (_, Ok(recipe)) => skipped.push(format!("{name}: not installed ({})", recipe.install())),
            (_, Err(error)) => skipped.push(format!("{name}: {error}")),
        }
    }
    gateways.extend(asked.commands.iter().map(|(name, command)| Under::Command(name.clone(), command.clone())));
    (gateways, skipped)
}

impl Under {
    fn name(&self) -> &str {
        match self {
            Under::Reference(name) => name,
            Under::Recipe(name) | Under::Command(name, _) => name,
        }
    }

    fn gateway(&self, scenario: &str) -> Result<Gateway, String> {
        match self {
            Under::Reference(name) => {
                let decisions = specimens::named(name).unwrap_or_else(Decisions::reference);
                let stopped = scenarios::catalogue().find(scenario).is_some_and(scenarios::Scenario::needs_freezing);
                let gateway = match (stopped, std::env::current_exe()) {
                    (true, Ok(own)) => Gateway::command(&format!("exec '{}' serve {name}", own.display())),
                    (true, Err(error)) => return Err(error.to_string()),
                    (false, _) => {
                        Gateway::in_process(move |listener, origin| specimens::serve(listener, origin, decisions))
                    }
                };
                Ok(gateway.labelled("recipe", name).reply_timeout(decisions.reply_wait))
            }
            Under::Recipe(name) => {
                let (recipe, variant) =
                    name.split_once(':').map_or((name.as_str(), None), |(recipe, variant)| (recipe, Some(variant)));
                let recipe = Recipe::find(recipe).map_err(|error| error.to_string())?;
                Gateway::recipe(recipe, variant).map_err(|error| error.to_string())
            }
            // As every recipe configures it.
            Under::Command(_, command) => Ok(Gateway::command(command).reply_timeout(Duration::from_secs(1))),
        }
    }
}

/// Runs one round after the other until there is nothing left to do, or no time.
fn work(pairs: &Mutex<Vec<Pair>>, asked: &Asked, deadline: Instant) {
    while Instant::now() < deadline {
        let next = {
            let mut pairs = lock(pairs);
            next(&pairs, asked).map(|index| {
                let pair = &mut pairs[index];
                (pair.busy, pair.rounds) = (true, pair.rounds + 1);
                (index, pair.gateway.clone(), pair.scenario.clone(), pair.rounds)
            })
        };
        let Some((index, gateway, scenario, round)) = next else { return };
        let record = round_of(&gateway, &scenario, asked.seed + u64::from(round), deadline);
        let pair = &mut lock(pairs)[index];
        pair.busy = false;
        pair.take_in(record);
        eprintln!(
            "{} · {scenario}: round {round}, {} verified, {} exposures, {} findings",
            gateway.name(),
            pair.verified,
            pair.exposures,
            pair.documented.len() + pair.alarms.len()
        );
    }
}

fn lock(pairs: &Mutex<Vec<Pair>>) -> std::sync::MutexGuard<'_, Vec<Pair>> {
    pairs.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The pair that has the least of what it needs. When all have enough: the one that has the least at all, until there is
/// enough in all.
fn next(pairs: &[Pair], asked: &Asked) -> Option<usize> {
    let free = || pairs.iter().enumerate().filter(|(_, pair)| !pair.busy && pair.can_go_on());
    let lacking = free().filter(|(_, pair)| !pair.has_enough(asked.per_pair)).min_by_key(|(_, pair)| pair.verified);
    let total: u64 = pairs.iter().map(|pair| pair.verified).sum();
    let any = || free().filter(|(_, pair)| total < asked.replies && !pair.finds_always() && !pair.gives_no_exposure());
    lacking.or_else(|| any().min_by_key(|(_, pair)| pair.verified)).map(|(index, _)| index)
}

/// One round: an ordinary run. What was found and is not documented stays on disk, shrunk and compared.
fn round_of(gateway: &Under, scenario: &str, seed: u64, deadline: Instant) -> Result<RunRecord, String> {
    let finds_always = finds_always(gateway.name(), scenario);
    let out = tempfile::tempdir().map_err(|error| error.to_string())?;
    let run = crosswire::builder().gateway(gateway.gateway(scenario)?).out(&out.path().join("run"));
    let run = run.regressions(Regressions::Off);
    let run = run.scenarios(scenario).seed(seed).time_limit(deadline.saturating_duration_since(Instant::now()));
    let run = match finds_always {
        true => run.cases(CASES_DOCUMENTED).shrink_time(Duration::ZERO).replays(0),
        false => run.cases(CASES),
    };
    let report = run.run_blocking().map_err(|error| error.to_string())?;
    let record = report.record().clone();
    let undocumented = |finding: &&Finding| documented(gateway.name(), finding).is_none();
    if record.findings.iter().any(|finding| undocumented(&finding)) {
        let kept = out.keep();
        for finding in record.findings.iter().filter(undocumented) {
            eprintln!("{}", told(finding, &kept));
        }
    }
    Ok(record)
}

fn told(finding: &Finding, kept: &std::path::Path) -> String {
    format!(
        "FOUND: {} ({}, {}, {}); see {}",
        finding.sentence,
        finding.shape,
        finding.boundary,
        finding.leg,
        kept.join("run").display()
    )
}

impl Documented {
    fn is_of(&self, gateway: &str, scenario: &str) -> bool {
        let product = gateway.split(':').next().unwrap_or_default();
        self.gateway == product && scenarios::glob_fits(self.scenarios, scenario)
    }
}

/// Why a finding is no alarm.
fn documented(gateway: &str, finding: &Finding) -> Option<&'static str> {
    let shows = |known: &&Documented| known.shapes.is_empty() || known.shapes.contains(&finding.shape);
    let known = DOCUMENTED.iter().filter(|known| known.is_of(gateway, &finding.scenario)).find(shows);
    known.map(|known| known.why)
}

/// Whether a gateway breaks in every few cases of a scenario, in whatever shape, and is known for it.
fn finds_always(gateway: &str, scenario: &str) -> bool {
    DOCUMENTED.iter().any(|known| known.shapes.is_empty() && known.is_of(gateway, scenario))
}

impl Pair {
    fn new(gateway: &Under, scenario: &str) -> Pair {
        Pair {
            gateway: gateway.clone(),
            scenario: scenario.to_owned(),
            rounds: 0,
            busy: false,
            cases: 0,
            verified: 0,
            exposures: 0,
            prevented: false,
            version: None,
            documented: BTreeMap::new(),
            alarms: BTreeMap::new(),
            broken: None,
        }
    }

    fn take_in(&mut self, record: Result<RunRecord, String>) {
        let record = match record {
            Ok(record) => record,
            Err(error) => return self.broken = Some(error),
        };
        self.version = record.gateway.version.clone();
        self.verified += record.totals.verified;
        self.exposures += record.totals.exposures;
        self.cases += record.scenarios.iter().map(|scenario| scenario.cases).sum::<u64>();
        self.prevented = record.scenarios.iter().any(vocabulary::record::ScenarioRecord::is_prevented);
        for finding in &record.findings {
            let way = format!("{}, {}, {}", finding.shape, finding.boundary, finding.leg);
            let (ways, way) = match documented(self.gateway.name(), finding) {
                Some(why) => (&mut self.documented, format!("{way}. {why}")),
                None => (&mut self.alarms, way),
            };
            *ways.entry(way).or_default() += 1;
        }
        if record.totals.verified == 0 {
            let skipped = record.skipped.iter().map(|skipped| skipped.reason.clone());
            self.broken = Some(record.reasons.iter().cloned().chain(skipped).collect::<Vec<_>>().join("; "));
        }
    }

    fn can_go_on(&self) -> bool {
        // An alarm is enough.
        self.broken.is_none() && self.rounds < ROUNDS_MAX && self.alarms.is_empty()
    }

    fn finds_always(&self) -> bool {
        finds_always(self.gateway.name(), &self.scenario)
    }

    fn has_enough(&self, per_pair: u64) -> bool {
        let exposed = self.exposures * 2 >= per_pair || self.gives_no_exposure();
        self.verified >= per_pair && exposed
    }

    /// The gateway rightly keeps the scenario from biting: its silence there bounds nothing.
    fn gives_no_exposure(&self) -> bool {
        self.prevented || (self.exposures == 0 && self.rounds >= ROUNDS_WITHOUT_EXPOSURE)
    }

    /// What is to be said of it beside its numbers.
    fn remark(&self, per_pair: u64) -> String {
        let ways = |ways: &BTreeMap<String, u64>| {
            ways.iter().map(|(way, count)| format!("{count} × {way}")).collect::<Vec<_>>().join("; ")
        };
        match &self.broken {
            _ if !self.alarms.is_empty() => format!("**FOUND: {}**", ways(&self.alarms)),
            Some(reason) => format!("**not run to its end: {}**", reason.lines().next().unwrap_or_default()),
            None if !self.has_enough(per_pair) => "**not enough in the time there was**".to_owned(),
            None if !self.documented.is_empty() => format!("documented: {}", ways(&self.documented)),
            None if self.gives_no_exposure() => "rightly prevented".to_owned(),
            None => String::new(),
        }
    }

    fn falls_short(&self, per_pair: u64) -> bool {
        self.broken.is_some() || (self.alarms.is_empty() && !self.has_enough(per_pair))
    }
}

/// What came of it, and the exit code.
fn page(pairs: &[Pair], skipped: &[String], asked: &Asked, took: Duration) -> (String, i32) {
    let sum = |count: fn(&Pair) -> u64| pairs.iter().map(count).sum::<u64>();
    let (verified, exposures) = (sum(|pair| pair.verified), sum(|pair| pair.exposures));
    let alarms = pairs.iter().filter(|pair| !pair.alarms.is_empty()).count();
    let short = pairs.iter().filter(|pair| pair.falls_short(asked.per_pair)).count();
    let enough = verified >= asked.replies && exposures * 2 >= verified && short == 0;
    let outcome = match (alarms, enough) {
        (0, true) => "no false alarm",
        (0, false) => "no false alarm, but less was verified than asked for",
        _ => "FOUND what is not documented",
    };
    let mut page = format!(
        "# Soak\n\n**{outcome}**: {verified} replies verified ({} asked for), {exposures} of them exposures, in {} s. {} \
         gateways and scenarios together, {alarms} with a finding that is not documented, {short} with less than {} verified \
         replies, half of them exposures.\n\n",
        asked.replies,
        took.as_secs(),
        pairs.len(),
        asked.per_pair
    );
    for reason in skipped {
        _ = writeln!(page, "* left out: {reason}");
    }
    page += "\n| gateway | scenario | cases | verified | exposures | wrong below, 95 % | |\n|---|---|---:|---:|---:|---:|---|\n";
    for pair in pairs {
        let Pair { scenario, cases, verified, exposures, .. } = pair;
        let version = pair.version.as_ref().map(|version| format!(" {version}")).unwrap_or_default();
        let silent = pair.documented.is_empty() && pair.alarms.is_empty();
        let bound = match (silent, vocabulary::record::upper_bound_95(*exposures)) {
            (true, Some(_)) if !pair.gives_no_exposure() => format!("1 in {}", exposures / 3),
            _ => "–".to_owned(),
        };
        let (name, remark) = (pair.gateway.name(), pair.remark(asked.per_pair).replace('|', "\\|"));
        _ = writeln!(
            page,
            "| {name}{version} | `{scenario}` | {cases} | {verified} | {exposures} | {bound} | {remark} |"
        );
    }
    let code = match (alarms, enough) {
        (0, true) => 0,
        (0, false) => 3,
        _ => 1,
    };
    (page, code)
}
