"""The whole life of tasks on real containers."""

import time

import pytest
from botocore.exceptions import ClientError

from world import http_get, wait_until


def test_life_of_a_task(world, ecs):
    definition = world.register("life", {"portMappings": [{"containerPort": 8080}], "environment": [{"name": "GREETING", "value": "Hi"}]})
    task = world.run_task(definition, startedBy="tester", tags=[{"key": "a", "value": "b"}])
    assert task["lastStatus"] in ("PROVISIONING", "PENDING")
    assert task["desiredStatus"] == "RUNNING"
    assert task["group"] == "family:life"
    assert task["launchType"] == "FARGATE" and task["platformVersion"] == "1.4.0"
    assert task["cpu"] == "256" and task["memory"] == "512"
    assert task["attachments"][0]["type"] == "ElasticNetworkInterface"
    assert task["containers"][0]["lastStatus"] == "PENDING"

    ecs.get_waiter("tasks_running").wait(tasks=[task["taskArn"]], WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    task = world.task(task["taskArn"])
    assert task["connectivity"] == "CONNECTED"
    assert task["createdAt"] <= task["pullStartedAt"] <= task["pullStoppedAt"] <= task["startedAt"]
    container = task["containers"][0]
    assert container["lastStatus"] == "RUNNING" and container["imageDigest"].startswith("sha256:")
    assert container["networkInterfaces"][0]["privateIpv4Address"] == world.task_address(task)
    body = wait_until(lambda: _try(lambda: http_get(world.task_address(task))), 5, "the task to answer")
    assert body.startswith("Hi, task ")

    ecs.stop_task(task=task["taskArn"], reason="enough")
    ecs.get_waiter("tasks_stopped").wait(tasks=[task["taskArn"]], WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    task = world.task(task["taskArn"])
    assert task["desiredStatus"] == "STOPPED"
    assert task["stopCode"] == "UserInitiated" and task["stoppedReason"] == "enough"
    assert task["stoppingAt"] <= task["executionStoppedAt"] <= task["stoppedAt"]
    assert task["attachments"][0]["status"] == "DELETED"


def test_an_exit_code_is_told(world):
    task = world.run_task(world.register("exit", {"command": ["exit", "3"]}))
    task = world.wait_task(task["taskArn"], "STOPPED")
    assert task["stopCode"] == "EssentialContainerExited"
    assert task["stoppedReason"] == "Essential container in task exited"
    assert task["containers"][0]["exitCode"] == 3


def test_a_missing_image_is_told(world):
    task = world.run_task(world.register("no-image", {"image": f"127.0.0.1:{world.port}/nothing/here:1"}))
    task = world.wait_task(task["taskArn"], "STOPPED")
    assert task["stopCode"] == "TaskFailedToStart"
    assert task["containers"][0]["reason"].startswith("CannotPullContainerError")
    assert "exitCode" not in task["containers"][0]


def test_a_program_that_is_not_there(world):
    task = world.run_task(world.register("no-program", {"entryPoint": ["/no/such/program"]}))
    task = world.wait_task(task["taskArn"], "STOPPED")
    assert task["stopCode"] == "TaskFailedToStart"
    assert task["containers"][0]["reason"].startswith("CannotStartContainerError") or task["containers"][0]["reason"].startswith("CannotCreateContainerError")


def test_command_environment_user_and_directory(world, busybox):
    script = 'echo "$GREETING from $(id -u):$(id -g) in $(pwd)"; echo oops >&2; exit 7'
    definition = world.register(
        "settings",
        {
            "image": busybox, "entryPoint": ["sh", "-c"], "command": [script], "user": "worker", "workingDirectory": "/tmp",
            "environment": [{"name": "GREETING", "value": "default"}],
            "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "/test/settings", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "run", "awslogs-create-group": "true"}},
        },
        executionRoleArn="arn:aws:iam::123456789012:role/ecsTaskExecutionRole",
    )
    task = world.run_task(definition, overrides={"containerOverrides": [{"name": "main", "environment": [{"name": "GREETING", "value": "override"}]}]})
    task = world.wait_task(task["taskArn"], "STOPPED")
    assert task["containers"][0]["exitCode"] == 7
    stream = f"run/main/{task['taskArn'].rsplit('/')[-1]}"
    logs = world.client("logs")
    events = wait_until(lambda: _two(logs, stream), 10, "two lines in the log")
    assert sorted(event["message"] for event in events) == ["oops", "override from 1000:1000 in /tmp"]
    shown = world.gantry("logs", task["taskArn"]).stdout
    assert "override from 1000:1000 in /tmp" in shown


def test_containers_depend_on_each_other(world, busybox):
    """`setup` must end well and `server` be healthy before `main` starts; main's end stops the server."""
    shell = {"image": busybox, "entryPoint": ["sh", "-c"]}
    definition = world.register(
        "order",
        dict(shell, name="setup", essential=False, command=["sleep 0.3; exit 0"]),
        dict(
            shell, name="server", essential=False, command=["trap 'exit 9' TERM; sleep 0.5; touch /tmp/up; while true; do sleep 0.1; done"],
            dependsOn=[{"containerName": "setup", "condition": "SUCCESS"}],
            healthCheck={"command": ["CMD-SHELL", "test -f /tmp/up"], "interval": 5, "timeout": 2, "retries": 2, "startPeriod": 1},
        ),
        dict(shell, name="main", command=["sleep 0.2; exit 5"], dependsOn=[{"containerName": "server", "condition": "HEALTHY"}]),
    )
    task = world.wait_task(world.run_task(definition)["taskArn"], "STOPPED", 60)
    containers = {container["name"]: container for container in task["containers"]}
    assert containers["setup"]["exitCode"] == 0
    assert containers["main"]["exitCode"] == 5
    assert containers["server"]["exitCode"] == 9, "SIGTERM reached it"


def test_health_is_reported(world):
    check = {"command": ["CMD", "/demo", "check"], "interval": 5, "timeout": 2, "retries": 1, "startPeriod": 0}
    task = world.run_task(world.register("health", {"healthCheck": check}))
    wait_until(lambda: world.task(task["taskArn"])["healthStatus"] == "HEALTHY", 30, "the task to be HEALTHY")
    assert world.task(task["taskArn"])["containers"][0]["healthStatus"] == "HEALTHY"
    world.client("ecs").stop_task(task=task["taskArn"])
    world.wait_task(task["taskArn"], "STOPPED")


def test_a_stubborn_container_is_killed_after_its_stop_timeout(world, busybox):
    definition = world.register("stubborn", {"image": busybox, "entryPoint": ["sh", "-c"], "command": ["trap '' TERM; while true; do sleep 0.1; done"], "stopTimeout": 2})
    task = world.run_task(definition)
    world.wait_task(task["taskArn"], "RUNNING")
    began = time.monotonic()
    world.client("ecs").stop_task(task=task["taskArn"])
    task = world.wait_task(task["taskArn"], "STOPPED")
    assert 1.5 < time.monotonic() - began < 10
    assert task["containers"][0]["exitCode"] == 137
    assert task["stoppedReason"] == "Task stopped by user"


def test_too_much_memory_ends_in_out_of_memory(world):
    task = world.run_task(world.register("memory", {"command": ["memory", "300"], "memory": 64}))
    task = world.wait_task(task["taskArn"], "STOPPED")
    assert task["containers"][0]["exitCode"] == 137
    assert task["containers"][0]["reason"] == "OutOfMemoryError: Container killed due to memory usage"


def test_lists_and_filters(world, ecs):
    definition = world.register("filter", {})
    one = world.run_task(definition, startedBy="alice")["taskArn"]
    two = world.run_task(definition, startedBy="bob")["taskArn"]
    assert ecs.list_tasks(startedBy="alice")["taskArns"] == [one]
    assert set(ecs.list_tasks(family="filter")["taskArns"]) == {one, two}
    assert set(ecs.list_tasks(family="filter", launchType="FARGATE")["taskArns"]) == {one, two}
    assert ecs.list_tasks(family="filter", launchType="EC2")["taskArns"] == []
    pages = list(ecs.get_paginator("list_tasks").paginate(family="filter", PaginationConfig={"PageSize": 1}))
    assert sorted(arn for page in pages for arn in page["taskArns"]) == sorted([one, two])
    for arn in (one, two):
        ecs.stop_task(task=arn)
        world.wait_task(arn, "STOPPED")
    assert ecs.list_tasks(family="filter")["taskArns"] == []
    assert set(ecs.list_tasks(family="filter", desiredStatus="STOPPED")["taskArns"]) == {one, two}


def test_stopped_tasks_stay_describable_after_they_left_the_hot_tables(world):
    arn = world.wait_task(world.run_task(world.register("archive", {"command": ["exit", "0"]}))["taskArn"], "STOPPED")["taskArn"]
    time.sleep(3)
    task = world.task(arn)
    assert task["lastStatus"] == "STOPPED" and task["containers"][0]["exitCode"] == 0


def test_a_token_makes_run_task_idempotent(world, ecs):
    definition = world.register("token", {"command": ["exit", "0"]})
    settings = dict(taskDefinition=definition, launchType="FARGATE", networkConfiguration=world.network_configuration, clientToken="abc")
    first = ecs.run_task(**settings)["tasks"][0]["taskArn"]
    assert ecs.run_task(**settings)["tasks"][0]["taskArn"] == first
    with pytest.raises(ClientError) as error:
        ecs.run_task(**dict(settings, count=2))
    assert error.value.response["Error"]["Code"] == "ConflictException"
    world.wait_task(first, "STOPPED")


def test_tasks_reach_each_other_and_resolve_names(world, busybox):
    server = world.run_task(world.register("peer", {}))
    address = world.task_address(world.wait_task(server["taskArn"], "RUNNING"))
    script = f"timeout 5 wget -q -O - http://{address}:8080/ | grep -q Hello && grep -q nameserver /etc/resolv.conf"
    task = world.run_task(world.register("peer-client", {"image": busybox, "entryPoint": ["sh", "-c"], "command": [script]}))
    assert world.wait_task(task["taskArn"], "STOPPED")["containers"][0]["exitCode"] == 0
    world.client("ecs").stop_task(task=server["taskArn"])
    world.wait_task(server["taskArn"], "STOPPED")


def _try(attempt):
    try:
        return attempt()
    except OSError:
        return None


def _two(logs, stream):
    try:
        events = logs.get_log_events(logGroupName="/test/settings", logStreamName=stream, startFromHead=True)["events"]
    except ClientError:
        return None
    return events if len(events) >= 2 else None
