//! From the command line, the environment and the file to arguments: what a flag or the environment has said stays, the
//! rest of the file is added as arguments, and all of it is read once more.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::builder::Resettable;
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, CommandFactory, FromArgMatches};
use crosswire::Profile;
use scenarios::Place;
use vocabulary::gate::Gate;

use super::file::{ConfigError, ConfigFile, is_secret, parse};
use super::resolve::{Resolved, resolve};
use super::{FILE, Key, Kind, Reference, Setting, Settings, Shown, Value};
use crate::arguments::{Arguments, Check, Command};

/// Options of `check` that are about one call, or about the file itself: it chooses a profile by `default-profile`.
const NOT_IN_A_FILE: [&str; 9] =
    ["config", "no-config", "show-config", "dry-run", "profile", "help", "quiet", "verbose", "color"];

/// The arguments of this process, those of `check` completed from the file, if there is one.
pub(crate) fn arguments() -> anyhow::Result<Arguments> {
    let given: Vec<OsString> = std::env::args_os().collect();
    let said = Arguments::command().get_matches_from(&given);
    let mut arguments = Arguments::from_arg_matches(&said).unwrap_or_else(|error| error.exit());
    let (Command::Check(check), Some(("check", said))) = (&mut arguments.command, said.subcommand()) else {
        return Ok(arguments);
    };
    let Some(path) = look_for(check)? else {
        check.settings = Settings { shown: shown(said, &[], None), ..Settings::default() };
        return Ok(arguments);
    };
    let text = std::fs::read_to_string(&path).with_context(|| format!("read the configuration {}", path.display()))?;
    let file = parse(&path.display().to_string(), &text, &keys())
        .and_then(|file| validated(&file).map(|()| file))
        .context("read the configuration")?;
    let Resolved { settings, stands_on } = in_profile(&file, check, said).context("read the configuration")?;
    let mut extended = given;
    for setting in settings.iter().filter(|setting| setting.key != "gate") {
        for value in &setting.values {
            extended.push(argument(&setting.key, &resolved(value, &setting.at)?));
        }
    }
    let again = Arguments::command().get_matches_from(&extended);
    let mut arguments = Arguments::from_arg_matches(&again).unwrap_or_else(|error| error.exit());
    if let (Command::Check(check), Some(("check", again))) = (&mut arguments.command, again.subcommand()) {
        check.gate.extend(gates_of(&settings));
        let chosen = file.profile.filter(|_| !is_said(again, "profile"));
        if let Some((profile, _)) = &chosen {
            check.profile.clone_from(profile);
        }
        check.settings = Settings {
            folder: path.parent().map(Path::to_owned),
            stands_on: Some(stands_on),
            profiles: file.profiles.keys().cloned().collect(),
            path: Some(path),
            shown: shown(again, &settings, chosen.as_ref().map(|(_, at)| at)),
        };
    }
    Ok(arguments)
}

/// The file that was named, or the nearest one upwards from the working folder.
fn look_for(check: &Check) -> anyhow::Result<Option<PathBuf>> {
    if check.no_config {
        return Ok(None);
    }
    if let Some(named) = &check.config {
        return match named.is_file() {
            true => Ok(Some(named.clone())),
            false => bail!("read the configuration {}: there is no such file", named.display()),
        };
    }
    let here = std::env::current_dir().context("find out the working folder")?;
    let found = here.ancestors().map(|folder| folder.join(FILE)).find(|path| path.is_file());
    // Where it lies in the working folder, its messages are shorter.
    Ok(found.map(|path| path.strip_prefix(&here).map(Path::to_owned).unwrap_or(path)))
}

/// What holds in the profile that a flag, the environment or the file has chosen.
fn in_profile(file: &ConfigFile, check: &Check, said: &ArgMatches) -> Result<Resolved, ConfigError> {
    let said_keys: BTreeSet<String> = keys().into_iter().map(|key| key.name).filter(|key| is_said(said, key)).collect();
    match file.profile.as_ref().filter(|_| !is_said(said, "profile")) {
        Some((name, at)) => resolve(file, name, Some(at), &said_keys),
        None => resolve(file, &check.profile, None, &said_keys),
    }
}

