"""The state: backups that another server starts from, and a disk that is full."""

import os
import subprocess

import botocore.exceptions
import pytest
from world import GANTRY, World, wait_until


@pytest.fixture
def server():
    world = World().start_server()
    yield world
    world.stop()


def gantry(*arguments, check=True):
    return subprocess.run(
        [str(argument) for argument in (GANTRY, *arguments)], capture_output=True, text=True, timeout=60, check=check
    )


def cluster_names(world):
    clusters = world.client("ecs").list_clusters()["clusterArns"]
    return sorted(arn.rsplit("/", 1)[1] for arn in clusters)


def test_a_backup_of_a_running_server_starts_another(server):
    server.client("ecs").create_cluster(clusterName="kept")
    file = server.directory / "state.backup"
    gantry("backup", file, "--data-dir", server.data_dir("server"))
    assert file.stat().st_mode & 0o777 == 0o600
    assert not list((server.data_dir("server") / "backups").iterdir()), "nothing is left at the server"
    server.client("ecs").create_cluster(clusterName="later")

    again = gantry("backup", file, "--data-dir", server.data_dir("server"), check=False)
    assert again.returncode == 1 and "exists already" in again.stderr
    refused = gantry("restore", file, "--data-dir", server.data_dir("server"), check=False)
    assert refused.returncode == 1 and "is not empty" in refused.stderr

    other = World()
    try:
        gantry("restore", file, "--data-dir", other.data_dir("server"))
        other.start_server()
        assert other.credentials == server.credentials
        assert cluster_names(other) == ["default", "kept"]
    finally:
        other.stop()


def test_a_backup_of_a_stopped_server_and_a_damaged_one(server):
    server.client("ecs").create_cluster(clusterName="kept")
    server.kill_server()
    file, data = server.directory / "offline.backup", server.data_dir("server")
    gantry("backup", file, "--data-dir", data)
    damaged = bytearray(file.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    (server.directory / "damaged.backup").write_bytes(damaged)
    refused = gantry(
        "restore", server.directory / "damaged.backup", "--data-dir", server.data_dir("empty"), check=False
    )
    assert refused.returncode == 1 and "damaged" in refused.stderr
    assert not list(server.data_dir("empty").iterdir()), "nothing half restored"
    data.rename(server.data_dir("old"))
    gantry("restore", file, "--data-dir", data)
    server.start_server()
    assert cluster_names(server) == ["default", "kept"]


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small file system")
def test_a_full_disk_refuses_changes_serves_reads_and_goes_on():
    world = World()
    data = world.data_dir("server")
    data.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m,mode=0700", "tmpfs", data], check=True)
    try:
        world.start_server()
        ecs = world.client("ecs")
        filler = data / "filler"
        with open(filler, "wb") as out:
            try:
                while True:
                    out.write(b"x" * 65536)
                    out.flush()
            except OSError as error:
                assert error.errno == 28
        accepted, refusal = [], None
        # The log has room reserved; large tags use it up.
        for number in range(4000):
            tags = [{"key": f"key-{at}", "value": "v" * 250} for at in range(45)]
            try:
                ecs.create_cluster(clusterName=f"full-{number}", tags=tags)
                accepted.append(f"full-{number}")
            except botocore.exceptions.ClientError as error:
                refusal = error
                break
        assert refusal is not None and accepted
        assert refusal.response["Error"]["Code"] == "ServerException"
        assert "disk is full" in refusal.response["Error"]["Message"]
        described = ecs.describe_clusters(clusters=[accepted[-1], f"full-{len(accepted)}"])
        assert [cluster["clusterName"] for cluster in described["clusters"]] == [accepted[-1]], "reads go on"
        filler.unlink()

        def creates():
            try:
                return ecs.create_cluster(clusterName="after")
            except botocore.exceptions.ClientError:
                return None

        wait_until(creates, 10, "the server to take changes again")
        world.kill_server()
        world.start_server()
        names = [arn.rsplit("/", 1)[1] for page in ecs.get_paginator("list_clusters").paginate() for arn in page["clusterArns"]]
        assert sorted(names) == sorted(["default", "after", *accepted]), "what was acknowledged, and nothing else"
    finally:
        if world.server:
            world.server.terminate()
            world.server.wait(30)
            world.server = None
        subprocess.run(["umount", data], check=True)
        world.stop()
