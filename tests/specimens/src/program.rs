//! A specimen as a program of its own: the start contract of recipes and `--command`.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use vocabulary::crossing::Http;

use crate::decisions::Decisions;
use crate::gateway::serve;
use crate::mutants::mutant;

/// The decisions of the specimen of this name, as recipes are named: `reference`, `reference:plain`, `reference:cache`,
/// `reference:h2up`, `mutant:NAME`.
pub fn named(name: &str) -> Option<Decisions> {
    match name.split_once(':') {
        None if name == "reference" => Some(Decisions::reference()),
        Some(("reference", "plain")) => Some(Decisions::reference()),
        Some(("reference", "cache")) => Some(Decisions::caching()),
        Some(("reference", "h2up")) => Some(Decisions { up: Http::H2, ..Decisions::reference() }),
        Some(("reference", "pipelining")) => Some(Decisions::pipelining()),
        Some(("mutant", name)) => mutant(name).map(|mutant| (mutant.decisions)()),
        _ => None,
    }
}

/// Is the specimen of this name: listens on 127.0.0.1 and the port `LISTEN_PORT` of the environment, forwards to the port
/// `UPSTREAM_PORT`, until it is killed.
///
/// # Errors
///
/// If there is no such specimen, the environment names no ports, or the listener cannot be used.
pub fn serve_as_program(name: &str) -> io::Result<()> {
    let decisions = named(name).ok_or_else(|| invalid(format!("there is no specimen {name:?}")))?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port("LISTEN_PORT")?))?;
    listener.set_nonblocking(true)?;
    let origin = SocketAddr::from((Ipv4Addr::LOCALHOST, port("UPSTREAM_PORT")?));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve(listener, origin, decisions))
}

fn port(variable: &str) -> io::Result<u16> {
    let value = std::env::var(variable).unwrap_or_default();
    value.parse().map_err(|_| invalid(format!("{variable} is {value:?}, it must be a port")))
}

fn invalid(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_specimen_is_named_as_its_recipe_is() {
        for name in ["reference", "reference:plain", "reference:cache", "reference:h2up", "mutant:surplus-accepted"] {
            assert!(named(name).is_some(), "{name}");
        }
        assert!(named("reference:cache").is_some_and(|decisions| decisions.caching.is_some()));
        for name in ["", "nginx", "mutant:", "mutant:reference", "surplus-accepted"] {
            assert!(named(name).is_none(), "{name}");
        }
        assert!(serve_as_program("nginx").unwrap_err().to_string().contains("nginx"));
    }
}
