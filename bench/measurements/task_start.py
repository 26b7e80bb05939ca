"""RunTask → RUNNING, one task at a time, image present; beside `docker run` and Swarm's `service create`."""

import time

from bench import Bench, Goal, wait_until
from peers import Docker, Swarm

NAME = "task_start"
WARM_UP = 3


def run(bench: Bench):
    with bench.gantry() as world:
        gantry(bench, world, bench.times(100))
    if bench.peers:
        with Docker() as docker:
            docker_run(bench, docker, bench.times(20))
            with Swarm(docker) as swarm:
                swarm_create(bench, swarm, bench.times(7))


def gantry(bench: Bench, world, count: int):
    """By the server's timestamps: createdAt → startedAt."""
    definition, ecs = world.register("bench", {}), world.client("ecs")
    settings = dict(taskDefinition=definition, launchType="FARGATE", networkConfiguration=world.network_configuration)
    samples, calls = [], []
    for number in range(count + WARM_UP):
        began = time.perf_counter()
        arn = ecs.run_task(**settings)["tasks"][0]["taskArn"]
        call = (time.perf_counter() - began) * 1000
        task = wait_until(lambda: _running(ecs, arn), 30, "the task to run", every=0.005)
        if number >= WARM_UP:
            calls.append(call)
            samples.append((task["startedAt"] - task["createdAt"]).total_seconds() * 1000)
        ecs.stop_task(task=arn)
        world.wait_task(arn, "STOPPED")
    bench.results.add(NAME, "RunTask → RUNNING", samples, goal=Goal(median=40, p99=150))
    bench.results.add(NAME, "the RunTask call itself, by boto3", calls)


def docker_run(bench: Bench, docker: Docker, count: int):
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
    bench.results.add(NAME, "docker run -d", cli, peer=True)
    bench.results.add(NAME, "Docker API, create and start", api, peer=True)


def swarm_create(bench: Bench, swarm: Swarm, count: int):
    samples = []
    for number in range(count):
        name = f"start{number}"
        began = time.perf_counter()
        swarm.create(name, 1)
        wait_until(lambda: swarm.running(name), 60, "Swarm's task to run", every=0.005)
        samples.append((time.perf_counter() - began) * 1000)
        swarm.remove(name)
    bench.results.add(NAME, "docker service create → running", samples, peer=True)


def _running(ecs, arn):
    task = ecs.describe_tasks(tasks=[arn])["tasks"][0]
    assert task["lastStatus"] != "STOPPED", task
    return task if task["lastStatus"] == "RUNNING" else None
