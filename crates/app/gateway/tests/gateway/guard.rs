//! What holds a busy or hostile world at bay: limits on slow clients, throttling; and the numbers and signs of life.

use std::time::Duration;

use clock::Clock;
use gateway::{ConnectionLimits, Throttle};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{ACCOUNT, Running, join, root, service_error};

const TARGET: &str =
    "X-Amz-Target: Gantry_20261120.JoinNode\r\nContent-Type: application/x-amz-json-1.1\r\n";
const SHORT: Duration = Duration::from_millis(150);

/// All of what the server says until it closes, which it must do soon.
async fn to_the_end(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let reading = stream.read_to_end(&mut answer);
    let ended = Clock::system()
        .timeout(Duration::from_secs(5), reading)
        .await;
    let _ = ended.expect("the server gives the connection up");
    String::from_utf8_lossy(&answer).into_owned()
}

async fn impatient(limits: ConnectionLimits) -> (Running, TcpStream) {
    let running = Running::start_with(|builder| builder.no_authentication(ACCOUNT).limits(limits));
    let running = running.await;
    let stream = TcpStream::connect(running.address)
        .await
        .expect("connected");
    (running, stream)
}

async fn get(running: &Running, path: &str) -> String {
    let mut stream = TcpStream::connect(running.address)
        .await
        .expect("connected");
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("sent");
    to_the_end(&mut stream).await
}

#[tokio::test]
async fn headers_that_never_end() {
    let limits = ConnectionLimits {
        headers: SHORT,
        ..ConnectionLimits::default()
    };
    let (_running, mut stream) = impatient(limits).await;
    stream
        .write_all(b"GET / HTTP/1.1\r\nHos")
        .await
        .expect("sent");
    let answer = to_the_end(&mut stream).await;
    assert!(answer.is_empty() || answer.contains(" 408 "), "{answer}");
}

#[tokio::test]
async fn a_body_that_never_comes() {
    let limits = ConnectionLimits {
        stall: SHORT,
        ..ConnectionLimits::default()
    };
    let (_running, mut stream) = impatient(limits).await;
    let request = format!("POST / HTTP/1.1\r\nHost: x\r\n{TARGET}Content-Length: 9\r\n\r\n{{");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let answer = to_the_end(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(answer.contains("RequestTimeoutException"), "{answer}");
}

#[tokio::test]
async fn a_body_that_trickles() {
    let limits = ConnectionLimits {
        stall: Duration::from_millis(300),
        ..ConnectionLimits::default()
    };
    let (_running, stream) = impatient(limits).await;
    let (mut reading, mut writing) = stream.into_split();
    let request = format!("POST / HTTP/1.1\r\nHost: x\r\n{TARGET}Content-Length: 5000\r\n\r\n");
    writing.write_all(request.as_bytes()).await.expect("sent");
    let clock = Clock::system();
    let trickling = clock.spawn("trickle", async move {
        let clock = Clock::system();
        while writing.write_all(b" ").await.is_ok() {
            clock.sleep(Duration::from_millis(20)).await;
        }
    });
    let mut answer = Vec::new();
    let ended = clock.timeout(Duration::from_secs(5), reading.read_to_end(&mut answer));
    let _ = ended
        .await
        .expect("given up, though something came all the time");
    let answer = String::from_utf8_lossy(&answer).into_owned();
    assert!(
        answer.contains("slower than 1024 bytes a second"),
        "{answer}"
    );
    trickling.abort();
}

#[tokio::test]
async fn an_answer_that_nobody_takes() {
    let limits = ConnectionLimits {
        stall: SHORT,
        ..ConnectionLimits::default()
    };
    let (running, mut stream) = impatient(limits).await;
    // Pages upon pages, and none of them read: the server must not hold them for ever.
    let asking = async {
        let requests = "GET / HTTP/1.1\r\nHost: x\r\n\r\n".repeat(1_000);
        while stream.write_all(requests.as_bytes()).await.is_ok() {}
    };
    let gone = Clock::system()
        .timeout(Duration::from_secs(20), asking)
        .await;
    gone.expect("the connection is given up");
    assert!(
        get(&running, "/metrics")
            .await
            .contains("\ngantry_connections 1\n")
    );
}

#[tokio::test]
async fn too_many_calls_are_throttled_and_nodes_never() {
    let throttle = Throttle::Uniform {
        burst: 2,
        per_second: 0,
    };
    let running = Running::start_with(|builder| builder.throttle(throttle)).await;
    for _ in 0..2 {
        running.join(root(), "x").await.expect("within the burst");
    }
    let error = service_error(running.join(root(), "x").await);
    assert_eq!(
        (&*error.code, &*error.message),
        ("ThrottlingException", "Rate exceeded")
    );
    assert_eq!(error.status, 400);
    for _ in 0..5 {
        let node = running.client(running.node.clone());
        join(&node, "as-agent").await.expect("never throttled");
    }
}

#[tokio::test]
async fn numbers_for_prometheus() {
    let running = Running::start().await;
    running.join(root(), "x").await.expect("answered");
    assert!(running.join(root(), "bad").await.is_err());
    let page = get(&running, "/metrics").await;
    assert!(
        page.contains("content-type: text/plain; version=0.0.4"),
        "{page}"
    );
    let labels = "service=\"gantry\",operation=\"JoinNode\"";
    for line in [
        format!("gantry_requests_total{{{labels},status=\"200\"}} 1"),
        format!("gantry_requests_total{{{labels},status=\"400\"}} 1"),
        format!("gantry_request_seconds_count{{{labels}}} 2"),
        "gantry_requests_in_flight 1".to_owned(),
    ] {
        assert!(page.lines().any(|found| found == line), "{line} in\n{page}");
    }
}

#[tokio::test]
async fn a_stop_says_so_before_it_closes() {
    let delay = Duration::from_millis(400);
    let running = Running::start_with(|builder| builder.drain_delay(delay)).await;
    assert!(get(&running, "/healthz").await.starts_with("HTTP/1.1 200 "));
    let address = running.address;
    let client = running.client(root());
    let stopped = running.stop();
    Clock::system().sleep(Duration::from_millis(100)).await;
    let mut stream = TcpStream::connect(address).await.expect("still accepting");
    let request = "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await.expect("sent");
    let answer = to_the_end(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    join(&client, "late")
        .await
        .expect("served while others are told");
    stopped.await.expect("no panic");
    assert!(TcpStream::connect(address).await.is_err(), "closed");
}
