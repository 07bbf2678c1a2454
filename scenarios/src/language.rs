//! The open language of scenarios: one TOML file tells both ends, and a seed closes what it leaves open.
//!
//! Here are the file's own shape (head, variants, lanes) and its reader; `client` and `origin` hold the words of each
//! end, `check` what serde cannot see. README.md beside this crate documents the language for people.

use std::num::NonZeroU8;
use std::path::Path;

use serde::Deserialize;
use toml::Spanned;
use vocabulary::crossing::{Crossing, Http};
use vocabulary::finding::Shape;
use vocabulary::identity::CaseNumber;
use vocabulary::plan::{Audience, Until};
use vocabulary::scenario::{Level, Obligation, Prevented, ScenarioHead};

use crate::check::check;
use crate::client::{ConnectionWord, GiveUp, Login, ReadSlowly, RequestForm, at_once};
use crate::crossing;
use crate::draw::{Choice, Count, Draw, Number, Time};
use crate::error::{ScenarioError, Source};
use crate::generate::DrawContext;
use crate::origin::{Act, EventOf};
use crate::schedule::OrderString;
use crate::swarm::Knob;

/// One incident, retold so that any gateway can be tried with it.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// What its plans carry of it.
    pub head: ScenarioHead,
    /// What of a request the origin must have read before it knows what to do with it.
    pub needs_directive_at: DirectiveAt,
    /// The smallest profile that runs it without being asked to.
    pub profile: ProfileWord,
    /// The knobs that each case switches on or off.
    pub(crate) swarm: Vec<Knob>,
    /// The ways in which the story is told; at least one.
    pub(crate) variants: Vec<Variant>,
}

/// What of a request the origin must have read before it knows what to do with it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DirectiveAt {
    /// The head: an interim reply, or an early final one, cannot wait for the body.
    #[default]
    Head,
    /// The body: gateways that drop every field of their client still leave a canary there.
    Body,
}

/// A profile: how much is run. Each runs what the ones before it run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProfileWord {
    /// A minute: all that is run at all, unless it says otherwise.
    #[default]
    Quick,
    /// A few minutes.
    Default,
    /// As long as it takes, and what a gateway is not put through every day.
    Deep,
}

impl ProfileWord {
    /// The profile as scenarios and the command line write it.
    pub fn word(self) -> &'static str {
        match self {
            ProfileWord::Quick => "quick",
            ProfileWord::Default => "default",
            ProfileWord::Deep => "deep",
        }
    }
}

/// Cases whose plans are looked at before a scenario is accepted.
const CASES_TRIED: u32 = 24;

impl Scenario {
    /// Reads a scenario. The path names it in errors, and its stem must be the scenario's name.
    pub fn parse(path: &str, text: &str) -> Result<Scenario, ScenarioError> {
        let source = Source { path, text };
        let document = toml::Deserializer::parse(text).map_err(|error| source.syntax(&error))?;
        let file = File::deserialize(document).map_err(|error| source.data(&error))?;
        check(source, &file, Path::new(path).file_stem().and_then(|stem| stem.to_str()))?;
        crossing::check(source, &file)?;
        let name = file.name.span();
        let scenario = file.into_scenario();
        // What only shows when everything is drawn: words of one part beside those of another.
        let tried = scenario.versions().flat_map(|down| (0..CASES_TRIED).map(move |case| (down, case)));
        let plans = tried
            .map(|(down, case)| scenario.plan(1, CaseNumber(case), &DrawContext { down, ..DrawContext::default() }));
        match plans.filter_map(|plan| plan.defect()).next() {
            Some(defect) => Err(source.contradiction(name, format!("a plan that it draws cannot be run: {defect}"))),
            None => Ok(scenario),
        }
    }

    /// Its name, which is the stem of its file.
    pub fn name(&self) -> &str {
        &self.head.name
    }

    /// Its family.
    pub fn family(&self) -> &str {
        &self.head.family
    }

