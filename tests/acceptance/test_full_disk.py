"""A node whose disk is full says so, and goes on when there is room."""

import subprocess

import pytest

from conftest import import_demo
from world import World

BIG_MIB = 48


@pytest.fixture(params=[("size=40m", "space"), ("nr_inodes=260", "inodes")], ids=["blocks", "inodes"])
def small_node(request, tmp_path):
    """A world whose node keeps its data on a small file system."""
    options, missing = request.param
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", disk], check=True)
    world = World()
    try:
        world.data_dir("node-1").symlink_to(disk)
        world.start_server().start_agent()
        import_demo(world)
        yield world, missing
    finally:
        world.stop()
        subprocess.run(["umount", disk], check=True)


def test_an_image_that_does_not_fit(small_node, tmp_path):
    world, missing = small_node
    root = tmp_path / "root"
    root.mkdir()
    if missing == "space":
        with open(root / "big", "wb") as file, open("/dev/urandom", "rb") as random:
            file.write(random.read(BIG_MIB * 1024 * 1024))
    else:
        for number in range(400):
            (root / str(number)).write_text("x")
    world.gantry("image", "import", str(root), "big:latest", "--cmd", "/big")

    task = world.run_task(world.register("big", {"image": "big:latest"}))
    task = world.wait_task(task["taskArn"], "STOPPED")
    reason = task["containers"][0]["reason"]
    assert task["stopCode"] == "TaskFailedToStart"
    assert reason.startswith("CannotPullContainerError: ") and "no space left on device: the file system of" in reason
    assert reason.endswith(f"has no free {missing}"), reason

    task = world.run_task(world.register("small", {"command": ["exit", "0"]}))
    assert world.wait_task(task["taskArn"], "STOPPED")["containers"][0]["exitCode"] == 0, "half a layer takes no room"
