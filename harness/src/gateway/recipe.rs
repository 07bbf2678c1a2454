//! Recipes: how to configure and start a real gateway, as a folder of data that an outsider can add.
//!
//! A folder holds `recipe.toml`, a `start` script and configuration templates. The script gets `LISTEN_PORT`,
//! `UPSTREAM_PORT`, `WORKDIR` and `VARIANT`, writes only below `WORKDIR`, and stays in the foreground. The recipes of
//! `harness/recipes/` are part of the binary.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use scenarios::catalogue;
use vocabulary::crossing::Http;
use vocabulary::directive::Field;
use vocabulary::scenario::{Obligation, Prevented};

use super::GatewayError;
use form::RecipeFile;
pub use form::Variant;

mod builtin;
mod form;
pub(super) mod programs;

/// How to configure and start a real gateway.
#[derive(Debug, Clone)]
pub struct Recipe {
    file: RecipeFile,
    files: Files,
}

#[derive(Debug, Clone)]
enum Files {
    /// Part of the binary: names and contents.
    BuiltIn(&'static [(&'static str, &'static str)]),
    /// A folder of the user's.
    Folder(PathBuf),
}

/// Why a recipe cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RecipeError {
    /// There is none of this name.
    #[error("find the recipe {name:?}: there is none of this name{}; `crosswire gateways list` shows all, and a folder is written with a slash (./my-recipe)", nearest.as_ref().map(|name| format!(", did you mean {name:?}?")).unwrap_or_default())]
    Unknown {
        /// As given.
        name: String,
        /// The nearest name.
        nearest: Option<String>,
    },
    /// Its file cannot be read.
    #[error("read {}: {reason}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// It has no such variant.
    #[error("use recipe {recipe:?} in variant {variant:?}: it has {known}")]
    Variant {
        /// Which recipe.
        recipe: String,
        /// As given.
        variant: String,
        /// What it has.
        known: String,
    },
    /// The variant does not speak with clients what was asked for.
    #[error("speak {asked} with {recipe}:{variant}: what it takes from clients is {spoken}; {advice}")]
    Protocol {
        /// Which recipe.
        recipe: String,
        /// Which variant.
        variant: String,
        /// What was asked for.
        asked: Http,
        /// What it speaks.
        spoken: String,
        /// What to try.
        advice: String,
    },
}

impl Recipe {
    /// The recipes that are part of the binary, by name.
    pub fn built_in() -> Vec<Recipe> {
        let parse = |(name, files): &(&str, &'static [(&'static str, &'static str)])| {
            let text = files.iter().find(|(file, _)| *file == "recipe.toml").map(|(_, text)| *text);
            let file = RecipeFile::parse(Path::new(name), text.unwrap_or_default());
            Recipe { file: file.expect("the recipes of the binary are read by a test"), files: Files::BuiltIn(files) }
        };
        builtin::RECIPES.iter().map(parse).collect()
    }

    /// A recipe by name, or from a folder if the name has a slash.
    pub fn find(name: &str) -> Result<Recipe, RecipeError> {
        if name.contains('/') {
            return Recipe::from_folder(Path::new(name));
        }
        let recipes = Recipe::built_in();
        let known: Vec<String> = recipes.iter().map(|recipe| recipe.file.name.clone()).collect();
        let found = recipes.into_iter().find(|recipe| recipe.file.name == name);
        let close = |known: &&String| known.starts_with(name) || name.starts_with(known.as_str());
        let nearest = known.iter().find(close).cloned();
        found.ok_or_else(|| RecipeError::Unknown { name: name.to_owned(), nearest })
    }

    /// A recipe from a folder of the user's.
    pub fn from_folder(folder: &Path) -> Result<Recipe, RecipeError> {
        let path = folder.join("recipe.toml");
        let text = std::fs::read_to_string(&path)
            .map_err(|error| RecipeError::File { path: path.clone(), reason: error.to_string() })?;
        let folder = folder
            .canonicalize()
            .map_err(|error| RecipeError::File { path: folder.to_owned(), reason: error.to_string() })?;
        Ok(Recipe { file: RecipeFile::parse(&path, &text)?, files: Files::Folder(folder) })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.file.name
    }

    /// One line about it.
    pub fn title(&self) -> &str {
        &self.file.title
    }

    /// The line that installs it.
    pub fn install(&self) -> &str {
        &self.file.install
    }

    /// Its variants, the default first.
    pub fn variants(&self) -> &[String] {
        &self.file.variants
    }

    /// What one of its variants is.
    pub fn described(&self, variant: &str) -> Option<&Variant> {
        self.file.variant.get(variant)
    }

    /// Whether it reuses upstream connections.
    pub fn pools(&self) -> bool {
        self.file.pools
    }

