//! Chooses scenarios by globs, as `--scenario` and `--skip` do.
//!
//! A glob without `/` matches the name, with `/` family and name; `*` stands for any letters, `?` for one.

use thiserror::Error;
use vocabulary::nearest::nearest;

use crate::language::{ProfileWord, Scenario};

/// Why globs choose nothing.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SelectError {
    /// A glob matches no scenario: most likely a slip of the finger.
    #[error("no scenario matches {glob:?}{}", .near.as_ref().map(|near| format!(", did you mean {near:?}?")).unwrap_or_default())]
    NoMatch {
        /// The glob.
        glob: String,
        /// What was probably meant.
        near: Option<String>,
    },
    /// The globs to skip leave nothing of what was chosen.
    #[error("every chosen scenario is skipped")]
    NothingLeft,
    /// What was chosen is run by a larger profile only.
    #[error("{name} is run in the profile {profile:?} only, or by its whole name")]
    OtherProfile {
        /// The first of the scenarios.
        name: String,
        /// The smallest profile that runs it.
        profile: &'static str,
    },
}

/// The scenarios that at least one of `globs` matches and none of `skip`, in the order of `all`. Without globs, all.
pub fn select(all: &[Scenario], globs: &[String], skip: &[String]) -> Result<Vec<Scenario>, SelectError> {
    for glob in globs.iter().chain(skip) {
        if !all.iter().any(|scenario| matches(glob, scenario)) {
            return Err(SelectError::NoMatch { glob: glob.clone(), near: probable(glob, all) });
        }
    }
    let chosen = |scenario: &&Scenario| {
        let wanted = globs.is_empty() || globs.iter().any(|glob| matches(glob, scenario));
        wanted && !skip.iter().any(|glob| matches(glob, scenario))
    };
    let chosen: Vec<Scenario> = all.iter().filter(chosen).cloned().collect();
    if chosen.is_empty() { Err(SelectError::NothingLeft) } else { Ok(chosen) }
}

/// As [`select`], without those that the profile does not run. A scenario that a glob names in full, without a star, is
/// run in any.
pub fn select_for(
    profile: ProfileWord,
    all: &[Scenario],
    globs: &[String],
    skip: &[String],
) -> Result<Vec<Scenario>, SelectError> {
    let chosen = select(all, globs, skip)?;
    let is_named = |scenario: &Scenario| {
        let name = |glob: &String| glob.rsplit('/').next().is_some_and(|name| name == scenario.name());
        globs.iter().any(name)
    };
    let (run, left_out): (Vec<Scenario>, Vec<Scenario>) =
        chosen.into_iter().partition(|scenario| scenario.profile <= profile || is_named(scenario));
    match left_out.first() {
        Some(first) if run.is_empty() => {
            Err(SelectError::OtherProfile { name: first.name().to_owned(), profile: first.profile.word() })
        }
        _ => Ok(run),
    }
}

fn matches(glob: &str, scenario: &Scenario) -> bool {
    match glob.split_once('/') {
        Some((family, name)) => glob_fits(family, scenario.family()) && glob_fits(name, scenario.name()),
        None => glob_fits(glob, scenario.name()),
    }
}

/// Whether a name is one that the glob stands for: `*` for any letters, `?` for one.
pub fn glob_fits(glob: &str, name: &str) -> bool {
    fits(glob.as_bytes(), name.as_bytes())
}

fn fits(glob: &[u8], text: &[u8]) -> bool {
    match (glob.split_first(), text.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) if fits(rest, text) => true,
        (Some((b'*', _)), Some((_, shorter))) => fits(glob, shorter),
        (Some((b'?', rest)), Some((_, shorter))) => fits(rest, shorter),
        (Some((letter, rest)), Some((first, shorter))) => letter == first && fits(rest, shorter),
        _ => false,
    }
}

fn probable(glob: &str, all: &[Scenario]) -> Option<String> {
    let Some((family, name)) = glob.split_once('/') else {
        let near = nearest(glob, all.iter().map(Scenario::name));
        // Whoever writes a family's name alone means all of it.
        let family = || all.iter().find(|scenario| scenario.family() == glob).map(|_| format!("{glob}/*"));
        return near.map(str::to_owned).or_else(family);
    };
    let family = nearest(family, all.iter().map(Scenario::family))?;
    let of_family = all.iter().filter(|scenario| scenario.family() == family);
    let known = of_family.clone().any(|scenario| glob_fits(name, scenario.name()));
    let name = if known { Some(name) } else { nearest(name, of_family.map(Scenario::name)) };
    name.map(|name| format!("{family}/{name}"))
}
