"""Several hosts: a service spread over them, a host cut off, a host lost, a slow network."""

import os
import signal

import pytest

from world import wait_until

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
    running = {task["taskArn"].rsplit("/", 1)[1] for task in world.service_tasks("spread")}
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
    wait_until(lambda: {task["taskArn"].rsplit("/", 1)[1] for task in world.service_tasks("power", "STOPPED")} >= lost, 60, "the loss to be told")
    world.wait_stable("power")
    told = [task for task in world.service_tasks("power", "STOPPED") if task["taskArn"].rsplit("/", 1)[1] in lost]
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
