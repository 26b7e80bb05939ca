//! Living beside Docker on one host. Docker may set the policy of iptables' `FORWARD` chain to `DROP`, and no accept in
//! a table of ours overrules that. Its chain `DOCKER-USER` is where an operator lets others through
//! (<https://docs.docker.com/engine/network/packet-filtering-firewalls/>), so the task range is let through there.

use std::process::{Command, Stdio};

use ipnet::Ipv4Net;

const CHAIN: &str = "DOCKER-USER";

/// Lets the task range through, if Docker is here and it is not let through yet; true if it was not.
pub(crate) fn let_through(name: &str, task_cidr: Ipv4Net) -> bool {
    let Some(rules) = list() else {
        return false;
    };
    let mut was_missing = false;
    let range = task_cidr.trunc().to_string();
    for direction in ["-s", "-d"] {
        let wanted = [
            direction,
            &range,
            "-m",
            "comment",
            "--comment",
            name,
            "-j",
            "ACCEPT",
        ];
        if !rules
            .iter()
            .any(|rule| is_ours(rule, name) && has(rule, direction, &range))
        {
            run(&[&["-I", CHAIN], &wanted[..]].concat());
            was_missing = true;
        }
    }
    was_missing
}

/// Takes the rules away again.
pub(crate) fn forget(name: &str) {
    for rule in list().unwrap_or_default() {
        if is_ours(&rule, name) {
            let words: Vec<&str> = rule.split_whitespace().skip(1).collect();
            run(&[&["-D"], &words[..]].concat());
        }
    }
}

/// The chain's rules as `iptables -S` prints them; `None` without Docker (or without iptables).
fn list() -> Option<Vec<String>> {
    let output = Command::new("iptables")
        .args(["-w", "-S", CHAIN])
        .stdin(Stdio::null())
        .output()
        .ok()?;
    output.status.success().then(|| {
        String::from_utf8_lossy(&output.stdout)
            .lines()
            .map(str::to_owned)
            .collect()
    })
}

fn run(arguments: &[&str]) {
    let done = Command::new("iptables")
        .arg("-w")
        .args(arguments)
        .stdin(Stdio::null())
        .output();
    match done {
        Ok(output) if output.status.success() => {}
        Ok(output) => {
            let error = String::from_utf8_lossy(&output.stderr);
            tracing::warn!(
                error = error.trim(),
                ?arguments,
                "iptables refused; tasks may not reach each other beside Docker"
            );
        }
        Err(error) => tracing::warn!(%error, "iptables cannot be run"),
    }
}

fn is_ours(rule: &str, name: &str) -> bool {
    has(rule, "--comment", name)
}

fn has(rule: &str, flag: &str, value: &str) -> bool {
    let words: Vec<&str> = rule.split_whitespace().collect();
    words
        .windows(2)
        .any(|pair| pair[0] == flag && pair[1].trim_matches('"') == value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_rules_of_this_node_are_ours() {
        let rule = "-A DOCKER-USER -s 172.31.0.0/16 -m comment --comment gantry -j ACCEPT";
        assert!(is_ours(rule, "gantry") && has(rule, "-s", "172.31.0.0/16"));
        assert!(!is_ours(rule, "gantryt1") && !has(rule, "-d", "172.31.0.0/16"));
        assert!(!is_ours("-A DOCKER-USER -j RETURN", "gantry"));
    }
}
