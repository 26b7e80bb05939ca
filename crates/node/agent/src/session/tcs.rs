//! TCS: health and use of the containers, in frames that carry a signature of their own.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use client::WebSocket;
use futures_util::{SinkExt, StreamExt};
use http::{HeaderMap, HeaderValue, header::HOST};
use identity::{Payload, SignedRequest, SigningScope};
use link::TcsQuery;
use link::tcs::{self, Message};
use tokio_tungstenite::tungstenite::Message as WebSocketFrame;

use super::{AGE, AGE_JITTER, End, SILENCE, Target, connect, end_of_close, expired, with_jitter};
use crate::node::Node;
use crate::registration::{AGENT_HASH, AGENT_VERSION, RUNTIME_VERSION};
use crate::telemetry::{ContainerTelemetry, TaskTelemetry};

/// Agent protocol §4.3.
const PUBLISH_EVERY: Duration = Duration::from_secs(20);
const TASKS_PER_FRAME: usize = 10;
/// A change of health goes out at once, which Amazon's agent does not do; changes this close go together.
const HEALTH_GATHER: Duration = Duration::from_millis(20);
const MIB: f64 = 1024.0 * 1024.0;

/// One agent's side of TCS, over any number of connections.
pub struct TcsSession {
    node: Arc<Node>,
    container_instance_arn: String,
    cpus: f64,
    /// CPU time of each container at its last sample, and when that was.
    samples: HashMap<String, (u64, Duration)>,
}

impl TcsSession {
    pub fn new(node: Arc<Node>, container_instance_arn: String) -> Self {
        let cpus = std::thread::available_parallelism().map_or(1, usize::from) as f64;
        Self {
            node,
            container_instance_arn,
            cpus,
            samples: HashMap::new(),
        }
    }

    /// One connection, to its end. `connected` is called once it stands.
    pub async fn serve(&mut self, endpoint: &str, connected: impl FnOnce()) -> End {
        let query = TcsQuery {
            agent_hash: AGENT_HASH.to_owned(),
            agent_version: AGENT_VERSION.to_owned(),
            cluster: self.node.api.cluster.clone(),
            container_instance_arn: self.container_instance_arn.clone(),
            docker_version: RUNTIME_VERSION.to_owned(),
        };
        let target = Target::of(endpoint, &query.encode());
        let mut socket = match connect(&self.node.api, &target).await {
            Ok(socket) => socket,
            Err(end) => return end,
        };
        connected();
        let end = self.exchange(&mut socket, &target).await;
        tracing::debug!(?end, "the TCS connection ended");
        end
    }

    async fn exchange(&mut self, socket: &mut WebSocket, target: &Target) -> End {
        let node = Arc::clone(&self.node);
        let clock = &node.clock;
        let age = clock.monotonic() + with_jitter(AGE, AGE_JITTER, clock);
        let mut silent_after = clock.monotonic() + with_jitter(SILENCE, SILENCE, clock);
        let mut publish_at = clock.monotonic();
        loop {
            let now = clock.monotonic();
            let wait = publish_at.min(age).min(silent_after).saturating_sub(now);
            tokio::select! {
                frame = socket.next() => match frame {
                    Some(Ok(WebSocketFrame::Text(text))) => {
                        if is_sign_of_life(text.as_str()) {
                            silent_after = clock.monotonic() + with_jitter(SILENCE, SILENCE, clock);
                        }
                    }
                    Some(Ok(WebSocketFrame::Close(frame))) => return end_of_close(frame.as_ref()),
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return End::Normal,
                },
                () = node.telemetry.health_changed() => {
                    clock.sleep(HEALTH_GATHER).await;
                    if !self.publish_health(socket, target).await {
                        return End::Normal;
                    }
                }
                () = clock.sleep(wait) => {
                    let now = clock.monotonic();
                    if now >= age {
                        let _ = socket.close(Some(expired())).await;
                        return End::Normal;
                    }
                    if now >= silent_after {
                        return End::Failed("the server was silent for too long".to_owned());
                    }
                    if now >= publish_at {
                        publish_at = now + PUBLISH_EVERY;
                        let sent = self.publish_metrics(socket, target).await
                            && self.publish_health(socket, target).await;
                        if !sent {
                            return End::Normal;
                        }
                    }
                }
            }
        }
    }

