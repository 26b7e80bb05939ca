//! The same containers, made by `runc` instead of libcontainer.

use std::process::Command;

use runtime::OciRuntime;

/// Names the OCI runtime that the suite runs on.
const VARIABLE: &str = "GANTRY_TEST_OCI_RUNTIME";
/// What does not depend on who makes containers is not run twice.
const SUITE: [&str; 6] = [
    "confinement::",
    "life::",
    "restart::",
    "sandbox::",
    "terminal::",
    "world::",
];

pub fn name() -> String {
    std::env::var(VARIABLE).unwrap_or_else(|_| "libcontainer".to_owned())
}

pub fn chosen() -> OciRuntime {
    OciRuntime::find(&name()).unwrap()
}

#[test]
fn the_suite_holds_on_runc() {
    if OciRuntime::find("runc").is_err() {
        eprintln!("skipped: there is no runc on this machine");
        return;
    }
    let suite = Command::new(std::env::current_exe().unwrap())
        .args(SUITE)
        .env(VARIABLE, "runc")
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&suite.stdout);
    assert!(
        suite.status.success(),
        "{told}\n{}",
        String::from_utf8_lossy(&suite.stderr)
    );
    let passed = told.lines().filter(|line| line.ends_with("... ok"));
    assert!(passed.count() > 20, "{told}");
}
