//! `--show-config`: every effective value and where it is from, as TOML. Secrets are shown as references.

use std::fmt::Write;

use crosswire::Profile;

use super::{Kind, Settings, Shown};

/// Columns before the origin of a value.
const MARGIN: usize = 44;

/// The options of `check` as they hold, a line each. `profile` is the one that was chosen.
pub(crate) fn show(settings: &Settings, profile: &Profile) -> String {
    let mut text = match &settings.path {
        Some(path) => format!("# {}\n", path.display()),
        None => "# no crosswire.toml\n".to_owned(),
    };
    for shown in &settings.shown {
        let (values, origin) = match (shown.key.as_str(), shown.values.is_empty()) {
            ("profile", _) => (vec![profile.name.clone()], shown.origin.clone()),
            ("min-verified", true) if settings.has("cases") => (vec!["1".to_owned()], "cases".to_owned()),
            ("min-verified", true) => (vec![profile.evidence.verified_min.to_string()], of_profile(settings, profile)),
            ("time-limit", true) => {
                (vec![humantime::format_duration(profile.time_limit).to_string()], of_profile(settings, profile))
            }
            (key, true) => {
                // What has no value of its own is told as what may be set.
                _ = writeln!(text, "# {key}: not set");
                continue;
            }
            (_, false) => (shown.values.clone(), shown.origin.clone()),
        };
        _ = writeln!(text, "{:MARGIN$}  # {origin}", line(shown, &values));
    }
    text
}

impl Settings {
    /// Whether somebody has set an option that has no value of its own.
    fn has(&self, key: &str) -> bool {
        self.shown.iter().any(|shown| shown.key == key && !shown.values.is_empty())
    }
}

fn of_profile(settings: &Settings, profile: &Profile) -> String {
    format!("profile {}", settings.stands_on.as_deref().unwrap_or(&profile.name))
}

fn line(shown: &Shown, values: &[String]) -> String {
    let quoted = |value: &String| toml::Value::String(value.clone()).to_string();
    let value = match (shown.kind, values) {
        (Kind::Flag, [value]) => value.clone(),
        (Kind::One, [value]) if value.bytes().all(|byte| byte.is_ascii_digit()) => value.clone(),
        (Kind::One, [value]) => quoted(value),
        (Kind::One | Kind::Many | Kind::Flag | Kind::Fields, values) => {
            format!("[{}]", values.iter().map(quoted).collect::<Vec<_>>().join(", "))
        }
    };
    format!("{} = {value}", shown.key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(key: &str, kind: Kind, values: &[&str], origin: &str) -> Shown {
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        Shown { key: key.to_owned(), kind, values, origin: origin.to_owned() }
    }

    #[test]
    fn every_value_stands_beside_its_origin() {
        let settings = Settings {
            shown: vec![
                shown("profile", Kind::One, &["default"], "c.toml:3"),
                shown("cases", Kind::One, &["5"], "flag --cases"),
                shown("fail-fast", Kind::Flag, &["false"], "default"),
                shown("scenario", Kind::Many, &["a", "b"], "env CROSSWIRE_SCENARIO"),
                shown("seed", Kind::One, &[], "default"),
                shown("min-verified", Kind::One, &[], "default"),
                shown("time-limit", Kind::One, &[], "default"),
            ],
            stands_on: Some("quick".to_owned()),
            ..Settings::default()
        };
        let profile = Profile { name: "ci".to_owned(), ..Profile::named("quick").unwrap() };
        let text = show(&settings, &profile);
        let lines: Vec<String> =
            text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        assert_eq!(
            lines,
            [
                "# no crosswire.toml",
                "profile = \"ci\" # c.toml:3",
                "cases = 5 # flag --cases",
                "fail-fast = false # default",
                "scenario = [\"a\", \"b\"] # env CROSSWIRE_SCENARIO",
                "# seed: not set",
                "min-verified = 1 # cases",
                "time-limit = \"1m\" # profile quick",
            ]
        );
        assert!(text.parse::<toml::Table>().is_ok(), "{text}");
        let without = Settings { shown: settings.shown[5..].to_vec(), ..settings };
        assert!(show(&without, &profile).contains("min-verified = 500"), "the profile decides where no cases are set");
    }
}
