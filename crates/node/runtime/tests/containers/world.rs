//! What a program sees: its user, files, limits, privileges.

use std::path::Path;
use std::process::Command;

use runtime::{ContainerSpec, ExecRequest, Mount, Runtime, TaskGroup, Tmpfs, Ulimit};

use crate::fixture::{Fixture, is_unified, slowness};

#[tokio::test]
async fn environment_user_and_directory() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let spec = ContainerSpec {
        user: Some("app".to_owned()),
        working_directory: Some("/made/for/me".to_owned()),
        environment: vec![pair("A", "1"), pair("B", "two words"), pair("A", "2")],
        ..fixture.shell(
            "c",
            "echo $A,$B,$HOME,$HOSTNAME,$PATH; pwd; id -u; id -G; hostname; echo $$",
        )
    };
    let (exit, log) = fixture.run(spec).await;
    assert_eq!(exit.code, 0, "{log}");
    let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    assert_eq!(
        log,
        format!("2,two words,/home/app,box,{path}\n/made/for/me\n1000\n1001 44\nbox\n1\n")
    );
    fixture.finish().await;
}

#[tokio::test]
async fn layers_are_seen_as_one() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let script = "ls /etc; ls /data; echo x > /data/own; ls /data; ls -d /tmp";
    let (_, log) = fixture.run(fixture.shell("c", script)).await;
    assert_eq!(log, "group\npasswd\nseen\nown\nseen\n/tmp\n");
    let (_, other) = fixture.run(fixture.shell("d", "ls /data")).await;
    assert_eq!(other, "seen\n", "what one container writes is its own");
    fixture.finish().await;
}

#[tokio::test]
async fn mounts_files_and_read_only_roots() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let volume = fixture.data().join("volume");
    let hosts = fixture.data().join("hosts");
    std::fs::create_dir(&volume).unwrap();
    std::fs::write(&hosts, "127.0.0.1 localhost\n").unwrap();
    let mount = |destination: &str, read_only| Mount {
        source: volume.clone(),
        destination: destination.to_owned(),
        read_only,
        copy_from_image: false,
    };
    let spec = ContainerSpec {
        readonly_root: true,
        hosts: Some(hosts),
        mounts: vec![mount("/rw", false), mount("/ro", true)],
        tmpfs: vec![Tmpfs { destination: "/scratch".to_owned(), size_bytes: Some(1 << 20), options: vec![] }],
        ..fixture.shell(
            "c",
            "cat /etc/hosts; echo 1 > /rw/f && cat /ro/f; echo 2 > /ro/f; echo 3 > /f; echo 4 > /scratch/f && cat /scratch/f",
        )
    };
    let (_, log) = fixture.run(spec).await;
    let expected = ["127.0.0.1 localhost", "1", "4"];
    assert!(
        expected
            .iter()
            .all(|line| log.lines().any(|found| found == *line)),
        "{log}"
    );
    assert_eq!(log.matches("Read-only file system").count(), 2, "{log}");
    assert_eq!(std::fs::read_to_string(volume.join("f")).unwrap(), "1\n");
    fixture.finish().await;
}

#[tokio::test]
async fn an_empty_volume_gets_what_the_image_has() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let volume = fixture.data().join("volume");
    std::fs::create_dir(&volume).unwrap();
    let with_volume = |id: &str, destination: &str, script: &str| ContainerSpec {
        mounts: vec![Mount {
            source: volume.clone(),
            destination: destination.to_owned(),
            copy_from_image: true,
            ..Mount::default()
        }],
        readonly_root: true,
        ..fixture.shell(id, script)
    };
    let script = "ls /data; chmod 770 /data; rm /data/seen; echo mine > /data/own";
    let (_, log) = fixture.run(with_volume("a", "/data", script)).await;
    assert_eq!(log, "seen\n");
    // What is not empty stays as it is.
    let (_, log) = fixture.run(with_volume("b", "/data", "ls /data")).await;
    assert_eq!(log, "own\n");
    std::fs::remove_file(volume.join("own")).unwrap();
    // The directory itself becomes the image's too.
    let (_, log) = fixture
        .run(with_volume("c", "/etc", "ls /etc; stat -c %a /etc"))
        .await;
    assert_eq!(log, "group\npasswd\n755\n");
    fixture.finish().await;
}

