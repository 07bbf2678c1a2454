//! What the reference gateway does right.

use std::time::Duration;

use super::stage::{Stage, ok};
use crate::decisions::Decisions;

async fn reference() -> Stage {
    Stage::new(Decisions::reference()).await
}

/// The reference with so little patience that a test can wait for its end, and enough for a busy machine.
async fn impatient() -> Stage {
    Stage::new(Decisions { reply_wait: Duration::from_millis(400), ..Decisions::reference() }).await
}

#[tokio::test]
async fn ten_requests_of_ten_clients_use_one_upstream_connection() {
    let stage = reference().await;
    let mut client = stage.get("/0").await;
    let mut upstream = stage.upstream().await;
    for number in 0..10 {
        assert!(upstream.message().await.head.starts_with(&format!("GET /{number} HTTP/1.1\r\nHost: h\r\n")));
        upstream.send(&ok(&number.to_string())).await;
        assert_eq!(client.message().await.body, number.to_string());
        client = stage.get(&format!("/{}", number + 1)).await;
    }
}

#[tokio::test]
async fn bodies_pass_both_ways_sized_and_chunked_with_trailers() {
    let stage = reference().await;
    let mut client = stage.client().await;
    client.send("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello").await;
    let mut upstream = stage.upstream().await;
    assert_eq!(upstream.message().await.body, "hello");
    upstream
        .send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\nX-End: z\r\n\r\n")
        .await;
    assert_eq!(client.message().await.body, "abc[X-End: z]");

    client.send("POST /b HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n").await;
    assert!(upstream.head().await.contains("\r\nTransfer-Encoding: chunked\r\n"));
    assert_eq!(upstream.exactly(8).await, "3\r\nabc\r\n");
    client.send("0\r\nX-End: y\r\n\r\n").await;
    assert_eq!(upstream.exactly(15).await, "0\r\nX-End: y\r\n\r\n");
    upstream.send(&ok("")).await;
    assert_eq!(client.message().await.status(), 200);
}

#[tokio::test]
async fn a_large_body_streams_both_ways_at_once() {
    let stage = reference().await;
    let body = "x".repeat(3 << 20);
    let mut client = stage.client().await;
    client.send(&format!("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n", body.len())).await;
    let mut upstream = stage.upstream().await;
    upstream.head().await;
    // The origin answers before it reads; neither end reads before it has written.
    upstream.send(&format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len())).await;
    assert_eq!(client.head().await.split(' ').nth(1), Some("200"));
    let (sent, received) = tokio::join!(
        async {
            client.send(&body).await;
            client.exactly(body.len()).await
        },
        async {
            let received = upstream.exactly(body.len()).await;
            upstream.send(&body).await;
            received
        }
    );
    assert!(sent == body && received == body);
}

#[tokio::test]
async fn replies_without_a_body_keep_the_connection() {
    let stage = reference().await;
    let mut client = stage.client().await;
    client.send("HEAD /a HTTP/1.1\r\nHost: h\r\n\r\n").await;
    let mut upstream = stage.upstream().await;
    upstream.head().await;
    upstream.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n").await;
    assert!(client.head().await.contains("\r\nContent-Length: 9\r\n"));
    for (reply, length) in
        [("204 No Content\r\nContent-Length: 9", false), ("304 Not Modified\r\nContent-Length: 9", true)]
    {
        client.send("GET /b HTTP/1.1\r\nHost: h\r\n\r\n").await;
        upstream.head().await;
        upstream.send(&format!("HTTP/1.1 {reply}\r\n\r\n")).await;
        assert_eq!(client.head().await.contains("\r\nContent-Length: 9\r\n"), length, "{reply}");
    }
}

#[tokio::test]
async fn interim_replies_pass_and_never_end_the_exchange() {
    let stage = reference().await;
    let mut client = stage.get("/").await;
    let mut upstream = stage.upstream().await;
    upstream.head().await;
    for interim in ["100 Continue\r\nContent-Length: 0", "103 Early Hints\r\nContent-Length: 7\r\nX-Hint: a", "199 Odd"]
    {
        upstream.send(&format!("HTTP/1.1 {interim}\r\n\r\n")).await;
        let seen = client.head().await;
        assert!(seen.starts_with(&format!("HTTP/1.1 {}", &interim[..3])) && !seen.contains("Length"), "{seen}");
    }
    upstream.send(&format!("HTTP/1.1 103 A\r\n\r\nHTTP/1.1 103 B\r\n\r\n{}", ok("final"))).await;
    client.head().await;
    client.head().await;
    assert_eq!(client.message().await.body, "final");
    client.send("GET /next HTTP/1.1\r\nHost: h\r\n\r\n").await;
    assert!(upstream.head().await.starts_with("GET /next "));
}

