//! `cargo xtask models update VERSION`: botocore's models, without their documentation, pinned in `models/`.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::operations;

const FILES: [&str; 3] = ["service-2.json", "paginators-1.json", "waiters-2.json"];

pub fn update(root: &Path, version: &str) -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let data = download(scratch.path(), version)?;
    for service in pinned(root)? {
        let source = newest_folder(&data.join(&service))?;
        let target = root.join("models").join(&service);
        std::fs::create_dir_all(&target)?;
        for file in FILES {
            if let Some(text) = read_plain_or_gzip(&source.join(file))? {
                let mut model: Value =
                    serde_json::from_str(&text).with_context(|| format!("{service}/{file}"))?;
                strip_documentation(&mut model);
                std::fs::write(target.join(file), lay_out(&model))?;
            }
        }
    }
    std::fs::write(root.join("models/VERSION"), format!("botocore {version}\n"))?;
    Ok(())
}

/// What `models/SERVICES` lists and operations.toml names, without our own.
pub fn pinned(root: &Path) -> Result<BTreeSet<String>> {
    let listed =
        std::fs::read_to_string(root.join("models/SERVICES")).context("models/SERVICES")?;
    let listed = listed
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(str::to_owned);
    let entries = operations::read(root)?.services.into_iter();
    let named = entries.filter_map(|(name, entry)| (!entry.own).then_some(name));
    Ok(listed.chain(named).collect())
}

/// Unpacks the wheel and answers its `botocore/data`.
fn download(scratch: &Path, version: &str) -> Result<PathBuf> {
    let requirement = format!("botocore=={version}");
    run(Command::new("python3")
        .args([
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-deps",
            "--dest",
            ".",
        ])
        .arg(requirement)
        .current_dir(scratch))?;
    let wheel = std::fs::read_dir(scratch)?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
        .context("pip left no wheel")?;
    run(Command::new("python3")
        .args(["-m", "zipfile", "-e"])
        .arg(wheel)
        .arg(scratch.join("wheel")))?;
    Ok(scratch.join("wheel/botocore/data"))
}

fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("{command:?}"))?;
    if !status.success() {
        bail!("{command:?} failed: {status}");
    }
    Ok(())
}

/// A service has one folder for each API version.
fn newest_folder(service: &Path) -> Result<PathBuf> {
    let folders = std::fs::read_dir(service).with_context(|| service.display().to_string())?;
    folders
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.is_dir())
        .max()
        .with_context(|| format!("no API version in {}", service.display()))
}

fn read_plain_or_gzip(path: &Path) -> Result<Option<String>> {
    if path.exists() {
        return Ok(Some(std::fs::read_to_string(path)?));
    }
    let zipped = path.with_extension("json.gz");
    if !zipped.exists() {
        return Ok(None);
    }
    let output = Command::new("gzip")
        .args(["--decompress", "--stdout"])
        .arg(&zipped)
        .output()?;
    if !output.status.success() {
        bail!("gzip failed on {}", zipped.display());
    }
    Ok(Some(String::from_utf8(output.stdout)?))
}

/// Documentation is text; a member that is called `documentation` is an object and stays.
fn strip_documentation(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|key, value| !(key == "documentation" && value.is_string()));
            fields.values_mut().for_each(strip_documentation);
        }
        Value::Array(elements) => elements.iter_mut().for_each(strip_documentation),
        _ => {}
    }
}

/// Keys in order, one operation, shape, paginator or waiter a line: small, and a diff reads well.
fn lay_out(model: &Value) -> String {
    let Value::Object(sections) = model else {
        return model.to_string();
    };
    let mut text = String::from("{\n");
    for (index, (name, section)) in sections.iter().enumerate() {
        let end = if index + 1 == sections.len() {
            "\n"
        } else {
            ",\n"
        };
        match section {
            Value::Object(entries) if name != "metadata" && !entries.is_empty() => {
                let lines: Vec<String> = entries
                    .iter()
                    .map(|(key, entry)| format!("{}: {entry}", Value::from(key.as_str())))
                    .collect();
                let _ = write!(
                    text,
                    "{}: {{\n{}\n}}{end}",
                    Value::from(name.as_str()),
                    lines.join(",\n")
                );
            }
            other => {
                let _ = write!(text, "{}: {other}{end}", Value::from(name.as_str()));
            }
        }
    }
    text + "}\n"
}
