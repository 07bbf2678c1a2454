//! Well-behaved clients that others have written: crate h2, and the programs curl, nghttp and h2load where they are
//! installed.

use std::process::{Command, Stdio};

use h2::client::SendRequest;
use hyper::body::Bytes;
use vocabulary::canary::Site;
use vocabulary::directive::{Frames, Table};
use vocabulary::history::{Closer, Observation};

use crate::stage::{Stage, WAIT, final_with, ok};

/// What crate h2 has read of a reply.
struct Read {
    status: u16,
    body: Vec<u8>,
    trailer: Option<String>,
}

/// A client of crate h2 and its driver.
async fn connect(stage: &Stage) -> (SendRequest<Bytes>, tokio::task::JoinHandle<Result<(), h2::Error>>) {
    let (client, connection) = h2::client::Builder::new()
        // An origin that sends byte by byte is slow, and no attacker.
        .data_frame_budget(64 * 1024 * 1024)
        .handshake(stage.open().await)
        .await
        .unwrap();
    (client, tokio::spawn(connection))
}

async fn ask(client: &SendRequest<Bytes>, canary: String, body: Option<&[u8]>) -> Result<Read, h2::Error> {
    let mut client = client.clone().ready().await?;
    let request = http::Request::post("http://origin/").header("x-crosswire", canary).body(()).unwrap();
    let (reply, mut sender) = client.send_request(request, body.is_none())?;
    for part in body.into_iter().flat_map(|body| body.chunks(10_000)) {
        sender.reserve_capacity(part.len());
        sender.send_data(Bytes::copy_from_slice(part), false)?;
    }
    if body.is_some() {
        let trailer = http::HeaderMap::from_iter([(http::HeaderName::from_static("x-end"), "1".parse().unwrap())]);
        sender.send_trailers(trailer)?;
    }
    let (head, mut stream) = reply.await?.into_parts();
    let mut body = Vec::new();
    while let Some(part) = stream.data().await {
        let part = part?;
        stream.flow_control().release_capacity(part.len())?;
        body.extend_from_slice(&part);
    }
    let trailer = stream.trailers().await?;
    let trailer = trailer.map(|fields| fields["x-crosswire-end"].to_str().unwrap().to_owned());
    Ok(Read { status: head.status.as_u16(), body, trailer })
}

#[tokio::test]
async fn a_client_of_crate_h2_is_served_well_whatever_the_frames_look_like() {
    let stage = Stage::new();
    let plain = Frames::default();
    let shapes = [
        plain,
        Frames { data: 100, padding: 30, ..plain },
        Frames { end_apart: true, block: 5, ..plain },
        Frames { table: Table::Filled, ..plain },
        Frames { table: Table::Unused, ..plain },
    ];
    let acts = |frames, trailers| {
        vec![final_with(20_000, |reply| {
            reply.frames = frames;
            reply.trailers = trailers;
        })]
    };
    let planned =
        (1..=60).map(|exchange| (exchange, acts(shapes[exchange as usize % shapes.len()], exchange % 2 == 0)));
    stage.load(&planned.collect::<Vec<_>>(), Vec::new());
    let (client, driver) = connect(&stage).await;
    let peer = super::peer::Peer::connect(&stage).await;
    let mut waiting = tokio::task::JoinSet::new();
    for exchange in 1..=60 {
        let (client, canary) = (client.clone(), stage.canary(exchange, Site::Header));
        waiting.spawn(async move {
            let body = vec![b'x'; 70_000];
            (exchange, ask(&client, canary, (exchange % 3 == 0).then_some(body.as_slice())).await)
        });
    }
    while let Some(done) = waiting.join_next().await {
        let (exchange, read) = done.unwrap();
        let read = read.unwrap();
        assert_eq!((read.status, read.body.len()), (200, 20_000));
        assert_eq!(peer.owner(&read.body), Some((exchange, 1)));
        assert_eq!(read.trailer.is_some(), exchange % 2 == 0);
    }
    drop(client);
    tokio::time::timeout(WAIT, driver).await.unwrap().unwrap().unwrap();
    let closed = stage.until("the end", |all| {
        all.iter().find_map(|it| match it {
            Observation::UpstreamClosed { by, .. } => Some(*by),
            _ => None,
        })
    });
    assert_eq!(closed.await, Closer::Gateway);
}

