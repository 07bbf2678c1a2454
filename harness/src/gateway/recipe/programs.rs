//! Programs of the machine: where they are, and which version they say they are.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The version that a command prints, if the machine has it and it prints one.
pub(super) fn version_of(command: &[String]) -> Option<String> {
    let (program, arguments) = command.split_first()?;
    let output = std::process::Command::new(find(program)?).args(arguments).output().ok()?;
    version_in(&String::from_utf8_lossy(&[output.stdout, output.stderr].concat()))
}

/// The path of a program that can be run: where `PATH` says, or where Debian keeps servers. Start scripts look
/// there too.
pub(super) fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    folders.map(|folder| folder.join(name)).find(|program| can_be_run(program))
}

/// The path of a program, which may be one already: for whoever is told why it cannot be run before anything is started.
pub(in crate::gateway) fn resolve(program: &Path) -> io::Result<PathBuf> {
    if program.components().count() > 1 {
        // Says itself what is wrong with it: that it is not there, or what is in the way to it.
        std::fs::metadata(program)?;
        return if can_be_run(program) { Ok(program.to_owned()) } else { Err(io::ErrorKind::PermissionDenied.into()) };
    }
    program.to_str().and_then(find).ok_or_else(|| io::ErrorKind::NotFound.into())
}

fn can_be_run(program: &Path) -> bool {
    std::fs::metadata(program).is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

/// The first word that looks like a version: `1.22.1` of `nginx version: nginx/1.22.1`; else the first that has one
/// behind letters: `1.27.3` of `go version go1.27.3 linux/amd64`; else the first that ends in one: `7.1.1` of
/// `varnishd (varnish-7.1.1 revision 7cee1c581)`.
fn version_in(text: &str) -> Option<String> {
    let words = || text.split(|character: char| character.is_whitespace() || character == '/');
    let version = |word: &&str| word.starts_with(|first: char| first.is_ascii_digit()) && word.contains('.');
    let behind_letters = || words().map(|word| word.trim_start_matches(|letter: char| letter.is_ascii_lowercase()));
    let at_the_end = || words().filter_map(|word| word.rsplit_once('-')).map(|(_, end)| end.trim_end_matches(')'));
    let found = words().find(version).or_else(|| behind_letters().find(version));
    found.or_else(|| at_the_end().find(version)).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_found_in_what_products_print() {
        let printed = [
            ("nginx version: nginx/1.22.1\n", "1.22.1"),
            ("HAProxy version 2.6.12-1+deb12u4 2026/10/17 - https://haproxy.org/", "2.6.12-1+deb12u4"),
            ("varnishd (varnish-7.1.1 revision 7cee1c581bead20e88d101ab3d72afb29f14d87a)", "7.1.1"),
            ("envoy  version: 9e5580933739775e8bce696a57a2e1bc99368f23/1.40.0/Clean/RELEASE/BoringSSL", "1.40.0"),
            ("go version go1.27.3 linux/amd64", "1.27.3"),
            ("v2.8.4 h1:q3pe0wpBj1OcHFZ3n/1nl4V4bxBrYoSoab7rL9BMYNk=", "2.8.4"),
            ("Squid Cache: Version 5.7\nService Name: squid", "5.7"),
            ("lighttpd/1.4.69 (ssl) - a light and fast webserver", "1.4.69"),
        ];
        for (text, version) in printed {
            assert_eq!(version_in(text).as_deref(), Some(version), "{text}");
        }
        assert_eq!(version_in("no version here"), None);
    }

    #[test]
    fn only_what_can_be_run_is_a_program() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("gateway");
        assert!(!can_be_run(&file) && !can_be_run(folder.path()));
        std::fs::write(&file, "#!/bin/sh\n").unwrap();
        std::fs::set_permissions(&file, PermissionsExt::from_mode(0o644)).unwrap();
        assert!(!can_be_run(&file));
        std::fs::set_permissions(&file, PermissionsExt::from_mode(0o755)).unwrap();
        assert!(can_be_run(&file));
    }
}
