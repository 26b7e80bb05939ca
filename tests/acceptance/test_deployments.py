"""Service deployments on real containers: what is recorded, how one fails, and the way back."""

import time

import pytest
from botocore.exceptions import ClientError

from world import wait_until

BREAKER = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}
OVER = {"SUCCESSFUL", "STOPPED", "ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED"}


def newest(ecs, service):
    arn = ecs.list_service_deployments(service=service)["serviceDeployments"][0]["serviceDeploymentArn"]
    return ecs.describe_service_deployments(serviceDeploymentArns=[arn])["serviceDeployments"][0]


def wait_over(ecs, service, seconds=90):
    def over():
        deployment = newest(ecs, service)
        return deployment if deployment["status"] in OVER else None

    return wait_until(over, seconds, "the service deployment to end", every=0.2)


def revision(ecs, summary):
    answer = ecs.describe_service_revisions(serviceRevisionArns=[summary["arn"]])
    assert not answer["failures"]
    return answer["serviceRevisions"][0]


def test_revisions_describe_what_ran(world, ecs):
    first = world.register("web", {"environment": [{"name": "GREETING", "value": "one"}]})
    service = world.create_service("web", first, 2)
    assert ":service-deployment/default/web/" in service["currentServiceDeployment"]
    world.wait_stable("web")
    created = newest(ecs, "web")
    assert created["status"] == "SUCCESSFUL"
    assert created["sourceServiceRevisions"] == []
    target = created["targetServiceRevision"]
    assert (target["requestedTaskCount"], target["runningTaskCount"], target["pendingTaskCount"]) == (2, 2, 0)
    assert created["startedAt"] <= created["finishedAt"]

    second = world.register("web", {"environment": [{"name": "GREETING", "value": "two"}]})
    ecs.update_service(service="web", taskDefinition=second)
    done = wait_over(ecs, "web")
    assert done["status"] == "SUCCESSFUL"
    assert done["sourceServiceRevisions"][0]["arn"] == target["arn"]
    assert revision(ecs, target)["taskDefinition"] == first
    ran = revision(ecs, done["targetServiceRevision"])
    assert ran["taskDefinition"] == second
    digests = {container["imageDigest"] for task in world.service_tasks("web") for container in task["containers"]}
    assert {image["imageDigest"] for image in ran["containerImages"]} == digests
    assert [item["status"] for item in ecs.list_service_deployments(service="web")["serviceDeployments"]] == ["SUCCESSFUL"] * 2
    assert ecs.list_service_deployments(service="web", status=["ROLLBACK_FAILED"])["serviceDeployments"] == []
    world.delete_service("web")


def test_the_breaker_trips_and_rolls_back(world, ecs):
    good = world.register("fragile", {})
    world.create_service("fragile", good, 2, deploymentConfiguration=BREAKER)
    assert wait_over(ecs, "fragile")["status"] == "SUCCESSFUL"
    kept = {task["taskArn"] for task in world.service_tasks("fragile")}
    stable = world.service("fragile")["deployments"][0]["id"]
    bad = world.register("fragile", {"entryPoint": ["/no/such/program"]})
    ecs.update_service(service="fragile", taskDefinition=bad)
    while (deployment := newest(ecs, "fragile"))["status"] not in OVER:
        assert world.service("fragile")["runningCount"] >= 2, "the good tasks serve all the time"
        time.sleep(0.1)
    assert deployment["status"] == "ROLLBACK_SUCCESSFUL"
    assert deployment["statusReason"] == "Service deployment rolled back because the circuit breaker threshold was exceeded."
    assert deployment["deploymentCircuitBreaker"]["status"] == "TRIGGERED"
    assert deployment["rollback"]["serviceRevisionArn"] == deployment["sourceServiceRevisions"][0]["arn"]
    service = world.wait_stable("fragile")
    assert service["taskDefinition"] == good
    assert service["deployments"][0]["id"] == stable
    assert {task["taskArn"] for task in world.service_tasks("fragile")} == kept
    messages = [event["message"] for event in service["events"]]
    assert f"(service fragile) rolling back to deployment {stable}." in messages
    assert any(message.endswith("deployment failed: tasks failed to start.") for message in messages)
    world.delete_service("fragile")


def test_a_program_that_ends_at_once_trips_the_breaker_and_serves_on(world, ecs):
    good = world.register("crashing", {})
    world.create_service("crashing", good, 1, deploymentConfiguration=BREAKER)
    assert wait_over(ecs, "crashing")["status"] == "SUCCESSFUL"
    crashing = world.register("crashing", {"command": ["--no-such-flag"], "entryPoint": ["/bin/false"]})
    ecs.update_service(service="crashing", taskDefinition=crashing)
    while (deployment := newest(ecs, "crashing"))["status"] not in OVER:
        assert any(task["taskDefinitionArn"] == good for task in world.service_tasks("crashing"))
        time.sleep(0.1)
    assert deployment["status"] == "ROLLBACK_SUCCESSFUL", deployment
    world.delete_service("crashing")


