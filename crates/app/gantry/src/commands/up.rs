//! `gantry up`: server and node of one machine in one process, in the foreground or detached.

use std::{
    fs::{File, OpenOptions},
    process::{Child, Command, ExitCode, Stdio},
    thread,
    time::Duration,
};

use anyhow::{Context, bail};
use clock::Clock;

use crate::{
    arguments::{Agent, Global, Up},
    node, output,
    paths::DataDirectory,
    server::{self, RunningServer},
    signals,
};

/// Set for the process that `--detach` starts.
pub const DETACHED: &str = "GANTRY_DETACHED";
const START: Duration = Duration::from_secs(30);
const POLL_EVERY: Duration = Duration::from_millis(20);

pub async fn run(global: &Global, up: Up) -> anyhow::Result<ExitCode> {
    let server = RunningServer::start(global, &up.server).await?;
    let mut facts = server.facts().clone();
    let agent = Agent {
        node: up.node,
        region: facts.region.clone(),
        join_credentials: None,
    };
    let with_endpoint = Global {
        endpoint: Some(facts.endpoint.clone()),
        ..global.clone()
    };
    let node = node::Node::start(&with_endpoint, &agent)?;
    tokio::select! {
        ready = server.wait_for_capacity(START) => ready?,
        error = node.failed() => return Err(error),
    }
    facts.ready = true;
    DataDirectory::new(global.data_dir.clone()).write_facts(&facts)?;
    output::note(format_args!("Gantry serves at {}", facts.endpoint));
    tokio::select! {
        () = signals::terminated() => {}
        error = server.failed() => tracing::error!(%error, "the state cannot be written; stopping"),
        error = node.failed() => tracing::error!("{error:#}"),
    }
    // The node first, so that its last words are heard.
    node.stop().await;
    server.stop().await;
    Ok(ExitCode::SUCCESS)
}

/// Starts the same command again without a terminal, and waits until it serves.
pub fn detach(global: &Global, up: &Up) -> anyhow::Result<ExitCode> {
    node::check_rights()?;
    let data = DataDirectory::new(global.data_dir.clone());
    if let Some(pid) = server::running_pid(&data) {
        output::note(format_args!(
            "Gantry runs already (process {pid}). `gantry down` stops it"
        ));
        return Ok(ExitCode::SUCCESS);
    }
    std::fs::create_dir_all(data.path())
        .with_context(|| format!("cannot make {}", data.path().display()))?;
    let log = OpenOptions::new()
        .create(true)
        .append(true)
        .open(data.log_file())
        .with_context(|| format!("cannot write {}", data.log_file().display()))?;
    let mut child = spawn(&log)?;
    wait_until_ready(&mut child, &data)?;
    let facts = data
        .facts()
        .context("the server wrote down where it serves")?;
    println!(
        "Gantry serves at {} (process {}, log {})",
        facts.endpoint,
        child.id(),
        data.log_file().display()
    );
    println!(
        "Default subnet {}, security group {}",
        facts.default_subnet_id, facts.default_security_group_id
    );
    if !up.server.no_auth {
        println!("`gantry configure` writes the AWS profile `gantry`");
    }
    Ok(ExitCode::SUCCESS)
}

fn spawn(log: &File) -> anyhow::Result<Child> {
    let arguments = std::env::args_os()
        .skip(1)
        .filter(|argument| argument != "--detach" && argument != "-d");
    Command::new(std::env::current_exe()?)
        .args(arguments)
        .env(DETACHED, "1")
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log.try_clone()?)
        .spawn()
        .context("cannot start the server process")
}

fn wait_until_ready(child: &mut Child, data: &DataDirectory) -> anyhow::Result<()> {
    let clock = Clock::system();
    let began = clock.now();
    loop {
        let ready = data
            .facts()
            .is_some_and(|facts| facts.pid == child.id() && facts.ready);
        if ready {
            return Ok(());
        }
        if let Some(status) = child.try_wait()? {
            bail!(
                "Gantry ended with {status} while starting:\n{}",
                last_lines(data)
            );
        }
        if clock.now().since(began) > START + START {
            bail!(
                "Gantry does not serve after {} s:\n{}",
                (START + START).as_secs(),
                last_lines(data)
            );
        }
        thread::sleep(POLL_EVERY);
    }
}

fn last_lines(data: &DataDirectory) -> String {
    let log = std::fs::read_to_string(data.log_file()).unwrap_or_default();
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(10)..].join("\n")
}
