//! The mutants: the reference gateway with one decision replaced, one file per defect.
//!
//! A file names the defect in its name and, in its `MUTANT`, the shape that must be found. To add one, write the file
//! and run the tests: the index below is rewritten, and then to be committed. It is the only list of mutants that there
//! is: whoever needs something for each of them by name, such as a test, takes it from `for_each_mutant!`.

use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::Decisions;

// index: begin
mod any_304_confirms_what_is_stored;
mod cache_compares_credential_prefix;
mod cache_ignores_authorization;
mod cache_ignores_private;
mod cache_ignores_vary;
mod cache_key_percent_decoded;
mod cache_key_with_sorted_query;
mod cache_key_without_delimiter;
mod cache_key_without_host;
mod cache_key_without_query;
mod cache_stores_no_store;
mod early_hints_taken_as_final;
mod interim_taken_as_final;
mod pool_keeps_owed_connection;
mod private_cookie_stored;
mod private_reply_handed_to_those_who_wait;
mod private_reply_shared_from_cache;
mod replies_swapped_after_bodiless_run;
mod replies_swapped_after_closing_run;
mod replies_swapped_after_cookie_run;
mod replies_swapped_after_kept_run;
mod replies_swapped_after_page_sized_run;
mod replies_swapped_in_one_order;
mod replies_swapped_in_one_order_now_and_then;
mod replies_swapped_under_load;
mod reply_repeated_after_chunked_run;
mod surplus_accepted;
mod surplus_checked_too_early;

static MUTANTS: &[Mutant] = &[
    any_304_confirms_what_is_stored::MUTANT,
    cache_compares_credential_prefix::MUTANT,
    cache_ignores_authorization::MUTANT,
    cache_ignores_private::MUTANT,
    cache_ignores_vary::MUTANT,
    cache_key_percent_decoded::MUTANT,
    cache_key_with_sorted_query::MUTANT,
    cache_key_without_delimiter::MUTANT,
    cache_key_without_host::MUTANT,
    cache_key_without_query::MUTANT,
    cache_stores_no_store::MUTANT,
    early_hints_taken_as_final::MUTANT,
    interim_taken_as_final::MUTANT,
    pool_keeps_owed_connection::MUTANT,
    private_cookie_stored::MUTANT,
    private_reply_handed_to_those_who_wait::MUTANT,
    private_reply_shared_from_cache::MUTANT,
    replies_swapped_after_bodiless_run::MUTANT,
    replies_swapped_after_closing_run::MUTANT,
    replies_swapped_after_cookie_run::MUTANT,
    replies_swapped_after_kept_run::MUTANT,
    replies_swapped_after_page_sized_run::MUTANT,
    replies_swapped_in_one_order::MUTANT,
    replies_swapped_in_one_order_now_and_then::MUTANT,
    replies_swapped_under_load::MUTANT,
    reply_repeated_after_chunked_run::MUTANT,
    surplus_accepted::MUTANT,
    surplus_checked_too_early::MUTANT,
];

/// Calls a macro with the names of all mutants, as identifiers: for a test of each, by its name.
#[macro_export]
macro_rules! for_each_mutant {
    ($call:ident) => {
        $call! {
            any_304_confirms_what_is_stored,
            cache_compares_credential_prefix,
            cache_ignores_authorization,
            cache_ignores_private,
            cache_ignores_vary,
            cache_key_percent_decoded,
            cache_key_with_sorted_query,
            cache_key_without_delimiter,
            cache_key_without_host,
            cache_key_without_query,
            cache_stores_no_store,
            early_hints_taken_as_final,
            interim_taken_as_final,
            pool_keeps_owed_connection,
            private_cookie_stored,
            private_reply_handed_to_those_who_wait,
            private_reply_shared_from_cache,
            replies_swapped_after_bodiless_run,
            replies_swapped_after_closing_run,
            replies_swapped_after_cookie_run,
            replies_swapped_after_kept_run,
            replies_swapped_after_page_sized_run,
            replies_swapped_in_one_order,
            replies_swapped_in_one_order_now_and_then,
            replies_swapped_under_load,
            reply_repeated_after_chunked_run,
            surplus_accepted,
            surplus_checked_too_early,
        }
    };
}
// index: end

/// A gateway with one defect.
#[derive(Debug, Clone, Copy)]
pub struct Mutant {
    /// The defect in a few words, in kebab case: its file name with dashes.
    pub name: &'static str,
    /// The real defect that it retells.
    pub incident: &'static str,
    /// What it does wrong, in a sentence or two.
    pub story: &'static str,
    /// The shape that must be found.
    pub shape: Shape,
    /// How far it reaches.
    pub boundary: Boundary,
    /// On which leg.
    pub leg: Leg,
    /// The scenario that is meant to kill it.
    pub scenario: &'static str,
    /// Its decisions: all but one are the reference's.
    pub decisions: fn() -> Decisions,
}

/// All mutants, in the order of their names.
pub fn mutants() -> &'static [Mutant] {
    MUTANTS
}

/// The mutant of this name.
pub fn mutant(name: &str) -> Option<&'static Mutant> {
    MUTANTS.iter().find(|mutant| mutant.name == name)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    const BEGIN: &str = "// index: begin\n";
    const END: &str = "// index: end\n";
    const EACH_BEGIN: &str =
        "/// Calls a macro with the names of all mutants, as identifiers: for a test of each, by its name.
#[macro_export]
macro_rules! for_each_mutant {
    ($call:ident) => {
        $call! {
";
    const EACH_END: &str = "        }
    };
}
";

    /// The names of the files beside this one, in order.
    fn files(folder: &Path) -> Vec<String> {
        let mut files: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .filter_map(|entry| Some(entry.unwrap().file_name().to_str()?.strip_suffix(".rs")?.to_owned()))
            .filter(|file| file != "mod")
            .collect();
        files.sort();
        files
    }

    #[test]
    fn the_index_lists_every_file_and_every_name_is_its_file() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/mutants");
        let files = files(&folder);
        let modules: String = files.iter().map(|file| format!("mod {file};\n")).collect();
        let entries: String = files.iter().map(|file| format!("    {file}::MUTANT,\n")).collect();
        let names: String = files.iter().map(|file| format!("            {file},\n")).collect();
        let each = format!("{EACH_BEGIN}{names}{EACH_END}");
        let index = format!("{modules}\nstatic MUTANTS: &[Mutant] = &[\n{entries}];\n\n{each}");

        let page = fs::read_to_string(folder.join("mod.rs")).unwrap();
        let (before, rest) = page.split_once(BEGIN).unwrap();
        let (found, after) = rest.split_once(END).unwrap();
        if found != index {
            fs::write(folder.join("mod.rs"), [before, BEGIN, &index, END, after].concat()).unwrap();
            panic!("the index was out of step with the files and has been rewritten: run the tests again");
        }
        assert_eq!(files, mutants().iter().map(|mutant| mutant.name.replace('-', "_")).collect::<Vec<_>>());
    }

    #[test]
    fn a_mutant_is_found_by_its_name() {
        assert!(mutants().iter().all(|one| mutant(one.name).is_some_and(|found| found.name == one.name)));
        assert!(mutant("reference").is_none());
    }
}
