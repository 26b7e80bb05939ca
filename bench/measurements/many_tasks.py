"""200 and 1,000 tasks to RUNNING on one node, and whether a task costs more when there are many; beside Docker and Swarm."""

import os
import time
from concurrent.futures import ThreadPoolExecutor

from bench import Bench, Goal, cpu_seconds, metric, resident_mib, wait_until
from peers import Docker, Swarm

NAME = "many_tasks"
PEER_TASKS = 20
TASKS_PER_CALL = 10
CALLERS = 4


def run(bench: Bench):
    # As much as 1,000 tasks of the smallest Fargate size ask for, whatever the machine has.
    with bench.gantry(overcommit="cpu=512,memory=100") as world:
        gantry(bench, world, bench.times(200, 20))
        gantry(bench, world, bench.times(1000, 50), Goal(most=20))
    if bench.peers:
        with Docker() as docker:
            docker_run(bench, docker)
            with Swarm(docker) as swarm:
                swarm_create(bench, swarm)


def gantry(bench: Bench, world, count: int, goal: Goal | None = None):
    definition, network = world.register("many", {}), world.network_configuration
    clients = [world.client("ecs") for _ in range(CALLERS)]
    server, agent = world.server.pid, world.agents["node-1"].pid
    used_before, memory_before = (cpu_seconds(server), cpu_seconds(agent)), (resident_mib(server), resident_mib(agent))

    def start(call: int) -> list[str]:
        number = min(TASKS_PER_CALL, count - call * TASKS_PER_CALL)
        answer = clients[call % CALLERS].run_task(
            taskDefinition=definition, launchType="FARGATE", networkConfiguration=network, count=number,
        )
        assert not answer["failures"], answer["failures"]
        return [task["taskArn"] for task in answer["tasks"]]

    with ThreadPoolExecutor(CALLERS) as pool:
        arns = [arn for started in pool.map(start, range(-(-count // TASKS_PER_CALL))) for arn in started]
    wait_until(lambda: metric(world, 'gantry_tasks{status="RUNNING"}') >= count, 120, f"{count} tasks to run", every=0.02)
    used = (cpu_seconds(server) - used_before[0], cpu_seconds(agent) - used_before[1])
    memory = (resident_mib(server) - memory_before[0], resident_mib(agent) - memory_before[1])
    tasks = [task for at in range(0, count, 100) for task in clients[0].describe_tasks(tasks=arns[at:at + 100])["tasks"]]
    assert all(task["lastStatus"] == "RUNNING" for task in tasks)
    began = min(task["createdAt"] for task in tasks)
    started = sorted((task["startedAt"] - began).total_seconds() for task in tasks)
    bench.results.add(
        NAME, f"{count} tasks → all RUNNING", [started[-1]], "s", goal,
        note=f"processor: server {used[0]:.1f} s, agent {used[1]:.1f} s; memory: server +{memory[0]:.0f} MiB, agent +{memory[1]:.0f} MiB",
    )
    slope(bench, count, started)
    stop(bench, world, clients, arns)


def slope(bench: Bench, count: int, started: list[float]):
    """How much longer the last fifth took than the second one; the first has the ramp."""
    fifth = count // 5
    second, last = started[2 * fifth - 1] - started[fifth - 1], started[-1] - started[-fifth - 1]
    bench.results.add(NAME, f"{count} tasks: time of the last fifth / of the second", [last / second], "ratio")


def stop(bench: Bench, world, clients, arns: list[str]):
    began = time.perf_counter()
    with ThreadPoolExecutor(CALLERS) as pool:
        list(pool.map(lambda at: clients[at % CALLERS].stop_task(task=arns[at]), range(len(arns))))
    wait_until(lambda: metric(world, 'gantry_tasks{status="RUNNING"}') == 0 and metric(world, 'gantry_tasks{status="STOPPING"}') == 0, 180, "all to stop")
    bench.results.add(NAME, f"{len(arns)} tasks: StopTask each → all STOPPED", [time.perf_counter() - began], "s")
    wait_until(lambda: not [name for name in os.listdir("/run/netns") if name.startswith(f"{world.network_name}-")], 60, "the node to have cleaned up")


def docker_run(bench: Bench, docker: Docker):
    began = time.perf_counter()
    with ThreadPoolExecutor(CALLERS) as pool:
        names = list(pool.map(lambda _: docker.run("run", "-d", "demo").stdout.decode().strip(), range(PEER_TASKS)))
    bench.results.add(NAME, f"{PEER_TASKS} × docker run -d, {CALLERS} at a time", [time.perf_counter() - began], "s", peer=True)
    docker.run("rm", "-f", *names)


def swarm_create(bench: Bench, swarm: Swarm):
    began = time.perf_counter()
    swarm.create("many", PEER_TASKS)
    wait_until(lambda: len(swarm.running("many")) == PEER_TASKS, 120, "Swarm's tasks to run", every=0.02)
    bench.results.add(NAME, f"Swarm, {PEER_TASKS} replicas → all running", [time.perf_counter() - began], "s", peer=True)
    swarm.remove("many")
