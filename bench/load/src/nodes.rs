//! Nodes without containers: what the server sees of an agent, and no more.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use anyhow::{Context, bail};
use api_ecs::{
    operations::RegisterContainerInstance,
    types::{Attribute, RegisterContainerInstanceRequest, Resource},
};
use api_gantry::{
    operations::JoinNode,
    types::{JoinNodeRequest, NodeCapacity},
};
use client::WebSocket;
use futures_util::{SinkExt, StreamExt};
use identity::Credentials;
use link::{AcsQuery, acs};
use tokio_tungstenite::tungstenite::Message;

use crate::Server;

/// More than all tasks of a run ask for.
const ENDLESS: i32 = 1_000_000_000;

/// The nodes, for as long as this lives.
pub struct Nodes {
    tasks_heard: Arc<AtomicUsize>,
}

impl Nodes {
    /// Tasks that payloads brought.
    pub fn heard(&self) -> usize {
        self.tasks_heard.load(Ordering::Relaxed)
    }
}

pub async fn connect(root: &Server, count: usize) -> anyhow::Result<Nodes> {
    let tasks_heard = Arc::new(AtomicUsize::new(0));
    for number in 0..count {
        let mut socket = open(root, number).await?;
        let heard = Arc::clone(&tasks_heard);
        // Until the manifest is there the server may not count the node as connected.
        match socket.next().await {
            Some(Ok(Message::Text(_))) => {}
            other => bail!("node {number}: instead of a manifest came {other:?}"),
        }
        root.clock.spawn("node", async move {
            if let Err(error) = acknowledge(socket, &heard).await {
                eprintln!("node {number}: {error:#}");
            }
        });
    }
    Ok(Nodes { tasks_heard })
}

async fn open(root: &Server, number: usize) -> anyhow::Result<WebSocket> {
    let join = JoinNodeRequest {
        node_name: Some(format!("double-{number}")),
        capacity: Some(NodeCapacity::SERVERLESS),
        ..JoinNodeRequest::default()
    };
    let joined = root.client()?.call::<JoinNode>(join).await?;
    let node = Server {
        credentials: Credentials::new(
            joined.access_key_id.context("no accessKeyId")?,
            joined.secret_access_key.context("no secretAccessKey")?,
        ),
        ..root.clone()
    };
    let client = node.client()?;
    let registered = client
        .call::<RegisterContainerInstance>(registration())
        .await?;
    let arn = registered
        .container_instance
        .and_then(|instance| instance.container_instance_arn);
    let query = AcsQuery {
        cluster: "default".into(),
        container_instance_arn: arn.context("no containerInstanceArn")?,
        protocol_version: Some(2),
        ..AcsQuery::default()
    };
    let path = format!("/acs/ws?{}", query.encode());
    Ok(client.websocket(&path).await?)
}

async fn acknowledge(mut socket: WebSocket, heard: &AtomicUsize) -> anyhow::Result<()> {
    while let Some(message) = socket.next().await {
        let Message::Text(text) = message? else {
            continue;
        };
        let answer: acs::Message = match acs::Message::parse(&text)? {
            acs::Message::Payload(payload) => {
                heard.fetch_add(payload.tasks.len(), Ordering::Relaxed);
                acs::AckRequest {
                    cluster: payload.cluster_arn,
                    container_instance: payload.container_instance_arn,
                    message_id: payload.message_id,
                }
                .into()
            }
            acs::Message::Heartbeat(heartbeat) => acs::HeartbeatAckRequest {
                message_id: heartbeat.message_id,
            }
            .into(),
            _ => continue,
        };
        socket.send(Message::text(answer.encode())).await?;
    }
    Ok(())
}

fn registration() -> RegisterContainerInstanceRequest {
    let attribute = |name: &str, value: &str| Attribute {
        name: Some(name.into()),
        value: Some(value.into()),
        ..Attribute::default()
    };
    let resource = |name: &str| Resource {
        name: Some(name.into()),
        r#type: Some("INTEGER".into()),
        integer_value: Some(ENDLESS),
        ..Resource::default()
    };
    RegisterContainerInstanceRequest {
        cluster: Some("default".into()),
        total_resources: Some(vec![resource("CPU"), resource("MEMORY")]),
        attributes: Some(vec![
            attribute("gantry.capacity", "serverless"),
            attribute("ecs.os-type", "linux"),
            attribute("ecs.cpu-architecture", "x86_64"),
        ]),
        ..RegisterContainerInstanceRequest::default()
    }
}
