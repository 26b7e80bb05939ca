//! The `gantry` binary: control plane, node and the user's commands.

mod arguments;
mod authorizers;
mod certificates;
mod commands;
mod connect;
mod link_sockets;
mod metrics;
mod node;
mod node_images;
mod output;
mod paths;
mod server;
mod signals;
mod when;

use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::EnvFilter;

use arguments::{Arguments, Command};

fn main() -> ExitCode {
    // Containers are owned by this binary run anew as a shim: before any thread, before anything else.
    runtime::shim::dispatch_if_requested();
    if std::env::var_os(commands::up::DETACHED).is_some() {
        // Already a leader of its own session when it was started from a service manager: that is as good.
        let _ = nix::unistd::setsid();
    }
    let arguments = Arguments::parse();
    output::choose_colours();
    start_tracing(&arguments.command);
    match run(arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {}", output::with_causes(&error));
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let Arguments { global, command } = arguments;
    if let Command::Up(up) = &command
        && up.detach
    {
        return commands::up::detach(&global, up);
    }
    // It has a runtime of its own, whose time is virtual.
    if let Command::Simulate(simulate) = &command {
        return commands::simulate::run(&global, simulate);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        match command {
            Command::Up(up) => commands::up::run(&global, up).await,
            Command::Down(down) => commands::down::run(&global, down).await,
            Command::Server(options) => server::run_until_signal(&global, options.server).await,
            Command::Agent(options) => node::run_until_signal(&global, options).await,
            Command::Run(run) => commands::run::run(&global, run).await,
            Command::Ps(ps) => commands::ps::run(&global, ps).await,
            Command::Logs(logs) => commands::logs::run(&global, logs).await,
            Command::Stop(stop) => commands::stop::run(&global, stop).await,
            Command::Image(image) => commands::image::run(&global, image).await,
            Command::Configure(configure) => commands::configure::run(&global, &configure),
            Command::Backup(backup) => commands::backup::run(&global, backup).await,
            Command::Restore(restore) => commands::backup::restore(&global, restore).await,
            Command::RotateRootKey => commands::rotate_root_key::run(&global).await,
            Command::Status => commands::status::run(&global).await,
            Command::Top(top) => commands::top::run(&global, top).await,
            Command::Events(events) => commands::events::run(&global, events).await,
            Command::Simulate(_) => unreachable!("it was run before"),
            Command::Why(why) => commands::why::run(&global, why).await,
            Command::Node(node) => commands::node::run(&global, node).await,
            Command::Plan(plan) => commands::plan::run(&global, plan).await,
            Command::History(history) => commands::history::run(&global, history).await,
            Command::Completion(completion) => commands::completion::run(&completion),
            Command::Man(man) => commands::completion::man(&man),
            Command::Doctor => commands::doctor::run(&global),
            Command::Demo => commands::demo::run(&global).await,
        }
    })
}

/// Servers and nodes log to standard error; a user's command only warns.
fn start_tracing(command: &Command) {
    let level = match command {
        Command::Up(_) | Command::Server(_) | Command::Agent(_) => "info",
        // What nodes do there is told in the timeline.
        Command::Simulate(_) => "off",
        _ => "warn",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(output::is_interactive())
        .init();
}