    async fn publish_health(&self, socket: &mut WebSocket, target: &Target) -> bool {
        let tasks: Vec<tcs::TaskHealth> = self
            .node
            .telemetry
            .snapshot()
            .iter()
            .filter_map(|(_, task)| task_health(task))
            .collect();
        let frames = tasks.chunks(TASKS_PER_FRAME).count();
        for (number, tasks) in tasks.chunks(TASKS_PER_FRAME).enumerate() {
            let message = tcs::PublishHealthRequest {
                metadata: Some(tcs::HealthMetadata {
                    cluster: Some(self.node.api.cluster.clone()),
                    container_instance: Some(self.container_instance_arn.clone()),
                    message_id: Some(self.node.clock.uuid()),
                    fin: Some(number + 1 == frames),
                }),
                tasks: tasks.to_vec(),
                timestamp: Some(self.node.clock.now().as_seconds_f64()),
            };
            if !self.send(socket, target, message.into()).await {
                return false;
            }
        }
        true
    }

    async fn publish_metrics(&mut self, socket: &mut WebSocket, target: &Target) -> bool {
        let snapshot = self.node.telemetry.snapshot();
        let mut metrics = Vec::new();
        for (_, task) in &snapshot {
            metrics.extend(self.task_metric(task).await);
        }
        let running: Vec<&str> = snapshot
            .iter()
            .flat_map(|(_, task)| {
                task.containers
                    .iter()
                    .filter_map(|container| container.running_id.as_deref())
            })
            .collect();
        self.samples.retain(|id, _| running.contains(&id.as_str()));
        let idle = running.is_empty();
        if metrics.is_empty() && !idle {
            return true;
        }
        let chunks: Vec<&[tcs::TaskMetric]> = if idle {
            vec![&[]]
        } else {
            metrics.chunks(TASKS_PER_FRAME).collect()
        };
        for (number, tasks) in chunks.iter().enumerate() {
            let message = tcs::PublishMetricsRequest {
                metadata: Some(tcs::MetricsMetadata {
                    cluster: Some(self.node.api.cluster.clone()),
                    container_instance: Some(self.container_instance_arn.clone()),
                    message_id: Some(self.node.clock.uuid()),
                    idle: Some(idle),
                    fin: Some(number + 1 == chunks.len()),
                }),
                task_metrics: tasks.to_vec(),
                timestamp: Some(self.node.clock.now().as_seconds_f64()),
                ..Default::default()
            };
            if !self.send(socket, target, message.into()).await {
                return false;
            }
        }
        true
    }

    async fn task_metric(&mut self, task: &TaskTelemetry) -> Option<tcs::TaskMetric> {
        let mut container_metrics = Vec::new();
        for container in &task.containers {
            container_metrics.extend(self.container_metric(container).await);
        }
        (!container_metrics.is_empty()).then(|| tcs::TaskMetric {
            task_arn: Some(task.arn.clone()),
            cluster_arn: Some(task.cluster_arn.clone()),
            task_definition_family: Some(task.family.clone()),
            task_definition_version: Some(task.version.clone()),
            container_metrics,
            ..Default::default()
        })
    }

