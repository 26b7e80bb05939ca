"""A Gantry of its own for tests: server and agents as separate processes on this machine, and clients to them."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

import boto3
from botocore.config import Config

ROOT = Path(__file__).resolve().parents[2]
GANTRY = Path(os.environ.get("GANTRY_BIN", ROOT / "target/debug/gantry"))
AWS_CLI = ROOT / ".venv/bin/aws"
DEMO_ROOT = ROOT / "target/demo/rootfs"
REGION = "us-east-1"
ACCOUNT = "123456789012"
START_SECONDS = 30


def free_port() -> int:
    """Free on every address, and below the ports that the kernel gives to connections: one of those would be taken by the next client."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as listener:
            try:
                listener.bind(("0.0.0.0", port))
                return port
            except OSError:
                continue


def wait_until(condition, seconds: float = 20, what: str = "the condition", every: float = 0.05):
    """Polls until the condition gives something true, and returns that."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s for {what}; last value: {value!r}")
        time.sleep(every)


class World:
    """Server and agents with their own data, network and port, so that a user's own Gantry is not touched."""

    def __init__(self):
        self.directory = Path(tempfile.mkdtemp(prefix="gantry-acceptance-"))
        self.port = free_port()
        self.address = "127.0.0.1"
        self.server_options: list[str] = []
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.number, self._claim = _claim_number()
        self.cidr = f"10.{100 + self.number}.0.0/20"
        self.network_name = f"gantryt{self.number}"
        self.server: subprocess.Popen | None = None
        self.agents: dict[str, subprocess.Popen] = {}
        # Two agents on one machine need two names for their namespaces, control groups and nftables table.
        self.network_names: dict[str, str] = {}

    # Processes

    def serve_at(self, address: str):
        """Has the server listen there, in plain HTTP, so that agents need no certificate."""
        self.address = address
        self.endpoint = f"http://{address}:{self.port}"
        self.server_options.append("--allow-plain-http")

    def start_server(self):
        self.server = self._spawn(
            "server", "server", "--listen", f"{self.address}:{self.port}", "--data-dir", self.data_dir("server"),
            "--default-subnet-cidr", self.cidr, *self.server_options,
        )
        wait_until(self._healthy, START_SECONDS, "the server to answer /healthz")
        return self

    def start_agent(self, name: str = "node-1", capacity: str = "serverless", *extra: str, within: tuple = (), overcommit: str = "cpu=16,memory=2"):
        """`within`: a command that ends by executing the agent's."""
        self.agents[name] = self._spawn(
            name, "agent", "--endpoint", self.endpoint, "--capacity", capacity, "--node-name", name,
            "--data-dir", self.data_dir(name), "--join-credentials", self.data_dir("server") / "root-credentials.json",
            "--network-cidr", self.cidr, "--network-name", self.network_name_of(name), "--overcommit", overcommit, *extra,
            within=within,
        )
        return self

    def wait_connected(self, count: int = 1):
        """Until so many nodes hold their connection."""
        def connected():
            with urllib.request.urlopen(f"{self.endpoint}/metrics", timeout=10) as answer:
                lines = answer.read().decode().splitlines()
            return any(line.startswith('gantry_nodes{connected="true"}') and float(line.split()[-1]) >= count for line in lines)
        wait_until(connected, START_SECONDS, f"{count} nodes to connect")
        return self

    def reservation(self, provider: str, cluster: str = "default") -> float | None:
        """CapacityProviderReservation, as /metrics tells it."""
        with urllib.request.urlopen(f"{self.endpoint}/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        start = f'gantry_capacity_provider_reservation{{cluster="{cluster}",capacity_provider="{provider}"}} '
        return next((float(line.removeprefix(start)) for line in lines if line.startswith(start)), None)

    def kill_server(self):
        self.server.send_signal(signal.SIGKILL)
        self.server.wait()

    def kill_agent(self, name: str = "node-1"):
        agent = self.agents.pop(name)
        agent.send_signal(signal.SIGKILL)
        agent.wait()

    def stop(self):
        """Ends everything and says what was left behind."""
        for name, agent in list(self.agents.items()):
            agent.terminate()
            _wait(agent)
            self.purge_node(name)
        if self.server:
            self.server.terminate()
            _wait(self.server)
        left = self.left_behind()
        self._claim.close()
        if not os.environ.get("KEEP_WORLD"):
            shutil.rmtree(self.directory, ignore_errors=True)
        assert not left, f"left behind: {left}"

    def purge_node(self, name: str):
        subprocess.run(
            [GANTRY, "down", "--data-dir", self.data_dir(name), "--network-name", self.network_name_of(name)],
            check=True, capture_output=True, timeout=60,
        )

    def network_name_of(self, agent: str) -> str:
        position = len(self.network_names)
        return self.network_names.setdefault(agent, f"{self.network_name}{'abcdefghijklmnopqrstuvwxyz'[position - 1] if position else ''}")

    def left_behind(self) -> list[str]:
        """Whatever of this world is still on the machine. What the kernel takes down with a delay gets a moment."""
        try:
            wait_until(lambda: not self._left_now(), 5, "the machine to be clean")
        except AssertionError:
            pass
        return self._left_now()

    def _left_now(self) -> list[str]:
        """Processes, mounts, namespaces, control groups, nftables tables and routes (a link has one) that are this world's."""
        needle = str(self.directory)
        names = set(self.network_names.values()) | {self.network_name}
        mounts = [line for line in Path("/proc/mounts").read_text().splitlines() if needle in line]
        processes = [f"{pid}: {command}" for pid, command in _processes() if needle in command]
        namespaces = [f"/run/netns/{entry}" for entry in _entries("/run/netns") if entry.split("-")[0] in names]
        hierarchies = ["/sys/fs/cgroup", *(f"/sys/fs/cgroup/{entry}" for entry in _entries("/sys/fs/cgroup"))]
        groups = [path for hierarchy in hierarchies for name in names if os.path.isdir(path := f"{hierarchy}/{name}")]
        tables = [line for line in _output("nft", "list", "tables") if line.split()[-1] in names]
        routes = _output("ip", "-4", "route", "show", "root", self.cidr)
        return mounts + processes + namespaces + groups + tables + routes

    def data_dir(self, name: str) -> Path:
        return self.directory / name

    def log(self, name: str) -> str:
        return (self.directory / f"{name}.log").read_text()

    def _spawn(self, name: str, *arguments, within: tuple = ()) -> subprocess.Popen:
        log = open(self.directory / f"{name}.log", "ab")
        environment = dict(os.environ, RUST_LOG=os.environ.get("RUST_LOG", "info"), NO_COLOR="1")
        return subprocess.Popen(
            [str(argument) for argument in (*within, GANTRY, *arguments)],
            stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=environment, start_new_session=True,
        )

    def _healthy(self) -> bool:
        if self.server.poll() is not None:
            raise AssertionError(f"the server ended with {self.server.returncode}:\n{self.log('server')}")
        try:
            with socket.create_connection((self.address, self.port), timeout=1) as stream:
                stream.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                return b" 200 " in stream.recv(64)
        except OSError:
            return False

    # Clients

    @property
    def credentials(self) -> dict:
        content = json.loads((self.data_dir("server") / "root-credentials.json").read_text())
        return {"aws_access_key_id": content["access_key_id"], "aws_secret_access_key": content["secret_access_key"]}

    @property
    def facts(self) -> dict:
        return json.loads((self.data_dir("server") / "gantry.json").read_text())

    def client(self, service: str, config: Config | None = None, **overrides):
        settings = dict(self.credentials, endpoint_url=self.endpoint, region_name=REGION)
        settings.update(overrides)
        basics = Config(retries={"max_attempts": 2, "mode": "standard"}, parameter_validation=False)
        return boto3.session.Session().client(service, config=basics.merge(config or Config()), **settings)

    def environment(self) -> dict:
        return dict(
            os.environ,
            AWS_ENDPOINT_URL=self.endpoint,
            AWS_DEFAULT_REGION=REGION,
            AWS_ACCESS_KEY_ID=self.credentials["aws_access_key_id"],
            AWS_SECRET_ACCESS_KEY=self.credentials["aws_secret_access_key"],
            AWS_PAGER="",
            GANTRY_ENDPOINT=self.endpoint,
            GANTRY_DATA_DIR=str(self.data_dir("server")),
            NO_COLOR="1",
        )

    def aws(self, *arguments: str) -> dict | str:
        """The AWS CLI from PyPI; JSON answers come parsed."""
        done = self.command(AWS_CLI, *arguments)
        assert done.returncode == 0, done.stderr
        try:
            return json.loads(done.stdout)
        except json.JSONDecodeError:
            return done.stdout

    def gantry(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess:
        done = self.command(GANTRY, *arguments)
        assert not check or done.returncode == 0, f"gantry {arguments} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        return done

    def command(self, *arguments, timeout: float = 120) -> subprocess.CompletedProcess:
        return subprocess.run(
            [str(argument) for argument in arguments], env=self.environment(), capture_output=True, text=True, timeout=timeout,
        )

    # What tests do all the time

    @property
    def network_configuration(self) -> dict:
        return {"awsvpcConfiguration": {"subnets": [self.facts["defaultSubnetId"]], "assignPublicIp": "DISABLED"}}

    def register(self, family: str, *containers: dict, **fields) -> str:
        """Registers a Fargate task definition of demo containers and returns its ARN."""
        definition = dict(
            family=family, networkMode="awsvpc", requiresCompatibilities=["FARGATE"], cpu="256", memory="512",
            containerDefinitions=[dict({"name": "main", "image": "demo:latest", "essential": True}, **container) for container in containers],
        )
        definition.update(fields)
        answer = self.client("ecs").register_task_definition(**definition)
        return answer["taskDefinition"]["taskDefinitionArn"]

    def run_task(self, task_definition: str, **fields) -> dict:
        settings = dict(taskDefinition=task_definition, launchType="FARGATE", networkConfiguration=self.network_configuration)
        settings.update(fields)
        answer = self.client("ecs").run_task(**{key: value for key, value in settings.items() if value is not None})
        assert answer["failures"] == [], answer["failures"]
        return answer["tasks"][0]

    def task(self, arn: str, cluster: str = "default") -> dict:
        answer = self.client("ecs").describe_tasks(cluster=cluster, tasks=[arn])
        assert answer["failures"] == [], answer["failures"]
        return answer["tasks"][0]

    def wait_task(self, arn: str, status: str, seconds: float = 30, cluster: str = "default") -> dict:
        def reached():
            task = self.task(arn, cluster)
            if status != "STOPPED" and task["lastStatus"] == "STOPPED":
                raise AssertionError(f"stopped instead of {status}: {task.get('stoppedReason')} {task['containers']}")
            return task if task["lastStatus"] == status else None

        return wait_until(reached, seconds, f"task {arn} to be {status}")

    def task_address(self, task: dict) -> str:
        for attachment in task["attachments"]:
            for detail in attachment["details"]:
                if detail["name"] == "privateIPv4Address":
                    return detail["value"]
        raise AssertionError(f"no address in {task['attachments']}")

    def create_service(self, name: str, task_definition: str, desired: int, **fields) -> dict:
        settings = dict(
            serviceName=name, taskDefinition=task_definition, desiredCount=desired, launchType="FARGATE",
            networkConfiguration=self.network_configuration,
        )
        settings.update(fields)
        return self.client("ecs").create_service(**settings)["service"]

    def service(self, name: str, cluster: str = "default") -> dict:
        answer = self.client("ecs").describe_services(cluster=cluster, services=[name])
        assert answer["failures"] == [], answer["failures"]
        return answer["services"][0]

    def wait_stable(self, name: str, seconds: float = 60) -> dict:
        def stable():
            service = self.service(name)
            ready = len(service["deployments"]) == 1 and service["runningCount"] == service["desiredCount"]
            return service if ready and service["pendingCount"] == 0 else None

        return wait_until(stable, seconds, f"service {name} to be stable")

    def service_tasks(self, name: str, status: str = "RUNNING") -> list[dict]:
        ecs = self.client("ecs")
        arns = ecs.list_tasks(serviceName=name, desiredStatus=status)["taskArns"]
        return ecs.describe_tasks(tasks=arns)["tasks"] if arns else []

    def delete_service(self, name: str):
        self.client("ecs").delete_service(service=name, force=True)
        wait_until(lambda: self.service(name)["status"] == "INACTIVE", 60, f"service {name} to be INACTIVE")


def _claim_number():
    """A number that no other world on this machine has, for addresses and names; free again when the socket is closed."""
    for number in range(1, 100):
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind(f"\0gantry-acceptance-{number}")
            return number, claim
        except OSError:
            claim.close()
    raise AssertionError("a hundred worlds run on this machine already")


def http_get(address: str, port: int = 8080, seconds: float = 3) -> str:
    with socket.create_connection((address, port), timeout=seconds) as stream:
        stream.sendall(b"GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
        answer = b""
        while chunk := stream.recv(4096):
            answer += chunk
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b" 200 " in head.splitlines()[0], head
    return body.decode()


def _wait(process: subprocess.Popen, seconds: float = 30):
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        raise AssertionError(f"{process.args} did not end within {seconds} s of SIGTERM")


def _entries(directory: str) -> list[str]:
    try:
        return os.listdir(directory)
    except FileNotFoundError:
        return []


def _output(*command: str) -> list[str]:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def _processes():
    for entry in _entries("/proc"):
        if entry.isdigit():
            try:
                command = Path(f"/proc/{entry}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if command:
                yield int(entry), command
