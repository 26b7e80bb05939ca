"""Server, agent, shim and host die at any moment of a busy time with a rolling deployment in it. What runs goes on, what ended is told truthfully, nothing runs twice,
nothing is left behind, and what was lost is said to be lost.

Moments come from a seed, which is printed; GANTRY_RESTART_SEED repeats one.
"""

import os
import random
import threading
import time
from collections import Counter

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from conftest import import_demo
from hosts import Hosts
from world import wait_until

SEED = int(os.environ.get("GANTRY_RESTART_SEED", random.SystemRandom().randrange(10**6)))
ROUNDS = {"server": 2, "agent": 2, "server and agent": 2, "shim": 2, "host": 2, "everything": 1}
# Containers do not outlive these, so a task may end as lost.
LOSES_CONTAINERS = {"shim", "host", "everything"}
NAMES = ("host-1", "host-2")
LATEST_SECONDS = 0.7
LOG_GROUP = "/restart"
LINES = 3


@pytest.fixture
def matrix():
    hosts = Hosts()
    try:
        hosts.world.start_server()
        for name in NAMES:
            hosts.add(name)
        import_demo(hosts.world)
        hosts.world.client("logs").create_log_group(logGroupName=LOG_GROUP)
        yield Matrix(hosts)
    finally:
        hosts.close()


@pytest.mark.parametrize("victim", ROUNDS)
def test_restart(matrix, victim):
    print(f"GANTRY_RESTART_SEED={SEED}")
    chance = random.Random(f"{SEED} {victim}")
    matrix.create_service()
    for _ in range(ROUNDS[victim]):
        matrix.round(victim, chance.uniform(0, LATEST_SECONDS), chance)
    matrix.end()


