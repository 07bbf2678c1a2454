//! A gateway that nobody here wrote the HTTP of: a small reverse proxy on hyper, in the test's own process.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use crosswire::{Builder, Gateway};
use http_body_util::{BodyExt, Either, Empty, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1 as client;
use hyper::server::conn::http1 as server;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use vocabulary::verdict::Verdict;

use crate::{prevented, run, story};

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

/// The same behind one door: a request enters when the reply before it has been passed on.
async fn serve_one_at_a_time(listener: TcpListener, origin: SocketAddr) {
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    let (pool, door) = (Pool::default(), Arc::new(Mutex::new(())));
    while let Ok((stream, _)) = listener.accept().await {
        let (pool, door) = (Arc::clone(&pool), Arc::clone(&door));
        let forward = service_fn(move |request| {
            let (pool, door) = (Arc::clone(&pool), Arc::clone(&door));
            async move {
                let _inside = door.lock().await;
                let reply = forward(request, pool, origin).await?;
                let (head, body) = reply.into_parts();
                // An error here ends the client's connection, as a reply that broke off must.
                let whole = body.collect().await?.to_bytes();
                Ok::<_, Box<dyn std::error::Error + Send + Sync>>(Response::from_parts(head, Full::new(whole)))
            }
        });
        tokio::spawn(server::Builder::new().serve_connection(TokioIo::new(stream), forward));
    }
}

#[test]
fn a_proxy_that_lets_one_request_through_at_a_time_is_excused_and_never_waited_for_again() {
    let gateway = Gateway::in_process(serve_one_at_a_time);
    let chosen = |builder: Builder| {
        ["crowd", "plain-concurrency", "surplus-same-segment"]
            .iter()
            .fold(builder, |builder, name| builder.scenarios(name))
    };
    let (report, _out) = run(gateway, |builder| chosen(builder).cases(14).seed(1));
    let record = report.record();
    assert_eq!(record.verdict, Verdict::Clean, "{}", story(record));
    // The second is not even tried with gates, once the first has shown it.
    for scenario in ["crowd", "plain-concurrency"] {
        let released = (scenario.to_owned(), "order-released".to_owned(), "serialised");
        assert!(prevented(record).contains(&released), "{:?}", prevented(record));
    }
    // A gate that expires is counted; without giving up on them there would be one for every wave of every case.
    let scenario = record.scenarios.iter().find(|scenario| scenario.name == "plain-concurrency").unwrap();
    let expired = scenario.obligations.iter().find(|obligation| obligation.name == "order-released");
    assert!(expired.is_some_and(|obligation| obligation.count < 20), "{expired:?}");
}

#[tokio::test]
async fn a_run_can_be_awaited_in_a_single_threaded_runtime() {
    let out = tempfile::tempdir().unwrap();
    let builder = crosswire::builder().gateway(Gateway::in_process(serve)).out(&out.path().join("run"));
    let report = builder.scenarios("surplus-same-segment").cases(2).seed(1).run().await.unwrap();
    report.assert_isolated();
}
