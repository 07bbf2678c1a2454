//! Each mutant shows its defect in the smallest scene there is, and the reference does not in the same scene.

use super::stage::{Peer, Stage, ok};
use crate::decisions::Decisions;
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
