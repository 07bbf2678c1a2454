//! The pipelines that `crosswire init` writes, run as their CI systems run them: read by a parser of YAML that is not
//! ours, their shell steps run by the shell and with the variables that the system gives them, once on a broken gateway
//! and once on the correct one. What exit code comes out, and which files, is what the system would act on.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

const BROKEN: &str = "mutant:surplus-accepted";
const CORRECT: &str = "reference";

/// What a pipeline came to.
struct Built {
    folder: tempfile::TempDir,
    code: i32,
    log: String,
}

impl Built {
    fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(file)).unwrap_or_default()
    }

    fn has(&self, file: &str) -> bool {
        self.folder.path().join(file).exists()
    }

    /// The exit code, JUnit and the run folder are the same wherever it is run.
    fn assert_is_of(&self, gateway: &str) {
        let junit = self.read("crosswire.xml");
        match gateway {
            BROKEN => {
                assert_eq!(self.code, 10, "{}", self.log);
                assert!(junit.contains("<failure message=\"tenant "), "{junit}");
            }
            _ => {
                assert_eq!(self.code, 0, "{}", self.log);
                assert!(junit.contains("failures=\"0\" errors=\"0\""), "{junit}");
            }
        }
        let record: Value = serde_json::from_str(&self.read("crosswire.json")).unwrap();
        assert_eq!((&record["profile"], &record["exit_code"]), (&"ci".into(), &self.code.into()));
        let run = format!("crosswire-out/{}", record["run_id"].as_str().unwrap());
        assert!(self.has(&format!("{run}/journal.jsonl")), "{run}");
    }
}

/// Runs crosswire in a folder.
fn crosswire(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_crosswire")).args(arguments).current_dir(folder).output().unwrap()
}

