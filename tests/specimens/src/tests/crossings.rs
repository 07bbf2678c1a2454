//! The reference gateway between two versions of HTTP: what is true of an exchange in one is true in every crossing.

use std::time::Duration;

use http2::ErrorCode;
use http2::hpack::Style;
use vocabulary::crossing::Http;

use super::framed::{Framed, Heard};
use super::stage::{Message, Peer, Stage};
use crate::decisions::Decisions;

const CROSSINGS: [(Http, Http); 4] =
    [(Http::H1, Http::H1), (Http::H1, Http::H2), (Http::H2, Http::H1), (Http::H2, Http::H2)];

type Fields<'a> = &'a [(&'a str, &'a str)];

/// A message, whatever it is spelled in. The body of one that is not sized goes without a length.
#[derive(Clone, Copy)]
struct Sent<'a> {
    fields: Fields<'a>,
    body: Option<&'a str>,
    sized: bool,
    trailers: Fields<'a>,
}

const PLAIN: Sent<'_> = Sent { fields: &[], body: None, sized: true, trailers: &[] };

/// Either end of the gateway, in either version.
#[expect(clippy::large_enum_variant, reason = "a few of them, in tests")]
enum End {
    Lines(Peer),
    Frames(Framed),
}

impl End {
    /// Sends a request; its stream.
    async fn ask(&mut self, method: &str, path: &str, sent: Sent<'_>) -> u32 {
        match self {
            End::Lines(peer) => {
                let host = if sent.fields.iter().any(|(name, _)| *name == "Host") { "" } else { "Host: h\r\n" };
                peer.send(&(format!("{method} {path} HTTP/1.1\r\n{host}") + &lines(sent))).await;
                0
            }
            End::Frames(framed) => {
                let (fields, length) = (sent.fields.to_vec(), length(sent));
                let fields: Vec<_> = fields
                    .into_iter()
                    .map(|(name, value)| if name == "Host" { (":authority", value) } else { (name, value) })
                    .chain(length.as_deref().map(|length| ("content-length", length)))
                    .collect();
                let stream = framed.put_request(method, path, &lower(&fields), sent.body.is_none());
                finish(framed, stream, sent).await;
                stream
            }
        }
    }

    /// Sends a reply on a stream.
    async fn answer(&mut self, stream: u32, status: u16, sent: Sent<'_>) {
        match self {
            End::Lines(peer) => peer.send(&(format!("HTTP/1.1 {status} Any\r\n") + &lines(sent))).await,
            End::Frames(framed) => {
                let length = length(sent);
                let fields: Vec<_> = sent.fields.to_vec();
                let fields: Vec<_> =
                    fields.into_iter().chain(length.as_deref().map(|length| ("content-length", length))).collect();
                framed.put_reply(stream, status, &lower(&fields), sent.body.is_none() && status >= 200);
                finish(framed, stream, sent).await;
            }
        }
    }

    /// Reads a head.
    async fn head(&mut self, stream: u32) -> Message {
        let head = match self {
            End::Lines(peer) => peer.head().await,
            End::Frames(framed) => framed.head(stream).await,
        };
        Message { head, body: String::new() }
    }

    /// Reads a message.
    async fn message(&mut self, stream: u32) -> Message {
        match self {
            End::Lines(peer) => peer.message().await,
            End::Frames(framed) => framed.message(stream).await,
        }
    }

    /// Reads a request, to its end.
    async fn request(&mut self) -> (u32, Message) {
        match self {
            End::Lines(peer) => (0, peer.message().await),
            End::Frames(framed) => framed.whole_request().await,
        }
    }

    /// Waits until the other end gives the exchange up.
    async fn given_up(&mut self, stream: u32) {
        match self {
            End::Lines(peer) => peer.closed().await,
            End::Frames(framed) => drop(framed.reset_of(stream).await),
        }
    }

    /// Gives the exchange up.
    async fn give_up(self, stream: u32) {
        match self {
            End::Lines(peer) => drop(peer),
            End::Frames(mut framed) => {
                framed.reset(stream, ErrorCode::CANCEL).await;
                // The connection goes on.
                framed.settled().await;
            }
        }
    }
}

/// Sends what comes behind a head.
async fn finish(framed: &mut Framed, stream: u32, sent: Sent<'_>) {
    if let Some(body) = sent.body {
        framed.put_data(stream, body, sent.trailers.is_empty());
        if !sent.trailers.is_empty() {
            framed.put_fields(stream, &lower(sent.trailers), Style::USUAL, true);
        }
    }
    framed.flush().await;
}

