//! ACS: payloads, manifests, credentials and heartbeats, each answered as Amazon's agent answers them.

use std::sync::Arc;
use std::time::Duration;

use client::WebSocket;
use futures_util::{SinkExt, StreamExt};
use link::AcsQuery;
use link::acs::{self, Message};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message as Frame;

use super::{AGE, AGE_JITTER, End, SILENCE, Target, connect, end_of_close, expired, with_jitter};
use crate::engine::tasks::{Tasks, raise_timeline};
use crate::node::Node;
use crate::records::NodeRecord;
use crate::registration::{AGENT_HASH, AGENT_VERSION, RUNTIME_VERSION};
use crate::task_credentials::RoleType;

/// Answers that wait to be sent.
const OUTGOING_MESSAGES: usize = 1024;
/// The protocol's version in which the server drops who does not acknowledge heartbeats.
const PROTOCOL_VERSION: u32 = 2;

/// One agent's side of ACS, over any number of connections.
pub struct AcsSession {
    node: Arc<Node>,
    tasks: Arc<Tasks>,
    container_instance_arn: String,
    connected_once: bool,
    /// The last manifest's message id; a stop verification may answer it once.
    manifest: Option<String>,
}

impl AcsSession {
    pub fn new(node: Arc<Node>, tasks: Arc<Tasks>, container_instance_arn: String) -> Self {
        Self {
            node,
            tasks,
            container_instance_arn,
            connected_once: false,
            manifest: None,
        }
    }

    /// One connection, to its end. `connected` is called once it stands.
    pub async fn serve(&mut self, endpoint: &str, connected: impl FnOnce()) -> End {
        let query = AcsQuery {
            agent_hash: AGENT_HASH.to_owned(),
            agent_version: AGENT_VERSION.to_owned(),
            cluster: self.node.api.cluster.clone(),
            container_instance_arn: self.container_instance_arn.clone(),
            docker_version: format!("DockerVersion: {RUNTIME_VERSION}"),
            protocol_version: Some(PROTOCOL_VERSION),
            send_credentials: !self.connected_once,
            seq_num: Some(1),
        };
        let mut socket = match connect(&self.node.api, &Target::of(endpoint, &query.encode())).await
        {
            Ok(socket) => socket,
            Err(end) => return end,
        };
        self.connected_once = true;
        tracing::info!(endpoint, "connected to ACS");
        connected();
        let end = self.exchange(&mut socket).await;
        tracing::info!(?end, "the ACS connection ended");
        end
    }

    async fn exchange(&mut self, socket: &mut WebSocket) -> End {
        let clock = self.node.clock.clone();
        let (outgoing, mut to_send) = mpsc::channel::<Message>(OUTGOING_MESSAGES);
        let age = clock.monotonic() + with_jitter(AGE, AGE_JITTER, &clock);
        let mut patience = with_jitter(SILENCE, SILENCE, &clock);
        let mut heard_at = clock.monotonic();
        loop {
            let now = clock.monotonic();
            let quiet_for = now.saturating_sub(heard_at);
            let wait = age
                .saturating_sub(now)
                .min(patience.saturating_sub(quiet_for));
            tokio::select! {
                frame = socket.next() => match frame {
                    Some(Ok(Frame::Text(text))) => {
                        heard_at = clock.monotonic();
                        patience = with_jitter(SILENCE, SILENCE, &clock);
                        if let Err(error) = self.take_in(text.as_str(), &outgoing).await {
                            return End::Failed(error.to_string());
                        }
                    }
                    Some(Ok(Frame::Close(frame))) => return end_of_close(frame.as_ref()),
                    Some(Ok(_)) => {}
                    // A connection that breaks is a normal end (agent protocol §2).
                    Some(Err(_)) | None => return End::Normal,
                },
                Some(message) = to_send.recv() => {
                    if socket.send(Frame::text(message.encode())).await.is_err() {
                        return End::Normal;
                    }
                }
                () = clock.sleep(wait.max(Duration::from_millis(1))) => {
                    if clock.monotonic() >= age {
                        let _ = socket.close(Some(expired())).await;
                        return End::Normal;
                    }
                    if clock.monotonic().saturating_sub(heard_at) >= patience {
                        return End::Failed("the server was silent for too long".to_owned());
                    }
                }
            }
        }
    }

