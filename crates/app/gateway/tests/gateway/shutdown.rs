//! Stopping, and what clients see when nobody is there.

use std::time::Duration;

use client::Retries;
use clock::Clock;
use futures_util::StreamExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::{REGION, Running, join, root};

#[tokio::test]
async fn what_was_begun_is_finished() {
    let running = Running::start().await;
    let client = running.client(root());
    join(&client, "warm").await.expect("answered");
    let mut socket = running
        .client(running.node.clone())
        .websocket("/acs/ws")
        .await
        .expect("opened");
    socket.next().await.expect("hello").expect("message");
    let idle = running.client(root());
    join(&idle, "idle").await.expect("answered");

    let clock = Clock::system();
    let slow = {
        let client = client.clone();
        clock.spawn("slow", async move { join(&client, "slow").await })
    };
    clock.sleep(Duration::from_millis(100)).await;
    let endpoint = running.endpoint.clone();
    let stopped = running.stop();
    let answer = slow.await.expect("no panic").expect("answered");
    assert_eq!(answer.node_id.as_deref(), Some("slow"));
    let goodbye = socket.next().await.expect("a frame").expect("message");
    assert!(goodbye.is_close(), "{goodbye:?}");
    // The peer of a close answers it by reading on.
    while socket.next().await.is_some() {}
    let in_time = clock.timeout(Duration::from_secs(3), stopped).await;
    in_time.expect("well before the limit").expect("no panic");

    let error = join(&idle, "x").await.expect_err("nobody there");
    assert!(matches!(error, client::Error::Connect { .. }), "{error}");
    assert!(error.to_string().contains(&endpoint), "{error}");
    assert!(error.to_string().contains("gantry up"), "{error}");
}

/// Answers one canned response a connection, in turn; the last for ever.
async fn canned(answers: &'static [&'static str]) -> client::Client {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let address = listener.local_addr().expect("address");
    Clock::system().spawn("canned", async move {
        for index in 0.. {
            let (mut stream, _) = listener.accept().await.expect("accepted");
            let mut request = [0u8; 4096];
            let _ = stream.read(&mut request).await;
            let answer = answers[index.min(answers.len() - 1)];
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    let endpoint = format!("http://{address}");
    client::Client::new(&endpoint, REGION, root(), Clock::system()).expect("endpoint")
}

const BUSY: &str = "HTTP/1.1 503 Busy\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}";
const GOOD: &str =
    "HTTP/1.1 200 OK\r\nContent-Length: 16\r\nConnection: close\r\n\r\n{\"nodeId\":\"good\"";
const GOOD_WHOLE: &str =
    "HTTP/1.1 200 OK\r\nContent-Length: 17\r\nConnection: close\r\n\r\n{\"nodeId\":\"good\"}";

#[tokio::test]
async fn again_only_where_asked() {
    let client = canned(&[BUSY, "", GOOD_WHOLE]).await;
    let error = join(&client, "x").await.expect_err("busy");
    assert!(matches!(&error, client::Error::Service(error) if error.status == 503));

    let client = canned(&[BUSY, "", GOOD_WHOLE]).await;
    let patient = client.with_retries(Retries::attempts(3));
    let answer = join(&patient, "x").await.expect("the third time");
    assert_eq!(answer.node_id.as_deref(), Some("good"));

    let patient = canned(&[BUSY]).await.with_retries(Retries::attempts(2));
    assert!(join(&patient, "x").await.is_err());

    // Not JSON, so no reason to try again.
    let patient = canned(&[GOOD]).await.with_retries(Retries::attempts(9));
    let error = join(&patient, "x").await.expect_err("no answer");
    assert!(matches!(error, client::Error::Answer { .. }), "{error}");
}

#[tokio::test]
async fn silence_has_an_end() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let endpoint = format!("http://{}", listener.local_addr().expect("address"));
    let client = client::Client::new(&endpoint, REGION, root(), Clock::system()).expect("url");
    let hurried = client.with_call_timeout(Duration::from_millis(50));
    let error = join(&hurried, "x").await.expect_err("silence");
    assert!(matches!(error, client::Error::Timeout { .. }), "{error}");
    assert!(error.to_string().contains("0.05 s"), "{error}");
}
