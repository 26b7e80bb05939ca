//! `gantry completion` and `gantry man`: made from what the command line itself takes.

use std::{fs, io, process::ExitCode};

use anyhow::Context;
use clap::CommandFactory;

use crate::arguments::{Arguments, Completion, Man};

pub fn run(completion: &Completion) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(
        completion.shell,
        &mut Arguments::command(),
        "gantry",
        &mut script,
    );
    io::Write::write_all(&mut io::stdout(), &script)?;
    Ok(ExitCode::SUCCESS)
}

pub fn man(man: &Man) -> anyhow::Result<ExitCode> {
    let directory = &man.directory;
    fs::create_dir_all(directory)
        .and_then(|()| clap_mangen::generate_to(Arguments::command(), directory))
        .with_context(|| format!("cannot write to {}", directory.display()))?;
    println!(
        "Written. Read them with `man -l {}` or put the directory into MANPATH as man1",
        directory.join("gantry.1").display()
    );
    Ok(ExitCode::SUCCESS)
}
