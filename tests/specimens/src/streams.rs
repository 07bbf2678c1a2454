//! One client connection of HTTP/2: its requests side by side, each a stream with a task of its own.
//!
//! RFC 9113 §5: streams do not wait for one another. A client that is gone is noticed by each of them, as by an exchange that
//! has a connection to itself; nothing is broken off from here.

use std::sync::Arc;

use bytes::Bytes;
use h2::RecvStream;
use h2::server::{Builder, SendResponse};
use http::Request;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};
use transport::Stream;

use crate::asker::{Asker, refuse};
use crate::bent::{Bent, Role};
use crate::client::Next;
use crate::frames::Queue;
use crate::gateway::Gateway;
use crate::head::HEAD_BYTES_MAX;
use crate::inbox::Inbox;
use crate::outlet::ToClient;
use crate::request::admit_stream;
use crate::responder::Responder;
use crate::translate;
use crate::trunk::{RESET_MEMORY, RESETS_MAX, SMALL_FRAMES_MAX};
use crate::wire::After;

/// How many streams a client may have open at once; what goes beyond is refused. RFC 9113 §5.1.2.
const STREAMS_MAX: u32 = 256;
/// How much a client may send on all streams before we have passed it on, in bytes. RFC 9113 §6.9.
const WINDOW_BYTES: u32 = 1024 * 1024;

/// Serves a client until its connection ends and its exchanges have noticed.
pub(crate) async fn attend(stream: Stream, inbox: Inbox, gateway: Arc<Gateway>) {
    let decisions = &gateway.decisions;
    let mut builder = Builder::new();
    builder
        .max_concurrent_streams(STREAMS_MAX)
        .initial_connection_window_size(WINDOW_BYTES)
        .max_header_list_size(HEAD_BYTES_MAX as u32)
        .max_concurrent_reset_streams(RESETS_MAX)
        .max_pending_accept_reset_streams(RESETS_MAX)
        .reset_stream_duration(RESET_MEMORY)
        .data_frame_budget(SMALL_FRAMES_MAX);
    let wire = Bent::new(stream, inbox.bytes(), decisions.bends_down, Role::Server);
    let Ok(Ok(mut connection)) = timeout(decisions.client_wait, builder.handshake::<_, Bytes>(wire)).await else {
        return;
    };
    let mut exchanges = JoinSet::new();
    let (mut requests, mut idle_since) = (0, Instant::now());
    loop {
        tokio::select! {
            biased;
            // What a task returns does not matter; a panic has been printed.
            Some(_) = exchanges.join_next() => idle_since = Instant::now(),
            accepted = connection.accept() => match accepted {
                Some(Ok((request, respond))) => {
                    requests += 1;
                    exchanges.spawn(serve(request, respond, requests > 1, Arc::clone(&gateway)));
                }
                Some(Err(_)) | None => break,
            },
            // RFC 9113 §9.1: an idle connection is closed in order.
            () = sleep_until(idle_since + decisions.client_idle), if exchanges.is_empty() => {
                idle_since = Instant::now();
                connection.graceful_shutdown();
            }
        }
    }
    drop(connection);
    while exchanges.join_next().await.is_some() {}
}

/// Serves one stream.
async fn serve(request: Request<RecvStream>, respond: SendResponse<Bytes>, kept: bool, gateway: Arc<Gateway>) {
    let (head, body) = request.into_parts();
    let responder = Arc::new(Responder::new(respond));
    let admitted =
        translate::raw_request(head).and_then(|raw| admit_stream(raw, body.is_end_stream(), &gateway.decisions));
    let next = match admitted {
        Ok(mut request) => {
            let asker = Asker::on_stream(body, Arc::clone(&responder), &request, kept);
            asker.serve(&gateway, &mut request).await
        }
        Err(status) => {
            let queue = Queue::default();
            let mut reply = ToClient::Stream { responder: Arc::clone(&responder), head: None, queue };
            refuse(&mut reply, &gateway, status, After::Close).await
        }
    };
    match next {
        // RFC 9113 §8.1: what is left of the request is not wanted; dropping it says so.
        Next::Request | Next::Farewell => {}
        Next::Cut(_) => responder.cut(),
    }
}
