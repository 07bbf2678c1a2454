//! The form of `recipe.toml`, and what one of a product's variants is.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use vocabulary::crossing::Http;
use vocabulary::limits::READY_WAIT;
use vocabulary::scenario::Prevented;

use super::RecipeError;

/// The form of `recipe.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RecipeFile {
    pub(super) name: String,
    pub(super) title: String,
    /// The line that installs it.
    pub(super) install: String,
    /// The command that prints its version.
    pub(super) version: Vec<String>,
    /// Programs that must be on the machine.
    pub(super) programs: Vec<String>,
    /// The script that starts it, relative to the folder.
    pub(super) start: String,
    /// The first is the default.
    pub(super) variants: Vec<String>,
    /// What they are. Once the file is read, each has its entry.
    #[serde(default)]
    pub(super) variant: BTreeMap<String, Variant>,
    /// How long it waits for the origin's reply, as configured.
    pub(super) reply_timeout_ms: u64,
    /// How long it may take to become ready, where that is longer than usual.
    ready_ms: Option<u64>,
    #[serde(default)]
    pub(super) base_path: String,
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
    /// Whether upstream connections are reused.
    pub(super) pools: bool,
    /// Which obligations this gateway rightly prevents: variant, scenario, obligation, witness.
    #[serde(default)]
    pub(super) expected: BTreeMap<String, BTreeMap<String, BTreeMap<String, Prevented>>>,
}

/// One configuration of a product. One of which a recipe says nothing speaks HTTP/1.1 on both sides.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Variant {
    /// What it is, in a few words.
    pub about: String,
    /// What it speaks with clients. Those of whom nobody asks otherwise speak the first.
    pub down: Vec<Http>,
    /// What it speaks with the origin.
    pub up: Http,
    /// Whether it speaks TLS with clients.
    pub tls: bool,
    /// Programs that it needs beside those that all variants need.
    programs: Vec<String>,
    /// Whether it stores replies, and answers from what it has stored.
    pub stores: bool,
    /// How long it waits for the origin's reply, where that is not what the others do; 0: for as long as it takes.
    reply_timeout_ms: Option<u64>,
}

impl Default for Variant {
    fn default() -> Variant {
        Variant {
            about: String::new(),
            down: vec![Http::H1],
            up: Http::H1,
            tls: false,
            programs: Vec::new(),
            stores: false,
            reply_timeout_ms: None,
        }
    }
}

impl RecipeFile {
    /// Reads the text of a `recipe.toml`. What it says of variants is whole and of its own variants.
    pub(super) fn parse(path: &Path, text: &str) -> Result<RecipeFile, RecipeError> {
        let error = |reason: String| RecipeError::File { path: path.to_owned(), reason };
        let mut file: RecipeFile = toml::from_str(text).map_err(|failure| error(failure.to_string()))?;
        if file.variants.is_empty() {
            return Err(error("`variants` names none: write variants = [\"h1\"]".to_owned()));
        }
        if let Some(name) = file.variant.keys().find(|name| !file.variants.contains(name)) {
            let known = file.variants.join(", ");
            return Err(error(format!("[variant.{name}] is not in `variants` ({known}): add it there, or remove it")));
        }
        if let Some((name, _)) = file.variant.iter().find(|(_, variant)| variant.down.is_empty()) {
            return Err(error(format!(
                "[variant.{name}] speaks nothing with its clients: write down = [\"h1\"], or leave the line out"
            )));
        }
        for name in &file.variants {
            file.variant.entry(name.clone()).or_default();
        }
        Ok(file)
    }

    /// The programs that a variant needs.
    pub(super) fn programs(&self, variant: &str) -> impl Iterator<Item = &String> {
        let more = self.variant.get(variant).map(|variant| variant.programs.iter());
        self.programs.iter().chain(more.into_iter().flatten())
    }

    /// How long a variant waits for the origin's reply, if it ever gives up.
    pub(super) fn reply_timeout(&self, variant: &str) -> Option<Duration> {
        let of_its_own = self.variant.get(variant).and_then(|variant| variant.reply_timeout_ms);
        let millis = of_its_own.unwrap_or(self.reply_timeout_ms);
        (millis > 0).then(|| Duration::from_millis(millis))
    }

    /// How long it may take to become ready.
    pub(super) fn ready_wait(&self) -> Duration {
        self.ready_ms.map_or(READY_WAIT, Duration::from_millis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A recipe as people wrote them before variants said what they speak.
    const OLD: &str = r#"
        name = "mine"
        title = "a gateway of ours"
        install = "make install"
        programs = ["sh"]
        version = ["sh", "--version"]
        start = "start"
        variants = ["h1", "cache"]
        reply_timeout_ms = 1000
        pools = true
    "#;

    fn parse(more: &str) -> Result<RecipeFile, String> {
        let text = format!("{OLD}{more}");
        RecipeFile::parse(Path::new("mine/recipe.toml"), &text).map_err(|error| error.to_string())
    }

    #[test]
    fn a_variant_of_which_nothing_is_said_speaks_http1_on_both_sides() {
        let file = parse("").unwrap();
        for variant in ["h1", "cache"].map(|name| &file.variant[name]) {
            assert_eq!((variant.down.as_slice(), variant.up), ([Http::H1].as_slice(), Http::H1));
            assert!(!variant.stores && !variant.tls);
        }
        assert_eq!(file.reply_timeout("cache"), Some(Duration::from_secs(1)));
        assert_eq!(file.ready_wait(), READY_WAIT);
    }

    #[test]
    fn a_variant_says_what_it_speaks_and_how_long_it_waits() {
        let file = parse("[variant.cache]\nabout = \"with its cache\"\ndown = [\"h2\", \"h1\"]\nup = \"h2\"\n");
        let variant = &file.as_ref().unwrap().variant["cache"];
        assert_eq!((variant.down.as_slice(), variant.up), ([Http::H2, Http::H1].as_slice(), Http::H2));
        assert_eq!(file.unwrap().reply_timeout("cache"), Some(Duration::from_secs(1)));
        let waits = |millis| parse(&format!("[variant.cache]\nreply_timeout_ms = {millis}\n")).unwrap();
        assert_eq!(waits(2500).reply_timeout("cache"), Some(Duration::from_millis(2500)));
        assert_eq!(waits(2500).reply_timeout("h1"), Some(Duration::from_secs(1)));
        assert_eq!(waits(0).reply_timeout("cache"), None);
    }

    #[test]
    fn a_variant_may_need_more_programs_than_the_others() {
        let file = parse("[variant.cache]\ntls = true\nprograms = [\"openssl\"]\n").unwrap();
        assert!(file.programs("cache").eq(["sh", "openssl"]) && file.programs("h1").eq(["sh"]));
    }

    #[test]
    fn a_slip_in_a_variant_is_told_with_what_to_write() {
        let slips: [(&str, &[&str]); 4] = [
            ("[variant.h2up]\nup = \"h2\"\n", &["mine/recipe.toml", "h2up", "(h1, cache)"]),
            ("[variant.h1]\ndown = []\n", &["[variant.h1]", "down = [\"h1\"]"]),
            ("[variant.h1]\ndown = [\"h3\"]\n", &["h3", "`h1` or `h2`"]),
            ("[variant.h1]\ndwon = [\"h1\"]\n", &["dwon", "`down`"]),
        ];
        for (text, told) in slips {
            let error = parse(text).unwrap_err();
            assert!(told.iter().all(|words| error.contains(words)), "{error}");
        }
    }
}
