//! What a driver waits for: each piece of work is a future that ends in one event.

use std::sync::Arc;
use std::time::Duration;

use clock::UnixMillis;
use link::acs;
use runtime::{Exit, Image, RegistryAuth, Started};
use tokio::sync::watch;

use super::health::{HealthCount, HealthPlan};
use super::prepare::Prepared;
use super::rules::Health;
use super::secrets::TaskSecrets;
use super::settings::Settings;
use super::spec::{SpecContext, container_spec};
use crate::node::{Node, pass};

/// How often a stop that failed is tried again (agent protocol §5.2).
const STOP_TRIES: u32 = 5;
const STOP_RETRY_PAUSE: Duration = Duration::from_secs(1);

/// Something that a driver learned.
#[derive(Debug)]
pub enum Event {
    Prepared(Result<Prepared, String>),
    Pulled {
        index: usize,
        at: UnixMillis,
        result: Result<Image, String>,
    },
    /// The reason of a container that could not be started is complete, error name and all.
    Started {
        index: usize,
        result: Result<Started, String>,
    },
    Ended {
        index: usize,
        exit: Exit,
    },
    StopFailed {
        index: usize,
        reason: String,
    },
    Health {
        index: usize,
        restarts: u32,
        count: HealthCount,
    },
    Reported,
    Woken,
}

/// Everything that starting one container needs.
pub struct StartOrder {
    pub node: Arc<Node>,
    pub task: Arc<acs::Task>,
    pub task_id: String,
    pub index: usize,
    pub restarts: u32,
    pub settings: Settings,
    pub image: Image,
    pub prepared: Prepared,
    pub secrets: Arc<TaskSecrets>,
    /// Turns true when the task is on disk: only then may anything run.
    pub durable: watch::Receiver<bool>,
}

pub async fn pull(
    node: Arc<Node>,
    index: usize,
    image: String,
    login: Option<RegistryAuth>,
) -> Event {
    let result = match login {
        None => node.images.pull(&image).await,
        Some(login) => node.images.pull_as(&image, login).await,
    };
    Event::Pulled {
        index,
        at: node.clock.now(),
        result,
    }
}

/// Creates the container while the task's record is still on its way to the disk, and starts it when it is there.
pub async fn start(order: StartOrder) -> Event {
    let index = order.index;
    Event::Started {
        index,
        result: create_and_start(order).await,
    }
}

async fn create_and_start(mut order: StartOrder) -> Result<Started, String> {
    let node = &order.node;
    let spec = container_spec(&SpecContext {
        task: &order.task,
        task_id: &order.task_id,
        index: order.index,
        restarts: order.restarts,
        settings: &order.settings,
        image: &order.image,
        network_namespace: order.prepared.network_namespace.clone(),
        hostname: &super::prepare::hostname(&order.task),
        task_directory: &node.task_directory(&order.task_id),
        shared_volumes: &node.volumes_directory(),
        open_files: fargate_open_files(),
        gpus: &node.gpus,
    });
    let cannot_create =
        |error: &dyn std::fmt::Display| format!("CannotCreateContainerError: {error}");
    let mut spec = spec.map_err(|error| cannot_create(&error))?;
    spec.secret_environment = order
        .secrets
        .of(&order.task.containers[order.index])
        .await?;
    for mount in &spec.mounts {
        // As Docker does: a host path that is not there becomes a directory.
        if mount.source.is_absolute() && !mount.source.exists() {
            let path = mount.source.display();
            std::fs::create_dir_all(&mount.source)
                .map_err(|error| format!("CannotCreateVolumeError: {path}: {error}"))?;
        }
    }
    let id = spec.id.clone();
    let turn = pass(&node.gates.starting).await;
    node.runtime
        .create(spec)
        .await
        .map_err(|error| cannot_create(&error))?;
    drop(turn);
    if order.durable.wait_for(|durable| *durable).await.is_err() {
        return Err("CannotStartContainerError: the agent ended".to_owned());
    }
    let _turn = pass(&node.gates.starting).await;
    node.runtime
        .start(&id)
        .await
        .map_err(|error| format!("CannotStartContainerError: {error}"))
}

/// What Fargate gives (ECS developer guide, "Resource limits"), as far as this process may give it.
fn fargate_open_files() -> i64 {
    const OPEN_FILES: u64 = 65_535;
    let own = nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE);
    let most = own.map_or(OPEN_FILES, |(_, hard)| hard.min(OPEN_FILES));
    i64::try_from(most).unwrap_or(i64::MAX)
}

pub async fn wait(node: Arc<Node>, index: usize, id: String) -> Event {
    Event::Ended {
        index,
        exit: node.runtime.wait(&id).await,
    }
}

/// Answers only when it failed for good: the end itself is what [`wait`] tells.
pub async fn stop(
    node: Arc<Node>,
    index: usize,
    id: String,
    signal: String,
    timeout_seconds: u32,
) -> Option<Event> {
    for attempt in 1.. {
        let error = match node.runtime.stop(&id, &signal, timeout_seconds).await {
            Ok(_) => return None,
            Err(error) => error,
        };
        tracing::warn!(%error, id, attempt, "cannot stop the container");
        if attempt == STOP_TRIES {
            return Some(Event::StopFailed {
                index,
                reason: format!("CannotStopContainerError: {error}"),
            });
        }
        node.clock.sleep(STOP_RETRY_PAUSE).await;
    }
    None
}

/// One container's health check, as far as to its next change.
pub struct HealthWatch {
    pub node: Arc<Node>,
    pub index: usize,
    pub restarts: u32,
    pub id: String,
    pub plan: HealthPlan,
    pub count: HealthCount,
    pub started_at: UnixMillis,
    pub task: Arc<acs::Task>,
    pub secrets: Arc<TaskSecrets>,
}

pub async fn watch_health(mut watch: HealthWatch) -> Option<Event> {
    let before = watch.count.health;
    loop {
        watch.node.clock.sleep(watch.plan.interval).await;
        // The command sees what its container sees. Without it, it would say something else: better nothing.
        let secrets = watch.secrets.of(&watch.task.containers[watch.index]);
        let Ok(secret_environment) = secrets.await else {
            continue;
        };
        let request = runtime::ExecRequest {
            command: watch.plan.command.clone(),
            user: None,
            timeout_seconds: u32::try_from(watch.plan.timeout.as_secs().max(1)).unwrap_or(u32::MAX),
            secret_environment,
        };
        let passed = match watch.node.runtime.exec(&watch.id, request).await {
            Ok(outcome) => outcome.exit_code == 0 && !outcome.timed_out,
            Err(runtime::ExecError::NotRunning(_)) => return None,
            Err(error) => {
                tracing::debug!(%error, id = watch.id, "the health check could not be run");
                false
            }
        };
        let health = watch.count.observe(
            &watch.plan,
            passed,
            watch.started_at,
            watch.node.clock.now(),
        );
        if health != before && health != Health::Unknown {
            return Some(Event::Health {
                index: watch.index,
                restarts: watch.restarts,
                count: watch.count,
            });
        }
    }
}
