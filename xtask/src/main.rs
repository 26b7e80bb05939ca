//! The project's own tools. Run as `cargo xtask <command>`.

mod codegen;
mod models;
mod operations;

use std::path::{Path, PathBuf};

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
}

#[derive(Subcommand)]
enum ModelsCommand {
    /// Take the models of a botocore release from PyPI
    Update { version: String },
}

fn main() -> Result<()> {
    match Arguments::parse().command {
        Command::Models {
            command: ModelsCommand::Update { version },
        } => models::update(&workspace_root(), &version),
        Command::Codegen { check } => codegen::run(&workspace_root(), check),
    }
}

fn workspace_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask is a folder of the workspace")
        .to_owned()
}
