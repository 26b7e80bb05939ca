"""CloudWatch Logs as boto3, the AWS CLI and containers use it."""

import os
import random
import subprocess
import threading
import time

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from conftest import import_busybox
from world import GANTRY, wait_until

SEED = int(os.environ.get("GANTRY_LOGS_SEED", random.SystemRandom().randrange(10**6)))


@pytest.fixture
def logs(world):
    return world.client("logs")


@pytest.fixture
def group(logs, request):
    name = "/test/" + request.node.name.translate(str.maketrans("[]", "--"))
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


def ask(logs, group: str, query: str) -> list[dict]:
    at = int(time.time())
    query_id = logs.start_query(logGroupName=group, startTime=at - 600, endTime=at + 60, queryString=query)["queryId"]

    def done():
        answer = logs.get_query_results(queryId=query_id)
        return answer if answer["status"] == "Complete" else None

    answer = wait_until(done, 20, "the query to end")
    assert answer["statistics"]["recordsScanned"] >= len(answer["results"])
    return [{field["field"]: field["value"] for field in row} for row in answer["results"]]


def test_logs_insights(world, logs, group):
    put(logs, group, '{"level":"INFO","ms":10}', '{"level":"ERROR","ms":200}', "GET /a 404", '{"level":"INFO","ms":30}')
    rows = ask(logs, group, "filter ispresent(level) | stats count(*) as n, avg(ms) as mean by level | sort level")
    assert rows == [{"level": "ERROR", "n": "1", "mean": "200"}, {"level": "INFO", "n": "2", "mean": "20"}]
    rows = ask(logs, group, r"parse @message /(?<method>[A-Z]+) (?<path>\S+) (?<status>\d+)/ | filter status >= 400 | display method, path, status, @message")
    pointer = rows[0].pop("@ptr")
    assert rows == [{"method": "GET", "path": "/a", "status": "404", "@message": "GET /a 404"}]
    record = logs.get_log_record(logRecordPointer=pointer)["logRecord"]
    assert record["@message"] == "GET /a 404" and record["@logStream"] == "s"
    with pytest.raises(logs.exceptions.MalformedQueryException) as error:
        ask(logs, group, "fields @message | filter level = ")
    location = error.value.response["queryCompileError"]["location"]
    assert location == {"startCharOffset": 33, "endCharOffset": 33}
    fields = {it["name"]: it["percent"] for it in logs.get_log_group_fields(logGroupName=group)["logGroupFields"]}
    assert fields["@message"] == 100 and fields["level"] == 75
    at = str(int(time.time()))
    started = world.aws("logs", "start-query", "--log-group-names", group, "--start-time", "0", "--end-time", at, "--query-string", "limit 1")
    assert len(wait_until(lambda: world.aws("logs", "get-query-results", "--query-id", started["queryId"])["results"], 20, "a result")) == 1
    saved = logs.put_query_definition(name="errors", queryString="filter level = 'ERROR'", logGroupNames=[group])["queryDefinitionId"]
    assert saved in [it["queryDefinitionId"] for it in logs.describe_query_definitions(queryDefinitionNamePrefix="err")["queryDefinitions"]]
    assert logs.delete_query_definition(queryDefinitionId=saved)["success"]


def awslogs(group: str, **options: str) -> dict:
    basics = {"awslogs-group": group, "awslogs-region": "us-east-1", "awslogs-stream-prefix": "t", "awslogs-create-group": "true"}
    return {"logDriver": "awslogs", "options": {**basics, **{name.replace("_", "-"): value for name, value in options.items()}}}


@pytest.mark.parametrize("options", [{"awslogs_multiline_pattern": "^(INFO|ERROR)"}, {"awslogs_datetime_format": "%H:%M:%S"}])
def test_events_of_many_lines(world, logs, group, busybox, options):
    script = r"printf 'INFO 10:00:00 a\n  at x\n  at y\nERROR 10:00:01 b\nINFO 10:00:02 c\n'; sleep 1; printf '  late\n'"
    definition = world.register("many-lines", {"image": busybox, "command": ["sh", "-c", script], "logConfiguration": awslogs(group, **options)})
    task = world.run_task(definition)["taskArn"]
    world.wait_task(task, "STOPPED")
    wanted = ["INFO 10:00:00 a\n  at x\n  at y\n", "ERROR 10:00:01 b\n", "INFO 10:00:02 c\n  late\n"]
    wait_until(lambda: len(found(logs, group, "")) >= 3, 20, "three events")
    assert found(logs, group, "") == wanted


