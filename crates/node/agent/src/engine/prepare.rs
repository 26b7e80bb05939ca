//! What a task needs before its first container: a network, the files that go into its containers, its control group.

use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use link::{acs, docker};
use network::TaskNetwork;
use tokio::sync::watch;

use super::sandbox;
use super::secrets::TaskSecrets;
use super::settings::Settings;
use super::spec::task_group;
use crate::node::{Node, pass};

/// A task's surroundings, as they stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared {
    /// `None`: the host's network, or none at all.
    pub network_namespace: Option<PathBuf>,
}

/// The address that awsvpc tasks have, as the payload says.
#[derive(Clone)]
struct Interface {
    network: TaskNetwork,
    hostname: String,
    name_servers: Vec<String>,
}

/// What is to be made, and for whom.
pub struct PrepareOrder {
    pub node: Arc<Node>,
    pub task_id: String,
    pub task: Arc<acs::Task>,
    /// Of each container.
    pub settings: Vec<Settings>,
    /// What stands already is kept: containers are in it.
    pub network_namespace: Option<PathBuf>,
    pub has_sandbox: bool,
    pub secrets: Arc<TaskSecrets>,
    /// Turns true when the task is on disk: only then may anything run.
    pub durable: watch::Receiver<bool>,
}

/// Makes everything, or answers the task's reason.
pub async fn prepare(order: PrepareOrder) -> Result<Prepared, String> {
    let PrepareOrder {
        node,
        task_id,
        task,
        ..
    } = &order;
    let failed = |what: &str, error: &dyn std::fmt::Display| {
        format!("ResourceInitializationError: {what}: {error}")
    };
    let interface =
        interface(task_id, task).map_err(|error| failed("network configuration", &error))?;
    // What cannot be had fails the task before anything of it runs; nobody else waits for it.
    for container in &task.containers {
        order.secrets.prepare(container).await?;
    }
    let _turn = pass(&node.gates.preparing).await;
    let group = task_group(task, task_id, node.cpu_by_weight);
    let group = async {
        node.runtime
            .create_task_group(group)
            .await
            .map_err(|error| failed("control group", &error))?;
        if sandbox::is_needed(task) && !order.has_sandbox {
            return start_sandbox(&order).await;
        }
        Ok(())
    };
    let network = async {
        match (order.network_namespace.clone(), &interface) {
            (Some(path), _) => Ok(Some(path)),
            (None, None) => Ok(None),
            (None, Some(interface)) => {
                let made = node.network.setup(interface.network.clone()).await;
                made.map(Some)
                    .map_err(|error| failed("failed to set up the task's network", &error))
            }
        }
    };
    let directory = node.task_directory(task_id);
    let (for_files, of_files) = (Arc::clone(task), interface.clone());
    let settings = order.settings.clone();
    let writing = node
        .clock
        .spawn_blocking(move || write_files(&directory, &for_files, of_files.as_ref(), &settings));
    let written = async {
        let written = writing.await.map_err(std::io::Error::other).flatten();
        written.map_err(|error| failed("files of the task", &error))
    };
    let ((), network_namespace, ()) = tokio::try_join!(group, network, written)?;
    Ok(Prepared { network_namespace })
}

/// What an earlier agent left half made is made anew.
async fn start_sandbox(order: &PrepareOrder) -> Result<(), String> {
    let runtime = &order.node.runtime;
    let spec = sandbox::spec(&order.task, &order.task_id);
    let id = spec.id.clone();
    let failed = |error: &dyn std::fmt::Display| {
        format!(
            "ResourceInitializationError: failed to make what the task's containers share: {error}"
        )
    };
    runtime.remove(&id).await.map_err(|error| failed(&error))?;
    runtime.create(spec).await.map_err(|error| failed(&error))?;
    let mut durable = order.durable.clone();
    if durable.wait_for(|durable| *durable).await.is_err() {
        return Err(failed(&"the agent ended"));
    }
    let started = runtime.start(&id).await;
    started.map(|_| ()).map_err(|error| failed(&error))
}

/// Where the files of one container are.
pub fn container_directory(task_directory: &Path, index: usize) -> PathBuf {
    task_directory.join(index.to_string())
}

/// The hostname of a task's containers, when they name none.
pub fn hostname(task: &acs::Task) -> String {
    let interface = task.elastic_network_interfaces.first();
    let dns_name = interface.and_then(|interface| interface.private_dns_name.clone());
    let address = interface.and_then(|interface| ipv4_of(interface).ok());
    let from_address =
        address.map(|address| format!("ip-{}.ec2.internal", address.to_string().replace('.', "-")));
    dns_name
        .filter(|name| !name.is_empty())
        .or(from_address)
        .unwrap_or_else(host_name)
}

fn host_name() -> String {
    nix::unistd::gethostname()
        .ok()
        .and_then(|name| name.into_string().ok())
        .unwrap_or_default()
}

