//! `gantry doctor`: what this machine lacks for server and node, and how to get it.

use std::{
    fs, io,
    net::TcpListener,
    path::{Path, PathBuf},
    process::ExitCode,
};

use nix::sys::statvfs::statvfs;
use serde_json::json;

use crate::{
    arguments::{Global, Output},
    output::{self, Cell, Colour},
    paths::DataDirectory,
    server,
};

const DEFAULT_ADDRESS: &str = "127.0.0.1:4580";

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

pub fn run(global: &Global) -> anyhow::Result<ExitCode> {
    let data = DataDirectory::new(global.data_dir.clone());
    let findings = [
        root(),
        kernel(),
        namespaces(),
        control_groups(),
        overlay(),
        nft(),
        forwarding(),
        memory(),
        disk(&data),
        address(&data),
    ];
    let missing = findings
        .iter()
        .filter(|finding| finding.verdict == Verdict::Missing)
        .count();
    match global.output {
        Output::Json => output::json(&findings.iter().map(as_json).collect()),
        Output::Table => print(&findings, missing, &data),
    }
    Ok(match missing {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

fn print(findings: &[Finding], missing: usize, data: &DataDirectory) {
    let rows = findings.iter().map(|finding| {
        let (mark, colour) = match finding.verdict {
            Verdict::Good => ("ok", Colour::Green),
            Verdict::Weak => ("note", Colour::Yellow),
            Verdict::Missing => ("MISSING", Colour::Red),
        };
        vec![
            Cell::new(mark, colour),
            finding.name.into(),
            finding.detail.as_str().into(),
        ]
    });
    print!("{}", output::rows(&["", "what", "found"], rows.collect()));
    let summary = match (missing, server::running_pid(data)) {
        (0, Some(_)) => {
            "Nothing is missing, and Gantry runs: `gantry status` says how it is.".to_owned()
        }
        (0, None) => "This machine can run Gantry: `gantry up --detach` starts it.".to_owned(),
        (missing, _) => format!(
            "{missing} missing: a node cannot run containers here until that is mended. `gantry server` alone can run."
        ),
    };
    println!("\n{summary}");
}

fn as_json(finding: &Finding) -> serde_json::Value {
    let verdict = match finding.verdict {
        Verdict::Good => "ok",
        Verdict::Weak => "note",
        Verdict::Missing => "missing",
    };
    json!({"what": finding.name, "verdict": verdict, "found": finding.detail})
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

/// Where the data directory is, or will be.
fn disk(data: &DataDirectory) -> Finding {
    let path = data.path();
    let there = path.ancestors().find(|ancestor| ancestor.exists());
    let free = there.and_then(|there| statvfs(there).ok());
    let mib = free.map_or(0, |disk| {
        disk.blocks_available() * disk.fragment_size() / (1024 * 1024)
    });
    Finding {
        name: "disk",
        verdict: match mib {
            0 => Verdict::Missing,
            1..2048 => Verdict::Weak,
            _ => Verdict::Good,
        },
        detail: match mib {
            0..2048 => format!(
                "{mib} MiB free at {}: images and logs need more; --data-dir names another place",
                path.display()
            ),
            _ => format!("{} GiB free at {}", mib / 1024, path.display()),
        },
    }
}

/// Whether the address that a server listens on by default is its own, or free.
fn address(data: &DataDirectory) -> Finding {
    let running = server::running_pid(data);
    let (verdict, detail) = match (running, TcpListener::bind(DEFAULT_ADDRESS)) {
        (Some(pid), _) => {
            let endpoint = data.facts().map(|facts| facts.endpoint);
            let endpoint = endpoint.unwrap_or_else(|| "an address of its own".into());
            (
                Verdict::Good,
                format!("Gantry serves at {endpoint} (process {pid})"),
            )
        }
        (None, Ok(_)) => (Verdict::Good, format!("{DEFAULT_ADDRESS} is free")),
        (None, Err(error)) if error.kind() == io::ErrorKind::AddrInUse => (
            Verdict::Weak,
            format!("another program listens at {DEFAULT_ADDRESS}: give --listen another address"),
        ),
        (None, Err(error)) => (Verdict::Weak, format!("{DEFAULT_ADDRESS}: {error}")),
    };
    Finding {
        name: "address",
        verdict,
        detail,
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
