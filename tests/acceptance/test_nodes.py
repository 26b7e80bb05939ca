"""Container instances: the EC2 launch type on a node of the user's own."""

import pytest
from botocore.exceptions import ClientError

from conftest import import_demo
from hosts import Hosts
from world import wait_until


@pytest.fixture(scope="module")
def machines():
    """A serverless host, which takes no task of the EC2 launch type, and room for another."""
    hosts = Hosts()
    try:
        hosts.world.start_server()
        hosts.add("node-1")
        import_demo(hosts.world)
        yield hosts
    finally:
        hosts.close()


@pytest.fixture(scope="module")
def world(machines):
    return machines.world


@pytest.fixture(scope="module")
def instance(machines):
    """A container instance in the default cluster."""
    machines.add("ec2-1", "ec2", "--cluster", "default", "--attribute", "rack=r1")
    arn = wait_until(lambda: _first(machines.world), 20, "the container instance to register")
    yield arn
    machines.world.client("ecs").deregister_container_instance(containerInstance=arn, force=True)


def test_it_shows_itself(world, instance):
    answer = world.client("ecs").describe_container_instances(containerInstances=[instance], include=["TAGS"])
    shown = answer["containerInstances"][0]
    assert shown["status"] == "ACTIVE"
    wait_until(lambda: _describe(world, instance)["agentConnected"], 10, "the agent to be connected")
    resources = {resource["name"]: resource for resource in shown["registeredResources"]}
    assert resources["CPU"]["integerValue"] >= 1024 and resources["MEMORY"]["integerValue"] > 100
    attributes = {attribute["name"]: attribute.get("value") for attribute in shown["attributes"]}
    assert attributes["rack"] == "r1" and attributes["ecs.os-type"] == "linux"
    assert "ecs.availability-zone" in attributes


def test_an_ec2_task_runs_on_it_and_takes_its_resources(world, ecs, instance):
    wait_until(lambda: _describe(world, instance)["agentConnected"], 10, "the agent to be connected")
    definition = ecs.register_task_definition(
        family="on-ec2", networkMode="awsvpc", containerDefinitions=[{"name": "main", "image": "demo:latest", "memory": 64, "cpu": 128}],
    )["taskDefinition"]["taskDefinitionArn"]
    before = _remaining(world, instance)
    task = world.run_task(definition, launchType="EC2")
    task = world.wait_task(task["taskArn"], "RUNNING")
    assert task["containerInstanceArn"] == instance and task["launchType"] == "EC2"
    after = _remaining(world, instance)
    assert (before["CPU"] - after["CPU"], before["MEMORY"] - after["MEMORY"]) == (128, 64)
    assert _describe(world, instance)["runningTasksCount"] == 1
    assert ecs.list_tasks(containerInstance=instance)["taskArns"] == [task["taskArn"]]
    ecs.stop_task(task=task["taskArn"])
    world.wait_task(task["taskArn"], "STOPPED")
    wait_until(lambda: _remaining(world, instance) == before, 10, "the resources to come back")


def test_what_does_not_fit_is_a_failure_with_its_reason(ecs, world, instance):
    wait_until(lambda: _describe(world, instance)["agentConnected"], 10, "the agent to be connected")
    definition = ecs.register_task_definition(
        family="too-big", networkMode="awsvpc", containerDefinitions=[{"name": "main", "image": "demo:latest", "memory": 9_000_000}],
    )["taskDefinition"]["taskDefinitionArn"]
    answer = ecs.run_task(taskDefinition=definition, launchType="EC2", networkConfiguration=world.network_configuration)
    assert answer["tasks"] == []
    assert answer["failures"] == [{"arn": instance, "reason": "RESOURCE:MEMORY"}]


def test_an_instance_with_tasks_is_not_deregistered_without_force(ecs, world, instance):
    definition = ecs.register_task_definition(
        family="holder", networkMode="awsvpc", containerDefinitions=[{"name": "main", "image": "demo:latest", "memory": 64}],
    )["taskDefinition"]["taskDefinitionArn"]
    task = world.run_task(definition, launchType="EC2")
    world.wait_task(task["taskArn"], "RUNNING")
    with pytest.raises(ClientError) as error:
        ecs.deregister_container_instance(containerInstance=instance)
    assert error.value.response["Error"]["Code"] == "InvalidParameterException"
    ecs.stop_task(task=task["taskArn"])
    world.wait_task(task["taskArn"], "STOPPED")


def _first(world):
    arns = world.client("ecs").list_container_instances()["containerInstanceArns"]
    return arns[0] if arns else None


def _describe(world, arn):
    return world.client("ecs").describe_container_instances(containerInstances=[arn])["containerInstances"][0]


def _remaining(world, arn):
    return {resource["name"]: resource["integerValue"] for resource in _describe(world, arn)["remainingResources"] if resource["name"] in ("CPU", "MEMORY")}


def test_roles_and_attributes_and_draining(world, ecs, instance):
    wait_until(lambda: _describe(world, instance)["agentConnected"], 10, "the agent to be connected")
    ecs.put_attributes(attributes=[{"name": "stack", "value": "blue", "targetId": instance}])
    listed = ecs.list_attributes(targetType="container-instance", attributeName="stack")["attributes"]
    assert [(found["value"], found["targetId"]) for found in listed] == [("blue", instance)]

    definition = ecs.register_task_definition(
        family="with-roles", networkMode="awsvpc", taskRoleArn="arn:aws:iam::123456789012:role/app",
        containerDefinitions=[{"name": "main", "image": "demo:latest", "memory": 64, "cpu": 64}],
    )["taskDefinition"]["taskDefinitionArn"]
    network = world.network_configuration
    run = dict(taskDefinition=definition, launchType="EC2", networkConfiguration=network)
    task = ecs.run_task(**run)["tasks"][0]["taskArn"]
    world.wait_task(task, "RUNNING")

    drained = ecs.update_container_instances_state(containerInstances=[instance], status="DRAINING")
    assert drained["containerInstances"][0]["status"] == "DRAINING"
    assert ecs.list_container_instances(status="DRAINING")["containerInstanceArns"] == [instance]
    assert ecs.run_task(**run)["failures"][0]["reason"] == "INACTIVE"
    assert world.task(task)["lastStatus"] == "RUNNING", "a task of no service stays"
    ecs.update_container_instances_state(containerInstances=[instance], status="ACTIVE")
    second = ecs.run_task(**run)["tasks"][0]["taskArn"]
    for arn in (task, second):
        ecs.stop_task(task=arn)
        world.wait_task(arn, "STOPPED")
    ecs.delete_attributes(attributes=[{"name": "stack", "targetId": instance}])
    with pytest.raises(ClientError) as error:
        ecs.update_container_agent(containerInstance=instance)
    assert error.value.response["Error"]["Code"] == "NoUpdateAvailableException"
