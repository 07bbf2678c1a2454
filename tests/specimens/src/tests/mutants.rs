//! Each mutant shows its defect in the smallest scene there is, and the reference does not in the same scene.

use std::time::Duration;

use super::stage::{Message, Peer, Stage, ok};
use crate::decisions::{Decisions, Idle, Pipelining, ReplyEnd};
use crate::mutants::mutant;

fn decisions_of(name: &str) -> Decisions {
    (mutant(name).expect("the index lists it").decisions)()
}

/// B asks while A's reply is owed on `owing`; the origin answers A there and then B wherever B asked. Says what B
/// received.
async fn next_after_owed(stage: &Stage, owing: &mut Peer) -> String {
    let mut b = stage.get("/b").await;
    let (fresh, _) = stage.request_on(owing).await;
    match fresh {
        Some(mut fresh) => fresh.send(&ok("reply to b")).await,
        None => owing.send(&(ok("reply to a") + &ok("reply to b"))).await,
    }
    b.message().await.body
}

async fn interim_then_late_final(decisions: Decisions, interim: &str) -> String {
    let stage = Stage::new(decisions).await;
    let mut a = stage.get("/a").await;
    let mut upstream = stage.upstream().await;
    upstream.head().await;
    upstream.send(&format!("HTTP/1.1 {interim}\r\nContent-Length: 0\r\n\r\n")).await;
    assert!(a.head().await.starts_with(&format!("HTTP/1.1 {interim}\r\n")));
    next_after_owed(&stage, &mut upstream).await
}

#[tokio::test]
async fn interim_taken_as_final_gives_the_next_client_the_late_reply() {
    let mutant = decisions_of("interim-taken-as-final");
    for interim in ["100 Continue", "102 Processing", "199 Odd"] {
        assert_eq!(interim_then_late_final(mutant, interim).await, "reply to a");
        assert_eq!(interim_then_late_final(Decisions::reference(), interim).await, "reply to b");
    }
    assert_eq!(interim_then_late_final(mutant, "103 Early Hints").await, "reply to b");
}

#[tokio::test]
async fn early_hints_taken_as_final_gives_the_next_client_the_late_reply() {
    let mutant = decisions_of("early-hints-taken-as-final");
    assert_eq!(interim_then_late_final(mutant, "103 Early Hints").await, "reply to a");
    assert_eq!(interim_then_late_final(Decisions::reference(), "103 Early Hints").await, "reply to b");
    assert_eq!(interim_then_late_final(mutant, "100 Continue").await, "reply to b");
}

#[tokio::test]
async fn pool_keeps_owed_connection_gives_the_next_client_the_abandoned_reply() {
    async fn abandoned(decisions: Decisions, reset: bool) -> String {
        let stage = Stage::new(decisions).await;
        let a = stage.get("/a").await;
        let mut upstream = stage.upstream().await;
        upstream.head().await;
        if reset {
            a.stream.set_zero_linger().unwrap();
        }
        drop(a);
        next_after_owed(&stage, &mut upstream).await
    }
    for reset in [false, true] {
        assert_eq!(abandoned(decisions_of("pool-keeps-owed-connection"), reset).await, "reply to a");
        assert_eq!(abandoned(Decisions::reference(), reset).await, "reply to b");
    }
}

#[tokio::test]
async fn surplus_accepted_gives_the_next_client_the_surplus() {
    async fn surplus(decisions: Decisions) -> String {
        let stage = Stage::new(decisions).await;
        let mut a = stage.get("/a").await;
        let mut upstream = stage.upstream().await;
        upstream.head().await;
        upstream.send(&(ok("reply to a") + &ok("surplus"))).await;
        assert_eq!(a.message().await.body, "reply to a");
        let mut b = stage.get("/b").await;
        let (fresh, _) = stage.request_on(&mut upstream).await;
        fresh.unwrap_or(upstream).send(&ok("reply to b")).await;
        b.message().await.body
    }
    assert_eq!(surplus(decisions_of("surplus-accepted")).await, "surplus");
    assert_eq!(surplus(Decisions::reference()).await, "reply to b");
}

/// A asks, the origin answers with `reply`, which A receives in full, and may send more when A has it; then B asks. Says
/// what B received.
async fn next_after(decisions: Decisions, request: &str, reply: &str, later: &str) -> String {
    let stage = Stage::new(decisions).await;
    let mut a = stage.ask(request).await;
    let mut upstream = stage.upstream().await;
    upstream.head().await;
    upstream.send(reply).await;
    match request.starts_with("HEAD") || reply.contains(" 204 ") || reply.contains(" 304 ") {
        true => drop(a.head().await),
        false => drop(a.message().await),
    }
    upstream.send(later).await;
    let mut b = stage.get("/b").await;
    let (fresh, _) = stage.request_on(&mut upstream).await;
    fresh.unwrap_or(upstream).send(&ok("reply to b")).await;
    b.message().await.body
}

const A: &str = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n";
const HEAD_A: &str = "HEAD /a HTTP/1.1\r\nHost: h\r\n\r\n";
const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n";

