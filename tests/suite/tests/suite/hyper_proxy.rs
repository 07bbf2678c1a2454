//! A gateway that nobody here wrote the HTTP of: the proxy of the examples, on hyper, in the test's own process.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use crosswire::{Builder, Gateway, Regressions};
use examples::proxy::{self, Proxy, Returned};
use http_body_util::{BodyExt, Full};
use hyper::Response;
use hyper::server::conn::http1 as server;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::sync::Mutex;
use vocabulary::verdict::Verdict;

use crate::{prevented, run, story};

#[test]
fn a_pooling_proxy_on_hyper_is_clean() {
    let (report, _out) = run(Gateway::in_process(proxy::serve), |builder| builder.cases(6).seed(1));
    assert_eq!(report.record().verdict, Verdict::Clean, "{}", story(report.record()));
}

/// The same behind one door: a request enters when the reply before it has been passed on.
async fn serve_one_at_a_time(listener: TcpListener, origin: SocketAddr) {
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    let (proxy, door) = (Proxy::new(origin, Returned::Cleared), Arc::new(Mutex::new(())));
    while let Ok((stream, _)) = listener.accept().await {
        let (proxy, door) = (Arc::clone(&proxy), Arc::clone(&door));
        let forward = service_fn(move |request| {
            let (proxy, door) = (Arc::clone(&proxy), Arc::clone(&door));
            async move {
                let _inside = door.lock().await;
                let reply = proxy.forward(request).await?;
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
    let builder = crosswire::builder().gateway(Gateway::in_process(proxy::serve)).out(&out.path().join("run"));
    let builder = builder.regressions(Regressions::Off);
    let report = builder.scenarios("surplus-same-segment").cases(2).seed(1).run().await.unwrap();
    report.assert_isolated();
}
