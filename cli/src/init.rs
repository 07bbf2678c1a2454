//! `crosswire init`: a commented `crosswire.toml`, and the pipeline of a CI system that runs `crosswire check`.
//!
//! Nothing is ever written over: where one of the files is there already, none is written.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;

use anyhow::{Context, bail};

use crate::arguments::{Ci, Init};
use crate::config;
use crate::output::to_stderr;

const CONFIG: &str = include_str!("init/crosswire.toml");
const GITHUB: &str = include_str!("init/github.yml");
const GITLAB: &str = include_str!("init/gitlab.yml");
const GITLAB_INCLUDE: &str = include_str!("init/gitlab-include.yml");
const JENKINS: &str = include_str!("init/Jenkinsfile");

/// Where GitLab looks for a project's pipeline.
const GITLAB_OWN: &str = ".gitlab-ci.yml";

/// A file to be written, by its path from the working folder.
struct File {
    path: &'static str,
    text: String,
}

pub(crate) fn run(options: &Init) -> anyhow::Result<u8> {
    let files = files(options, Path::new(GITLAB_OWN).exists());
    for File { path, .. } in &files {
        if Path::new(path).exists() {
            bail!(
                "write {path}: it is there already, and nothing is written over; move it, or add by hand what you need"
            );
        }
    }
    for File { path, text } in &files {
        write(Path::new(path), text)?;
        to_stderr(&format!("wrote {path}"));
    }
    to_stderr(&next(options, &files));
    Ok(0)
}

/// What is written for the options. GitLab reads one file; where a project has it, ours is included by hand.
fn files(options: &Init, has_gitlab_pipeline: bool) -> Vec<File> {
    let pipeline = |path, text: &str| File { path, text: text.replace("@repository@", env!("CARGO_PKG_REPOSITORY")) };
    let mut files = vec![File { path: config::FILE, text: config_of(options) }];
    match options.ci {
        None => {}
        Some(Ci::Github) => files.push(pipeline(".github/workflows/crosswire.yml", GITHUB)),
        Some(Ci::Gitlab) => {
            files.push(pipeline("crosswire.gitlab-ci.yml", GITLAB));
            if !has_gitlab_pipeline {
                files.push(pipeline(GITLAB_OWN, GITLAB_INCLUDE));
            }
        }
        Some(Ci::Jenkins) => files.push(pipeline("Jenkinsfile.crosswire", JENKINS)),
    }
    files
}

fn config_of(options: &Init) -> String {
    let line = |key: &str, value: Option<&String>, example: &str| match value {
        Some(value) => format!("{key} = {}", toml::Value::String(value.clone())),
        None => format!("# {key} = {example}"),
    };
    let recipe = line("recipe", options.recipe.as_ref(), "\"nginx\"");
    let example = "'./my-proxy --listen 127.0.0.1:$LISTEN_PORT --upstream 127.0.0.1:$UPSTREAM_PORT'";
    let command = line("command", options.command.as_ref(), example);
    CONFIG.replace("@recipe@", &recipe).replace("@command@", &command)
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let what = || format!("write {}", path.display());
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(what)?;
    }
    // Not even what has come between the look and now is written over.
    let mut file = OpenOptions::new().write(true).create_new(true).open(path).with_context(what)?;
    file.write_all(text.as_bytes()).with_context(what)
}

/// What is left to do.
fn next(options: &Init, files: &[File]) -> String {
    let mut next = Vec::new();
    if options.recipe.is_none() && options.command.is_none() {
        next.push("name the gateway in crosswire.toml".to_owned());
    }
    if options.ci == Some(Ci::Gitlab) && !files.iter().any(|file| file.path == GITLAB_OWN) {
        next.push("add to .gitlab-ci.yml: include: crosswire.gitlab-ci.yml".to_owned());
    }
    if options.ci == Some(Ci::Jenkins) {
        next.push("make a pipeline job whose script path is Jenkinsfile.crosswire".to_owned());
    }
    next.push("run `crosswire check`".to_owned());
    format!("next: {}", next.join("; then "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_is_one_with_a_gateway_and_without() {
        let with = Init { ci: None, recipe: None, command: Some("say \"hi\"; exec './p'".to_owned()) };
        for (options, key) in [(with, Some("command")), (Init { ci: None, recipe: None, command: None }, None)] {
            let table: toml::Table = config_of(&options).parse().unwrap();
            assert_eq!(table["schema-version"].as_integer(), Some(1));
            assert_eq!(["recipe", "command"].into_iter().find(|key| table.contains_key(*key)), key);
        }
    }

    #[test]
    fn nothing_is_left_to_be_filled_in() {
        for ci in [Ci::Github, Ci::Gitlab, Ci::Jenkins] {
            let options = Init { ci: Some(ci), recipe: Some("nginx".to_owned()), command: None };
            for file in files(&options, false) {
                let left = ["@recipe@", "@command@", "@repository@"].into_iter().find(|left| file.text.contains(left));
                assert_eq!(left, None, "{}", file.path);
            }
        }
    }

    #[test]
    fn a_project_with_a_pipeline_of_its_own_is_told_what_to_add() {
        let options = Init { ci: Some(Ci::Gitlab), recipe: None, command: None };
        let told = next(&options, &files(&options, true));
        assert!(told.contains("include: crosswire.gitlab-ci.yml") && told.contains("name the gateway"), "{told}");
        assert!(!next(&options, &files(&options, false)).contains("include"));
    }
}