    /// Whether it makes sense where this is spoken before and behind the gateway.
    pub fn suits(&self, crossing: Crossing) -> bool {
        let fits = |wanted: Option<Http>, spoken| wanted.is_none_or(|wanted| wanted == spoken);
        fits(self.head.down, crossing.down) && fits(self.head.up, crossing.up)
    }

    /// What its clients may speak.
    pub(crate) fn versions(&self) -> impl Iterator<Item = Http> + use<> {
        let only = self.head.down;
        [Http::H1, Http::H2].into_iter().filter(move |down| only.is_none_or(|only| only == *down))
    }

    /// How many cases tell it in each of its ways, every one as often as its weight says. Ways for one kind of clients only
    /// are counted too.
    pub fn cases_per_cycle(&self) -> u64 {
        self.variants.iter().map(|variant| u64::from(variant.weight.get())).sum()
    }

    /// Whether its times count from the gateway's own reply timeout. Without that, it is skipped.
    pub fn needs_gateway_timeout(&self) -> bool {
        let lanes = self.variants.iter().flat_map(|variant| &variant.lanes);
        lanes.flat_map(Lane::times).flat_map(Draw::alternatives).any(|(low, _)| low.beyond_timeout)
    }

    /// Whether every way of telling it stops the gateway's process. Where that cannot be done, it is skipped; a scenario
    /// that can also be told without is run, and its freezes only wait.
    pub fn needs_freezing(&self) -> bool {
        let freezes = |variant: &Variant| variant.lanes.iter().any(|lane| lane.freeze.is_some());
        self.variants.iter().all(freezes)
    }
}

/// The file as it stands.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    pub(crate) name: Spanned<String>,
    pub(crate) family: Spanned<String>,
    title: String,
    story: String,
    incidents: Vec<String>,
    requirement: String,
    level: Level,
    may_reveal: Vec<Shape>,
    pub(crate) must_exercise: Vec<Spanned<Obligation>>,
    may_be_prevented_by: Vec<Prevented>,
    /// What the clients must speak for it to make sense.
    #[serde(default)]
    pub(crate) down: Option<Http>,
    /// What the gateway must speak to the origin for it to make sense.
    #[serde(default)]
    pub(crate) up: Option<Http>,
    #[serde(default)]
    needs_directive_at: DirectiveAt,
    /// The smallest profile that runs the scenario without being asked to by its name.
    #[serde(default)]
    profile: ProfileWord,
    #[serde(default)]
    swarm: Vec<Knob>,
    #[serde(default)]
    pub(crate) rounds: Option<Spanned<Draw<Number<1, 32>>>>,
    #[serde(default)]
    pub(crate) gate: Option<Spanned<GateRelease>>,
    #[serde(default, rename = "lane")]
    pub(crate) lanes: Vec<Lane>,
    #[serde(default, rename = "variant")]
    pub(crate) variants: Vec<Spanned<Variant>>,
}

/// One way of telling the story. Cases take the variants in turn, by weight.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Variant {
    pub(crate) name: String,
    /// Its share of the cases.
    #[serde(default = "one_share")]
    pub(crate) weight: NonZeroU8,
    /// What the clients must speak for this way to make sense, where the others make sense in any case.
    #[serde(default)]
    pub(crate) down: Option<Spanned<Http>>,
    /// How often the story is told in a case.
    #[serde(default)]
    pub(crate) rounds: Option<Spanned<Draw<Number<1, 32>>>>,
    #[serde(default)]
    pub(crate) gate: Option<GateRelease>,
    /// Enumerated orders of sends and releases, instead of lanes with a will of their own.
    #[serde(default)]
    pub(crate) schedule: Option<Spanned<Schedule>>,
    #[serde(default, rename = "lane")]
    pub(crate) lanes: Vec<Lane>,
}

/// How a gate releases what it holds.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct GateRelease {
    pub(crate) order: Choice<Order>,
    pub(crate) gap: Draw<Time>,
    /// Whether all requests of a round are held at once, rather than the first of each worker, then the second of each.
    pub(crate) together: bool,
}

impl Default for GateRelease {
    fn default() -> GateRelease {
        let order = Choice(vec![Order::Fifo, Order::Lifo, Order::Random]);
        GateRelease { order, gap: at_once(), together: false }
    }
}

