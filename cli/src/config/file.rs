//! The text of a `crosswire.toml`, read: its settings with their places. Pure.

use std::collections::BTreeMap;
use std::ops::Range;

use crosswire::Profile;
use scenarios::Place;
use thiserror::Error;
use toml::Spanned;
use toml::de::{DeTable, DeValue};
use vocabulary::nearest::nearest;

use super::{Key, Kind, Reference, Setting, Value};

/// The version of the file's form.
const VERSION: &str = "1";
/// Fields that hold a secret, and parts of names of others that do.
const SECRET: [&str; 4] = ["authorization", "proxy-authorization", "cookie", "x-api-key"];
const SECRET_PARTS: [&str; 5] = ["token", "secret", "password", "api-key", "apikey"];

/// Why a file cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{at}: {what}")]
pub(crate) struct ConfigError {
    /// Where.
    pub(crate) at: Place,
    /// What stands there, and what should.
    pub(crate) what: String,
}

/// A file, read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ConfigFile {
    /// The profile where nobody says which, and where that stands.
    pub(super) profile: Option<(String, Place)>,
    /// What holds in every profile.
    pub(super) settings: Vec<Setting>,
    /// Its own profiles.
    pub(super) profiles: BTreeMap<String, ProfileTable>,
}

/// A profile of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ProfileTable {
    pub(super) at: Place,
    /// The profile that it adds to, and where it says so.
    pub(super) inherits: Option<(String, Place)>,
    pub(super) settings: Vec<Setting>,
}

/// Whether a field is one that holds a secret, by its name.
pub(super) fn is_secret(field: &str) -> bool {
    let field = field.trim().to_lowercase();
    SECRET.contains(&field.as_str()) || SECRET_PARTS.iter().any(|part| field.contains(part))
}

struct Source<'a> {
    path: &'a str,
    text: &'a str,
    keys: &'a [Key],
}

/// Reads a file. `keys` are those that it may have, beside its own.
pub(super) fn parse(path: &str, text: &str, keys: &[Key]) -> Result<ConfigFile, ConfigError> {
    let source = Source { path, text, keys };
    let table = DeTable::parse(text).map_err(|error| {
        let what = error.message().trim().lines().map(str::trim).collect::<Vec<_>>().join(", ");
        source.error(error.span().unwrap_or_default(), what)
    })?;
    let mut file = ConfigFile::default();
    for (key, value) in table.get_ref() {
        match (key.get_ref().as_ref(), value.get_ref()) {
            ("schema-version", DeValue::Integer(version)) if version.as_str() == VERSION => {}
            ("schema-version", _) => {
                return Err(source.error(value.span(), format!("this build reads schema-version {VERSION}")));
            }
            ("default-profile", DeValue::String(name)) => {
                file.profile = Some((name.to_string(), source.at(value.span())));
            }
            ("default-profile", _) => {
                return Err(source.error(value.span(), "default-profile names a profile, in quotes"));
            }
            ("profile", DeValue::Table(profiles)) => {
                for (name, profile) in profiles {
                    file.profiles.insert(name.get_ref().to_string(), source.profile(name, profile)?);
                }
            }
            ("profile", _) => {
                let what = "a profile is a table, [profile.NAME]; which is chosen says default-profile = \"NAME\"";
                return Err(source.error(key.span(), what));
            }
            _ => {
                let beside = ["schema-version", "default-profile"];
                file.settings.push(source.setting(key, value, None, &beside)?);
            }
        }
    }
    Ok(file)
}

type Name<'a> = Spanned<std::borrow::Cow<'a, str>>;