fn is_said(matches: &ArgMatches, key: &str) -> bool {
    let source = matches.value_source(&id(key));
    matches!(source, Some(ValueSource::CommandLine | ValueSource::EnvVariable))
}

/// The keys that a file may have: the options of `check`, but for those about one call.
pub(super) fn keys() -> Vec<Key> {
    let command = Arguments::command();
    let check = command.find_subcommand("check").map(|check| check.get_arguments().collect()).unwrap_or_default();
    let named = |check: Vec<&Arg>| check.into_iter().filter_map(key).collect();
    named(check)
}

fn key(arg: &Arg) -> Option<Key> {
    let name = arg.get_long().filter(|name| !NOT_IN_A_FILE.contains(name))?.to_owned();
    let kind = match (name.as_str(), arg.get_action(), arg.get_num_args().map(|args| args.min_values())) {
        ("header", _, _) => Kind::Fields,
        (_, clap::ArgAction::Append, _) => Kind::Many,
        (_, _, Some(0)) => Kind::Flag,
        (_, _, _) => Kind::One,
    };
    Some(Key { name, kind })
}

/// What clap calls an option: the name of the field behind it.
fn id(key: &str) -> String {
    key.replace('-', "_")
}

fn argument(key: &str, value: &str) -> OsString {
    format!("--{key}={value}").into()
}

/// Each setting of a file by itself, in every profile: whatever is wrong with a value is told with its place.
fn validated(file: &ConfigFile) -> Result<(), ConfigError> {
    let all = file.profiles.values().flat_map(|profile| &profile.settings).chain(&file.settings);
    // What the environment says is none of the file's business.
    let check = |check: clap::Command| check.mut_args(|arg| arg.env(Resettable::Reset));
    let command = Arguments::command().mut_subcommand("check", check);
    for setting in all {
        for value in &setting.values {
            let arguments = ["crosswire".into(), "check".into(), argument(&setting.key, &plain(value))];
            if let Err(error) = command.clone().try_get_matches_from(arguments) {
                let text = error.to_string();
                let what = text.split("\n\n").next().unwrap_or_default().trim_start_matches("error: ");
                let what = what.lines().map(str::trim).collect::<Vec<_>>().join(" ");
                return Err(ConfigError { at: setting.at.clone(), what });
            }
        }
    }
    Ok(())
}

/// A value as an argument has it; of a secret only where it stands.
fn plain(value: &Value) -> String {
    match value {
        Value::Plain(text) => text.clone(),
        Value::Secret { field, from: Reference::Env(variable) } => format!("{field}: {{ env = {variable:?} }}"),
        Value::Secret { field, from: Reference::File(path) } => format!("{field}: {{ file = {path:?} }}"),
    }
}

/// A value with the secret that it refers to.
fn resolved(value: &Value, at: &Place) -> anyhow::Result<String> {
    match value {
        Value::Plain(text) => Ok(text.clone()),
        Value::Secret { field, from: Reference::Env(variable) } => {
            let secret = std::env::var(variable).with_context(|| {
                format!("read the value of {field} ({at}) from the environment variable {variable}")
            })?;
            Ok(format!("{field}:{secret}"))
        }
        Value::Secret { field, from: Reference::File(path) } => {
            let secret = std::fs::read_to_string(path)
                .with_context(|| format!("read the value of {field} ({at}) from the file {path}"))?;
            Ok(format!("{field}:{}", secret.trim_end_matches(['\r', '\n'])))
        }
    }
}

fn gates_of(settings: &[Setting]) -> impl Iterator<Item = Gate> {
    let gates = settings.iter().filter(|setting| setting.key == "gate").flat_map(|setting| &setting.values);
    // They were validated with the file.
    gates.filter_map(|gate| plain(gate).parse().ok())
}

