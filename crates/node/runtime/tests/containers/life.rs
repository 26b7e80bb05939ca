//! Starting, signals, stopping, exec, logs.

use std::time::Duration;

use runtime::{
    ContainerSpec, ContainerState, CreateError, ExecRequest, LogCursor, LogStream, Runtime,
    RuntimeError, SecretEnvironment, StartError,
};

use crate::fixture::{Fixture, slowness};

#[tokio::test]
async fn exit_codes_and_output_are_kept() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let (exit, log) = fixture
        .run(fixture.shell("c", "echo out; echo err >&2; exit 42"))
        .await;
    assert_eq!(
        (exit.code, exit.signal, exit.oom_killed, exit.error),
        (42, None, false, None)
    );
    assert!(log == "out\nerr\n" || log == "err\nout\n", "{log}");
    let mut lines = fixture.log_lines("c").await;
    lines.sort_by(|left, right| left.text.cmp(&right.text));
    assert_eq!(
        (lines[0].stream, lines[1].stream),
        (LogStream::Stderr, LogStream::Stdout)
    );
    // What is still in the pipe at the end is stamped when it is read.
    let latest = exit.at + Duration::from_secs(1) * slowness();
    assert!(lines.iter().all(|line| line.at <= latest));
    fixture.finish().await;
}

#[tokio::test]
async fn a_trapped_signal_is_the_programs_business() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    fixture
        .start(fixture.shell(
            "c",
            "trap 'echo bye; exit 3' TERM; echo ready; while :; do sleep 0.05; done",
        ))
        .await;
    fixture.await_line("c", "ready").await;
    let exit = fixture.runtime.stop("c", "SIGTERM", 20).await.unwrap();
    assert_eq!((exit.code, exit.signal), (3, None));
    assert_eq!(fixture.log("c").await, "ready\nbye\n");
    // Stopping what has ended answers how it ended.
    assert_eq!(
        fixture.runtime.stop("c", "SIGTERM", 20).await.unwrap(),
        exit
    );
    fixture.finish().await;
}

#[tokio::test]
async fn who_does_not_listen_is_killed() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    fixture
        .start(fixture.shell(
            "c",
            "trap '' TERM; echo ready; while :; do sleep 0.05; done",
        ))
        .await;
    fixture.await_line("c", "ready").await;
    let exit = fixture.runtime.stop("c", "TERM", 0).await.unwrap();
    assert_eq!((exit.code, exit.signal), (137, Some(9)));
    assert!(matches!(
        fixture.runtime.signal("c", "SIGNOPE").await,
        Err(RuntimeError::InvalidSignal(_))
    ));
    assert!(matches!(
        fixture.runtime.signal("none", "TERM").await,
        Err(RuntimeError::NoSuchContainer(_))
    ));
    fixture.finish().await;
}

#[tokio::test]
async fn an_init_passes_signals_on_and_reaps() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    // The shell is not process 1 here, so that the default action of a signal is not withheld from it.
    let script = "sh -c 'sleep 0.01 & exit 0'; ls /proc/1/fd | wc -w; echo ready; exec sleep 100";
    let spec = ContainerSpec {
        init: true,
        ..fixture.shell("c", &script.replace("| wc -w", ""))
    };
    fixture.start(spec).await;
    fixture.await_line("c", "ready").await;
    let exit = fixture.runtime.stop("c", "TERM", 20).await.unwrap();
    assert_eq!(
        (exit.code, exit.signal),
        (143, None),
        "the init ends as its program did"
    );
    assert_eq!(
        fixture.log("c").await,
        "0\n1\n2\nready\n",
        "nothing of the host is left open"
    );
    fixture.finish().await;
}

#[tokio::test]
async fn what_cannot_be_executed_says_so() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    for (id, command, expected) in [
        (
            "a",
            "nope",
            "exec: \"nope\": executable file not found in $PATH",
        ),
        (
            "b",
            "/nope",
            "exec: \"/nope\": stat /nope: no such file or directory",
        ),
        (
            "d",
            "/not-executable",
            "exec: \"/not-executable\": permission denied",
        ),
    ] {
        let spec = ContainerSpec {
            command: vec![command.to_owned()],
            ..fixture.shell(id, "")
        };
        fixture.runtime.create(spec).await.unwrap();
        let error = fixture.runtime.start(id).await.unwrap_err();
        let text = format!(
            "failed to create task for container: unable to start container process: {expected}"
        );
        assert_eq!(error.to_string(), text);
        let exit = fixture.wait(id).await;
        assert_eq!((exit.code, exit.error.is_some()), (127, true));
    }
    let spec = ContainerSpec {
        user: Some("nobody".to_owned()),
        ..fixture.shell("e", "true")
    };
    fixture.runtime.create(spec).await.unwrap();
    let error = fixture.runtime.start("e").await.unwrap_err();
    assert!(
        matches!(&error, StartError::Container(reason) if reason.contains("unable to find user nobody")),
        "{error}"
    );
    fixture.finish().await;
}

