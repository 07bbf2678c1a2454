//! The reference gateway, and others that differ from it in one thing: the line about that thing differs, and says so.

use specimens::Decisions;
use vocabulary::crossing::Http;

use super::*;
use crate::gateway::Gateway;

/// What is found out about a specimen, in a simulation.
fn examined(decisions: Decisions, down: Http) -> Examination {
    let gateway = Gateway::simulated(1, move |listener, origin| specimens::serve_on(listener, origin, decisions));
    crate::builder().gateway(gateway).protocol(down).examine_blocking().unwrap()
}

fn line(examination: &Examination, topic: Topic) -> &ExaminedLine {
    examination.lines.iter().find(|line| line.topic == topic).unwrap()
}

/// State and finding of one line about the reference gateway with one decision replaced.
fn with(change: impl FnOnce(&mut Decisions), topic: Topic) -> (State, String) {
    let mut decisions = Decisions::reference();
    change(&mut decisions);
    let examination = examined(decisions, Http::H1);
    let line = line(&examination, topic);
    (line.state, line.found.clone())
}

#[test]
fn the_reference_gateway_lets_everything_show() {
    let examination = examined(Decisions::reference(), Http::H1);
    assert_eq!((examination.state(), examination.exit_code()), (State::Ok, 0), "{:#?}", examination.lines);
    for (topic, found) in [
        (Topic::Request, "HTTP/1.1, the target unchanged"),
        (Topic::RequestCarriers, "cookie, text body, JSON body, form body, trailer"),
        (Topic::ReplyCarriers, "x-crosswire, etag, set-cookie, body, trailer"),
        (Topic::Pooling, "8 requests on 1 upstream connection, up to 8 on one; client connections share them"),
        (Topic::ClientConnections, "took 1 client connection"),
        (Topic::Retries, "once on a fresh connection, twice on a used one"),
        (Topic::Collapsing, "of 4 equal GETs at one time 4 reached the origin"),
        (Topic::Cache, "both of two equal GETs"),
        (Topic::RequestBuffering, "before its client had sent the last"),
        (Topic::ReplyBuffering, "before the origin had sent the last"),
        (Topic::InterimReplies, "103 reaches the client; 100 reaches the client"),
        (Topic::Http2, "clients may speak HTTP/2"),
        (Topic::Tls, "in the clear"),
    ] {
        let line = line(&examination, topic);
        assert!(line.state == State::Ok && line.found.contains(found), "{line:#?}");
    }
}

#[test]
fn it_lets_everything_show_to_clients_of_http2_as_well_and_behind_http2() {
    let examination = examined(Decisions::reference(), Http::H2);
    assert_eq!(examination.state(), State::Ok, "{:#?}", examination.lines);
    let up = with(|decisions| decisions.up = Http::H2, Topic::Request);
    assert!(up.0 == State::Ok && up.1.contains("sees HTTP/2"), "{up:?}");
}

#[test]
fn a_gateway_that_pools_nothing_is_told_apart() {
    let (state, found) = with(|decisions| decisions.may_pool = |_| false, Topic::Pooling);
    assert!(
        state == State::Warn && found.starts_with("8 requests on 8 upstream connections, up to 1 on one"),
        "{found}"
    );
}

#[test]
fn a_gateway_that_keeps_no_client_connection_is_told_apart() {
    let (state, found) = with(|decisions| decisions.may_keep_client = |_| false, Topic::ClientConnections);
    assert!(state == State::Warn && found.contains("took 4 client connections"), "{found}");
}

#[test]
fn a_gateway_that_never_asks_twice_is_told_apart() {
    let (state, found) = with(|decisions| decisions.may_retry = |_| false, Topic::Retries);
    assert!(state == State::Ok && found.contains("once on a fresh connection, once on a used one"), "{found}");
}

#[test]
fn a_cache_is_told_apart_and_so_is_what_it_makes_of_equal_requests() {
    let examination = examined(Decisions::caching(), Http::H1);
    assert!(line(&examination, Topic::Cache).found.contains("answered from a store"), "{:#?}", examination.lines);
    assert!(line(&examination, Topic::Collapsing).found.contains("1 reached the origin"), "{:#?}", examination.lines);
}

#[test]
fn an_interim_reply_that_is_taken_for_a_final_one_is_a_warning_with_a_command() {
    let mutant = specimens::mutant("interim-taken-as-final").unwrap();
    let examination = examined((mutant.decisions)(), Http::H1);
    let line = line(&examination, Topic::InterimReplies);
    assert!(line.state == State::Warn && line.found.contains("100 keeps the final reply"), "{line:#?}");
    assert!(line.fix.as_ref().is_some_and(|fix| fix.contains("--scenario 'interim-*'")), "{line:#?}");
}

#[test]
fn a_gateway_that_is_not_there_leaves_no_check_and_says_what_to_do() {
    // A port that was free a moment ago: who tests a gateway names one that it does not listen on.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let gateway = Gateway::url(&format!("http://{free}")).unwrap();
    let listen = "127.0.0.1:0".parse().unwrap();
    let examination = crate::builder().gateway(gateway).origin_listen(listen).examine_blocking().unwrap();
    let line = line(&examination, Topic::Gateway);
    assert_eq!((line.state, examination.exit_code()), (State::Fail, 3), "{:#?}", examination.lines);
    assert!(line.found.contains(&free.to_string()) && line.fix.is_some(), "{line:#?}");
    assert!(examination.lines.iter().all(|line| line.topic != Topic::Pooling), "nothing could be asked");
}

#[test]
fn a_gateway_that_forwards_elsewhere_is_there_and_the_origin_is_not_behind_it() {
    let gateway = Gateway::in_process(|listener, _| {
        let nowhere = std::net::SocketAddr::from(([127, 0, 0, 1], 1));
        specimens::serve(listener, nowhere, Decisions::reference())
    });
    let examination = crate::builder().gateway(gateway).examine_blocking().unwrap();
    assert_eq!(line(&examination, Topic::Gateway).state, State::Ok, "{:#?}", examination.lines);
    let line = line(&examination, Topic::Origin);
    assert!(line.state == State::Fail && line.found.contains("502"), "{line:#?}");
    assert!(line.fix.as_ref().is_some_and(|fix| fix.contains("forward to 127.0.0.1:")), "{line:#?}");
}

#[test]
fn few_open_files_are_a_warning_with_a_fix_and_many_are_none() {
    let few = open_files(Some(256));
    assert!(few.state == State::Warn && few.fix.is_some_and(|fix| fix.contains("ulimit -n")));
    for enough in [Some(1024), None] {
        let line = open_files(enough);
        assert_eq!((line.state, line.fix), (State::Ok, None));
    }
}
