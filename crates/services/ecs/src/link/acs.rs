//! One ACS session: manifest and payloads at the start, then what changes; acknowledgements, heartbeats.

use std::{sync::Arc, time::Duration};

use clock::UnixMillis;
use futures_util::StreamExt;
use link::acs::{
    self, HeartbeatMessage, IamRoleCredentialsMessage, PayloadMessage, TaskIdentifier,
    TaskManifestMessage, TaskStopVerificationAck, TaskStopVerificationMessage,
};
use names::Scope;
use state::Record;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::{WebSocketStream, tungstenite::Message};

use super::{
    SessionError, close, connection,
    credentials::{self, Refreshes},
    outbox::Outbox,
    payload::{self, Gathered},
    send,
    sessions::{End, Entry, Work},
};
use crate::{
    Ecs, RoleType,
    records::{ContainerInstanceRecord, DesiredStatus, TaskRecord, TaskStatus},
};

/// Tasks in one payload: small enough for one frame, large enough that a reconnect is not a flood of them.
const TASKS_PER_PAYLOAD: usize = 20;
/// How often unacknowledged payloads are looked for.
const LOOK_FOR_OVERDUE_EVERY: Duration = Duration::from_secs(2);
/// Heartbeats that may stay unanswered.
const HEARTBEATS_MISSED: u32 = 2;

pub(super) async fn serve<S>(
    ecs: &Arc<Ecs>,
    instance: &ContainerInstanceRecord,
    cluster: &str,
    mut socket: WebSocketStream<S>,
    shutdown: impl Future<Output = ()> + Send,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let key = instance.key();
    // From here on changes gather for this session; what was before is read after it.
    let entry = ecs.sessions.open(&key);
    let mut session = Session {
        ecs,
        scope: Scope::new(&instance.account, &instance.region),
        instance_arn: instance.arn(),
        cluster: cluster.to_owned(),
        key,
        outbox: Outbox::default(),
        refreshes: Refreshes::default(),
        heartbeats_unanswered: 0,
    };
    tracing::info!(instance = %session.instance_arn, "an agent connected");
    let result = tokio::select! {
        biased;
        result = session.run(&entry, &mut socket) => result,
        () = shutdown => Ok("The server is stopping."),
    };
    // What the next session of this instance wrote must not be undone by this one's end.
    if ecs.sessions.close(&session.key, &entry) {
        connection::note(ecs, &session.key);
    }
    match result {
        Ok(reason) => {
            tracing::info!(instance = %session.instance_arn, reason, "an agent's session ended");
            close(ecs, &mut socket, reason).await;
        }
        Err(error) => {
            tracing::warn!(instance = %session.instance_arn, %error, "an agent's session broke");
        }
    }
}

struct Session<'a> {
    ecs: &'a Arc<Ecs>,
    scope: Scope,
    key: String,
    instance_arn: String,
    /// As the agent calls it.
    cluster: String,
    outbox: Outbox,
    refreshes: Refreshes,
    heartbeats_unanswered: u32,
}

