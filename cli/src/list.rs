//! `crosswire scenarios` and `crosswire gateways`: what there is.

use std::fmt::Write;

use anyhow::Context;
use crosswire::{Recipe, RunError};
use scenarios::{ProfileWord, Scenario, catalogue, select};

use crate::arguments::{Gateways, Scenarios};
use crate::output::to_stdout;

pub(crate) fn scenarios(command: Scenarios) -> anyhow::Result<u8> {
    let mut text = String::new();
    match command {
        Scenarios::List => {
            for scenario in catalogue().all() {
                let name = format!("{}/{}", scenario.family(), scenario.name());
                let profile = match scenario.profile {
                    ProfileWord::Quick => String::new(),
                    larger => format!(" (profile {})", larger.word()),
                };
                writeln!(text, "{name:44} {:8} {}{profile}", scenario.head.level.to_string(), scenario.head.title)?;
            }
        }
        Scenarios::Show { name } if name.ends_with(".toml") => {
            let file = std::fs::read_to_string(&name).with_context(|| format!("read the scenario {name}"))?;
            let scenario = Scenario::parse(&name, &file).map_err(RunError::from)?;
            writeln!(text, "{}", scenario.describe())?;
        }
        Scenarios::Show { name } => {
            for scenario in select(catalogue().all(), &[name], &[]).map_err(RunError::from)? {
                writeln!(text, "{}", scenario.describe())?;
            }
        }
    }
    to_stdout(&text)?;
    Ok(0)
}

pub(crate) fn gateways(command: Gateways) -> anyhow::Result<u8> {
    let mut text = String::new();
    match command {
        Gateways::Serve { name } => {
            specimens::serve_as_program(&name).with_context(|| format!("serve as the gateway {name:?}"))?;
        }
        Gateways::List => {
            for recipe in Recipe::built_in() {
                let state = if recipe.is_installed() { "installed" } else { "not installed" };
                line(&mut text, recipe.name(), state, &recipe.variants().join(","), recipe.title())?;
            }
            let reference = "the correct gateway that is part of crosswire";
            line(&mut text, "reference", "built in", "plain,cache,pipelining", reference)?;
            line(&mut text, "mutant:NAME", "built in", "-", "the same with one defect; `crosswire demo --list`")?;
        }
        Gateways::Show { name } if specimens::named(&name).is_some() => text.push_str(&specimen(&name)),
        Gateways::Show { name } => {
            let recipe = Recipe::find(&name).map_err(crosswire::GatewayError::from)?;
            writeln!(text, "{}: {}", recipe.name(), recipe.title())?;
            for (name, label) in recipe.variants().iter().zip(std::iter::once("variants").chain(std::iter::repeat("")))
            {
                let variant = recipe.described(name).cloned().unwrap_or_default();
                let down = variant.down.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ");
                writeln!(text, "  {label:10} {name:18} {:14} {}", format!("{down}→{}", variant.up), variant.about)?;
            }
            writeln!(
                text,
                "  pools      {}",
                if recipe.pools() { "upstream connections are reused" } else { "no upstream reuse" }
            )?;
            writeln!(text, "  install    {}", recipe.install())?;
            writeln!(
                text,
                "  version    {}",
                recipe.installed_version().unwrap_or_else(|| "not installed".to_owned())
            )?;
            for (scenario, prevented) in recipe.expected(&recipe.variants()[0]) {
                for (obligation, witness) in prevented {
                    writeln!(text, "  rightly prevents {obligation} of {scenario} ({})", witness.word())?;
                }
            }
        }
    }
    to_stdout(&text)?;
    Ok(0)
}

/// What there is to say of a gateway that is part of crosswire.
fn specimen(name: &str) -> String {
    let Some(mutant) = name.strip_prefix("mutant:").and_then(|name| specimens::mutant(name.trim_end_matches(":h2up")))
    else {
        return format!(
            "{name}: the correct gateway that is part of crosswire\n  variants   plain, cache, pipelining, each also with \
             :h2up behind it for HTTP/2 to the origin\n  pools      upstream connections are reused\n  install    nothing\n"
        );
    };
    format!(
        "{name}: the reference gateway with one defect\n  defect     {}\n  shows as   {}, {}, {}\n  scenario   {}\n  \
         install    nothing\n",
        mutant.story, mutant.shape, mutant.boundary, mutant.leg, mutant.scenario
    )
}

/// One line of the list of gateways.
fn line(text: &mut String, name: &str, state: &str, variants: &str, title: &str) -> std::fmt::Result {
    writeln!(text, "{name:16} {state:14} {variants:24} {title}")
}