fn length(sent: Sent<'_>) -> Option<String> {
    sent.body.filter(|_| sent.sized).map(|body| body.len().to_string())
}

/// A message behind its first line, in HTTP/1.1.
fn lines(sent: Sent<'_>) -> String {
    let field = |(name, value): &(&str, &str)| format!("{name}: {value}\r\n");
    let fields: String = sent.fields.iter().map(field).collect();
    match sent.body {
        None => format!("{fields}\r\n"),
        Some(body) if sent.sized => format!("{fields}Content-Length: {}\r\n\r\n{body}", body.len()),
        Some(body) => {
            let trailers: String = sent.trailers.iter().map(field).collect();
            format!("{fields}Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n{trailers}\r\n", body.len())
        }
    }
}

/// Field names as HTTP/2 has them.
fn lower<'a>(fields: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    fields.iter().map(|(name, value)| (&*name.to_ascii_lowercase().leak(), *value)).collect()
}

/// A gateway, and its ends as far as they are there.
struct Scene {
    stage: Stage,
    client: End,
    origin: Option<End>,
    up: Http,
}

impl Scene {
    async fn of((down, up): (Http, Http), decisions: Decisions) -> Scene {
        let stage = Stage::new(Decisions { up, ..decisions }).await;
        let client = match down {
            Http::H1 => End::Lines(stage.client().await),
            Http::H2 => End::Frames(stage.framed_client().await),
        };
        Scene { stage, client, origin: None, up }
    }

    async fn origin(&mut self) -> &mut End {
        if self.origin.is_none() {
            self.origin = Some(match self.up {
                Http::H1 => End::Lines(self.stage.upstream().await),
                Http::H2 => End::Frames(self.stage.framed_upstream().await),
            });
        }
        self.origin.as_mut().unwrap()
    }

    /// One exchange: the request as the origin saw it, the reply as the client did.
    async fn exchange(
        &mut self,
        method: &str,
        path: &str,
        asked: Sent<'_>,
        status: u16,
        answer: Sent<'_>,
    ) -> [Message; 2] {
        let own = self.client.ask(method, path, asked).await;
        let origin = self.origin().await;
        let (stream, seen) = origin.request().await;
        origin.answer(stream, status, answer).await;
        let received = match answer.body {
            Some(_) => self.client.message(own).await,
            None => self.client.head(own).await,
        };
        [seen, received]
    }
}

#[tokio::test]
async fn what_concerns_both_ends_passes_and_what_concerns_one_hop_does_not() {
    for crossing in CROSSINGS {
        let mut scene = Scene::of(crossing, Decisions::reference()).await;
        let asked = Sent {
            fields: &[
                ("Host", "A.example:81"),
                ("X-Mine", "1"),
                ("Authorization", "a"),
                ("TE", "trailers"),
                ("x-mine", "2"),
            ],
            ..PLAIN
        };
        let answer = Sent { fields: &[("Set-Cookie", "s=1"), ("ETag", "\"e\"")], body: Some("body"), ..PLAIN };
        let [seen, received] = scene.exchange("GET", "/a/../%2e?q=%00&&x", asked, 200, answer).await;
        assert!(seen.head.starts_with("GET /a/../%2e?q=%00&&x HTTP/"), "{crossing:?}: {seen:?}");
        for line in ["Host: A.example:81", "X-Mine: 1", "X-Mine: 2", "Authorization: a"] {
            assert!(seen.has(line), "{crossing:?}: {line} in {seen:?}");
        }
        assert!(!seen.has("te: trailers") && seen.head.to_lowercase().contains("\r\nvia: "), "{crossing:?}: {seen:?}");
        for line in ["Set-Cookie: s=1", "ETag: \"e\"", "Content-Length: 4"] {
            assert!(received.has(line), "{crossing:?}: {line} in {received:?}");
        }
        assert!(received.head.to_lowercase().contains("\r\ndate: "));
        assert_eq!((received.status(), received.body.as_str()), (200, "body"));
    }
    for up in [Http::H1, Http::H2] {
        let mut scene = Scene::of((Http::H1, up), Decisions::reference()).await;
        let fields = [("Connection", "X-Listed, upgrade"), ("X-Listed", "1"), ("Upgrade", "x"), ("Keep-Alive", "1")];
        let [seen, _] =
            scene.exchange("GET", "/", Sent { fields: &fields, ..PLAIN }, 200, Sent { body: Some(""), ..PLAIN }).await;
        for name in ["connection", "x-listed", "upgrade", "keep-alive"] {
            assert!(!seen.head.to_lowercase().contains(&format!("\r\n{name}: ")), "{up}: {seen:?}");
        }
    }
}

