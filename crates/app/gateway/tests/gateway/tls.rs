//! TLS: who believes the certificate gets everything, who does not gets nothing.

use client::{Client, Trust};
use clock::Clock;
use futures_util::StreamExt;
use gateway::{Gateway, GatewayError, Listener, Tls};
use rcgen::{CertificateParams, KeyPair};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{REGION, Running, join, root};

/// A certificate of its own making, with its key.
fn self_signed() -> (String, String) {
    let key = KeyPair::generate().expect("a key");
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let params = CertificateParams::new(names).expect("names");
    let certificate = params.self_signed(&key).expect("signed");
    (certificate.pem(), key.serialize_pem())
}

fn trusting(running: &Running, pem: &str) -> Client {
    let trust = Trust::only(pem.as_bytes()).expect("a certificate");
    let clock = Clock::system();
    Client::trusting(trust, &running.endpoint, REGION, root(), clock).expect("endpoint")
}

#[tokio::test]
async fn calls_and_websockets_over_tls() {
    let (certificate, key) = self_signed();
    let tls = Tls::new(certificate.as_bytes(), key.as_bytes()).expect("usable");
    let running = Running::start_on(Some(tls.clone()), |builder| builder).await;
    let client = trusting(&running, &certificate);
    let answer = join(&client, "one").await.expect("answered");
    assert_eq!(answer.node_id.as_deref(), Some("one"));
    let mut socket = client.websocket("/acs/ws").await.expect("opened");
    assert!(socket.next().await.expect("hello").is_ok());

    let stranger = running.client(root());
    let error = join(&stranger, "two").await.expect_err("not believed");
    assert!(matches!(error, client::Error::Tls { .. }), "{error}");
    assert!(error.to_string().contains("--ca-certificate"), "{error}");
    assert!(!error.is_transient());

    // The next connections get the new certificate; those that stand go on.
    let (other, other_key) = self_signed();
    tls.replace(other.as_bytes(), other_key.as_bytes())
        .expect("usable");
    join(&client, "kept").await.expect("on its connection");
    assert!(join(&trusting(&running, &certificate), "x").await.is_err());
    join(&trusting(&running, &other), "x")
        .await
        .expect("answered");
}

#[tokio::test]
async fn plain_http_at_a_tls_port_is_not_answered() {
    let (certificate, key) = self_signed();
    let tls = Tls::new(certificate.as_bytes(), key.as_bytes()).expect("usable");
    let running = Running::start_on(Some(tls), |builder| builder).await;
    let mut stream = TcpStream::connect(running.address)
        .await
        .expect("connected");
    let request = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    stream.write_all(request).await.expect("sent");
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert!(
        !answer.starts_with(b"HTTP"),
        "{}",
        String::from_utf8_lossy(&answer)
    );
}

#[test]
fn beyond_loopback_only_with_a_certificate() {
    let build = |listener: Listener| {
        Gateway::builder(Clock::system(), REGION)
            .listener(listener)
            .credentials(std::sync::Arc::new(identity::AccessKeys::fixed([])))
            .build()
            .map(drop)
    };
    let address = "0.0.0.0:0".parse().expect("an address");
    let refused = build(Listener::all(address));
    assert!(matches!(refused, Err(GatewayError::PlainHttp { .. })));
    let (certificate, key) = self_signed();
    let tls = Tls::new(certificate.as_bytes(), key.as_bytes()).expect("usable");
    build(Listener::all(address).tls(Some(tls))).expect("with TLS");
    build(Listener::metrics(address)).expect("numbers are no secrets");
}

#[test]
fn a_key_of_another_certificate_is_refused() {
    let (certificate, _) = self_signed();
    let (_, key) = self_signed();
    for (certificate, key) in [(&*certificate, &*key), ("", &key), (&certificate, "")] {
        let refused = Tls::new(certificate.as_bytes(), key.as_bytes());
        assert!(matches!(refused, Err(GatewayError::Certificate { .. })));
    }
}
