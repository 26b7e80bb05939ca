//! An agent without containers: the other end of an ACS websocket in memory, and the reports that it sends. The real
//! agent is tested against real sockets in its own crate.

use std::{sync::Arc, time::Duration};

use api_ecs::{operations as op, types::*};
use futures_util::{SinkExt, StreamExt};
use link::{AcsQuery, acs};
use tokio::{io::DuplexStream, task::JoinHandle};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, protocol::Role},
};
use wire::{Caller, Error};

use super::{World, node};

pub struct Agent {
    pub caller: Caller,
    socket: WebSocketStream<DuplexStream>,
    server: JoinHandle<()>,
}

impl Agent {
    /// Connects as the node that registered the container instance, and reads the manifest.
    pub async fn connect(world: &World, node_id: &str, instance_arn: &str) -> Self {
        let mut agent = Self::open(world, node_id, instance_arn).await;
        let manifest = agent.hear(world).await;
        assert!(
            matches!(manifest, acs::Message::TaskManifest(_)),
            "{manifest:?}"
        );
        agent
    }

    /// Connects and reads nothing.
    pub async fn open(world: &World, node_id: &str, instance_arn: &str) -> Self {
        let query = AcsQuery {
            cluster: "default".into(),
            container_instance_arn: instance_arn.into(),
            protocol_version: Some(2),
            ..AcsQuery::default()
        }
        .encode();
        let caller = node(node_id);
        world.ecs.admit_acs(&caller, &query).unwrap();
        let (near, far) = tokio::io::duplex(1 << 20);
        let server = WebSocketStream::from_raw_socket(far, Role::Server, None).await;
        let (ecs, server_caller) = (Arc::clone(&world.ecs), caller.clone());
        let serving = async move {
            ecs.serve_acs(server_caller, &query, server, std::future::pending())
                .await;
        };
        let server = world.clock.spawn("acs", serving);
        let socket = WebSocketStream::from_raw_socket(near, Role::Client, None).await;
        Self {
            caller,
            socket,
            server,
        }
    }

    /// The next message that is no heartbeat.
    pub async fn hear(&mut self, world: &World) -> acs::Message {
        self.hear_within(world, Duration::from_secs(20))
            .await
            .expect("the server says something")
    }

    /// The next message that is no heartbeat, if it comes in time and the connection stands.
    pub async fn hear_within(&mut self, world: &World, limit: Duration) -> Option<acs::Message> {
        let next = async {
            loop {
                match self.socket.next().await? {
                    Ok(Message::Text(text)) => match acs::Message::parse(&text).unwrap() {
                        acs::Message::Heartbeat(heartbeat) => {
                            let ack = acs::HeartbeatAckRequest {
                                message_id: heartbeat.message_id,
                            };
                            self.say(ack.into()).await;
                        }
                        message => return Some(message),
                    },
                    Ok(Message::Close(_)) | Err(_) => return None,
                    Ok(_) => {}
                }
            }
        };
        world.clock.timeout(limit, next).await.ok().flatten()
    }

    /// The tasks of the next payload, which is acknowledged.
    pub async fn payload(&mut self, world: &World) -> Vec<acs::Task> {
        match self.hear(world).await {
            acs::Message::Payload(payload) => {
                let ack = acs::AckRequest {
                    message_id: payload.message_id,
                    ..acs::AckRequest::default()
                };
                self.say(ack.into()).await;
                payload.tasks
            }
            other => panic!("not a payload: {other:?}"),
        }
    }

    pub async fn say(&mut self, message: acs::Message) {
        self.socket
            .send(Message::text(message.encode()))
            .await
            .unwrap();
    }

    /// Reports a task, as its node.
    pub async fn submit(
        &self,
        world: &World,
        task_arn: &str,
        status: &str,
        containers: Vec<ContainerStateChange>,
    ) -> Result<(), Error> {
        let request = SubmitTaskStateChangeRequest {
            cluster: Some("default".into()),
            task: Some(task_arn.into()),
            status: Some(status.into()),
            containers: Some(containers),
            ..SubmitTaskStateChangeRequest::default()
        };
        world
            .call_as::<op::SubmitTaskStateChange>(&self.caller, request)
            .await
            .map(drop)
    }

    /// Drops the connection, and waits until the server has noticed.
    pub async fn disconnect(self) {
        drop(self.socket);
        self.server.await.unwrap();
    }
}

/// What an agent says of a container.
pub fn container_change(name: &str, status: &str) -> ContainerStateChange {
    ContainerStateChange {
        container_name: Some(name.into()),
        status: Some(status.into()),
        ..ContainerStateChange::default()
    }
}

/// The other end of a TCS websocket in memory.
pub struct Tcs {
    socket: WebSocketStream<DuplexStream>,
}

impl Tcs {
    pub async fn connect(world: &World, node_id: &str, instance_arn: &str) -> Self {
        let query = link::TcsQuery {
            container_instance_arn: instance_arn.into(),
            ..link::TcsQuery::default()
        }
        .encode();
        let caller = node(node_id);
        world.ecs.admit_tcs(&caller, &query).unwrap();
        let (near, far) = tokio::io::duplex(1 << 20);
        let server = WebSocketStream::from_raw_socket(far, Role::Server, None).await;
        let ecs = Arc::clone(&world.ecs);
        world.clock.spawn("tcs", async move {
            ecs.serve_tcs(caller, &query, server, std::future::pending())
                .await;
        });
        Self {
            socket: WebSocketStream::from_raw_socket(near, Role::Client, None).await,
        }
    }

    /// Sends a frame with headers, as agents do, and gives the answer to it.
    pub async fn ask(&mut self, world: &World, message: link::tcs::Message) -> link::tcs::Message {
        let envelope = message.encode();
        let frame = link::tcs::Frame {
            headers: vec![("Host", "127.0.0.1:4580")],
            payload: &envelope,
        };
        self.socket
            .send(Message::text(frame.encode()))
            .await
            .unwrap();
        let next = async {
            loop {
                let Some(Ok(Message::Text(text))) = self.socket.next().await else {
                    panic!("the server went away");
                };
                match link::tcs::Message::parse(&text).unwrap() {
                    link::tcs::Message::Heartbeat(_) => {}
                    message => return message,
                }
            }
        };
        world
            .clock
            .timeout(Duration::from_secs(20), next)
            .await
            .unwrap()
    }
}