fn interface(task_id: &str, task: &acs::Task) -> Result<Option<Interface>, String> {
    match task.network_mode.as_deref() {
        Some("host" | "none") => Ok(None),
        Some("awsvpc") => {
            let first = task.elastic_network_interfaces.first();
            let interface = first.ok_or("an awsvpc task came without a network interface")?;
            let mac = interface.mac_address.as_deref().unwrap_or_default();
            Ok(Some(Interface {
                network: TaskNetwork {
                    task_id: task_id.to_owned(),
                    ipv4: ipv4_of(interface)?,
                    mac: mac
                        .parse()
                        .map_err(|error: network::InvalidMacAddress| error.to_string())?,
                },
                hostname: hostname(task),
                name_servers: interface.domain_name_servers.clone(),
            }))
        }
        other => Err(format!(
            "network mode {} is not supported by this node",
            other.unwrap_or("bridge")
        )),
    }
}

fn ipv4_of(interface: &acs::ElasticNetworkInterface) -> Result<Ipv4Addr, String> {
    let primary = interface
        .ipv4_addresses
        .iter()
        .find(|address| address.primary == Some(true));
    let chosen = primary.or(interface.ipv4_addresses.first());
    let text = chosen
        .and_then(|address| address.private_address.as_deref())
        .unwrap_or_default();
    text.parse()
        .map_err(|_| format!("the network interface has no IPv4 address: {text:?}"))
}

fn write_files(
    directory: &Path,
    task: &acs::Task,
    interface: Option<&Interface>,
    settings: &[Settings],
) -> io::Result<()> {
    let own_volumes = directory.join("volumes");
    for volume in &task.volumes {
        let name = volume.name.as_deref().unwrap_or_default();
        // Names that are no plain names are refused where the spec is made.
        if !name.is_empty() && !name.contains(['/', '.']) {
            std::fs::create_dir_all(own_volumes.join(name))?;
        }
    }
    let is_cut_off = task.network_mode.as_deref() == Some("none");
    for (index, Settings { config, host, .. }) in settings.iter().enumerate() {
        let directory = container_directory(directory, index);
        std::fs::create_dir_all(&directory)?;
        std::fs::write(directory.join("resolv.conf"), resolv_conf(interface, host))?;
        let own = config.hostname.clone().filter(|name| !name.is_empty());
        let name = own.unwrap_or_else(|| hostname(task));
        let hosts = if is_cut_off {
            network::hosts_file(Ipv4Addr::LOCALHOST, &name, &extra_hosts(host))
        } else {
            hosts_file(interface, host)?
        };
        std::fs::write(directory.join("hosts"), hosts)?;
        std::fs::write(directory.join("hostname"), format!("{name}\n"))?;
    }
    Ok(())
}

/// The container's own servers, else the interface's, else the host's.
fn resolv_conf(interface: Option<&Interface>, host: &docker::HostConfig) -> String {
    let of_interface = interface
        .map(|interface| interface.name_servers.as_slice())
        .unwrap_or_default();
    let servers = if host.dns.is_empty() {
        of_interface
    } else {
        &host.dns
    };
    let inherited = match interface {
        Some(_) => network::resolv_conf_of_host(),
        // In the host's network the host's file is right as it is, loopback servers and all.
        None => std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default(),
    };
    let mut lines: Vec<String> = inherited.lines().map(str::to_owned).collect();
    let mut replace = |word: &str, values: Vec<String>| {
        if !values.is_empty() {
            lines.retain(|line| line.split_whitespace().next() != Some(word));
            lines.extend(values);
        }
    };
    replace(
        "nameserver",
        servers
            .iter()
            .map(|server| format!("nameserver {server}"))
            .collect(),
    );
    let joined = |word: &str, values: &[String]| match values {
        [] => Vec::new(),
        values => vec![format!("{word} {}", values.join(" "))],
    };
    replace("search", joined("search", &host.dns_search));
    replace("options", joined("options", &host.dns_options));
    lines.iter().map(|line| format!("{line}\n")).collect()
}

fn extra_hosts(host: &docker::HostConfig) -> Vec<(String, String)> {
    host.extra_hosts
        .iter()
        .filter_map(|entry| entry.split_once(':'))
        .map(|(name, address)| (address.to_owned(), name.to_owned()))
        .collect()
}

fn hosts_file(interface: Option<&Interface>, host: &docker::HostConfig) -> io::Result<String> {
    let extra = extra_hosts(host);
    if let Some(interface) = interface {
        return Ok(network::hosts_file(
            interface.network.ipv4,
            &interface.hostname,
            &extra,
        ));
    }
    let mut text = std::fs::read_to_string("/etc/hosts")?;
    for (address, name) in extra {
        text.push_str(&format!("{address}\t{name}\n"));
    }
    Ok(text)
}
