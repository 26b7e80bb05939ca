//! Ways out of a container that are known, each tried and each closed.

use runtime::{ContainerSpec, Device, Runtime};

use crate::fixture::{Fixture, is_unified};

/// As root with Docker's capabilities.
async fn attempt(fixture: &Fixture, id: &str, script: &str) -> String {
    let (_, log) = fixture.run(fixture.shell(id, script)).await;
    log
}

#[tokio::test]
async fn the_kernel_is_out_of_reach() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let writes = [
        "/proc/sys/kernel/core_pattern",
        "/proc/sys/kernel/modprobe",
        "/proc/sys/vm/drop_caches",
        "/proc/sysrq-trigger",
        "/sys/kernel/uevent_helper",
        "/proc/irq/default_smp_affinity",
    ];
    for (at, path) in writes.iter().enumerate() {
        let script = format!("echo x > {path} && echo OPEN; true");
        let log = attempt(&fixture, &format!("w{at}"), &script).await;
        assert!(!log.contains("OPEN"), "{path}: {log}");
    }
    let script = "head -c 16 /proc/kcore | wc -c; head -c 16 /dev/mem | wc -c; head -c 1 /proc/keys | wc -c; ls /sys/firmware | wc -l; dmesg | head -1; ls /sys/fs/cgroup | wc -l";
    let log = attempt(&fixture, "r", script).await;
    assert_eq!(log.lines().filter(|line| *line == "0").count(), 5, "{log}");
    fixture.finish().await;
}

#[tokio::test]
async fn mounts_and_namespaces_are_withheld() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let attempts = [
        "mount -t tmpfs none /tmp",
        "mount -t proc proc /tmp",
        "mount -o remount,rw /proc/sys",
        "mount -t cgroup -o devices none /tmp",
        "umount /proc/kcore",
        "unshare -m true",
        "unshare -U true",
        "unshare -n true",
        "chroot /proc/1/root/../../.. ls /work",
        "nsenter -t 1 -m true -- ls /work",
        "hostname other",
    ];
    for (at, command) in attempts.iter().enumerate() {
        let script = format!("{command} 2>&1 && echo OPEN; true");
        let log = attempt(&fixture, &format!("m{at}"), &script).await;
        assert!(!log.contains("OPEN"), "{command}: {log}");
    }
    // Not for want of a capability: the filter answers even who has it not needed.
    let log = attempt(
        &fixture,
        "filter",
        "grep Seccomp: /proc/self/status; unshare -U true",
    )
    .await;
    assert!(log.contains("Seccomp:\t2"), "{log}");
    assert!(log.contains("Operation not permitted"), "{log}");
    fixture.finish().await;
}

#[tokio::test]
async fn a_device_that_is_made_cannot_be_opened() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    // Major and minor of the disk under the host's root.
    let device = nix::sys::stat::stat("/").unwrap().st_dev;
    let (major, minor) = (nix::sys::stat::major(device), nix::sys::stat::minor(device));
    let script = format!(
        "exec 2>&1; mknod /disk b {major} {minor} && head -c 16 /disk > /dev/null && echo OPEN; mknod /mem c 1 1 && head -c 1 /mem >/dev/null && echo OPEN; head -c 4 /dev/zero | wc -c"
    );
    let log = attempt(&fixture, "c", &script).await;
    assert!(!log.contains("OPEN"), "{log}");
    // Errors come by another pipe, so in any order.
    let works = log.lines().any(|line| line == "4");
    assert!(works, "the usual devices work: {log}");
    fixture.finish().await;
}

#[tokio::test]
async fn devices_are_given_as_told() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let device = |permissions: &str| Device {
        source: "/dev/loop-control".into(),
        destination: "/dev/mine".into(),
        permissions: permissions.to_owned(),
    };
    let with = |id: &str, permissions: &str| ContainerSpec {
        devices: vec![device(permissions)],
        ..fixture.shell(
            id,
            "(exec 3</dev/mine) && echo readable; (exec 3>/dev/mine) && echo writable",
        )
    };
    if is_unified() {
        fixture.runtime.create(with("a", "r")).await.unwrap();
        let error = fixture.runtime.start("a").await.unwrap_err().to_string();
        assert!(
            error.contains("gives devices with permissions rwm only, not r"),
            "{error}"
        );
    } else {
        let (_, log) = fixture.run(with("a", "r")).await;
        assert!(
            log.contains("readable") && !log.contains("writable"),
            "{log}"
        );
    }
    let (_, log) = fixture.run(with("b", "rwm")).await;
    assert!(
        log.contains("readable") && log.contains("writable"),
        "{log}"
    );
    let missing = ContainerSpec {
        devices: vec![Device {
            source: "/dev/none".into(),
            ..device("r")
        }],
        ..fixture.shell("c", "true")
    };
    fixture.runtime.create(missing).await.unwrap();
    let error = fixture.runtime.start("c").await.unwrap_err().to_string();
    let expected = "error gathering device information while adding custom device \"/dev/none\"";
    assert!(error.contains(expected), "{error}");
    fixture.finish().await;
}

