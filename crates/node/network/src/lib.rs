//! A task's network: namespace, routed veth, nftables base rules, resolv.conf.
//!
//! Each task has a namespace of its own, joined to the host by a routed point-to-point veth, as the AWS VPC CNI
//! does it: the task's `eth0` has a /32 address and a default route by [`LINK_LOCAL_GATEWAY`], which exists
//! nowhere: a permanent neighbour entry maps it to the host's end. The host has one /32 route a task. So tasks
//! and host reach each other by plain routing, with no bridge, no ARP and no process per task.

mod base;
mod docker;
mod files;
mod mac;
mod namespace;
mod netlink;
mod task;

use std::io;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;

use clock::Clock;
use ipnet::Ipv4Net;

pub use files::{hosts_file, resolv_conf, resolv_conf_of_host};
pub use mac::{InvalidMacAddress, MacAddress};

/// The next hop of every task; never assigned to an interface.
pub const LINK_LOCAL_GATEWAY: Ipv4Addr = Ipv4Addr::new(169, 254, 1, 1);

/// How this node does networking.
#[derive(Debug, Clone)]
pub struct NetworkOptions {
    /// Names the nftables table and prefixes the namespaces; two agents on one machine need two names.
    pub name: String,
    /// Where task addresses come from. Traffic that leaves it is masqueraded.
    pub task_cidr: Ipv4Net,
    /// Added to `lo` on the host, so that the agent can serve metadata and credentials there.
    pub metadata_address: Option<Ipv4Addr>,
    pub clock: Clock,
}

/// What a task's network is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskNetwork {
    pub task_id: String,
    pub ipv4: Ipv4Addr,
    pub mac: MacAddress,
}

/// A task's network as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskNetworkHandle {
    pub netns_path: PathBuf,
    /// The host's end of the veth.
    pub host_link: String,
}

/// Why the network could not be made.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    #[error("{path}: {source}")]
    File { path: String, source: io::Error },
    #[error("{what}: {source}")]
    System {
        what: &'static str,
        source: io::Error,
    },
    #[error("netlink, {what}: {source}")]
    Netlink {
        what: &'static str,
        source: io::Error,
    },
    #[error("nft: {0}")]
    Nftables(String),
    #[error("invalid task id {0:?}")]
    InvalidTaskId(String),
    #[error("the thread that makes namespaces panicked")]
    Panicked,
}

/// The node's network; cheap to clone.
#[derive(Debug, Clone)]
pub struct Network {
    options: Arc<NetworkOptions>,
}

impl Network {
    pub fn new(options: NetworkOptions) -> Self {
        Self {
            options: Arc::new(options),
        }
    }

    /// Forwarding, the base rules, the metadata address. Once, when the agent starts; repeating it is harmless.
    pub async fn ensure_base(&self) -> Result<(), NetworkError> {
        let options = Arc::clone(&self.options);
        self.blocking(move || base::ensure(&options)).await
    }

    /// Puts back what others took away since [`Network::ensure_base`], as a firewall that is loaded anew does, and asks a Docker
    /// that was started since to let tasks through. Says what was missing; usually nothing.
    pub async fn restore_base(&self) -> Result<Vec<&'static str>, NetworkError> {
        let options = Arc::clone(&self.options);
        self.blocking(move || base::restore(&options)).await
    }

    /// Takes the base rules away again, and the mount that [`Network::ensure_base`] made stays: others use it.
    pub async fn remove_base(&self) -> Result<(), NetworkError> {
        let options = Arc::clone(&self.options);
        self.blocking(move || base::remove(&options)).await
    }

    /// Makes the task's namespace and connects it. What an earlier try left behind is replaced.
    pub async fn setup(&self, task: TaskNetwork) -> Result<TaskNetworkHandle, NetworkError> {
        let options = Arc::clone(&self.options);
        self.blocking(move || task::setup(&options, &task)).await
    }

    /// Gives the namespace up; the kernel takes the veth and its routes down with it, once the task's last
    /// process has gone. Idempotent.
    pub async fn teardown(&self, task_id: &str) -> Result<(), NetworkError> {
        let options = Arc::clone(&self.options);
        let task_id = task_id.to_owned();
        self.blocking(move || namespace::remove(&namespace::path(&options.name, &task_id)?))
            .await
    }

    /// The ids of the tasks that have a namespace here, for cleaning up after a restart.
    pub async fn list(&self) -> Result<Vec<String>, NetworkError> {
        let options = Arc::clone(&self.options);
        self.blocking(move || namespace::list(&options.name)).await
    }

    /// Where the task's namespace is, or would be.
    pub fn netns_path(&self, task_id: &str) -> Result<PathBuf, NetworkError> {
        namespace::path(&self.options.name, task_id)
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, NetworkError> + Send + 'static,
    ) -> Result<T, NetworkError> {
        self.options
            .clock
            .spawn_blocking(work)
            .await
            .map_err(|_| NetworkError::Panicked)?
    }
}
