"""`kill -9` in the middle: what was acknowledged stays, what runs goes on, what ended is told truthfully."""

import subprocess
import time
from pathlib import Path

from conftest import import_demo
from world import http_get, wait_until


def test_the_server_dies_and_comes_back(fresh_world):
    world = fresh_world
    definition = world.register("crash", {})
    world.create_service("crash", definition, 2)
    world.wait_stable("crash")
    before = {task["taskArn"] for task in world.service_tasks("crash")}
    addresses = [world.task_address(task) for task in world.service_tasks("crash")]
    acknowledged = world.register("crash-last", {})

    world.kill_server()
    for address in addresses:
        assert "Hello" in http_get(address), "tasks run on without the server"
    world.start_server()

    assert world.client("ecs").describe_task_definition(taskDefinition=acknowledged)["taskDefinition"]["taskDefinitionArn"] == acknowledged
    wait_until(lambda: world.service("crash")["runningCount"] == 2, 20, "the service to be seen running")
    assert {task["taskArn"] for task in world.service_tasks("crash")} == before, "no task was restarted"
    world.client("ecs").stop_task(task=sorted(before)[0])
    wait_until(lambda: _replaced(world, "crash", before), 30, "the agent to be back and replace the task")
    world.delete_service("crash")


def test_the_server_dies_under_a_burst_of_writes(fresh_world):
    """Every family whose registration was answered is there after the kill."""
    world = fresh_world
    answered = []
    ecs = world.client("ecs")
    container = {"name": "main", "image": "demo", "memory": 64}
    for number in range(60):
        answered.append(ecs.register_task_definition(family=f"burst-{number}", containerDefinitions=[container])["taskDefinition"]["family"])
        if number == 40:
            world.kill_server()
            world.start_server()
            ecs = world.client("ecs")
    pages = ecs.get_paginator("list_task_definition_families").paginate(familyPrefix="burst-", status="ACTIVE")
    assert {family for page in pages for family in page["families"]} == set(answered)


def test_the_agent_dies_and_comes_back(fresh_world):
    world = fresh_world
    runner = world.run_task(world.register("runner", {}))
    ender = world.run_task(world.register("ender", {"command": ["sleep", "2"]}))
    runner = world.wait_task(runner["taskArn"], "RUNNING")
    world.wait_task(ender["taskArn"], "RUNNING")

    world.kill_agent()
    assert "Hello" in http_get(world.task_address(runner)), "containers outlive the agent"
    time.sleep(2.5)
    world.start_agent()

    ended = world.wait_task(ender["taskArn"], "STOPPED")
    assert ended["containers"][0]["exitCode"] == 0, "the exit code was kept by the shim"
    assert ended["stopCode"] == "EssentialContainerExited"
    assert world.task(runner["taskArn"])["lastStatus"] == "RUNNING"
    assert "Hello" in http_get(world.task_address(runner))
    world.client("ecs").stop_task(task=runner["taskArn"])
    world.wait_task(runner["taskArn"], "STOPPED")


def test_a_killed_container_is_replaced(fresh_world):
    """The container's process dies from outside: the service brings another."""
    world = fresh_world
    world.create_service("victim", world.register("victim", {}), 1)
    world.wait_stable("victim")
    before = {task["taskArn"] for task in world.service_tasks("victim")}
    _kill_demo(world)
    wait_until(lambda: _replaced(world, "victim", before), 30, "a replacement")
    stopped = world.task(before.pop())
    assert stopped["stopCode"] == "EssentialContainerExited"
    assert stopped["containers"][0]["exitCode"] == 137
    world.delete_service("victim")


def test_both_die_during_a_deployment(fresh_world):
    world = fresh_world
    world.create_service("storm", world.register("storm", {}), 2)
    world.wait_stable("storm")
    new = world.register("storm", {"environment": [{"name": "GREETING", "value": "after"}]})
    world.client("ecs").update_service(service="storm", taskDefinition=new)
    time.sleep(0.05)
    world.kill_agent()
    world.kill_server()
    world.start_server().start_agent()
    world.wait_stable("storm", 90)
    tasks = world.service_tasks("storm")
    assert {task["taskDefinitionArn"] for task in tasks} == {new}
    for task in tasks:
        assert http_get(world.task_address(task)).startswith("after")
    assert _demo_processes(world) == 2, "nothing runs twice, nothing is left over"
    world.delete_service("storm")


def _replaced(world, service, before):
    tasks = world.service_tasks(service)
    running = [task for task in tasks if task["lastStatus"] == "RUNNING"]
    return len(running) == len(before) and {task["taskArn"] for task in running} != before


def _demo_pids(world) -> list[int]:
    """Processes of the demo program whose root is a container of this world."""
    pids = []
    for directory in Path("/proc").iterdir():
        if directory.name.isdigit():
            try:
                if (directory / "cmdline").read_bytes().startswith(b"/demo\0") and str(world.directory) in (directory / "mountinfo").read_text():
                    pids.append(int(directory.name))
            except OSError:
                continue
    return pids


def _demo_processes(world) -> int:
    return len(_demo_pids(world))


def _kill_demo(world):
    pids = _demo_pids(world)
    assert pids, "the demo runs somewhere"
    for pid in pids:
        subprocess.run(["kill", "-9", str(pid)], check=True)
