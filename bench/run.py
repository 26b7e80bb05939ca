"""Speed, beside a peer measured in the same run. Prints medians and p99 as a table.

usage: bench/run.py [--only NAME] [--tasks N] [--no-docker]        (as root; `make bench` prepares)
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/acceptance"))
os.environ.setdefault("GANTRY_BIN", str(ROOT / "target/release/gantry"))

from world import DEMO_ROOT, World, wait_until  # noqa: E402


class Table:
    """Rows of one measurement each, in milliseconds."""

    def __init__(self):
        self.rows = []

    def add(self, what: str, milliseconds: list[float], note: str = ""):
        ordered = sorted(milliseconds)
        p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
        self.rows.append((what, len(ordered), statistics.median(ordered), p99, ordered[0], note))
        print(f"  {what}: median {statistics.median(ordered):.1f} ms, p99 {p99:.1f} ms (n={len(ordered)})", flush=True)

    def show(self):
        print(f"\n{'measured':<58} {'n':>4} {'median':>9} {'p99':>9} {'min':>9}")
        for what, count, median, p99, least, note in self.rows:
            print(f"{what:<58} {count:>4} {median:>6.1f} ms {p99:>6.1f} ms {least:>6.1f} ms  {note}")


class Docker:
    """Debian's dockerd with data of its own, for as long as the measurement takes."""

    def __init__(self):
        self.directory = Path(tempfile.mkdtemp(prefix="gantry-bench-docker-"))
        self.socket = self.directory / "docker.sock"
        self.daemon = None

    def __enter__(self):
        subprocess.run(["sysctl", "-qw", "net.ipv4.ip_forward=1"], check=True)
        log = open(self.directory / "dockerd.log", "wb")
        self.daemon = subprocess.Popen(
            ["dockerd", "--data-root", self.directory / "data", "--exec-root", self.directory / "exec", "--pidfile", self.directory / "pid",
             "-H", f"unix://{self.socket}", "--bridge=none" if os.environ.get("BENCH_DOCKER_NO_BRIDGE") else "--exec-opt=native.cgroupdriver=cgroupfs"],
            stdout=log, stderr=log, start_new_session=True,
        )
        wait_until(lambda: self._ping(), 30, "dockerd to answer")
        archive = subprocess.run(["tar", "-C", DEMO_ROOT, "-c", "."], check=True, capture_output=True).stdout
        self.run("import", "-c", 'ENTRYPOINT ["/demo"]', "-c", 'CMD ["serve"]', "-", "demo", input=archive)
        return self

    def __exit__(self, *_):
        names = self.run("ps", "-aq").stdout.decode().split()
        if names:
            self.run("rm", "-f", *names)
        self.daemon.terminate()
        self.daemon.wait(30)
        subprocess.run(["rm", "-rf", self.directory], check=False)

    def run(self, *arguments, input=None):
        return subprocess.run(["docker", "-H", f"unix://{self.socket}", *arguments], input=input, capture_output=True, check=True, timeout=120)

    def api(self, method: str, path: str, body=None):
        connection = http.client.HTTPConnection("localhost")
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(str(self.socket))
        connection.request(method, path, json.dumps(body) if body is not None else None, {"Content-Type": "application/json"})
        response = connection.getresponse()
        content = response.read()
        assert response.status < 300, content
        return json.loads(content) if content else None

    def _ping(self):
        if not self.socket.exists():
            return False
        try:
            return subprocess.run(["docker", "-H", f"unix://{self.socket}", "info"], capture_output=True, timeout=10).returncode == 0
        except subprocess.TimeoutExpired:
            return False


def task_start(world: World, table: Table, count: int):
    """RunTask to RUNNING, image present: server timestamps createdAt → startedAt, one task at a time."""
    definition = world.register("bench", {})
    samples, calls, ecs = [], [], world.client("ecs")
    settings = dict(taskDefinition=definition, launchType="FARGATE", networkConfiguration=world.network_configuration)
    for number in range(count + 3):
        began = time.perf_counter()
        task = ecs.run_task(**settings)["tasks"][0]
        calls.append((time.perf_counter() - began) * 1000)
        task = wait_until(lambda: _running(world, task["taskArn"]), 30, "the task to run", every=0.005)
        if number >= 3:  # the first ones warm caches on both sides
            samples.append((task["startedAt"] - task["createdAt"]).total_seconds() * 1000)
        world.client("ecs").stop_task(task=task["taskArn"])
        world.wait_task(task["taskArn"], "STOPPED")
    table.add("Gantry: RunTask → RUNNING, image present", samples, "goal: median < 40, p99 < 150")
    table.add("Gantry: the RunTask call itself (boto3)", calls[3:])


