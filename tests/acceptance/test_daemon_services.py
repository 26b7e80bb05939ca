"""DAEMON services: one task on each container instance, on several hosts."""

import json

import pytest
from botocore.exceptions import ClientError

from conftest import import_demo
from hosts import Hosts
from world import wait_until


@pytest.fixture(scope="module")
def machines():
    """Two hosts that are container instances of the default cluster."""
    hosts = Hosts()
    try:
        hosts.world.start_server()
        for name in ("ec2-1", "ec2-2"):
            hosts.add(name, "ec2", "--cluster", "default", "--attribute", f"rack={name}")
        wait_until(lambda: len(instances(hosts.world.client("ecs"))) == 2, 30, "the container instances to connect")
        import_demo(hosts.world)
        yield hosts
    finally:
        hosts.close()


@pytest.fixture(scope="module")
def world(machines):
    return machines.world


@pytest.fixture
def ecs(world):
    return world.client("ecs")


def register(ecs, family, **container):
    container = {"name": "main", "image": "demo:latest", "memory": 64, "stopTimeout": 2, **container}
    answer = ecs.register_task_definition(family=family, networkMode="awsvpc", containerDefinitions=[container])
    return answer["taskDefinition"]["taskDefinitionArn"]


def create(world, name, definition, **fields):
    return world.client("ecs").create_service(
        serviceName=name, taskDefinition=definition, schedulingStrategy="DAEMON", networkConfiguration=world.network_configuration, **fields
    )["service"]


def instances(ecs):
    """ARNs of connected container instances, by the name of their host."""
    arns = ecs.list_container_instances()["containerInstanceArns"]
    described = ecs.describe_container_instances(containerInstances=arns)["containerInstances"] if arns else []
    return {next(own["value"] for own in one["attributes"] if own["name"] == "rack"): one["containerInstanceArn"] for one in described if one["agentConnected"]}


def on_hosts(machines):
    return {host.name: len(host.tasks()) for host in machines if host.is_on}