    /// The obligations that it rightly prevents in a variant: scenario, obligation, witness. What stores nothing
    /// answers nothing from a store.
    pub fn expected(&self, variant: &str) -> BTreeMap<String, BTreeMap<String, Prevented>> {
        let mut expected = self.file.expected.get(variant).cloned().unwrap_or_default();
        if self.described(variant).is_some_and(|variant| !variant.stores) {
            let hit = Obligation::DeliveredFromCache;
            let asking = catalogue().all().iter().filter(|scenario| scenario.head.must_exercise.contains(&hit));
            for scenario in asking {
                expected.entry(scenario.name().to_owned()).or_default().insert(hit.to_string(), Prevented::NoHit);
            }
        }
        expected
    }

    /// Whether everything that its first variant needs is on this machine.
    pub fn is_installed(&self) -> bool {
        self.variants().first().is_none_or(|variant| self.missing(variant).is_none())
    }

    /// A program that a variant needs and that is not on this machine.
    pub fn missing(&self, variant: &str) -> Option<&str> {
        self.file.programs(variant).find(|program| programs::find(program).is_none()).map(String::as_str)
    }

    /// The version that the installed product tells, if it is installed and tells one.
    pub fn installed_version(&self) -> Option<String> {
        programs::version_of(&self.file.version)
    }

    pub(super) fn variant<'a>(&'a self, variant: Option<&'a str>) -> Result<&'a str, RecipeError> {
        let Some(asked) = variant else {
            return Ok(self.file.variants.first().map(String::as_str).unwrap_or_default());
        };
        match self.file.variants.iter().any(|known| known == asked) {
            true => Ok(asked),
            false => Err(RecipeError::Variant {
                recipe: self.file.name.clone(),
                variant: asked.to_owned(),
                known: self.file.variants.join(", "),
            }),
        }
    }

    /// What clients speak with a variant: what is asked for, if it speaks that, else what it speaks first.
    pub(super) fn down(&self, variant: &str, asked: Option<Http>) -> Result<Http, RecipeError> {
        let speaks = |variant: &str| self.described(variant).map(|it| it.down.as_slice()).unwrap_or_default();
        let spoken = speaks(variant);
        let Some(asked) = asked else { return Ok(spoken.first().copied().unwrap_or_default()) };
        if spoken.contains(&asked) {
            return Ok(asked);
        }
        let others = self.file.variants.iter().filter(|other| speaks(other).contains(&asked));
        let over_tls = |name: &str| self.described(name).is_some_and(|variant| variant.tls);
        let others: Vec<String> =
            others.map(|name| format!("{name}{}", if over_tls(name) { " (over TLS)" } else { "" })).collect();
        let advice = match (&self.files, others.as_slice()) {
            (Files::BuiltIn(_), []) => format!("none of its variants takes {asked}"),
            (Files::Folder(_), []) => format!(
                "none of its variants says that it takes {asked}; if this one does, write below [variant.{variant}] in \
                 recipe.toml: down = [\"{asked}\"]"
            ),
            (_, others) => format!("the variants that take {asked}: {}", others.join(", ")),
        };
        let spoken = spoken.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ");
        let (recipe, variant) = (self.file.name.clone(), variant.to_owned());
        Err(RecipeError::Protocol { recipe, variant, asked, spoken, advice })
    }

    pub(super) fn require_programs(&self, variant: &str) -> Result<(), GatewayError> {
        match self.missing(variant) {
            None => Ok(()),
            Some(program) => Err(GatewayError::MissingProgram {
                gateway: self.file.name.clone(),
                program: program.to_owned(),
                install: Some(self.file.install.clone()),
            }),
        }
    }

    pub(super) fn start(&self) -> &str {
        &self.file.start
    }

    pub(super) fn reply_timeout(&self, variant: &str) -> Option<Duration> {
        self.file.reply_timeout(variant)
    }

    pub(super) fn ready_wait(&self) -> Duration {
        self.file.ready_wait()
    }

    pub(super) fn base_path(&self) -> &str {
        &self.file.base_path
    }

    pub(super) fn fields(&self) -> Vec<Field> {
        let fields = self.file.headers.iter();
        fields.map(|(name, value)| Field { name: name.clone(), value: value.clone() }).collect()
    }

