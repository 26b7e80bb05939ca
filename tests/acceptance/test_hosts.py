"""Several hosts: a service spread over them, a host cut off, a host lost, a slow network."""

import os
import shutil
import signal
import subprocess

import pytest

from conftest import import_demo
from hosts import Hosts
from world import wait_until

LOST_AFTER_SECONDS = 8
NAMES = ("host-1", "host-2", "host-3")


def test_a_service_is_spread_and_a_cut_host_keeps_its_containers(hosts):
    world = hosts.world
    world.create_service("spread", world.register("spread", {"stopTimeout": 2}), 6)
    world.wait_stable("spread")
    before = {name: hosts[name].tasks() for name in NAMES}
    assert [len(tasks) for tasks in before.values()] == [2, 2, 2]

    hosts.cut("host-2")
    try:
        # Its agent is away; what runs there runs on, and nobody is started in its place.
        with pytest.raises(AssertionError):
            wait_until(lambda: {name: hosts[name].tasks() for name in NAMES} != before, 5, "a change", every=0.5)
        ended = next(iter(before["host-2"].values()))[0]
        os.kill(ended, signal.SIGKILL)
    finally:
        hosts.heal("host-2")
    # Back, it tells what ended meanwhile, which is replaced; the rest goes on as it was.
    wait_until(lambda: world.service_tasks("spread", "STOPPED"), 90, "the end of a task to be told")
    service = world.wait_stable("spread", 60)
    assert service["runningCount"] == 6
    now = {name: hosts[name].tasks() for name in NAMES}
    kept = {task: pids for tasks in before.values() for task, pids in tasks.items() if ended not in pids}
    held = {task: pids for tasks in now.values() for task, pids in tasks.items()}
    assert kept.items() <= held.items() and len(held) == 6
    running = {_id(task) for task in world.service_tasks("spread")}
    assert set(held) == running, "what runs is what ECS says"
    world.delete_service("spread")


def test_a_host_that_loses_power(hosts):
    world = hosts.world
    world.create_service("power", world.register("power", {"stopTimeout": 2}), 3)
    world.wait_stable("power")
    lost = set(hosts["host-3"].tasks())
    assert len(lost) == 1
    hosts.stop("host-3")
    hosts.restart("host-3")
    # Its agent says that the machine was restarted, and the service replaces what was lost.
    wait_until(lambda: {_id(task) for task in world.service_tasks("power", "STOPPED")} >= lost, 60, "the loss to be told")
    world.wait_stable("power")
    told = [task for task in world.service_tasks("power", "STOPPED") if _id(task) in lost]
    assert all("node was restarted" in task["containers"][0]["reason"] for task in told), told
    assert not lost & set(hosts["host-3"].tasks())
    world.delete_service("power")


def test_a_slow_network_changes_nothing(hosts):
    world = hosts.world
    for name in NAMES:
        hosts.delay(name, 100)
    try:
        # The packets are slow in truth: a round trip from the host to the server.
        assert float(hosts["host-1"].run("busybox", "ping", "-c", "1", hosts.server_address).split("time=")[1].split(" ")[0]) >= 190
        definition = world.register("slow", {"stopTimeout": 2})
        world.create_service("slow", definition, 3)
        world.wait_stable("slow")
        updated = world.register("slow", {"stopTimeout": 2, "environment": [{"name": "GREETING", "value": "new"}]})
        world.client("ecs").update_service(service="slow", taskDefinition=updated)
        world.wait_stable("slow")
        assert all(task["taskDefinitionArn"] == updated for task in world.service_tasks("slow"))
        ended = world.run_task(world.register("slow-exit", {"command": ["exit", "7"]}))
        assert world.wait_task(ended["taskArn"], "STOPPED")["containers"][0]["exitCode"] == 7
        world.delete_service("slow")
    finally:
        hosts.heal()


@pytest.fixture(scope="module")
def impatient():
    """Two hosts whose server gives a host up after some seconds."""
    hosts = Hosts()
    hosts.world.server_options += ["--node-lost-after", str(LOST_AFTER_SECONDS)]
    try:
        hosts.world.start_server()
        for name in ("host-1", "host-2"):
            hosts.add(name)
        import_demo(hosts.world)
        yield hosts
    finally:
        hosts.close()


