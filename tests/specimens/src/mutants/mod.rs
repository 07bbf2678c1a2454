//! The mutants: the reference gateway with one decision replaced, one file per defect.
//!
//! A file names the defect in its name and, in its `MUTANT`, the shape that must be found. To add one, write the file
//! and run the tests: the index below is rewritten, and then to be committed. It is the only list of mutants that there
//! is: whoever needs something for each of them by name, such as a test, takes it from `for_each_mutant!`.

use vocabulary::crossing::Http;
use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::Decisions;

// index: begin
mod any_304_confirms_what_is_stored;
mod broken_reply_filled_up;
mod buffer_released_twice_after_error;
mod buffer_reused_while_read;
mod cache_compares_credential_prefix;
mod cache_hit_leaves_body_unread;
mod cache_ignores_authorization;
mod cache_ignores_private;
mod cache_ignores_vary;
mod cache_key_percent_decoded;
mod cache_key_with_sorted_query;
mod cache_key_without_delimiter;
mod cache_key_without_host;
mod cache_key_without_query;
mod cache_stores_no_store;
mod client_streams_off_by_one;
mod connect_body_sent_raw;
mod connect_stream_sent_raw;
mod connection_keeps_authority;
mod data_buffer_shared_by_streams;
mod early_answered_body_read_as_request;
mod early_answered_connection_pooled;
mod early_hints_taken_as_final;
mod early_reply_finds_no_stream;
mod error_page_shows_last_body;
mod expect_refused_connection_pooled;
mod failed_connection_pooled;
mod fake_accept_opens_tunnel;
mod half_read_connection_pooled;
mod head_body_left_on_connection;
mod identity_inherited_by_anonymous;
mod identity_shared_by_worker;
mod idle_surplus_accepted;
mod idle_surplus_looked_for_after_a_second;
mod idle_surplus_unseen_while_busy;
mod interim_counted_as_answer;
mod interim_ends_stream;
mod interim_taken_as_final;
mod large_block_decoded_twice;
mod large_block_skipped;
mod late_frames_taken_for_reply;
mod late_request_overtakes_behind_chunked;
mod length_outranks_chunks;
mod line_feed_in_chunk_extension;
mod malformed_length_overlooked;
mod named_length_not_passed_on;
mod next_reply_follows_broken_one;
mod old_request_runs_on;
mod only_first_vary_field_compared;
mod own_reply_leaves_body_unread;
mod path_unescaped;
mod pipelined_replies_in_completion_order;
mod pool_keeps_owed_connection;
mod private_cookie_stored;
mod private_reply_handed_to_those_who_wait;
mod private_reply_shared_from_cache;
mod queued_fields_shared;
mod refused_stream_retried_in_anothers_place;
mod replies_in_order_of_streams;
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
mod reply_trailers_left_over;
mod request_fields_left_over;
mod request_left_behind_in_anothers_place;
mod request_trailers_left_over;
mod reset_stream_place_reused;
mod retry_continues_broken_reply;
mod retry_sends_another_body;
mod shared_connection_keeps_authority;
mod shared_connection_keeps_identity;
mod short_body_connection_pooled;
mod stalled_reply_buffer_shared;
mod stalled_request_buffer_shared;
mod stream_map_off_by_one;
mod streamed_field_breaks_lines;
mod streamed_length_believed;
mod surplus_accepted;
mod surplus_checked_too_early;
mod surplus_heard_of_too_late;
mod surplus_kept_behind_bodyless;
mod surplus_kept_behind_last_chunk;
mod tail_skipped_to_status_line;
mod timed_out_connection_pooled;
mod unknown_coding_overlooked;
mod upgrade_tail_sent_raw;