#[tokio::test]
async fn surplus_kept_behind_a_kind_of_reply_answers_the_next_client_and_behind_others_does_not() {
    let bodyless =
        ["HTTP/1.1 204 No Content\r\n\r\n".to_owned(), "HTTP/1.1 304 Not Modified\r\n\r\n".to_owned(), ok("")];
    for (name, request, replies, other) in [
        ("surplus-kept-behind-bodyless", A, bodyless.as_slice(), CHUNKED.to_owned()),
        ("surplus-kept-behind-last-chunk", A, &[CHUNKED.to_owned()], ok("reply to a")),
        ("head-body-left-on-connection", HEAD_A, &["HTTP/1.1 200 OK\r\n\r\n".to_owned()], ok("reply to a")),
    ] {
        for reply in replies {
            let reply = reply.clone() + &ok("surplus");
            assert_eq!(next_after(decisions_of(name), request, &reply, "").await, "surplus", "{name}");
            assert_eq!(next_after(Decisions::reference(), request, &reply, "").await, "reply to b", "{name}");
        }
        assert_eq!(next_after(decisions_of(name), A, &(other + &ok("surplus")), "").await, "reply to b", "{name}");
    }
}

#[tokio::test]
async fn tail_skipped_to_status_line_answers_the_next_client_with_what_the_tail_spells() {
    let mutant = decisions_of("tail-skipped-to-status-line");
    let with_tail = |tail: &str| ok("reply to a") + tail;
    for padding in ["x", "twelve bytes", "\r\n\r\nHTTP/"] {
        let reply = with_tail(&(padding.to_owned() + &ok("tail")));
        assert_eq!(next_after(mutant, A, &reply, "").await, "tail");
        assert_eq!(next_after(Decisions::reference(), A, &reply, "").await, "reply to b");
    }
    // A whole reply is surplus for it too, and what spells none.
    assert_eq!(next_after(mutant, A, &with_tail(&ok("surplus")), "").await, "reply to b");
    assert_eq!(next_after(mutant, A, &with_tail("x"), "").await, "reply to b");
}

#[tokio::test]
async fn idle_surplus_accepted_answers_the_next_client_with_what_came_unasked() {
    for name in ["idle-surplus-accepted", "idle-surplus-looked-for-after-a-second"] {
        assert_eq!(next_after(decisions_of(name), A, &ok("reply to a"), &ok("surplus")).await, "surplus");
    }
    assert_eq!(next_after(Decisions::reference(), A, &ok("reply to a"), &ok("surplus")).await, "reply to b");
}

#[test]
fn idle_surplus_is_looked_for_after_a_second_and_not_before() {
    let may_take = decisions_of("idle-surplus-looked-for-after-a-second").may_take;
    let idle = |ms| Idle { lasts: Duration::from_millis(ms), unasked_bytes: true, closed: false };
    assert!(may_take(&idle(999)) && !may_take(&idle(1_000)));
    assert!(!may_take(&Idle { closed: true, unasked_bytes: false, ..idle(0) }));
}

#[tokio::test]
async fn idle_surplus_unseen_while_busy_is_seen_when_nothing_else_is_under_way() {
    /// Surplus lies on a connection; somebody else is being served, or nobody, for a while. Says what B received.
    async fn surplus(decisions: Decisions, busy: bool) -> String {
        let stage = Stage::new(decisions).await;
        let (mut a, mut for_a) = (stage.get("/a").await, stage.upstream().await);
        let (mut busy_one, mut for_busy) = (stage.get("/busy").await, stage.upstream().await);
        for upstream in [&mut for_a, &mut for_busy] {
            upstream.head().await;
        }
        for_a.send(&ok("reply to a")).await;
        a.message().await;
        for_a.send(&ok("surplus")).await;
        if !busy {
            for_busy.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n").await;
            busy_one.message().await;
            // The next look closes it.
            for_a.closed().await;
        }
        let mut b = stage.get("/b").await;
        let (fresh, _) = stage.request_on(&mut for_a).await;
        fresh.unwrap_or(for_a).send(&ok("reply to b")).await;
        b.message().await.body
    }
    let mutant = decisions_of("idle-surplus-unseen-while-busy");
    assert_eq!(surplus(mutant, true).await, "surplus");
    assert_eq!(surplus(mutant, false).await, "reply to b");
    assert_eq!(surplus(Decisions::reference(), true).await, "reply to b");
}

#[tokio::test]
async fn timed_out_connection_pooled_gives_the_next_client_the_late_reply() {
    async fn late(decisions: Decisions) -> String {
        let stage = Stage::new(Decisions { reply_wait: Duration::from_millis(300), ..decisions }).await;
        let mut a = stage.get("/a").await;
        let mut upstream = stage.upstream().await;
        upstream.head().await;
        assert_eq!(a.message().await.status(), 504);
        next_after_owed(&stage, &mut upstream).await
    }
    assert_eq!(late(decisions_of("timed-out-connection-pooled")).await, "reply to a");
    assert_eq!(late(Decisions::reference()).await, "reply to b");
}

/// A has received the beginning of its reply, and then leaves or is cut off; the rest comes when B has asked. Says what B
/// received.
async fn broken_off(decisions: Decisions, leaves: bool, reply: &str, rest: &str) -> String {
    let stage = Stage::new(Decisions { reply_wait: Duration::from_millis(300), ..decisions }).await;
    let mut a = stage.get("/a").await;
    let mut upstream = stage.upstream().await;
    upstream.head().await;
    upstream.send(reply).await;
    a.head().await;
    match leaves {
        true => drop(a),
        false => drop(a.rest().await),
    }
    let mut b = stage.get("/b").await;
    let (fresh, _) = stage.request_on(&mut upstream).await;
    match fresh {
        Some(mut fresh) => fresh.send(&ok("reply to b")).await,
        None => upstream.send(&(rest.to_owned() + &ok("reply to b"))).await,
    }
    b.message().await.body
}

