//! The project's own tools. Run as `cargo xtask <command>`.

mod codegen;
mod coverage;
mod models;
mod operations;
mod source;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Gantry's own tools")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// The pinned API models of AWS
    Models {
        #[command(subcommand)]
        command: ModelsCommand,
    },
    /// Write crates/api from models and operations.toml
    Codegen {
        /// Change nothing; fail if something would change
        #[arg(long)]
        check: bool,
    },
    /// Write docs/coverage.md: which operations and fields are served
    Coverage {
        /// Change nothing; fail if something would change
        #[arg(long)]
        check: bool,
    },
    /// Check the floor plan, the size of files, forbidden calls and generated files
    Tidy,
}

#[derive(Subcommand)]
enum ModelsCommand {
    /// Take the models of a botocore release from PyPI
    Update { version: String },
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Without the backtrace that anyhow's Debug would add: these are findings, not crashes.
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    match Arguments::parse().command {
        Command::Models {
            command: ModelsCommand::Update { version },
        } => models::update(&workspace_root(), &version),
        Command::Codegen { check } => codegen::run(&workspace_root(), check),
        Command::Coverage { check } => coverage::run(&workspace_root(), check),
        Command::Tidy => tidy::run(&workspace_root()),
    }
}

fn workspace_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask is a folder of the workspace")
        .to_owned()
}