def test_tasks_of_a_lost_host_are_replaced_and_end_when_it_is_back(impatient):
    hosts, world = impatient, impatient.world
    world.create_service("kept", world.register("kept", {"stopTimeout": 2}), 4)
    world.wait_stable("kept")
    lost, kept = hosts["host-2"].tasks(), hosts["host-1"].tasks()
    assert (len(lost), len(kept)) == (2, 2)
    hosts.cut("host-2")
    told = wait_until(lambda: [task for task in world.service_tasks("kept", "STOPPED") if _id(task) in lost], 60, "the loss to be told")
    world.wait_stable("kept", 60)
    told = wait_until(lambda: [task for task in world.service_tasks("kept", "STOPPED") if _id(task) in lost][1:] and world.service_tasks("kept", "STOPPED"), 30, "both losses")
    for task in told:
        assert task["stopCode"] == "InfrastructureHealth"
        assert task["stoppedReason"] == f"The host of the task was lost: its agent has been disconnected for {LOST_AFTER_SECONDS} seconds."
    # Elsewhere; and what nobody can reach runs on meanwhile.
    replaced = hosts["host-1"].tasks()
    assert len(replaced) == 4 and kept.items() <= replaced.items()
    assert hosts["host-2"].tasks() == lost
    hosts.heal("host-2")
    wait_until(lambda: not hosts["host-2"].tasks(), 120, "the host to end what was replaced")
    wait_until(lambda: not any(hosts["host-2"].held().values()), 20, "the host to be empty")
    assert hosts["host-1"].tasks() == replaced, "nothing else was touched"
    assert world.service("kept")["runningCount"] == 4
    # It takes tasks again.
    world.client("ecs").update_service(service="kept", desiredCount=6)
    world.wait_stable("kept")
    assert len(hosts["host-2"].tasks()) == 2
    world.delete_service("kept")


@pytest.mark.skipif(not shutil.which("dockerd") or not shutil.which("iptables"), reason="needs docker.io and iptables, which `make bench` installs")
def test_tasks_reach_each_other_beside_a_docker_that_is_started_later(impatient):
    hosts, world = impatient, impatient.world
    definition = world.register("web", {"stopTimeout": 2})
    ours = [world.wait_task(world.run_task(definition)["taskArn"], "RUNNING") for _ in range(4)]
    running = hosts["host-1"].tasks()
    [one, other, *_] = [task for task in ours if _id(task) in running]
    namespace = f"{world.network_name_of('host-1')}-{_id(one)}"
    reach = ("ip", "netns", "exec", namespace, "busybox", "timeout", "3", "busybox", "wget", "-q", "-O", "-", f"http://{world.task_address(other)}:8080/")
    assert hosts["host-1"].run(*reach)
    data = world.directory / "docker"
    dockerd = hosts["host-1"].command(
        "dockerd", "--data-root", data, "--exec-root", data / "exec", "--pidfile", data / "pid", "--host", f"unix://{data}/socket",
        "--storage-driver", "vfs", "--exec-opt", "native.cgroupdriver=cgroupfs")
    data.mkdir()
    with open(world.directory / "dockerd.log", "wb") as log:
        docker = subprocess.Popen(dockerd, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        rules = lambda chain: hosts["host-1"].run("iptables", "-w", "-S", chain, check=False)
        wait_until(lambda: "-N DOCKER-USER" in rules("DOCKER-USER"), 60, "Docker to have its chains")
        # Docker does this itself only where nothing has switched forwarding on before it.
        hosts["host-1"].run("iptables", "-w", "-P", "FORWARD", "DROP")
        wait_until(lambda: world.cidr in rules("DOCKER-USER"), 40, "the node to be let through")
        assert hosts["host-1"].run(*reach)
    finally:
        docker.terminate()
        docker.wait(60)
        hosts["host-1"].run("sh", "-c", f"kill $(cat {data}/pid) 2>/dev/null; sleep 1; ip link delete docker0 2>/dev/null; true")
        wait_until(lambda: not any(command[0].endswith(("dockerd", "containerd")) for command in hosts["host-1"].processes().values()), 30, "Docker to end")
        for task in ours:
            world.client("ecs").stop_task(task=task["taskArn"])
        for task in ours:
            world.wait_task(task["taskArn"], "STOPPED")


def _id(task: dict) -> str:
    return task["taskArn"].rsplit("/", 1)[1]
