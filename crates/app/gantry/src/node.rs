//! A node, put together: runtime, network, agent.

use std::{path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use agent::{Gpu, Overcommit, TaskNetworks};
use anyhow::{Context, anyhow};
use clock::Clock;
use network::{Network, NetworkOptions};
use runtime::{BuiltinOptions, BuiltinRuntime, ContainerState, OciRuntime, Runtime};
use tokio::sync::watch;

use crate::{
    arguments::{Agent, Capacity, Global, NodeOptions, Runtime as RuntimeKind},
    connect, node_images,
    paths::DataDirectory,
    signals,
};

const STOP: Duration = Duration::from_secs(10);
/// What a container gets between SIGTERM and SIGKILL when `gantry down` ends it.
const DOWN_STOP_TIMEOUT_SECONDS: u32 = 5;

/// An agent that runs in this process.
pub struct Node {
    clock: Clock,
    stop: watch::Sender<bool>,
    /// Set when the agent has ended, with why.
    ended: watch::Receiver<Option<String>>,
}

/// Containers, namespaces and control groups are root's to make.
pub fn check_rights() -> anyhow::Result<()> {
    if nix::unistd::Uid::effective().is_root() {
        return Ok(());
    }
    Err(anyhow!(
        "a node needs root to run containers: run this with sudo, or run the control plane alone with `gantry server`"
    ))
}

/// `gantry agent`.
pub async fn run_until_signal(global: &Global, options: Agent) -> anyhow::Result<ExitCode> {
    let data = DataDirectory::new(global.data_dir.clone());
    data.claim()?;
    let node = Node::start(global, &options)?;
    let ended = tokio::select! {
        () = signals::terminated() => {
            node.stop().await;
            Ok(ExitCode::SUCCESS)
        }
        error = node.failed() => Err(error),
    };
    data.remove_pid_file();
    ended
}

impl Node {
    pub fn start(global: &Global, options: &Agent) -> anyhow::Result<Self> {
        check_rights()?;
        let clock = Clock::system();
        let data = DataDirectory::new(global.data_dir.clone());
        let options = agent_options(global, options, &data, &clock)?;
        let (stop, stopping) = watch::channel(false);
        let (end, ended) = watch::channel(None);
        clock.spawn("agent", async move {
            let why = match agent::run(options, signals::stopped(stopping)).await {
                Ok(()) => "it was asked to".to_owned(),
                Err(error) => format!("{:#}", anyhow::Error::from(error)),
            };
            end.send_replace(Some(why));
        });
        Ok(Self { clock, stop, ended })
    }

    /// Resolves when the agent has ended.
    pub async fn failed(&self) -> anyhow::Error {
        let mut ended = self.ended.clone();
        match ended.wait_for(Option::is_some).await {
            Ok(why) => anyhow!("the agent ended: {}", why.as_deref().unwrap_or_default()),
            Err(_) => anyhow!("the agent broke; the log says where"),
        }
    }

    /// Ends the agent; containers run on.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        if self.clock.timeout(STOP, self.failed()).await.is_err() {
            tracing::warn!("the agent did not end in time");
        }
    }
}

/// Ends and removes every container of the node, with its network and its control groups. The agent must not be running.
pub async fn remove_containers(data: &DataDirectory, network_name: &str) -> anyhow::Result<usize> {
    if !data.node().exists() {
        return Ok(0);
    }
    let clock = Clock::system();
    let runtime = Arc::new(builtin_runtime(builtin_options(
        data,
        network_name,
        &clock,
    ))?);
    let containers = runtime.list().await?;
    let mut stopping = Vec::new();
    for container in &containers {
        let runtime = Arc::clone(&runtime);
        let (id, running) = (
            container.id.clone(),
            matches!(container.state, ContainerState::Running(_)),
        );
        stopping.push(async move {
            if running {
                runtime
                    .stop(&id, "SIGTERM", DOWN_STOP_TIMEOUT_SECONDS)
                    .await?;
            }
            runtime.remove(&id).await
        });
    }
    futures_util::future::try_join_all(stopping).await?;
    for container in &containers {
        runtime.remove_task_group(&container.spec.task_id).await?;
    }
    runtime.remove_group_root().await?;
    let network = Network::new(network_options("172.31.0.0/16", network_name, &clock)?);
    for task in network.list().await? {
        network.teardown(&task).await?;
    }
    network.remove_base().await?;
    Ok(containers.len())
}

