//! Under clients that speak TLS: what is spoken inside is decided and answered as in the clear.

use std::process::{Command, Stdio};

use mock_upstream::{Drained, Origin};
use transport::Address;
use transport::tls::Connector;
use vocabulary::canary::Site;

use crate::h2::foreign::run;
use crate::h2::peer::Peer;
use crate::stage::{Stage, WAIT, ok};

/// Where it is set, the clients of every scene speak TLS.
pub(crate) const OVER_TLS: &str = "CROSSWIRE_TEST_OVER_TLS";

/// The origin's address for clients that speak TLS and offer these protocols.
pub(crate) fn address(origin: &Origin, protocols: &[&str]) -> Address {
    origin.address().clone().over_tls(Connector::new("127.0.0.1", protocols).unwrap())
}

#[test]
fn every_scene_plays_over_tls_as_well() {
    let scenes = Command::new(std::env::current_exe().unwrap())
        .args(["--skip", "tls::"])
        .env(OVER_TLS, "1")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(scenes.status.success(), "{}", String::from_utf8_lossy(&scenes.stdout));
}

#[tokio::test]
async fn one_port_takes_either_version_in_the_clear_and_over_tls() {
    let mut stage = Stage::new();
    stage.load(&[(1, vec![ok(70_000)])], Vec::new());
    let clear = stage.origin().address().clone();
    // What was agreed on does not count, and what comes does.
    let secured = [[].as_slice(), &["h2"], &["http/1.1"]].map(|protocols| address(stage.origin(), protocols));
    for (place, entrance) in [clear].into_iter().chain(secured).enumerate() {
        stage = stage.at(entrance);
        let agreed = [None, None, Some("h2"), Some("http/1.1")][place];
        let mut client = stage.connect().await;
        assert_eq!(client.stream.agreed(), agreed);
        client.send(format!("{}{}", stage.get(1), stage.get(2))).await;
        for exchange in [1, 2] {
            assert_eq!(client.reply().await.owner.map(|(exchange, _)| exchange), Some(exchange));
        }
        let mut peer = Peer::connect(&stage).await;
        let id = peer.get(3).await;
        assert_eq!(peer.reply(id).await.owner.map(|(exchange, _)| exchange), Some(3));
    }
    let streams: Vec<bool> = stage.seen(3, 4).await.iter().map(|seen| seen.stream.is_some()).collect();
    assert_eq!(streams, [true; 4]);
}

#[tokio::test]
async fn who_begins_a_handshake_and_does_not_end_it_harms_nobody() {
    let stage = Stage::new();
    let mut no_handshake = stage.connect().await;
    no_handshake.send(b"\x16\x03\x01\x00\x05hello").await;
    assert!(!no_handshake.is_reset().await);
    let (mut half, silent) = (stage.connect().await, stage.connect().await);
    half.send(b"\x16\x03").await;
    let secured = address(stage.origin(), &[]);
    let stage = stage.at(secured);
    let mut other = stage.connect().await;
    other.send(stage.get(1)).await;
    assert_eq!(other.reply().await.owner, Some((1, 1)));
    assert_eq!(stage.origin().open_connections(), 3);
    let clients = async {
        half.is_reset().await;
        for mut client in [silent, other] {
            assert_eq!(client.rest().await, b"");
        }
    };
    let (drained, ()) = tokio::join!(stage.origin().close_connections(WAIT), clients);
    assert_eq!(drained, Drained { closed_in_order: 2, reset: 1 });
}

#[test]
fn curl_is_served_well_in_either_version_of_either_protocol() {
    let stage = Stage::new();
    let asked = [
        (["--http1.1", "--tlsv1.3"].as_slice(), "1.1"),
        (&["--http1.1", "--tls-max", "1.2"], "1.1"),
        (&["--http2", "--tlsv1.3"], "2"),
        (&["--http2", "--tls-max", "1.2"], "2"),
        (&["--http1.1", "--no-alpn"], "1.1"),
    ];
    for (exchange, (arguments, spoken)) in (1..).zip(asked) {
        stage.load(&[(exchange, vec![ok(100_000)])], Vec::new());
        let url = format!("https://{}/{}", stage.origin().addr(), stage.canary(exchange, Site::Path));
        let quiet = ["-ksS", "-o", "/dev/null", "-w", "%{http_version} %{http_code} %{size_download}", &url];
        let Some(said) = run("curl", "curl", &[arguments, &quiet].concat()) else { return };
        assert_eq!(said, format!("{spoken} 200 100000"), "{arguments:?}");
    }
}

#[test]
fn h2load_is_served_without_an_error() {
    let stage = Stage::new();
    let uri = format!("https://{}/stranger", stage.origin().addr());
    let Some(said) = run("h2load", "nghttp2-client", &["-c4", "-m32", "-n", "5000", &uri]) else { return };
    assert!(said.contains("5000 succeeded, 0 failed, 0 errored, 0 timeout"), "{said}");
}