#[tokio::test]
async fn a_client_of_crate_h2_learns_of_a_reset_and_of_a_refusal() {
    use vocabulary::directive::{OriginAct, ResetCode};
    for (planned, reason) in
        [(ResetCode::RefusedStream, h2::Reason::REFUSED_STREAM), (ResetCode::Cancel, h2::Reason::CANCEL)]
    {
        let stage = Stage::with(vec![OriginAct::Reset(planned)]);
        let (client, _driver) = connect(&stage).await;
        let refused = ask(&client, stage.canary(1, Site::Header), None).await.err().unwrap();
        assert_eq!(refused.reason(), Some(reason));
        let read = ask(&client, stage.canary(2, Site::Header), None).await.unwrap();
        assert_eq!(read.body.len(), 256);
    }
}

#[tokio::test]
async fn a_client_of_crate_h2_sees_the_end_of_its_connection_in_order() {
    let stage = Stage::new();
    let (client, driver) = connect(&stage).await;
    ask(&client, stage.canary(1, Site::Header), None).await.unwrap();
    let drained = stage.origin().close_connections(WAIT).await;
    assert_eq!((drained.closed_in_order, drained.reset), (1, 0));
    tokio::time::timeout(WAIT, driver).await.unwrap().unwrap().unwrap();
}

/// What a program says, or none if it is not installed. Its Debian package is named where it is missing.
pub(crate) fn run(program: &str, package: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output();
    match output {
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(
                output.status.success(),
                "{program}: {}\n{}",
                output.status,
                String::from_utf8_lossy(&output.stderr)
            );
            Some(said)
        }
        Err(_) => {
            eprintln!("skipped: {program} is not installed (Debian package {package})");
            None
        }
    }
}

#[test]
fn curl_is_served_well() {
    let stage = Stage::with(vec![ok(70_000)]);
    let addr = stage.origin().addr();
    let uri = |exchange| format!("http://{addr}/{}", stage.canary(exchange, Site::Path));
    let format = "%{http_version} %{http_code} %{size_download}";
    let upload = "x".repeat(100_000);
    // One request a connection: curl 7.88 does not use one again of which it knew the version beforehand.
    for (exchange, body, expected) in [(1, None, "2 200 70000"), (2, Some(upload.as_str()), "2 200 256")] {
        let mut arguments = vec!["--http2-prior-knowledge", "-sS", "-o", "/dev/null", "-w", format];
        arguments.extend(body.into_iter().flat_map(|body| ["--data-binary", body]));
        let uri = uri(exchange);
        arguments.push(&uri);
        let Some(said) = run("curl", "curl", &arguments) else { return };
        assert_eq!(said, expected);
    }
}

#[test]
fn h2_of_python_is_served_well() {
    let found =
        run("python3", "python3", &["-c", "import importlib.util as of; print(of.find_spec('h2') is not None)"]);
    if found.as_deref().map(str::trim) != Some("True") {
        eprintln!("skipped: Python's h2 is not installed (Debian package python3-h2)");
        return;
    }
    // Bodies larger than the windows in both directions, ten streams beside each other.
    let stage = Stage::new();
    stage.load(&(1..=10).map(|exchange| (exchange, vec![ok(150_000)])).collect::<Vec<_>>(), Vec::new());
    let port = stage.origin().addr().port().to_string();
    let paths: Vec<String> = (1..=10).map(|exchange| stage.canary(exchange, Site::Path)).collect();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/origin/h2/python_h2.py");
    let arguments: Vec<&str> = [script, &port, "200000"].into_iter().chain(paths.iter().map(String::as_str)).collect();
    let said = run("python3", "python3", &arguments).expect("it has just answered");
    assert_eq!(said, "200 150000\n".repeat(10));
}

#[test]
fn nghttp_is_served_well() {
    let stage = Stage::new();
    let uris: Vec<String> = (1..=20)
        .map(|exchange| format!("http://{}/{}", stage.origin().addr(), stage.canary(exchange, Site::Path)))
        .collect();
    let arguments: Vec<&str> =
        ["-n", "-s", "-v", "-b", "20"].into_iter().chain(uris.iter().map(String::as_str)).collect();
    let Some(said) = run("nghttp", "nghttp2-client", &arguments) else { return };
    assert_eq!(said.matches(":status: 200").count(), 20, "{said}");
    assert!(!said.contains("RST_STREAM") && !said.contains("INVALID"), "{said}");
}

#[test]
fn h2load_is_served_without_an_error() {
    let stage = Stage::new();
    // Of a hundred thousand replies to strangers, and of some to exchanges.
    for (count, path) in [("100000", "stranger".to_owned()), ("2000", stage.canary(1, Site::Path))] {
        let uri = format!("http://{}/{path}", stage.origin().addr());
        let Some(said) = run("h2load", "nghttp2-client", &["-c4", "-m32", "-n", count, &uri]) else { return };
        assert!(said.contains(&format!("{count} succeeded, 0 failed, 0 errored, 0 timeout")), "{said}");
        assert!(said.contains(&format!("status codes: {count} 2xx")), "{said}");
    }
}