#[tokio::test]
async fn a_half_read_or_failed_connection_in_the_pool_gives_the_next_client_the_rest() {
    for (reply, rest) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nre", "st of a"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nre\r\n", "7\r\nst of a\r\n0\r\n\r\n"),
    ] {
        for (name, leaves) in [("half-read-connection-pooled", true), ("failed-connection-pooled", false)] {
            assert_eq!(broken_off(decisions_of(name), leaves, reply, rest).await, "st of a", "{name}");
            assert_eq!(broken_off(decisions_of(name), !leaves, reply, rest).await, "reply to b", "{name}");
            assert_eq!(broken_off(Decisions::reference(), leaves, reply, rest).await, "reply to b", "{name}");
        }
    }
}

/// A client pipelines a GET of `/slow`, one of `/fast` and one of `/mid`; the origin answers the second, then the third,
/// then the first. Says what the client received, in order.
async fn pipelined(decisions: Decisions) -> [String; 3] {
    let stage = Stage::new(decisions).await;
    let requests = ["/slow", "/fast", "/mid"].map(|path| format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n"));
    let mut client = stage.ask(&requests.concat()).await;
    let mut upstreams = Vec::new();
    for _ in 0..3 {
        let mut upstream = stage.upstream().await;
        let path = upstream.head().await.split(' ').nth(1).unwrap().to_owned();
        upstreams.push((path, upstream));
    }
    for path in ["/fast", "/mid", "/slow"] {
        let (_, upstream) = upstreams.iter_mut().find(|(of, _)| of == path).unwrap();
        upstream.send("HTTP/1.1 200 OK\r\nConnection: close\r\n").await;
        upstream.send(&format!("Content-Length: {}\r\n\r\n{path}", path.len())).await;
        // The gateway has read it when it closes its end.
        upstream.closed().await;
    }
    let mut received = Vec::new();
    for _ in 0..3 {
        received.push(client.message().await.body);
    }
    received.try_into().unwrap()
}

#[tokio::test]
async fn pipelined_replies_in_completion_order_leave_as_they_come() {
    let mutant = decisions_of("pipelined-replies-in-completion-order");
    let without_wait = |decisions: Decisions| {
        let pipelining = decisions.pipelining.map(|line| Pipelining { turn_wait: Some(Duration::ZERO), ..line });
        Decisions { pipelining, ..decisions }
    };
    assert_eq!(pipelined(without_wait(mutant)).await, ["/fast", "/mid", "/slow"]);
    assert_eq!(pipelined(Decisions::pipelining()).await, ["/slow", "/fast", "/mid"]);
}

#[tokio::test]
async fn late_request_overtakes_behind_chunked_what_was_pipelined_before() {
    async fn third(decisions: Decisions, framing: &str) -> [String; 3] {
        let stage = Stage::new(decisions).await;
        let post = format!("POST /1 HTTP/1.1\r\nHost: h\r\n{framing}GET /2 HTTP/1.1\r\nHost: h\r\n\r\n");
        let mut client = stage.ask(&post).await;
        let mut upstream = stage.upstream().await;
        let mut asked = upstream.message().await;
        client.send("GET /3 HTTP/1.1\r\nHost: h\r\n\r\n").await;
        // The gateway reads what its client sends while the reply is owed; an interim reply that has come through says that
        // it has run.
        upstream.send("HTTP/1.1 103 Early Hints\r\n\r\n").await;
        client.head().await;
        let mut received = Vec::new();
        for round in 0..3 {
            let path = asked.head.split(' ').nth(1).unwrap().to_owned();
            upstream.send(&ok(&path)).await;
            received.push(client.message().await.body);
            if round < 2 {
                asked = upstream.message().await;
            }
        }
        received.try_into().unwrap()
    }
    let mutant = decisions_of("late-request-overtakes-behind-chunked");
    let (chunked, sized) = ("Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n", "Content-Length: 1\r\n\r\na");
    assert_eq!(third(mutant, chunked).await, ["/1", "/3", "/2"]);
    assert_eq!(third(mutant, sized).await, ["/1", "/2", "/3"]);
    assert_eq!(third(Decisions::reference(), chunked).await, ["/1", "/2", "/3"]);
}

#[tokio::test]
async fn interim_counted_as_answer_leaves_the_body_of_the_reply_out() {
    async fn get_and_head(decisions: Decisions, interim: &str) -> String {
        let stage = Stage::new(decisions).await;
        let requests = "GET /g HTTP/1.1\r\nHost: h\r\n\r\nHEAD /h HTTP/1.1\r\nHost: h\r\n\r\n";
        let mut client = stage.ask(requests).await;
        for _ in 0..2 {
            let mut upstream = stage.upstream().await;
            let body = if upstream.head().await.starts_with("GET") { "body" } else { "" };
            let interim = if body.is_empty() { "" } else { interim };
            let reply = format!("{interim}HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\n{body}");
            upstream.send(&reply).await;
            upstream.closed().await;
        }
        for _ in 0..interim.len().min(1) {
            client.head().await;
        }
        client.message().await.body
    }
    let (mutant, early) = (decisions_of("interim-counted-as-answer"), "HTTP/1.1 103 Early Hints\r\n\r\n");
    assert_eq!(get_and_head(mutant, early).await, "HTTP", "the head of the next reply");
    assert_eq!(get_and_head(mutant, "").await, "body");
    assert_eq!(get_and_head(Decisions::pipelining(), early).await, "body");
}

#[tokio::test]
async fn surplus_checked_too_early_answers_with_what_came_while_nobody_ran() {
    async fn surplus(decisions: Decisions) -> String {
        let stage = Stage::new(decisions).await;
        let mut client = stage.get("/a").await;
        let mut upstream = stage.upstream().await;
        upstream.head().await;
        upstream.send(&ok("reply to a")).await;
        assert_eq!(client.message().await.body, "reply to a");
        // The gateway runs on this thread: nothing is awaited between the two, so that it finds both when it runs again.
        upstream.stream.try_write(ok("surplus").as_bytes()).unwrap();
        client.stream.try_write(b"GET /b HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
        let (fresh, _) = stage.request_on(&mut upstream).await;
        fresh.unwrap_or(upstream).send(&ok("reply to b")).await;
        client.message().await.body
    }
    assert_eq!(surplus(decisions_of("surplus-checked-too-early")).await, "surplus");
    assert_eq!(surplus(Decisions::reference()).await, "reply to b");
}

#[tokio::test]
async fn replies_swapped_under_load_exchanges_two_that_wait_together() {
    /// Pairs of requests in flight together; says how many pairs came back crossed, how many straight.
    async fn pairs(decisions: Decisions) -> (u32, u32) {
        let stage = Stage::new(decisions).await;
        let (mut crossed, mut straight) = (0, 0);
        let (mut a, mut b) = (stage.get("/a").await, stage.client().await);
        let mut for_a = stage.upstream().await;
        b.send("GET /b HTTP/1.1\r\nHost: h\r\n\r\n").await;
        let mut for_b = stage.upstream().await;
        for _ in 0..16 {
            // Which of the two connections carries whose request changes; the path tells.
            for upstream in [&mut for_a, &mut for_b] {
                let path = upstream.head().await.split(' ').nth(1).unwrap().to_owned();
                upstream.send(&ok(&path)).await;
            }
            match (a.message().await.body.as_str(), b.message().await.body.as_str()) {
                ("/a", "/b") => straight += 1,
                ("/b", "/a") => crossed += 1,
                other => panic!("neither straight nor crossed: {other:?}"),
            }
            a.send("GET /a HTTP/1.1\r\nHost: h\r\n\r\n").await;
            b.send("GET /b HTTP/1.1\r\nHost: h\r\n\r\n").await;
        }
        (crossed, straight)
    }
    let (crossed, straight) = pairs(decisions_of("replies-swapped-under-load")).await;
    assert!(crossed >= 2 && straight > crossed, "{crossed} crossed, {straight} straight");
    assert_eq!(pairs(Decisions::reference()).await, (0, 16));
}

#[tokio::test]
async fn private_reply_shared_from_cache_gives_the_next_tenant_the_first_ones() {
    async fn second_tenant(decisions: Decisions, fields: &str) -> String {
        let stage = Stage::new(decisions).await;
        let tenant = |name: &str| format!("GET /me HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {name}\r\n\r\n");
        let mut a = stage.ask(&tenant("a")).await;
        let mut upstream = stage.upstream().await;
        upstream.head().await;
        upstream.send(&format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: 1\r\n\r\na")).await;
        assert_eq!(a.message().await.body, "a");
        let mut b = stage.ask(&tenant("b")).await;
        tokio::select! {
            reply = b.message() => reply.body,
            _ = upstream.head() => {
                upstream.send(&ok("b")).await;
                b.message().await.body
            }
        }
    }
    for fields in ["", "Cache-Control: private, max-age=9\r\n", "Cache-Control: max-age=9\r\n", "Set-Cookie: s=a\r\n"] {
        assert_eq!(second_tenant(decisions_of("private-reply-shared-from-cache"), fields).await, "a");
        assert_eq!(second_tenant(Decisions::caching(), fields).await, "b");
    }
    let forbidden = "Cache-Control: no-store\r\n";
    assert_eq!(second_tenant(decisions_of("private-reply-shared-from-cache"), forbidden).await, "b");
}

/// The first request fills the store, with these fields in the reply. Says whose reply the second one gets.
async fn after_the_first(decisions: Decisions, first: &str, fields: &str, second: &str) -> String {
    let request =
        |text: &str| format!("GET {}\r\n\r\n", text.replacen(' ', " HTTP/1.1\r\nHost: ", 1).replace('|', "\r\n"));
    let stage = Stage::new(decisions).await;
    let mut a = stage.ask(&request(first)).await;
    let mut upstream = stage.upstream().await;
    upstream.head().await;
    upstream.send(&format!("HTTP/1.1 200 OK\r\n{}\r\nContent-Length: 1\r\n\r\na", fields.replace('|', "\r\n"))).await;
    assert_eq!(a.message().await.body, "a");
    let mut b = stage.ask(&request(second)).await;
    tokio::select! {
        reply = b.message() => reply.body,
        asked = upstream.head() => {
            // Whoever asks whether a stored reply still holds hears of another one.
            match asked.to_ascii_lowercase().contains("if-none-match") {
                true => upstream.send("HTTP/1.1 304 Not Modified\r\nETag: \"b\"\r\n\r\n").await,
                false => upstream.send(&ok("b")).await,
            }
            tokio::select! {
                reply = b.message() => reply.body,
                fresh = stage.upstream() => whole(fresh, b).await,
                _ = upstream.head() => whole(upstream, b).await,
            }
        }
    }
}

/// The origin answers with the whole.
async fn whole(mut upstream: Peer, mut b: Peer) -> String {
    upstream.send(&ok("b")).await;
    b.message().await.body
}

#[tokio::test]
async fn each_cache_with_a_defect_answers_the_second_with_the_reply_to_the_first() {
    const SHARED: &str = "Cache-Control: public, max-age=9";
    for (name, first, fields, second) in [
        ("cache-ignores-private", "/ h|Cookie: a", "Cache-Control: private, max-age=9", "/ h|Cookie: b"),
        ("cache-stores-no-store", "/ h", "Cache-Control: no-store, max-age=9", "/ h"),
        ("cache-ignores-authorization", "/ h|Authorization: a", "Cache-Control: max-age=9", "/ h|Authorization: b"),
        ("cache-ignores-vary", "/ h|Cookie: a", "Cache-Control: max-age=9|Vary: Cookie", "/ h|Cookie: b"),
        ("private-cookie-stored", "/ h", "Cache-Control: private=\"set-cookie\", max-age=9|Set-Cookie: s=a", "/ h"),
        ("cache-key-without-host", "/ one", SHARED, "/ two"),
        ("cache-key-without-query", "/?user=1 h", SHARED, "/?user=2 h"),
        ("cache-key-with-sorted-query", "/?a=1&b=2 h", SHARED, "/?b=2&a=1 h"),
        ("cache-key-percent-decoded", "/a%2Fb h", SHARED, "/a/b h"),
        ("cache-key-without-delimiter", "/me?x h", SHARED, "/mex h"),
        (
            "cache-compares-credential-prefix",
            "/ h|Authorization: Bearer 0123456789abcdef-1",
            "Cache-Control: public, max-age=9|Vary: Authorization",
            "/ h|Authorization: Bearer 0123456789abcdef-2",
        ),
        ("any-304-confirms-what-is-stored", "/ h", "Cache-Control: max-age=0|ETag: \"a\"", "/ h"),
    ] {
        assert_eq!(after_the_first(decisions_of(name), first, fields, second).await, "a", "{name}");
        assert_eq!(after_the_first(Decisions::caching(), first, fields, second).await, "b", "{name}");
    }
}

#[tokio::test]
async fn private_reply_handed_to_those_who_wait_answers_both_with_the_first_ones() {
    async fn second(decisions: Decisions) -> String {
        let stage = Stage::new(decisions).await;
        let mut a = stage.get("/a").await;
        let mut upstream = stage.upstream().await;
        upstream.head().await;
        let mut b = stage.get("/a").await;
        // A third one, whom nobody waits with, has been served: so the second has been read, and waits.
        let mut other = stage.get("/other").await;
        let mut third = stage.upstream().await;
        third.head().await;
        third.send(&ok("")).await;
        other.message().await;
        upstream.send("HTTP/1.1 200 OK\r\nCache-Control: private\r\nContent-Length: 1\r\n\r\na").await;
        assert_eq!(a.message().await.body, "a");
        tokio::select! {
            reply = b.message() => reply.body,
            _ = upstream.head() => whole(upstream, b).await,
            _ = third.head() => whole(third, b).await,
        }
    }
    assert_eq!(second(decisions_of("private-reply-handed-to-those-who-wait")).await, "a");
    assert_eq!(second(Decisions::caching()).await, "b");
}

/// Three requests are passed on one after the other, and answered in this order. Says what each received.
async fn three(stage: &Stage, round: u32, order: [usize; 3]) -> [String; 3] {
    let mut ends = Vec::new();
    for place in 0..3 {
        let client = stage.get(&format!("/{round}/{place}")).await;
        let mut upstream = stage.upstream().await;
        upstream.head().await;
        ends.push((client, upstream));
    }
    for (nth, place) in order.into_iter().enumerate() {
        // A reply that closes leaves nothing in the pool: each exchange has a connection of its own.
        let reply = format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\n{place}");
        ends[place].1.send(&reply).await;
        // The gateway has read it when it closes its end. The one that may wait for its successor has no such sign yet.
        if nth != 1 {
            ends[place].1.closed().await;
        }
    }
    let mut received = Vec::new();
    for (client, _) in &mut ends {
        received.push(client.message().await.body);
    }
    received.try_into().unwrap()
}

#[tokio::test]
async fn replies_swapped_in_one_order_needs_exactly_that_order() {
    const RIGHT: [&str; 3] = ["0", "1", "2"];
    let (mutant, reference) = (decisions_of("replies-swapped-in-one-order"), Decisions::reference());
    let (mutant, reference) = (Stage::new(mutant).await, Stage::new(reference).await);
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 1, 0]] {
        assert_eq!(three(&mutant, 0, order).await, RIGHT, "{order:?}");
    }
    for round in 0..10 {
        assert_eq!(three(&mutant, round, [2, 0, 1]).await, ["1", "0", "2"]);
        assert_eq!(three(&reference, round, [2, 0, 1]).await, RIGHT);
    }
}

#[tokio::test]
async fn replies_swapped_in_one_order_now_and_then_is_decided_by_the_targets() {
    let first = Stage::new(decisions_of("replies-swapped-in-one-order-now-and-then")).await;
    let again = Stage::new(decisions_of("replies-swapped-in-one-order-now-and-then")).await;
    let mut swapped = 0;
    for round in 0..30 {
        let received = three(&first, round, [2, 0, 1]).await;
        assert_eq!(received, three(&again, round, [2, 0, 1]).await, "the same traffic does the same again");
        swapped += u32::from(received == ["1", "0", "2"]);
    }
    assert!((3..18).contains(&swapped), "{swapped} of 30");
}

/// Clients that ask at the same time, again and again, and the upstream connections on which they are answered.
struct Circle {
    stage: Stage,
    clients: Vec<Peer>,
    upstreams: Vec<Peer>,
}

/// How a reply with this body looks.
type Form = fn(&str) -> String;

/// A number that no run's length is a multiple of: otherwise the same one would wait for the others, in vain, for ever.
const CLIENTS: usize = 5;

impl Circle {
    async fn new(decisions: Decisions) -> Circle {
        let mut circle = Circle { stage: Stage::new(decisions).await, clients: Vec::new(), upstreams: Vec::new() };
        for path in 0..CLIENTS {
            circle.clients.push(circle.stage.get(&format!("/{path}")).await);
            circle.upstreams.push(circle.stage.upstream().await);
        }
        assert!(!circle.answered(&[ok; CLIENTS]).await, "nothing goes wrong with the first");
        circle
    }

    /// All ask once more, each for a reply of its own form; says whether somebody received another's.
    async fn ask(&mut self, requests: &[&str; CLIENTS], replies: &[Form; CLIENTS]) -> bool {
        for (path, (client, request)) in self.clients.iter_mut().zip(requests).enumerate() {
            client.send(&request.replace("PATH", &format!("/{path}"))).await;
        }
        let mixed_up = self.answered(replies).await;
        for (client, _) in self.clients.iter_mut().zip(requests).filter(|(_, request)| request.contains("close")) {
            client.closed().await;
            *client = self.stage.client().await;
        }
        mixed_up
    }

    async fn answered(&mut self, replies: &[Form; CLIENTS]) -> bool {
        // Which connection carries whose request changes; the path tells.
        for upstream in &mut self.upstreams {
            let path = upstream.message().await.head.split(' ').nth(1).unwrap().to_owned();
            let place: usize = path.trim_start_matches('/').parse().unwrap();
            upstream.send(&replies[place](&path)).await;
        }
        let (mut received, mut mixed_up) = (Vec::new(), false);
        for (path, client) in self.clients.iter_mut().enumerate() {
            received.push(client.message().await.body.trim().to_owned());
            mixed_up |= received[path] != format!("/{path}");
        }
        received.sort_unstable();
        assert_eq!(received, ["/0", "/1", "/2", "/3", "/4"], "every reply was received once");
        mixed_up
    }
}

/// In a row of exchanges with a trait somebody's reply is exchanged; not so where every other exchange lacks it, and
/// never by the reference.
async fn swaps_after_a_run(name: &str, with: &str, without: &str, reply: Form) {
    let run = ([with; CLIENTS], [reply; CLIENTS]);
    let broken: ([&str; CLIENTS], [Form; CLIENTS]) =
        ([without, with, without, with, without], [ok, reply, ok, reply, ok]);
    for (decisions, (requests, replies), expected) in
        [(decisions_of(name), run, true), (decisions_of(name), broken, false), (Decisions::reference(), run, false)]
    {
        let mut circle = Circle::new(decisions).await;
        let mut any = false;
        for _ in 0..12 {
            any |= circle.ask(&requests, &replies).await;
        }
        assert_eq!(any, expected, "{name}: {requests:?}");
    }
}

const GET: &str = "GET PATH HTTP/1.1\r\nHost: h\r\n\r\n";
const POST: &str = "POST PATH HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx";
const CLOSING: &str = "GET PATH HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
const WITH_COOKIE: &str = "GET PATH HTTP/1.1\r\nHost: h\r\nCookie: s=t\r\n\r\n";

#[tokio::test]
async fn replies_swapped_after_bodiless_run_needs_the_run() {
    swaps_after_a_run("replies-swapped-after-bodiless-run", GET, POST, ok).await;
}

#[tokio::test]
async fn replies_swapped_after_kept_run_needs_the_run() {
    swaps_after_a_run("replies-swapped-after-kept-run", GET, CLOSING, ok).await;
}

#[tokio::test]
async fn replies_swapped_after_closing_run_needs_the_run() {
    swaps_after_a_run("replies-swapped-after-closing-run", CLOSING, GET, ok).await;
}

#[tokio::test]
async fn replies_swapped_after_cookie_run_needs_the_run() {
    swaps_after_a_run("replies-swapped-after-cookie-run", WITH_COOKIE, GET, ok).await;
}

#[tokio::test]
async fn replies_swapped_after_page_sized_run_needs_the_run() {
    swaps_after_a_run("replies-swapped-after-page-sized-run", GET, GET, |path| ok(&format!("{path:4096}"))).await;
}

#[tokio::test]
async fn reply_repeated_after_chunked_run_writes_the_third_reply_twice() {
    /// Seven replies on one upstream connection, all chunked but one; says which were received.
    async fn received(decisions: Decisions, plain: usize) -> String {
        let stage = Stage::new(decisions).await;
        let mut client = stage.get("/0").await;
        let mut upstream = stage.upstream().await;
        let mut received = String::new();
        for round in 0..7 {
            upstream.head().await;
            let chunked = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{round}\r\n0\r\n\r\n");
            upstream.send(&if round == plain { ok(&round.to_string()) } else { chunked }).await;
            let message: Message = client.message().await;
            received += message.body.trim_end_matches("[]");
            client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n").await;
        }
        received
    }
    let mutant = decisions_of("reply-repeated-after-chunked-run");
    assert_eq!(received(mutant, 7).await, "0122456");
    assert_eq!(received(mutant, 3).await, "0123456");
    assert_eq!(received(Decisions::reference(), 7).await, "0123456");
}

const GHOST: &str = "GET /ghost HTTP/1.1\r\nHost: h\r\n\r\n";

#[tokio::test]
async fn early_answered_connection_pooled_has_the_next_request_swallowed() {
    /// On which connection the next request comes: on a fresh one, or as a part of the body.
    async fn next(decisions: Decisions, fields: &str) -> bool {
        let stage = Stage::new(decisions).await;
        let mut a = stage.ask(&format!("POST /a HTTP/1.1\r\nHost: h\r\n{fields}Content-Length: 900\r\n\r\n")).await;
        let mut upstream = stage.upstream().await;
        upstream.head().await;
        upstream.send("HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\nno").await;
        assert_eq!(a.message().await.status(), 413);
        let _b = stage.get("/b").await;
        let (fresh, request) = stage.request_on(&mut upstream).await;
        assert!(request.head.starts_with("GET /b "), "{request:?}");
        fresh.is_some()
    }
    let expects = "Expect: 100-continue\r\n";
    assert!(!next(decisions_of("early-answered-connection-pooled"), "").await);
    assert!(next(decisions_of("early-answered-connection-pooled"), expects).await);
    assert!(!next(decisions_of("expect-refused-connection-pooled"), expects).await);
    assert!(next(decisions_of("expect-refused-connection-pooled"), "").await);
    assert!(next(Decisions::reference(), "").await && next(Decisions::reference(), expects).await);
}

#[tokio::test]
async fn early_answered_body_read_as_request_executes_the_body() {
    async fn ghost(decisions: Decisions) -> bool {
        let stage = Stage::new(decisions).await;
        let length = GHOST.len();
        let mut a = stage.ask(&format!("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n")).await;
        let mut upstream = stage.upstream().await;
        upstream.head().await;
        upstream.send("HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\nno").await;
        assert_eq!(a.message().await.status(), 413);
        upstream.closed().await;
        a.send(GHOST).await;
        tokio::select! {
            mut fresh = stage.upstream() => {
                assert!(fresh.head().await.starts_with("GET /ghost "));
                true
            }
            () = a.closed() => false,
        }
    }
    assert!(ghost(decisions_of("early-answered-body-read-as-request")).await);
    assert!(!ghost(Decisions::reference()).await);
}

#[tokio::test]
async fn own_reply_leaves_body_unread_executes_the_body() {
    async fn next(decisions: Decisions, head: &str) -> String {
        let stage = Stage::new(decisions).await;
        let framed = format!("Content-Length: {}\r\n\r\n{GHOST}", GHOST.len());
        let mut client = stage.ask(&format!("{head} HTTP/1.1\r\nHost: h\r\nMax-Forwards: 0\r\n{framed}")).await;
        assert_eq!(client.message().await.status(), 200);
        client.send("GET /next HTTP/1.1\r\nHost: h\r\n\r\n").await;
        stage.upstream().await.head().await.split(' ').nth(1).unwrap().to_owned()
    }
    for head in ["OPTIONS *", "OPTIONS /a"] {
        assert_eq!(next(decisions_of("own-reply-leaves-body-unread"), head).await, "/ghost");
        assert_eq!(next(Decisions::reference(), head).await, "/next");
    }
}

#[tokio::test]
async fn cache_hit_leaves_body_unread_executes_the_body() {
    async fn next(decisions: Decisions) -> String {
        let stage = Stage::new(decisions).await;
        let mut client = stage.get("/logo").await;
        let mut upstream = stage.upstream().await;
        upstream.head().await;
        upstream.send("HTTP/1.1 200 OK\r\nCache-Control: max-age=9\r\nContent-Length: 4\r\n\r\nlogo").await;
        assert_eq!(client.message().await.body, "logo");
        let length = GHOST.len();
        client.send(&format!("GET /logo HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n{GHOST}")).await;
        assert_eq!(client.message().await.body, "logo");
        client.send("GET /next HTTP/1.1\r\nHost: h\r\n\r\n").await;
        upstream.head().await.split(' ').nth(1).unwrap().to_owned()
    }
    assert_eq!(next(decisions_of("cache-hit-leaves-body-unread")).await, "/ghost");
    assert_eq!(next(Decisions::caching()).await, "/next");
}

/// A client sends this head and a request behind it, and the origin refuses the first. Who received the reply to the
/// second: its own client, the next one, or nobody because it never reached the origin.
async fn reply_to_tail(decisions: Decisions, head: &str) -> &'static str {
    let stage = Stage::new(decisions).await;
    let mut a = stage.ask(&format!("{head}\r\n{GHOST}")).await;
    let mut upstream = tokio::select! {
        upstream = stage.upstream() => upstream,
        refused = a.message() => {
            assert_eq!(refused.status(), 405);
            return "nobody";
        }
    };
    upstream.head().await;
    upstream.send("HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno").await;
    assert_eq!(a.message().await.status(), 403);
    tokio::select! {
        biased;
        tail = upstream.head() => assert!(tail.starts_with("GET /ghost "), "{tail}"),
        () = a.closed() => return "nobody",
    }
    let mut b = stage.get("/b").await;
    let (fresh, _) = stage.request_on(&mut upstream).await;
    upstream.send(&ok("reply to the tail")).await;
    match fresh {
        Some(_) => assert_eq!(a.message().await.body, "reply to the tail"),
        None => assert_eq!(b.message().await.body, "reply to the tail"),
    }
    if fresh.is_some() { "its client" } else { "the next client" }
}

