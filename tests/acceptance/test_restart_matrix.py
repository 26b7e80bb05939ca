"""Server, agent, shim and machine die at any moment. What runs goes on, what ended is told truthfully, nothing runs twice,
nothing is left behind, and what was lost is said to be lost.

Moments come from a seed, which is printed; GANTRY_RESTART_SEED repeats one.
"""

import os
import random
import subprocess
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from conftest import import_demo
from world import World, wait_until

SEED = int(os.environ.get("GANTRY_RESTART_SEED", random.SystemRandom().randrange(10**6)))
ROUNDS = {"server": 2, "agent": 2, "server and agent": 2, "shim": 2, "machine": 2}
# Nothing of the node outlives these, so a task may end as lost.
LOSES_CONTAINERS = {"shim", "machine"}
LATEST_SECONDS = 0.7
LOG_GROUP = "/restart"
LINES = 3
BOOT_ID = "/proc/sys/kernel/random/boot_id"


@pytest.fixture
def matrix():
    world = World()
    try:
        world.start_server().start_agent()
        import_demo(world)
        world.client("logs").create_log_group(logGroupName=LOG_GROUP)
        yield Matrix(world)
    finally:
        world.stop()


@pytest.mark.parametrize("victim", ROUNDS)
def test_restart(matrix, victim):
    print(f"GANTRY_RESTART_SEED={SEED}")
    chance = random.Random(f"{SEED} {victim}")
    matrix.create_service()
    for _ in range(ROUNDS[victim]):
        matrix.round(victim, chance.uniform(0, LATEST_SECONDS), chance)
    matrix.end()


class Matrix:
    def __init__(self, world: World):
        self.world = world
        self.boots = 0
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
        traffic = Traffic(self, chance)
        traffic.start()
        time.sleep(delay)
        {"server": self.lose_server, "agent": self.lose_agent, "server and agent": self.lose_both, "shim": lambda: self.lose_shim(chance),
         "machine": self.lose_machine}[victim]()
        traffic.join()
        assert not traffic.is_alive()
        tasks = self.settle(traffic.acknowledged)
        truthful = victim not in LOSES_CONTAINERS
        self.check_tasks(tasks, traffic.acknowledged, truthful)
        if truthful:
            assert tasks[bystander]["lastStatus"] == "RUNNING"
            assert self.pids()[_id(bystander)] == pids_before[_id(bystander)], "what runs goes on"
        elif victim == "machine":
            assert tasks[bystander]["lastStatus"] == "STOPPED" and "node was restarted" in _reason(tasks[bystander]), tasks[bystander]
        self.stop_runners(tasks)

    # Deaths

    def lose_server(self):
        self.world.kill_server()
        self.world.start_server()

    def lose_agent(self):
        self.world.kill_agent()
        self.world.start_agent()

    def lose_both(self):
        self.world.kill_agent()
        self.world.kill_server()
        self.world.start_server().start_agent()

    def lose_shim(self, chance: random.Random):
        shims = self.shims()
        if shims:
            _kill(chance.choice(shims))

    def lose_machine(self):
        """Everything but files: processes, namespaces, control groups, rules; and the kernel counts another boot."""
        world = self.world
        world.kill_agent()
        world.kill_server()
        wait_until(self._kill_everything, 10, "all processes to be dead", every=0)
        name = world.network_name
        for namespace in Path("/run/netns").glob(f"{name}-*"):
            subprocess.run(["ip", "netns", "delete", namespace.name], check=True)
        subprocess.run(["nft", "delete", "table", "inet", name], check=False, capture_output=True)
        groups = [group for root in Path("/sys/fs/cgroup").glob(f"*/{name}") for group in [root, *root.rglob("*")] if group.is_dir()]
        for group in sorted(groups, key=lambda group: -len(group.parts)):
            wait_until(lambda: _remove_directory(group), 5, f"{group} to be removed")
        self.boots += 1
        boot_id = world.directory / "boot_id"
        boot_id.write_text(f"00000000-0000-4000-8000-{self.boots:012}\n")
        world.start_server()
        # A mount namespace in which the kernel seems to have another boot id, for the agent and its shims.
        world.start_agent(within=("unshare", "--mount", "--propagation", "unchanged", "sh", "-c",
                                  f'mount --make-rprivate /proc && mount --bind {boot_id} {BOOT_ID} && exec "$@"', "sh"))

    def _kill_everything(self) -> bool:
        pids = [*self.shims(), *(pid for pids in self.pids().values() for pid in pids)]
        for pid in pids:
            _kill(pid)
        return not pids

    # What there is

    def shims(self) -> list[int]:
        found = []
        for process in Path("/proc").iterdir():
            if process.name.isdigit():
                command = _read(process / "cmdline").split("\0")
                if command[1:3] == ["shim", "run"] and str(self.world.directory) in command[3]:
                    found.append(int(process.name))
        return found

    def pids(self) -> dict[str, list[int]]:
        """Processes of the demo program by task."""
        found: dict[str, list[int]] = {}
        containers = f"{self.world.data_dir('node-1')}/node/runtime/containers/"
        for process in Path("/proc").iterdir():
            if process.name.isdigit() and _read(process / "cmdline").startswith("/demo\0"):
                for line in _read(process / "mountinfo").splitlines():
                    if " / / " in line and containers in line:
                        container = line.split(containers)[1].split("/")[0]
                        found.setdefault(container[:32], []).append(int(process.name))
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
        running = {_id(arn) for arn, task in tasks.items() if task["lastStatus"] == "RUNNING"}
        wait_until(lambda: self.held() == {"processes": running, "namespaces": running, "groups": running, "containers": running, "files": running}, 20,
                   f"the node to hold {running} and nothing else; it holds {self.held()}")
        assert all(len(pids) == 1 for pids in self.pids().values()), f"something runs twice: {self.pids()}"
        return tasks

    def held(self) -> dict[str, set[str]]:
        world = self.world
        node = world.data_dir("node-1") / "node"
        return {
            "processes": set(self.pids()),
            "namespaces": {entry.name.removeprefix(f"{world.network_name}-") for entry in Path("/run/netns").glob(f"{world.network_name}-*")},
            "groups": {entry.name for entry in Path("/sys/fs/cgroup").glob(f"*/{world.network_name}/*") if entry.is_dir()},
            "containers": {entry.name[:32] for entry in (node / "runtime/containers").iterdir()},
            "files": {entry.name for entry in (node / "tasks").glob("*")},
        }

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
        empty = dict.fromkeys(("processes", "namespaces", "groups", "containers", "files"), set())
        wait_until(lambda: self.held() == empty, 20, "the node to be empty")


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


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def _remove_directory(path: Path) -> bool:
    try:
        path.rmdir()
    except FileNotFoundError:
        pass
    except OSError:
        return False
    return True
