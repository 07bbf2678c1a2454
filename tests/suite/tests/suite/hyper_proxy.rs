//! A gateway that nobody here wrote the HTTP of: a small reverse proxy on hyper, in the test's own process.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use crosswire::Gateway;
use http_body_util::{Either, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1 as client;
use hyper::server::conn::http1 as server;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use vocabulary::verdict::Verdict;

use crate::{run, story};

type Sender = client::SendRequest<Incoming>;
type Pool = Arc<Mutex<Vec<Sender>>>;
type Reply = Response<Either<Incoming, Empty<Bytes>>>;

async fn serve(listener: TcpListener, origin: SocketAddr) {
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    let pool = Pool::default();
    while let Ok((stream, _)) = listener.accept().await {
        let pool = Arc::clone(&pool);
        let forward = service_fn(move |request| forward(request, Arc::clone(&pool), origin));
        tokio::spawn(server::Builder::new().serve_connection(TokioIo::new(stream), forward));
    }
}

/// Sends a request on a pooled connection, and returns the connection when the whole reply has been passed on.
async fn forward(request: Request<Incoming>, pool: Pool, origin: SocketAddr) -> Result<Reply, hyper::Error> {
    let mut sender = match ready(&pool, origin).await {
        Some(sender) => sender,
        None => return Ok(bad_gateway()),
    };
    let Ok(reply) = sender.send_request(request).await else { return Ok(bad_gateway()) };
    tokio::spawn(async move {
        // Ready again means: the reply was read to its end, and nothing came behind it.
        if sender.ready().await.is_ok() {
            pool.lock().await.push(sender);
        }
    });
    Ok(reply.map(Either::Left))
}

async fn ready(pool: &Pool, origin: SocketAddr) -> Option<Sender> {
    let mut pooled = pool.lock().await;
    while let Some(sender) = pooled.pop() {
        if sender.is_ready() {
            return Some(sender);
        }
    }
    drop(pooled);
    let stream = TcpStream::connect(origin).await.ok()?;
    let (sender, connection) = client::handshake(TokioIo::new(stream)).await.ok()?;
    tokio::spawn(connection);
    Some(sender)
}

fn bad_gateway() -> Reply {
    let mut reply = Response::new(Either::Right(Empty::new()));
    *reply.status_mut() = StatusCode::BAD_GATEWAY;
    reply
}

#[test]
fn a_pooling_proxy_on_hyper_is_clean() {
    let (report, _out) = run(Gateway::in_process(serve), |builder| builder.cases(6).seed(1));
    assert_eq!(report.record().verdict, Verdict::Clean, "{}", story(report.record()));
}

#[tokio::test]
async fn a_run_can_be_awaited_in_a_single_threaded_runtime() {
    let out = tempfile::tempdir().unwrap();
    let builder = crosswire::builder().gateway(Gateway::in_process(serve)).out(&out.path().join("run"));
    let report = builder.scenarios("surplus-same-segment").cases(2).seed(1).run().await.unwrap();
    report.assert_isolated();
}