impl Source<'_> {
    fn error(&self, span: Range<usize>, what: impl Into<String>) -> ConfigError {
        ConfigError { at: self.at(span), what: what.into() }
    }

    fn at(&self, span: Range<usize>) -> Place {
        Place::of(self.path, self.text, span.start)
    }

    fn profile(&self, name: &Name, value: &Spanned<DeValue>) -> Result<ProfileTable, ConfigError> {
        let own = name.get_ref().as_ref();
        if Profile::NAMES.contains(&own) {
            let what = format!("the profile {own:?} is built in; give another name, with inherits = {own:?}");
            return Err(self.error(name.span(), what));
        }
        let DeValue::Table(table) = value.get_ref() else {
            return Err(self.error(value.span(), format!("a profile is a table: [profile.{own}]")));
        };
        let mut profile = ProfileTable { at: self.at(name.span()), inherits: None, settings: Vec::new() };
        for (key, value) in table {
            match (key.get_ref().as_ref(), value.get_ref()) {
                ("inherits", DeValue::String(parent)) => {
                    profile.inherits = Some((parent.to_string(), self.at(value.span())));
                }
                ("inherits", _) => return Err(self.error(value.span(), "inherits names a profile, in quotes")),
                ("profile", _) => {
                    return Err(self.error(key.span(), "a profile adds to another by inherits = \"NAME\""));
                }
                _ => profile.settings.push(self.setting(key, value, Some(own), &["inherits"])?),
            }
        }
        Ok(profile)
    }

    fn setting(
        &self,
        name: &Name,
        value: &Spanned<DeValue>,
        profile: Option<&str>,
        beside: &[&str],
    ) -> Result<Setting, ConfigError> {
        let Some(key) = self.keys.iter().find(|key| key.name == *name.get_ref()) else {
            let known = self.keys.iter().map(|key| key.name.as_str()).chain(beside.iter().copied());
            let hint = match nearest(&name.get_ref().replace('_', "-"), known.clone()) {
                Some(near) => format!("did you mean {near:?}?"),
                None => format!("there is {}", known.collect::<Vec<_>>().join(", ")),
            };
            return Err(self.error(name.span(), format!("unknown key {:?}, {hint}", name.get_ref())));
        };
        let values = match (key.kind, value.get_ref()) {
            (Kind::Fields, DeValue::Table(fields)) => {
                fields.iter().map(|(name, value)| self.field(name, value)).collect::<Result<_, _>>()?
            }
            (Kind::Fields, _) => {
                let what = format!("{} is a table of fields: [{}]", key.name, key.name);
                return Err(self.error(value.span(), what));
            }
            (Kind::Flag, DeValue::Boolean(flag)) => vec![Value::Plain(flag.to_string())],
            (Kind::Flag, _) => return Err(self.error(value.span(), format!("{} is true or false", key.name))),
            (Kind::Many, DeValue::Array(items)) => {
                items.iter().map(|item| self.plain(key, item)).collect::<Result<_, _>>()?
            }
            (Kind::One | Kind::Many, _) => vec![self.plain(key, value)?],
        };
        Ok(Setting { key: key.name.clone(), values, at: self.at(name.span()), profile: profile.map(str::to_owned) })
    }

    fn plain(&self, key: &Key, value: &Spanned<DeValue>) -> Result<Value, ConfigError> {
        match (key.kind, value.get_ref()) {
            (_, DeValue::String(text)) => Ok(Value::Plain(text.to_string())),
            (Kind::One, DeValue::Integer(number)) => Ok(Value::Plain(number.as_str().replace('_', ""))),
            (Kind::Many, _) => Err(self.error(value.span(), format!("{} is a list of texts", key.name))),
            (_, _) => Err(self.error(value.span(), format!("{} is a text or a whole number", key.name))),
        }
    }

    /// A field to be sent. A secret never stands in the file itself: files are committed, and shown in logs.
    fn field(&self, name: &Name, value: &Spanned<DeValue>) -> Result<Value, ConfigError> {
        let field = name.get_ref().to_string();
        let forms = format!("write {field} = {{ env = \"VARIABLE\" }} or {field} = {{ file = \"path\" }}");
        match value.get_ref() {
            DeValue::String(_) if is_secret(&field) => {
                Err(self.error(value.span(), format!("{field} holds a secret, which must not stand here; {forms}")))
            }
            DeValue::String(text) => Ok(Value::Plain(format!("{field}:{text}"))),
            DeValue::Table(reference) if reference.len() == 1 => {
                let mut entries = reference.iter().map(|(key, value)| (key.get_ref().as_ref(), value.get_ref()));
                let from = match entries.next() {
                    Some(("env", DeValue::String(variable))) => Reference::Env(variable.to_string()),
                    Some(("file", DeValue::String(path))) => Reference::File(path.to_string()),
                    _ => return Err(self.error(value.span(), forms)),
                };
                Ok(Value::Secret { field, from })
            }
            _ => Err(self.error(value.span(), format!("a field has a text or a reference; {forms}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> Vec<Key> {
        let kinds = [
            ("recipe", Kind::One),
            ("cases", Kind::One),
            ("min-verified", Kind::One),
            ("scenario", Kind::Many),
            ("fail-fast", Kind::Flag),
            ("header", Kind::Fields),
        ];
        kinds.map(|(name, kind)| Key { name: name.to_owned(), kind }).into()
    }

    #[track_caller]
    fn refused(text: &str, says: &str) {
        let error = parse("c.toml", text, &keys()).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }

    #[test]
    fn settings_have_their_values_and_their_places() {
        let text = "recipe = \"nginx\"\nscenario = [\"a\", \"b\"]\ndefault-profile = \"ci\"\n[header]\nX-A = \"b\"\n\
                    Authorization = { env = \"T\" }\n[profile.ci]\ninherits = \"quick\"\ncases = 1_000\nfail-fast = true\n";
        let file = parse("c.toml", text, &keys()).unwrap();
        let of = |key: &str| file.settings.iter().find(|setting| setting.key == key).unwrap();
        assert_eq!((of("recipe").at.line, of("scenario").values.len()), (1, 2));
        assert_eq!(file.profile.as_ref().map(|(name, at)| (name.as_str(), at.line)), Some(("ci", 3)));
        let secret = Value::Secret { field: "Authorization".to_owned(), from: Reference::Env("T".to_owned()) };
        assert_eq!(of("header").values, [secret, Value::Plain("X-A:b".to_owned())]);
        let ci = &file.profiles["ci"];
        assert_eq!(ci.inherits.as_ref().map(|(parent, at)| (parent.as_str(), at.line)), Some(("quick", 8)));
        let cases = ci.settings.iter().find(|setting| setting.key == "cases").unwrap();
        assert_eq!((&cases.values[..], cases.at.line), (&[Value::Plain("1000".to_owned())][..], 9));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place_and_what_was_meant() {
        refused("recipe = \"nginx\"\ncase = 5\n", "c.toml:2:1: unknown key \"case\", did you mean \"cases\"?");
        refused("min_verified = 5\n", "did you mean \"min-verified\"?");
        refused("banana = 5\n", "there is recipe, cases");
        refused(
            "[profile.ci]\ninherit = \"quick\"\n",
            "c.toml:2:1: unknown key \"inherit\", did you mean \"inherits\"?",
        );
        refused("[profile.ci]\ninherits = 5\n", "c.toml:2:12");
        refused("[profile.quick]\ncases = 5\n", "c.toml:1:10: the profile \"quick\" is built in");
        refused("[profile.ci]\nprofile = \"quick\"\n", "inherits");
        refused("[profile]\nci = 5\n", "a profile is a table");
        refused(
            "profile = \"ci\"\n",
            "c.toml:1:1: a profile is a table, [profile.NAME]; which is chosen says default-profile",
        );
        refused("default-profile = 1\n", "c.toml:1:19: default-profile names a profile");
        refused("schema-version = 2\n", "c.toml:1:18: this build reads schema-version 1");
        refused("cases = 1.5\n", "cases is a text or a whole number");
        refused("fail-fast = \"yes\"\n", "fail-fast is true or false");
        refused("scenario = [1]\n", "c.toml:1:13: scenario is a list of texts");
        refused("header = [\"A:b\"]\n", "header is a table of fields: [header]");
        refused("recipe = \n", "c.toml:1:");
    }

    #[test]
    fn a_secret_stands_somewhere_else() {
        for field in ["Authorization", "cookie", "X-Api-Key", "Proxy-Authorization", "X-Session-Token"] {
            refused(&format!("[header]\n{field} = \"abc\"\n"), "c.toml:2:");
            refused(&format!("[header]\n{field} = \"abc\"\n"), "{ env = \"VARIABLE\" }");
        }
        refused("[header]\nX-A = { envv = \"T\" }\n", "{ file = \"path\" }");
        refused("[header]\nX-A = { env = \"T\", file = \"f\" }\n", "a text or a reference");
        assert!(parse("c.toml", "[header]\nX-Tenant = \"abc\"\n", &keys()).is_ok());
    }
}