def test_stop_with_rollback(world, ecs):
    good = world.register("halted", {})
    world.create_service("halted", good, 1)
    world.wait_stable("halted")
    bad = world.register("halted", {"entryPoint": ["/no/such/program"]})
    answer = ecs.update_service(service="halted", taskDefinition=bad)["service"]
    arn = answer["currentServiceDeployment"]
    assert ecs.stop_service_deployment(serviceDeploymentArn=arn, stopType="ROLLBACK")["serviceDeploymentArn"] == arn
    stopped = wait_over(ecs, "halted")
    assert (stopped["status"], stopped["statusReason"]) == ("ROLLBACK_SUCCESSFUL", "Service deployment rolled back by user.")
    assert world.service("halted")["taskDefinition"] == good
    with pytest.raises(ClientError) as error:
        ecs.stop_service_deployment(serviceDeploymentArn=arn)
    assert error.value.response["Error"]["Code"] == "ConflictException"
    with pytest.raises(ClientError) as error:
        ecs.stop_service_deployment(serviceDeploymentArn=arn[:-5] + "other")
    assert error.value.response["Error"]["Code"] == "ServiceDeploymentNotFoundException"
    world.delete_service("halted")


def test_blue_green_waits_for_an_answer(world, ecs):
    hook = {"targetType": "PAUSE", "lifecycleStages": ["POST_SCALE_UP"], "timeoutConfiguration": {"timeoutInMinutes": 10, "action": "ROLLBACK"}}
    configuration = {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 0, "lifecycleHooks": [hook]}
    world.create_service("colours", world.register("colours", {}), 1, deploymentConfiguration=configuration)

    def answer_hook():
        deployment = newest(ecs, "colours")
        hooks = [hook for hook in deployment.get("lifecycleHookDetails", []) if hook["status"] == "AWAITING_ACTION"]
        if not hooks:
            return None
        assert deployment["lifecycleStage"] == "POST_SCALE_UP"
        running = world.service("colours")["runningCount"]
        ecs.continue_service_deployment(serviceDeploymentArn=deployment["serviceDeploymentArn"], hookId=hooks[0]["hookId"])
        return running

    assert wait_until(answer_hook, 30, "the hook") == 1
    assert wait_over(ecs, "colours")["status"] == "SUCCESSFUL"
    green = world.register("colours", {"environment": [{"name": "COLOUR", "value": "green"}]})
    ecs.update_service(service="colours", taskDefinition=green)
    assert wait_until(answer_hook, 30, "the hook") == 2, "blue and green run side by side"
    assert wait_over(ecs, "colours")["status"] == "SUCCESSFUL"
    assert {task["taskDefinitionArn"] for task in world.service_tasks("colours")} == {green}
    world.delete_service("colours")


def test_traffic_goes_over_in_steps(world, ecs):
    """LINEAR with a pause before every step; the weights are what a load balancer would follow."""
    hooks = [{"targetType": "PAUSE", "lifecycleStages": ["PRODUCTION_TRAFFIC_SHIFT"]}]
    world.create_service("steps", world.register("steps", {}), 1)
    world.wait_stable("steps")
    ecs.update_service(
        service="steps", taskDefinition=world.register("steps", {"environment": [{"name": "GREETING", "value": "new"}]}),
        deploymentConfiguration={
            "strategy": "LINEAR",
            "linearConfiguration": {"stepPercent": 50.0, "stepBakeTimeInMinutes": 0},
            "lifecycleHooks": hooks,
        },
    )
    seen = []
    for expected in (0.0, 50.0):
        def waiting():
            deployment = newest(ecs, "steps")
            open_hooks = [hook for hook in deployment["lifecycleHookDetails"] if hook["status"] == "AWAITING_ACTION"]
            weight = deployment["targetServiceRevision"]["requestedProductionTrafficWeight"]
            return open_hooks and weight == expected and (deployment, open_hooks[0])

        deployment, hook = wait_until(waiting, 60, f"the pause at {expected} %")
        target, [source] = deployment["targetServiceRevision"], deployment["sourceServiceRevisions"]
        assert target["requestedProductionTrafficWeight"] + source["requestedProductionTrafficWeight"] == 100.0
        assert (target["runningTaskCount"], source["runningTaskCount"]) == (1, 1), "both sides run"
        seen.append(target["requestedProductionTrafficWeight"])
        ecs.continue_service_deployment(serviceDeploymentArn=deployment["serviceDeploymentArn"], hookId=hook["hookId"])
    assert wait_over(ecs, "steps")["status"] == "SUCCESSFUL"
    assert seen == [0.0, 50.0]
    world.delete_service("steps")