def replacement(world: World, table: Table, count: int):
    """A service's only container is killed from outside; until the replacement's startedAt."""
    world.create_service("bench-kill", world.register("bench-kill", {}), 1)
    world.wait_stable("bench-kill")
    samples = []
    for _ in range(count):
        before = world.service_tasks("bench-kill")[0]["taskArn"]
        pid = _demo_pid(world)
        killed_at = time.time()
        os.kill(pid, signal.SIGKILL)
        task = wait_until(lambda: _other(world, "bench-kill", before), 30, "a replacement", every=0.01)
        samples.append((task["startedAt"].timestamp() - killed_at) * 1000)
        time.sleep(0.3)
    world.delete_service("bench-kill")
    table.add("Gantry: container killed → replacement RUNNING", samples, "goal: < 100")


def docker_start(docker: Docker, table: Table, count: int):
    cli, api = [], []
    for _ in range(count):
        began = time.perf_counter()
        name = docker.run("run", "-d", "demo").stdout.decode().strip()
        cli.append((time.perf_counter() - began) * 1000)
        docker.run("rm", "-f", name)
        began = time.perf_counter()
        created = docker.api("POST", "/containers/create", {"Image": "demo"})["Id"]
        docker.api("POST", f"/containers/{created}/start")
        api.append((time.perf_counter() - began) * 1000)
        docker.run("rm", "-f", created)
    table.add("docker run -d, image present", cli)
    table.add("Docker API create + start, image present", api)


def docker_restart(docker: Docker, table: Table, count: int):
    """`--restart always` is the nearest thing without Swarm: kill → the container runs again (Docker waits 100 ms first)."""
    name = docker.run("run", "-d", "--restart", "always", "demo").stdout.decode().strip()
    samples = []
    for _ in range(count):
        state = docker.api("GET", f"/containers/{name}/json")["State"]
        began = time.perf_counter()
        os.kill(state["Pid"], signal.SIGKILL)
        wait_until(lambda: _restarted(docker, name, state["Pid"]), 30, "the container to run again", every=0.005)
        samples.append((time.perf_counter() - began) * 1000)
        time.sleep(10.5)  # Docker doubles its delay unless the container ran for 10 s
    docker.run("rm", "-f", name)
    table.add("docker --restart always: killed → running again", samples)


def memory(world: World, table_lines: list[str]):
    for name, process in [("server", world.server), *world.agents.items()]:
        fields = dict(line.split(":", 1) for line in Path(f"/proc/{process.pid}/status").read_text().splitlines() if ":" in line)
        table_lines.append(f"{name}: {int(fields['VmRSS'].split()[0]) / 1024:.1f} MiB resident")


def _running(world, arn):
    task = world.task(arn)
    assert task["lastStatus"] != "STOPPED", task
    return task if task["lastStatus"] == "RUNNING" else None


def _other(world, service, before):
    for task in world.service_tasks(service):
        if task["taskArn"] != before and task["lastStatus"] == "RUNNING":
            return task
    return None


def _restarted(docker, name, pid):
    state = docker.api("GET", f"/containers/{name}/json")["State"]
    return state["Running"] and state["Pid"] not in (0, pid)


def _demo_pid(world) -> int:
    for directory in Path("/proc").iterdir():
        if directory.name.isdigit():
            try:
                if (directory / "cmdline").read_bytes().startswith(b"/demo\0") and str(world.directory) in (directory / "mountinfo").read_text():
                    return int(directory.name)
            except OSError:
                continue
    raise AssertionError("no demo process of this world")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=100)
    parser.add_argument("--no-docker", action="store_true")
    options = parser.parse_args()
    table, lines = Table(), []
    print(f"load average before: {os.getloadavg()[0]:.1f}; {os.cpu_count()} CPUs")
    world = World()
    try:
        began = time.perf_counter()
        world.start_server()
        lines.append(f"server start to first answer: {(time.perf_counter() - began) * 1000:.0f} ms")
        world.start_agent()
        world.gantry("image", "import", str(DEMO_ROOT), "demo:latest", "--entrypoint", "/demo", "--cmd", "serve")
        time.sleep(1)
        memory(world, lines)
        task_start(world, table, options.tasks)
        replacement(world, table, max(10, options.tasks // 4))
    finally:
        world.stop()
    if not options.no_docker:
        with Docker() as docker:
            docker_start(docker, table, max(10, options.tasks // 5))
            docker_restart(docker, table, 3)
    table.show()
    print("\n" + "\n".join(lines))


if __name__ == "__main__":
    main()
