//! The system calls that a container may not make: those that Docker's default profile withholds
//! (<https://docs.docker.com/engine/security/seccomp/>), each unless the container has the capability that it is for.
//!
//! A list of what is withheld, not of what is allowed: it is a tenth as long, and a filter is made at each start.
//! What it cannot say, that system calls of kernels to come are withheld too, the capabilities still say.

use serde_json::{Value, json};

/// Never, whatever the capabilities.
const NEVER: &[&str] = &[
    "_sysctl",
    "add_key",
    "create_module",
    "get_kernel_syms",
    "io_uring_enter",
    "io_uring_register",
    "io_uring_setup",
    "kexec_file_load",
    "kexec_load",
    "keyctl",
    "move_pages",
    "nfsservctl",
    "pivot_root",
    "query_module",
    "request_key",
    "swapoff",
    "swapon",
    "sysfs",
    "uselib",
    "userfaultfd",
    "ustat",
    "vm86",
    "vm86old",
];

/// Only with one of these capabilities.
const BY_CAPABILITY: &[(&[&str], &[&str])] = &[
    (&["CAP_DAC_READ_SEARCH"], &["open_by_handle_at"]),
    (
        &["CAP_SYS_ADMIN"],
        &[
            "fanotify_init",
            "fsconfig",
            "fsmount",
            "fsopen",
            "fspick",
            "lookup_dcookie",
            "mount",
            "mount_setattr",
            "move_mount",
            "open_tree",
            "quotactl",
            "quotactl_fd",
            "setdomainname",
            "sethostname",
            "setns",
            "umount",
            "umount2",
            "unshare",
        ],
    ),
    (&["CAP_SYS_ADMIN", "CAP_BPF"], &["bpf"]),
    (&["CAP_SYS_ADMIN", "CAP_PERFMON"], &["perf_event_open"]),
    (&["CAP_SYS_ADMIN", "CAP_SYSLOG"], &["syslog"]),
    (&["CAP_SYS_BOOT"], &["reboot"]),
    (&["CAP_SYS_CHROOT"], &["chroot"]),
    (
        &["CAP_SYS_MODULE"],
        &["delete_module", "finit_module", "init_module"],
    ),
    (
        &["CAP_SYS_NICE"],
        &[
            "get_mempolicy",
            "mbind",
            "set_mempolicy",
            "set_mempolicy_home_node",
        ],
    ),
    (&["CAP_SYS_PACCT"], &["acct"]),
    (
        &["CAP_SYS_PTRACE"],
        &[
            "kcmp",
            "pidfd_getfd",
            "process_madvise",
            "process_vm_readv",
            "process_vm_writev",
        ],
    ),
    (&["CAP_SYS_RAWIO"], &["ioperm", "iopl"]),
    (
        &["CAP_SYS_TIME"],
        &["clock_settime", "clock_settime64", "settimeofday", "stime"],
    ),
    (&["CAP_SYS_TTY_CONFIG"], &["vhangup"]),
];

/// clone(2)'s flags for new namespaces: mount, cgroup, UTS, IPC, user, PID, network.
const NAMESPACE_FLAGS: [u64; 7] = [
    0x0002_0000,
    0x0200_0000,
    0x0400_0000,
    0x0800_0000,
    0x1000_0000,
    0x2000_0000,
    0x4000_0000,
];
/// Reaches the hypervisor's host past every network namespace.
const AF_VSOCK: u64 = 40;
const ENOSYS: u32 = 38;

/// `linux.seccomp` of an OCI specification.
pub(super) fn profile(capabilities: &[String]) -> Value {
    let has = |names: &[&str]| {
        names
            .iter()
            .any(|name| capabilities.iter().any(|held| held == name))
    };
    let mut withheld = NEVER.to_vec();
    for (needed, calls) in BY_CAPABILITY {
        if !has(needed) {
            withheld.extend_from_slice(calls);
        }
    }
    let mut rules = vec![json!({ "names": withheld, "action": "SCMP_ACT_ERRNO" })];
    if !has(&["CAP_SYS_ADMIN"]) {
        rules.extend(NAMESPACE_FLAGS.iter().map(|flag| {
            refused(
                "clone",
                json!({ "index": 0, "value": flag, "valueTwo": flag, "op": "SCMP_CMP_MASKED_EQ" }),
            )
        }));
        // Its flags are behind a pointer, where no filter can look; C libraries fall back to clone.
        rules.push(json!({ "names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": ENOSYS }));
    }
    rules.push(refused(
        "socket",
        json!({ "index": 0, "value": AF_VSOCK, "op": "SCMP_CMP_EQ" }),
    ));
    json!({ "defaultAction": "SCMP_ACT_ALLOW", "architectures": architectures(), "syscalls": rules })
}

fn architectures() -> &'static [&'static str] {
    if cfg!(target_arch = "aarch64") {
        &["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"]
    } else {
        &["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"]
    }
}

fn refused(name: &str, argument: Value) -> Value {
    json!({ "names": [name], "action": "SCMP_ACT_ERRNO", "args": [argument] })
}

#[cfg(test)]
mod tests {
    use libcontainer::oci_spec::runtime::LinuxSeccomp;

    use super::*;

    fn withheld(capabilities: &[&str]) -> Vec<String> {
        let held: Vec<String> = capabilities.iter().map(|name| (*name).to_owned()).collect();
        let parsed: LinuxSeccomp = serde_json::from_value(profile(&held)).unwrap();
        let rules = parsed.syscalls().clone().unwrap_or_default();
        let names = rules.iter().flat_map(|rule| rule.names().clone());
        names.collect()
    }

    #[test]
    fn capabilities_give_their_calls_back() {
        let plain = withheld(&["CAP_SYS_CHROOT"]);
        for name in ["mount", "bpf", "clone3", "keyctl", "reboot"] {
            assert!(plain.iter().any(|known| known == name), "{name}");
        }
        assert!(!plain.iter().any(|known| known == "chroot"));
        let admin = withheld(&["CAP_SYS_ADMIN"]);
        for name in ["mount", "bpf", "clone", "clone3", "unshare"] {
            assert!(!admin.iter().any(|known| known == name), "{name}");
        }
        assert!(admin.iter().any(|known| known == "keyctl"));
    }
}
