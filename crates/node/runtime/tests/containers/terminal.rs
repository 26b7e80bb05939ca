//! Programs with a terminal.

use runtime::{ContainerSpec, ExecRequest, LogStream, Runtime};

use crate::fixture::Fixture;

#[tokio::test]
async fn a_program_has_a_terminal_when_told() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let script = "test -t 0 && test -t 1 && test -t 2 && tty; echo $TERM; echo error >&2; echo ready; exec sleep 100";
    let spec = ContainerSpec {
        terminal: true,
        ..fixture.shell("c", script)
    };
    fixture.start(spec).await;
    // A terminal ends lines as those who look at it need them.
    fixture.await_line("c", "ready\r").await;
    let command = ["sh", "-c", "test -t 1 || echo plain"];
    let request = ExecRequest {
        command: command.map(str::to_owned).to_vec(),
        user: None,
        timeout_seconds: 10,
        secret_environment: Default::default(),
    };
    let outcome = fixture.runtime.exec("c", request).await.unwrap();
    assert_eq!(outcome.output, b"plain\n");
    let exit = fixture.runtime.stop("c", "KILL", 5).await.unwrap();
    assert_eq!(exit.signal, Some(9));
    let lines = fixture.log_lines("c").await;
    let texts: Vec<&str> = lines.iter().map(|line| line.text.as_str()).collect();
    assert_eq!(texts, ["/dev/pts/0\r", "xterm\r", "error\r", "ready\r"]);
    assert!(lines.iter().all(|line| line.stream == LogStream::Stdout));
    fixture.finish().await;
}

#[tokio::test]
async fn what_a_program_wrote_at_its_end_is_kept() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    for number in 0..5 {
        let spec = ContainerSpec {
            terminal: true,
            ..fixture.shell(&format!("c{number}"), "seq 1 500; exit 3")
        };
        let (exit, log) = fixture.run(spec).await;
        assert_eq!((exit.code, log.lines().count()), (3, 500), "{log}");
    }
    fixture.finish().await;
}
