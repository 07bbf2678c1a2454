//! What the caching gateway shares, and what it does not.

use super::stage::{Message, Peer, Stage};
use crate::decisions::Decisions;

fn request(path: &str, fields: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: h\r\n{fields}\r\n")
}

fn reply(fields: &str, body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: {}\r\n\r\n{body}", body.len())
}

/// One origin connection that answers as long as the test says so.
struct Play {
    stage: Stage,
    upstream: Peer,
    client: Peer,
}

impl Play {
    async fn new() -> Play {
        let stage = Stage::new(Decisions::caching()).await;
        let mut client = stage.ask(&request("/warm-up", "")).await;
        let mut upstream = stage.upstream().await;
        upstream.head().await;
        upstream.send(&reply("", "")).await;
        client.message().await;
        Play { stage, upstream, client }
    }

    /// The reply to a request that the origin sees, and answers so.
    async fn asked(&mut self, request: &str, answer: &str) -> Message {
        self.client.send(request).await;
        self.upstream.message().await;
        self.upstream.send(answer).await;
        self.client.message().await
    }

    /// The reply to a request that the origin must not see.
    async fn stored(&mut self, request: &str) -> Message {
        self.client.send(request).await;
        self.client.message().await
    }
}

#[tokio::test]
async fn a_public_reply_is_served_from_the_store_with_its_age() {
    let mut play = Play::new().await;
    let first =
        play.asked(&request("/a", ""), &reply("Cache-Control: max-age=60\r\nAge: 7\r\nX-A: b\r\n", "one")).await;
    assert!(first.has("Age: 7"));
    let second = play.stored(&request("/a", "")).await;
    assert!(second.body == "one" && second.has("Age: 7") && second.has("X-A: b"), "{second:?}");
    assert!(second.head.contains("\r\nDate: "));
    play.asked(&request("/a?b", ""), &reply("", "two")).await;
}

#[tokio::test]
async fn another_tenant_never_gets_what_credentials_paid_for() {
    let mut play = Play::new().await;
    let tenant = |name: &str| request("/me", &format!("Authorization: Bearer {name}\r\n"));
    for fields in ["", "Cache-Control: max-age=60\r\n", "Cache-Control: max-age=60, private\r\n"] {
        assert_eq!(play.asked(&tenant("a"), &reply(fields, "a")).await.body, "a");
        assert_eq!(play.asked(&tenant("b"), &reply(fields, "b")).await.body, "b");
        assert_eq!(play.asked(&request("/me", ""), &reply("", "c")).await.body, "c");
    }
    assert_eq!(play.asked(&tenant("a"), &reply("Cache-Control: public, max-age=60\r\n", "all")).await.body, "all");
    assert_eq!(play.stored(&tenant("b")).await.body, "all");
}

#[tokio::test]
async fn vary_cookies_and_conditions_keep_replies_apart() {
    let mut play = Play::new().await;
    let tenant = |name: &str| request("/v", &format!("X-Tenant: {name}\r\n"));
    let varying = "Cache-Control: max-age=60\r\nVary: x-tenant\r\n";
    play.asked(&tenant("a"), &reply(varying, "a")).await;
    play.asked(&tenant("b"), &reply(varying, "b")).await;
    assert_eq!(play.stored(&tenant("a")).await.body, "a");
    assert_eq!(play.stored(&tenant("b")).await.body, "b");
    for fields in ["Range: bytes=0-1\r\n", "If-None-Match: x\r\n", "Cache-Control: no-cache\r\n"] {
        play.asked(&request("/v", &format!("X-Tenant: a\r\n{fields}")), &reply("", "")).await;
    }
    let cookie = reply("Cache-Control: max-age=60\r\nSet-Cookie: a=b\r\n", "");
    play.asked(&request("/c", ""), &cookie).await;
    play.asked(&request("/c", ""), &cookie).await;
}

#[tokio::test]
async fn a_change_makes_the_stored_reply_invalid() {
    let mut play = Play::new().await;
    play.asked(&request("/a", ""), &reply("Cache-Control: max-age=60\r\n", "old")).await;
    play.asked("PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx", &reply("", "")).await;
    assert_eq!(play.asked(&request("/a", ""), &reply("", "new")).await.body, "new");
}

#[tokio::test]
async fn a_truncated_reply_is_not_stored() {
    let mut play = Play::new().await;
    play.client.send(&request("/a", "")).await;
    play.upstream.head().await;
    play.upstream.send("HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 9\r\n\r\nabc").await;
    drop(play.upstream);
    play.client.head().await;
    assert_eq!(play.client.rest().await, "abc");
    play.stage.ask(&request("/a", "")).await;
    play.stage.upstream().await.head().await;
}

