//! A gateway with one service and one kind of websocket, on a port of its own.

use std::sync::Arc;
use std::time::Duration;

use api_gantry::operations::JoinNode;
use api_gantry::types::{JoinNodeRequest, JoinNodeResponse};
use client::Client;
use clock::Clock;
use futures_util::{SinkExt, StreamExt};
use gateway::{
    Gateway, GatewayBuilder, Listener, ServerSocket, Tls, WebSocketHandler, WebSocketRequest,
};
use identity::{AccessKeyRecord, AccessKeys, Credentials};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use wire::{
    Access, AnyShape, BoxFuture, Caller, Error, Handle, Service, ServiceCall, ServiceSchema,
};

pub const ACCOUNT: &str = "123456789012";
pub const REGION: &str = "us-east-1";

pub fn root() -> Credentials {
    Credentials::new("AKIAROOT", "secret-of-root")
}

/// Answers with what it was told; its name asks for the rest.
struct Joining;

impl Handle<JoinNode> for Joining {
    fn access(&self, _caller: &Caller, input: &JoinNodeRequest) -> Access {
        let as_agent = input.node_name.as_deref() == Some("as-agent");
        Access::action(if as_agent {
            "ecs:RegisterContainerInstance"
        } else {
            "gantry:JoinNode"
        })
        .resource("arn:of:it")
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: JoinNodeRequest,
    ) -> Result<JoinNodeResponse, Error> {
        match input.node_name.as_deref() {
            Some("panic") => panic!("asked for"),
            Some("slow") => Clock::system().sleep(Duration::from_millis(300)).await,
            Some("bad") => return Err(Error::client("InvalidParameterException", "bad")),
            _ => {}
        }
        Ok(JoinNodeResponse {
            node_id: input.node_name,
            access_key_id: Some(caller.access_key_id.clone()),
            account: Some(caller.account.clone()),
            region: Some(caller.region.clone()),
            ..Default::default()
        })
    }
}

impl Service for Joining {
    fn schema(&self) -> &'static ServiceSchema {
        &api_gantry::SERVICE
    }

    fn call<'a>(
        &'a self,
        call: ServiceCall<'a>,
    ) -> BoxFuture<'a, Result<Box<dyn AnyShape>, Error>> {
        wire::serve::<JoinNode, _>(self, call)
    }
}

/// Sends back what it gets, after it said who the caller is.
struct Echo;

impl WebSocketHandler for Echo {
    fn access(&self, request: &WebSocketRequest) -> Access {
        Access::action(match request.query.as_str() {
            "forbidden" => "ecs:ExecuteCommand",
            _ => "ecs:Poll",
        })
    }

    fn admit(&self, request: &WebSocketRequest) -> Result<(), Error> {
        match request.query.as_str() {
            "inactive" => Err(Error::client("InactiveInstanceException", "gone")),
            _ => Ok(()),
        }
    }

    fn open(
        self: Arc<Self>,
        mut request: WebSocketRequest,
        mut socket: ServerSocket,
    ) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let hello = format!("{}?{}", request.caller.arn(), request.query);
            socket.send(hello.into()).await.expect("sent");
            loop {
                let message = tokio::select! {
                    message = socket.next() => message,
                    () = request.shutdown.requested() => {
                        socket.close(None).await.expect("closed");
                        return;
                    }
                };
                match message {
                    Some(Ok(message)) if message.is_text() => {
                        socket.send(message).await.expect("sent")
                    }
                    _ => return,
                }
            }
        })
    }
}

pub struct Running {
    pub endpoint: String,
    pub address: std::net::SocketAddr,
    pub node: Credentials,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
}

impl Running {
    pub async fn start() -> Self {
        Self::start_with(|builder| builder).await
    }

    pub async fn start_with(change: impl FnOnce(GatewayBuilder) -> GatewayBuilder) -> Self {
        Self::start_on(None, change).await
    }

    pub async fn start_on(
        tls: Option<Tls>,
        change: impl FnOnce(GatewayBuilder) -> GatewayBuilder,
    ) -> Self {
        let scheme = if tls.is_some() { "https" } else { "http" };
        let clock = Clock::system();
        let node = AccessKeyRecord::mint_for_node("node-1", ACCOUNT, &clock);
        let node_credentials = node.credentials();
        let root = AccessKeyRecord::root(&root(), ACCOUNT, clock.now());
        let loopback = "127.0.0.1:0".parse().expect("address");
        let builder = Gateway::builder(clock.clone(), REGION)
            .listener(Listener::all(loopback).tls(tls))
            .service(Arc::new(Joining))
            .websocket("/acs/ws", Arc::new(Echo))
            .credentials(Arc::new(AccessKeys::fixed([root, node])));
        let gateway = change(builder).build().expect("sound");
        let bound = gateway.bind().await.expect("bound");
        let address = bound.addresses()[0];
        let (stop, stopped) = oneshot::channel();
        let serving = clock.spawn("gateway", async move {
            bound
                .serve(async {
                    let _ = stopped.await;
                })
                .await;
        });
        Self {
            endpoint: format!("{scheme}://{address}"),
            address,
            node: node_credentials,
            stop,
            serving,
        }
    }

    pub fn client(&self, credentials: Credentials) -> Client {
        Client::new(&self.endpoint, REGION, credentials, Clock::system()).expect("endpoint")
    }

    pub async fn join(
        &self,
        credentials: Credentials,
        name: &str,
    ) -> Result<JoinNodeResponse, client::Error> {
        join(&self.client(credentials), name).await
    }

    /// The gateway's own end, once it has been told to stop.
    pub fn stop(self) -> JoinHandle<()> {
        let _ = self.stop.send(());
        self.serving
    }
}

pub async fn join(client: &Client, name: &str) -> Result<JoinNodeResponse, client::Error> {
    client
        .call::<JoinNode>(JoinNodeRequest {
            node_name: Some(name.into()),
            ..Default::default()
        })
        .await
}

pub fn service_error(result: Result<JoinNodeResponse, client::Error>) -> Error {
    match result.expect_err("refused") {
        client::Error::Service(error) => error,
        other => panic!("not of the service: {other}"),
    }
}