#[tokio::test]
async fn bodies_pass_both_ways_sized_and_not_and_trailers_where_there_is_a_place_for_them() {
    let (sized, unsized_) =
        (Sent { body: Some("hello"), ..PLAIN }, Sent { body: Some("hello"), sized: false, ..PLAIN });
    let trailed = Sent { trailers: &[("X-End", "z"), ("Content-Length", "9")], ..unsized_ };
    for crossing in CROSSINGS {
        let mut scene = Scene::of(crossing, Decisions::reference()).await;
        // All of them one after the other, on the same connections.
        for sent in [sized, unsized_, Sent { body: Some(""), ..sized }, trailed, unsized_] {
            let [seen, received] = scene.exchange("POST", "/", sent, 200, sent).await;
            let expected =
                format!("{}{}", sent.body.unwrap(), if sent.trailers.is_empty() { "" } else { "[x-end: z]" });
            assert_eq!(seen.body.to_lowercase(), expected, "{crossing:?}");
            assert_eq!(received.body.to_lowercase(), expected, "{crossing:?}");
            let length = format!("content-length: {}", sent.body.unwrap().len());
            assert_eq!(seen.has(&length), sent.sized, "{crossing:?}: {seen:?}");
            assert_eq!(received.has(&length), sent.sized, "{crossing:?}: {received:?}");
        }
    }
}

#[tokio::test]
async fn replies_without_a_body_end_with_their_head() {
    for crossing in CROSSINGS {
        let mut scene = Scene::of(crossing, Decisions::reference()).await;
        for (method, status, length) in
            [("HEAD", 200, true), ("GET", 204, false), ("GET", 304, true), ("HEAD", 404, true)]
        {
            let answer = Sent { fields: &[("Content-Length", "9")], ..PLAIN };
            let [_, received] = scene.exchange(method, "/", PLAIN, status, answer).await;
            assert_eq!((received.status(), received.has("Content-Length: 9")), (status, length), "{crossing:?}");
        }
        let [_, received] = scene.exchange("GET", "/next", PLAIN, 200, Sent { body: Some("next"), ..PLAIN }).await;
        assert_eq!(received.body, "next", "{crossing:?}");
    }
}

#[tokio::test]
async fn interim_replies_come_before_the_final_one_and_never_end_the_exchange() {
    for crossing in CROSSINGS {
        let mut scene = Scene::of(crossing, Decisions::reference()).await;
        let own = scene.client.ask("GET", "/", PLAIN).await;
        let (stream, _) = scene.origin().await.request().await;
        for status in [100, 103, 199] {
            scene.origin().await.answer(stream, status, Sent { fields: &[("X-Hint", "a")], ..PLAIN }).await;
            let seen = scene.client.head(own).await;
            assert!(seen.status() == status && seen.has("X-Hint: a"), "{crossing:?}: {seen:?}");
        }
        scene.origin().await.answer(stream, 200, Sent { body: Some("final"), ..PLAIN }).await;
        assert_eq!(scene.client.message(own).await.body, "final", "{crossing:?}");
    }
}

#[tokio::test]
async fn too_many_interim_replies_are_a_502() {
    for crossing in CROSSINGS {
        let mut scene = Scene::of(crossing, Decisions::reference()).await;
        let own = scene.client.ask("GET", "/", PLAIN).await;
        let (stream, _) = scene.origin().await.request().await;
        for _ in 0..17 {
            scene.origin().await.answer(stream, 102, PLAIN).await;
        }
        let mut last = scene.client.head(own).await;
        while last.status() == 102 {
            last = scene.client.head(own).await;
        }
        assert_eq!(last.status(), 502, "{crossing:?}");
        scene.origin().await.given_up(stream).await;
    }
}

