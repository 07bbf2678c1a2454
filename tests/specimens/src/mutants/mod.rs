//! The mutants: the reference gateway with one decision replaced, one file per defect.
//!
//! A file names the defect in its name and, in its `MUTANT`, the shape that must be found. To add one, write the file
//! and run the tests: the index below is rewritten, and then to be committed.

use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::Decisions;

// index: begin
mod any_304_confirms_what_is_stored;
mod broken_reply_filled_up;
mod buffer_released_twice_after_error;
mod buffer_reused_while_read;
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
mod connection_keeps_authority;
mod early_hints_taken_as_final;
mod error_page_shows_last_body;
mod identity_inherited_by_anonymous;
mod identity_shared_by_worker;
mod interim_taken_as_final;
mod pool_keeps_owed_connection;
mod private_cookie_stored;
mod private_reply_handed_to_those_who_wait;
mod private_reply_shared_from_cache;
mod replies_matched_by_request_id;
mod replies_repeated_by_idempotency_key;
mod replies_swapped_after_bodiless_run;
mod replies_swapped_after_closing_run;
mod replies_swapped_after_cookie_run;
mod replies_swapped_after_kept_run;
mod replies_swapped_after_page_sized_run;
mod replies_swapped_in_one_order;
mod replies_swapped_in_one_order_now_and_then;
mod replies_swapped_under_load;
mod reply_fields_left_over;
mod reply_repeated_after_chunked_run;
mod request_fields_left_over;
mod retry_continues_broken_reply;
mod retry_sends_another_body;
mod surplus_accepted;
mod surplus_checked_too_early;

static MUTANTS: &[Mutant] = &[
    any_304_confirms_what_is_stored::MUTANT,
    broken_reply_filled_up::MUTANT,
    buffer_released_twice_after_error::MUTANT,
    buffer_reused_while_read::MUTANT,
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
    connection_keeps_authority::MUTANT,
    early_hints_taken_as_final::MUTANT,
    error_page_shows_last_body::MUTANT,
    identity_inherited_by_anonymous::MUTANT,
    identity_shared_by_worker::MUTANT,
    interim_taken_as_final::MUTANT,
    pool_keeps_owed_connection::MUTANT,
    private_cookie_stored::MUTANT,
    private_reply_handed_to_those_who_wait::MUTANT,
    private_reply_shared_from_cache::MUTANT,
    replies_matched_by_request_id::MUTANT,
    replies_repeated_by_idempotency_key::MUTANT,
    replies_swapped_after_bodiless_run::MUTANT,
    replies_swapped_after_closing_run::MUTANT,
    replies_swapped_after_cookie_run::MUTANT,
    replies_swapped_after_kept_run::MUTANT,
    replies_swapped_after_page_sized_run::MUTANT,
    replies_swapped_in_one_order::MUTANT,
    replies_swapped_in_one_order_now_and_then::MUTANT,
    replies_swapped_under_load::MUTANT,
    reply_fields_left_over::MUTANT,
    reply_repeated_after_chunked_run::MUTANT,
    request_fields_left_over::MUTANT,
    retry_continues_broken_reply::MUTANT,
    retry_sends_another_body::MUTANT,
    surplus_accepted::MUTANT,
    surplus_checked_too_early::MUTANT,
];
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
        let index = format!("{modules}\nstatic MUTANTS: &[Mutant] = &[\n{entries}];\n");

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
