//! Clients of HTTP/2 before an origin of HTTP/1.1: whatever is wrong with the pool between them shows with these clients as
//! well, and so does what only they can bring about.

use std::time::Duration;

use http2::ErrorCode;

use super::framed::Framed;
use super::stage::{Peer, Stage, ok};
use crate::decisions::Decisions;
use crate::mutants::mutant;

fn decisions_of(name: &str) -> Decisions {
    (mutant(name).expect("the index lists it").decisions)()
}

/// A client that has asked for `/a`, its stream, and the connection on which that has arrived.
async fn first(stage: &Stage) -> (Framed, u32, Peer) {
    let mut client = stage.framed_client().await;
    let own = client.get("/a").await;
    let mut upstream = stage.upstream().await;
    upstream.head().await;
    (client, own, upstream)
}

/// Asks for `/b` on a stream of the same client connection; the origin answers what is owed on `owing`, if that is where it
/// arrives, and then this. Says what came of it.
async fn next_after_owed(stage: &Stage, client: &mut Framed, mut owing: Peer) -> String {
    let own = client.get("/b").await;
    let (fresh, _) = stage.request_on(&mut owing).await;
    match fresh {
        Some(mut fresh) => fresh.send(&ok("reply to b")).await,
        None => owing.send(&(ok("reply to a") + &ok("reply to b"))).await,
    }
    client.message(own).await.body
}

#[tokio::test]
async fn interim_taken_as_final_gives_the_next_stream_the_late_reply() {
    async fn next(decisions: Decisions) -> String {
        let stage = Stage::new(decisions).await;
        let (mut client, own, mut upstream) = first(&stage).await;
        upstream.send("HTTP/1.1 102 Processing\r\n\r\n").await;
        assert!(client.head(own).await.starts_with("HTTP/2 102\r\n"));
        client.settled().await;
        next_after_owed(&stage, &mut client, upstream).await
    }
    assert_eq!(next(decisions_of("interim-taken-as-final")).await, "reply to a");
    assert_eq!(next(Decisions::reference()).await, "reply to b");
}

#[tokio::test]
async fn pool_keeps_owed_connection_gives_the_next_stream_the_abandoned_reply() {
    async fn next(decisions: Decisions) -> String {
        let stage = Stage::new(decisions).await;
        let (mut client, own, upstream) = first(&stage).await;
        client.reset(own, ErrorCode::CANCEL).await;
        client.settled().await;
        next_after_owed(&stage, &mut client, upstream).await
    }
    assert_eq!(next(decisions_of("pool-keeps-owed-connection")).await, "reply to a");
    assert_eq!(next(Decisions::reference()).await, "reply to b");
}

#[tokio::test]
async fn timed_out_connection_pooled_gives_the_next_stream_the_late_reply() {
    async fn next(decisions: Decisions) -> String {
        let stage = Stage::new(Decisions { reply_wait: Duration::from_millis(300), ..decisions }).await;
        let (mut client, own, upstream) = first(&stage).await;
        assert_eq!(client.message(own).await.status(), 504);
        next_after_owed(&stage, &mut client, upstream).await
    }
    assert_eq!(next(decisions_of("timed-out-connection-pooled")).await, "reply to a");
    assert_eq!(next(Decisions::reference()).await, "reply to b");
}

#[tokio::test]
async fn surplus_accepted_gives_the_next_stream_the_surplus() {
    async fn next(decisions: Decisions) -> String {
        let stage = Stage::new(decisions).await;
        let (mut client, own, mut upstream) = first(&stage).await;
        upstream.send(&(ok("reply to a") + &ok("surplus"))).await;
        assert_eq!(client.message(own).await.body, "reply to a");
        let own = client.get("/b").await;
        let (fresh, _) = stage.request_on(&mut upstream).await;
        fresh.unwrap_or(upstream).send(&ok("reply to b")).await;
        client.message(own).await.body
    }
    assert_eq!(next(decisions_of("surplus-accepted")).await, "surplus");
    assert_eq!(next(Decisions::reference()).await, "reply to b");
}

#[tokio::test]
async fn replies_swapped_under_load_exchanges_two_streams() {
    /// Whether any two of seven streams were exchanged.
    async fn swapped(decisions: Decisions) -> bool {
        let stage = Stage::new(decisions).await;
        let mut client = stage.framed_client().await;
        let mut upstreams = Vec::new();
        for number in 0..8 {
            let own = client.get(&format!("/{number}")).await;
            let mut upstream = stage.upstream().await;
            upstream.head().await;
            upstreams.push((own, upstream));
        }
        for (own, upstream) in &mut upstreams {
            upstream.send(&ok(&own.to_string())).await;
        }
        let mut wrong = 0;
        for (own, _) in &upstreams {
            wrong += u32::from(client.message(*own).await.body != own.to_string());
        }
        assert!(wrong == 0 || wrong == 2);
        wrong == 2
    }
    assert!(swapped(decisions_of("replies-swapped-under-load")).await);
    assert!(!swapped(Decisions::reference()).await);
}

#[tokio::test]
async fn early_answered_connection_pooled_has_the_next_request_swallowed() {
    async fn is_swallowed(decisions: Decisions) -> bool {
        let stage = Stage::new(decisions).await;
        let mut client = stage.framed_client().await;
        let own = client.put_request("POST", "/a", &[("content-length", "900")], false);
        client.flush().await;
        let mut upstream = stage.upstream().await;
        upstream.head().await;
        upstream.send("HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\nno").await;
        assert_eq!(client.message(own).await.status(), 413);
        client.get("/b").await;
        let (fresh, seen) = stage.request_on(&mut upstream).await;
        assert!(seen.head.starts_with("GET /b "));
        fresh.is_none()
    }
    assert!(is_swallowed(decisions_of("early-answered-connection-pooled")).await);
    assert!(!is_swallowed(Decisions::reference()).await);
}

#[tokio::test]
async fn short_body_connection_pooled_has_the_next_request_swallowed() {
    /// Whether a request of another client arrives where the rest of a body is awaited.
    async fn is_swallowed(decisions: Decisions, sent: &str) -> bool {
        let stage = Stage::new(decisions).await;
        let mut client = stage.framed_client().await;
        let own = client.put_request("POST", "/a", &[("content-length", "9")], false);
        client.flush().await;
        let mut upstream = stage.upstream().await;
        upstream.head().await;
        client.put_data(own, sent, true);
        client.flush().await;
        if sent.len() == 9 {
            assert_eq!(upstream.exactly(9).await, sent);
            upstream.send(&ok("reply to a")).await;
            assert_eq!(client.message(own).await.body, "reply to a");
        } else {
            assert_eq!(client.reset_of(own).await, ErrorCode::PROTOCOL_ERROR);
            client.settled().await;
        }
        let mut other = stage.framed_client().await;
        other.get("/b").await;
        let (fresh, seen) = stage.request_on(&mut upstream).await;
        assert!(seen.head.starts_with("GET /b "), "{seen:?}");
        fresh.is_none() && sent.len() < 9
    }
    assert!(is_swallowed(decisions_of("short-body-connection-pooled"), "short").await);
    assert!(!is_swallowed(decisions_of("short-body-connection-pooled"), "nine byte").await);
    assert!(!is_swallowed(Decisions::reference(), "short").await);
}