#[tokio::test]
async fn an_http_10_client_sees_no_interim_reply_and_no_chunks() {
    let stage = reference().await;
    let mut client = stage.ask("GET / HTTP/1.0\r\n\r\n").await;
    let mut upstream = stage.upstream().await;
    assert!(upstream.head().await.contains("\r\nVia: 1.0 reference\r\n"));
    upstream
        .send("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n")
        .await;
    let reply = client.rest().await;
    assert!(reply.starts_with("HTTP/1.1 200 OK\r\n") && reply.ends_with("Connection: close\r\n\r\na"), "{reply}");
}

#[tokio::test]
async fn too_many_interims_and_an_unasked_101_are_a_502() {
    let stage = reference().await;
    for reply in ["HTTP/1.1 102 Processing\r\n\r\n".repeat(17) + &ok("late"), "HTTP/1.1 101 Other\r\n\r\nraw".into()] {
        let mut client = stage.get("/").await;
        let mut upstream = stage.upstream().await;
        upstream.head().await;
        upstream.send(&reply).await;
        let mut status = client.message().await;
        while status.status() == 102 {
            status = client.message().await;
        }
        assert_eq!(status.status(), 502);
        upstream.closed().await;
    }
}

#[tokio::test]
async fn a_body_awaits_the_origins_100_and_an_early_refusal_closes_both_sides() {
    let stage = reference().await;
    let request = "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n";
    let mut client = stage.ask(request).await;
    let mut upstream = stage.upstream().await;
    assert!(upstream.head().await.contains("\r\nExpect: 100-continue\r\n"));
    upstream.send("HTTP/1.1 100 Continue\r\n\r\n").await;
    assert_eq!(client.message().await.status(), 100);
    client.send("hello").await;
    assert_eq!(upstream.exactly(5).await, "hello");
    upstream.send(&ok("a")).await;
    assert!(!client.message().await.has("Connection: close"));

    client.send(request).await;
    upstream.head().await;
    upstream.send("HTTP/1.1 401 No\r\nContent-Length: 2\r\n\r\nno").await;
    let refusal = client.message().await;
    assert!(refusal.status() == 401 && refusal.has("Connection: close"), "{refusal:?}");
    upstream.closed().await;
    // A body that comes now is read by nobody, least of all as a request.
    client.send("GET /ghost HTTP/1.1\r\nHost: h\r\n\r\n").await;
    client.closed().await;
    stage.get("/next").await;
    assert!(stage.upstream().await.head().await.starts_with("GET /next "));
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let stage = reference().await;
    let paths = ["/1", "/2", "/3"];
    let requests: String = paths.map(|path| format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n")).concat();
    let mut client = stage.ask(&requests).await;
    let mut upstream = stage.upstream().await;
    for path in paths {
        assert!(upstream.head().await.starts_with(&format!("GET {path} ")));
        upstream.send(&ok(path)).await;
    }
    for path in paths {
        assert_eq!(client.message().await.body, path);
    }
}

#[tokio::test]
async fn a_client_that_leaves_takes_its_upstream_connection_with_it() {
    let stage = reference().await;
    for begun in ["", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"] {
        for reset in [false, true] {
            let mut client = stage.get("/").await;
            let mut upstream = stage.upstream().await;
            upstream.head().await;
            upstream.send(begun).await;
            if !begun.is_empty() {
                client.head().await;
            }
            if reset {
                client.stream.set_zero_linger().unwrap();
            }
            drop(client);
            upstream.closed().await;
        }
    }
}

/// The origin answers `/first` with this and keeps the connection open; the next request must come on another one,
/// and the old one must be closed. Says what the first client received.
async fn not_pooled(stage: &Stage, first: &str, reply: &str) -> String {
    let mut client = stage.ask(first).await;
    let mut upstream = stage.upstream().await;
    upstream.head().await;
    upstream.send(reply).await;
    let head = client.head().await;
    upstream.closed().await;
    let mut next = stage.get("/next").await;
    let mut fresh = stage.upstream().await;
    assert!(fresh.head().await.starts_with("GET /next "));
    fresh.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\nnext").await;
    assert_eq!(next.message().await.body, "next", "{reply}");
    fresh.closed().await;
    head
}

#[tokio::test]
async fn surplus_bytes_close_the_connection_whatever_the_reply() {
    let stage = reference().await;
    let get = "GET /first HTTP/1.1\r\nHost: h\r\n\r\n";
    let surplus = ok("surplus");
    for reply in [
        ok("first"),
        "HTTP/1.1 204 No Content\r\n\r\n".into(),
        "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n".into(),
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".into(),
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n".into(),
    ] {
        not_pooled(&stage, get, &(reply + &surplus)).await;
    }
    let head = "HEAD /first HTTP/1.1\r\nHost: h\r\n\r\n";
    not_pooled(&stage, head, &surplus).await;
    not_pooled(&stage, get, &(ok("first") + "\r\n")).await;
}

#[tokio::test]
async fn doubtful_framing_closes_the_connection() {
    let stage = reference().await;
    let get = "GET /first HTTP/1.1\r\nHost: h\r\n\r\n";
    for reply in [
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 204 No Content\r\nContent-Length: x\r\n\r\n",
    ] {
        assert!(!not_pooled(&stage, get, reply).await.starts_with("HTTP/1.1 502"), "{reply}");
    }
    for reply in [
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\nContent-Length: -3\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nabc",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "nonsense\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
    ] {
        assert!(not_pooled(&stage, get, reply).await.starts_with("HTTP/1.1 502"), "{reply}");
    }
}

#[tokio::test]
async fn equal_lengths_are_one() {
    let stage = reference().await;
    let mut client = stage.get("/").await;
    let mut upstream = stage.upstream().await;
    upstream.head().await;
    upstream.send("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc").await;
    assert_eq!(client.message().await.body, "abc");
}

#[tokio::test]
async fn a_truncated_reply_never_looks_complete() {
    let stage = reference().await;
    for (reply, then) in [
        ("Content-Length: 9\r\n\r\nabc", ""),
        ("Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", ""),
        ("Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", "nonsense\r\n"),
    ] {
        let mut client = stage.get("/").await;
        let mut upstream = stage.upstream().await;
        upstream.head().await;
        upstream.send(&format!("HTTP/1.1 200 OK\r\n{reply}")).await;
        client.head().await;
        upstream.send(then).await;
        drop(upstream);
        let received = client.rest().await;
        assert!(received == "abc" || received == "3\r\nabc\r\n", "{received}");
    }
    // Towards HTTP/1.0 only a reset shows it.
    let mut client = stage.ask("GET / HTTP/1.0\r\n\r\n").await;
    let mut upstream = stage.upstream().await;
    upstream.head().await;
    upstream.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n").await;
    client.head().await;
    assert_eq!(client.exactly(3).await, "abc");
    drop(upstream);
    let end = tokio::time::timeout(Duration::from_secs(5), client.stream.readable()).await;
    end.expect("the gateway ends the connection").unwrap();
    assert!(client.stream.try_read(&mut [0]).is_err(), "a reset, not an end");
}

#[tokio::test]
async fn a_close_delimited_reply_is_chunked_on() {
    let stage = reference().await;
    let mut client = stage.get("/").await;
    let mut upstream = stage.upstream().await;
    upstream.head().await;
    upstream.send("HTTP/1.1 200 OK\r\n\r\nall of it").await;
    drop(upstream);
    let reply = client.message().await;
    assert!(reply.body == "all of it" && reply.has("Transfer-Encoding: chunked"), "{reply:?}");
}

#[tokio::test]
async fn a_late_reply_is_a_504_and_reaches_nobody() {
    let stage = impatient().await;
    for begun in ["", "HTTP/1.1 103 Early Hints\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Le"] {
        let mut client = stage.get("/first").await;
        let mut upstream = stage.upstream().await;
        upstream.head().await;
        upstream.send(begun).await;
        let mut reply = client.message().await;
        if reply.status() == 103 {
            reply = client.message().await;
        }
        assert_eq!((reply.status(), reply.body.as_str()), (504, ""));
        upstream.closed().await;
        client.send("GET /next HTTP/1.1\r\nHost: h\r\n\r\n").await;
        let mut fresh = stage.upstream().await;
        fresh.head().await;
        fresh.send(&ok("next")).await;
        assert_eq!(client.message().await.body, "next");
        // The next round shall begin with an empty pool.
        fresh.send("!").await;
        fresh.closed().await;
    }
}

#[tokio::test]
async fn a_stalled_body_is_cut() {
    let stage = impatient().await;
    let mut client = stage.get("/").await;
    let mut upstream = stage.upstream().await;
    upstream.head().await;
    upstream.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc").await;
    client.head().await;
    assert_eq!(client.rest().await, "abc");
    upstream.closed().await;
}

#[tokio::test]
async fn an_idle_connection_is_closed_when_anything_comes() {
    let stage = reference().await;
    for surplus in [ok("surplus"), "\r\n".into()] {
        let mut client = stage.get("/").await;
        let mut upstream = stage.upstream().await;
        upstream.head().await;
        upstream.send(&ok("first")).await;
        assert_eq!(client.message().await.body, "first");
        upstream.send(&surplus).await;
        upstream.closed().await;
    }
}

#[tokio::test]
async fn only_so_many_connections_stay_idle_and_the_oldest_goes_first() {
    let stage = Stage::new(Decisions { pool_idle_max: 1, ..Decisions::reference() }).await;
    let (mut a, mut for_a) = (stage.get("/a").await, stage.upstream().await);
    let (mut b, mut for_b) = (stage.get("/b").await, stage.upstream().await);
    for (client, upstream) in [(&mut a, &mut for_a), (&mut b, &mut for_b)] {
        upstream.head().await;
        upstream.send(&ok("")).await;
        client.message().await;
    }
    for_a.closed().await;
    stage.get("/next").await;
    assert!(for_b.head().await.starts_with("GET /next "));
}

#[tokio::test]
async fn surplus_in_the_kernel_is_seen_even_if_the_runtime_has_not_polled_it() {
    let stage = reference().await;
    let mut client = stage.get("/").await;
    let mut upstream = stage.upstream().await;
    upstream.head().await;
    upstream.send(&ok("first")).await;
    assert_eq!(client.message().await.body, "first");
    // No await between the two writes: the gateway wakes up with both at once.
    assert!(upstream.stream.try_write(ok("surplus").as_bytes()).is_ok());
    assert!(client.stream.try_write(b"GET /next HTTP/1.1\r\nHost: h\r\n\r\n").is_ok());
    let mut fresh = stage.upstream().await;
    assert!(fresh.head().await.starts_with("GET /next "));
    fresh.send(&ok("next")).await;
    assert_eq!(client.message().await.body, "next");
}

#[tokio::test]
async fn a_pooled_connection_that_dies_costs_an_idempotent_request_nothing() {
    let stage = reference().await;
    for (request, retried) in [
        ("GET /2 HTTP/1.1\r\nHost: h\r\n\r\n", true),
        ("POST /2 HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", false),
        ("PUT /2 HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\na", false),
    ] {
        let mut client = stage.get("/1").await;
        let mut upstream = stage.upstream().await;
        upstream.head().await;
        upstream.send(&ok("one")).await;
        assert_eq!(client.message().await.body, "one");
        client.send(request).await;
        upstream.message().await;
        drop(upstream);
        if retried {
            // Only one retry, and only because the first connection had been idle.
            stage.upstream().await.head().await;
        }
        assert_eq!(client.message().await.status(), 502, "{request}");
    }
}

#[tokio::test]
async fn an_origin_that_cannot_be_reached_is_a_502() {
    // Bound, so that nobody else gets the port, but not listening.
    let deaf = tokio::net::TcpSocket::new_v4().unwrap();
    deaf.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = deaf.local_addr().unwrap();
    let stage = Stage::before(address, Decisions::reference());
    let mut client = stage.get("/secret").await;
    let reply = client.message().await;
    assert!(reply.status() == 502 && !reply.head.contains("secret") && reply.body.is_empty());
}

#[tokio::test]
async fn refused_requests_close_and_their_rest_is_no_request() {
    let stage = reference().await;
    let ghost = "GET /ghost HTTP/1.1\r\nHost: h\r\n\r\n";
    for (request, status) in [
        (format!("CONNECT h:1 HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n{ghost}", ghost.len()), 405),
        (format!("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{ghost}"), 400),
        (format!("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: x\r\n\r\n{ghost}"), 501),
        (format!("PRI * HTTP/2.0\r\n\r\n{ghost}"), 505),
        (format!("GET / HTTP/1.1\r\nHost: h\r\nX: {}\r\n\r\n{ghost}", "x".repeat(70_000)), 431),
    ] {
        let mut client = stage.ask(&request).await;
        let reply = client.message().await;
        assert!(reply.status() == status && reply.has("Connection: close"), "{reply:?}");
        client.closed().await;
    }
    // A body that breaks its chunks has been forwarded in part; its rest is not.
    let broken = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\nx\r\n";
    let mut client = stage.ask(&format!("{broken}{ghost}")).await;
    let mut upstream = stage.upstream().await;
    assert!(!upstream.rest().await.contains("ghost"));
    assert_eq!(client.message().await.status(), 400);
    client.closed().await;
}

#[tokio::test]
async fn a_refused_upgrade_leaves_two_requests() {
    let stage = reference().await;
    let mut client = stage
        .ask("GET /1 HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n")
        .await;
    let mut upstream = stage.upstream().await;
    assert!(!upstream.head().await.to_ascii_lowercase().contains("upgrade"));
    upstream.send("HTTP/1.1 200 OK\r\nConnection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 1\r\n\r\n1").await;
    let reply = client.message().await;
    assert!(reply.body == "1" && !reply.has("Upgrade: websocket"), "{reply:?}");
    assert!(upstream.head().await.starts_with("GET /2 "));
}

#[tokio::test]
async fn what_is_for_the_gateway_is_answered_here_and_its_body_read() {
    let stage = reference().await;
    for (head, body) in [
        ("OPTIONS * HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n", "hello"),
        ("OPTIONS /a HTTP/1.1\r\nHost: h\r\nMax-Forwards: 0\r\nTransfer-Encoding: chunked\r\n\r\n", "0\r\n\r\n"),
        ("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", ""),
    ] {
        let mut client = stage.ask(head).await;
        // The reply does not wait for the body, and the connection does.
        let reply = client.message().await;
        assert!(reply.status() == 200 && reply.head.contains("\r\nAllow: ") && !reply.has("Connection: close"));
        client.send(body).await;
        client.send("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n").await;
        assert_eq!(client.message().await.status(), 200);
    }
    for closing in [
        "OPTIONS * HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999\r\n\r\n",
    ] {
        let mut client = stage.ask(closing).await;
        assert!(client.message().await.has("Connection: close"), "{closing}");
        client.closed().await;
    }
    let broken = "OPTIONS * HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n";
    let mut client = stage.ask(&format!("{broken}GET /ghost HTTP/1.1\r\nHost: h\r\n\r\n")).await;
    assert_eq!(client.message().await.status(), 200);
    client.closed().await;
}

#[tokio::test]
async fn an_options_that_travels_on_has_one_hop_less() {
    let stage = reference().await;
    for (method, hops, left) in [("OPTIONS", "3", "2"), ("GET", "0", "0"), ("OPTIONS", "many", "many")] {
        let mut client = stage.ask(&format!("{method} /a HTTP/1.1\r\nHost: h\r\nMax-Forwards: {hops}\r\n\r\n")).await;
        let mut upstream = stage.upstream().await;
        assert!(upstream.head().await.contains(&format!("\r\nMax-Forwards: {left}\r\n")), "{method} {hops}");
        upstream.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n").await;
        client.message().await;
    }
}

#[tokio::test]
async fn dropping_the_gateway_closes_everything() {
    let stage = reference().await;
    let mut waiting = stage.get("/").await;
    let mut upstream = stage.upstream().await;
    upstream.head().await;
    let mut idle = stage.client().await;
    stage.stop();
    waiting.closed().await;
    upstream.closed().await;
    idle.closed().await;
}