#[tokio::test]
async fn privileges_are_dockers() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let script = "cat /proc/self/status; echo x > /proc/sys/kernel/hostname; ls /sys/fs/cgroup; cat /proc/kcore; ls /proc";
    let (_, log) = fixture.run(fixture.shell("c", script)).await;
    // Docker's 14 capabilities, and none that is inherited. Without version 1's device filter, not MKNOD.
    let effective = if is_unified() {
        "CapEff:\t00000000a00425fb\n"
    } else {
        "CapEff:\t00000000a80425fb\n"
    };
    assert!(
        log.contains(effective) && log.contains("CapInh:\t0000000000000000\n"),
        "{log}"
    );
    assert!(log.contains("Read-only file system"), "{log}");
    assert!(log.contains("SigBlk:\t0000000000000000\n"), "{log}");
    let ignored = log
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:\t"))
        .unwrap();
    let sigpipe = 1 << (13 - 1);
    assert_eq!(
        u64::from_str_radix(ignored, 16).unwrap() & sigpipe,
        0,
        "Rust's own choice is handed on"
    );
    fixture.finish().await;
}

#[tokio::test]
async fn limits_are_set() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let spec = ContainerSpec {
        ulimits: vec![Ulimit {
            name: "nofile".to_owned(),
            soft: 77,
            hard: 99,
        }],
        cpu_quota_millicpus: Some(500),
        memory_limit_bytes: Some(64 << 20),
        pids_limit: Some(20),
        shared_memory_bytes: Some(1 << 20),
        ..fixture.shell("c", "ulimit -Sn; ulimit -Hn; echo ready; exec sleep 100")
    };
    fixture.start(spec).await;
    fixture.await_line("c", "ready").await;
    let stats = fixture.runtime.stats("c").await.unwrap();
    assert_eq!(stats.memory_limit_bytes, Some(64 << 20));
    fixture.runtime.stop("c", "KILL", 1).await.unwrap();
    assert_eq!(fixture.log("c").await, "77\n99\nready\n");
    fixture.finish().await;
}

#[tokio::test]
async fn limits_reach_the_kernel() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let task = TaskGroup {
        task_id: "task".to_owned(),
        cpu_shares: Some(512),
        cpu_quota_millicpus: Some(750),
        memory_limit_bytes: Some(128 << 20),
    };
    fixture.runtime.create_task_group(task).await.unwrap();
    let spec = ContainerSpec {
        cpu_shares: Some(256),
        cpu_quota_millicpus: Some(500),
        memory_limit_bytes: Some(64 << 20),
        pids_limit: Some(20),
        ..fixture.shell("c", "exec sleep 100")
    };
    fixture.start(spec).await;
    let read = |controller: &str, path: &str, file: &str| {
        let hierarchy = if is_unified() { "" } else { controller };
        let root = Path::new("/sys/fs/cgroup").join(hierarchy);
        let file = root.join(&fixture.group).join(path).join(file);
        let text = std::fs::read_to_string(&file);
        text.unwrap_or_else(|error| panic!("{file:?}: {error}"))
            .trim()
            .to_owned()
    };
    let (cpu, memory, expected) = if is_unified() {
        let cpu = ["cpu.weight", "cpu.max"].as_slice();
        (
            cpu,
            "memory.max",
            [["50", "75000 100000"].as_slice(), &["25", "50000 100000"]],
        )
    } else {
        let cpu = ["cpu.shares", "cpu.cfs_quota_us", "cpu.cfs_period_us"].as_slice();
        (
            cpu,
            "memory.limit_in_bytes",
            [
                ["512", "75000", "100000"].as_slice(),
                &["256", "50000", "100000"],
            ],
        )
    };
    for (path, expected) in ["task", "task/c"].into_iter().zip(expected) {
        let found: Vec<String> = cpu.iter().map(|file| read("cpu", path, file)).collect();
        assert_eq!(found, expected, "{path}");
    }
    assert_eq!(read("memory", "task", memory), (128 << 20).to_string());
    assert_eq!(read("memory", "task/c", memory), (64 << 20).to_string());
    assert_eq!(read("pids", "task/c", "pids.max"), "20");
    fixture.finish().await;
}

