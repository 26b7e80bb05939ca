"""Services on real containers: converge, replace, roll, end."""

import time

import pytest
from botocore.exceptions import ClientError

from world import http_get, wait_until


def test_life_of_a_service(world, ecs):
    definition = world.register("web", {"portMappings": [{"containerPort": 8080}]})
    service = world.create_service("web", definition, 2, tags=[{"key": "team", "value": "blue"}])
    assert service["status"] == "ACTIVE"
    assert service["schedulingStrategy"] == "REPLICA"
    assert service["deploymentConfiguration"]["minimumHealthyPercent"] == 100
    assert service["deploymentConfiguration"]["maximumPercent"] == 200
    assert service["deployments"][0]["id"].startswith("ecs-svc/")
    assert service["deployments"][0]["status"] == "PRIMARY"
    ecs.get_waiter("services_stable").wait(services=["web"], WaiterConfig={"Delay": 1, "MaxAttempts": 60})

    service = world.service("web")
    assert (service["runningCount"], service["pendingCount"], service["desiredCount"]) == (2, 0, 2)
    assert service["deployments"][0]["rolloutState"] == "COMPLETED"
    messages = [event["message"] for event in service["events"]]
    assert messages[0] == "(service web) has reached a steady state."
    assert any(message.startswith("(service web) has started 2 tasks: (task ") for message in messages), messages
    tasks = world.service_tasks("web")
    assert {task["group"] for task in tasks} == {"service:web"}
    assert {task["startedBy"] for task in tasks} == {service["deployments"][0]["id"]}
    for task in tasks:
        wait_until(lambda: _answers(task, world), 5, "the task to answer")
    assert service["serviceArn"] in ecs.list_services()["serviceArns"]

    ecs.update_service(service="web", desiredCount=1)
    wait_until(lambda: world.service("web")["runningCount"] == 1, 30, "one task")
    assert len(world.service_tasks("web")) == 1

    with pytest.raises(ClientError) as error:
        ecs.delete_service(service="web")
    assert error.value.response["Error"]["Code"] == "InvalidParameterException"
    ecs.update_service(service="web", desiredCount=0)
    ecs.delete_service(service="web")
    ecs.get_waiter("services_inactive").wait(services=["web"], WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    assert service["serviceArn"] not in ecs.list_services()["serviceArns"]


def test_a_stopped_task_is_replaced(world, ecs):
    world.create_service("phoenix", world.register("phoenix", {}), 1)
    world.wait_stable("phoenix")
    first = world.service_tasks("phoenix")[0]["taskArn"]
    ecs.stop_task(task=first)

    def replaced():
        tasks = world.service_tasks("phoenix")
        return tasks and tasks[0]["taskArn"] != first and tasks[0]["lastStatus"] == "RUNNING"

    wait_until(replaced, 30, "a replacement")
    world.delete_service("phoenix")


def test_a_rolling_update_keeps_the_bounds(world, ecs):
    world.create_service("roll", world.register("roll", {"environment": [{"name": "GREETING", "value": "one"}]}), 3)
    world.wait_stable("roll")
    new = world.register("roll", {"environment": [{"name": "GREETING", "value": "two"}]})
    answer = ecs.update_service(service="roll", taskDefinition=new)["service"]
    assert [deployment["status"] for deployment in answer["deployments"]] == ["PRIMARY", "ACTIVE"]
    deadline = time.monotonic() + 60
    while True:
        service = world.service("roll")
        assert service["runningCount"] >= 3, "never below minimumHealthyPercent"
        assert service["runningCount"] + service["pendingCount"] <= 6, "never above maximumPercent"
        if len(service["deployments"]) == 1 and service["runningCount"] == 3 and service["pendingCount"] == 0:
            break
        assert time.monotonic() < deadline, service["events"][:5]
        time.sleep(0.02)
    tasks = world.service_tasks("roll")
    assert {task["taskDefinitionArn"] for task in tasks} == {new}
    for task in tasks:
        wait_until(lambda: _answers(task, world, "two"), 5, "the new tasks to answer")
    events = [event["message"] for event in world.service("roll")["events"]]
    assert any("deployment completed." in message for message in events), events
    world.delete_service("roll")


def test_stop_first_when_nothing_more_may_run(world, ecs):
    configuration = {"minimumHealthyPercent": 0, "maximumPercent": 100}
    world.create_service("narrow", world.register("narrow", {}), 2, deploymentConfiguration=configuration)
    world.wait_stable("narrow")
    ecs.update_service(service="narrow", forceNewDeployment=True)

    def rolled():
        service = world.service("narrow")
        assert service["runningCount"] + service["pendingCount"] <= 2
        return len(service["deployments"]) == 1 and service["runningCount"] == 2 and service["pendingCount"] == 0

    wait_until(rolled, 60, "the new deployment")
    world.delete_service("narrow")


def test_a_service_whose_tasks_cannot_start_does_not_spin(world):
    definition = world.register("broken", {"image": f"127.0.0.1:{world.port}/nothing/here:1"})
    world.create_service("broken", definition, 1)
    time.sleep(5)
    started = [event for event in world.service("broken")["events"] if "has started" in event["message"]]
    assert 1 <= len(started) <= 6, "launches are delayed more and more"
    world.delete_service("broken")


def test_bad_services_are_refused(world, ecs):
    definition = world.register("refused", {})
    good = dict(serviceName="refused", taskDefinition=definition, desiredCount=1, launchType="FARGATE", networkConfiguration=world.network_configuration)
    for fields, code in [
        (dict(good, cluster="nowhere"), "ClusterNotFoundException"),
        (dict(good, taskDefinition="nobody"), "ClientException"),
        (dict(good, serviceName="no spaces"), "InvalidParameterException"),
        (dict(good, networkConfiguration=None), "InvalidParameterException"),
        (dict(good, desiredCount=-1), "InvalidParameterException"),
        (dict(good, deploymentConfiguration={"minimumHealthyPercent": 100, "maximumPercent": 100}), "InvalidParameterException"),
        (dict(good, capacityProviderStrategy=[{"capacityProvider": "FARGATE", "weight": 1}]), "InvalidParameterException"),
    ]:
        with pytest.raises(ClientError) as error:
            ecs.create_service(**{key: value for key, value in fields.items() if value is not None})
        assert error.value.response["Error"]["Code"] == code, (fields, error.value.response["Error"])
    with pytest.raises(ClientError) as error:
        ecs.update_service(service="ghost", desiredCount=1)
    assert error.value.response["Error"]["Code"] == "ServiceNotFoundException"
    assert ecs.describe_services(services=["ghost"])["failures"][0]["reason"] == "MISSING"


def _answers(task, world, greeting=""):
    try:
        return http_get(world.task_address(task)).startswith(greeting)
    except OSError:
        return False
