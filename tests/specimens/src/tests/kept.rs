//! Mutants that keep something of one exchange for another: each shows it in the smallest scene there is, and the reference
//! does not in the same scene.

use super::stage::{Message, Stage, ok};
use crate::decisions::Decisions;
use crate::mutants::mutant;

fn decisions_of(name: &str) -> Decisions {
    (mutant(name).expect("the index lists it").decisions)()
}

fn get(fields: &str) -> String {
    format!("GET / HTTP/1.1\r\nHost: h\r\n{fields}\r\n")
}

fn post(fields: &str, body: &str) -> String {
    format!("POST / HTTP/1.1\r\nHost: h\r\n{fields}Content-Length: {}\r\n\r\n{body}", body.len())
}

/// Two clients, one after the other, on one upstream connection: both requests as the origin saw them, and both replies
/// as the clients did.
async fn in_turn(decisions: Decisions, requests: [&str; 2], replies: [&str; 2]) -> [(Message, Message); 2] {
    let stage = Stage::new(decisions).await;
    let mut first = stage.ask(requests[0]).await;
    let mut upstream = stage.upstream().await;
    let seen = upstream.message().await;
    upstream.send(replies[0]).await;
    let before = (seen, first.message().await);
    let mut second = stage.ask(requests[1]).await;
    let (None, seen) = stage.request_on(&mut upstream).await else { panic!("the connection was pooled") };
    upstream.send(replies[1]).await;
    [before, (seen, second.message().await)]
}

/// Whether the second request shows the line to the origin.
async fn shows(decisions: Decisions, requests: [&str; 2], line: &str) -> bool {
    let [_, (seen, _)] = in_turn(decisions, requests, [&ok("a"), &ok("b")]).await;
    seen.has(line)
}

#[tokio::test]
async fn request_fields_left_over_go_up_with_the_next_request() {
    let requests = [&get("X-Token: a\r\nX-Both: a\r\n")[..], &get("X-Both: b\r\n")];
    let mutant = decisions_of("request-fields-left-over");
    assert!(shows(mutant, requests, "X-Token: a").await && shows(mutant, requests, "X-Both: b").await);
    assert!(!shows(mutant, requests, "X-Both: a").await);
    assert!(!shows(Decisions::reference(), requests, "X-Token: a").await);
}

#[tokio::test]
async fn reply_fields_left_over_go_down_with_the_next_reply() {
    async fn cookie(decisions: Decisions) -> bool {
        let first = "HTTP/1.1 200 OK\r\nSet-Cookie: s=a\r\nContent-Length: 1\r\n\r\na";
        let [_, (_, received)] = in_turn(decisions, [&get(""), &get("")], [first, &ok("b")]).await;
        assert_eq!(received.body, "b");
        received.has("Set-Cookie: s=a")
    }
    assert!(cookie(decisions_of("reply-fields-left-over")).await);
    assert!(!cookie(Decisions::reference()).await);
}

#[tokio::test]
async fn identity_inherited_by_anonymous_is_that_of_the_client_before() {
    let (named, anonymous, other) = (get("Authorization: a\r\n"), get(""), get("Authorization: b\r\n"));
    let mutant = decisions_of("identity-inherited-by-anonymous");
    assert!(shows(mutant, [&named, &anonymous], "Authorization: a").await);
    assert!(!shows(mutant, [&named, &other], "Authorization: a").await);
    assert!(!shows(Decisions::reference(), [&named, &anonymous], "Authorization: a").await);
}

#[tokio::test]
async fn connection_keeps_authority_of_the_client_before() {
    let requests = ["GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / HTTP/1.1\r\nHost: b\r\n\r\n"];
    assert!(shows(decisions_of("connection-keeps-authority"), requests, "Host: a").await);
    assert!(shows(Decisions::reference(), requests, "Host: b").await);
}

#[tokio::test]
async fn error_page_shows_last_body_to_whoever_is_refused() {
    async fn page(decisions: Decisions) -> Message {
        let stage = Stage::new(decisions).await;
        let mut sender = stage.ask(&post("", "secret")).await;
        let mut upstream = stage.upstream().await;
        upstream.message().await;
        let mut refused = stage.ask(&get("")).await;
        drop(stage.upstream().await);
        upstream.send(&ok("a")).await;
        assert_eq!(sender.message().await.body, "a");
        refused.message().await
    }
    let shown = page(decisions_of("error-page-shows-last-body")).await;
    assert_eq!((shown.status(), shown.body.as_str()), (502, "secret"));
    let right = page(Decisions::reference()).await;
    assert_eq!((right.status(), right.body.as_str()), (502, ""));
}

#[tokio::test]
async fn broken_reply_filled_up_ends_with_the_reply_before() {
    async fn broken(decisions: Decisions) -> String {
        let stage = Stage::new(decisions).await;
        let mut first = stage.ask(&get("")).await;
        let mut upstream = stage.upstream().await;
        upstream.message().await;
        upstream.send(&ok("secrets")).await;
        assert_eq!(first.message().await.body, "secrets");
        let mut second = stage.ask(&get("Connection: close\r\n")).await;
        let (None, _) = stage.request_on(&mut upstream).await else { panic!("the connection was pooled") };
        upstream.send("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nown").await;
        drop(upstream);
        second.head().await;
        second.rest().await
    }
    assert_eq!(broken(decisions_of("broken-reply-filled-up")).await, "ownrets");
    assert_eq!(broken(Decisions::reference()).await, "own");
}