static MUTANTS: &[Mutant] = &[
    any_304_confirms_what_is_stored::MUTANT,
    broken_reply_filled_up::MUTANT,
    buffer_released_twice_after_error::MUTANT,
    buffer_reused_while_read::MUTANT,
    cache_compares_credential_prefix::MUTANT,
    cache_hit_leaves_body_unread::MUTANT,
    cache_ignores_authorization::MUTANT,
    cache_ignores_private::MUTANT,
    cache_ignores_vary::MUTANT,
    cache_key_percent_decoded::MUTANT,
    cache_key_with_sorted_query::MUTANT,
    cache_key_without_delimiter::MUTANT,
    cache_key_without_host::MUTANT,
    cache_key_without_query::MUTANT,
    cache_stores_no_store::MUTANT,
    client_streams_off_by_one::MUTANT,
    connect_body_sent_raw::MUTANT,
    connect_stream_sent_raw::MUTANT,
    connection_keeps_authority::MUTANT,
    data_buffer_shared_by_streams::MUTANT,
    early_answered_body_read_as_request::MUTANT,
    early_answered_connection_pooled::MUTANT,
    early_hints_taken_as_final::MUTANT,
    early_reply_finds_no_stream::MUTANT,
    error_page_shows_last_body::MUTANT,
    expect_refused_connection_pooled::MUTANT,
    failed_connection_pooled::MUTANT,
    fake_accept_opens_tunnel::MUTANT,
    half_read_connection_pooled::MUTANT,
    head_body_left_on_connection::MUTANT,
    identity_inherited_by_anonymous::MUTANT,
    identity_shared_by_worker::MUTANT,
    idle_surplus_accepted::MUTANT,
    idle_surplus_looked_for_after_a_second::MUTANT,
    idle_surplus_unseen_while_busy::MUTANT,
    interim_counted_as_answer::MUTANT,
    interim_ends_stream::MUTANT,
    interim_taken_as_final::MUTANT,
    large_block_decoded_twice::MUTANT,
    large_block_skipped::MUTANT,
    late_frames_taken_for_reply::MUTANT,
    late_request_overtakes_behind_chunked::MUTANT,
    length_outranks_chunks::MUTANT,
    line_feed_in_chunk_extension::MUTANT,
    malformed_length_overlooked::MUTANT,
    named_length_not_passed_on::MUTANT,
    next_reply_follows_broken_one::MUTANT,
    old_request_runs_on::MUTANT,
    only_first_vary_field_compared::MUTANT,
    own_reply_leaves_body_unread::MUTANT,
    path_unescaped::MUTANT,
    pipelined_replies_in_completion_order::MUTANT,
    pool_keeps_owed_connection::MUTANT,
    private_cookie_stored::MUTANT,
    private_reply_handed_to_those_who_wait::MUTANT,
    private_reply_shared_from_cache::MUTANT,
    queued_fields_shared::MUTANT,
    refused_stream_retried_in_anothers_place::MUTANT,
    replies_in_order_of_streams::MUTANT,
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
    reply_trailers_left_over::MUTANT,
    request_fields_left_over::MUTANT,
    request_left_behind_in_anothers_place::MUTANT,
    request_trailers_left_over::MUTANT,
    reset_stream_place_reused::MUTANT,
    retry_continues_broken_reply::MUTANT,
    retry_sends_another_body::MUTANT,
    shared_connection_keeps_authority::MUTANT,
    shared_connection_keeps_identity::MUTANT,
    short_body_connection_pooled::MUTANT,
    stalled_reply_buffer_shared::MUTANT,
    stalled_request_buffer_shared::MUTANT,
    stream_map_off_by_one::MUTANT,
    streamed_field_breaks_lines::MUTANT,
    streamed_length_believed::MUTANT,
    surplus_accepted::MUTANT,
    surplus_checked_too_early::MUTANT,
    surplus_heard_of_too_late::MUTANT,
    surplus_kept_behind_bodyless::MUTANT,
    surplus_kept_behind_last_chunk::MUTANT,
    tail_skipped_to_status_line::MUTANT,
    timed_out_connection_pooled::MUTANT,
    unknown_coding_overlooked::MUTANT,
    upgrade_tail_sent_raw::MUTANT,
];

