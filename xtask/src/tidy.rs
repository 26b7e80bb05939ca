//! `cargo xtask tidy`: what the compiler does not check. The floor plan, the size of files, forbidden calls,
//! and that generated files are what they would be generated as.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::source::{self, SourceFile};
use crate::{codegen, coverage};

/// The floors, top to bottom: a crate imports only from floors below its own.
const FLOORS: [&str; 8] = [
    "app",
    "services",
    "node",
    "traffic",
    "telemetry",
    "rules",
    "api",
    "base",
];
/// Floors whose crates may import each other; cargo itself forbids circles.
const OPEN_FLOORS: [&str; 3] = ["app", "node", "base"];
/// The one service that may import others: what it administers.
const ADMINISTRATION: &str = "service-control";
const FILE_LINES: usize = 800;

/// Calls that are forbidden outside of tests, and the crate that may make them.
const FORBIDDEN: [(&str, &str); 7] = [
    (".unwrap()", ""),
    ("todo!(", ""),
    ("unimplemented!(", ""),
    ("SystemTime::now(", "crates/base/clock"),
    ("Instant::now(", "crates/base/clock"),
    ("tokio::spawn(", "crates/base/clock"),
    ("rand::", "crates/base/clock"),
];

pub fn run(root: &Path) -> Result<()> {
    let mut complaints = floor_plan(root)?;
    let files = source::read(root, &["crates", "tests"])?;
    complaints.extend(files.iter().flat_map(too_long));
    complaints.extend(files.iter().flat_map(forbidden_calls));
    complaints.extend(
        codegen::run(root, true)
            .err()
            .map(|error| format!("{error:#}")),
    );
    complaints.extend(
        coverage::run(root, true)
            .err()
            .map(|error| format!("{error:#}")),
    );
    if complaints.is_empty() {
        return Ok(());
    }
    bail!("{}", complaints.join("\n"))
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    manifest_path: String,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    path: Option<String>,
}

fn floor_plan(root: &Path) -> Result<Vec<String>> {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--no-deps",
            "--offline",
            "--format-version",
            "1",
        ])
        .current_dir(root)
        .output()
        .context("cargo metadata")?;
    if !output.status.success() {
        bail!(
            "cargo metadata: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let metadata: Metadata = serde_json::from_slice(&output.stdout).context("cargo metadata")?;
    let mut complaints = Vec::new();
    for package in &metadata.packages {
        let Some(from) = floor(root, &package.manifest_path) else {
            continue;
        };
        for dependency in &package.dependencies {
            let Some(to) = dependency
                .path
                .as_deref()
                .and_then(|path| floor(root, path))
            else {
                continue;
            };
            if !is_allowed(from, to, &package.name, &dependency.name) {
                complaints.push(format!(
                    "{} ({}) must not import {} ({}): imports point down",
                    package.name, FLOORS[from], dependency.name, FLOORS[to]
                ));
            }
        }
    }
    Ok(complaints)
}

fn is_allowed(from: usize, to: usize, importer: &str, imported: &str) -> bool {
    if FLOORS[from] == "api" {
        return imported == "wire";
    }
    from < to
        || (from == to && OPEN_FLOORS.contains(&FLOORS[from]))
        || (from == to && importer == ADMINISTRATION)
}

/// The floor of a crate, by its folder `crates/FLOOR/NAME`.
fn floor(root: &Path, path: &str) -> Option<usize> {
    let inside = Path::new(path).strip_prefix(root.join("crates")).ok()?;
    let folder = inside.components().next()?.as_os_str();
    FLOORS.iter().position(|floor| folder == *floor)
}

fn too_long(file: &SourceFile) -> Option<String> {
    let lines = file.text.lines().count();
    let is_long = lines > FILE_LINES && !file.is_generated();
    is_long.then(|| {
        format!(
            "{}: {lines} lines, more than {FILE_LINES}",
            file.path.display()
        )
    })
}

fn forbidden_calls(file: &SourceFile) -> Vec<String> {
    if file.is_generated() || file.is_test() {
        return Vec::new();
    }
    let mut complaints = Vec::new();
    for (number, line) in file.code_lines() {
        for (call, allowed_in) in FORBIDDEN {
            let is_allowed = !allowed_in.is_empty() && file.path.starts_with(allowed_in);
            if !is_allowed && calls(line, call) {
                complaints.push(format!(
                    "{}:{number}: {call} is forbidden here",
                    file.path.display()
                ));
            }
        }
    }
    complaints
}

/// Whether a line has the call, not only as the end of a longer name.
fn calls(line: &str, call: &str) -> bool {
    line.match_indices(call).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        call.starts_with('.') || !before.is_some_and(|it| it.is_alphanumeric() || it == '_')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(floor: &str) -> usize {
        FLOORS.iter().position(|it| *it == floor).unwrap()
    }

    #[test]
    fn imports_point_down() {
        assert!(is_allowed(
            index("services"),
            index("rules"),
            "service-ecs",
            "ecs-rules"
        ));
        assert!(!is_allowed(
            index("rules"),
            index("services"),
            "ecs-rules",
            "service-ecs"
        ));
        assert!(!is_allowed(
            index("services"),
            index("services"),
            "service-ecr",
            "service-ecs"
        ));
        assert!(is_allowed(
            index("services"),
            index("services"),
            "service-control",
            "service-ecs"
        ));
        assert!(!is_allowed(index("api"), index("base"), "api-ecs", "state"));
        assert!(is_allowed(index("base"), index("base"), "state", "clock"));
        assert!(!is_allowed(
            index("rules"),
            index("rules"),
            "ecs-rules",
            "placement"
        ));
    }

    #[test]
    fn a_call_is_not_the_end_of_a_longer_name() {
        assert!(calls("let x = rand::random();", "rand::"));
        assert!(!calls("let x = operand::random();", "rand::"));
        assert!(calls("x.unwrap()", ".unwrap()"));
    }
}