/// An order of release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Order {
    /// As planned.
    Fifo,
    /// The other way round.
    Lifo,
    /// Any.
    Random,
}

/// All orders of the sends and releases of a few exchanges, one after the other, over the cases of the variant.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Schedule {
    /// All orders of so many exchanges.
    #[serde(default)]
    pub(crate) exchanges: Option<Draw<Number<2, 4>>>,
    /// Or these orders, as a report has printed them.
    #[serde(default)]
    pub(crate) orders: Option<Vec<OrderString>>,
    #[serde(default = "at_once")]
    pub(crate) gap: Draw<Time>,
}

/// A kind of client worker: `tenants` × `copies` lanes of the plan.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Lane {
    pub(crate) name: Spanned<String>,
    /// How many tenants take part, none of whom takes part in another lane.
    #[serde(default)]
    pub(crate) tenants: Option<Spanned<Draw<Number<1, 64>>>>,
    /// The tenants of another lane, instead.
    #[serde(default)]
    pub(crate) tenants_of: Option<Spanned<String>>,
    /// Client workers for each tenant.
    #[serde(default)]
    pub(crate) copies: Option<Spanned<Count>>,
    /// Client workers in all, instead; they take the tenants in turn, and no more tenants take part than that.
    #[serde(default)]
    pub(crate) workers: Option<Spanned<Count>>,
    /// Whether each worker's requests take the tenants in turn, as on the connections of a proxy in front of the
    /// gateway. `copies` then says how many workers there are.
    #[serde(default)]
    pub(crate) in_turn: bool,
    /// What each worker does before its first request, for each of its tenants.
    #[serde(default)]
    pub(crate) login: Option<Spanned<Login>>,
    /// Plain requests of each worker before the story begins. Those of all lanes go one at a time: what upstream
    /// connections they arrive on tells whose connections have affinity.
    #[serde(default = "none")]
    pub(crate) warm_ups: Draw<Number<0, 16>>,
    /// Requests of each worker, in each round.
    #[serde(default = "one_request")]
    pub(crate) requests: Draw<Number<1, 256>>,
    /// Plain requests that follow them on the same client connection.
    #[serde(default = "none")]
    pub(crate) plain_after: Draw<Number<0, 16>>,
    #[serde(default)]
    pub(crate) start: Option<StartOf>,
    #[serde(default)]
    pub(crate) freeze: Option<FreezeOf>,
    /// The wait before each request but the first.
    #[serde(default = "at_once")]
    pub(crate) think: Draw<Time>,
    #[serde(default)]
    pub(crate) connection: Option<Choice<ConnectionWord>>,
    #[serde(default)]
    pub(crate) request: RequestForm,
    #[serde(default)]
    pub(crate) abort: Option<GiveUp>,
    #[serde(default)]
    pub(crate) read: Option<ReadSlowly>,
    #[serde(default)]
    pub(crate) audience: Audience,
    #[serde(default)]
    pub(crate) until: Option<Spanned<Until>>,
    /// What the origin does. Without it, it answers plainly.
    #[serde(default)]
    pub(crate) origin: Vec<Spanned<Act>>,
    #[serde(default)]
    pub(crate) every_attempt: bool,
}

/// When a lane begins a round.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StartOf {
    #[serde(default)]
    pub(crate) after: Option<Spanned<EventOf>>,
    #[serde(default = "at_once")]
    pub(crate) within: Draw<Time>,
}

/// Stops the gateway before a lane's first request of each round, which then goes out to a gateway that stands still.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FreezeOf {
    /// What the request waits for.
    pub(crate) until: Spanned<EventOf>,
    /// How long it waits then.
    #[serde(default = "at_once")]
    pub(crate) within: Draw<Time>,
    /// Whether the request's first letter goes out as soon as the gateway stands still.
    #[serde(default)]
    pub(crate) begun: bool,
}