fn agent_options(
    global: &Global,
    options: &Agent,
    data: &DataDirectory,
    clock: &Clock,
) -> anyhow::Result<agent::Options> {
    let node = &options.node;
    let endpoint = global
        .endpoint
        .clone()
        .or_else(|| data.facts().map(|facts| facts.endpoint))
        .unwrap_or_else(|| "http://127.0.0.1:4580".into());
    let join = options
        .join_credentials
        .clone()
        .unwrap_or_else(|| data.root_credentials());
    let runtime = match node.runtime {
        RuntimeKind::Builtin => {
            let authorities = connect::authorities(global, data)?;
            let mut options = builtin_options(data, &node.network_name, clock);
            options.registry_authorities.extend(authorities);
            for path in &node.images.registry_authorities {
                options
                    .registry_authorities
                    .push(node_images::authority(path)?);
            }
            options.oci_runtime = OciRuntime::find(&node.oci_runtime).context("--oci-runtime")?;
            builtin_runtime(options)?
        }
    };
    let network = Network::new(network_options(
        &node.network_cidr,
        &node.network_name,
        clock,
    )?);
    let network: Arc<dyn TaskNetworks> = Arc::new(network);
    Ok(agent::Options {
        endpoint,
        trust: connect::trust(global, data)?,
        cluster: node.cluster.clone(),
        region: options.region.clone(),
        capacity: match node.capacity {
            Capacity::Serverless => agent::Capacity::Serverless,
            Capacity::Ec2 => agent::Capacity::ContainerInstance,
        },
        runtime: Arc::new(runtime),
        network,
        data_dir: data.node(),
        state: None,
        join_credentials: if join.exists() {
            Some(connect::read_credentials(&join)?)
        } else {
            None
        },
        node_name: node.node_name.clone(),
        overcommit: overcommit(&node.overcommit)?,
        attributes: attributes(node)?,
        gpus: gpus(node)?,
        resources: None,
        images: node_images::options(&node.images)?,
        clock: clock.clone(),
    })
}

fn builtin_options(data: &DataDirectory, name: &str, clock: &Clock) -> BuiltinOptions {
    let directory = data.node().join("runtime");
    let mut options = BuiltinOptions::new(directory, clock.clone());
    options.group_root = name.to_owned();
    options
}

fn builtin_runtime(options: BuiltinOptions) -> anyhow::Result<BuiltinRuntime> {
    BuiltinRuntime::new(options)
        .context("the built-in runtime cannot start; `gantry doctor` looks for the cause")
}

fn network_options(cidr: &str, name: &str, clock: &Clock) -> anyhow::Result<NetworkOptions> {
    Ok(NetworkOptions {
        name: name.to_owned(),
        task_cidr: cidr
            .parse()
            .with_context(|| format!("--network-cidr: `{cidr}` is not like 172.31.0.0/16"))?,
        metadata_address: None,
        clock: clock.clone(),
    })
}

fn attributes(node: &NodeOptions) -> anyhow::Result<Vec<(String, String)>> {
    let mut attributes = named_attributes(node)?;
    if let Some(provider) = &node.capacity_provider {
        if node.capacity == Capacity::Serverless {
            return Err(anyhow!(
                "--capacity-provider is for container instances: add --capacity ec2"
            ));
        }
        attributes.push(("gantry.capacity-provider".to_owned(), provider.clone()));
    }
    Ok(attributes)
}

fn named_attributes(node: &NodeOptions) -> anyhow::Result<Vec<(String, String)>> {
    node.attributes
        .iter()
        .map(|pair| {
            let (name, value) = pair
                .split_once('=')
                .ok_or_else(|| anyhow!("--attribute takes NAME=VALUE, not `{pair}`"))?;
            Ok((name.to_owned(), value.to_owned()))
        })
        .collect()
}

fn gpus(node: &NodeOptions) -> anyhow::Result<Vec<Gpu>> {
    if node.gpus.is_empty() {
        return Ok(agent::gpus_of_this_machine());
    }
    if node.capacity == Capacity::Serverless {
        return Err(anyhow!(
            "--gpu is for container instances, since Fargate has no GPUs: add --capacity ec2"
        ));
    }
    let wrong = |text: &str| anyhow!("--gpu takes ID=DEVICE[,DEVICE...], not `{text}`");
    let read = |text: &String| {
        let (id, devices) = text.split_once('=').ok_or_else(|| wrong(text))?;
        let devices: Vec<PathBuf> = devices.split(',').map(PathBuf::from).collect();
        if id.is_empty() || !devices.iter().all(|device| device.is_absolute()) {
            return Err(wrong(text));
        }
        let id = id.to_owned();
        Ok(Gpu { id, devices })
    };
    node.gpus.iter().map(read).collect()
}

/// `cpu=8,memory=1.5`; what is not named is not overcommitted.
fn overcommit(text: &str) -> anyhow::Result<Overcommit> {
    let mut overcommit = Overcommit::default();
    for part in text.split(',').filter(|part| !part.is_empty()) {
        let wrong = || anyhow!("--overcommit takes cpu=N,memory=N, not `{part}`");
        let (name, value) = part.split_once('=').ok_or_else(wrong)?;
        let value: f64 = value.parse().map_err(|_| wrong())?;
        if !(0.1..=1_000.0).contains(&value) {
            return Err(wrong());
        }
        match name {
            "cpu" => overcommit.cpu = value,
            "memory" => overcommit.memory = value,
            _ => return Err(wrong()),
        }
    }
    Ok(overcommit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overcommit_is_read() {
        let read = overcommit("cpu=8,memory=1.5").unwrap();
        assert_eq!((read.cpu, read.memory), (8.0, 1.5));
        assert_eq!(overcommit("cpu=2").unwrap().memory, 1.0);
        for wrong in ["cpu", "cpu=x", "disk=2", "cpu=0", "cpu=NaN"] {
            assert!(overcommit(wrong).is_err(), "{wrong}");
        }
    }
}