    async fn container_metric(
        &mut self,
        container: &ContainerTelemetry,
    ) -> Option<tcs::ContainerMetric> {
        let id = container.running_id.as_ref()?;
        let stats = self.node.runtime.stats(id).await.ok()?;
        let now = self.node.clock.monotonic();
        let before = self
            .samples
            .insert(id.clone(), (stats.cpu_nanoseconds, now));
        // Percent of the whole machine since the last sample; the first sample has nothing to compare with.
        let (cpu_before, at_before) = before?;
        let elapsed = now
            .checked_sub(at_before)
            .filter(|elapsed| !elapsed.is_zero())?;
        let used = stats.cpu_nanoseconds.saturating_sub(cpu_before) as f64;
        let percent = 100.0 * used / (elapsed.as_nanos() as f64 * self.cpus);
        let memory = stats.memory_bytes.saturating_sub(stats.memory_cache_bytes) as f64 / MIB;
        Some(tcs::ContainerMetric {
            container_arn: container.arn.clone(),
            container_name: Some(container.name.clone()),
            cpu_stats_set: Some(one_sample(percent)),
            memory_stats_set: Some(one_sample(memory)),
            restart_stats_set: container.restarts.map(|restarts| tcs::RestartStatsSet {
                restart_count: Some(i32::try_from(restarts).unwrap_or(i32::MAX)),
            }),
            ..Default::default()
        })
    }

    async fn send(&self, socket: &mut WebSocket, target: &Target, message: Message) -> bool {
        let envelope = message.encode();
        let headers = self.signature(target, &envelope);
        let pairs: Vec<(&str, &str)> = headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let text = tcs::Frame {
            headers: pairs,
            payload: &envelope,
        }
        .encode();
        socket.send(WebSocketFrame::text(text)).await.is_ok()
    }

    /// Agent protocol §4.2: as if the envelope were the body of a GET of the TCS URL.
    fn signature(&self, target: &Target, envelope: &str) -> Vec<(String, String)> {
        let authority = target
            .endpoint
            .split_once("://")
            .map_or("", |(_, authority)| authority);
        let (path, query) = target
            .path_and_query
            .split_once('?')
            .unwrap_or((&target.path_and_query, ""));
        let mut headers = HeaderMap::new();
        let Ok(host) = HeaderValue::from_str(authority) else {
            return Vec::new();
        };
        headers.insert(HOST, host);
        let request = SignedRequest {
            method: "GET",
            path,
            query,
            headers: &headers,
            payload: Payload::Bytes(envelope.as_bytes()),
        };
        let region = self.node.api.region();
        let scope = SigningScope {
            region: &region,
            service: "ecs",
            time: self.node.clock.now(),
        };
        let added = identity::sign(&request, &self.node.api.credentials(), scope);
        let named = |name: &str| match name {
            "authorization" => "Authorization".to_owned(),
            "x-amz-date" => "X-Amz-Date".to_owned(),
            "x-amz-security-token" => "X-Amz-Security-Token".to_owned(),
            other => other.to_owned(),
        };
        let mut block = vec![("Host".to_owned(), authority.to_owned())];
        block.extend(added.iter().filter_map(|(name, value)| {
            Some((named(name.as_str()), value.to_str().ok()?.to_owned()))
        }));
        block
    }
}

/// Only these keep the connection (agent protocol §4.1).
fn is_sign_of_life(text: &str) -> bool {
    matches!(
        Message::parse(text),
        Ok(Message::Heartbeat(_)
            | Message::AckPublishHealth(_)
            | Message::AckPublishMetric(_)
            | Message::AckPublishInstanceStatus(_))
    )
}

fn task_health(task: &TaskTelemetry) -> Option<tcs::TaskHealth> {
    let containers: Vec<tcs::ContainerHealth> = task
        .containers
        .iter()
        .filter_map(|container| {
            let (health, since) = container.health?;
            Some(tcs::ContainerHealth {
                container_name: Some(container.name.clone()),
                health_status: Some(health.as_str().to_owned()),
                status_since: Some(since.as_seconds_f64()),
                ..Default::default()
            })
        })
        .collect();
    (!containers.is_empty()).then(|| tcs::TaskHealth {
        task_arn: Some(task.arn.clone()),
        cluster_arn: Some(task.cluster_arn.clone()),
        task_definition_family: Some(task.family.clone()),
        task_definition_version: Some(task.version.clone()),
        containers,
    })
}

fn one_sample(value: f64) -> tcs::CwStatsSet {
    tcs::CwStatsSet {
        min: Some(value),
        max: Some(value),
        sum: Some(value),
        sample_count: Some(1),
    }
}
