//! The contents of a task's `/etc/resolv.conf` and `/etc/hosts`.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};

/// Used when the host names no resolver that a task could reach. Public resolvers, as Docker falls back to
/// public ones; an operator who wants others names them.
const FALLBACK_NAME_SERVERS: [&str; 2] = ["1.1.1.1", "8.8.8.8"];
const HOST_FILE: &str = "/etc/resolv.conf";
/// Where systemd-resolved writes the servers behind its own loopback address.
const SYSTEMD_RESOLVED_FILE: &str = "/run/systemd/resolve/resolv.conf";

/// What tasks of this host get when nobody says otherwise.
pub fn resolv_conf_of_host() -> String {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    resolv_conf(&read(HOST_FILE), &read(SYSTEMD_RESOLVED_FILE))
}

/// The host's file without servers on loopback, which a task cannot reach; if none is left, systemd-resolved's
/// servers; if there are none either, public ones.
pub fn resolv_conf(host: &str, systemd_resolved: &str) -> String {
    let mut servers = reachable_servers(host);
    if servers.is_empty() {
        servers = reachable_servers(systemd_resolved);
    }
    if servers.is_empty() {
        servers = FALLBACK_NAME_SERVERS.map(str::to_owned).to_vec();
    }
    let mut text: String = servers
        .iter()
        .map(|server| format!("nameserver {server}\n"))
        .collect();
    let kept = |line: &&str| line.starts_with("search ") || line.starts_with("options ");
    for line in host.lines().map(str::trim).filter(kept) {
        text.push_str(line);
        text.push('\n');
    }
    text
}

/// A task's own names, and `extra` as (address, name).
pub fn hosts_file(ipv4: Ipv4Addr, hostname: &str, extra: &[(String, String)]) -> String {
    let mut text = format!(
        "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n{ipv4}\t{hostname}\n"
    );
    for (address, name) in extra {
        text.push_str(&format!("{address}\t{name}\n"));
    }
    text
}

fn reachable_servers(text: &str) -> Vec<String> {
    let servers = text.lines().filter_map(|line| {
        line.trim()
            .strip_prefix("nameserver")?
            .split_whitespace()
            .next()
    });
    // Tasks have IPv4 only. A scoped address (`fe80::1%eth0`) does not parse, and would mean nothing inside.
    let reachable =
        |server: &&str| matches!(server.parse::<IpAddr>(), Ok(IpAddr::V4(ip)) if !ip.is_loopback());
    servers.filter(reachable).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hosts_servers_are_kept() {
        let host = "# made by hand\nnameserver 10.0.0.2\nnameserver fe80::1%eth0\nsearch example.com\noptions ndots:2\n";
        assert_eq!(
            resolv_conf(host, "nameserver 9.9.9.9"),
            "nameserver 10.0.0.2\nsearch example.com\noptions ndots:2\n"
        );
    }

    #[test]
    fn loopback_servers_are_replaced() {
        let stub = "nameserver 127.0.0.53\nsearch lan\n";
        assert_eq!(
            resolv_conf(stub, "nameserver 10.0.0.2\n"),
            "nameserver 10.0.0.2\nsearch lan\n"
        );
        assert_eq!(
            resolv_conf(stub, ""),
            "nameserver 1.1.1.1\nnameserver 8.8.8.8\nsearch lan\n"
        );
    }

    #[test]
    fn hosts_names_the_task() {
        let text = hosts_file(
            Ipv4Addr::new(172, 31, 0, 2),
            "ip-172-31-0-2",
            &[("10.0.0.9".into(), "db".into())],
        );
        assert!(text.starts_with("127.0.0.1\tlocalhost\n"));
        assert!(text.ends_with("172.31.0.2\tip-172-31-0-2\n10.0.0.9\tdb\n"));
    }
}
