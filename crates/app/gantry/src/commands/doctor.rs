//! `gantry doctor`: what this machine lacks for server and node, and how to get it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// One thing that was looked at.
struct Finding {
    name: &'static str,
    verdict: Verdict,
    detail: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Good,
    /// Works, but less well.
    Weak,
    Missing,
}

pub fn run() -> anyhow::Result<ExitCode> {
    let findings = [
        root(),
        kernel(),
        namespaces(),
        control_groups(),
        overlay(),
        nft(),
        forwarding(),
        memory(),
    ];
    for finding in &findings {
        let mark = match finding.verdict {
            Verdict::Good => "ok     ",
            Verdict::Weak => "note   ",
            Verdict::Missing => "MISSING",
        };
        println!("{mark}  {:<18}  {}", finding.name, finding.detail);
    }
    let missing = findings
        .iter()
        .filter(|finding| finding.verdict == Verdict::Missing)
        .count();
    if missing == 0 {
        println!("\nThis machine can run Gantry: `gantry up --detach` starts it.");
        return Ok(ExitCode::SUCCESS);
    }
    println!(
        "\n{missing} missing: a node cannot run containers here until that is mended. `gantry server` alone can run."
    );
    Ok(ExitCode::FAILURE)
}

fn root() -> Finding {
    let is_root = nix::unistd::Uid::effective().is_root();
    Finding {
        name: "root",
        verdict: if is_root {
            Verdict::Good
        } else {
            Verdict::Missing
        },
        detail: if is_root {
            "runs as root".into()
        } else {
            "containers need root: run with sudo (the server alone does not)".into()
        },
    }
}

fn kernel() -> Finding {
    let release = read("/proc/sys/kernel/osrelease");
    let mut numbers = release.split(|character: char| !character.is_ascii_digit());
    let mut next = || {
        numbers
            .next()
            .and_then(|part| part.parse::<u32>().ok())
            .unwrap_or(0)
    };
    let version = (next(), next());
    Finding {
        name: "kernel",
        verdict: if version >= (5, 4) {
            Verdict::Good
        } else {
            Verdict::Weak
        },
        detail: format!("Linux {release} (5.4 or newer is tested)"),
    }
}

fn namespaces() -> Finding {
    let missing: Vec<&str> = ["pid", "mnt", "net", "uts", "ipc"]
        .into_iter()
        .filter(|name| !Path::new("/proc/self/ns").join(name).exists())
        .collect();
    Finding {
        name: "namespaces",
        verdict: if missing.is_empty() {
            Verdict::Good
        } else {
            Verdict::Missing
        },
        detail: if missing.is_empty() {
            "pid, mnt, net, uts, ipc".into()
        } else {
            format!(
                "this kernel has no {}: use one with CONFIG_NAMESPACES",
                missing.join(", ")
            )
        },
    }
}

fn control_groups() -> Finding {
    let root = Path::new("/sys/fs/cgroup");
    let (verdict, detail) = if root.join("cgroup.controllers").exists() {
        (Verdict::Good, "cgroup v2".to_owned())
    } else if root.join("memory").is_dir() && root.join("cpu").is_dir() {
        (
            Verdict::Good,
            "cgroup v1 (memory and cpu are mounted)".to_owned(),
        )
    } else {
        (
            Verdict::Missing,
            "no cgroup controllers at /sys/fs/cgroup: mount -t cgroup2 none /sys/fs/cgroup"
                .to_owned(),
        )
    };
    Finding {
        name: "cgroup",
        verdict,
        detail,
    }
}

fn overlay() -> Finding {
    let known = read("/proc/filesystems")
        .lines()
        .any(|line| line.split_whitespace().next_back() == Some("overlay"));
    Finding {
        name: "overlayfs",
        verdict: if known {
            Verdict::Good
        } else {
            Verdict::Missing
        },
        detail: if known {
            "known to the kernel".into()
        } else {
            "modprobe overlay".into()
        },
    }
}

fn nft() -> Finding {
    match find_program("nft") {
        Some(path) => Finding {
            name: "nft",
            verdict: Verdict::Good,
            detail: path.display().to_string(),
        },
        None => Finding {
            name: "nft",
            verdict: Verdict::Missing,
            detail: "apt-get install nftables (or your system's package of that name)".into(),
        },
    }
}

fn forwarding() -> Finding {
    let on = read("/proc/sys/net/ipv4/ip_forward") == "1";
    Finding {
        name: "ip forwarding",
        verdict: if on { Verdict::Good } else { Verdict::Weak },
        detail: if on {
            "on".into()
        } else {
            "off; the node turns it on when it starts".into()
        },
    }
}

fn memory() -> Finding {
    let available_kib = read("/proc/meminfo")
        .lines()
        .find_map(|line| {
            line.strip_prefix("MemAvailable:")?
                .split_whitespace()
                .next()?
                .parse::<u64>()
                .ok()
        })
        .unwrap_or(0);
    let mib = available_kib / 1024;
    Finding {
        name: "memory",
        verdict: if mib >= 512 {
            Verdict::Good
        } else {
            Verdict::Weak
        },
        detail: format!("{mib} MiB available"),
    }
}

fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin", "/usr/local/sbin"].map(PathBuf::from))
        .map(|directory| directory.join(name))
        .find(|candidate| candidate.is_file())
}

fn read(path: &str) -> String {
    fs::read_to_string(path)
        .map(|content| content.trim().to_owned())
        .unwrap_or_default()
}