/// Two clients are answered at the same time with many bytes of one letter each. Whether one of them receives both letters.
async fn letters_mix(stage: &Stage) -> bool {
    let mut clients = [stage.ask(&get("")).await, stage.client().await];
    let mut upstreams = [stage.upstream().await, {
        clients[1].send(&get("")).await;
        stage.upstream().await
    }];
    for upstream in &mut upstreams {
        upstream.message().await;
    }
    // The gateway runs on this thread: it finds both replies when it runs again.
    for (upstream, letter) in upstreams.iter().zip(["a", "b"]) {
        upstream.stream.try_write(ok(&letter.repeat(2000)).as_bytes()).unwrap();
    }
    let mut mixed = false;
    for client in &mut clients {
        let body = client.message().await.body;
        mixed |= body.contains('a') && body.contains('b');
    }
    mixed
}

#[tokio::test]
async fn buffer_reused_while_read_mixes_two_replies() {
    assert!(letters_mix(&Stage::new(decisions_of("buffer-reused-while-read")).await).await);
    assert!(!letters_mix(&Stage::new(Decisions::reference()).await).await);
}

#[tokio::test]
async fn buffer_released_twice_after_error_mixes_two_replies_only_then() {
    async fn after_error(decisions: Decisions) -> bool {
        let stage = Stage::new(decisions).await;
        let mut unlucky = stage.ask(&get("Connection: close\r\n")).await;
        let mut upstream = stage.upstream().await;
        upstream.message().await;
        upstream.send("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nown").await;
        drop(upstream);
        unlucky.rest().await;
        letters_mix(&stage).await
    }
    let mutant = decisions_of("buffer-released-twice-after-error");
    assert!(after_error(mutant).await);
    assert!(!letters_mix(&Stage::new(mutant).await).await);
    assert!(!after_error(Decisions::reference()).await);
}

/// Two clients name their requests alike, and the first is answered first. What each received.
async fn of_one_name(decisions: Decisions) -> [String; 2] {
    let stage = Stage::new(decisions).await;
    let request = get("X-Request-Id: 1\r\n");
    let (mut a, mut for_a) = (stage.ask(&request).await, stage.upstream().await);
    for_a.message().await;
    let (mut b, mut for_b) = (stage.ask(&request).await, stage.upstream().await);
    for_b.message().await;
    for_a.send(&ok("a")).await;
    for_b.send(&ok("b")).await;
    [a.message().await.body, b.message().await.body]
}

#[tokio::test]
async fn replies_matched_by_request_id_go_to_whoever_came_last() {
    assert_eq!(of_one_name(decisions_of("replies-matched-by-request-id")).await, ["b", "a"]);
    assert_eq!(of_one_name(Decisions::reference()).await, ["a", "b"]);
}

#[tokio::test]
async fn replies_repeated_by_idempotency_key_answer_another_client() {
    async fn second(decisions: Decisions, key: &str) -> String {
        let stage = Stage::new(decisions).await;
        let mut first = stage.ask(&post("Idempotency-Key: 1\r\n", "x")).await;
        let mut upstream = stage.upstream().await;
        upstream.message().await;
        upstream.send(&ok("a")).await;
        assert_eq!(first.message().await.body, "a");
        let mut second = stage.ask(&post(&format!("Idempotency-Key: {key}\r\n"), "y")).await;
        tokio::select! {
            reply = second.message() => reply.body,
            (fresh, _) = stage.request_on(&mut upstream) => {
                fresh.unwrap_or(upstream).send(&ok("b")).await;
                second.message().await.body
            }
        }
    }
    let mutant = decisions_of("replies-repeated-by-idempotency-key");
    assert_eq!((second(mutant, "1").await, second(mutant, "2").await), ("a".to_owned(), "b".to_owned()));
    assert_eq!(second(Decisions::reference(), "1").await, "b");
}

#[tokio::test]
async fn retry_sends_another_body_that_was_sent_last() {
    let stage = Stage::new(decisions_of("retry-sends-another-body")).await;
    let (_a, mut for_a) = (stage.ask(&post("", "form of a")).await, stage.upstream().await);
    assert_eq!(for_a.message().await.body, "form of a");
    let (_b, mut for_b) = (stage.ask(&post("", "the form of b")).await, stage.upstream().await);
    assert_eq!(for_b.message().await.body, "the form of b");
    drop(for_a);
    assert_eq!(stage.upstream().await.message().await.body, "the form of b");
}

#[tokio::test]
async fn a_reference_repeats_no_body() {
    let stage = Stage::new(Decisions::reference()).await;
    let (mut a, mut for_a) = (stage.ask(&post("", "form of a")).await, stage.upstream().await);
    for_a.message().await;
    drop(for_a);
    assert_eq!(a.message().await.status(), 502);
}

#[tokio::test]
async fn retry_continues_broken_reply_behind_the_first_piece() {
    const BROKEN: &str = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc";
    let stage = Stage::new(decisions_of("retry-continues-broken-reply")).await;
    let (mut client, mut upstream) = (stage.ask(&get("")).await, stage.upstream().await);
    upstream.message().await;
    upstream.send(BROKEN).await;
    drop(upstream);
    let mut again = stage.upstream().await;
    again.message().await;
    again.send(&ok("0123456789")).await;
    assert_eq!(client.message().await.body, "abc0123456789");

    let stage = Stage::new(Decisions::reference()).await;
    let (mut client, mut upstream) = (stage.ask(&get("")).await, stage.upstream().await);
    upstream.message().await;
    upstream.send(BROKEN).await;
    drop(upstream);
    client.head().await;
    assert_eq!(client.rest().await, "abc");
}
