"""Images of other registries: logins, mirrors, authorities; what an image says of volumes; runc in libcontainer's place."""

import base64
import json
import time

import pytest

from oci_registry import PASSWORD, USER, Registry, machine_address, make_certificate
from world import World, free_port, wait_until

# A machine under load takes its time to pull.
PULL_SECONDS = 60


@pytest.fixture(scope="module")
def registries(tmp_path_factory):
    address = machine_address()
    authority, certificate, key = make_certificate(tmp_path_factory.mktemp("certificates"), address)
    made = {
        "basic": Registry("basic"), "bearer": Registry("bearer"), "closed": Registry("bearer"), "mirror": Registry(),
        "tls": Registry(address=address, certificate=(certificate, key)),
    }
    made["authority"] = authority
    yield made
    for registry in made.values():
        if isinstance(registry, Registry):
            registry.stop()


@pytest.fixture(scope="module")
def node(registries, tmp_path_factory):
    """A node that was told about the registries, and makes containers with runc."""
    logins = tmp_path_factory.mktemp("logins") / "config.json"
    login = {"auth": base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()}
    logins.write_text(json.dumps({"auths": {registries["basic"].host: login, f"http://{registries['bearer'].host}/v2/": {"username": USER, "password": PASSWORD}}}))
    world = World()
    try:
        world.start_server().start_agent(
            "node-1", "serverless", "--registry-auth", str(logins), "--registry-ca", str(registries["authority"]),
            # Nobody listens at the first one.
            "--registry-mirror", f"docker.io=http://127.0.0.1:{free_port()}", "--registry-mirror", f"docker.io=http://{registries['mirror'].host}/hub",
            "--oci-runtime", "runc",
        ).wait_connected()
        yield world
    finally:
        world.stop()


def _run(world, family: str, image: str, script: str, **container) -> dict:
    task = world.run_task(world.register(family, {"image": image, "command": ["sh", "-c", script], **container}))
    return world.wait_task(task["taskArn"], "STOPPED", PULL_SECONDS)


@pytest.mark.parametrize("login", ["basic", "bearer"])
def test_a_registry_with_a_login(node, registries, login):
    digest = registries[login].put("private/app", "1")
    stopped = _run(node, f"login-{login}", f"{registries[login].host}/private/app:1", "exit 7")
    assert (stopped["containers"][0]["exitCode"], stopped["containers"][0]["imageDigest"]) == (7, digest)


def test_without_a_login_the_pull_is_denied(node, registries):
    registries["closed"].put("private/app", "1")
    stopped = _run(node, "denied", f"{registries['closed'].host}/private/app:1", "exit 7")
    reason = stopped["containers"][0]["reason"]
    assert reason.startswith("CannotPullContainerError: ") and "pull access denied" in reason, reason
    assert stopped["stopCode"] == "TaskFailedToStart"


def test_mirrors_are_asked_first(node, registries):
    registries["mirror"].put("hub/library/tool", "1")
    stopped = _run(node, "mirrored", "docker.io/tool:1", "exit 8")
    assert stopped["containers"][0]["exitCode"] == 8
    assert ("GET", "/v2/hub/library/tool/manifests/1") in registries["mirror"].asked


def test_an_operators_own_authority(node, registries):
    registries["tls"].put("app", "1")
    stopped = _run(node, "own-authority", f"{registries['tls'].host}/app:1", "exit 9")
    assert stopped["containers"][0].get("exitCode") == 9, stopped["containers"][0]


def test_what_an_image_says_of_volumes(node, registries):
    """A declared directory can be written although the root cannot, and has what the image has in it."""
    image = f"{registries['basic'].host}/volumes:1"
    registries["basic"].put("volumes", "1", {"data/seen": b"yes\n"}, Volumes={"/data": {}})
    script = "test -f /data/seen && echo x > /data/new && test $(stat -c %a /data) = 750 && ! echo x > /other 2> /dev/null && exit 11"
    stopped = _run(node, "volumes", image, script, readonlyRootFilesystem=True)
    assert stopped["containers"][0]["exitCode"] == 11


def test_a_terminal(node, registries):
    registries["basic"].put("private/app", "1")
    stopped = _run(node, "terminal", f"{registries['basic'].host}/private/app:1", "test -t 0 && test -t 1 && exit 12", pseudoTerminal=True)
    assert stopped["containers"][0]["exitCode"] == 12


def test_later_tasks_run_what_the_first_one_did(node, registries):
    """The tag moves on while the service runs; a new deployment follows it, more tasks of the old one do not."""
    ecs, image = node.client("ecs"), f"{registries['basic'].host}/private/moving:1"
    first = registries["basic"].put("private/moving", "1")
    definition = node.register("moving", {"image": image, "command": ["sh", "-c", "sleep 1000"], "stopTimeout": 2})
    node.create_service("moving", definition, 1)
    node.wait_stable("moving", PULL_SECONDS)
    second = registries["basic"].put("private/moving", "1", {"data/new": b"new"})
    assert first != second
    ecs.update_service(service="moving", desiredCount=2)
    node.wait_stable("moving", PULL_SECONDS)
    tasks = node.service_tasks("moving")
    assert [task["containers"][0]["imageDigest"] for task in tasks] == [first, first]
    assert {task["containers"][0]["image"] for task in tasks} == {image}
    ecs.update_service(service="moving", forceNewDeployment=True)
    node.wait_stable("moving", PULL_SECONDS)
    assert [task["containers"][0]["imageDigest"] for task in node.service_tasks("moving")] == [second, second]
    node.delete_service("moving")


def test_runc_makes_the_containers(node, registries):
    """Its own state is there while the container runs; health checks run in it; nobody is needed to keep it running."""
    registries["basic"].put("private/app", "1")
    health = {"command": ["CMD-SHELL", "test -f /tmp/well"], "interval": 5, "retries": 1}
    definition = node.register("by-runc", {"image": f"{registries['basic'].host}/private/app:1", "command": ["sh", "-c", "echo > /tmp/well; sleep 1000"], "healthCheck": health})
    arn = node.run_task(definition)["taskArn"]
    node.wait_task(arn, "RUNNING", PULL_SECONDS)
    states = list(node.data_dir("node-1").glob("node/runtime/containers/*/oci-runtime/state/oci/state.json"))
    assert len(states) == 1, states
    wait_until(lambda: node.task(arn)["healthStatus"] == "HEALTHY", 30, "the health check")
    began = time.monotonic()
    node.client("ecs").stop_task(task=arn)
    stopped = node.wait_task(arn, "STOPPED", 60)
    assert stopped["containers"][0]["exitCode"] == 137, "the shell is process 1 and does not listen to SIGTERM"
    assert time.monotonic() - began >= 29, "stopTimeout"
