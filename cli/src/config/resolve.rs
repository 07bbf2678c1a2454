//! What holds in a profile: its own settings, then its parents', then those of every profile. Pure.

use std::collections::BTreeSet;

use crosswire::Profile;
use scenarios::Place;
use vocabulary::nearest::nearest;

use super::Setting;
use super::file::{ConfigError, ConfigFile};

/// Options of which one rules out the others: they name the gateway. Each with those that only belong to it.
const GATEWAYS: [(&str, Option<&str>); 3] =
    [("recipe", None), ("command", Some("tls")), ("gateway", Some("origin-listen"))];

/// What holds in a profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Resolved {
    /// The nearest setting of each key, but for gates: those of all levels hold.
    pub(super) settings: Vec<Setting>,
    /// The built-in profile at the end of the line.
    pub(super) stands_on: String,
}

/// What holds in a profile of a file, where these keys were said already, by a flag or by the environment.
pub(super) fn resolve(
    file: &ConfigFile,
    profile: &str,
    chosen_at: Option<&Place>,
    said: &BTreeSet<String>,
) -> Result<Resolved, ConfigError> {
    let (levels, stands_on) = levels(file, profile, chosen_at)?;
    let mut gateway = GATEWAYS.iter().map(|(name, _)| *name).find(|name| said.contains(*name));
    let mut known = said.clone();
    let mut settings = Vec::new();
    for level in levels {
        let named: Vec<&Setting> = level.iter().filter(|setting| is_gateway(&setting.key)).collect();
        if let [first, second, ..] = named[..] {
            let what = format!("{} and {} name a gateway each; leave one", first.key, second.key);
            return Err(ConfigError { at: second.at.clone(), what });
        }
        gateway = gateway.or(named.first().and_then(|setting| family(&setting.key)));
        for setting in level {
            let ruled_out = family(&setting.key).is_some_and(|of| gateway.is_some_and(|gateway| gateway != of));
            // A gate only adds to what must hold, so no level takes another's away.
            let adds = setting.key == "gate";
            if !ruled_out && (adds || known.insert(setting.key.clone())) {
                settings.push(setting.clone());
            }
        }
    }
    Ok(Resolved { settings, stands_on })
}

/// The settings of a profile, of its parents, and of the file as a whole, the nearest first.
fn levels<'a>(
    file: &'a ConfigFile,
    profile: &str,
    chosen_at: Option<&Place>,
) -> Result<(Vec<&'a [Setting]>, String), ConfigError> {
    let mut levels: Vec<&[Setting]> = Vec::new();
    let mut line: Vec<String> = Vec::new();
    let (mut name, mut asked_at) = (profile.to_owned(), chosen_at.cloned());
    while let Some(table) = file.profiles.get(&name) {
        line.push(name.clone());
        levels.push(&table.settings);
        let (parent, at) = table.inherits.clone().unwrap_or_else(|| ("default".to_owned(), table.at.clone()));
        if line.contains(&parent) {
            let what = format!("the profiles inherit in a ring: {} → {parent}", line.join(" → "));
            return Err(ConfigError { at, what });
        }
        (name, asked_at) = (parent, Some(at));
    }
    levels.push(&file.settings);
    match (Profile::NAMES.contains(&name.as_str()), asked_at) {
        // What a flag asks for and there is not, the reader of profiles says.
        (true, _) | (false, None) => Ok((levels, name)),
        (false, Some(at)) => {
            let known = Profile::NAMES.into_iter().chain(file.profiles.keys().map(String::as_str));
            let near = nearest(&name, known.clone()).map(|near| format!(", did you mean {near:?}?"));
            let known: Vec<&str> = known.collect();
            let what = format!("no profile {name:?}{}; there is {}", near.unwrap_or_default(), known.join(", "));
            Err(ConfigError { at, what })
        }
    }
}

fn is_gateway(key: &str) -> bool {
    GATEWAYS.iter().any(|(name, _)| *name == key)
}