#[tokio::test]
async fn the_shims_binary_cannot_be_written() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let program = env!("CARGO_BIN_EXE_runtime-test-shim");
    let before = std::fs::metadata(program).unwrap();
    // With `init` process 1 is the shim's binary, which is the prize of CVE-2019-5736.
    let script = "for p in /proc/1/exe /proc/self/exe; do exec 7<$p && (echo x > /proc/self/fd/7) && echo OPEN; (echo x >> $p) && echo OPEN; done; ls -l /proc/1/exe; true";
    let spec = ContainerSpec {
        init: true,
        ..fixture.shell("c", script)
    };
    let (_, log) = fixture.run(spec).await;
    let own_shell_only = log.lines().filter(|line| *line == "OPEN").count();
    assert_eq!(own_shell_only, 0, "{log}");
    let after = std::fs::metadata(program).unwrap();
    assert_eq!(before.len(), after.len());
    assert_eq!(before.modified().unwrap(), after.modified().unwrap());
    fixture.finish().await;
}

#[tokio::test]
async fn privileges_do_not_grow_when_told() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let spec = ContainerSpec {
        no_new_privileges: true,
        ..fixture.shell("c", "grep -E 'NoNewPrivs|Seccomp:' /proc/self/status")
    };
    let (_, log) = fixture.run(spec).await;
    assert_eq!(log, "NoNewPrivs:\t1\nSeccomp:\t2\n");
    let (_, log) = fixture
        .run(fixture.shell("d", "grep NoNewPrivs /proc/self/status"))
        .await;
    assert_eq!(log, "NoNewPrivs:\t0\n");
    fixture.finish().await;
}

#[tokio::test]
async fn capabilities_bring_their_system_calls() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let spec = ContainerSpec {
        capabilities_add: vec!["SYS_ADMIN".to_owned()],
        ..fixture.shell("c", "mount -t tmpfs none /tmp && echo mounted")
    };
    let (_, log) = fixture.run(spec).await;
    assert_eq!(log, "mounted\n");
    // On a machine that is itself confined those are not all that there are.
    let spec = ContainerSpec {
        privileged: true,
        ..fixture.shell(
            "d",
            "mount -t tmpfs none /tmp && grep Seccomp: /proc/self/status",
        )
    };
    let (_, log) = fixture.run(spec).await;
    assert_eq!(log, "Seccomp:\t0\n");
    fixture.finish().await;
}

#[tokio::test]
async fn input_stays_open_when_told() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let (exit, _) = fixture.run(fixture.shell("c", "read line; exit 7")).await;
    assert_eq!(exit.code, 7, "at its end");
    let spec = ContainerSpec {
        keep_stdin_open: true,
        ..fixture.shell("d", "echo ready; timeout 1 cat 2>/dev/null; echo $?")
    };
    let (_, log) = fixture.run(spec).await;
    assert!(log.starts_with("ready\n143\n"), "{log}");
    fixture.finish().await;
}

#[tokio::test]
async fn swap_is_bounded() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let unified = is_unified();
    let hierarchy = if unified { "" } else { "memory/" };
    let root = format!("/sys/fs/cgroup/{hierarchy}{}/task", fixture.group);
    if !unified
        && !std::path::Path::new("/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes").exists()
    {
        eprintln!("skipped: this kernel does not account for swap");
        return fixture.finish().await;
    }
    let spec = |id: &str, memory_and_swap: u64| ContainerSpec {
        memory_limit_bytes: Some(64 << 20),
        memory_reservation_bytes: Some(32 << 20),
        memory_and_swap_limit_bytes: Some(memory_and_swap),
        swappiness: Some(20),
        without_network: true,
        ..fixture.shell(id, "ls /sys/class/net; exec sleep 100")
    };
    fixture.start(spec("some", 96 << 20)).await;
    fixture.start(spec("none", 64 << 20)).await;
    let read = |id: &str, file: &str| {
        let text = std::fs::read_to_string(format!("{root}/{id}/{file}"));
        text.unwrap().trim().to_owned()
    };
    if unified {
        assert_eq!(read("some", "memory.swap.max"), (32 << 20).to_string());
        assert_eq!(read("none", "memory.swap.max"), "0");
        assert_eq!(read("some", "memory.max"), (64 << 20).to_string());
        assert_eq!(read("some", "memory.low"), (32 << 20).to_string());
    } else {
        assert_eq!(
            read("some", "memory.memsw.limit_in_bytes"),
            (96 << 20).to_string()
        );
        assert_eq!(
            read("none", "memory.memsw.limit_in_bytes"),
            (64 << 20).to_string()
        );
        assert_eq!(
            read("some", "memory.limit_in_bytes"),
            (64 << 20).to_string()
        );
        assert_eq!(
            read("some", "memory.soft_limit_in_bytes"),
            (32 << 20).to_string()
        );
        assert_eq!(read("some", "memory.swappiness"), "20");
    }
    fixture.await_line("some", "lo").await;
    fixture.finish().await;
}