/// Fills memory: busybox `tail` keeps its last line, and this one has no end.
const MEMORY_HOG: &str = "tail /dev/zero";

#[tokio::test]
async fn running_out_of_memory_is_told() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let spec = ContainerSpec {
        memory_limit_bytes: Some(16 << 20),
        ..fixture.shell("c", &format!("exec {MEMORY_HOG}"))
    };
    let (exit, _) = fixture.run(spec).await;
    assert_eq!(
        (exit.code, exit.signal, exit.oom_killed),
        (137, Some(9), true)
    );
    fixture.finish().await;
}

#[tokio::test]
async fn a_task_is_bounded_as_a_whole() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let group = TaskGroup {
        task_id: "task".to_owned(),
        cpu_shares: Some(256),
        cpu_quota_millicpus: Some(250),
        memory_limit_bytes: Some(16 << 20),
    };
    fixture
        .runtime
        .create_task_group(group.clone())
        .await
        .unwrap();
    fixture.runtime.create_task_group(group).await.unwrap();
    let (exit, _) = fixture
        .run(fixture.shell("c", &format!("exec {MEMORY_HOG}")))
        .await;
    assert_eq!(
        (exit.code, exit.oom_killed),
        (137, true),
        "the container has no limit of its own"
    );
    fixture.finish().await;
}

#[tokio::test]
async fn the_network_is_the_tasks() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let name = format!("gyrt{}", fixture.clock.random_hex(4));
    let ip = |arguments: &[&str]| {
        assert!(
            Command::new("ip")
                .args(arguments)
                .status()
                .unwrap()
                .success()
        )
    };
    ip(&["netns", "add", &name]);
    let inside = ContainerSpec {
        network_namespace: Some(Path::new("/run/netns").join(&name)),
        ..fixture.shell(
            "c",
            "ls /sys/class/net; cat /proc/sys/net/ipv4/ip_unprivileged_port_start; exec sleep 100",
        )
    };
    fixture.start(inside).await;
    fixture.await_line("c", "0").await;
    assert_eq!(
        fixture
            .runtime
            .exec("c", ls("/sys/class/net"))
            .await
            .unwrap()
            .output,
        b"lo\n"
    );
    // The container keeps the network, its name does not.
    ip(&["netns", "del", &name]);
    fixture.runtime.stop("c", "KILL", 1).await.unwrap();
    assert_eq!(fixture.log("c").await, "lo\n0\n");
    let (_, of_host) = fixture.run(fixture.shell("d", "cat /proc/net/dev")).await;
    assert!(
        of_host.lines().count() > 3,
        "without a namespace it is the host's: {of_host}"
    );
    let missing = ContainerSpec {
        network_namespace: Some("/run/netns/none".into()),
        ..fixture.shell("e", "true")
    };
    fixture.runtime.create(missing).await.unwrap();
    assert!(
        fixture
            .runtime
            .start("e")
            .await
            .unwrap_err()
            .to_string()
            .contains("network namespace")
    );
    fixture.finish().await;
}

fn ls(path: &str) -> ExecRequest {
    ExecRequest {
        command: vec!["ls".to_owned(), path.to_owned()],
        user: None,
        timeout_seconds: 10 * slowness(),
        secret_environment: Default::default(),
    }
}
