"""https beyond loopback: Gantry's own authority, and everybody who has to trust it."""

import base64
import http.client
import os
import shutil
import socket
import ssl
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest
from botocore.exceptions import SSLError

from conftest import import_demo
from world import AWS_CLI, GANTRY, World, wait_until


class TlsWorld(World):
    """A server on all addresses of this machine, spoken to at one that is not loopback."""

    def __init__(self):
        super().__init__()
        self.address = _address()
        self.endpoint = f"https://{self.address}:{self.port}"

    def start_server(self):
        self.server = self._spawn(
            "server", "server", "--listen", f"0.0.0.0:{self.port}", "--data-dir", self.data_dir("server"),
            "--default-subnet-cidr", self.cidr, "--metrics-listen", f"0.0.0.0:{self.metrics_port}",
        )
        wait_until(self._healthy, 30, "the server to answer /healthz")
        return self

    def start_agent(self, name: str = "node-1", capacity: str = "serverless", *extra: str):
        return super().start_agent(name, capacity, "--ca-certificate", str(self.authority), *extra)

    @property
    def metrics_port(self) -> int:
        return self.port + 1

    @property
    def authority(self):
        return self.data_dir("server") / "tls/ca.pem"

    def client(self, service: str, **overrides):
        return super().client(service, **{"verify": str(self.authority), **overrides})

    def environment(self) -> dict:
        return dict(super().environment(), AWS_CA_BUNDLE=str(self.authority))

    def get(self, path: str, **context) -> http.client.HTTPResponse:
        trust = ssl.create_default_context(cafile=str(self.authority))
        for name, value in context.items():
            setattr(trust, name, value)
        connection = http.client.HTTPSConnection(self.address, self.port, timeout=10, context=trust)
        connection.request("GET", path)
        return connection.getresponse()

    def _healthy(self) -> bool:
        if self.server.poll() is not None:
            raise AssertionError(f"the server ended with {self.server.returncode}:\n{self.log('server')}")
        try:
            return self.authority.exists() and self.get("/healthz").status == 200
        except OSError:
            return False


@pytest.fixture(scope="module")
def tls_world():
    world = TlsWorld()
    try:
        world.start_server().start_agent()
        import_demo(world)
        yield world
    finally:
        world.stop()


def test_a_task_runs_with_every_part_on_https(tls_world):
    """Agent, its websockets, the registry's pull, boto3."""
    assert tls_world.facts["endpoint"] == tls_world.endpoint
    family = tls_world.register("tls", {})
    task = tls_world.run_task(family)
    tls_world.wait_task(task["taskArn"], "RUNNING")
    tls_world.client("ecs").stop_task(task=task["taskArn"])
    tls_world.wait_task(task["taskArn"], "STOPPED")


def test_tls_1_2_with_an_rsa_key_and_1_3(tls_world):
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        assert tls_world.get("/healthz", maximum_version=version, minimum_version=version).status == 200
    trust = ssl.create_default_context(cafile=str(tls_world.authority))
    trust.maximum_version = ssl.TLSVersion.TLSv1_2
    trust.set_ciphers("ECDHE-RSA-AES128-GCM-SHA256")
    with socket.create_connection((tls_world.address, tls_world.port)) as plain:
        with trust.wrap_socket(plain, server_hostname=tls_world.address) as stream:
            assert stream.cipher()[0] == "ECDHE-RSA-AES128-GCM-SHA256"


def test_who_does_not_trust_the_authority_is_told(tls_world):
    with pytest.raises(SSLError):
        tls_world.client("ecs", verify=True).list_clusters()
    environment = dict(tls_world.environment(), GANTRY_DATA_DIR=str(tls_world.directory / "none"))
    del environment["AWS_CA_BUNDLE"]
    done = subprocess.run([GANTRY, "ps"], env=environment, capture_output=True, text=True)
    assert done.returncode != 0 and "--ca-certificate" in done.stderr, done.stderr


def test_gantry_configure_and_the_aws_cli(tls_world, tmp_path):
    environment = {name: value for name, value in tls_world.environment().items() if not name.startswith("AWS_")}
    environment["HOME"] = str(tmp_path)
    subprocess.run([GANTRY, "configure"], env=environment, check=True, capture_output=True)
    config = (tmp_path / ".aws/config").read_text()
    assert f"endpoint_url = {tls_world.endpoint}" in config
    assert f"ca_bundle = {tmp_path}/.aws/gantry-ca.pem" in config
    done = subprocess.run(
        [AWS_CLI, "--profile", "gantry", "ecs", "list-clusters"], env=environment, capture_output=True, text=True,
    )
    assert done.returncode == 0 and "cluster/default" in done.stdout, done.stderr