#[tokio::test]
async fn a_body_awaits_the_origins_100() {
    for crossing in CROSSINGS {
        let mut scene = Scene::of(crossing, Decisions::reference()).await;
        let fields = [("Expect", "100-continue"), ("Content-Length", "5")];
        let own = match &mut scene.client {
            End::Lines(peer) => {
                peer.send("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n").await;
                0
            }
            End::Frames(framed) => {
                let stream = framed.put_request("POST", "/", &lower(&fields), false);
                framed.flush().await;
                stream
            }
        };
        let (stream, head) = match scene.origin().await {
            End::Lines(peer) => (0, peer.head().await),
            End::Frames(framed) => framed.request().await,
        };
        assert!(head.to_lowercase().contains("\r\nexpect: 100-continue\r\n"), "{crossing:?}: {head}");
        scene.origin().await.answer(stream, 100, PLAIN).await;
        assert_eq!(scene.client.head(own).await.status(), 100, "{crossing:?}");
        match &mut scene.client {
            End::Lines(peer) => peer.send("hello").await,
            End::Frames(framed) => {
                framed.put_data(own, "hello", true);
                framed.flush().await;
            }
        }
        assert_eq!(receive_all(scene.origin().await, stream, 5).await, "hello", "{crossing:?}");
        scene.origin().await.answer(stream, 200, Sent { body: Some("done"), ..PLAIN }).await;
        assert_eq!(scene.client.message(own).await.body, "done", "{crossing:?}");
    }
}

