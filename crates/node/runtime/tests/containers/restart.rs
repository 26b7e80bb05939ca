//! The agent goes, the containers stay.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use runtime::{ContainerState, LogCursor, Runtime};

use crate::fixture::{Fixture, deadline};

#[tokio::test]
async fn killing_the_agent_stops_nothing_and_loses_nothing() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let script = "for i in $(seq 1 200); do echo line $i; sleep 0.005; done; exit 42";
    fixture
        .runtime
        .create(fixture.shell("c", script))
        .await
        .unwrap();
    let mut agent = Command::new(env!("CARGO_BIN_EXE_runtime-test-shim"))
        .args([fixture.data().to_str().unwrap(), &fixture.group, "c"])
        .arg(crate::runc::name())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    BufReader::new(agent.stdout.take().unwrap())
        .read_line(&mut said)
        .unwrap();
    assert_eq!(said, "started\n");
    agent.kill().unwrap();
    agent.wait().unwrap();

    let next = fixture.reopen();
    let listed = next.list().await.unwrap();
    assert!(
        matches!(listed[0].state, ContainerState::Running(_)),
        "{listed:?}"
    );
    assert_eq!(listed[0].spec, fixture.shell("c", script));
    let exit = fixture
        .clock
        .timeout(deadline(), next.wait("c"))
        .await
        .unwrap();
    assert_eq!((exit.code, exit.error), (42, None));
    let mut reader = next.log_reader("c", LogCursor::START).unwrap();
    for number in 1..=200 {
        assert_eq!(
            reader.next().await.unwrap().unwrap().0.text,
            format!("line {number}")
        );
    }
    assert_eq!(reader.next().await.unwrap(), None);
    fixture.finish().await;
}

#[tokio::test]
async fn a_container_without_its_shim_is_ended_and_told() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    fixture
        .start(fixture.shell("c", "trap '' HUP; echo ready; sleep 100 & wait"))
        .await;
    fixture.await_line("c", "ready").await;
    let started = match &fixture.runtime.list().await.unwrap()[0].state {
        ContainerState::Running(started) => *started,
        other => panic!("{other:?}"),
    };
    kill(Pid::from_raw(parent_of(started.pid)), Signal::SIGKILL).unwrap();
    let exit = fixture.wait("c").await;
    assert_eq!(exit.code, 137);
    assert!(
        exit.error.unwrap().contains("shim"),
        "nobody saw how it ended"
    );
    assert!(!is_running(started.pid), "the container's process is left");
    let again = fixture.reopen().list().await.unwrap();
    assert!(matches!(&again[0].state, ContainerState::Exited(exit) if exit.code == 137));
    fixture.finish().await;
}

#[tokio::test]
async fn what_was_half_done_is_undone() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let containers = fixture.data().join("containers");
    for name in [".removing-c-00", "half-created"] {
        std::fs::create_dir_all(containers.join(name).join("upper/file")).unwrap();
    }
    fixture
        .runtime
        .create(fixture.shell("c", "true"))
        .await
        .unwrap();
    let listed = fixture.reopen().list().await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(std::fs::read_dir(&containers).unwrap().count(), 1);
    fixture.finish().await;
}

/// Files that were not synced are empty after a loss of power.
#[tokio::test]
async fn what_the_power_took_is_gone_or_lost() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    for id in ["never-told", "started"] {
        fixture
            .runtime
            .create(fixture.shell(id, "true"))
            .await
            .unwrap();
    }
    let containers = fixture.data().join("containers");
    std::fs::write(containers.join("never-told/container.json"), "").unwrap();
    std::fs::write(containers.join("started/shim.json"), "").unwrap();
    let next = fixture.reopen();
    let listed = next.list().await.unwrap();
    assert_eq!(listed.len(), 1, "{listed:?}");
    assert_eq!(listed[0].state, ContainerState::Lost);
    let exit = next.wait("started").await;
    assert!(exit.error.unwrap().contains("without telling"));
    next.remove("started").await.unwrap();
    fixture.finish().await;
}

#[tokio::test]
async fn groups_without_containers_are_found_and_the_root_goes_last() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let group = runtime::TaskGroup {
        task_id: "orphan".to_owned(),
        ..Default::default()
    };
    fixture.runtime.create_task_group(group).await.unwrap();
    assert_eq!(
        fixture.reopen().list_task_groups().await.unwrap(),
        ["orphan"]
    );
    fixture.runtime.remove_group_root().await.unwrap();
    assert!(fixture.runtime.list_task_groups().await.unwrap().is_empty());
    fixture.finish().await;
}

fn parent_of(pid: i32) -> i32 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    status
        .lines()
        .find_map(|line| line.strip_prefix("PPid:\t")?.parse().ok())
        .unwrap()
}

/// A process that only waits to be reaped does not run.
fn is_running(pid: i32) -> bool {
    let path = format!("/proc/{pid}/status");
    Path::new(&path).exists()
        && !std::fs::read_to_string(path)
            .unwrap_or_default()
            .contains("State:\tZ")
}
