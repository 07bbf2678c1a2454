//! A specimen as a program of its own, for tests that stop and end gateways: built anew with them.
//!
//! `LISTEN_PORT` and `UPSTREAM_PORT` say where, `VARIANT` which: a recipe's name (`reference:cache`, `mutant:NAME`), a
//! mutant's, or none for the reference gateway.
#![forbid(unsafe_code)]

fn main() -> std::io::Result<()> {
    let variant = std::env::var("VARIANT").unwrap_or_default();
    let name = match variant.as_str() {
        "" => "reference".to_owned(),
        mutant if specimens::mutant(mutant).is_some() => format!("mutant:{mutant}"),
        recipe => recipe.to_owned(),
    };
    specimens::serve_as_program(&name)
}