impl Session<'_> {
    async fn run<S>(
        &mut self,
        entry: &Entry,
        socket: &mut WebSocketStream<S>,
    ) -> Result<&'static str, SessionError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        connection::note(self.ecs, &self.key);
        self.send_manifest(socket).await?;
        self.send_tasks(socket, None).await?;
        let mut next_heartbeat = self.ecs.clock.monotonic() + self.ecs.heartbeat_every();
        loop {
            let now = self.ecs.clock.monotonic();
            let pause = next_heartbeat
                .saturating_sub(now)
                .min(LOOK_FOR_OVERDUE_EVERY);
            tokio::select! {
                // What concerns tasks goes first: a start waits for nothing else.
                biased;
                work = entry.take() => {
                    if let Some(reason) = self.work(work, socket).await? {
                        return Ok(reason);
                    }
                }
                message = socket.next() => match message {
                    None | Some(Ok(Message::Close(_))) => return Ok("The agent closed it."),
                    Some(message) => self.hear(message?, socket).await?,
                },
                () = self.ecs.clock.sleep(pause) => {
                    let overdue = self.outbox.take_overdue(self.ecs.clock.monotonic());
                    if !overdue.is_empty() {
                        self.send_tasks(socket, Some(overdue)).await?;
                    }
                }
            }
            self.refresh_credentials(socket).await?;
            if self.ecs.clock.monotonic() >= next_heartbeat {
                self.beat(socket).await?;
                next_heartbeat = self.ecs.clock.monotonic() + self.ecs.heartbeat_every();
            }
        }
    }

    async fn work<S>(
        &mut self,
        work: Work,
        socket: &mut WebSocketStream<S>,
    ) -> Result<Option<&'static str>, SessionError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        match work.end {
            Some(End::Replaced) => return Ok(Some("The instance opened a new connection.")),
            Some(End::Deregistered) => return Ok(Some("The instance is INACTIVE.")),
            None => {}
        }
        if work.everything {
            self.send_tasks(socket, None).await?;
        } else {
            let tasks = work.tasks.into_iter().collect();
            self.send_tasks(socket, Some(tasks)).await?;
        }
        Ok(None)
    }

    /// Every task that the node should have: what it runs besides, it asks about.
    async fn send_manifest<S>(
        &mut self,
        socket: &mut WebSocketStream<S>,
    ) -> Result<(), SessionError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        let looked = self.ecs.store.read(|head| {
            let tasks = head.index::<TaskRecord>("by_container_instance", &self.key);
            let living = tasks
                .iter()
                .filter(|task| task.last_status != TaskStatus::Stopped);
            living.map(|task| self.identifier(task)).collect::<Vec<_>>()
        });
        let revision = looked.revision();
        let tasks = looked.durable().await?;
        let manifest = TaskManifestMessage {
            container_instance_arn: Some(self.instance_arn.clone()),
            cluster_arn: Some(self.cluster.clone()),
            tasks,
            generated_at: Some(self.ecs.clock.now().as_millis()),
            message_id: Some(self.ecs.clock.uuid()),
            timeline: Some(timeline(revision)),
        };
        send(self.ecs, socket, acs::Message::from(manifest).encode()).await
    }

    /// Sends what the node does not know yet: of these tasks, or of all its tasks.
    async fn send_tasks<S>(
        &mut self,
        socket: &mut WebSocketStream<S>,
        keys: Option<Vec<String>>,
    ) -> Result<(), SessionError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        let looked = self.ecs.store.read(|head| {
            let keys = keys.unwrap_or_else(|| {
                let tasks = head.index::<TaskRecord>("by_container_instance", &self.key);
                tasks.iter().map(|task| task.key()).collect()
            });
            let mut tasks = vec![];
            for key in keys {
                let task = head.get::<TaskRecord>(&key).filter(|task| {
                    task.container_instance_key.as_deref() == Some(self.key.as_str())
                });
                if self.outbox.needs(&key, task.as_deref())
                    && let Some(task) = task
                    && let Some(gathered) = payload::gather(head, &task)
                {
                    tasks.push((key, task.desired_status, gathered));
                }
            }
            tasks
        });
        let revision = looked.revision();
        let mut refreshes = Vec::new();
        // Rendered while the disk is at it, and not under the lock that writers wait for.
        let looked = looked.map(|tasks| {
            let render = |(key, desired, gathered): (String, DesiredStatus, Gathered)| {
                let mut task = gathered.render();
                if desired == DesiredStatus::Running {
                    self.add_credentials(&key, &gathered, &mut task, &mut refreshes);
                }
                (key, desired, task)
            };
            tasks.into_iter().map(render).collect::<Vec<_>>()
        });
        let mut tasks = looked.durable().await?;
        for (key, at) in refreshes {
            self.refreshes.note(&key, at);
        }
        // In a payload, stops go before starts; so must they across payloads.
        tasks.sort_by_key(|(_, desired, _)| std::cmp::Reverse(*desired));
        while !tasks.is_empty() {
            let rest = tasks.split_off(tasks.len().min(TASKS_PER_PAYLOAD));
            self.send_payload(socket, tasks, revision).await?;
            tasks = rest;
        }
        Ok(())
    }

    /// A node is told of the credentials of its tasks with the tasks, in each session anew: it keeps them on no disk.
    fn add_credentials(
        &self,
        key: &str,
        gathered: &Gathered,
        task: &mut acs::Task,
        refreshes: &mut Vec<(String, UnixMillis)>,
    ) {
        for (role_type, role) in gathered.roles().each() {
            let Some((issued, refresh_at)) =
                credentials::issue(self.ecs, gathered.task(), role_type, role)
            else {
                continue;
            };
            refreshes.push((key.to_owned(), refresh_at));
            match role_type {
                RoleType::TaskApplication => task.role_credentials = Some(issued),
                RoleType::TaskExecution => task.execution_role_credentials = Some(issued),
            }
        }
    }

    /// Sends newer credentials of the tasks that are due, if the node still has them.
    async fn refresh_credentials<S>(
        &mut self,
        socket: &mut WebSocketStream<S>,
    ) -> Result<(), SessionError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        let due = self.refreshes.take_due(self.ecs.clock.now());
        for key in due {
            let looked = self.ecs.store.read(|head| {
                let task = head.get::<TaskRecord>(&key)?;
                let is_ours = task.container_instance_key.as_deref() == Some(self.key.as_str())
                    && task.last_status != TaskStatus::Stopped;
                is_ours.then(|| payload::gather(head, &task)).flatten()
            });
            let Some(gathered) = looked.durable().await? else {
                continue;
            };
            let task = gathered.task();
            for (role_type, role) in gathered.roles().each() {
                let Some((issued, refresh_at)) =
                    credentials::issue(self.ecs, task, role_type, role)
                else {
                    continue;
                };
                self.refreshes.note(&key, refresh_at);
                let message = IamRoleCredentialsMessage {
                    task_arn: Some(task.arn()),
                    task_cluster_arn: Some(self.scope.cluster(&task.cluster)),
                    role_credentials: Some(issued),
                    role_type: Some(role_type.as_str().to_owned()),
                    message_id: Some(self.ecs.clock.uuid()),
                };
                send(self.ecs, socket, acs::Message::from(message).encode()).await?;
            }
        }
        Ok(())
    }

    async fn send_payload<S>(
        &mut self,
        socket: &mut WebSocketStream<S>,
        tasks: Vec<(String, DesiredStatus, acs::Task)>,
        revision: u64,
    ) -> Result<(), SessionError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        let message_id = self.ecs.clock.uuid();
        let now = self.ecs.clock.monotonic();
        let mut rendered = Vec::with_capacity(tasks.len());
        for (key, desired, task) in tasks {
            self.outbox.sent(key, desired, &message_id, now);
            rendered.push(task);
        }
        let timeline = timeline(revision);
        let payload = PayloadMessage {
            container_instance_arn: Some(self.instance_arn.clone()),
            cluster_arn: Some(self.cluster.clone()),
            tasks: rendered,
            generated_at: Some(self.ecs.clock.now().as_millis()),
            message_id: Some(message_id),
            seq_num: Some(i32::try_from(timeline).unwrap_or(i32::MAX)),
            timeline: Some(timeline),
        };
        send(self.ecs, socket, acs::Message::from(payload).encode()).await
    }

    async fn beat<S>(&mut self, socket: &mut WebSocketStream<S>) -> Result<(), SessionError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        if self.heartbeats_unanswered >= HEARTBEATS_MISSED {
            return Err(SessionError::NoHeartbeat);
        }
        self.heartbeats_unanswered += 1;
        let heartbeat = HeartbeatMessage {
            healthy: Some(true),
            message_id: Some(self.ecs.clock.uuid()),
        };
        send(self.ecs, socket, acs::Message::from(heartbeat).encode()).await
    }

    async fn hear<S>(
        &mut self,
        message: Message,
        socket: &mut WebSocketStream<S>,
    ) -> Result<(), SessionError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        let Message::Text(text) = message else {
            return Ok(());
        };
        match acs::Message::parse(&text) {
            Ok(acs::Message::Ack(ack)) => {
                self.outbox
                    .acknowledged(ack.message_id.as_deref().unwrap_or_default());
                Ok(())
            }
            Ok(acs::Message::HeartbeatAck(_)) => {
                self.heartbeats_unanswered = 0;
                Ok(())
            }
            Ok(acs::Message::TaskStopVerification(asked)) => self.verify_stops(asked, socket).await,
            Ok(acs::Message::Nack(nack)) => {
                // Sent again when it is overdue: an agent refuses what it cannot do now, and says why.
                tracing::warn!(instance = %self.instance_arn, reason = ?nack.reason, "an agent refused a message");
                Ok(())
            }
            Ok(other) => {
                tracing::debug!(kind = other.kind(), "a message that asks for nothing");
                Ok(())
            }
            Err(error) => {
                tracing::warn!(instance = %self.instance_arn, %error, "an agent sent what is no message");
                Ok(())
            }
        }
    }

    /// An agent runs tasks that its manifest did not have: those that are not its own, or should stop, it must stop.
    async fn verify_stops<S>(
        &mut self,
        asked: TaskStopVerificationMessage,
        socket: &mut WebSocketStream<S>,
    ) -> Result<(), SessionError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        let looked = self.ecs.store.read(|head| {
            let mut candidates = asked.stop_candidates;
            candidates.retain(|candidate| {
                let arn = candidate.task_arn.as_deref().unwrap_or_default();
                let task = self
                    .key_of_arn(arn)
                    .and_then(|key| head.get::<TaskRecord>(&key));
                let should_run = task.is_some_and(|task| {
                    task.container_instance_key.as_deref() == Some(self.key.as_str())
                        && task.desired_status == DesiredStatus::Running
                });
                !should_run
            });
            candidates
        });
        let stop_tasks = looked.durable().await?;
        let ack = TaskStopVerificationAck {
            generated_at: Some(self.ecs.clock.now().as_millis()),
            message_id: asked.message_id,
            stop_tasks: stop_tasks
                .into_iter()
                .map(|task| TaskIdentifier {
                    desired_status: Some(acs::DESIRED_STOPPED.into()),
                    ..task
                })
                .collect(),
        };
        send(self.ecs, socket, acs::Message::from(ack).encode()).await
    }

    fn identifier(&self, task: &TaskRecord) -> TaskIdentifier {
        TaskIdentifier {
            task_arn: Some(task.arn()),
            task_cluster_arn: Some(self.scope.cluster(&task.cluster)),
            desired_status: Some(task.desired_status.as_str().into()),
        }
    }

    fn key_of_arn(&self, arn: &str) -> Option<String> {
        task_key_of_arn(arn)
    }
}

/// The key of a task by its full ARN.
pub(super) fn task_key_of_arn(arn: &str) -> Option<String> {
    let parsed = names::Arn::parse(arn).ok()?;
    let reference = names::TaskReference::parse(arn).ok()?;
    Some(TaskRecord::key_of(
        &parsed.account,
        &parsed.region,
        &reference.cluster?,
        &reference.id,
    ))
}

/// Agents believe a manifest only if its number is higher than any before, across restarts of both sides: the
/// revision of the state is such a number, since every connection writes one.
fn timeline(revision: u64) -> i64 {
    i64::try_from(revision).unwrap_or(i64::MAX)
}