#[tokio::test]
async fn a_container_is_created_and_started_once() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let unknown = ContainerSpec {
        image: "none".to_owned(),
        ..fixture.shell("c", "true")
    };
    assert!(matches!(
        fixture.runtime.create(unknown).await,
        Err(CreateError::NoSuchImage(_))
    ));
    assert!(matches!(
        fixture.runtime.start("c").await,
        Err(StartError::NoSuchContainer(_))
    ));
    fixture
        .runtime
        .create(fixture.shell("c", "true"))
        .await
        .unwrap();
    assert!(matches!(
        fixture.runtime.create(fixture.shell("c", "true")).await,
        Err(CreateError::Disk { .. })
    ));
    assert_eq!(
        fixture.runtime.list().await.unwrap()[0].state,
        ContainerState::Created
    );
    let (first, second) = tokio::join!(fixture.runtime.start("c"), fixture.runtime.start("c"));
    assert!(first.is_ok() != second.is_ok(), "{first:?} {second:?}");
    assert_eq!(fixture.wait("c").await.code, 0);

    fixture
        .runtime
        .create(fixture.shell("d", "true"))
        .await
        .unwrap();
    let exit = fixture.runtime.stop("d", "TERM", 1).await.unwrap();
    assert!(exit.error.unwrap().contains("before it was started"));
    assert!(matches!(
        fixture.runtime.start("d").await,
        Err(StartError::AlreadyStarted(_))
    ));
    fixture.finish().await;
}

#[tokio::test]
async fn secrets_reach_the_program_and_no_disk() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let secrets = || {
        let variable = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        SecretEnvironment(vec![
            variable("TOKEN", "hun\nter2"),
            variable("MODE", "secret"),
        ])
    };
    let spec = ContainerSpec {
        environment: vec![("MODE".to_owned(), "plain".to_owned())],
        secret_environment: secrets(),
        ..fixture.shell("c", "echo $MODE ${#TOKEN}; exec sleep 100")
    };
    assert!(!format!("{spec:?}").contains("ter2"), "{spec:?}");
    if crate::runc::name() == "runc" {
        // It would write them to its disk.
        let refused = fixture.runtime.create(spec).await.unwrap_err();
        assert!(refused.to_string().contains("--oci-runtime"), "{refused}");
        return;
    }
    fixture.start(spec).await;
    fixture.await_line("c", "secret 8").await;
    let request = |secret_environment| ExecRequest {
        command: ["sh", "-c", "echo $MODE ${#TOKEN}"]
            .map(str::to_owned)
            .to_vec(),
        user: None,
        timeout_seconds: 10 * slowness(),
        secret_environment,
    };
    let done = fixture.runtime.exec("c", request(secrets())).await.unwrap();
    assert_eq!(done.output, b"secret 8\n");
    let done = fixture
        .runtime
        .exec("c", request(Default::default()))
        .await
        .unwrap();
    assert_eq!(done.output, b"plain 0\n");
    for status in fixture.runtime.list().await.unwrap() {
        assert!(status.spec.secret_environment.is_empty());
    }
    let found = std::process::Command::new("grep")
        .args(["-rl", "ter2"])
        .arg(fixture.data_directory().join("containers"))
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(found.stdout).unwrap(), "");
    fixture.finish().await;
}

