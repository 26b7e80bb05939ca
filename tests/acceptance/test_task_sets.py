"""Services whose deployments somebody else carries out: task sets on real containers."""

import pytest
from botocore.exceptions import ClientError

from world import wait_until


def make(world, ecs, definition, percent, **fields):
    return ecs.create_task_set(
        cluster="default",
        service="shop",
        taskDefinition=definition,
        launchType="FARGATE",
        networkConfiguration=world.network_configuration,
        scale={"value": percent, "unit": "PERCENT"},
        **fields,
    )["taskSet"]


def steady(ecs, arn, count):
    def reached():
        [task_set] = ecs.describe_task_sets(cluster="default", service="shop", taskSets=[arn])["taskSets"]
        return task_set["stabilityStatus"] == "STEADY_STATE" and task_set["runningCount"] == count and task_set

    return wait_until(reached, 60, f"{count} tasks in {arn}")


def test_a_release_by_task_sets(world, ecs):
    service = ecs.create_service(serviceName="shop", desiredCount=2, deploymentController={"type": "EXTERNAL"})["service"]
    assert service["deploymentController"] == {"type": "EXTERNAL"}
    assert service["taskSets"] == service["deployments"] == []
    assert "taskDefinition" not in service and "launchType" not in service

    one = world.register("shop", {"environment": [{"name": "GREETING", "value": "one"}]})
    blue = make(world, ecs, one, 100, externalId="release-1", tags=[{"key": "colour", "value": "blue"}])
    assert blue["status"] == "ACTIVE" and blue["computedDesiredCount"] == 2
    shown = steady(ecs, blue["taskSetArn"], 2)
    assert shown["externalId"] == "release-1" and shown["scale"] == {"value": 100.0, "unit": "PERCENT"}
    primary = ecs.update_service_primary_task_set(cluster="default", service="shop", primaryTaskSet=blue["id"])["taskSet"]
    assert primary["status"] == "PRIMARY"
    tasks = world.service_tasks("shop")
    assert {(task["startedBy"], task["group"]) for task in tasks} == {(blue["id"], "service:shop")}
    assert world.service("shop")["taskDefinition"] == one

    # A canary of the next release beside it, then all of it.
    two = world.register("shop", {"environment": [{"name": "GREETING", "value": "two"}]})
    green = make(world, ecs, two, 30)
    assert green["computedDesiredCount"] == 1
    steady(ecs, green["taskSetArn"], 1)
    assert world.service("shop")["runningCount"] == 3
    ecs.update_task_set(cluster="default", service="shop", taskSet=green["taskSetArn"], scale={"value": 100, "unit": "PERCENT"})
    steady(ecs, green["taskSetArn"], 2)
    ecs.update_service_primary_task_set(cluster="default", service="shop", primaryTaskSet=green["taskSetArn"])
    assert world.service("shop")["taskDefinition"] == two
    with pytest.raises(ClientError) as error:
        ecs.delete_task_set(cluster="default", service="shop", taskSet=blue["id"])
    assert error.value.response["Error"]["Code"] == "InvalidParameterException"
    going = ecs.delete_task_set(cluster="default", service="shop", taskSet=blue["id"], force=True)["taskSet"]
    assert going["status"] == "DRAINING"

    def gone():
        return ecs.describe_task_sets(cluster="default", service="shop", taskSets=[blue["id"]])["failures"]

    assert wait_until(gone, 60, "the old set to go")[0]["reason"] == "MISSING"
    assert {task["taskDefinitionArn"] for task in world.service_tasks("shop")} == {two}

    # A task that is stopped is replaced in its set.
    first = world.service_tasks("shop")[0]["taskArn"]
    ecs.stop_task(task=first)

    def replaced():
        arns = {task["taskArn"] for task in world.service_tasks("shop") if task["lastStatus"] == "RUNNING"}
        return len(arns) == 2 and first not in arns

    wait_until(replaced, 60, "a replacement")
    events = [event["message"] for event in world.service("shop")["events"]]
    assert any(f"(service shop, taskSet {green['id']}) has started " in event for event in events), events
    ecs.update_service(service="shop", desiredCount=3)
    steady(ecs, green["id"], 3)
    world.delete_service("shop")


def test_task_sets_outlive_a_crash(world, ecs):
    ecs.create_service(serviceName="shop", desiredCount=1, deploymentController={"type": "EXTERNAL"})
    task_set = make(world, ecs, world.register("shop", {}), 100, clientToken="once")
    steady(ecs, task_set["id"], 1)
    world.kill_server()
    world.start_server()
    world.wait_connected()
    shown = steady(ecs, task_set["id"], 1)
    assert shown["createdAt"] == task_set["createdAt"]
    again = make(world, ecs, shown["taskDefinition"], 100, clientToken="once")
    assert again["id"] == task_set["id"]
    world.delete_service("shop")