#[tokio::test]
async fn connect_body_sent_raw_gives_the_next_client_the_reply_to_what_followed() {
    for framed in ["", "Content-Length: 38\r\n"] {
        let head = format!("CONNECT db:1 HTTP/1.1\r\nHost: db:1\r\n{framed}");
        assert_eq!(reply_to_tail(decisions_of("connect-body-sent-raw"), &head).await, "the next client");
        assert_eq!(reply_to_tail(Decisions::reference(), &head).await, "nobody");
    }
}

#[tokio::test]
async fn upgrade_tail_sent_raw_gives_the_next_client_the_reply_to_what_followed() {
    for protocol in ["websocket", "h2c", "unknown"] {
        let head = format!("GET /a HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: {protocol}\r\n");
        assert_eq!(reply_to_tail(decisions_of("upgrade-tail-sent-raw"), &head).await, "the next client");
        assert_eq!(reply_to_tail(Decisions::reference(), &head).await, "its client");
    }
}

#[tokio::test]
async fn old_request_runs_on_gives_the_next_client_the_reply_to_what_followed() {
    for persistent in ["", "Connection: keep-alive\r\n"] {
        let head = format!("GET /a HTTP/1.0\r\n{persistent}");
        assert_eq!(reply_to_tail(decisions_of("old-request-runs-on"), &head).await, "the next client");
        assert_eq!(reply_to_tail(Decisions::reference(), &head).await, "nobody");
    }
    let new = "GET /a HTTP/1.1\r\nHost: h\r\n";
    assert_eq!(reply_to_tail(decisions_of("old-request-runs-on"), new).await, "its client");
}

