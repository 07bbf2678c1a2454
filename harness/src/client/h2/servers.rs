//! Servers that nobody here wrote: hyper, and nghttpd of nghttp2. They do it right, so there is nothing to report of them.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use vocabulary::canary::BodyState;
use vocabulary::history::Completeness;
use vocabulary::plan::{RequestBody, Stimulus};

use super::super::stage::{Gateway, Played, body, deliveries, get, lane};
use super::stage::{beside, exchange_in, of_tenant, play};

/// Requests of a scene, four tenants' by turns.
const REQUESTS: u32 = 48;
/// How long a server may take to listen.
const READY_WAIT: Duration = Duration::from_secs(10);
/// Between two looks whether it does.
const READY_POLL: Duration = Duration::from_millis(10);

/// Sixteen side by side, and then sixteen more: GET, POST with a body that is larger than a frame, and this.
fn requests(method: &str) -> impl Iterator<Item = Stimulus> {
    (1..=REQUESTS).map(move |exchange| {
        let mut stimulus = if exchange % 16 == 1 { get(exchange) } else { beside(exchange) };
        match exchange % 3 {
            0 => {
                "POST".clone_into(&mut stimulus.request.method);
                stimulus.request.body = RequestBody::Sized { bytes: 40_000, declared_off_by: 0 };
            }
            1 => method.clone_into(&mut stimulus.request.method),
            _ => {}
        }
        of_tenant(1 + (exchange % 4) as u16, stimulus)
    })
}

fn assert_unremarkable(played: &Played) {
    assert!(played.unasked().is_empty(), "{:?}", played.unasked());
    for exchange in 1..=REQUESTS {
        let received = played.received(exchange);
        assert_eq!(received.completeness, Completeness::Whole, "e{exchange}: {received:?}");
        assert_eq!(received.connection.0, 1, "e{exchange}");
    }
}

/// Answers with the first delivery to whatever exchange the request names.
async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let exchange = exchange_in(request.uri().path());
    let is_head = request.method() == "HEAD";
    request.into_body().collect().await?;
    let reply = if is_head { Bytes::new() } else { body(exchange, 1).into() };
    Ok(Response::new(Full::new(reply)))
}

#[tokio::test]
async fn hyper_answers_every_stream_and_does_nothing_unexpected() {
    let played = play(vec![lane(requests("HEAD"))], async |gateway: &Gateway| {
        let stream = TokioIo::new(gateway.accept_stream().await);
        let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        server.serve_connection(stream, service_fn(answer)).await.unwrap();
    })
    .await;
    assert_unremarkable(&played);
    for exchange in (1..=REQUESTS).filter(|exchange| exchange % 3 != 1) {
        assert_eq!(deliveries(&played.received(exchange).canaries), [format!("d{exchange}")]);
        assert_eq!(played.received(exchange).body, BodyState::Intact);
    }
}

/// A program that ends with the test.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// nghttpd on a port that was free; none if it is not installed.
async fn nghttpd() -> Option<(Program, u16)> {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let number = port.to_string();
    let arguments = ["--no-tls", "--echo-upload", "--address=127.0.0.1", &number];
    // Where Debian puts it, not every user's PATH leads.
    let started = ["nghttpd", "/usr/sbin/nghttpd"].iter().find_map(|program| {
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().ok()
    });
    let Some(child) = started else {
        eprintln!("skipped: nghttpd is not installed (Debian package nghttp2-server)");
        return None;
    };
    let program = Program(child);
    let ready = async {
        while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            sleep(READY_POLL).await;
        }
    };
    timeout(READY_WAIT, ready).await.expect("nghttpd listens");
    Some((program, port))
}

/// It has no files, and sends back what is posted. Nothing is asked by HEAD: its page for what it has not follows there too,
/// against RFC 9110 §9.3.2.
#[tokio::test]
async fn nghttpd_answers_every_stream_and_does_nothing_unexpected() {
    let Some((_program, port)) = nghttpd().await else { return };
    let played = play(vec![lane(requests("DELETE"))], async |gateway: &Gateway| {
        let mut client = gateway.accept_stream().await;
        let mut server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        // Either may be the first to close.
        let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
    })
    .await;
    assert_unremarkable(&played);
    for exchange in 1..=REQUESTS {
        let received = played.received(exchange);
        let (status, bytes) = if exchange % 3 == 0 { (200, Some(40_000)) } else { (404, None) };
        assert_eq!(received.status, status, "e{exchange}: {received:?}");
        assert!(bytes.is_none_or(|bytes| received.body_bytes == bytes), "e{exchange}: {received:?}");
        assert!(deliveries(&received.canaries).is_empty(), "it knows no canaries of the origin's");
    }
}
