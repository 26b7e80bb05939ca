//! `gantry down`: ends the process that `up`, `server` or `agent` started here, and the containers of its node.

use std::{process::ExitCode, time::Duration};

use anyhow::bail;
use clock::Clock;
use nix::{sys::signal, unistd::Pid};

use crate::{
    arguments::{Down, Global},
    node, output,
    paths::DataDirectory,
    server,
};

const STOP: Duration = Duration::from_secs(40);
const POLL_EVERY: Duration = Duration::from_millis(20);

pub async fn run(global: &Global, down: Down) -> anyhow::Result<ExitCode> {
    let data = DataDirectory::new(global.data_dir.clone());
    match server::running_pid(&data) {
        Some(pid) => stop(pid).await?,
        None => output::note(format_args!(
            "no Gantry runs with {}",
            data.path().display()
        )),
    }
    if !down.keep_tasks {
        let removed = node::remove_containers(&data, &down.network_name).await?;
        if removed > 0 {
            output::note(format_args!("{removed} containers stopped and removed"));
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn stop(pid: u32) -> anyhow::Result<()> {
    let clock = Clock::system();
    let target = Pid::from_raw(i32::try_from(pid)?);
    signal::kill(target, signal::Signal::SIGTERM)?;
    let began = clock.now();
    while server::is_alive(pid) {
        if clock.now().since(began) > STOP {
            bail!(
                "process {pid} does not end. `kill -9 {pid}` ends it; nothing acknowledged is lost by that"
            );
        }
        clock.sleep(POLL_EVERY).await;
    }
    output::note(format_args!("Gantry (process {pid}) stopped"));
    Ok(())
}
