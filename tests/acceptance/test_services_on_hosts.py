"""One service on three hosts in three zones: spread, rolling deployment, circuit breaker and draining, each checked for its bounds."""

import datetime

import pytest

from conftest import import_demo
from hosts import Hosts
from world import wait_until

ZONES = {"east-1": "us-east-1a", "east-2": "us-east-1b", "east-3": "us-east-1c"}
COUNT = 6
LATER = datetime.datetime.max.replace(tzinfo=datetime.timezone.utc)
BOUNDS = {"minimumHealthyPercent": 100, "maximumPercent": 150}


@pytest.fixture(scope="module")
def machines():
    hosts = Hosts()
    try:
        hosts.world.start_server()
        for name, zone in ZONES.items():
            hosts.add(name, "ec2", "--cluster", "default", "--attribute", f"rack={name}", "--attribute", f"ecs.availability-zone={zone}")
        wait_until(lambda: len(instances(hosts)) == len(ZONES), 30, "the container instances to connect")
        import_demo(hosts.world)
        yield hosts
    finally:
        hosts.close()


@pytest.fixture(scope="module")
def spread(machines):
    """The service, steady."""
    world = machines.world
    world.client("ecs").create_service(
        serviceName="spread",
        taskDefinition=register(machines, "one"),
        desiredCount=COUNT,
        launchType="EC2",
        networkConfiguration=world.network_configuration,
        deploymentConfiguration=BOUNDS | {"deploymentCircuitBreaker": {"enable": True, "rollback": True}},
        placementStrategy=[{"type": "spread", "field": "attribute:ecs.availability-zone"}],
    )
    world.wait_stable("spread")
    yield "spread"
    world.delete_service("spread")
    wait_until(lambda: not any(any(host.held().values()) for host in machines), 30, "the hosts to be empty")


def register(machines, greeting, **container):
    container = {
        "name": "main",
        "image": "demo:latest",
        "memory": 64,
        "stopTimeout": 2,
        "environment": [{"name": "GREETING", "value": greeting}],
        **container,
    }
    answer = machines.world.client("ecs").register_task_definition(family="spread", networkMode="awsvpc", containerDefinitions=[container])
    return answer["taskDefinition"]["taskDefinitionArn"]


def instances(machines):
    """ARNs of connected container instances, by the name of their host."""
    ecs = machines.world.client("ecs")
    arns = ecs.list_container_instances()["containerInstanceArns"]
    described = ecs.describe_container_instances(containerInstances=arns)["containerInstances"] if arns else []
    return {next(own["value"] for own in one["attributes"] if own["name"] == "rack"): one["containerInstanceArn"] for one in described if one["agentConnected"]}


def on_hosts(machines):
    return {host.name: len(host.tasks()) for host in machines}


def check_bounds(machines, service):
    """By the times of all its tasks since the service was steady first: at no moment fewer or more than the bounds."""
    world = machines.world
    tasks = world.service_tasks(service) + world.service_tasks(service, "STOPPED")
    steady = sorted(task["startedAt"] for task in tasks if "startedAt" in task)[COUNT - 1]
    for moment in (task["stoppingAt"] for task in tasks if "stoppingAt" in task):
        serving = [task for task in tasks if task.get("startedAt", LATER) <= moment < task.get("stoppingAt", LATER)]
        assert moment < steady or len(serving) >= COUNT, "never fewer than the minimum"
    for moment in (task["createdAt"] for task in tasks):
        there = [task for task in tasks if task["createdAt"] <= moment < task.get("stoppingAt", task.get("stoppedAt", LATER))]
        assert len(there) <= COUNT * 3 // 2, "never more than the maximum"


def test_a_rolling_deployment_keeps_to_its_bounds_and_to_the_zones(machines, spread):
    assert set(on_hosts(machines).values()) == {2}
    updated = register(machines, "two")
    machines.world.client("ecs").update_service(service=spread, taskDefinition=updated)
    machines.world.wait_stable(spread)
    check_bounds(machines, spread)
    assert {task["taskDefinitionArn"] for task in machines.world.service_tasks(spread)} == {updated}
    wait_until(lambda: set(on_hosts(machines).values()) == {2}, 30, "two on each host")


def test_the_breaker_rolls_back_and_nothing_that_served_was_touched(machines, spread):
    ecs = machines.world.client("ecs")
    before = {name: set(machines[name].tasks()) for name in ZONES}
    good = machines.world.service(spread)["taskDefinition"]
    ecs.update_service(service=spread, taskDefinition=register(machines, "three", entryPoint=["/no/such/program"]))
    newest = lambda: ecs.list_service_deployments(service=spread)["serviceDeployments"][0]
    wait_until(lambda: newest()["status"] == "ROLLBACK_SUCCESSFUL", 120, "the rollback", every=0.2)
    check_bounds(machines, spread)
    assert machines.world.wait_stable(spread)["taskDefinition"] == good
    assert {name: set(machines[name].tasks()) for name in ZONES} == before


def test_a_draining_host_is_left_without_fewer_than_the_minimum(machines, spread):
    ecs = machines.world.client("ecs")
    drained = instances(machines)["east-2"]
    ecs.update_container_instances_state(containerInstances=[drained], status="DRAINING")
    wait_until(lambda: not machines["east-2"].tasks(), 60, "the host to be left")
    machines.world.wait_stable(spread)
    check_bounds(machines, spread)
    assert on_hosts(machines) == {"east-1": 3, "east-2": 0, "east-3": 3}
    ecs.update_container_instances_state(containerInstances=[drained], status="ACTIVE")
    ecs.update_service(service=spread, forceNewDeployment=True)
    machines.world.wait_stable(spread)
    wait_until(lambda: set(on_hosts(machines).values()) == {2}, 30, "two on each host again")