def test_one_on_each_host_that_joins_drains_and_fails(machines, world, ecs):
    definition = register(ecs, "log")
    created = create(world, "log", definition)
    assert (created["schedulingStrategy"], created["launchType"]) == ("DAEMON", "EC2")
    configuration = created["deploymentConfiguration"]
    assert (configuration["minimumHealthyPercent"], configuration["maximumPercent"]) == (0, 100)
    wait_until(lambda: world.service("log")["runningCount"] == 2, 60, "one on each host")
    ecs.get_waiter("services_stable").wait(services=["log"], WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    assert on_hosts(machines) == {"ec2-1": 1, "ec2-2": 1}
    assert ecs.list_services(schedulingStrategy="DAEMON")["serviceArns"] == [created["serviceArn"]]

    machines.add("ec2-3", "ec2", "--cluster", "default", "--attribute", "rack=ec2-3")
    wait_until(lambda: world.service("log")["runningCount"] == 3, 60, "one on the host that joined")
    assert on_hosts(machines) == {"ec2-1": 1, "ec2-2": 1, "ec2-3": 1}
    assert world.service("log")["desiredCount"] == 3

    # A task that fails is replaced where it was.
    [(failed, [pid])] = machines["ec2-2"].tasks().items()
    machines["ec2-2"].run("kill", "-9", str(pid), check=False)
    ecs.stop_task(task=failed)
    wait_until(lambda: failed not in machines["ec2-2"].tasks() and len(machines["ec2-2"].tasks()) == 1, 60, "the replacement")

    # It leaves a host that drains after the others.
    third = instances(ecs)["ec2-3"]
    other = ecs.start_task(taskDefinition=definition, containerInstances=[third], networkConfiguration=world.network_configuration)
    assert other["failures"] == []
    other = other["tasks"][0]["taskArn"]
    world.wait_task(other, "RUNNING")
    ecs.update_container_instances_state(containerInstances=[third], status="DRAINING")
    with pytest.raises(AssertionError):
        wait_until(lambda: len(machines["ec2-3"].tasks()) != 2, 2, "a change", every=0.2)
    ecs.stop_task(task=other)
    wait_until(lambda: not machines["ec2-3"].tasks(), 30, "the daemon to leave")
    assert (world.service("log")["desiredCount"], world.service("log")["runningCount"]) == (2, 2)
    ecs.deregister_container_instance(containerInstance=third)
    machines.stop("ec2-3")

    # No force is needed, although there are tasks.
    ecs.delete_service(service="log")
    ecs.get_waiter("services_inactive").wait(services=["log"], WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    assert on_hosts(machines) == {"ec2-1": 0, "ec2-2": 0}


def test_an_update_never_puts_two_on_a_host_and_keeps_the_minimum(machines, world, ecs):
    old, new = register(ecs, "agent"), register(ecs, "agent", environment=[{"name": "GREETING", "value": "new"}])
    create(world, "agent", old, deploymentConfiguration={"minimumHealthyPercent": 50})
    wait_until(lambda: world.service("agent")["runningCount"] == 2, 60, "one on each host")
    ecs.update_service(service="agent", taskDefinition=new)
    seen = []

    def done():
        seen.append(sum(on_hosts(machines).values()))
        assert all(count <= 1 for count in on_hosts(machines).values()), "two on one host"
        service = world.service("agent")
        return len(service["deployments"]) == 1 and service["runningCount"] == 2 and service["deployments"][0]["rolloutState"] == "COMPLETED"

    wait_until(done, 60, "the update", every=0.02)
    assert min(seen) >= 1, "half of them must stay"
    assert {task["taskDefinitionArn"] for task in world.service_tasks("agent")} == {new}
    world.delete_service("agent")


def test_constraints_hold_for_what_runs(machines, world, ecs):
    only = [{"type": "memberOf", "expression": "attribute:stack == blue"}]
    create(world, "chosen", register(ecs, "chosen"), placementConstraints=only)
    first = instances(ecs)["ec2-1"]
    blue = [{"name": "stack", "value": "blue", "targetId": first}]
    ecs.put_attributes(attributes=blue)
    wait_until(lambda: on_hosts(machines) == {"ec2-1": 1, "ec2-2": 0}, 30, "the task where it may be")
    told = json.loads(world.gantry("why", "chosen", "--output", "json").stdout)["findings"]
    codes = {finding["message"].split(":")[0]: finding["code"] for finding in told if finding["topic"] == "PLACEMENT"}
    assert (codes["ec2-1"], codes["ec2-2"]) == ("ON_NODE", "NOT_SELECTED"), told
    placed = ["--placement-constraints", "type=memberOf,expression=attribute:rack == ec2-2"]
    plan = json.loads(world.gantry("plan", "update-service", "--service", "chosen", *placed, "--output", "json").stdout)
    moves = [(action["kind"], action["nodeName"]) for action in plan["actions"] if action["kind"] != "EVENT"]
    assert sorted(moves) == [("START", "ec2-2"), ("STOP", "ec2-1")]
    ecs.delete_attributes(attributes=blue)
    wait_until(lambda: on_hosts(machines) == {"ec2-1": 0, "ec2-2": 0}, 30, "its end")
    world.delete_service("chosen")


def test_what_a_daemon_does_not_take(world, ecs):
    definition = register(ecs, "refused")
    for fields, words in [
        ({"desiredCount": 1}, "does not support a desired count"),
        ({"deploymentConfiguration": {"maximumPercent": 200}}, "does not support values above 100 for maximumPercent"),
        ({"launchType": "FARGATE"}, "does not support the DAEMON scheduling strategy"),
    ]:
        with pytest.raises(ClientError) as error:
            create(world, "refused", definition, **fields)
        assert error.value.response["Error"]["Code"] == "InvalidParameterException"
        assert words in error.value.response["Error"]["Message"]