#[tokio::test]
async fn those_who_ask_for_the_same_wait_and_share_only_what_is_for_all() {
    for (fields, shared) in [("Cache-Control: max-age=60\r\n", true), ("Cache-Control: private\r\n", false)] {
        let mut play = Play::new().await;
        play.client.send(&request("/a", "")).await;
        play.upstream.head().await;
        let mut second = play.stage.ask(&request("/a", "")).await;
        play.upstream.send(&reply(fields, "first")).await;
        assert_eq!(play.client.message().await.body, "first");
        if !shared {
            let (fresh, _) = play.stage.request_on(&mut play.upstream).await;
            fresh.unwrap_or(play.upstream).send(&reply("", "second")).await;
        }
        assert_eq!(second.message().await.body, if shared { "first" } else { "second" });
    }
}

#[tokio::test]
async fn a_get_with_a_body_is_answered_from_the_store_but_fills_nothing() {
    let mut play = Play::new().await;
    let with_body = |path: &str| format!("{}hello", request(path, "Content-Length: 5\r\n"));
    let storable = "Cache-Control: max-age=60\r\n";
    play.asked(&with_body("/a"), &reply(storable, "with a body")).await;
    play.asked(&request("/a", ""), &reply(storable, "one")).await;
    assert_eq!(play.stored(&with_body("/a")).await.body, "one");
    assert_eq!(play.stored(&request("/a", "")).await.body, "one", "the body was read");
}

/// What is asked of the origin for a stored reply with the tag `"a"`, and the answer to it.
async fn validated(fields: &str, tag: &str) -> (Play, Message) {
    let mut play = Play::new().await;
    play.asked(&request("/v", ""), &reply(&format!("{fields}ETag: \"a\"\r\nX-A: old\r\n"), "stored")).await;
    play.client.send(&request("/v", "")).await;
    assert!(play.upstream.message().await.has("If-None-Match: \"a\""));
    let confirmation = format!("HTTP/1.1 304 Not Modified\r\n{fields}ETag: {tag}\r\nX-A: new\r\n\r\n");
    play.upstream.send(&confirmation).await;
    if tag != "\"a\"" {
        let (fresh, asked) = play.stage.request_on(&mut play.upstream).await;
        assert!(!asked.head.to_ascii_lowercase().contains("if-none-match"), "{asked:?}");
        if let Some(fresh) = fresh {
            play.upstream = fresh;
        }
        play.upstream.send(&reply(fields, "fetched")).await;
    }
    let answer = play.client.message().await;
    (play, answer)
}

#[tokio::test]
async fn what_is_stale_is_confirmed_by_its_own_tag_and_answers_with_the_newer_fields() {
    for fields in ["Cache-Control: max-age=0\r\n", "Cache-Control: no-cache, max-age=60\r\n"] {
        let (_, answer) = validated(fields, "\"a\"").await;
        assert_eq!((answer.status(), answer.body.as_str()), (200, "stored"));
        assert!(answer.has("X-A: new") && !answer.has("X-A: old") && answer.has("Age: 0"), "{answer:?}");
    }
}

#[tokio::test]
async fn another_tag_confirms_nothing_and_the_whole_is_asked_for() {
    for tag in ["\"b\"", "W/\"a\""] {
        let (mut play, answer) = validated("Cache-Control: max-age=0\r\n", tag).await;
        assert_eq!((answer.status(), answer.body.as_str()), (200, "fetched"), "{tag}");
        // The reply that came instead has no tag, so that nothing is left to be confirmed.
        play.client.send(&request("/other", "")).await;
        assert!(play.upstream.message().await.head.starts_with("GET /other "));
    }
}

#[tokio::test]
async fn a_confirmation_makes_the_stored_reply_fresh_again() {
    let mut play = Play::new().await;
    play.asked(&request("/v", ""), &reply("Cache-Control: max-age=0\r\nETag: \"a\"\r\n", "stored")).await;
    play.client.send(&request("/v", "")).await;
    play.upstream.message().await;
    play.upstream.send("HTTP/1.1 304 Not Modified\r\nCache-Control: max-age=60\r\nETag: \"a\"\r\n\r\n").await;
    assert_eq!(play.client.message().await.body, "stored");
    assert_eq!(play.stored(&request("/v", "")).await.body, "stored", "without asking the origin");
}
