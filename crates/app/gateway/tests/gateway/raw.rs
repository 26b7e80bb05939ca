//! HTTP as bytes: what a client library would not send, or not so.

use std::time::Duration;

use clock::Clock;
use limits::WIRE_BODY_BYTES;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{ACCOUNT, Running};

const TARGET: &str =
    "X-Amz-Target: Gantry_20261120.JoinNode\r\nContent-Type: application/x-amz-json-1.1\r\n";

/// A gateway that takes any request, and a connection to it. It stops when it is dropped.
async fn open() -> (Running, TcpStream) {
    let running = Running::start_with(|builder| builder.no_authentication(ACCOUNT)).await;
    let stream = connect(&running).await;
    (running, stream)
}

async fn connect(running: &Running) -> TcpStream {
    TcpStream::connect(running.address)
        .await
        .expect("connected")
}

/// Sends, then reads until `until` has come.
async fn exchange(stream: &mut TcpStream, request: &str, until: &str) -> String {
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = Vec::new();
    let reading = async {
        while !String::from_utf8_lossy(&answer).contains(until) {
            let read = stream.read_buf(&mut answer).await.expect("read");
            assert_ne!(read, 0, "closed after {}", String::from_utf8_lossy(&answer));
        }
    };
    let timed = Clock::system()
        .timeout(Duration::from_secs(5), reading)
        .await;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    timed.unwrap_or_else(|_| panic!("no {until} in {answer}"));
    answer
}

#[tokio::test]
async fn pages_for_people_and_health() {
    let running = Running::start().await;
    let mut stream = connect(&running).await;
    let page = exchange(&mut stream, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "(/v2/)").await;
    assert!(page.starts_with("HTTP/1.1 200 OK\r\n"), "{page}");
    assert!(page.contains("content-type: text/plain"), "{page}");
    assert!(page.contains("x-amzn-requestid: "), "{page}");
    // On the same connection: it is kept.
    let request = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    let health = exchange(&mut stream, request, "ok\n").await;
    assert!(health.starts_with("HTTP/1.1 200 OK\r\n"), "{health}");
}

#[tokio::test]
async fn without_a_signature() {
    let running = Running::start().await;
    let mut stream = connect(&running).await;
    let request = format!("POST / HTTP/1.1\r\nHost: x\r\n{TARGET}Content-Length: 2\r\n\r\n{{}}");
    let answer = exchange(&mut stream, &request, "}").await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(
        answer.contains("\"__type\":\"MissingAuthenticationTokenException\""),
        "{answer}"
    );
    assert!(answer.contains("content-type: application/x-amz-json-1.1"));
}

#[tokio::test]
async fn what_means_no_operation() {
    let (_running, mut stream) = open().await;
    for request in [
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: Gantry_20261120.Nothing\r\nContent-Length: 0\r\n\r\n",
        "PUT /a/b?c HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
        "GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n",
    ] {
        let answer = exchange(&mut stream, request, "}").await;
        assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
        assert!(answer.contains("UnknownOperationException"), "{answer}");
        assert!(answer.contains("x-amzn-requestid: "), "{answer}");
    }
}

#[tokio::test]
async fn a_form_is_answered_as_forms_are() {
    let (_running, mut stream) = open().await;
    let form = "Content-Type: application/x-www-form-urlencoded";
    let body = "Action=Invent&Version=2010-01-01";
    let length = body.len();
    let request =
        format!("POST / HTTP/1.1\r\nHost: x\r\n{form}\r\nContent-Length: {length}\r\n\r\n{body}");
    let answer = exchange(&mut stream, &request, "</ErrorResponse>").await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(answer.contains("<Code>InvalidAction</Code>"), "{answer}");
    let too_long = WIRE_BODY_BYTES + 1;
    let request =
        format!("POST / HTTP/1.1\r\nHost: x\r\n{form}\r\nContent-Length: {too_long}\r\n\r\n");
    let answer = exchange(&mut stream, &request, "</ErrorResponse>").await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}

#[tokio::test]
async fn chunked_bodies_and_continue() {
    let (_running, mut stream) = open().await;
    let chunked = format!(
        "POST / HTTP/1.1\r\nHost: x\r\n{TARGET}Transfer-Encoding: chunked\r\n\r\n\
         e\r\n{{\"nodeName\":\"a\r\n4\r\nb\"}}\n\r\n0\r\n\r\n"
    );
    let answer = exchange(&mut stream, &chunked, "}").await;
    assert!(answer.contains("\"nodeId\":\"ab\""), "{answer}");

    let expecting = format!(
        "POST / HTTP/1.1\r\nHost: x\r\n{TARGET}Expect: 100-continue\r\nContent-Length: 17\r\n\r\n"
    );
    let interim = exchange(&mut stream, &expecting, "\r\n\r\n").await;
    assert!(interim.starts_with("HTTP/1.1 100 Continue"), "{interim}");
    let answer = exchange(&mut stream, "{\"nodeName\":\"cd\"}", "}").await;
    assert!(answer.contains("\"nodeId\":\"cd\""), "{answer}");
}

#[tokio::test]
async fn bodies_are_bounded() {
    let too_long = WIRE_BODY_BYTES + 1;
    let declared =
        format!("POST / HTTP/1.1\r\nHost: x\r\n{TARGET}Content-Length: {too_long}\r\n\r\n");
    // Refused by its length alone: no body is sent.
    let answer = exchange(&mut open().await.1, &declared, "}").await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(
        answer.contains("RequestEntityTooLargeException"),
        "{answer}"
    );

    let chunk = " ".repeat(too_long);
    let chunked = format!(
        "POST / HTTP/1.1\r\nHost: x\r\n{TARGET}Transfer-Encoding: chunked\r\n\r\n{too_long:x}\r\n{chunk}\r\n0\r\n\r\n"
    );
    let answer = exchange(&mut open().await.1, &chunked, "}").await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}

#[tokio::test]
async fn headers_are_bounded() {
    let long = "x".repeat(limits::GATEWAY_HEADER_BYTES);
    let request = format!("GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: {long}\r\n\r\n");
    let answer = exchange(&mut open().await.1, &request, "\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
}

#[tokio::test]
async fn a_websocket_path_without_a_handshake() {
    let request = "GET /acs/ws HTTP/1.1\r\nHost: x\r\n\r\n";
    let answer = exchange(&mut open().await.1, request, "protocol.").await;
    assert!(answer.starts_with("HTTP/1.1 426 "), "{answer}");
}