#[tokio::test]
async fn fake_accept_opens_tunnel_passes_on_what_follows_the_reply() {
    async fn more(decisions: Decisions, status: &str) -> String {
        let stage = Stage::new(decisions).await;
        let mut a = stage.get("/a").await;
        let mut upstream = stage.upstream().await;
        upstream.head().await;
        upstream.send(&format!("HTTP/1.1 {status}\r\nUpgrade: websocket\r\nContent-Length: 1\r\n\r\nasurplus")).await;
        assert_eq!(a.message().await.body, "a");
        a.send("GET /b HTTP/1.1\r\nHost: h\r\n\r\n").await;
        let (fresh, _) = stage.request_on(&mut upstream).await;
        match fresh {
            // Through a tunnel its bytes come as they are.
            None => a.exactly("surplus".len()).await,
            Some(mut fresh) => {
                fresh.send(&ok("reply to b")).await;
                a.message().await.body
            }
        }
    }
    for status in ["200 OK", "404 No"] {
        assert_eq!(more(decisions_of("fake-accept-opens-tunnel"), status).await, "surplus");
        assert_eq!(more(Decisions::reference(), status).await, "reply to b");
    }
}

/// What stands in a body that is framed so is executed by the mutant, and refused by the reference.
async fn executes_what_the_reference_refuses(name: &str, framing: &str, body: &str) {
    let request = format!("POST /a HTTP/1.1\r\nHost: h\r\n{framing}\r\n\r\n{body}");
    let stage = Stage::new(decisions_of(name)).await;
    let _client = stage.ask(&request).await;
    let mut upstream = stage.upstream().await;
    assert!(upstream.message().await.head.starts_with("POST /a "));
    upstream.send(&ok("")).await;
    assert!(upstream.head().await.starts_with("GET /ghost "), "{name}");

    let stage = Stage::new(Decisions::reference()).await;
    let mut client = stage.ask(&request).await;
    let refused = client.message().await;
    assert!(refused.status() == 400 && refused.has("Connection: close"), "{refused:?}");
    client.closed().await;
}

