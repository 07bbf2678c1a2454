//! `crosswire completions` and `crosswire man`: what shells and `man` are told, made from the arguments themselves.

use anyhow::{Context, bail};
use clap::{Command, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;

use crate::arguments::Arguments;
use crate::output::to_stdout;

/// The name under which the program is installed.
const PROGRAM: &str = "crosswire";

pub(crate) fn completions(shell: Shell) -> anyhow::Result<u8> {
    to_stdout(&script(shell)?)?;
    Ok(0)
}

pub(crate) fn page(command: &[String]) -> anyhow::Result<u8> {
    to_stdout(&manual(command)?)?;
    Ok(0)
}

fn script(shell: Shell) -> anyhow::Result<String> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), PROGRAM, &mut script);
    String::from_utf8(script).context("write completions as UTF-8")
}

/// The page of the program, or of one of its commands, named word by word.
fn manual(words: &[String]) -> anyhow::Result<String> {
    let mut command = Arguments::command();
    // Global flags belong to every command, but only once the whole is built.
    command.build();
    let mut name = PROGRAM.to_owned();
    for word in words {
        let Some(found) = command.find_subcommand(word) else {
            let known: Vec<&str> = command.get_subcommands().map(Command::get_name).collect();
            bail!("find the manual of {name} {word}: {name} has the commands {}", known.join(", "));
        };
        command = found.clone();
        name = format!("{name}-{word}");
    }
    let mut page = Vec::new();
    Man::new(command).title(name.to_uppercase()).render(&mut page).context("write the manual page")?;
    String::from_utf8(page).context("write the manual page as UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every command with the words that lead to it, the program itself first.
    fn commands() -> Vec<(Vec<String>, Command)> {
        let mut whole = Arguments::command();
        whole.build();
        let mut all = vec![(Vec::new(), whole)];
        let mut next = 0;
        while next < all.len() {
            let (words, command) = all[next].clone();
            for below in command.get_subcommands() {
                all.push(([&words[..], &[below.get_name().to_owned()]].concat(), below.clone()));
            }
            next += 1;
        }
        all
    }

    fn flags(command: &Command) -> Vec<String> {
        command.get_arguments().filter_map(|argument| argument.get_long()).map(|long| format!("--{long}")).collect()
    }

    #[test]
    fn every_command_and_flag_is_completed_in_every_shell() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let script = script(shell).unwrap();
            for (words, command) in commands() {
                assert!(words.last().is_none_or(|word| script.contains(word.as_str())), "{shell}: {words:?}");
                for flag in flags(&command) {
                    let written = if shell == Shell::Fish { flag.replace("--", "-l ") } else { flag };
                    assert!(script.contains(&written), "{shell}: {words:?} {written}");
                }
            }
        }
    }

    #[test]
    fn every_command_has_a_page_with_its_flags_and_the_commands_below_it() {
        for (words, command) in commands() {
            // Hyphens are escaped, so that they stay what one types.
            let page = manual(&words).unwrap().replace("\\-", "-");
            let below = command.get_subcommands().map(|below| below.get_name().to_owned());
            for named in flags(&command).into_iter().chain(below) {
                assert!(page.contains(&named), "{words:?} {named}: {page}");
            }
        }
    }

    #[test]
    fn the_page_of_the_program_lists_the_exit_codes_and_an_unknown_command_the_known_ones() {
        assert!(manual(&[]).unwrap().contains("Violated"));
        let error = manual(&["scenarios".to_owned(), "lst".to_owned()]).unwrap_err().to_string();
        assert!(error.contains("crosswire-scenarios lst") && error.contains("list, show"), "{error}");
    }
}