fn init(folder: &Path, arguments: &[&str]) -> (i32, String) {
    let output = crosswire(folder, &[&["init"], arguments].concat());
    (output.status.code().unwrap(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Writes the pipeline of a system into an empty project with a gateway that is started by a command, and runs the steps
/// that `steps` reads from it, one after the other until one fails.
fn built(
    ci: &str,
    gateway: &str,
    shell: &[&str],
    variables: &[(&str, &str)],
    steps: fn(&Path) -> Vec<String>,
) -> Built {
    let folder = tempfile::tempdir().unwrap();
    let serve = format!("exec crosswire gateways serve {gateway}");
    let (code, told) = init(folder.path(), &["--ci", ci, "--command", &serve]);
    assert_eq!(code, 0, "{told}");
    let program = Path::new(env!("CARGO_BIN_EXE_crosswire")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let (mut code, mut log) = (0, String::new());
    for step in steps(folder.path()) {
        let mut command = Command::new(shell[0]);
        command.args(&shell[1..]).arg(&step).current_dir(folder.path()).env("PATH", &path).stdin(Stdio::null());
        for variable in ["GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT"] {
            command.env_remove(variable);
        }
        // As many cases as a test has time for: what a project would set in its pipeline.
        let few = [("CROSSWIRE_SCENARIO", "surplus-same-segment"), ("CROSSWIRE_CASES", "3"), ("CROSSWIRE_SEED", "1")];
        command.envs(few).env("CROSSWIRE_SHRINK_TIME", "0s").env("CI", "true").envs(variables.iter().copied());
        let output = command.output().unwrap();
        log += &format!(
            "$ {step}\n{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        code = output.status.code().unwrap();
        if code != 0 {
            break;
        }
    }
    Built { folder, code, log }
}

/// A YAML file as JSON, by Python's parser; none where there is no such parser, unless it is required.
fn yaml(path: &Path) -> Option<Value> {
    let program = "import json, sys, yaml; json.dump(yaml.safe_load(open(sys.argv[1])), sys.stdout)";
    let read = Command::new("python3").args(["-c", program]).arg(path).output();
    match read {
        Ok(read) if read.status.success() => Some(serde_json::from_slice(&read.stdout).unwrap()),
        other => {
            let told = other.map(|read| String::from_utf8_lossy(&read.stderr).into_owned()).unwrap_or_default();
            assert!(told.is_empty() || told.contains("No module named 'yaml'"), "{}: {told}", path.display());
            let required = std::env::var("CROSSWIRE_REQUIRE").unwrap_or_default();
            assert!(!required.contains("python3-yaml"), "python3-yaml is required and not installed");
            None
        }
    }
}

fn has_yaml() -> bool {
    let file = tempfile::NamedTempFile::new().unwrap();
    let there = yaml(file.path()).is_some();
    if !there {
        eprintln!("skipped: python3-yaml is not installed");
    }
    there
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

// ---- GitHub Actions ------------------------------------------------------------------------------------------------

/// The steps that run something. Those that use an action are GitHub's.
fn github_steps(folder: &Path) -> Vec<String> {
    let workflow = yaml(&folder.join(".github/workflows/crosswire.yml")).unwrap();
    let steps = workflow["jobs"]["isolation"]["steps"].as_array().unwrap();
    steps.iter().filter_map(|step| step["run"].as_str().map(str::to_owned)).collect()
}

#[test]
fn github_fails_the_job_annotates_it_and_hands_on_what_it_found() {
    if !has_yaml() {
        return;
    }
    // https://docs.github.com/actions/using-workflows/workflow-syntax-for-github-actions: `run` without `shell`.
    let shell = ["bash", "-e", "-c"];
    let variables =
        [("GITHUB_ACTIONS", "true"), ("GITHUB_STEP_SUMMARY", "summary.md"), ("GITHUB_OUTPUT", "outputs.txt")];
    let broken = built("github", BROKEN, &shell, &variables, github_steps);
    broken.assert_is_of(BROKEN);
    assert!(broken.log.lines().any(|line| line.starts_with("::error title=crosswire%3A ")), "{}", broken.log);
    assert!(broken.read("summary.md").starts_with("## crosswire: Violated\n"));
    assert!(broken.read("outputs.txt").starts_with("verdict=violated\nfindings="), "{}", broken.read("outputs.txt"));
    let workflow = yaml(&broken.folder.path().join(".github/workflows/crosswire.yml")).unwrap();
    let steps = workflow["jobs"]["isolation"]["steps"].as_array().unwrap();
    let upload = steps.iter().find(|step| step["name"] == "Keep the run").unwrap();
    assert_eq!(upload["if"], "always()");
    let kept: Vec<&str> = upload["with"]["path"].as_str().unwrap().lines().collect();
    assert!(kept.contains(&"!crosswire-out/*/run.key"), "{kept:?}");
    for kept in kept.iter().filter(|kept| !kept.starts_with('!')) {
        assert!(broken.has(kept), "{kept}");
    }

    let correct = built("github", CORRECT, &shell, &variables, github_steps);
    correct.assert_is_of(CORRECT);
    assert!(!correct.log.contains("::error"), "{}", correct.log);
    assert!(correct.read("summary.md").starts_with("## crosswire: Clean\n"));
    assert!(correct.read("outputs.txt").starts_with("verdict=clean\nfindings=0\n"));
}

// ---- GitLab --------------------------------------------------------------------------------------------------------

/// The script as one: GitLab runs all lines in one shell.
fn gitlab_steps(folder: &Path) -> Vec<String> {
    let own = yaml(&folder.join(".gitlab-ci.yml")).unwrap();
    let included = own["include"][0]["local"].as_str().unwrap();
    let pipeline = yaml(&folder.join(included)).unwrap();
    vec![texts(&pipeline["crosswire"]["script"]).join("\n")]
}

#[test]
fn gitlab_fails_the_job_and_keeps_its_tests_and_its_run() {
    if !has_yaml() {
        return;
    }
    let shell = ["bash", "-eo", "pipefail", "-c"];
    let variables =
        [("GITLAB_CI", "true"), ("CI_PIPELINE_SOURCE", "merge_request_event"), ("CI_JOB_NAME", "crosswire")];
    for gateway in [BROKEN, CORRECT] {
        let built = built("gitlab", gateway, &shell, &variables, gitlab_steps);
        built.assert_is_of(gateway);
        assert!(!built.log.contains("::error"), "{}", built.log);
        let pipeline = yaml(&built.folder.path().join("crosswire.gitlab-ci.yml")).unwrap();
        let artifacts = &pipeline["crosswire"]["artifacts"];
        assert_eq!(artifacts["when"], "always");
        for kept in
            texts(&artifacts["paths"]).iter().chain([&artifacts["reports"]["junit"].as_str().unwrap().to_owned()])
        {
            assert!(built.has(kept), "{kept}");
        }
        assert_eq!(texts(&artifacts["exclude"]), ["crosswire-out/*/run.key"]);
    }
}

// ---- Jenkins -------------------------------------------------------------------------------------------------------

/// What stands behind each `sh`.
fn jenkins_steps(folder: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(folder.join("Jenkinsfile.crosswire")).unwrap();
    let quoted = |line: &str| Some(line.trim().strip_prefix("sh '")?.strip_suffix('\'')?.to_owned());
    text.lines().filter_map(quoted).collect()
}

#[test]
fn jenkins_fails_the_build_and_a_workspace_can_be_used_again() {
    // As the step `sh` of workflow-durable-task-step starts it.
    let shell = ["sh", "-xe", "-c"];
    let variables = [("JENKINS_URL", "http://jenkins.invalid/"), ("BUILD_NUMBER", "7"), ("WORKSPACE", ".")];
    for gateway in [BROKEN, CORRECT] {
        let built = built("jenkins", gateway, &shell, &variables, jenkins_steps);
        built.assert_is_of(gateway);
        assert_eq!(jenkins_steps(built.folder.path()).len(), 3, "{}", built.read("Jenkinsfile.crosswire"));
        let runs = std::fs::read_dir(built.folder.path().join("crosswire-out")).unwrap();
        assert_eq!(runs.filter(|run| run.as_ref().unwrap().file_name() != "latest").count(), 1);
    }
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(init(folder.path(), &["--ci", "jenkins"]).0, 0);
    let text = std::fs::read_to_string(folder.path().join("Jenkinsfile.crosswire")).unwrap();
    let balanced = |open: char, close: char| text.matches(open).count() == text.matches(close).count();
    assert!(balanced('{', '}') && balanced('(', ')'), "{text}");
}

// ---- what is written -----------------------------------------------------------------------------------------------

#[test]
fn nothing_is_ever_written_over_and_then_nothing_is_written_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let there = |file: &str| folder.path().join(file).exists();
    std::fs::write(folder.path().join("Jenkinsfile.crosswire"), "mine").unwrap();
    let (code, told) = init(folder.path(), &["--ci", "jenkins"]);
    assert_eq!(code, 2, "{told}");
    assert!(told.contains("Jenkinsfile.crosswire: it is there already"), "{told}");
    assert!(!there("crosswire.toml"));
    assert_eq!(std::fs::read_to_string(folder.path().join("Jenkinsfile.crosswire")).unwrap(), "mine");

    assert_eq!(init(folder.path(), &[]).0, 0);
    let written = std::fs::read_to_string(folder.path().join("crosswire.toml")).unwrap();
    let (code, told) = init(folder.path(), &["--ci", "github"]);
    assert!(code == 2 && told.contains("crosswire.toml: it is there already"), "{told}");
    assert!(!there(".github"));
    assert_eq!(std::fs::read_to_string(folder.path().join("crosswire.toml")).unwrap(), written);
}

#[test]
fn a_project_with_a_pipeline_of_its_own_keeps_it_and_a_configuration_without_a_gateway_says_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(".gitlab-ci.yml"), "stages: [test]\n").unwrap();
    let (code, told) = init(folder.path(), &["--ci", "gitlab"]);
    assert_eq!(code, 0, "{told}");
    assert!(told.contains("include: crosswire.gitlab-ci.yml"), "{told}");
    assert_eq!(std::fs::read_to_string(folder.path().join(".gitlab-ci.yml")).unwrap(), "stages: [test]\n");
    let check = crosswire(folder.path(), &["check"]);
    assert_eq!(check.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&check.stderr).contains("choose a gateway"));
}
