//! One TCS session: health goes into the tables, usage stays in memory.

use std::sync::Arc;

use api_ecs::types;
use clock::UnixMillis;
use futures_util::StreamExt;
use link::tcs::{
    self, AckPublishHealth, AckPublishInstanceStatus, AckPublishMetric, HeartbeatMessage,
    PublishHealthRequest, TaskHealth, TaskMetric,
};
use state::{Record, StateError};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::{WebSocketStream, tungstenite::Message};

use super::{HEARTBEAT_EVERY, SessionError, TaskUsage, acs::task_key_of_arn, close, send};
use crate::{
    Ecs,
    records::{ContainerInstanceRecord, HealthStatus, TaskRecord},
    report,
};

/// Tasks whose health is written in one transaction.
const TASKS_PER_TRANSACTION: usize = 50;

pub(super) async fn serve<S>(
    ecs: &Arc<Ecs>,
    instance: &ContainerInstanceRecord,
    mut socket: WebSocketStream<S>,
    shutdown: impl Future<Output = ()> + Send,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let key = instance.key();
    let result = tokio::select! {
        biased;
        result = run(ecs, &key, &mut socket) => result,
        () = shutdown => Ok(()),
    };
    match result {
        Ok(()) => close(ecs, &mut socket, "The session ended.").await,
        Err(error) => tracing::debug!(instance = %instance.arn(), %error, "a TCS session broke"),
    }
}

async fn run<S>(
    ecs: &Arc<Ecs>,
    instance: &str,
    socket: &mut WebSocketStream<S>,
) -> Result<(), SessionError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let mut next_heartbeat = ecs.clock.monotonic() + HEARTBEAT_EVERY;
    loop {
        let pause = next_heartbeat.saturating_sub(ecs.clock.monotonic());
        tokio::select! {
            // A heartbeat that is due waits for no flood of samples.
            biased;
            () = ecs.clock.sleep(pause) => {
                let heartbeat = HeartbeatMessage { healthy: Some(true) };
                send(ecs, socket, tcs::Message::from(heartbeat).encode()).await?;
                next_heartbeat = ecs.clock.monotonic() + HEARTBEAT_EVERY;
            }
            message = socket.next() => match message {
                None | Some(Ok(Message::Close(_))) => return Ok(()),
                Some(message) => {
                    if let Message::Text(text) = message?
                        && let Some(answer) = hear(ecs, instance, &text).await
                    {
                        send(ecs, socket, answer.encode()).await?;
                    }
                }
            },
        }
    }
}

/// The answer to a frame. Its own signature is not looked at: the connection was verified when it was opened.
async fn hear(ecs: &Arc<Ecs>, instance: &str, text: &str) -> Option<tcs::Message> {
    match tcs::Frame::parse(text).message() {
        Ok(tcs::Message::PublishMetrics(metrics)) => {
            let now = ecs.clock.now();
            let samples = metrics.task_metrics.iter();
            ecs.sessions.keep_usage(
                samples
                    .filter(|sample| is_of_instance(ecs, instance, sample.task_arn.as_deref()))
                    .filter_map(|sample| usage(sample, now)),
            );
            ecs.sessions.forget_usage(now);
            Some(AckPublishMetric::default().into())
        }
        Ok(tcs::Message::PublishHealth(health)) => {
            match take_health(ecs, instance, &health).await {
                Ok(()) => Some(AckPublishHealth::default().into()),
                // Without an answer the agent tells it again.
                Err(error) => {
                    tracing::warn!(%error, "health could not be written");
                    None
                }
            }
        }
        Ok(tcs::Message::PublishInstanceStatus(_)) => {
            Some(AckPublishInstanceStatus::default().into())
        }
        Ok(_) => None,
        Err(error) => {
            tracing::debug!(%error, "a TCS frame that is no message");
            None
        }
    }
}

fn is_of_instance(ecs: &Ecs, instance: &str, task_arn: Option<&str>) -> bool {
    let key = task_arn.and_then(task_key_of_arn);
    let owner = ecs.store.read(|head| {
        let task = key.and_then(|key| head.get::<TaskRecord>(&key));
        task.and_then(|task| task.container_instance_key.clone())
    });
    owner.head().as_deref() == Some(instance)
}

fn usage(sample: &TaskMetric, now: UnixMillis) -> Option<(String, TaskUsage)> {
    let mean = |set: Option<&tcs::CwStatsSet>| {
        let set = set?;
        let count = f64::from(set.sample_count.filter(|count| *count > 0)?);
        Some(set.sum? / count)
    };
    let containers = &sample.container_metrics;
    let cpu = containers
        .iter()
        .filter_map(|container| mean(container.cpu_stats_set.as_ref()));
    let memory = containers
        .iter()
        .filter_map(|container| mean(container.memory_stats_set.as_ref()));
    let usage = TaskUsage {
        at: now,
        cpu_percent_of_node: cpu.sum(),
        memory_mib: memory.sum(),
    };
    Some((sample.task_arn.clone()?, usage))
}

async fn take_health(
    ecs: &Ecs,
    instance: &str,
    health: &PublishHealthRequest,
) -> Result<(), StateError> {
    for tasks in health.tasks.chunks(TASKS_PER_TRANSACTION) {
        let done = ecs.store.transact(|tx| {
            for task in tasks {
                let key = task.task_arn.as_deref().and_then(task_key_of_arn);
                let known = key.as_ref().and_then(|key| tx.get::<TaskRecord>(key));
                let is_ours = known
                    .is_some_and(|known| known.container_instance_key.as_deref() == Some(instance));
                if let (Some(key), true) = (key, is_ours) {
                    report::apply_health(tx, &key, &by_container(task));
                }
            }
            Ok::<_, StateError>(())
        })?;
        done.durable().await?;
    }
    Ok(())
}

fn by_container(task: &TaskHealth) -> Vec<(String, HealthStatus)> {
    let containers = task.containers.iter();
    containers
        .filter_map(|container| {
            let status = match container.health_status.as_deref()? {
                status if status == types::HealthStatus::HEALTHY.as_str() => HealthStatus::Healthy,
                status if status == types::HealthStatus::UNHEALTHY.as_str() => {
                    HealthStatus::Unhealthy
                }
                _ => HealthStatus::Unknown,
            };
            Some((container.container_name.clone()?, status))
        })
        .collect()
}
