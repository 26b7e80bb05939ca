"""One Gantry for most tests; a fresh one for those that kill it."""

import os
import subprocess

import pytest

from hosts import Hosts
from world import DEMO_ROOT, GANTRY, World


def pytest_configure(config):
    if os.geteuid() != 0:
        raise pytest.UsageError("acceptance tests run containers: run them as root")
    for needed in (GANTRY, DEMO_ROOT / "demo"):
        if not needed.exists():
            raise pytest.UsageError(f"{needed} is missing: run `make acceptance`")


@pytest.fixture(scope="session")
def world():
    """Server, one serverless node, the demo image."""
    yield from _world()


@pytest.fixture
def fresh_world():
    """As `world`, for one test alone."""
    yield from _world()


def _world():
    world = World()
    try:
        world.start_server().start_agent()
        import_demo(world)
        yield world
    finally:
        world.stop()


@pytest.fixture(scope="module")
def hosts():
    """A server and three serverless hosts, each with a network of its own, and the demo image."""
    hosts = Hosts()
    try:
        hosts.world.start_server()
        for name in ("host-1", "host-2", "host-3"):
            hosts.add(name)
        import_demo(hosts.world)
        yield hosts
    finally:
        hosts.close()


def import_demo(world: World):
    world.gantry("image", "import", str(DEMO_ROOT), "demo:latest", "--entrypoint", "/demo", "--cmd", "serve")


def import_busybox(world: World, root):
    (root / "bin").mkdir()
    (root / "etc").mkdir()
    (root / "tmp").mkdir()
    binary = (root / "bin/busybox")
    binary.write_bytes(open("/bin/busybox", "rb").read())
    binary.chmod(0o755)
    applets = subprocess.run(["/bin/busybox", "--list"], capture_output=True, text=True, check=True).stdout.split()
    for applet in applets:
        if applet != "busybox":
            (root / "bin" / applet).symlink_to("busybox")
    (root / "etc/passwd").write_text("root:x:0:0:root:/:/bin/sh\nworker:x:1000:1000:worker:/:/bin/sh\n")
    (root / "etc/group").write_text("root:x:0:\nworker:x:1000:\n")
    world.gantry("image", "import", str(root), "busybox:latest", "--cmd", "sh")


@pytest.fixture(scope="session")
def busybox(world, tmp_path_factory):
    """An image with a shell, imported as `busybox:latest`."""
    import_busybox(world, tmp_path_factory.mktemp("busybox"))
    return "busybox:latest"


@pytest.fixture
def ecs(world):
    return world.client("ecs")