    /// The folder of the recipe's files; those of the binary are written below the work folder first.
    pub(super) fn lay_out(&self, work: &Path) -> Result<PathBuf, GatewayError> {
        let files = match &self.files {
            Files::Folder(folder) => return Ok(folder.clone()),
            Files::BuiltIn(files) => files,
        };
        let folder = work.join("recipe");
        let write = || -> std::io::Result<()> {
            std::fs::create_dir_all(&folder)?;
            for (name, text) in *files {
                let path = folder.join(name);
                std::fs::write(&path, text)?;
                if *name == self.file.start {
                    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
                }
            }
            Ok(())
        };
        write().map_err(|source| GatewayError::WorkFolder { folder: folder.clone(), source })?;
        Ok(folder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_recipe_is_read_and_has_its_start_script() {
        for recipe in Recipe::built_in() {
            let work = tempfile::tempdir().unwrap();
            let folder = recipe.lay_out(work.path()).unwrap();
            assert!(folder.join(recipe.start()).is_file(), "{}", recipe.name());
            assert!(!recipe.file.install.is_empty() && recipe.file.reply_timeout_ms > 0);
        }
    }

    #[test]
    fn the_index_lists_every_folder_and_file() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("recipes");
        let mut on_disk = Vec::new();
        for folder in std::fs::read_dir(root).unwrap() {
            let folder = folder.unwrap().path();
            for file in std::fs::read_dir(&folder).unwrap() {
                let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
                on_disk.push((name(&folder), name(&file.unwrap().path())));
            }
        }
        on_disk.sort();
        let mut listed: Vec<(String, String)> = builtin::RECIPES
            .iter()
            .flat_map(|(recipe, files)| files.iter().map(|(file, _)| ((*recipe).to_owned(), (*file).to_owned())))
            .collect();
        listed.sort();
        assert_eq!(listed, on_disk, "harness/src/gateway/recipe/builtin.rs is out of step with harness/recipes/");
    }

    #[test]
    fn every_word_of_a_built_in_recipe_is_of_one_of_its_variants() {
        for (recipe, (_, files)) in Recipe::built_in().iter().zip(builtin::RECIPES) {
            let known = |name: &str| recipe.variants().iter().any(|variant| variant == name);
            let expected = recipe.file.expected.keys().map(String::as_str);
            let lines = files.iter().flat_map(|(_, text)| text.lines()).filter_map(|line| line.strip_prefix('#'));
            let tags = lines.filter_map(|line| line.split_once(':')).map(|(tag, _)| tag);
            // A comment begins with a space.
            for name in expected.chain(tags.filter(|tag| !tag.contains(' '))) {
                assert!(known(name), "{}: {name}", recipe.name());
            }
            assert!(
                recipe.variants().iter().all(|name| !recipe.file.variant[name].about.is_empty()),
                "{}",
                recipe.name()
            );
        }
    }

    #[test]
    fn what_stores_nothing_is_expected_to_answer_nothing_from_a_store() {
        let haproxy = Recipe::find("haproxy").unwrap();
        let answers = |variant| haproxy.expected(variant).contains_key("cache-auth-unkeyed");
        assert!(answers("h1") && !answers("cache"));
        assert!(!haproxy.expected("h1").contains_key("surplus-while-idle"));
    }

    #[test]
    fn clients_speak_what_the_variant_speaks_first_or_what_they_are_told() {
        let haproxy = Recipe::find("haproxy").unwrap();
        assert_eq!(haproxy.down("h1", None).unwrap(), Http::H1);
        assert_eq!(haproxy.down("h2c", None).unwrap(), Http::H2);
        assert_eq!(haproxy.down("h2up", Some(Http::H2)).unwrap(), Http::H2);
    }

    #[test]
    fn what_a_variant_does_not_speak_is_refused_with_those_that_do() {
        let refused = |recipe: &Recipe, variant, asked| recipe.down(variant, Some(asked)).unwrap_err().to_string();
        let nginx = Recipe::find("nginx").unwrap();
        let error = refused(&nginx, "cache", Http::H2);
        assert_eq!(
            error,
            "speak h2 with nginx:cache: what it takes from clients is h1; the variants that take h2: h2c, h2tls (over TLS)"
        );
        let error = refused(&Recipe::find("squid").unwrap(), "h1", Http::H2);
        assert!(error.contains("none of its variants takes h2"), "{error}");
        let folder = tempfile::tempdir().unwrap();
        let (_, files) = builtin::RECIPES.iter().find(|(name, _)| *name == "squid").unwrap();
        let (_, text) = files.iter().find(|(name, _)| *name == "recipe.toml").unwrap();
        std::fs::write(folder.path().join("recipe.toml"), text).unwrap();
        let error = refused(&Recipe::from_folder(folder.path()).unwrap(), "h1", Http::H2);
        assert!(error.contains("[variant.h1]") && error.contains("down = [\"h2\"]"), "{error}");
    }

    #[test]
    fn an_unknown_recipe_or_variant_says_what_there_is() {
        let error = Recipe::find("ngin").unwrap_err().to_string();
        assert!(error.contains("did you mean \"nginx\""), "{error}");
        let nginx = Recipe::find("nginx").unwrap();
        let error = nginx.variant(Some("h9")).unwrap_err().to_string();
        assert!(error.contains("h9") && error.contains("h1"), "{error}");
    }

    #[test]
    fn a_folder_with_an_unknown_key_says_where() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("recipe.toml"), "name = \"x\"\nnaem = \"y\"\n").unwrap();
        let error = Recipe::from_folder(folder.path()).unwrap_err().to_string();
        assert!(error.contains("recipe.toml") && error.contains("naem"), "{error}");
    }
}
