//! Every pinned model goes through the generator; a sample of what comes out is compiled.
//!
//! The sample is a workspace of its own in `target/generated`, so that the second run compiles next to nothing.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::model::Model;
use super::{emit, format_all, write_changed};
use crate::models::pinned;
use crate::operations::{ServiceEntry, Types, Wording};
use crate::workspace_root;

/// One of each protocol, and whatever has proved awkward: streams, both casings, thousands of shapes.
const SAMPLE: [(&str, &[&str], &[&str]); 7] = [
    (
        "cloudwatch",
        &["GetMetricData", "PutMetricAlarm"],
        &["PutMetricData"],
    ),
    (
        "ec2",
        &["DescribeInstances", "RunInstances", "ModifyVpcAttribute"],
        &["DescribeVpcs"],
    ),
    ("elbv2", &[], &["CreateLoadBalancer"]),
    (
        "lambda",
        &["InvokeWithResponseStream", "CreateFunction"],
        &["Invoke"],
    ),
    ("scheduler", &[], &["CreateSchedule", "TagResource"]),
    ("sts", &[], &["AssumeRole"]),
    ("logs", &["StartLiveTail"], &["PutLogEvents"]),
];

fn read(name: &str) -> Result<Model> {
    Model::read(&workspace_root().join("models").join(name)).with_context(|| name.to_owned())
}

fn entry(types: &[&str], served: &[&str]) -> ServiceEntry {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    ServiceEntry {
        types: if types.is_empty() {
            Types::Keyword("all".to_owned())
        } else {
            Types::Operations(owned(types))
        },
        served: owned(served),
        validation: Some("ValidationException".to_owned()),
        validation_wording: Wording::Counted,
        own: false,
    }
}

#[test]
fn every_pinned_model_is_generated() {
    let names = pinned(&workspace_root()).expect("the list of services");
    assert!(names.len() >= 26, "{names:?}");
    for name in names {
        let model = read(&name).expect("a model");
        let all: Vec<&str> = model.operations.keys().map(String::as_str).collect();
        let files = emit::service(&name, &model, &entry(&[], &all), "test").expect(&name);
        let operations = &files["operations.rs"];
        for operation in all {
            assert!(
                operations.contains(&format!("name: {operation:?}, typed: true")),
                "{name}: {operation}"
            );
        }
    }
}

#[test]
fn what_is_generated_compiles() {
    let root = workspace_root();
    let folder = root.join("target/generated");
    write_sample(&root, &folder).expect("written");
    let output = Command::new(env!("CARGO"))
        .args(["check", "--quiet", "--offline", "--workspace"])
        .current_dir(&folder)
        .env("CARGO_TARGET_DIR", folder.join("target"))
        .env("RUSTFLAGS", "-D warnings")
        .output()
        .expect("cargo");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

fn write_sample(root: &Path, folder: &Path) -> Result<()> {
    for (name, types, served) in SAMPLE {
        let model = read(name)?;
        for operation in types.iter().chain(served) {
            if !model.operations.contains_key(*operation) {
                bail!("{name} has no {operation}");
            }
        }
        let files = emit::service(name, &model, &entry(types, served), "test")?;
        let source = folder.join(name).join("src");
        let formatted = format_all(&folder.join("scratch").join(name), &files)?;
        write_changed(&source, &formatted, false)?;
        let manifest = format!(
            "[package]\nname = \"sample-{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
             [dependencies]\nwire = {{ path = {:?} }}\n",
            root.join("crates/base/wire")
        );
        write_if_other(&folder.join(name).join("Cargo.toml"), &manifest)?;
    }
    let members: Vec<&str> = SAMPLE.iter().map(|(name, ..)| *name).collect();
    let manifest = format!("[workspace]\nresolver = \"3\"\nmembers = {members:?}\n");
    write_if_other(&folder.join("Cargo.toml"), &manifest)?;
    // The versions of the workspace: those are on this machine.
    std::fs::copy(root.join("Cargo.lock"), folder.join("Cargo.lock"))?;
    Ok(())
}

fn write_if_other(path: &Path, text: &str) -> Result<()> {
    if std::fs::read_to_string(path).is_ok_and(|there| there == text) {
        return Ok(());
    }
    std::fs::write(path, text).with_context(|| path.display().to_string())
}
