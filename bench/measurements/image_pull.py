"""Pull and unpack of an image of 500 MB that is not there yet; beside `docker pull` of it from the same registry."""

import base64
import gzip
import hashlib
import json
import os
import subprocess
import tarfile
import tempfile
import time
from pathlib import Path

from bench import Bench, metric, wait_until
from peers import Docker

NAME = "image_pull"
BYTES = 500 * 1000 * 1000
LAYERS = 5
# Real files: how well they compress and how many there are decides.
SOURCES = ("/usr/lib", "/usr/bin", "/usr/share", "/usr/local", str(Path.home() / ".rustup"))


def run(bench: Bench):
    with bench.gantry(agent=False) as world, tempfile.TemporaryDirectory(prefix="gantry-bench-image-") as directory:
        world.client("ecr").create_repository(repositoryName="bench")
        size = make_layout(Path(directory), round(BYTES * min(1, bench.scale)), LAYERS)
        login = registry_login(world)
        push(world, Path(directory), login)
        note = f"{size / 1e6:.0f} MB in {LAYERS} gzip layers"
        samples = [gantry(world, number) for number in range(bench.times(3))]
        row = bench.results.add(NAME, "pull and unpack", samples, unit="s", note=note)
        if bench.peers:
            with Docker() as docker:
                samples = [docker_pull(docker, world, login) for _ in range(bench.times(3))]
            peer = bench.results.add(NAME, "docker pull", samples, unit="s", peer=True, note=note)
            row.goal = "faster than docker pull"
            row.verdict = "reached" if row.median < peer.median else "MISSED"


def gantry(world, number: int) -> float:
    """On a node that has no image yet, by the task's pullStartedAt and pullStoppedAt."""
    name = f"node-{number}"
    world.start_agent(name)
    wait_until(lambda: metric(world, 'gantry_nodes{connected="true"}') == 1, 30, "the node to connect")
    definition = world.register("bench-pull", {"image": "bench:1", "command": ["/none"]})
    arn = world.run_task(definition)["taskArn"]
    task = world.wait_task(arn, "STOPPED", 600)
    agent = world.agents.pop(name)
    agent.terminate()
    agent.wait(60)
    world.purge_node(name)
    wait_until(lambda: metric(world, 'gantry_nodes{connected="true"}') == 0, 30, "the node to go")
    assert "CannotPull" not in task["containers"][0].get("reason", ""), task["containers"][0]
    return (task["pullStoppedAt"] - task["pullStartedAt"]).total_seconds()


def docker_pull(docker: Docker, world, login: tuple[str, str]) -> float:
    host = f"127.0.0.1:{world.port}"
    docker.run("login", "-u", login[0], "--password-stdin", host, input=login[1].encode())
    began = time.perf_counter()
    docker.run("pull", "-q", f"{host}/bench:1")
    seconds = time.perf_counter() - began
    docker.run("rmi", f"{host}/bench:1")
    docker.run("logout", host)
    return seconds


def registry_login(world) -> tuple[str, str]:
    token = world.client("ecr").get_authorization_token()["authorizationData"][0]["authorizationToken"]
    user, password = base64.b64decode(token).decode().split(":", 1)
    return user, password


def push(world, layout: Path, login: tuple[str, str]):
    subprocess.run(
        ["skopeo", "copy", "--dest-tls-verify=false", "--dest-creds", ":".join(login), f"oci:{layout}:1", f"docker://127.0.0.1:{world.port}/bench:1"],
        check=True, capture_output=True, timeout=600,
    )


def make_layout(directory: Path, size: int, layers: int) -> int:
    """An OCI layout with files of this machine, and how many bytes they are."""
    (directory / "blobs/sha256").mkdir(parents=True)
    files, total, described, diff_ids = _files(), 0, [], []
    for _ in range(layers):
        archive = directory / "layer.tar"
        taken = 0
        with tarfile.open(archive, "w") as tar:
            while taken < size / layers and (path := next(files, None)):
                tar.add(path, arcname=str(path).lstrip("/"), recursive=False)
                taken += path.stat().st_size
        total += taken
        plain = archive.read_bytes()
        archive.unlink()
        diff_ids.append(_digest(plain))
        described.append(_blob(directory, gzip.compress(plain, 6), "application/vnd.oci.image.layer.v1.tar+gzip"))
    image = {"architecture": "amd64", "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": diff_ids}}
    config = _blob(directory, json.dumps(image).encode(), "application/vnd.oci.image.config.v1+json")
    kind = "application/vnd.oci.image.manifest.v1+json"
    manifest = {"schemaVersion": 2, "mediaType": kind, "config": config, "layers": described}
    entry = _blob(directory, json.dumps(manifest).encode(), kind)
    entry["annotations"] = {"org.opencontainers.image.ref.name": "1"}
    (directory / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
    (directory / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    return total


def _files():
    for source in SOURCES:
        for parent, directories, names in os.walk(source):
            directories.sort()
            for name in sorted(names):
                path = Path(parent, name)
                if path.is_file() and not path.is_symlink():
                    yield path


def _blob(directory: Path, content: bytes, kind: str) -> dict:
    digest = _digest(content)
    (directory / "blobs/sha256" / digest.removeprefix("sha256:")).write_bytes(content)
    return {"mediaType": kind, "digest": digest, "size": len(content)}


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