impl File {
    fn into_scenario(self) -> Scenario {
        let told = Variant {
            name: String::new(),
            weight: one_share(),
            down: None,
            rounds: self.rounds,
            gate: self.gate.map(Spanned::into_inner),
            schedule: None,
            lanes: self.lanes,
        };
        let variants = match self.variants.is_empty() {
            true => vec![told],
            false => self.variants.into_iter().map(Spanned::into_inner).collect(),
        };
        Scenario {
            head: ScenarioHead {
                name: self.name.into_inner(),
                family: self.family.into_inner(),
                title: self.title,
                story: self.story,
                incidents: self.incidents,
                requirement: self.requirement,
                level: self.level,
                may_reveal: self.may_reveal,
                must_exercise: self.must_exercise.into_iter().map(Spanned::into_inner).collect(),
                may_be_prevented_by: self.may_be_prevented_by,
                down: self.down,
                up: self.up,
            },
            needs_directive_at: self.needs_directive_at,
            profile: self.profile,
            swarm: self.swarm,
            variants,
        }
    }
}

impl Variant {
    /// Whether it is told where the clients speak this.
    pub(crate) fn is_told_in(&self, down: Http) -> bool {
        self.down.as_ref().is_none_or(|only| *only.get_ref() == down)
    }

    /// Its rounds, 1 where it does not say.
    pub(crate) fn rounds(&self) -> Draw<Number<1, 32>> {
        self.rounds.as_ref().map_or(Draw::just(Number(1)), |rounds| rounds.get_ref().clone())
    }

    /// The index of a lane by its name.
    pub(crate) fn lane(&self, name: &str) -> Option<usize> {
        self.lanes.iter().position(|lane| lane.name.get_ref() == name)
    }
}

impl Lane {
    /// Its copies, 1 where it does not say.
    pub(crate) fn copies(&self) -> Count {
        self.copies.as_ref().map_or_else(Count::one, |copies| copies.get_ref().clone())
    }

    /// The most plan lanes that it becomes.
    pub(crate) fn workers_max(&self, lanes: &[Lane]) -> u64 {
        let of = |name: &str| {
            let earlier = lanes.iter().take_while(|lane| lane.name.get_ref() != self.name.get_ref());
            earlier.into_iter().find(|lane| lane.name.get_ref() == name).map_or(1, |lane| lane.workers_max(lanes))
        };
        let copies = self.copies().max(of);
        match &self.workers {
            Some(workers) => workers.get_ref().max(of),
            None if self.in_turn => copies,
            None => self.tenants_max(lanes) * copies,
        }
    }

    /// The most tenants that take part.
    pub(crate) fn tenants_max(&self, lanes: &[Lane]) -> u64 {
        let shared = self.tenants_of.as_ref().map(Spanned::get_ref);
        match shared.and_then(|name| lanes.iter().find(|lane| lane.tenants_of.is_none() && lane.name.get_ref() == name))
        {
            Some(owner) => owner.tenants_max(lanes),
            None => self.tenants.as_ref().map_or(1, |tenants| tenants.get_ref().max().0),
        }
    }

    /// The lanes with which its connections are to have affinity.
    pub(crate) fn affinities(&self) -> impl Iterator<Item = &Spanned<String>> {
        self.connection.iter().flat_map(|connection| &connection.0).filter_map(ConnectionWord::lane)
    }

    fn times(&self) -> impl Iterator<Item = &Draw<Time>> {
        let acts = self.origin.iter().flat_map(|act| act.get_ref().times());
        let aborts = self.abort.iter().flat_map(|abort| &abort.when.0).filter_map(|when| when.time());
        let own = self.start.iter().map(|start| &start.within).chain([&self.think]);
        let own = own.chain(self.freeze.iter().map(|freeze| &freeze.within));
        own.chain(self.read.iter().map(|read| &read.gap)).chain(self.request.times()).chain(aborts).chain(acts)
    }
}

fn one_share() -> NonZeroU8 {
    NonZeroU8::MIN
}

fn one_request() -> Draw<Number<1, 256>> {
    Draw::just(Number(1))
}

fn none() -> Draw<Number<0, 16>> {
    Draw::just(Number(0))
}
