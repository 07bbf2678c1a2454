//! Whose a request is: by any canary in it, by its shared path, or nobody's; and what is no request at all.

use std::collections::BTreeMap;

use mock_upstream::{OriginCase, PlannedReply};
use vocabulary::canary::{Claim, Encoding, Role, Site, StripedBody};
use vocabulary::directive::{Directive, FaultKind, OriginAct};
use vocabulary::history::{Observation, Performed, Place};
use vocabulary::identity::{Attempt, ExchangeId, TenantId};
use vocabulary::plan::EventKind;

use crate::stage::{Stage, final_with, ok, request_claim};

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let stage = Stage::with(vec![OriginAct::Wait { us: 20_000 }, ok(64)]);
    let mut client = stage.connect().await;
    let requests: String = (1..=40).map(|exchange| stage.get(exchange)).collect();
    client.send(requests).await;
    for exchange in 1..=40 {
        assert_eq!(client.reply().await.owner, Some((exchange, 1)));
    }
    assert!(stage.seen(40, 1).await[0].at < stage.replied(1, 1).await.at, "they were read ahead");
}

#[tokio::test]
async fn more_requests_than_are_read_ahead_are_answered_all_the_same() {
    let stage = Stage::with(vec![OriginAct::Wait { us: 20_000 }, ok(64)]);
    let mut client = stage.connect().await;
    let requests: String = (1..=200).map(|exchange| stage.get(exchange)).collect();
    client.send(requests).await;
    for exchange in 1..=200 {
        assert_eq!(client.reply().await.owner, Some((exchange, 1)));
    }
}

#[tokio::test]
async fn arrivals_of_an_exchange_are_counted_and_only_the_first_meets_the_fault() {
    let stage = Stage::with(vec![final_with(100, |reply| reply.status = 500), OriginAct::Silence { us: 1 }]);
    let mut client = stage.connect().await;
    for (attempt, status) in [(1, "500"), (2, "200"), (3, "200")] {
        client.send(stage.get(1)).await;
        let reply = client.reply().await;
        assert!(reply.head.contains(status), "{}", reply.head);
        assert_eq!((reply.owner, reply.body.len()), (Some((1, attempt)), 100));
        assert_eq!(stage.replied(1, attempt).await.attempt, Attempt(attempt as u8));
    }
    let attempts: Vec<u8> = stage.seen(1, 3).await.iter().map(|seen| seen.attempt.0).collect();
    assert_eq!(attempts, [1, 2, 3]);
}

#[tokio::test]
async fn a_ghost_is_seen_and_held_as_bait() {
    let stage = Stage::new();
    let mut client = stage.connect().await;
    client.send(format!("GET /{} HTTP/1.1\r\n\r\n", stage.canary(7, Site::Tail))).await;
    stage.event(7, EventKind::Seen).await;
    assert_eq!(stage.seen(7, 1).await[0].canaries[0].claim, request_claim(7, Site::Tail));
    client.send(stage.get(8)).await;
    assert_eq!(client.reply().await.owner, Some((7, 1)));
    assert_eq!(client.reply().await.owner, Some((8, 1)));
    assert!(stage.replied(7, 1).await.at >= stage.seen(8, 1).await[0].at);
}

#[tokio::test]
async fn a_request_without_any_canary_is_nobodys() {
    let stage = Stage::new();
    let mut client = stage.connect().await;
    client.send("GET /health HTTP/1.1\r\n\r\n").await;
    let reply = client.reply().await;
    assert_eq!((reply.body.as_slice(), reply.owner), (b"ok\n".as_slice(), None));
    assert!(!reply.head.contains("x-crosswire"));
    assert_eq!(stage.seen(0, 1).await[0].exchange, None);
}

#[tokio::test]
async fn a_request_is_known_by_its_body_alone() {
    let stage = Stage::with(vec![ok(64)]);
    let mut client = stage.connect().await;
    let body = format!("{{\"input\":\"{} {}\"}}", stage.canary(3, Site::Body), stage.canary(1, Site::Body));
    let newer = format!("{{\"input\":\"{}\"}}", stage.canary(4, Site::Body));
    let head = |body: &str| format!("POST /chat HTTP/1.1\r\nContent-Length: {}\r\n\r\n", body.len());
    client.send(head(&body)).await;
    client.send(&body[..60]).await;
    client.send(body[60..].to_owned() + &head(&newer) + &newer).await;
    assert_eq!(client.reply().await.owner, Some((3, 1)), "the newest exchange of a conversation is the present one");
    assert_eq!(client.reply().await.owner, Some((4, 1)));
    let seen = &stage.seen(3, 1).await[0];
    assert_eq!(seen.canaries.iter().map(|found| found.place).collect::<Vec<_>>(), [Place::Body; 2]);
}

#[tokio::test]
async fn a_sender_that_waits_for_a_100_gets_one_even_when_only_its_body_says_who_it_is() {
    let stage = Stage::with(vec![ok(64)]);
    for (fields, site) in [("", Site::Body), ("x", Site::Header)] {
        let mut client = stage.connect().await;
        let canary = stage.canary(1, site);
        let named = if fields.is_empty() { String::new() } else { format!("x-crosswire: {canary}\r\n") };
        client.send(format!("POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 48\r\n{named}\r\n")).await;
        assert!(client.head().await.starts_with("HTTP/1.1 100 Continue\r\n"));
        client.send(&canary).await;
        assert_eq!(client.reply().await.owner.map(|owner| owner.0), Some(1));
    }
}

