//! One task's link: about ten netlink messages, about a millisecond.

use std::fs;
use std::io;
use std::os::fd::AsRawFd;

use nix::net::if_::if_nametoindex;

use crate::namespace;
use crate::netlink::{Netlink, VethEnd};
use crate::{
    LINK_LOCAL_GATEWAY, MacAddress, NetworkError, NetworkOptions, TaskNetwork, TaskNetworkHandle,
};

/// In a new namespace `lo` is 1, so `eth0` can be told to be 2.
const LOOPBACK_INDEX: u32 = 1;
const ETH0_INDEX: u32 = 2;
/// Starts the name of the host's end.
const HOST_LINK_PREFIX: &str = "gy";
/// Linux allows 15 bytes in the name of a link.
const HOST_LINK_ID_LENGTH: usize = 13;

pub(crate) fn setup(
    options: &NetworkOptions,
    task: &TaskNetwork,
) -> Result<TaskNetworkHandle, NetworkError> {
    let netns_path = namespace::path(&options.name, &task.task_id)?;
    namespace::remove(&netns_path)?;
    let (namespace_file, mut inside) = namespace::create(&netns_path)?;
    let host_link = host_link_name(&task.task_id);
    let host_mac = MacAddress::of_host_end(task.ipv4);
    let connect = || -> Result<(), NetworkError> {
        let mut host = Netlink::open()?;
        let near = VethEnd {
            name: &host_link,
            mac: host_mac,
            index: None,
            namespace: None,
        };
        let far = VethEnd {
            name: "eth0",
            mac: task.mac,
            index: Some(ETH0_INDEX),
            namespace: Some(namespace_file.as_raw_fd()),
        };
        add_veth(&mut host, &near, &far)?;
        inside.set_up(LOOPBACK_INDEX)?;
        inside.set_up(ETH0_INDEX)?;
        inside.add_address(ETH0_INDEX, task.ipv4)?;
        inside.add_neighbour(ETH0_INDEX, LINK_LOCAL_GATEWAY, host_mac)?;
        inside.add_default_route(ETH0_INDEX, LINK_LOCAL_GATEWAY)?;
        let index = if_nametoindex(host_link.as_str()).map_err(|errno| NetworkError::System {
            what: "host link",
            source: errno.into(),
        })?;
        host.add_neighbour(index, task.ipv4, task.mac)?;
        host.add_host_route(index, task.ipv4)?;
        refuse_other_sources(&host_link)
    };
    // A namespace without a link is of no use to anybody.
    let mut connect = connect;
    connect().inspect_err(|_| {
        let _ = namespace::remove(&netns_path);
    })?;
    Ok(TaskNetworkHandle {
        netns_path,
        host_link,
    })
}

fn add_veth(host: &mut Netlink, near: &VethEnd<'_>, far: &VethEnd<'_>) -> Result<(), NetworkError> {
    match host.add_veth(near, far) {
        // The link of an earlier try: its namespace is given up, but the kernel takes links down with a delay.
        Err(NetworkError::Netlink { source, .. })
            if source.kind() == io::ErrorKind::AlreadyExists =>
        {
            host.delete_link(near.name)?;
            host.add_veth(near, far)
        }
        done => done,
    }
}

/// Strict reverse path filtering (RFC 3704): with the /32 route, only the task's own address may come in here.
fn refuse_other_sources(host_link: &str) -> Result<(), NetworkError> {
    let path = format!("/proc/sys/net/ipv4/conf/{host_link}/rp_filter");
    fs::write(&path, "1").map_err(|source| NetworkError::File { path, source })
}

fn host_link_name(task_id: &str) -> String {
    let id: String = task_id
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .take(HOST_LINK_ID_LENGTH)
        .collect();
    format!("{HOST_LINK_PREFIX}{id}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn link_names_fit() {
        assert_eq!(
            host_link_name("0123456789abcdef0123456789abcdef"),
            "gy0123456789abc"
        );
        assert_eq!(host_link_name("a-b"), "gyab");
    }
}
