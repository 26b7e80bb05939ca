"""What an operator sees of the gateway: numbers, signs of life, the access log, throttling, a stop."""

import http.client
import signal
import time

import pytest
from botocore.exceptions import ClientError

from world import World, wait_until


@pytest.fixture
def server():
    """A server alone, with whatever options the test gives."""
    worlds = []

    def start(*options: str) -> World:
        world = World()
        worlds.append(world)
        spawn = world._spawn
        world._spawn = lambda name, *arguments: spawn(name, *arguments, *options)
        return world.start_server()

    yield start
    for world in worlds:
        world.stop()


def test_metrics(world, ecs):
    family = world.register("metrics", {})
    task = world.run_task(family)
    world.wait_task(task["taskArn"], "RUNNING")
    ecs.list_clusters()
    status, page = _get(world, "/metrics")
    assert status == 200
    numbers = dict(line.rsplit(" ", 1) for line in page.splitlines() if not line.startswith("#"))
    assert int(numbers['gantry_requests_total{service="ecs",operation="ListClusters",status="200"}']) >= 1
    assert int(numbers['gantry_request_seconds_bucket{service="ecs",operation="RunTask",le="+Inf"}']) >= 1
    assert int(numbers['gantry_tasks{status="RUNNING"}']) >= 1
    assert int(numbers['gantry_nodes{connected="true"}']) >= 1
    assert int(numbers["gantry_state_revision"]) > 0 and "gantry_state_not_durable" in numbers
    assert float(numbers["process_resident_memory_bytes"]) > 1 << 20
    ecs.stop_task(task=task["taskArn"])
    world.wait_task(task["taskArn"], "STOPPED")


def test_throttling_in_ecss_words(server):
    world = server("--throttle", "3:0")
    ecs = world.client("ecs")
    for _ in range(3):
        ecs.list_clusters()
    with pytest.raises(ClientError) as error:
        ecs.describe_clusters()
    assert error.value.response["Error"] == {"Code": "ThrottlingException", "Message": "Rate exceeded"}
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    # Another class has a bucket of its own.
    with pytest.raises(ClientError) as error:
        ecs.describe_task_definition(taskDefinition="none")
    assert error.value.response["Error"]["Code"] == "ClientException"


def test_a_stop_drains(server):
    world = server("--drain-seconds", "2")
    assert _get(world, "/healthz") == (200, "ok\n")
    world.server.send_signal(signal.SIGTERM)
    wait_until(lambda: _get(world, "/healthz")[0] == 503, 2, "/healthz to say 503", every=0.02)
    # Whoever still comes is served.
    assert world.client("ecs").list_clusters()["clusterArns"]
    began = time.monotonic()
    assert world.server.wait(15) == 0
    assert time.monotonic() - began < 8


def test_the_access_log_is_one_readable_line(server):
    world = server()
    world.client("ecs").list_clusters()
    line = wait_until(
        lambda: next((line for line in world.log("server").splitlines() if "ListClusters" in line), None), 5, "the line",
    )
    assert "access: 200 ecs ListClusters (POST /) " in line, line
    assert "task{" not in line, line
    assert not any("/healthz" in line for line in world.log("server").splitlines())


def test_an_empty_login_is_no_login(world):
    connection = http.client.HTTPConnection("127.0.0.1", world.port, timeout=10)
    answers = []
    for headers in ({}, {"Authorization": "Basic Og=="}):
        connection.request("GET", "/v2/", headers=headers)
        answer = connection.getresponse()
        answers.append((answer.status, answer.read()))
    assert answers[0] == answers[1] and answers[0][0] == 401, answers


def test_clock_skew_in_awss_words(world):
    import datetime
    from unittest import mock

    for minutes, words in ((-20, "Signature expired: "), (20, "Signature not yet current: ")):
        shifted = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=minutes)
        with mock.patch("botocore.auth.get_current_datetime", lambda *_, **__: shifted.replace(tzinfo=None)):
            with pytest.raises(ClientError) as error:
                # The SDK would correct its clock by the answer's date and try again.
                world.client("ecs").list_clusters()
        assert error.value.response["Error"]["Code"] == "InvalidSignatureException"
        message = error.value.response["Error"]["Message"]
        assert message.startswith(words) and "5 min.)" in message, message


def _get(world, path):
    connection = http.client.HTTPConnection("127.0.0.1", world.port, timeout=10)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()