#[tokio::test]
async fn stripes_and_trailers_of_a_chunked_body_are_searched() {
    let stage = Stage::with(vec![ok(64)]);
    let mut client = stage.connect().await;
    let striped = StripedBody::new(&stage.key, request_claim(1, Site::BodyBegin), 200).to_vec();
    let striped = String::from_utf8(striped).unwrap();
    let trailer = stage.canary(1, Site::Trailer);
    let head = stage.request("POST", 1, "Transfer-Encoding: chunked\r\n");
    let (one, two) = striped.split_at(50);
    client.send(format!("{head}32\r\n{one}\r\n96\r\n{two}\r\n0\r\nx-crosswire-end: {trailer}\r\n\r\n")).await;
    assert_eq!(client.reply().await.owner, Some((1, 1)));
    let seen = &stage.seen(1, 1).await[0];
    let places: Vec<(Site, Place)> = seen.canaries.iter().map(|found| (found.claim.site, found.place)).collect();
    assert_eq!(
        places,
        [
            (Site::Path, Place::Head),
            (Site::Header, Place::Head),
            (Site::BodyBegin, Place::Body),
            (Site::Trailer, Place::Trailer),
        ]
    );
}

#[tokio::test]
async fn a_foreign_canary_in_the_body_is_reported() {
    let stage = Stage::with(vec![ok(64)]);
    let mut client = stage.connect().await;
    let foreign = stage.canary(9, Site::Body).to_uppercase();
    client.send(stage.request("POST", 1, "Content-Length: 48\r\n") + &foreign).await;
    assert_eq!(client.reply().await.owner, Some((1, 1)));
    let seen = &stage.seen(1, 1).await[0];
    let last = seen.canaries.last().unwrap();
    assert_eq!((last.claim.exchange, last.place, last.encoding), (ExchangeId(9), Place::Body, Encoding::CaseFolded));
}

#[tokio::test]
async fn where_the_canary_was_removed_the_shared_path_and_the_tenant_say_who_it_is() {
    let stage = Stage::new();
    let planned = [1, 2].map(|exchange| {
        let directive = Directive::benign(64);
        (ExchangeId(exchange), PlannedReply { tenant: TenantId(1), directive, shared: Some("news".to_owned()) })
    });
    stage.origin().load(OriginCase { exchanges: BTreeMap::from(planned), gates: Vec::new() });
    let claim = Claim { role: Role::Tenant, ..request_claim(0, Site::Authorization) };
    let credential = stage.key.mint(claim);
    let mut client = stage.connect().await;
    for exchange in [1, 2] {
        stage.notify(exchange, EventKind::Sent);
    }
    for exchange in [1, 2] {
        client.send(format!("GET /base/news HTTP/1.1\r\nAuthorization: Bearer {credential}\r\n\r\n")).await;
        assert_eq!(client.reply().await.owner, Some((exchange, 1)));
    }
}

#[tokio::test]
async fn what_is_no_request_is_refused_after_the_replies_that_are_owed() {
    for (nonsense, status) in [
        ("GET\r\n\r\n", "400"),
        ("POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "400"),
        ("\x16\x03\x01\r\n\r\n", "400"),
    ] {
        let stage = Stage::with(vec![OriginAct::Wait { us: 10_000 }, ok(64)]);
        let mut client = stage.connect().await;
        client.send(stage.get(1) + nonsense).await;
        assert_eq!(client.reply().await.owner, Some((1, 1)));
        let reply = client.reply().await;
        assert!(reply.head.contains(status) && reply.head.contains("Connection: close\r\n"), "{}", reply.head);
        assert!(client.rest().await.is_empty());
        assert_eq!(stage.seen(0, 1).await.len(), 1, "its bytes are kept as evidence");
    }
}

#[tokio::test]
async fn a_body_that_breaks_its_framing_ends_the_connection() {
    let stage = Stage::with(vec![final_with(64, |reply| reply.private = true)]);
    let mut client = stage.connect().await;
    client.send(stage.request("POST", 1, "Transfer-Encoding: chunked\r\n") + "xyz\r\n").await;
    assert!(client.reply().await.head.starts_with("HTTP/1.1 400"));
    assert!(client.rest().await.is_empty());
    assert_eq!(stage.performed(FaultKind::PrivateReply).await, Performed::Expired);
}

#[tokio::test]
async fn an_exchange_of_an_earlier_case_is_answered_well_with_a_new_number() {
    let stage = Stage::with(vec![final_with(64, |reply| reply.private = true)]);
    let mut client = stage.connect().await;
    client.send(stage.get(1)).await;
    client.reply().await;
    stage.load(&[(5, vec![ok(32)])], Vec::new());
    client.send(stage.get(1)).await;
    let reply = client.reply().await;
    assert_eq!((reply.owner, reply.body.len()), (Some((1, 2)), 256));
    client.send(stage.get(5)).await;
    assert_eq!(client.reply().await.body.len(), 32);
}

#[tokio::test]
async fn a_large_reply_arrives_whole() {
    let stage = Stage::with(vec![ok(3_000_001)]);
    let mut client = stage.connect().await;
    client.send(stage.get(1)).await;
    assert!(client.reply().await.body == client.striped(1, 1, 3_000_001));
    let story = stage.until("the reply", |observations| {
        observations.iter().find(|observation| matches!(observation, Observation::Replied(_))).cloned()
    });
    assert!(matches!(story.await, Observation::Replied(replied) if replied.performed == Performed::Fully));
}