def test_skopeo_pushes_and_pulls(tls_world, tmp_path):
    host, (user, password) = f"{tls_world.address}:{tls_world.port}", _registry_login(tls_world)
    tls_world.client("ecr").create_repository(repositoryName="by/skopeo")
    trust = _trust_directory(tls_world, tmp_path / "trust")
    first, second = f"oci:{tmp_path / 'first'}:1", f"oci:{tmp_path / 'second'}:1"
    for source, target in (
        (f"docker://{host}/demo:latest", first), (first, f"docker://{host}/by/skopeo:1"), (f"docker://{host}/by/skopeo:1", second),
    ):
        side = "src" if source.startswith("docker:") else "dest"
        done = subprocess.run(
            ["skopeo", "copy", f"--{side}-cert-dir={trust}", f"--{side}-creds={user}:{password}", source, target],
            capture_output=True, text=True, timeout=120,
        )
        assert done.returncode == 0, done.stderr
    task = tls_world.run_task(tls_world.register("by-skopeo", {"image": f"{host}/by/skopeo:1", "command": ["exit", "6"]}))
    assert tls_world.wait_task(task["taskArn"], "STOPPED", 60)["containers"][0]["exitCode"] == 6


@pytest.mark.skipif(not os.path.exists("/usr/sbin/dockerd"), reason="there is no Docker Engine on this machine")
def test_docker_pushes_and_pulls(tls_world, tmp_path):
    host, (user, password) = f"{tls_world.address}:{tls_world.port}", _registry_login(tls_world)
    tls_world.client("ecr").create_repository(repositoryName="by/docker")
    trust = _trust_directory(tls_world, Path("/etc/docker/certs.d") / host)
    try:
        with _docker(tmp_path) as docker:
            docker("login", "--username", user, "--password-stdin", host, input=password)
            docker("pull", f"{host}/demo:latest")
            docker("tag", f"{host}/demo:latest", f"{host}/by/docker:1")
            docker("push", f"{host}/by/docker:1")
            docker("rmi", f"{host}/demo:latest", f"{host}/by/docker:1")
            docker("pull", f"{host}/by/docker:1")
    finally:
        shutil.rmtree(trust)
    task = tls_world.run_task(tls_world.register("by-docker", {"image": f"{host}/by/docker:1", "command": ["exit", "5"]}))
    assert tls_world.wait_task(task["taskArn"], "STOPPED", 60)["containers"][0]["exitCode"] == 5


@contextmanager
def _docker(directory):
    """A Docker Engine of its own that touches no network of this machine; what it takes are commands of its client."""
    socket_file, log = directory / "docker.sock", open(directory / "dockerd.log", "wb")
    daemon = subprocess.Popen(
        ["/usr/sbin/dockerd", "--data-root", directory / "data", "--exec-root", directory / "exec", "--pidfile", directory / "pid",
         "-H", f"unix://{socket_file}", "--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-forward=false"],
        stdout=log, stderr=log, start_new_session=True,
    )

    def docker(*arguments, input=None):
        command = ["docker", "--config", directory / "config", "-H", f"unix://{socket_file}", *arguments]
        done = subprocess.run([str(word) for word in command], input=input, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr

    try:
        wait_until(socket_file.exists, 60, "dockerd to listen")
        docker("info")
        yield docker
    finally:
        daemon.terminate()
        daemon.wait(60)
        for line in reversed(Path("/proc/mounts").read_text().splitlines()):
            if str(directory) in line:
                subprocess.run(["umount", "-l", line.split()[1]], check=True)


def _trust_directory(world, directory: Path) -> Path:
    directory.mkdir(parents=True)
    shutil.copy(world.authority, directory / "ca.crt")
    return directory


def _registry_login(world) -> list[str]:
    token = world.client("ecr").get_authorization_token()["authorizationData"][0]["authorizationToken"]
    return base64.b64decode(token).decode().split(":", 1)


def test_keys_are_the_owners_alone(tls_world):
    for name in ("ca.key", "server.key"):
        assert os.stat(tls_world.data_dir("server") / "tls" / name).st_mode & 0o077 == 0


def test_metrics_are_at_their_own_address_only(tls_world):
    assert tls_world.get("/metrics").status != 200
    connection = http.client.HTTPConnection(tls_world.address, tls_world.metrics_port, timeout=10)
    connection.request("GET", "/metrics")
    page = connection.getresponse().read().decode()
    assert "gantry_state_revision" in page and 'gantry_nodes{connected="true"} 1' in page
    connection.request("GET", "/v2/")
    answer = connection.getresponse()
    assert answer.status == 404, answer.read()


def _address() -> str:
    """An address of this machine that is not loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))
        return probe.getsockname()[0]