/// Every option with its values and what has said them; the profile first, which the file may have chosen.
fn shown(matches: &ArgMatches, settings: &[Setting], chosen_at: Option<&Place>) -> Vec<Shown> {
    let by = |name: &str| match matches.value_source(&id(name)) {
        Some(ValueSource::EnvVariable) => format!("env CROSSWIRE_{}", id(name).to_uppercase()),
        Some(ValueSource::CommandLine) => format!("flag --{name}"),
        _ => "default".to_owned(),
    };
    let place = |at: &Place| format!("{}:{}", at.file, at.line);
    let profile = Shown {
        key: "profile".to_owned(),
        kind: Kind::One,
        values: Vec::new(),
        origin: chosen_at.map_or_else(|| by("profile"), place),
    };
    let options = keys().into_iter().map(|Key { name, kind }| {
        let own: Vec<&Setting> = settings.iter().filter(|setting| setting.key == name).collect();
        let from_file = own.iter().flat_map(|setting| setting.values.iter().map(plain));
        let said = || -> Vec<String> {
            let raw = matches.get_raw(&id(&name)).into_iter().flatten();
            raw.map(|value| without_secret(&name, &value.to_string_lossy())).collect()
        };
        let by = by(&name);
        let places = own.iter().map(|setting| {
            let profile = setting.profile.as_ref().map(|profile| format!(", profile {profile}")).unwrap_or_default();
            format!("{}{profile}", place(&setting.at))
        });
        let places: Vec<String> = places.collect();
        let (values, origin) = match (own.is_empty(), name.as_str()) {
            (true, _) => (said(), by),
            // The one key that adds up.
            (false, "gate") if by != "default" => {
                (said().into_iter().chain(from_file).collect(), format!("{by}; {}", places.join("; ")))
            }
            (false, _) => (from_file.collect(), places.join("; ")),
        };
        Shown { key: name, kind, values, origin }
    });
    std::iter::once(profile).chain(options).collect()
}

/// A field of a flag or the environment; of a secret only its name.
fn without_secret(key: &str, value: &str) -> String {
    match value.split_once(':').filter(|(field, _)| key == "header" && is_secret(field)) {
        Some((field, _)) => format!("{field}: …"),
        None => value.to_owned(),
    }
}

impl Settings {
    /// The profile of this name, as the command line or the file has chosen it.
    pub(crate) fn profile(&self, name: &str) -> anyhow::Result<Profile> {
        let stands_on = self.stands_on.as_deref().unwrap_or(name);
        let Some(profile) = Profile::named(stands_on) else {
            let known = Profile::NAMES.into_iter().chain(self.profiles.iter().map(String::as_str));
            bail!("choose the profile {name:?}: there is {}", known.collect::<Vec<_>>().join(", "));
        };
        Ok(Profile { name: name.to_owned(), ..profile })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_of_check_is_a_key_or_is_about_one_call() {
        let keys = keys();
        let kind = |name: &str| keys.iter().find(|key| key.name == name).map(|key| key.kind);
        assert_eq!(kind("time-limit"), Some(Kind::One));
        assert_eq!(kind("scenario"), Some(Kind::Many));
        assert_eq!(kind("gate"), Some(Kind::Many));
        assert_eq!(kind("fail-fast"), Some(Kind::Flag));
        assert_eq!(kind("header"), Some(Kind::Fields));
        assert_eq!(kind("dry-run"), None);
        assert_eq!((kind("config"), kind("profile")), (None, None));
    }

    #[test]
    fn a_secret_of_a_flag_is_not_shown() {
        assert_eq!(without_secret("header", "Authorization:Bearer abc"), "Authorization: …");
        assert_eq!(without_secret("header", "X-Tenant:abc"), "X-Tenant:abc");
        assert_eq!(without_secret("command", "cookie:abc"), "cookie:abc");
    }

    #[test]
    fn a_wrong_value_is_told_with_its_place_in_whatever_profile_it_stands() {
        let wrong = |text: &str| {
            let file = parse("c.toml", text, &keys()).unwrap();
            validated(&file).unwrap_err().to_string()
        };
        assert!(wrong("time-limit = 60\n").starts_with("c.toml:1:1: invalid value '60' for '--time-limit"));
        assert!(wrong("[profile.ci]\ncases = 0\n").starts_with("c.toml:2:1: invalid value '0' for '--cases"));
        let gate = wrong("gate = [\"verified >= 1\", \"eror_rate < 1%\"]\n");
        assert!(gate.starts_with("c.toml:1:1: ") && gate.contains("did you mean \"error_rate\"?"), "{gate}");
        let right = parse("c.toml", "time-limit = \"60s\"\ngate = \"verified >= 1\"\n", &keys()).unwrap();
        assert_eq!(validated(&right), Ok(()));
    }
}
