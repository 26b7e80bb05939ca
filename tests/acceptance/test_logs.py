"""CloudWatch Logs as boto3, the AWS CLI and containers use it."""

import threading
import time

import pytest
from botocore.exceptions import ClientError

from world import wait_until


@pytest.fixture
def logs(world):
    return world.client("logs")


@pytest.fixture
def group(logs, request):
    name = "/test/" + request.node.name
    logs.create_log_group(logGroupName=name, tags={"made-by": "a test"})
    logs.create_log_stream(logGroupName=name, logStreamName="s")
    yield name
    logs.delete_log_group(logGroupName=name)


def now() -> int:
    return int(time.time() * 1000)


def put(logs, group: str, *messages: str, stream: str = "s"):
    at = now()
    logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=[{"timestamp": at, "message": message} for message in messages])


def found(logs, group: str, pattern: str) -> list[str]:
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group, filterPattern=pattern)
    return [event["message"] for page in pages for event in page["events"]]


def test_what_terraform_asks_of_a_group(world, logs, group):
    arn = next(it for it in logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"])["logGroupArn"]
    assert logs.list_tags_for_resource(resourceArn=arn)["tags"] == {"made-by": "a test"}
    logs.tag_resource(resourceArn=arn, tags={"more": "1"})
    logs.untag_resource(resourceArn=arn, tagKeys=["made-by"])
    assert logs.list_tags_log_group(logGroupName=group)["tags"] == {"more": "1"}
    logs.put_retention_policy(logGroupName=group, retentionInDays=14)
    described = world.aws("logs", "describe-log-groups", "--log-group-name-prefix", group)["logGroups"][0]
    assert described["retentionInDays"] == 14 and described["logGroupClass"] == "STANDARD"
    logs.delete_retention_policy(logGroupName=group)
    assert "retentionInDays" not in logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"][0]
    with pytest.raises(ClientError) as error:
        logs.put_retention_policy(logGroupName=group, retentionInDays=2)
    assert error.value.response["Error"]["Code"] == "InvalidParameterException"
    logs.put_metric_filter(
        logGroupName=group, filterName="errors", filterPattern='{ $.level = "ERROR" }',
        metricTransformations=[{"metricName": "errors", "metricNamespace": "test", "metricValue": "1", "defaultValue": 0}],
    )
    kept = logs.describe_metric_filters(logGroupName=group)["metricFilters"][0]
    assert kept["metricTransformations"][0]["defaultValue"] == 0 and kept["filterPattern"] == '{ $.level = "ERROR" }'
    logs.put_log_group_deletion_protection(logGroupIdentifier=group, deletionProtectionEnabled=True)
    with pytest.raises(ClientError) as error:
        logs.delete_log_group(logGroupName=group)
    assert error.value.response["Error"]["Code"] == "ValidationException"
    logs.put_log_group_deletion_protection(logGroupIdentifier=group, deletionProtectionEnabled=False)


def test_every_kind_of_pattern_finds(world, logs, group):
    lines = ['{"level":"ERROR","ms":12}', '{"level":"INFO","ms":3}', "10.0.0.1 GET /index.html 404", "10.0.0.2 GET / 200"]
    put(logs, group, *lines)
    assert found(logs, group, "ERROR") == lines[:1]
    assert found(logs, group, "?ERROR ?404") == [lines[0], lines[2]]
    assert found(logs, group, "GET -404") == lines[3:]
    assert found(logs, group, "%[0-9]{3}$%") == lines[2:]
    assert found(logs, group, '{ $.ms > 5 && $.level = "ERR*" }') == lines[:1]
    assert found(logs, group, "[ip, method, path, status = 4*]") == lines[2:3]
    with pytest.raises(ClientError) as error:
        found(logs, group, "{ $.level = }")
    assert error.value.response["Error"]["Code"] == "InvalidParameterException"
    tried = world.aws("logs", "test-metric-filter", "--filter-pattern", "[..., status = 4*]", "--log-event-messages", *lines)["matches"]
    assert [match["eventNumber"] for match in tried] == [3] and tried[0]["extractedValues"]["$status"] == "404"


def test_what_was_acknowledged_survives_a_kill(fresh_world):
    """Four writers, batches of 500 lines, about as fast as they can; the server is killed in the middle of it."""
    world = fresh_world
    logs = world.client("logs")
    logs.create_log_group(logGroupName="/kill")
    acknowledged = [0] * 4
    started = time.monotonic()

    def write(writer: int):
        client = world.client("logs")
        stream = f"w{writer}"
        client.create_log_stream(logGroupName="/kill", logStreamName=stream)
        try:
            while True:
                first, at = acknowledged[writer], now()
                events = [{"timestamp": at, "message": f"line {number} of a service that says something"} for number in range(first, first + 500)]
                client.put_log_events(logGroupName="/kill", logStreamName=stream, logEvents=events)
                acknowledged[writer] = first + 500
        except Exception:
            return

    writers = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for writer in writers:
        writer.start()
    wait_until(lambda: sum(acknowledged) >= 40_000, 60, "40,000 lines")
    world.kill_server()
    rate = sum(acknowledged) / (time.monotonic() - started)
    for writer in writers:
        writer.join()
    world.start_server()
    logs = world.client("logs")
    for writer, count in enumerate(acknowledged):
        numbers, token = [], None
        while True:
            page = logs.get_log_events(logGroupName="/kill", logStreamName=f"w{writer}", startFromHead=True, **({"nextToken": token} if token else {}))
            numbers += [int(event["message"].split()[1]) for event in page["events"]]
            if page["nextForwardToken"] == token:
                break
            token = page["nextForwardToken"]
        assert numbers[:count] == list(range(count)), f"writer {writer}: {len(numbers)} of {count}"
        # At most the batch whose answer was lost.
        assert len(numbers) <= count + 500
    print(f"{rate:.0f} lines/s acknowledged")
