"""https beyond loopback: Gantry's own authority, and everybody who has to trust it."""

import http.client
import os
import socket
import ssl
import subprocess

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
