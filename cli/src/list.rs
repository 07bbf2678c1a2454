//! `crosswire scenarios` and `crosswire gateways`: what there is.

use anyhow::Context;
use crosswire::{Recipe, RunError};
use scenarios::{Scenario, catalogue, select};

use crate::arguments::{Gateways, Scenarios};

pub(crate) fn scenarios(command: Scenarios) -> anyhow::Result<u8> {
    match command {
        Scenarios::List => {
            for scenario in catalogue().all() {
                let name = format!("{}/{}", scenario.family(), scenario.name());
                println!("{name:44} {:8} {}", scenario.head.level, scenario.head.title);
            }
        }
        Scenarios::Show { name } if name.ends_with(".toml") => {
            let text = std::fs::read_to_string(&name).with_context(|| format!("read the scenario {name}"))?;
            let scenario = Scenario::parse(&name, &text).map_err(RunError::from)?;
            println!("{}", scenario.describe());
        }
        Scenarios::Show { name } => {
            for scenario in select(catalogue().all(), &[name], &[]).map_err(RunError::from)? {
                println!("{}", scenario.describe());
            }
        }
    }
    Ok(0)
}

pub(crate) fn gateways(command: Gateways) -> anyhow::Result<u8> {
    match command {
        Gateways::List => {
            for recipe in Recipe::built_in() {
                let state = if recipe.is_installed() { "installed" } else { "not installed" };
                println!("{:12} {state:14} {:12} {}", recipe.name(), recipe.variants().join(","), recipe.title());
            }
            println!(
                "{:12} {:14} {:12} the correct gateway that is part of crosswire",
                "reference", "built in", "-,cache"
            );
            println!(
                "{:12} {:14} {:12} the same with one defect; `crosswire demo --list`",
                "mutant:NAME", "built in", "-"
            );
        }
        Gateways::Show { name } => {
            let recipe = Recipe::find(&name).map_err(crosswire::GatewayError::from)?;
            println!("{}: {}", recipe.name(), recipe.title());
            println!("  variants   {}", recipe.variants().join(", "));
            println!(
                "  pools      {}",
                if recipe.pools() { "upstream connections are reused" } else { "no upstream reuse" }
            );
            println!("  install    {}", recipe.install());
            println!("  version    {}", recipe.installed_version().unwrap_or_else(|| "not installed".to_owned()));
            for (scenario, prevented) in recipe.expected(&recipe.variants()[0]) {
                for (obligation, witness) in prevented {
                    println!("  rightly prevents {obligation} of {scenario} ({})", witness.word());
                }
            }
        }
    }
    Ok(0)
}
