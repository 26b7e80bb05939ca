"""Requests a second, durable and signed: RunTask on nodes without containers, DescribeTasks; by bench/load."""

import json
import os
import subprocess

from bench import ROOT, Bench, Goal, World, cpu_seconds, metric

NAME = "requests"
LOAD = ROOT / "target/release/bench-load"
SECONDS = 5.0
CLIENTS = 64
# A /16: the default subnet's 4,091 addresses would be gone in a second.
CIDR = "10.64.0.0/16"


def run(bench: Bench):
    seconds = max(1.0, SECONDS * bench.scale)
    ours = measure(bench, "run-task", seconds, tasks=0)
    add(bench, "RunTask, one task each", ours, Goal(least=5000))
    if ours["commits"]:
        bench.results.add(NAME, "RunTask requests in one commit", [ours["requests"] / ours["commits"]], "requests")
    add(bench, "DescribeTasks, one task of 5,000 each", measure(bench, "describe-task", seconds, tasks=5000))
    add(bench, "DescribeTasks, 100 tasks of 5,000 each", measure(bench, "describe-tasks", seconds, tasks=5000))


def add(bench: Bench, what: str, outcome: dict, goal: Goal | None = None):
    bench.results.add(
        NAME, what, [outcome["requests_per_second"]], "requests/s", goal,
        note=f"median {outcome['median_ms']:.1f} ms, p99 {outcome['p99_ms']:.1f} ms; processor a request: server {outcome['server_us']:.0f} µs, clients {outcome['load_us']:.0f} µs",
    )


def measure(bench: Bench, operation: str, seconds: float, tasks: int) -> dict:
    world = World()
    world.cidr = CIDR
    try:
        world.start_server()
        # Children's times are added when they have ended.
        before, server_before = os.times(), cpu_seconds(world.server.pid)
        done = subprocess.run(
            [LOAD, "--endpoint", world.endpoint, "--credentials", world.data_dir("server") / "root-credentials.json",
             "--subnet", world.facts["defaultSubnetId"], "--operation", operation, "--seconds", str(seconds), "--clients", str(CLIENTS),
             "--tasks", str(tasks)],
            capture_output=True, text=True, timeout=seconds + 120,
        )
        assert done.returncode == 0, done.stderr
        outcome = json.loads(done.stdout)
        after = os.times()
        used = after.children_user + after.children_system - before.children_user - before.children_system
        outcome["load_us"] = used / outcome["requests"] * 1e6
        outcome["server_us"] = (cpu_seconds(world.server.pid) - server_before) / outcome["requests"] * 1e6
        outcome["commits"] = metric(world, "gantry_state_commits_total")
        return outcome
    finally:
        world.stop()
