//! `cargo xtask codegen`: one crate a service under `crates/api`, from `models/` and `operations.toml`.
//!
//! What is written is data, not code, wherever possible: a static schema a shape, and for structures a table
//! of slots. `wire` holds the code that walks them (why: the cost of compiling, see `crates/base/wire`).

mod emit;
pub mod model;
pub mod names;
mod schemas;
#[cfg(test)]
mod tests;
mod types;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::operations;

pub fn run(root: &Path, check: bool) -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let mut stale = Vec::new();
    let version = std::fs::read_to_string(root.join("models/VERSION")).context("models/VERSION")?;
    for (name, entry) in operations::read(root)?.services {
        let source = if entry.own {
            "our own model".to_owned()
        } else {
            version.trim().to_owned()
        };
        let model = model::Model::read(&root.join("models").join(&name))?;
        let files = emit::service(&name, &model, &entry, &source).with_context(|| name.clone())?;
        let formatted = format_all(&scratch.path().join(&name), &files)?;
        stale.extend(write_changed(
            &root.join("crates/api").join(&name).join("src"),
            &formatted,
            check,
        )?);
    }
    if check && !stale.is_empty() {
        bail!("`cargo xtask codegen` would change {}", list(&stale));
    }
    for path in &stale {
        println!(
            "wrote {}",
            path.strip_prefix(root).unwrap_or(path).display()
        );
    }
    Ok(())
}

fn list(paths: &[PathBuf]) -> String {
    paths
        .iter()
        .map(|path| path.display().to_string())
        .collect::<Vec<_>>()
        .join(", ")
}

fn format_all(
    folder: &Path,
    files: &BTreeMap<&'static str, String>,
) -> Result<BTreeMap<&'static str, String>> {
    std::fs::create_dir_all(folder)?;
    let mut command = Command::new("rustfmt");
    // As `cargo fmt` does, so that it changes nothing here.
    command.args(["--edition", "2024"]);
    for (name, text) in files {
        std::fs::write(folder.join(name), text)?;
    }
    command.arg(folder.join("lib.rs"));
    let output = command.output().context("rustfmt")?;
    if !output.status.success() {
        bail!("rustfmt: {}", String::from_utf8_lossy(&output.stderr));
    }
    files
        .keys()
        .map(|name| Ok((*name, std::fs::read_to_string(folder.join(name))?)))
        .collect()
}

/// Writes what differs (or, to check, only finds it), so that an unchanged crate is not compiled again.
fn write_changed(
    folder: &Path,
    files: &BTreeMap<&'static str, String>,
    check: bool,
) -> Result<Vec<PathBuf>> {
    let mut stale = Vec::new();
    for (name, text) in files {
        let path = folder.join(name);
        if std::fs::read_to_string(&path).ok().as_ref() == Some(text) {
            continue;
        }
        if !check {
            std::fs::create_dir_all(folder)?;
            std::fs::write(&path, text).with_context(|| path.display().to_string())?;
        }
        stale.push(path);
    }
    Ok(stale)
}