    async fn take_in(
        &mut self,
        text: &str,
        outgoing: &mpsc::Sender<Message>,
    ) -> Result<(), state::StateError> {
        let message = match Message::parse(text) {
            Ok(message) => message,
            Err(error) => {
                tracing::warn!(%error, "a message of the control plane is not understood");
                return Ok(());
            }
        };
        match message {
            Message::Heartbeat(heartbeat) => {
                self.send(
                    outgoing,
                    acs::HeartbeatAckRequest {
                        message_id: heartbeat.message_id,
                    }
                    .into(),
                );
            }
            Message::Payload(payload) => self.payload(payload, outgoing)?,
            Message::TaskManifest(manifest) => self.manifest(manifest, outgoing).await?,
            Message::TaskStopVerificationAck(ack) => self.stop_verified(ack),
            Message::IamRoleCredentials(message) => self.credentials(message, outgoing),
            Message::StageUpdate(message) => {
                self.refuse(message.message_id, "Updates are disabled", outgoing)
            }
            Message::PerformUpdate(message) => {
                self.refuse(message.message_id, "Updates are disabled", outgoing)
            }
            Message::AttachTaskNetworkInterfaces(message) => {
                self.refuse(
                    message.message_id,
                    "this agent takes interfaces with their task only",
                    outgoing,
                );
            }
            Message::AttachInstanceNetworkInterfaces(message) => {
                self.refuse(
                    message.message_id,
                    "this agent has no trunk interfaces",
                    outgoing,
                );
            }
            Message::ConfirmAttachment(message) => {
                self.refuse(
                    message.message_id,
                    "this agent attaches no volumes",
                    outgoing,
                );
            }
            other => tracing::debug!(
                kind = other.kind(),
                "a message of the control plane is ignored"
            ),
        }
        Ok(())
    }

    fn payload(
        &self,
        mut payload: acs::PayloadMessage,
        outgoing: &mpsc::Sender<Message>,
    ) -> Result<(), state::StateError> {
        let complete = payload.message_id.is_some()
            && payload.cluster_arn.is_some()
            && payload.container_instance_arn.is_some();
        if !complete {
            tracing::warn!(
                "a payload without message id, cluster or container instance is ignored"
            );
            return Ok(());
        }
        let message_id = payload.message_id.clone();
        self.take_credentials(&mut payload, outgoing);
        let Some(commits) = self.tasks.accept(payload)? else {
            return Ok(());
        };
        let ack = self.ack(message_id);
        let outgoing = outgoing.clone();
        // The answer waits for the disk; what comes next on the socket does not.
        drop(self.node.clock.spawn("ack-payload", async move {
            for commit in commits {
                if commit.durable().await.is_err() {
                    return;
                }
            }
            let _ = outgoing.send(ack).await;
        }));
        Ok(())
    }

    async fn manifest(
        &mut self,
        manifest: acs::TaskManifestMessage,
        outgoing: &mpsc::Sender<Message>,
    ) -> Result<(), state::StateError> {
        let timeline = manifest.timeline.unwrap_or_default();
        let highest = self
            .node
            .store
            .read(|head| head.get::<NodeRecord>(NodeRecord::KEY))
            .head();
        if timeline <= highest.map_or(0, |record| record.timeline) {
            tracing::debug!(timeline, "an old task manifest is ignored");
            return Ok(());
        }
        raise_timeline(&self.node, timeline)?.durable().await?;
        self.manifest = manifest.message_id.clone();
        self.send(outgoing, self.ack(manifest.message_id.clone()));
        let wanted = |arn: &str| {
            manifest.tasks.iter().any(|task| {
                task.task_arn.as_deref() == Some(arn)
                    && task.desired_status.as_deref() == Some(acs::DESIRED_RUNNING)
            })
        };
        let candidates: Vec<acs::TaskIdentifier> = self
            .tasks
            .known()
            .into_iter()
            .filter(|task| !task.stop_wanted && !wanted(&task.arn))
            .map(|task| acs::TaskIdentifier {
                task_arn: Some(task.arn),
                task_cluster_arn: Some(task.cluster_arn),
                desired_status: Some(acs::DESIRED_STOPPED.to_owned()),
            })
            .collect();
        if !candidates.is_empty() {
            tracing::info!(
                tasks = candidates.len(),
                "asking whether tasks that are not in the manifest are to stop"
            );
            let message_id = manifest.message_id;
            self.send(
                outgoing,
                acs::TaskStopVerificationMessage {
                    message_id,
                    stop_candidates: candidates,
                }
                .into(),
            );
        }
        Ok(())
    }

