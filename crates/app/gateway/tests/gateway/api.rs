//! Calls of an API: who may, who may not, and what is answered.

use clock::Clock;
use gateway::{Gateway, GatewayError, Listener};
use identity::{AccessKeys, Credentials};

use crate::support::{ACCOUNT, REGION, Running, join, root, service_error};

#[tokio::test]
async fn a_signed_call_is_answered() {
    let running = Running::start().await;
    let client = running.client(root());
    for round in 0..3 {
        let name = format!("näme \"{round}\"");
        let answer = join(&client, &name).await.expect("answered");
        assert_eq!(answer.node_id, Some(name));
        assert_eq!(answer.account.as_deref(), Some(ACCOUNT));
        assert_eq!(answer.region.as_deref(), Some(REGION));
        assert_eq!(answer.access_key_id.as_deref(), Some("AKIAROOT"));
    }
    let error = service_error(join(&client, "bad").await);
    assert_eq!(error.code, "InvalidParameterException");
    assert_eq!((error.message.as_str(), error.status), ("bad", 400));
}

#[tokio::test]
async fn bad_signatures_are_refused() {
    let running = Running::start().await;
    let wrong = Credentials::new("AKIAROOT", "another");
    let error = service_error(running.join(wrong, "x").await);
    assert_eq!(error.code, "InvalidSignatureException");
    assert!(
        error
            .message
            .starts_with("The request signature we calculated does not match")
    );
    let stranger = Credentials::new("AKIASTRANGER", "another");
    let error = service_error(running.join(stranger, "x").await);
    assert_eq!(error.code, "UnrecognizedClientException");

    let elsewhere =
        client::Client::new(&running.endpoint, "eu-west-1", root(), Clock::system()).expect("url");
    let error = service_error(join(&elsewhere, "x").await);
    assert!(error.message.contains("valid region, not 'eu-west-1'"));
}

#[tokio::test]
async fn nodes_may_what_agents_need() {
    let running = Running::start().await;
    let error = service_error(running.join(running.node.clone(), "x").await);
    assert_eq!(error.code, "AccessDeniedException");
    assert!(
        error
            .message
            .contains("is not authorized to perform: gantry:JoinNode on resource: arn:of:it"),
        "{error}"
    );
    let answer = running.join(running.node.clone(), "as-agent").await;
    let key = answer.expect("allowed").access_key_id;
    assert_eq!(key, Some(running.node.access_key_id.clone()));
}

#[tokio::test]
async fn a_panic_is_an_internal_failure_and_no_more() {
    let running = Running::start().await;
    let client = running.client(root());
    let error = service_error(join(&client, "panic").await);
    assert_eq!((&*error.code, error.status), ("InternalFailure", 500));
    assert!(!error.message.contains("asked for"));
    join(&client, "next").await.expect("still serving");
}

#[tokio::test]
async fn host_names_do_not_matter() {
    let running = Running::start().await;
    let endpoint = format!("http://gantry.localhost:{}", running.address.port());
    let client = client::Client::new(&endpoint, REGION, root(), Clock::system()).expect("url");
    join(&client, "x").await.expect("answered");
}

#[tokio::test]
async fn what_would_be_unsafe_is_not_built() {
    let builder = |address: &str| {
        let address = address.parse().expect("address");
        (
            Gateway::builder(Clock::system(), REGION),
            Listener::all(address),
        )
    };
    let keys = || std::sync::Arc::new(AccessKeys::fixed([]));
    let (gateway, listener) = builder("0.0.0.0:0");
    let error = gateway
        .listener(listener.clone())
        .credentials(keys())
        .build();
    let error = error.err().expect("refused");
    assert!(matches!(error, GatewayError::PlainHttp { .. }));
    assert!(error.to_string().contains("TLS"), "{error}");

    let (gateway, _) = builder("0.0.0.0:0");
    let allowed = listener.allow_plain_http(true);
    let built = gateway
        .listener(allowed.clone())
        .credentials(keys())
        .build();
    assert!(built.is_ok());

    let (gateway, _) = builder("0.0.0.0:0");
    let error = gateway.listener(allowed).no_authentication(ACCOUNT).build();
    assert!(matches!(
        error.err(),
        Some(GatewayError::NoAuthentication { .. })
    ));

    let (gateway, listener) = builder("[::1]:0");
    let error = gateway.listener(listener).build().err();
    assert!(matches!(error, Some(GatewayError::NoCredentials)));
    let (gateway, _) = builder("[::1]:0");
    let error = gateway.credentials(keys()).build().err();
    assert!(matches!(error, Some(GatewayError::NoListener)));
}

#[tokio::test]
async fn a_port_in_use_is_told() {
    let running = Running::start().await;
    let gateway = Gateway::builder(Clock::system(), REGION)
        .listener(Listener::all(running.address))
        .no_authentication(ACCOUNT)
        .build()
        .expect("sound");
    let error = gateway.bind().await.err().expect("taken").to_string();
    assert!(error.contains(&running.address.to_string()), "{error}");
}
