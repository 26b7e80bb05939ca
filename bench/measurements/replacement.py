"""A service's container is killed from outside → its replacement RUNNING; beside Swarm and `--restart always`."""

import os
import signal
import time
from pathlib import Path

from bench import Bench, Goal, wait_until
from peers import Docker, Swarm

NAME = "replacement"


def run(bench: Bench):
    with bench.gantry() as world:
        gantry(bench, world, bench.times(25))
    if bench.peers:
        with Docker() as docker:
            docker_restart(bench, docker, bench.times(3))
            with Swarm(docker) as swarm:
                swarm_restart(bench, swarm, bench.times(5))


def gantry(bench: Bench, world, count: int):
    """From the kill to the replacement's startedAt, on one clock. Each task is killed after more than 10 s of life: what ends
    sooner, three times in a row, is taken for a program that fails, and paced."""
    world.create_service("bench-kill", world.register("bench-kill", {}), count)
    world.wait_stable("bench-kill")
    time.sleep(10.5)
    samples = []
    for pid in _demo_pids(world):
        before = {task["taskArn"] for task in world.service_tasks("bench-kill")}
        killed_at = time.time()
        os.kill(pid, signal.SIGKILL)
        task = wait_until(lambda: _other(world, "bench-kill", before), 30, "a replacement", every=0.01)
        samples.append((task["startedAt"].timestamp() - killed_at) * 1000)
        time.sleep(0.3)
    world.delete_service("bench-kill")
    bench.results.add(NAME, "container killed → replacement RUNNING", samples, goal=Goal(median=100))


def docker_restart(bench: Bench, docker: Docker, count: int):
    """The nearest thing without Swarm; Docker waits 100 ms first, and doubles that unless the container ran for 10 s."""
    name = docker.run("run", "-d", "--restart", "always", "demo").stdout.decode().strip()
    samples = []
    for _ in range(count):
        time.sleep(10.5)
        before = docker.api("GET", f"/containers/{name}/json")["State"]["Pid"]
        began = time.perf_counter()
        os.kill(before, signal.SIGKILL)
        wait_until(lambda: _restarted(docker, name, before), 30, "the container to run again", every=0.005)
        samples.append((time.perf_counter() - began) * 1000)
    docker.run("rm", "-f", name)
    bench.results.add(NAME, "docker --restart always", samples, peer=True)


def swarm_restart(bench: Bench, swarm: Swarm, count: int):
    """With a restart delay of 0; its default is 5 s."""
    swarm.create("kill", 1)
    wait_until(lambda: swarm.running("kill"), 60, "Swarm's task to run")
    samples = []
    for _ in range(count):
        before = swarm.running("kill")[0]
        pid = swarm.docker.api("GET", f"/containers/{before['Status']['ContainerStatus']['ContainerID']}/json")["State"]["Pid"]
        began = time.perf_counter()
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: any(task["ID"] != before["ID"] for task in swarm.running("kill")), 60, "Swarm's replacement", every=0.005)
        samples.append((time.perf_counter() - began) * 1000)
        time.sleep(1)
    swarm.remove("kill")
    bench.results.add(NAME, "Swarm, restart delay 0", samples, peer=True)


def _other(world, service, before):
    for task in world.service_tasks(service):
        if task["taskArn"] not in before and task["lastStatus"] == "RUNNING":
            return task
    return None


def _restarted(docker, name, pid):
    state = docker.api("GET", f"/containers/{name}/json")["State"]
    return state["Running"] and state["Pid"] not in (0, pid)


def _demo_pids(world) -> list[int]:
    found = []
    for directory in Path("/proc").iterdir():
        if directory.name.isdigit():
            try:
                if (directory / "cmdline").read_bytes().startswith(b"/demo\0") and str(world.directory) in (directory / "mountinfo").read_text():
                    found.append(int(directory.name))
            except OSError:
                continue
    assert found, "no demo process of this world"
    return found