class Matrix:
    def __init__(self, hosts: Hosts):
        world = hosts.world
        self.hosts, self.world = hosts, world
        log = {"logConfiguration": {"logDriver": "awslogs", "options": {
            "awslogs-group": LOG_GROUP, "awslogs-region": "us-east-1", "awslogs-stream-prefix": "r"}}}
        # SIGTERM means nothing to a program that is not up yet; without this, such a stop takes half a minute.
        patience = {"stopTimeout": 2}
        self.runner = world.register("runner", patience)
        self.stopped = world.register("stopped", patience)
        self.printer = world.register("printer", {"command": ["print", str(LINES)], **log})
        self.ender = world.register("ender", {"command": ["exit", "7"]})
        self.versions = [world.register("kept", patience), world.register("kept", {**patience, "environment": [{"name": "GREETING", "value": "new"}]})]

    def create_service(self):
        self.world.create_service("kept", self.versions[0], 2)
        self.world.wait_stable("kept")

    def round(self, victim: str, delay: float, chance: random.Random):
        """Work is under way, something dies in the middle of it, and when all has settled everything must be in order."""
        world = self.world
        bystander = world.run_task(self.runner)["taskArn"]
        world.wait_task(bystander, "RUNNING")
        pids_before = self.pids()
        [home] = [name for name in NAMES if _id(bystander) in self.hosts[name].tasks()]
        traffic = Traffic(self, chance)
        traffic.start()
        time.sleep(delay)
        lost = self.lose(victim, chance)
        traffic.join()
        assert not traffic.is_alive()
        tasks = self.settle(traffic.acknowledged)
        truthful = victim not in LOSES_CONTAINERS
        self.check_tasks(tasks, traffic.acknowledged, truthful)
        if home in lost:
            assert tasks[bystander]["lastStatus"] == "STOPPED" and "node was restarted" in _reason(tasks[bystander]), tasks[bystander]
        elif victim != "shim":
            assert tasks[bystander]["lastStatus"] == "RUNNING"
            assert self.pids()[_id(bystander)] == pids_before[_id(bystander)], "what runs goes on"
        self.stop_runners(tasks)

    def lose(self, victim: str, chance: random.Random) -> set[str]:
        """Something dies and comes back; the hosts that lost all but their files."""
        name = chance.choice(NAMES)
        print(f"losing {victim}, on {name} if that has a host")
        if victim == "server":
            self.world.kill_server()
            self.world.start_server()
        elif victim == "agent":
            self.hosts.kill_agent(name)
            self.hosts.start_agent(name)
        elif victim == "server and agent":
            self.hosts.kill_agent(name)
            self.world.kill_server()
            self.world.start_server()
            self.hosts.start_agent(name)
        elif victim == "shim":
            shims = [shim for host in self.hosts for shim in host.shims()]
            if shims:
                _kill(chance.choice(sorted(shims)))
        elif victim == "host":
            self.hosts.stop(name)
            self.hosts.restart(name)
            return {name}
        else:
            self.world.kill_server()
            for host in NAMES:
                self.hosts.stop(host)
            self.world.start_server()
            for host in NAMES:
                self.hosts.restart(host)
            return set(NAMES)
        return set()

    # What there is

    def pids(self) -> dict[str, list[int]]:
        """Processes of the demo program by task."""
        found: dict[str, list[int]] = {}
        for host in self.hosts:
            for task, pids in host.tasks().items():
                found.setdefault(task, []).extend(pids)
        return found

    def all_tasks(self) -> dict[str, dict]:
        ecs = self.world.client("ecs")
        arns = [arn for status in ("RUNNING", "STOPPED") for page in ecs.get_paginator("list_tasks").paginate(desiredStatus=status) for arn in page["taskArns"]]
        found = []
        for start in range(0, len(arns), 100):
            found += ecs.describe_tasks(tasks=arns[start:start + 100])["tasks"]
        return {task["taskArn"]: task for task in found}

    def settle(self, acknowledged: dict[str, str]) -> dict[str, dict]:
        """Waits until every task is where it is going, and the node holds what runs and nothing else."""
        self.world.wait_stable("kept", 40)
        ends = {self.printer, self.ender}

        def settled():
            tasks = self.all_tasks()
            moving = [task["taskArn"] for task in tasks.values()
                      if task["lastStatus"] != task["desiredStatus"] or (task["taskDefinitionArn"] in ends and task["lastStatus"] != "STOPPED")]
            return tasks if not moving and set(acknowledged) <= set(tasks) else None

        tasks = wait_until(settled, 40, "all tasks to settle")
        running = sorted(_id(arn) for arn, task in tasks.items() if task["lastStatus"] == "RUNNING")
        wait_until(lambda: all(ids == running for ids in self.held().values()), 20, f"the hosts to hold {running} and nothing else; they hold {self.held()}")
        assert all(len(pids) == 1 for pids in self.pids().values()), f"something runs twice: {self.pids()}"
        return tasks

    def held(self) -> dict[str, list[str]]:
        """Ids of tasks of which some host has something; twice if two hosts do."""
        kinds: dict[str, list[str]] = {}
        for host in self.hosts:
            for kind, ids in host.held().items():
                kinds.setdefault(kind, []).extend(ids)
        return {kind: sorted(ids) for kind, ids in kinds.items()}

    # What must be true

    def check_tasks(self, tasks: dict, acknowledged: dict[str, str], truthful: bool):
        expected_codes = {self.printer: 0, self.ender: 7}
        for arn, definition in acknowledged.items():
            task = tasks[arn]
            if definition in expected_codes:
                code = task["containers"][0].get("exitCode")
                assert code == expected_codes[definition] or (not truthful and _says_lost(task)), task
            elif definition == self.runner:
                assert task["lastStatus"] == "RUNNING" or (not truthful and _says_lost(task)), task
            else:
                assert task["lastStatus"] == "STOPPED", task
        for arn, task in tasks.items():
            if task["taskDefinitionArn"] == self.printer:
                self.check_log(arn, task)

    def check_log(self, arn: str, task: dict):
        """A line that is shipped again has its old time; a program that ran again has another."""
        complete = task["containers"][0].get("exitCode") == 0
        try:
            events = self.world.client("logs").get_log_events(
                logGroupName=LOG_GROUP, logStreamName=f"r/main/{_id(arn)}", startFromHead=True)["events"]
        except ClientError:
            events = []
        lines = Counter(message for _, message in {(event["timestamp"], event["message"]) for event in events})
        assert all(count == 1 for count in lines.values()), f"{arn} ran twice: {events}"
        assert not complete or len(lines) == LINES, f"{arn} lost a line: {events}"

    def stop_runners(self, tasks: dict):
        ecs = self.world.client("ecs")
        stopped = [arn for arn, task in tasks.items() if task["lastStatus"] == "RUNNING" and not task["group"].startswith("service:")]
        for arn in stopped:
            ecs.stop_task(task=arn)
        for arn in stopped:
            self.world.wait_task(arn, "STOPPED")

    def end(self):
        self.world.delete_service("kept")
        self.settle_empty()

    def settle_empty(self):
        wait_until(lambda: not any(self.held().values()), 20, "the hosts to be empty")


class Traffic(threading.Thread):
    """A client that starts, stops and deploys, and remembers what was acknowledged. Answers may be lost with the server."""

    def __init__(self, matrix: Matrix, chance: random.Random):
        super().__init__(daemon=True)
        self.matrix, self.acknowledged = matrix, {}
        self.work = [self.matrix.runner, self.matrix.printer, self.matrix.ender, self.matrix.stopped] * 2 + ["deploy"]
        chance.shuffle(self.work)

    def run(self):
        world = self.matrix.world
        ecs = world.client("ecs")
        for item in self.work:
            try:
                if item == "deploy":
                    self.matrix.versions.reverse()
                    ecs.update_service(service="kept", taskDefinition=self.matrix.versions[0])
                    continue
                arn = world.run_task(item)["taskArn"]
                if item != self.matrix.stopped:
                    self.acknowledged[arn] = item
                    continue
                ecs.stop_task(task=arn)
                self.acknowledged[arn] = item
            except (ClientError, BotoCoreError, AssertionError, OSError):
                # Not acknowledged: it happened or not. A node that is away is a failure to place.
                time.sleep(0.02)


def _id(arn: str) -> str:
    return arn.rsplit("/", 1)[1]


def _reason(task: dict) -> str:
    return f"{task.get('stoppedReason', '')} {task['containers'][0].get('reason', '')}"


def _says_lost(task: dict) -> bool:
    return task["lastStatus"] == "STOPPED" and any(words in _reason(task) for words in ("not known", "without telling"))


def _kill(pid: int):
    try:
        os.kill(pid, 9)
    except ProcessLookupError:
        pass