/// The option that names the gateway to which another belongs.
fn family(key: &str) -> Option<&'static str> {
    GATEWAYS.iter().find(|(name, beside)| *name == key || *beside == Some(key)).map(|(name, _)| *name)
}

#[cfg(test)]
mod tests {
    use super::super::file::parse;
    use super::super::{Key, Kind, Value};
    use super::*;

    const FILE: &str = "\
command = \"./proxy\"
tls = true
cases = 1
gate = \"verified >= 1\"
[profile.ci]
inherits = \"quick\"
cases = 2
gate = \"error_rate < 1%\"
[profile.night]
inherits = \"ci\"
recipe = \"nginx\"
cases = 3
[profile.other]
";

    fn read(text: &str) -> ConfigFile {
        let one = ["command", "recipe", "gateway", "origin-listen", "cases", "gate"];
        let mut keys: Vec<Key> = one.map(|name| Key { name: name.to_owned(), kind: Kind::One }).into();
        keys.push(Key { name: "tls".to_owned(), kind: Kind::Flag });
        parse("c.toml", text, &keys).unwrap()
    }

    fn in_profile(profile: &str, said: &[&str]) -> (Vec<String>, String) {
        let said = said.iter().map(|key| (*key).to_owned()).collect();
        let Resolved { settings, stands_on } = resolve(&read(FILE), profile, None, &said).unwrap();
        let told = settings.iter().map(|setting| match &setting.values[0] {
            Value::Plain(value) => format!("{}={value}", setting.key),
            Value::Secret { field, .. } => field.clone(),
        });
        let mut told: Vec<String> = told.collect();
        told.sort();
        (told, stands_on)
    }

    #[test]
    fn the_nearer_level_wins_and_gates_of_all_levels_hold() {
        let (settings, stands_on) = in_profile("ci", &[]);
        let own = ["cases=2", "command=./proxy", "gate=error_rate < 1%", "gate=verified >= 1", "tls=true"];
        assert_eq!((settings, stands_on.as_str()), (own.map(str::to_owned).into(), "quick"));
        assert_eq!(in_profile("default", &[]).0[0], "cases=1");
        assert_eq!(in_profile("other", &[]).1, "default");
    }

    #[test]
    fn what_names_the_gateway_rules_out_what_names_another() {
        let (settings, _) = in_profile("night", &[]);
        assert_eq!(settings, ["cases=3", "gate=error_rate < 1%", "gate=verified >= 1", "recipe=nginx"]);
        let (settings, _) = in_profile("ci", &["gateway"]);
        assert_eq!(settings, ["cases=2", "gate=error_rate < 1%", "gate=verified >= 1"]);
        let (settings, _) = in_profile("ci", &["command"]);
        assert!(settings.contains(&"tls=true".to_owned()), "it belongs to a command: {settings:?}");
    }

    #[test]
    fn what_was_said_already_is_left_alone() {
        assert!(!in_profile("ci", &["cases"]).0.iter().any(|setting| setting.starts_with("cases")));
    }

    #[track_caller]
    fn refused(text: &str, profile: &str, says: &str) {
        let file = read(text);
        let at = Place::of("c.toml", text, 0);
        let error = resolve(&file, profile, Some(&at), &BTreeSet::new()).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }

    #[test]
    fn lines_that_lead_nowhere_are_errors() {
        refused("[profile.a]\ninherits = \"b\"\n[profile.b]\ninherits = \"a\"\n", "a", "in a ring: a → b → a");
        refused("[profile.a]\ninherits = \"a\"\n", "a", "c.toml:2:12: the profiles inherit in a ring: a → a");
        refused("[profile.a]\ninherits = \"quik\"\n", "a", "c.toml:2:12: no profile \"quik\", did you mean \"quick\"?");
        refused("default-profile = \"ci\"\n", "ci", "no profile \"ci\"; there is quick, default, deep");
        refused("recipe = \"nginx\"\ncommand = \"x\"\n", "default", "name a gateway each");
    }
}
