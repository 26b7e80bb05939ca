"""Daemons (CreateDaemon) on several hosts: one on each instance of a capacity provider, before all other tasks and after them."""

import time

import pytest
from botocore.exceptions import ClientError

from conftest import import_demo
from hosts import Hosts
from test_daemon_services import instances, on_hosts, register
from world import wait_until

FAST = {"Delay": 1, "MaxAttempts": 60}


@pytest.fixture(scope="module")
def machines():
    """A cluster with a capacity provider, and two hosts that are its container instances."""
    hosts = Hosts()
    try:
        hosts.world.start_server()
        ecs = hosts.world.client("ecs")
        ecs.create_capacity_provider(name="nodes", autoScalingGroupProvider={"autoScalingGroupArn": "nodes"})
        ecs.put_cluster_capacity_providers(cluster="default", capacityProviders=["nodes"], defaultCapacityProviderStrategy=[])
        for name in ("ec2-1", "ec2-2"):
            add(hosts, name)
        wait_until(lambda: len(instances(ecs)) == 2, 30, "the container instances to connect")
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


def add(hosts, name, provider=None):
    own = ("--attribute", f"gantry.capacity-provider={provider}") if provider else ()
    hosts.add(name, "ec2", "--cluster", "default", "--attribute", f"rack={name}", *own)


def define(ecs, **container):
    container = {"name": "agent", "image": "demo:latest", "memory": 64, "stopTimeout": 2, "command": ["serve", "18080"], **container}
    return ecs.register_daemon_task_definition(family="agent", containerDefinitions=[container])["daemonTaskDefinitionArn"]


def provider_arn(ecs):
    return ecs.describe_capacity_providers(capacityProviders=["nodes"])["capacityProviders"][0]["capacityProviderArn"]


def running(ecs, daemon):
    return sum(revision["totalRunningCount"] for revision in ecs.describe_daemon(daemonArn=daemon)["daemon"]["currentRevisions"])


def daemon_tasks(ecs, status="RUNNING"):
    arns = ecs.list_tasks(daemonName="agent", desiredStatus=status)["taskArns"]
    return ecs.describe_tasks(tasks=arns)["tasks"] if arns else []