#[tokio::test]
async fn a_large_body_streams_both_ways_at_once() {
    let body = "x".repeat(3 << 20);
    for crossing in CROSSINGS {
        let mut scene = Scene::of(crossing, Decisions::reference()).await;
        let length = body.len().to_string();
        let fields = [("content-length", length.as_str())];
        let own = match &mut scene.client {
            End::Lines(peer) => {
                peer.send(&format!("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n")).await;
                0
            }
            End::Frames(framed) => {
                let stream = framed.put_request("POST", "/", &fields, false);
                framed.flush().await;
                stream
            }
        };
        // The origin answers before it reads; neither end reads before it has written.
        let stream = match scene.origin().await {
            End::Lines(peer) => {
                peer.head().await;
                peer.send(&format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n")).await;
                0
            }
            End::Frames(framed) => {
                let (stream, _) = framed.request().await;
                framed.put_reply(stream, 200, &fields, false);
                framed.flush().await;
                stream
            }
        };
        let Scene { client, origin, .. } = &mut scene;
        let head = client.head(own).await;
        let rest = async |end: &mut End, stream: u32, ends: bool, first: bool| {
            if first {
                send_all(end, stream, &body, ends).await;
            }
            let received = receive_all(end, stream, body.len()).await;
            if !first {
                send_all(end, stream, &body, ends).await;
            }
            received
        };
        let origin = origin.as_mut().unwrap();
        let (received, seen) = tokio::join!(rest(client, own, true, true), rest(origin, stream, true, false));
        assert!(head.status() == 200 && received == body && seen == body, "{crossing:?}");
    }
}

async fn send_all(end: &mut End, stream: u32, body: &str, ends: bool) {
    match end {
        End::Lines(peer) => peer.send(body).await,
        End::Frames(framed) => framed.pour(stream, body, ends).await,
    }
}

async fn receive_all(end: &mut End, stream: u32, length: usize) -> String {
    match end {
        End::Lines(peer) => peer.exactly(length).await,
        End::Frames(framed) => {
            let mut body = String::new();
            while body.len() < length {
                match framed.of(stream).await {
                    Heard::Data { bytes, .. } => body += &bytes,
                    other => panic!("{other:?} amid a body"),
                }
            }
            body
        }
    }
}

#[tokio::test]
async fn whoever_leaves_takes_the_exchange_at_the_origin_with_it() {
    for crossing in CROSSINGS {
        for begun in [false, true] {
            let mut scene = Scene::of(crossing, Decisions::reference()).await;
            let own = scene.client.ask("GET", "/", PLAIN).await;
            let (stream, _) = scene.origin().await.request().await;
            if begun {
                match scene.origin().await {
                    End::Lines(peer) => peer.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc").await,
                    End::Frames(framed) => {
                        framed.put_reply(stream, 200, &[("content-length", "9")], false);
                        framed.put_data(stream, "abc", false);
                        framed.flush().await;
                    }
                }
                scene.client.head(own).await;
            }
            let Scene { client, mut origin, stage: _stage, .. } = scene;
            client.give_up(own).await;
            origin.as_mut().unwrap().given_up(stream).await;
        }
    }
}

#[tokio::test]
async fn an_origin_that_is_silent_is_a_504_and_its_late_reply_reaches_nobody() {
    let decisions = Decisions { reply_wait: Duration::from_millis(300), ..Decisions::reference() };
    for crossing in CROSSINGS {
        let mut scene = Scene::of(crossing, decisions).await;
        let own = scene.client.ask("GET", "/a", PLAIN).await;
        let (stream, _) = scene.origin().await.request().await;
        assert_eq!(scene.client.message(own).await.status(), 504, "{crossing:?}");
        scene.origin().await.given_up(stream).await;
        if crossing.1 == Http::H1 {
            scene.origin = None;
        } else {
            scene.origin().await.answer(stream, 200, Sent { body: Some("late"), ..PLAIN }).await;
        }
        let [_, received] = scene.exchange("GET", "/b", PLAIN, 200, Sent { body: Some("own"), ..PLAIN }).await;
        assert_eq!(received.body, "own", "{crossing:?}");
    }
}

#[tokio::test]
async fn a_reply_that_is_cut_off_never_looks_complete() {
    for crossing in CROSSINGS {
        for length in [Some("9"), None] {
            let mut scene = Scene::of(crossing, Decisions::reference()).await;
            let own = scene.client.ask("GET", "/", PLAIN).await;
            let (stream, _) = scene.origin().await.request().await;
            match (scene.origin().await, length) {
                (End::Lines(peer), Some(_)) => peer.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc").await,
                (End::Lines(peer), None) => {
                    peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n").await;
                }
                (End::Frames(framed), _) => {
                    let fields: Vec<_> = length.map(|length| ("content-length", length)).into_iter().collect();
                    framed.put_reply(stream, 200, &fields, false);
                    framed.put_data(stream, "abc", false);
                    framed.flush().await;
                }
            }
            scene.client.head(own).await;
            match scene.origin.take().unwrap() {
                End::Lines(peer) => drop(peer),
                End::Frames(mut framed) => framed.reset(stream, ErrorCode::INTERNAL_ERROR).await,
            }
            match &mut scene.client {
                End::Lines(peer) => assert!(!peer.rest().await.ends_with("0\r\n\r\n"), "{crossing:?}"),
                End::Frames(framed) => assert_eq!(framed.reset_of(own).await, ErrorCode::INTERNAL_ERROR),
            }
        }
    }
}

#[tokio::test]
async fn an_origin_that_cannot_be_reached_is_a_502() {
    // Bound, so that nobody else gets the port, but not listening.
    let deaf = tokio::net::TcpSocket::new_v4().unwrap();
    deaf.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    for up in [Http::H1, Http::H2] {
        let decisions = Decisions { up, ..Decisions::reference() };
        let stage = Stage::before(deaf.local_addr().unwrap(), decisions);
        assert_eq!(stage.get("/").await.message().await.status(), 502, "{up}");
        let mut client = stage.framed_client().await;
        let stream = client.get("/").await;
        assert_eq!(client.message(stream).await.status(), 502, "{up}");
    }
}

#[tokio::test]
async fn what_is_for_the_gateway_is_answered_here() {
    for crossing in CROSSINGS {
        let mut scene = Scene::of(crossing, Decisions::reference()).await;
        for fields in [&[("Max-Forwards", "0")][..], &[]] {
            let target = if fields.is_empty() { "*" } else { "/a" };
            let own = scene.client.ask("OPTIONS", target, Sent { fields, body: Some("x"), ..PLAIN }).await;
            let reply = scene.client.message(own).await;
            assert!(
                reply.status() == 200 && reply.head.to_lowercase().contains("\r\nallow: "),
                "{crossing:?}: {reply:?}"
            );
        }
        let own = scene.client.ask("TRACE", "/", PLAIN).await;
        assert_eq!(scene.client.message(own).await.status(), 405, "{crossing:?}");
    }
}

#[tokio::test]
async fn a_cache_answers_whatever_is_spoken() {
    for crossing in CROSSINGS {
        let mut scene = Scene::of(crossing, Decisions::caching()).await;
        let answer = Sent { fields: &[("Cache-Control", "max-age=9")], body: Some("logo"), ..PLAIN };
        scene.exchange("GET", "/logo", PLAIN, 200, answer).await;
        let own = scene.client.ask("GET", "/logo", PLAIN).await;
        let reply = scene.client.message(own).await;
        assert!(reply.body == "logo" && reply.has("age: 0"), "{crossing:?}: {reply:?}");
        // What is not for others is asked for again.
        let [seen, _] = scene.exchange("GET", "/own", PLAIN, 200, Sent { body: Some("own"), ..PLAIN }).await;
        assert!(seen.head.starts_with("GET /own "), "{crossing:?}");
    }
}
