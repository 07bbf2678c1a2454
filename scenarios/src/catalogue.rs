//! The incidents that come with crosswire, embedded in the program.

use std::sync::LazyLock;

use crate::index::FILES;
use crate::language::Scenario;

/// Every scenario of the catalogue, ordered by family and name.
#[derive(Debug)]
pub struct Catalogue {
    scenarios: Vec<Scenario>,
}

impl Catalogue {
    /// All of them.
    pub fn all(&self) -> &[Scenario] {
        &self.scenarios
    }

    /// The one of this name.
    pub fn find(&self, name: &str) -> Option<&Scenario> {
        self.scenarios.iter().find(|scenario| scenario.name() == name)
    }
}

/// The catalogue that comes with crosswire.
pub fn catalogue() -> &'static Catalogue {
    static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| {
        let read = |(path, text): &(&str, &str)| match Scenario::parse(path, text) {
            Ok(scenario) => scenario,
            // The files are part of the program and a test reads each of them: this is our bug, not the world's.
            Err(error) => panic!("a scenario of the catalogue cannot be read: {error}"),
        };
        Catalogue { scenarios: FILES.iter().map(read).collect() }
    });
    &CATALOGUE
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};
    use std::{env, fs};

    use super::*;

    /// Adding a scenario is adding one file: this test writes its line into the index.
    #[test]
    fn the_index_lists_every_file_of_the_catalogue() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut files = Vec::new();
        for family in children(&root.join("catalogue")) {
            files
                .extend(children(&family).into_iter().filter(|file| file.extension().is_some_and(|end| end == "toml")));
        }
        let line = |file: &PathBuf| {
            let path = file.strip_prefix(root).unwrap().to_str().unwrap();
            format!("    (\"{path}\", include_str!(\"../{path}\")),\n")
        };
        let lines: String = files.iter().map(line).collect();

        let index = root.join("src/index.rs");
        let written = fs::read_to_string(&index).unwrap();
        let (before, rest) = written.split_once("= &[\n").unwrap();
        let (listed, after) = rest.split_once("];").unwrap();
        if listed != lines && env::var_os("UPDATE_INDEX").is_some() {
            fs::write(&index, format!("{before}= &[\n{lines}];{after}")).unwrap();
            return;
        }
        assert!(listed == lines, "UPDATE_INDEX=1 cargo test -p crosswire-scenarios index rewrites src/index.rs");
    }

    fn children(folder: &Path) -> Vec<PathBuf> {
        let mut children: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        children.sort();
        children
    }

    #[test]
    fn every_file_can_be_read_and_lies_in_the_folder_of_its_family() {
        let all = catalogue().all();
        assert_eq!(all.len(), FILES.len());
        for (scenario, (path, _)) in all.iter().zip(FILES) {
            assert_eq!(*path, format!("catalogue/{}/{}.toml", scenario.family(), scenario.name()));
        }
    }

    #[test]
    fn a_scenario_is_found_by_its_name() {
        assert_eq!(catalogue().find("plain-concurrency").map(Scenario::family), Some("concurrency"));
        assert!(catalogue().find("plain").is_none());
    }
}
