//! From options to the gateway under test. The specimens are known here by the recipes `reference` and `mutant:NAME`.

use anyhow::{Context, bail};
use crosswire::{Gateway, Recipe};
use specimens::{Decisions, named};

use crate::arguments::GatewayOptions;

/// The gateway that the options name.
pub(crate) fn under_test(options: &GatewayOptions) -> anyhow::Result<Gateway> {
    if options.tls && options.command.is_none() {
        bail!(
            "start a gateway that speaks TLS: --tls belongs to --command; a recipe's variant or a URL says it by itself"
        );
    }
    if options.gateway.is_some() && options.origin_listen.is_none() {
        bail!("test a gateway that already runs: give --origin-listen ADDR, to which it forwards");
    }
    let mut gateway = match (&options.recipe, &options.command, &options.gateway) {
        (Some(recipe), _, _) => by_recipe(recipe)?,
        (_, Some(command), _) if options.tls => Gateway::command(command).over_tls(),
        (_, Some(command), _) => Gateway::command(command),
        (_, _, Some(url)) => Gateway::url(url)?,
        (None, None, None) => bail!(
            "choose a gateway: give --recipe NAME (see `crosswire gateways list`), --command 'CMD', or --gateway URL \
             with --origin-listen ADDR"
        ),
    };
    for (header, number) in options.header.iter().zip(1..) {
        // What stands there may be the secret itself.
        let (name, value) = header
            .split_once(':')
            .with_context(|| format!("read --header number {number}: it has no colon; write it like NAME:VALUE"))?;
        gateway = gateway.header(name.trim(), value.trim());
    }
    if let Some(host) = &options.host {
        gateway = gateway.host(host);
    }
    if let Some(timeout) = options.gateway_timeout {
        gateway = gateway.reply_timeout(timeout);
    }
    if let Some(wait) = options.wait_ready {
        gateway = gateway.ready_within(wait);
    }
    Ok(gateway)
}

fn by_recipe(name: &str) -> anyhow::Result<Gateway> {
    if let Some(decisions) = named(name) {
        return Ok(specimen(name, decisions));
    }
    if name.contains('/') {
        // A folder is known by its path: that is how the replay command names it.
        let (folder, variant) = folder_and_variant(name);
        return Ok(Gateway::recipe(Recipe::find(folder)?, variant)?.labelled("recipe", folder));
    }
    match name.split_once(':') {
        Some(("mutant", mutant)) => self::mutant(mutant),
        Some((recipe, variant)) => Ok(Gateway::recipe(Recipe::find(recipe)?, Some(variant))?),
        _ => Ok(Gateway::recipe(Recipe::find(name)?, None)?),
    }
}

/// `./my-recipe` or `./my-recipe:variant`; a folder may have a colon in its name.
fn folder_and_variant(name: &str) -> (&str, Option<&str>) {
    match name.rsplit_once(':') {
        Some((folder, variant)) if !std::path::Path::new(name).is_dir() && !variant.contains('/') => {
            (folder, Some(variant))
        }
        _ => (name, None),
    }
}

/// The reference gateway with one defect.
pub(crate) fn mutant(name: &str) -> anyhow::Result<Gateway> {
    let Some(mutant) = specimens::mutant(name) else {
        let known: Vec<&str> = specimens::mutants().iter().map(|mutant| mutant.name).collect();
        bail!("find the defect {name:?}: there is {}, or none", known.join(", "));
    };
    Ok(specimen(&format!("mutant:{name}"), (mutant.decisions)()))
}

/// A specimen, under the name of its recipe.
pub(crate) fn specimen(name: &str, decisions: Decisions) -> Gateway {
    // Its reply timeout is one of its decisions.
    let timeout = decisions.reply_wait;
    let gateway = Gateway::in_process(move |listener, origin| specimens::serve(listener, origin, decisions));
    gateway.labelled("recipe", name).reply_timeout(timeout)
}