    fn stop_verified(&mut self, ack: acs::TaskStopVerificationAck) {
        if ack.message_id.is_none()
            || self
                .manifest
                .take_if(|id| ack.message_id.as_ref() == Some(id))
                .is_none()
        {
            tracing::warn!("a stop verification that answers no manifest is ignored");
            return;
        }
        for task in ack.stop_tasks {
            let arn = task.task_arn.unwrap_or_default();
            tracing::info!(
                arn,
                "stopping a task that the control plane does not want any more"
            );
            self.tasks.stop(arn.rsplit('/').next().unwrap_or_default());
        }
    }

    /// Out of the payload: what goes to the disk has no secrets in it.
    fn take_credentials(
        &self,
        payload: &mut acs::PayloadMessage,
        outgoing: &mpsc::Sender<Message>,
    ) {
        let known = self.tasks.known();
        let kept = self.tasks.credentials();
        kept.retain(|arn| known.iter().any(|task| task.arn == arn));
        for task in &mut payload.tasks {
            let arn = task.arn.clone().unwrap_or_default();
            let of_task = task.role_credentials.take();
            let of_execution = task.execution_role_credentials.take();
            let of_task = of_task.map(|it| (RoleType::TaskApplication, it));
            let of_execution = of_execution.map(|it| (RoleType::TaskExecution, it));
            for (role_type, credentials) in of_task.into_iter().chain(of_execution) {
                self.acknowledge_credentials(payload.message_id.clone(), &credentials, outgoing);
                kept.keep(&arn, role_type, credentials);
            }
        }
    }

    fn credentials(
        &self,
        message: acs::IamRoleCredentialsMessage,
        outgoing: &mpsc::Sender<Message>,
    ) {
        let arn = message.task_arn.unwrap_or_default();
        let role_type = message.role_type.as_deref().and_then(RoleType::parse);
        let is_known = self.tasks.known().iter().any(|task| task.arn == arn);
        let credentials = message.role_credentials.filter(|_| is_known);
        if let (Some(credentials), Some(role_type)) = (credentials, role_type) {
            self.acknowledge_credentials(message.message_id, &credentials, outgoing);
            self.tasks.credentials().keep(&arn, role_type, credentials);
        }
    }

    fn acknowledge_credentials(
        &self,
        message_id: Option<String>,
        credentials: &acs::IamRoleCredentials,
        outgoing: &mpsc::Sender<Message>,
    ) {
        let ack = acs::IamRoleCredentialsAckRequest {
            message_id,
            expiration: credentials.expiration.clone(),
            credentials_id: credentials.credentials_id.clone(),
        };
        self.send(outgoing, ack.into());
    }

    fn refuse(&self, message_id: Option<String>, reason: &str, outgoing: &mpsc::Sender<Message>) {
        let nack = acs::NackRequest {
            cluster: Some(self.node.api.cluster.clone()),
            container_instance: Some(self.container_instance_arn.clone()),
            message_id,
            reason: Some(reason.to_owned()),
        };
        self.send(outgoing, nack.into());
    }

    fn ack(&self, message_id: Option<String>) -> Message {
        acs::AckRequest {
            cluster: Some(self.node.api.cluster.clone()),
            container_instance: Some(self.container_instance_arn.clone()),
            message_id,
        }
        .into()
    }

    fn send(&self, outgoing: &mpsc::Sender<Message>, message: Message) {
        if outgoing.try_send(message).is_err() {
            // The server asks again for what it misses.
            tracing::warn!("too many answers wait for the ACS connection; one is dropped");
        }
    }
}