def test_no_line_is_lost_or_out_of_order_while_server_and_agent_are_killed(fresh_world, tmp_path):
    """A container prints numbered lines for some seconds. It is not held up, whatever dies."""
    print(f"GANTRY_LOGS_SEED={SEED}")
    chance, world = random.Random(SEED), fresh_world
    import_busybox(world, tmp_path)
    script = "i=0; while [ $i -lt 4000 ]; do echo line $i; i=$((i+1)); [ $((i % 20)) = 0 ] && usleep 20000; done"
    definition = world.register("lines", {
        "image": "busybox:latest", "command": ["sh", "-c", script],
        "logConfiguration": awslogs("/lines", mode="non-blocking", max_buffer_size="1m"),
    })
    task = world.run_task(definition)["taskArn"]
    world.wait_task(task, "RUNNING")
    started = time.monotonic()
    for victim in ["server", "agent", "server", "agent"]:
        time.sleep(chance.uniform(0.1, 0.9))
        if victim == "server":
            world.kill_server()
            time.sleep(chance.uniform(0, 0.5))
            world.start_server()
        else:
            world.kill_agent()
            time.sleep(chance.uniform(0, 0.5))
            world.start_agent()
    stopped = world.wait_task(task, "STOPPED", 60)
    took = (stopped["stoppedAt"] - stopped["startedAt"]).total_seconds()
    logs = world.client("logs")
    wait_until(lambda: found(logs, "/lines", '"line 3999"'), 30, "the last line")
    numbers = [int(message.split()[1]) for message in found(logs, "/lines", "")]
    assert list(dict.fromkeys(numbers)) == list(range(4000))
    # Two hundred pauses of 20 ms: it ran on while nobody took its lines.
    assert stopped["containers"][0]["exitCode"] == 0
    print(f"{len(numbers) - 4000} lines twice; the container took {took:.1f} s of {time.monotonic() - started:.1f} s")


def test_live_tail(world, logs, group):
    """Events as they come in, of the pattern, soon; not those that were there before."""
    put(logs, group, "ERROR before")
    arn = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"][0]["logGroupArn"]
    # The prefix `stream-` would go before 127.0.0.1.
    client = world.client("logs", config=Config(inject_host_prefix=False, read_timeout=20))
    seen, started = [], threading.Event()

    def follow():
        stream = client.start_live_tail(logGroupIdentifiers=[arn], logEventFilterPattern="ERROR")["responseStream"]
        for event in stream:
            if "sessionStart" in event:
                assert event["sessionStart"]["logGroupIdentifiers"] == [arn]
                started.set()
            elif "sessionUpdate" in event:
                update = event["sessionUpdate"]
                assert update["sessionMetadata"]["sampled"] is False
                seen.extend((result["message"], result["logStreamName"], time.monotonic()) for result in update["sessionResults"])
                if len(seen) >= 3:
                    stream.close()
                    return

    follower = threading.Thread(target=follow)
    follower.start()
    assert started.wait(10)
    delays = []
    for number in range(3):
        time.sleep(0.3)
        put(logs, group, f"ERROR {number}", f"INFO {number}")
        put_at = time.monotonic()
        wait_until(lambda: len(seen) > number, 10, "the event")
        delays.append(seen[number][2] - put_at)
    follower.join(10)
    assert [message for message, _, _ in seen] == ["ERROR 0", "ERROR 1", "ERROR 2"] and {stream for _, stream, _ in seen} == {"s"}
    assert min(delays) < 0.5, delays
    with pytest.raises(ClientError) as error:
        client.start_live_tail(logGroupIdentifiers=["/none"])
    assert error.value.response["Error"]["Code"] == "ResourceNotFoundException"


def test_a_server_that_stops_ends_live_tails(fresh_world):
    world = fresh_world
    world.client("logs").create_log_group(logGroupName="/tail")
    client = world.client("logs", config=Config(inject_host_prefix=False, read_timeout=60))
    stream = client.start_live_tail(logGroupIdentifiers=["/tail"])["responseStream"]
    events = iter(stream)
    assert "sessionStart" in next(events) and "sessionUpdate" in next(events)
    began = time.monotonic()
    world.server.terminate()
    try:
        for _ in events:
            pass
    except Exception:
        pass
    world.server.wait(30)
    assert time.monotonic() - began < 10
    world.start_server()


def test_gantry_logs_follows_at_once(world, logs, group, busybox):
    script = "i=0; while [ $i -lt 15 ]; do echo tick $i; i=$((i+1)); usleep 300000; done"
    definition = world.register("ticker", {"image": busybox, "command": ["sh", "-c", script], "logConfiguration": awslogs(group)})
    task = world.run_task(definition)["taskArn"]
    world.wait_task(task, "RUNNING")
    follower = subprocess.Popen([GANTRY, "logs", "-f", task.rsplit("/", 1)[1]], env=world.environment(), stdout=subprocess.PIPE, text=True)
    seen = {}
    for line in follower.stdout:
        if "tick" in line:
            seen[int(line.split()[-1])] = time.time()
    follower.wait()
    written = {}
    for event in logs.filter_log_events(logGroupName=group, filterPattern="tick")["events"]:
        written[int(event["message"].split()[1])] = event["timestamp"] / 1000
    assert sorted(seen) == list(range(15))
    delays = sorted(seen[number] - written[number] for number in range(5, 15))
    print(f"delays: {[round(delay * 1000) for delay in delays]} ms")
    assert delays[len(delays) // 2] < 0.3
