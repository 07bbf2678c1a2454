//! The gateway in a simulation, with HTTP/2 on both sides: what stands on the wire is a function of the seed, to the byte.
//!
//! Crate `h2` is not ours. That its frames come in an order that follows from what has happened, and not from the order of a
//! hash map or from the real clock, is what this holds.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{RecvStream, client, server};
use http::{HeaderMap, Request, Response};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{Instant, sleep};
use transport::{Address, Net, Stream};

use crate::decisions::Decisions;
use crate::gateway::serve_on;

const CLIENTS: u32 = 3;
const REQUESTS: u32 = 12;

/// What was written at the ends that are not the gateway's, and when.
type Transcript = Rc<RefCell<Vec<(Duration, Vec<u8>)>>>;

/// One of these ends.
struct Noted {
    stream: Stream,
    began: Instant,
    transcript: Transcript,
}

impl Noted {
    fn new(stream: Stream, (began, transcript): &(Instant, Transcript)) -> Noted {
        Noted { stream, began: *began, transcript: Rc::clone(transcript) }
    }

    fn note(&self, bytes: &[u8]) {
        self.transcript.borrow_mut().push((self.began.elapsed(), bytes.to_vec()));
    }
}

impl AsyncRead for Noted {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if read.is_ready() {
            self.note(&buf.filled()[before..]);
        }
        read
    }
}

impl AsyncWrite for Noted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.note(bytes);
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// A run of several clients, many streams at once, resets, refusals, a GOAWAY, trailers, windows that are full.
fn run(seed: u64) -> Vec<(Duration, Vec<u8>)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let transcript = Transcript::default();
    let noted = Rc::clone(&transcript);
    LocalSet::new().block_on(&runtime, async move {
        let net = Net::new(seed);
        let notes = (Instant::now(), noted);
        let (origin, gateway) = (net.listen().unwrap(), net.listen().unwrap());
        let (origin_at, gateway_at) = (origin.address().unwrap(), gateway.address().unwrap());
        spawn_local(serve_on(gateway, origin_at, Decisions::reference().with_h2_up()));
        let of_origin = notes.clone();
        spawn_local(async move {
            while let Ok(stream) = origin.accept().await {
                spawn_local(answer_all(Noted::new(stream, &of_origin)));
            }
        });
        let clients: Vec<_> =
            (0..CLIENTS).map(|number| spawn_local(ask_all(gateway_at.clone(), number, notes.clone()))).collect();
        for client in clients {
            client.await.unwrap();
        }
    });
    transcript.take()
}

async fn ask_all(gateway: Address, number: u32, notes: (Instant, Transcript)) {
    let stream = gateway.connect().await.unwrap();
    let (streams, connection) = client::handshake(Noted::new(stream, &notes)).await.unwrap();
    spawn_local(connection);
    let asked: Vec<_> = (0..REQUESTS).map(|nth| spawn_local(ask(streams.clone(), number, nth))).collect();
    for one in asked {
        one.await.unwrap();
    }
}

async fn ask(streams: client::SendRequest<Bytes>, number: u32, nth: u32) {
    sleep(Duration::from_millis(u64::from(nth % 5))).await;
    let Ok(mut streams) = streams.ready().await else { return };
    let uri = format!("http://h/{number}/{nth}");
    let request = Request::post(uri).header("x-nth", nth).header("authorization", format!("tenant {number}"));
    let (reply, mut body) = streams.send_request(request.body(()).unwrap(), false).unwrap();
    body.send_data(Bytes::from(vec![b'a'; 1000 * nth as usize]), true).unwrap();
    if nth % 4 == 3 {
        sleep(Duration::from_millis(3)).await;
        return body.send_reset(h2::Reason::CANCEL);
    }
    let Ok(reply) = reply.await else { return };
    let mut body = reply.into_body();
    while let Some(Ok(piece)) = body.data().await {
        let _ = body.flow_control().release_capacity(piece.len());
    }
    let _ = body.trailers().await;
}

async fn answer_all(stream: Noted) {
    let Ok(mut connection) = server::handshake(stream).await else { return };
    let mut count = 0;
    while let Some(Ok((request, respond))) = connection.accept().await {
        count += 1;
        spawn_local(answer(request, respond, count));
        if count == 20 {
            connection.graceful_shutdown();
        }
    }
}

async fn answer(request: Request<RecvStream>, mut respond: SendResponse<Bytes>, count: u64) {
    if count % 7 == 6 {
        return respond.send_reset(h2::Reason::REFUSED_STREAM);
    }
    sleep(Duration::from_millis(10 - count % 10)).await;
    let mut asked = request.into_body();
    while let Some(Ok(piece)) = asked.data().await {
        let _ = asked.flow_control().release_capacity(piece.len());
    }
    let _ = respond.send_informational(Response::builder().status(103).header("x-hint", count).body(()).unwrap());
    let Ok(mut body) = respond.send_response(Response::builder().header("x-count", count).body(()).unwrap(), false)
    else {
        return;
    };
    let _ = body.send_data(Bytes::from(vec![b'b'; 9000 * (count % 9) as usize]), false);
    let mut trailers = HeaderMap::new();
    trailers.insert("x-end", count.into());
    let _ = body.send_trailers(trailers);
}

#[test]
fn what_stands_on_the_wire_is_a_function_of_the_seed() {
    let first = run(1);
    assert!(first.len() > 200, "{} pieces", first.len());
    for _ in 0..3 {
        assert!(run(1) == first, "the same seed, and other bytes");
    }
    assert!(run(2) != first, "another seed, and the same bytes");
}