#[tokio::test]
async fn commands_run_inside() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let spec = ContainerSpec {
        user: Some("app".to_owned()),
        ..fixture.shell("c", "echo ready; exec sleep 100")
    };
    fixture.start(spec).await;
    fixture.await_line("c", "ready").await;
    let request = |command: &str, user: Option<&str>, timeout_seconds| ExecRequest {
        command: ["sh", "-c", command].map(str::to_owned).to_vec(),
        user: user.map(str::to_owned),
        timeout_seconds,
        secret_environment: Default::default(),
    };
    let done = fixture
        .runtime
        .exec(
            "c",
            request(
                "id; hostname; pwd; echo $0 >&2; exit 7",
                None,
                10 * slowness(),
            ),
        )
        .await
        .unwrap();
    let output = String::from_utf8(done.output).unwrap();
    assert!(
        output.starts_with("uid=1000(app) gid=1001(app)"),
        "{output}"
    );
    assert!(output.ends_with("box\n/\nsh\n"), "{output}");
    assert_eq!((done.exit_code, done.timed_out), (7, false));
    let root = fixture
        .runtime
        .exec("c", request("id -u", Some("root"), 10 * slowness()))
        .await
        .unwrap();
    assert_eq!(root.output, b"0\n");
    let late = fixture
        .runtime
        .exec("c", request("echo begun; exec sleep 100", None, slowness()))
        .await
        .unwrap();
    assert_eq!(
        (late.exit_code, late.timed_out, late.output),
        (137, true, b"begun\n".to_vec())
    );
    let missing = ExecRequest {
        command: vec!["nope".to_owned()],
        user: None,
        timeout_seconds: 1,
        secret_environment: Default::default(),
    };
    let error = fixture
        .runtime
        .exec("c", missing)
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("executable file not found"), "{error}");
    let stats = fixture.runtime.stats("c").await.unwrap();
    assert!(
        stats.memory_bytes > 0 && stats.process_count >= 1 && stats.cpu_nanoseconds > 0,
        "{stats:?}"
    );
    fixture.runtime.stop("c", "KILL", 5).await.unwrap();
    assert!(
        fixture
            .runtime
            .exec("c", request("true", None, 1))
            .await
            .is_err()
    );
    fixture.finish().await;
}

#[tokio::test]
async fn a_log_is_followed_and_resumed() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    fixture
        .start(fixture.shell(
            "c",
            "for i in $(seq 1 2000); do echo line $i; done; sleep 0.2; echo end",
        ))
        .await;
    let mut reader = fixture.runtime.log_reader("c", LogCursor::START).unwrap();
    let mut cursor = LogCursor::START;
    for number in 1..=1000 {
        let (line, behind) = reader.next().await.unwrap().unwrap();
        assert_eq!(line.text, format!("line {number}"));
        cursor = behind;
    }
    let mut resumed = fixture.reopen().log_reader("c", cursor).unwrap();
    for number in 1001..=2000 {
        assert_eq!(
            resumed.next().await.unwrap().unwrap().0.text,
            format!("line {number}")
        );
    }
    assert_eq!(resumed.next().await.unwrap().unwrap().0.text, "end");
    assert_eq!(resumed.next().await.unwrap(), None);
    fixture.finish().await;
}

#[tokio::test]
async fn removing_a_running_container_ends_it() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    fixture
        .start(fixture.shell("c", "trap '' TERM INT; sleep 100 & sleep 100 & wait"))
        .await;
    let runtime = fixture.runtime.clone();
    let waiting = fixture
        .clock
        .spawn("wait", async move { runtime.wait("c").await });
    fixture.runtime.remove("c").await.unwrap();
    assert_eq!(waiting.await.unwrap().code, 137);
    assert!(fixture.runtime.list().await.unwrap().is_empty());
    fixture.finish().await;
}

#[tokio::test]
async fn how_long_a_start_takes() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let mut times = Vec::new();
    for number in 0..20 {
        let spec = fixture.shell(&format!("c{number}"), "exec sleep 100");
        let began = fixture.clock.monotonic();
        fixture.start(spec).await;
        times.push(fixture.clock.monotonic() - began);
    }
    times.sort();
    eprintln!(
        "create and start: min {:?}, p50 {:?}, max {:?}",
        times[0], times[10], times[19]
    );
    let began = fixture.clock.monotonic();
    let starts =
        (0..30).map(|number| fixture.start(fixture.shell(&format!("p{number}"), "exec sleep 100")));
    futures_util::future::join_all(starts).await;
    eprintln!("30 at once: {:?}", fixture.clock.monotonic() - began);
    let began = fixture.clock.monotonic();
    let containers = fixture.runtime.list().await.unwrap();
    assert_eq!(containers.len(), 50);
    futures_util::future::join_all(
        containers
            .iter()
            .map(|container| fixture.runtime.remove(&container.id)),
    )
    .await;
    eprintln!("50 removed: {:?}", fixture.clock.monotonic() - began);
    fixture.finish().await;
}
