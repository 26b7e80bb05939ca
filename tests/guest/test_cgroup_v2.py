"""The runtime's conformance suite (crates/node/runtime/tests/containers) on a kernel with control groups version 2 alone,
as distributions have it today; this machine may have version 1."""

import json
import re
import subprocess

import pytest

import guest

# Beside other work, emulation is several times slower than on an idle machine.
TIMEOUT_SECONDS = 1800
# So much slower than on the machine itself, for the suite's own deadlines.
SLOWNESS = 10
# Pulling and unpacking have nothing to do with control groups; runc would be the same again; an emulated processor cannot say how
# long a start takes.
SKIPPED = ["images::", "runc::", "life::how_long_a_start_takes"]
SUITE = "containers"
SHIM = "runtime-test-shim"
SUMMARY = re.compile(r"^test result: \w+\. (\d+) passed; (\d+) failed;", re.MULTILINE)


def test_the_runtime_conforms_on_cgroup_v2():
    reason = guest.available()
    if reason:
        pytest.skip(reason)
    built = build()
    suite = built[SUITE]
    skip = [word for name in SKIPPED for word in ("--skip", name)]
    listed = subprocess.run([suite, "--list", "--format", "terse", *skip], capture_output=True, text=True, check=True).stdout
    expected = sum(line.endswith(": test") for line in listed.splitlines())
    assert expected > 30, listed
    command = (f"! grep -q ' cgroup ' /proc/mounts || exit 99\n"
               f"GANTRY_TEST_SLOWNESS={SLOWNESS} exec {suite} --test-threads 2 --show-output {' '.join(skip)}\n")
    code, console = guest.run(command, [suite, built[SHIM]], TIMEOUT_SECONDS)
    assert code == 0, f"the suite ended with {code}; the console above says why"
    assert "skipped: needs root" not in console, "nothing ran"
    assert SUMMARY.search(console.replace("\r", "")).groups() == (str(expected), "0")


def build() -> dict:
    """Paths of the suite and of the shim that it starts, by name. After `cargo test --workspace` nothing is left to build; a
    narrower choice would have dependencies built again with other features."""
    done = subprocess.run(["cargo", "test", "--workspace", "--no-run", "--message-format=json"], cwd=guest.ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    messages = map(json.loads, done.stdout.splitlines())
    artifacts = (message for message in messages if message.get("reason") == "compiler-artifact" and message.get("executable"))
    return {artifact["target"]["name"]: guest.Path(artifact["executable"]) for artifact in artifacts}
