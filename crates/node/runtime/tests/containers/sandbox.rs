//! What the containers of a task share.

use std::path::PathBuf;

use runtime::{ContainerSpec, Mount, Namespace, Role, Runtime, Sandbox};

use crate::fixture::Fixture;

const ID: &str = "task.sandbox";

fn sandbox(storage_bytes: Option<u64>) -> ContainerSpec {
    ContainerSpec {
        id: ID.to_owned(),
        task_id: "task".to_owned(),
        command: vec!["sandbox".to_owned()],
        capabilities_drop: vec!["ALL".to_owned()],
        readonly_root: true,
        without_network: true,
        role: Role::Sandbox(Sandbox { storage_bytes }),
        ..ContainerSpec::default()
    }
}

fn shell(fixture: &Fixture, id: &str, script: &str) -> ContainerSpec {
    ContainerSpec {
        sandbox: Some(ID.to_owned()),
        ..fixture.shell(id, script)
    }
}

#[tokio::test]
async fn processes_see_each_other() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    fixture.start(sandbox(None)).await;
    let shared = |id: &str, script: &str| ContainerSpec {
        pid_namespace: Namespace::Task,
        ..shell(&fixture, id, script)
    };
    fixture
        .start(shared("a", "echo ready; exec sleep 4242"))
        .await;
    fixture.await_line("a", "ready").await;
    // An orphan goes to the sandbox, which reaps it; nothing in the namespace can end the sandbox.
    let script = "ps -o args; (true &); sleep 0.2; ps -o stat | grep -c Z; kill -9 1; kill -TERM 1; ls /proc/1/root/ 2>&1 | head -1; kill -TERM 2; echo end";
    let (exit, log) = fixture.run(shared("b", script)).await;
    assert!(log.contains("sleep 4242"), "{log}");
    assert!(log.lines().any(|line| line == "0"), "zombies: {log}");
    assert!(log.contains("Permission denied"), "{log}");
    assert_eq!(exit.code, 0, "{log}");
    let killed = fixture.wait("a").await;
    assert_eq!(killed.signal, Some(15));
    let (_, alone) = fixture.run(shell(&fixture, "c", "ps -o args")).await;
    assert_eq!(
        alone.lines().count(),
        2,
        "a namespace of its own, unless asked: {alone}"
    );
    fixture.finish().await;
}

#[tokio::test]
async fn a_process_that_outlives_its_container_is_ended() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    fixture.start(sandbox(None)).await;
    let shared = |id: &str, script: &str| ContainerSpec {
        pid_namespace: Namespace::Task,
        ..shell(&fixture, id, script)
    };
    let (exit, _) = fixture
        .run(shared("a", "sleep 4343 >/dev/null 2>&1 & exit 3"))
        .await;
    assert_eq!(exit.code, 3);
    // The shim removes the control group after it has told the end.
    let mut left = String::new();
    for number in 0..50 {
        let (_, log) = fixture
            .run(shared(&format!("b{number}"), "ps -o args"))
            .await;
        left = log;
        if !left.contains("4343") {
            break;
        }
    }
    assert!(!left.contains("4343"), "{left}");
    fixture.finish().await;
}

#[tokio::test]
async fn memory_is_shared() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    fixture.start(sandbox(None)).await;
    let shared = |id: &str, script: &str| ContainerSpec {
        ipc_namespace: Namespace::Task,
        ..shell(&fixture, id, script)
    };
    let (_, log) = fixture
        .run(shared(
            "a",
            "echo hello > /dev/shm/x; readlink /proc/self/ns/ipc",
        ))
        .await;
    let namespace = log.trim().to_owned();
    let (_, log) = fixture
        .run(shared(
            "b",
            "cat /dev/shm/x; readlink /proc/self/ns/ipc; ls -ld /dev/shm",
        ))
        .await;
    assert!(
        log.starts_with(&format!("hello\n{namespace}\ndrwxrwxrwt")),
        "{log}"
    );
    let (_, log) = fixture
        .run(shell(
            &fixture,
            "c",
            "ls /dev/shm; readlink /proc/self/ns/ipc",
        ))
        .await;
    assert_ne!(log.trim(), namespace);
    fixture.finish().await;
}

#[tokio::test]
async fn storage_has_an_end() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    const BYTES: u64 = 32 << 20;
    fixture.start(sandbox(Some(BYTES))).await;
    let mount = Mount {
        source: PathBuf::from("volumes/data"),
        destination: "/vol".to_owned(),
        ..Mount::default()
    };
    let with_volume = |id: &str, script: &str| ContainerSpec {
        mounts: vec![mount.clone()],
        ..shell(&fixture, id, script)
    };
    let fill = "dd if=/dev/zero of=/fill bs=1M count=20 2>/dev/null && echo first; dd if=/dev/zero of=/vol/fill bs=1M count=20 2>&1 | head -1; ls -ld /vol; rm /vol/fill; echo mine > /vol/x";
    let (_, log) = fixture.run(with_volume("a", fill)).await;
    assert!(
        log.starts_with("first\n") && log.contains("No space left on device"),
        "{log}"
    );
    assert!(log.contains("drwxr-xr-x"), "{log}");
    let (_, log) = fixture
        .run(with_volume("b", "cat /vol/x; ls /fill; ls /data"))
        .await;
    assert!(
        log.contains("mine\n") && log.contains("/fill: No such file"),
        "{log}"
    );
    let loops = || {
        std::process::Command::new("losetup")
            .arg("-a")
            .output()
            .map(|out| String::from_utf8_lossy(&out.stdout).into_owned())
            .unwrap()
    };
    let data = fixture.data().display().to_string();
    assert!(loops().contains(&data));
    fixture.finish().await;
    // The kernel frees the device when the last mount namespace has gone.
    let gone = (0..100).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(20));
        !loops().contains(&data)
    });
    assert!(gone, "{}", loops());
}

#[tokio::test]
async fn without_its_sandbox_a_container_does_not_start() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    fixture.start(sandbox(None)).await;
    fixture.runtime.stop(ID, "KILL", 1).await.unwrap();
    fixture
        .runtime
        .create(shell(&fixture, "a", "true"))
        .await
        .unwrap();
    let error = fixture.runtime.start("a").await.unwrap_err().to_string();
    assert!(error.contains("sandbox"), "{error}");
    fixture.finish().await;
}