#[tokio::test]
async fn length_outranks_chunks_executes_what_stands_in_a_chunk() {
    let size = format!("{:x}\r\n", GHOST.len());
    let framing = format!("Content-Length: {}\r\nTransfer-Encoding: chunked", size.len());
    let body = format!("{size}{GHOST}\r\n0\r\n\r\n");
    executes_what_the_reference_refuses("length-outranks-chunks", &framing, &body).await;
}

#[tokio::test]
async fn line_feed_in_chunk_extension_executes_what_stands_in_a_chunk() {
    let second = format!("0\r\n\r\n{GHOST}");
    let line = format!("{:x};x", second.len());
    let body = format!("4;x\n----\r\n{line}\r\n{second}\r\n0\r\n\r\n");
    assert_eq!(line.len(), 4);
    executes_what_the_reference_refuses("line-feed-in-chunk-extension", "Transfer-Encoding: chunked", &body).await;
}

#[tokio::test]
async fn malformed_length_overlooked_executes_the_body() {
    let framing = format!("Content-Length: +{}", GHOST.len());
    executes_what_the_reference_refuses("malformed-length-overlooked", &framing, GHOST).await;
}

#[tokio::test]
async fn behind_a_reply_counted_as_ended_where_it_broke_the_next_one_is_its_rest() {
    async fn two_in_line(decisions: Decisions) -> String {
        let stage = Stage::new(decisions).await;
        let mut client = stage.ask("GET /a HTTP/1.1\r\nHost: h\r\n\r\nGET /b HTTP/1.1\r\nHost: h\r\n\r\n").await;
        let mut upstream = stage.upstream().await;
        upstream.head().await;
        upstream.send("HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\nthe first").await;
        client.head().await;
        assert_eq!(client.exactly(9).await, "the first");
        drop(upstream);
        if (decisions.ends_where_broken)(ReplyEnd::Length(90)) {
            let mut upstream = stage.upstream().await;
            upstream.head().await;
            upstream.send(&ok("the second")).await;
            client.exactly(15).await
        } else {
            client.rest().await
        }
    }
    let broken = Decisions { ends_where_broken: |_| true, ..Decisions::reference() };
    assert_eq!(two_in_line(broken).await, "HTTP/1.1 200 OK");
    assert_eq!(two_in_line(Decisions::reference()).await, "");
}