/// Calls a macro with the names of all mutants, as identifiers: for a test of each, by its name.
#[macro_export]
macro_rules! for_each_mutant {
    ($call:ident) => {
        $call! {
            any_304_confirms_what_is_stored,
            broken_reply_filled_up,
            buffer_released_twice_after_error,
            buffer_reused_while_read,
            cache_compares_credential_prefix,
            cache_hit_leaves_body_unread,
            cache_ignores_authorization,
            cache_ignores_private,
            cache_ignores_vary,
            cache_key_percent_decoded,
            cache_key_with_sorted_query,
            cache_key_without_delimiter,
            cache_key_without_host,
            cache_key_without_query,
            cache_stores_no_store,
            client_streams_off_by_one,
            connect_body_sent_raw,
            connect_stream_sent_raw,
            connection_keeps_authority,
            data_buffer_shared_by_streams,
            early_answered_body_read_as_request,
            early_answered_connection_pooled,
            early_hints_taken_as_final,
            early_reply_finds_no_stream,
            error_page_shows_last_body,
            expect_refused_connection_pooled,
            failed_connection_pooled,
            fake_accept_opens_tunnel,
            half_read_connection_pooled,
            head_body_left_on_connection,
            identity_inherited_by_anonymous,
            identity_shared_by_worker,
            idle_surplus_accepted,
            idle_surplus_looked_for_after_a_second,
            idle_surplus_unseen_while_busy,
            interim_counted_as_answer,
            interim_ends_stream,
            interim_taken_as_final,
            large_block_decoded_twice,
            large_block_skipped,
            late_frames_taken_for_reply,
            late_request_overtakes_behind_chunked,
            length_outranks_chunks,
            line_feed_in_chunk_extension,
            malformed_length_overlooked,
            named_length_not_passed_on,
            next_reply_follows_broken_one,
            old_request_runs_on,
            only_first_vary_field_compared,
            own_reply_leaves_body_unread,
            path_unescaped,
            pipelined_replies_in_completion_order,
            pool_keeps_owed_connection,
            private_cookie_stored,
            private_reply_handed_to_those_who_wait,
            private_reply_shared_from_cache,
            queued_fields_shared,
            refused_stream_retried_in_anothers_place,
            replies_in_order_of_streams,
            replies_matched_by_request_id,
            replies_repeated_by_idempotency_key,
            replies_swapped_after_bodiless_run,
            replies_swapped_after_closing_run,
            replies_swapped_after_cookie_run,
            replies_swapped_after_kept_run,
            replies_swapped_after_page_sized_run,
            replies_swapped_in_one_order,
            replies_swapped_in_one_order_now_and_then,
            replies_swapped_under_load,
            reply_fields_left_over,
            reply_repeated_after_chunked_run,
            reply_trailers_left_over,
            request_fields_left_over,
            request_left_behind_in_anothers_place,
            request_trailers_left_over,
            reset_stream_place_reused,
            retry_continues_broken_reply,
            retry_sends_another_body,
            shared_connection_keeps_authority,
            shared_connection_keeps_identity,
            short_body_connection_pooled,
            stalled_reply_buffer_shared,
            stalled_request_buffer_shared,
            stream_map_off_by_one,
            streamed_field_breaks_lines,
            streamed_length_believed,
            surplus_accepted,
            surplus_checked_too_early,
            surplus_heard_of_too_late,
            surplus_kept_behind_bodyless,
            surplus_kept_behind_last_chunk,
            tail_skipped_to_status_line,
            timed_out_connection_pooled,
            unknown_coding_overlooked,
            upgrade_tail_sent_raw,
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
    /// What clients must speak for the defect to show; none: whatever they speak.
    pub clients: Option<Http>,
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
