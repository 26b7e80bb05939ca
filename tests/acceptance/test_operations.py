"""Operations beside tasks and services: account settings, StartTask, task protection, capacity providers, and what goes."""

import json
import tomllib

import pytest
from botocore.exceptions import ClientError

from world import ROOT, wait_until

MODEL = json.loads((ROOT / "models/ecs/service-2.json").read_text())


def _error(call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return caught.value.response["Error"]["Code"], caught.value.response["Error"]["Message"]


# Account settings


def test_account_settings_as_terraform_sets_them(ecs):
    root = "arn:aws:iam::123456789012:root"
    put = ecs.put_account_setting_default(name="awsvpcTrunking", value="enabled")["setting"]
    assert put == {"name": "awsvpcTrunking", "value": "enabled", "principalArn": root, "type": "user"}
    listed = ecs.list_account_settings(name="awsvpcTrunking", effectiveSettings=True)["settings"]
    assert [setting["value"] for setting in listed] == ["enabled"]
    user = "arn:aws:iam::123456789012:user/alice"
    ecs.put_account_setting(name="awsvpcTrunking", value="disabled", principalArn=user)
    own = ecs.list_account_settings(principalArn=user)["settings"]
    assert [(setting["name"], setting["value"]) for setting in own] == [("awsvpcTrunking", "disabled")]
    ecs.delete_account_setting(name="awsvpcTrunking", principalArn=user)
    assert ecs.list_account_settings(principalArn=user)["settings"] == []
    code, message = _error(ecs.put_account_setting_default, name="serviceLongArnFormat", value="disabled")
    assert (code, message) == ("InvalidParameterException", "You can no longer disable Long Arn settings")
    assert ecs.delete_account_setting(name="awsvpcTrunking")["setting"]["value"] == "disabled"


def test_account_settings_on_the_command_line(world):
    assert world.aws("ecs", "put-account-setting", "--name", "tagResourceAuthorization", "--value", "on")
    shown = world.aws("ecs", "list-account-settings", "--effective-settings", "--name", "tagResourceAuthorization")
    assert shown["settings"][0]["value"] == "on"


# Task protection


def test_a_protected_task_outlives_a_scale_in(world, ecs):
    definition = world.register("protected", {"name": "app", "image": "demo:latest"})
    world.create_service("protected", definition, 3)
    world.wait_stable("protected")
    tasks = sorted(task["taskArn"] for task in world.service_tasks("protected"))
    answer = ecs.update_task_protection(cluster="default", tasks=tasks[:2], protectionEnabled=True, expiresInMinutes=60)
    assert answer["failures"] == [] and all(task["protectionEnabled"] for task in answer["protectedTasks"])
    shown = ecs.get_task_protection(cluster="default", tasks=tasks)["protectedTasks"]
    assert {task["taskArn"]: task["protectionEnabled"] for task in shown} == dict(zip(tasks, [True, True, False]))
    assert [("expirationDate" in task) for task in sorted(shown, key=lambda it: it["taskArn"])] == [True, True, False]
    ecs.update_service(service="protected", desiredCount=0)
    wait_until(lambda: len(world.service_tasks("protected")) == 2, 30, "the unprotected task to stop")
    assert sorted(task["taskArn"] for task in world.service_tasks("protected")) == tasks[:2]
    ecs.update_task_protection(cluster="default", tasks=tasks[:2], protectionEnabled=False)
    wait_until(lambda: not world.service_tasks("protected"), 30, "the tasks to stop")
    alone = world.run_task(definition)["taskArn"]
    failures = ecs.update_task_protection(cluster="default", tasks=[alone], protectionEnabled=True)["failures"]
    assert [failure["reason"] for failure in failures] == ["TASK_NOT_VALID"]
    ecs.stop_task(task=alone)
    world.delete_service("protected")


# Task definitions that go


def test_a_definition_is_deleted_when_it_is_unused(world, ecs):
    arn = world.register("doomed", {"name": "app", "image": "demo:latest"})
    failures = ecs.delete_task_definitions(taskDefinitions=[arn])["failures"]
    assert failures[0]["arn"] == arn and "still in ACTIVE status" in failures[0]["reason"]
    ecs.deregister_task_definition(taskDefinition=arn)
    deleted = ecs.delete_task_definitions(taskDefinitions=[arn])["taskDefinitions"]
    assert [definition["status"] for definition in deleted] == ["DELETE_IN_PROGRESS"]
    wait_until(lambda: _is_gone(ecs, arn), 20, "the definition to go")
    assert "doomed" not in ecs.list_task_definition_families()["families"]


def _is_gone(ecs, arn):
    try:
        ecs.describe_task_definition(taskDefinition=arn)
    except ClientError as error:
        assert error.response["Error"]["Message"] == "Unable to describe task definition."
        return True
    return False


# Capacity providers


def test_a_capacity_provider_of_an_auto_scaling_group(ecs):
    group = "arn:aws:autoscaling:us-east-1:123456789012:autoScalingGroup:0-1:autoScalingGroupName/web"
    made = ecs.create_capacity_provider(
        name="web",
        autoScalingGroupProvider={"autoScalingGroupArn": group, "managedScaling": {"status": "ENABLED"}},
        tags=[{"key": "team", "value": "blue"}],
    )["capacityProvider"]
    assert made["status"] == "ACTIVE" and made["type"] == "EC2_AUTOSCALING"
    assert made["autoScalingGroupProvider"]["managedScaling"]["targetCapacity"] == 100
    ecs.create_cluster(clusterName="scaled")
    ecs.put_cluster_capacity_providers(
        cluster="scaled", capacityProviders=["web"], defaultCapacityProviderStrategy=[{"capacityProvider": "web", "weight": 1}]
    )
    code, message = _error(ecs.delete_capacity_provider, capacityProvider="web")
    assert code == "ClientException" and "scaled" in message
    ecs.put_cluster_capacity_providers(cluster="scaled", capacityProviders=[], defaultCapacityProviderStrategy=[])
    ecs.update_capacity_provider(name="web", autoScalingGroupProvider={"managedScaling": {"targetCapacity": 50}})
    shown = ecs.describe_capacity_providers(capacityProviders=["web"], include=["TAGS"])["capacityProviders"][0]
    assert shown["autoScalingGroupProvider"]["managedScaling"]["targetCapacity"] == 50
    assert shown["tags"] == [{"key": "team", "value": "blue"}]
    ecs.delete_capacity_provider(capacityProvider="web")
    assert ecs.describe_capacity_providers(capacityProviders=["web"])["failures"][0]["reason"] == "MISSING"
    ecs.delete_cluster(cluster="scaled")


# All operations of the pinned model


def test_every_operation_answers_or_is_refused_by_name(ecs):
    served = set(_served())
    operations = MODEL["operations"]
    assert len(operations) == 88 and served <= set(operations)
    methods = {api: method for method, api in ecs.meta.method_to_api_mapping.items()}
    wrong = []
    for name, operation in sorted(operations.items()):
        declared = {error["shape"] for error in operation.get("errors", [])}
        try:
            getattr(ecs, methods[name])(**_least(operation["input"]["shape"]))
            outcome = "answers"
        except ClientError as error:
            code, message = error.response["Error"]["Code"], error.response["Error"]["Message"]
            if code == "UnsupportedFeatureException" and f"the operation {name} of" in message:
                outcome = "refused"
            elif code in declared - {"ServerException"} and message:
                outcome = "answers"
            else:
                outcome = f"{code}: {message}"
        if outcome != ("answers" if name in served else "refused"):
            wrong.append((name, outcome))
    assert wrong == []


def _served() -> list[str]:
    section = (ROOT / "operations.toml").read_text().split("[services.ecs]")[1].split("\n[services.")[0]
    return tomllib.loads(section)["served"]


def _least(shape: str, depth: int = 0):
    """The smallest input that a client lets through: what is required, with values that mean nothing."""
    model = MODEL["shapes"][shape]
    match model["type"]:
        case "structure":
            required = model.get("required", []) if depth < 6 else []
            return {name: _least(model["members"][name]["shape"], depth + 1) for name in required}
        case "list":
            return [_least(model["member"]["shape"], depth + 1)]
        case "map":
            return {}
        case "string":
            return model.get("enum", ["nothing"])[0]
        case "boolean":
            return False
        case "timestamp":
            return 0
        case _:
            return model.get("min", 1)