def test_a_daemon_from_first_to_last(machines, world, ecs):
    definition = define(ecs)
    ecs.get_waiter("daemon_task_definition_active").wait(daemonTaskDefinition=definition)
    made = ecs.create_daemon(
        daemonName="agent", daemonTaskDefinitionArn=definition, capacityProviderArns=[provider_arn(ecs)],
        deploymentConfiguration={"drainPercent": 50.0}, tags=[{"key": "team", "value": "blue"}], propagateTags="DAEMON",
    )
    daemon = made["daemonArn"]
    assert made["status"] == "ACTIVE" and daemon.endswith(":daemon/default/agent")
    ecs.get_waiter("daemon_active").wait(daemonArn=daemon)
    ecs.get_waiter("daemon_deployment_successful").wait(daemonDeploymentArns=[made["deploymentArn"]], WaiterConfig=FAST)
    assert on_hosts(machines) == {"ec2-1": 1, "ec2-2": 1}
    detail = ecs.describe_daemon(daemonArn=daemon)["daemon"]
    [revision] = detail["currentRevisions"]
    assert revision["totalRunningCount"] == 2 and revision["capacityProviders"][0]["runningCount"] == 2
    [described] = ecs.describe_daemon_revisions(daemonRevisionArns=[revision["arn"]])["daemonRevisions"]
    assert described["daemonTaskDefinitionArn"] == definition and described["critical"] is True
    tasks = daemon_tasks(ecs)
    assert {task["group"] for task in tasks} == {"daemon:agent"} and {task["taskDefinitionArn"] for task in tasks} == {definition}
    assert ecs.list_services()["serviceArns"] == [] and [one["daemonArn"] for one in ecs.list_daemons()["daemonSummariesList"]] == [daemon]

    # On a host that joins it is the first task, and a service's comes after it.
    app = register(ecs, "app")
    spread = [{"type": "distinctInstance"}]
    ecs.create_service(
        serviceName="app", taskDefinition=app, desiredCount=3, launchType="EC2", networkConfiguration=world.network_configuration, placementConstraints=spread)
    wait_until(lambda: world.service("app")["runningCount"] == 2, 60, "two tasks of the service")
    add(machines, "ec2-3", "nodes")
    wait_until(lambda: world.service("app")["runningCount"] == 3 and running(ecs, daemon) == 3, 60, "both on the new host")
    third = instances(ecs)["ec2-3"]
    here = ecs.describe_tasks(tasks=ecs.list_tasks(containerInstance=third)["taskArns"])["tasks"]
    started = {task["group"]: task for task in here}
    assert started["daemon:agent"]["startedAt"] <= started["service:app"]["createdAt"]
    assert ecs.describe_container_instances(containerInstances=[third])["containerInstances"][0]["capacityProviderName"] == "nodes"

    # One that fails comes back on its host.
    failed = next(task["taskArn"] for task in daemon_tasks(ecs) if task["containerInstanceArn"] == third)
    ecs.stop_task(task=failed)
    wait_until(lambda: failed not in [task["taskArn"] for task in daemon_tasks(ecs)] and running(ecs, daemon) == 3, 60, "its replacement")
    wait_until(lambda: world.service("app")["runningCount"] == 3, 60, "the service")

    # Drained, it is the last to leave.
    ecs.update_service(service="app", desiredCount=2)
    ecs.update_container_instances_state(containerInstances=[third], status="DRAINING")
    wait_until(lambda: not machines["ec2-3"].tasks(), 60, "the host to be empty")
    ended = ecs.describe_tasks(tasks=[task["taskArn"] for task in here if "service" in task["group"]] + [
        task["taskArn"] for task in daemon_tasks(ecs, "STOPPED") if task["containerInstanceArn"] == third])["tasks"]
    last = {task["group"]: task["stoppedAt"] for task in sorted(ended, key=lambda task: task["stoppedAt"])}
    assert last["daemon:agent"] > last["service:app"], last
    ecs.deregister_container_instance(containerInstance=third)
    machines.stop("ec2-3")

    # An update, host by host; the apps stay.
    before = {task["taskArn"] for task in world.service_tasks("app")}
    newer = define(ecs, environment=[{"name": "GREETING", "value": "new"}])
    updated = ecs.update_daemon(daemonArn=daemon, daemonTaskDefinitionArn=newer, capacityProviderArns=[provider_arn(ecs)])
    least = 2

    def done():
        nonlocal least
        least = min(least, running(ecs, daemon))
        [deployment] = ecs.describe_daemon_deployments(daemonDeploymentArns=[updated["deploymentArn"]])["daemonDeployments"]
        return deployment["status"] == "SUCCESSFUL"

    wait_until(done, 90, "the deployment", every=0.02)
    assert least >= 1, "drainPercent leaves one of two"
    assert {task["taskDefinitionArn"] for task in daemon_tasks(ecs)} == {newer}
    assert before == {task["taskArn"] for task in world.service_tasks("app")}
    statuses = [one["status"] for one in ecs.list_daemon_deployments(daemonArn=daemon)["daemonDeployments"]]
    assert statuses == ["SUCCESSFUL", "SUCCESSFUL"]

    world.delete_service("app")
    deleted = ecs.delete_daemon(daemonArn=daemon)
    assert deleted["status"] == "DELETE_IN_PROGRESS"
    ecs.get_waiter("daemon_deployment_successful").wait(daemonDeploymentArns=[deleted["deploymentArn"]], WaiterConfig=FAST)
    assert on_hosts(machines) == {"ec2-1": 0, "ec2-2": 0}
    with pytest.raises(ClientError) as error:
        ecs.describe_daemon(daemonArn=daemon)
    assert error.value.response["Error"]["Code"] == "DaemonNotFoundException"
    ecs.delete_daemon_task_definition(daemonTaskDefinition=newer)
    ecs.get_waiter("daemon_task_definition_deleted").wait(daemonTaskDefinition=newer, WaiterConfig=FAST)


def test_a_daemon_outlives_a_server_that_is_killed(machines, world, ecs):
    definition = define(ecs)
    made = ecs.create_daemon(daemonName="agent", daemonTaskDefinitionArn=definition, capacityProviderArns=[provider_arn(ecs)])
    wait_until(lambda: running(ecs, made["daemonArn"]) == 2, 60, "one on each host")
    before = {name: set(machines[name].tasks()) for name in ("ec2-1", "ec2-2")}
    world.kill_server()
    world.start_server()
    wait_until(lambda: len(instances(ecs)) == 2, 60, "the hosts to be back")
    time.sleep(2)
    assert before == {name: set(machines[name].tasks()) for name in ("ec2-1", "ec2-2")}, "nothing was started anew"
    assert running(ecs, made["daemonArn"]) == 2
    ecs.delete_daemon(daemonArn=made["daemonArn"])
    wait_until(lambda: on_hosts(machines) == {"ec2-1": 0, "ec2-2": 0}, 60, "the daemon to be gone")
    # The agent lets go of a task's files when the server has heard of its end, a moment after the processes are gone.
    wait_until(lambda: not any(machines[name].held()["files"] for name in ("ec2-1", "ec2-2")), 30, "its files to be gone")
