//! The agents' websockets.

use futures_util::{SinkExt, StreamExt};
use identity::Credentials;

use crate::support::{Running, root};

#[tokio::test]
async fn a_signed_handshake_is_upgraded() {
    let running = Running::start().await;
    let client = running.client(running.node.clone());
    // As Amazon's agent writes its query: a space as a plus.
    let path = "/acs/ws?agentVersion=1.105.1&dockerVersion=DockerVersion%3A+24";
    let mut socket = client.websocket(path).await.expect("opened");
    let hello = socket.next().await.expect("open").expect("message");
    let hello = hello.into_text().expect("text");
    assert!(hello.contains("node-1"), "{hello}");
    assert!(
        hello.ends_with("dockerVersion=DockerVersion%3A+24"),
        "{hello}"
    );
    for text in ["{}", "ü"] {
        socket.send(text.into()).await.expect("sent");
        let echo = socket.next().await.expect("open").expect("message");
        assert_eq!(echo.into_text().expect("text"), text);
    }
}

#[tokio::test]
async fn refusals_are_what_agents_understand() {
    let running = Running::start().await;
    let refused = async |credentials: Credentials, path: &str| {
        let opened = running.client(credentials).websocket(path).await;
        match opened.expect_err("refused") {
            client::Error::WebSocketRefused { status, body, .. } => (status, body),
            other => panic!("{other}"),
        }
    };
    let (status, body) = refused(Credentials::new("AKIAROOT", "x"), "/acs/ws").await;
    assert_eq!(status, 400);
    assert!(
        body.starts_with(r#"{"message":{"message":"The request signature"#),
        "{body}"
    );
    assert!(
        body.ends_with(r#""type":"InvalidSignatureException"}"#),
        "{body}"
    );
    let (_, body) = refused(running.node.clone(), "/acs/ws?inactive").await;
    assert!(body.contains("InactiveInstanceException"), "{body}");
    let (_, body) = refused(running.node.clone(), "/acs/ws?forbidden").await;
    assert!(body.contains("AccessDeniedException"), "{body}");
    let (_, body) = refused(root(), "/other/ws").await;
    assert!(body.contains("UnknownOperationException"), "{body}");
}
