"""Task definitions, with boto3: what AWS answers, and what it refuses."""

import pytest
from botocore.exceptions import ClientError


def test_defaults_are_answered_as_aws_does(world, ecs):
    arn = world.register("defaults", {"portMappings": [{"containerPort": 8080}], "environment": [{"name": "A", "value": "1"}]})
    definition = ecs.describe_task_definition(taskDefinition="defaults")["taskDefinition"]
    assert definition["taskDefinitionArn"] == arn
    assert definition["status"] == "ACTIVE"
    assert definition["compatibilities"] == ["EC2", "FARGATE"]
    assert definition["requiresCompatibilities"] == ["FARGATE"]
    assert definition["volumes"] == [] and definition["placementConstraints"] == []
    container = definition["containerDefinitions"][0]
    assert container["portMappings"] == [{"containerPort": 8080, "hostPort": 8080, "protocol": "tcp"}]
    assert container["essential"] is True and container["cpu"] == 0
    assert container["mountPoints"] == [] and container["volumesFrom"] == []
    assert definition["registeredBy"].startswith("arn:aws:iam::123456789012:")


def test_revisions_are_never_used_again(world, ecs):
    first = world.register("revisions", {})
    second = world.register("revisions", {})
    assert first.endswith(":1") and second.endswith(":2")
    assert ecs.deregister_task_definition(taskDefinition=second)["taskDefinition"]["status"] == "INACTIVE"
    assert ecs.describe_task_definition(taskDefinition="revisions")["taskDefinition"]["revision"] == 1
    assert ecs.describe_task_definition(taskDefinition="revisions:2")["taskDefinition"]["status"] == "INACTIVE"
    assert world.register("revisions", {}).endswith(":3")
    assert ecs.list_task_definitions(familyPrefix="revisions")["taskDefinitionArns"] == [
        first, first[:-1] + "3",
    ]
    newest_first = ecs.list_task_definitions(familyPrefix="revisions", sort="DESC")["taskDefinitionArns"]
    assert newest_first == [first[:-1] + "3", first]
    assert "revisions" in ecs.list_task_definition_families(familyPrefix="rev", status="ACTIVE")["families"]


CONTAINER = {"name": "main", "image": "demo:latest", "essential": True}
FARGATE = {"networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512"}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (dict(FARGATE, cpu="300"), "No Fargate configuration exists for given values"),
        (dict(FARGATE, cpu="many"), "Invalid 'cpu' setting for task"),
        (dict(FARGATE, memory="4096"), "No Fargate configuration exists for given values"),
        (dict(FARGATE, networkMode="bridge"), "awsvpc"),
        (dict(FARGATE, cpu=None), "cpu"),
        (dict(FARGATE, containerDefinitions=[dict(CONTAINER, essential=False)]), "essential"),
        (dict(FARGATE, containerDefinitions=[]), "ontainer"),
        (dict(FARGATE, containerDefinitions=[CONTAINER, CONTAINER]), "main"),
        (dict(FARGATE, containerDefinitions=[dict(CONTAINER, name="no spaces")]), "name"),
        (dict(FARGATE, containerDefinitions=[dict(CONTAINER, image=None)]), "image"),
        (dict(FARGATE, containerDefinitions=[dict(CONTAINER, portMappings=[{"containerPort": 80, "hostPort": 81}])]), "port"),
        (dict(FARGATE, containerDefinitions=[dict(CONTAINER, dependsOn=[{"containerName": "ghost", "condition": "START"}])]), "ghost"),
        (dict(FARGATE, containerDefinitions=[dict(CONTAINER, dependsOn=[{"containerName": "main", "condition": "START"}])]), "cycle"),
        (dict(FARGATE, containerDefinitions=[dict(CONTAINER, mountPoints=[{"sourceVolume": "ghost", "containerPath": "/x"}])]), "ghost"),
        (dict(FARGATE, containerDefinitions=[dict(CONTAINER, healthCheck={"command": ["CMD", "x"], "interval": 4})]), "nterval"),
        (dict(networkMode="teleport", containerDefinitions=[dict(CONTAINER, memory=64)]), "teleport"),
    ],
)
def test_bad_definitions_are_refused(ecs, fields, words):
    request = dict({"family": "bad", "containerDefinitions": [CONTAINER]}, **fields)
    with pytest.raises(ClientError) as error:
        ecs.register_task_definition(**{key: value for key, value in request.items() if value is not None})
    assert error.value.response["Error"]["Code"] in ("ClientException", "InvalidParameterException")
    assert words in error.value.response["Error"]["Message"], error.value.response["Error"]["Message"]
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_what_gantry_cannot_do_yet_is_refused_by_name(ecs):
    volume = {"name": "data", "efsVolumeConfiguration": {"fileSystemId": "fs-12345678"}}
    with pytest.raises(ClientError) as error:
        ecs.register_task_definition(family="later", containerDefinitions=[CONTAINER], volumes=[volume], **FARGATE)
    assert "efsVolumeConfiguration" in error.value.response["Error"]["Message"]


def test_a_missing_definition(ecs):
    with pytest.raises(ClientError) as error:
        ecs.describe_task_definition(taskDefinition="nobody")
    assert error.value.response["Error"] == {"Code": "ClientException", "Message": "Unable to describe task definition."}
