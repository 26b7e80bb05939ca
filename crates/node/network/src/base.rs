//! What the host needs once: forwarding, the base rules, the metadata address.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use ipnet::Ipv4Net;
use nix::net::if_::if_nametoindex;

use crate::netlink::Netlink;
use crate::{NetworkError, NetworkOptions, docker, namespace};

const FORWARDING: &str = "/proc/sys/net/ipv4/ip_forward";

pub(crate) fn ensure(options: &NetworkOptions) -> Result<(), NetworkError> {
    namespace::ensure_directory()?;
    forward()?;
    if let Some(address) = options.metadata_address {
        let loopback = if_nametoindex("lo").map_err(|errno| NetworkError::System {
            what: "loopback link",
            source: errno.into(),
        })?;
        Netlink::open()?.add_address(loopback, address)?;
    }
    docker::let_through(&options.name, options.task_cidr);
    run_nft(&base_rules(&options.name, options.task_cidr))
}

/// Puts back what is not there any more; what that was, in words.
pub(crate) fn restore(options: &NetworkOptions) -> Result<Vec<&'static str>, NetworkError> {
    let mut missing = Vec::new();
    if fs::read_to_string(FORWARDING).is_ok_and(|value| value.trim() != "1") {
        forward()?;
        missing.push("forwarding");
    }
    if docker::let_through(&options.name, options.task_cidr) {
        missing.push("Docker's leave");
    }
    if !has_table(&options.name) {
        run_nft(&base_rules(&options.name, options.task_cidr))?;
        missing.push("the nftables table");
    }
    Ok(missing)
}

pub(crate) fn remove(options: &NetworkOptions) -> Result<(), NetworkError> {
    docker::forget(&options.name);
    run_nft(&format!(
        "table inet {0} {{\n}}\ndelete table inet {0}\n",
        options.name
    ))
}

fn forward() -> Result<(), NetworkError> {
    fs::write(FORWARDING, "1").map_err(|source| NetworkError::File {
        path: FORWARDING.to_owned(),
        source,
    })
}

/// Also if that cannot be told, for then making it anew would fail too.
fn has_table(name: &str) -> bool {
    let listed = Command::new("nft")
        .args(["list", "tables", "inet"])
        .stdin(Stdio::null())
        .output();
    let Some(listed) = listed.ok().filter(|output| output.status.success()) else {
        return true;
    };
    let text = String::from_utf8_lossy(&listed.stdout);
    text.lines()
        .any(|line| line.split_whitespace().last() == Some(name))
}

/// Replaces the table in one transaction, so that there is no moment without rules.
///
/// Accepting here does not overrule a `drop` in another table: see [`docker`] for Docker's.
fn base_rules(name: &str, task_cidr: Ipv4Net) -> String {
    format!(
        "table inet {name} {{
}}
delete table inet {name}
table inet {name} {{
    chain forward {{
        type filter hook forward priority filter; policy accept;
        ip saddr {task_cidr} accept
        ip daddr {task_cidr} accept
    }}
    chain postrouting {{
        type nat hook postrouting priority srcnat; policy accept;
        ip saddr {task_cidr} ip daddr != {task_cidr} masquerade
    }}
}}
"
    )
}

fn run_nft(rules: &str) -> Result<(), NetworkError> {
    let failed = |error: std::io::Error| NetworkError::Nftables(error.to_string());
    let mut nft = Command::new("nft")
        .args(["-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let written = nft
        .stdin
        .take()
        .expect("stdin is piped")
        .write_all(rules.as_bytes());
    let output = nft.wait_with_output().map_err(failed)?;
    if !output.status.success() {
        return Err(NetworkError::Nftables(
            String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        ));
    }
    written.map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_replaced_as_a_whole() {
        let rules = base_rules("gantry", "172.31.0.0/16".parse().unwrap());
        assert!(
            rules.starts_with(
                "table inet gantry {\n}\ndelete table inet gantry\ntable inet gantry {"
            )
        );
        assert!(rules.contains("ip saddr 172.31.0.0/16 ip daddr != 172.31.0.0/16 masquerade"));
    }
}
