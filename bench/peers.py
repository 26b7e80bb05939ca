"""The peers: Debian's dockerd, alone or as a Swarm of one node, with data of its own. Nothing of it stays on the machine."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from world import DEMO_ROOT, wait_until

FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")


class Docker:
    """Debian's dockerd for as long as the measurement takes, with the demo image."""

    def __init__(self):
        self.directory = Path(tempfile.mkdtemp(prefix="gantry-bench-docker-"))
        self.socket = self.directory / "docker.sock"
        self.daemon = None

    def __enter__(self):
        self.before = _Traces.now()
        self.forwarding = FORWARDING.read_text()
        FORWARDING.write_text("1")
        log = open(self.directory / "dockerd.log", "wb")
        # Debian's package; a `docker` from elsewhere may come first on the path.
        daemon = "/usr/sbin/dockerd" if Path("/usr/sbin/dockerd").exists() else "dockerd"
        self.daemon = subprocess.Popen(
            [daemon, "--data-root", self.directory / "data", "--exec-root", self.directory / "exec", "--pidfile", self.directory / "pid",
             "-H", f"unix://{self.socket}", "--exec-opt=native.cgroupdriver=cgroupfs"],
            stdout=log, stderr=log, start_new_session=True,
        )
        try:
            wait_until(self._answers, 60, "dockerd to answer")
            archive = subprocess.run(["tar", "-C", DEMO_ROOT, "-c", "."], check=True, capture_output=True).stdout
            self.run("import", "-c", 'ENTRYPOINT ["/demo"]', "-c", 'CMD ["serve"]', "-", "demo", input=archive)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        try:
            if names := self.run("ps", "-aq", check=False).stdout.decode().split():
                self.run("rm", "-f", *names, check=False)
        finally:
            self.daemon.terminate()
            try:
                self.daemon.wait(60)
            except subprocess.TimeoutExpired:
                self.daemon.kill()
                self.daemon.wait()
            self._remove_traces()

    def run(self, *arguments, input=None, check=True):
        return subprocess.run(
            ["docker", "-H", f"unix://{self.socket}", *(str(argument) for argument in arguments)], input=input, capture_output=True, check=check, timeout=300,
        )

    def api(self, method: str, path: str, body=None):
        connection = http.client.HTTPConnection("localhost")
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(str(self.socket))
        connection.request(method, path, json.dumps(body) if body is not None else None, {"Content-Type": "application/json"})
        response = connection.getresponse()
        content = response.read()
        connection.close()
        assert response.status < 300, content
        return json.loads(content) if content else None

    def _answers(self) -> bool:
        if self.daemon.poll() is not None:
            raise AssertionError(f"dockerd ended:\n{(self.directory / 'dockerd.log').read_text()[-2000:]}")
        try:
            return self.api("GET", "/_ping") is None
        except json.JSONDecodeError:
            return True  # it answers `OK`, which is no JSON
        except OSError:
            return False

    def _remove_traces(self):
        for line in reversed(Path("/proc/mounts").read_text().splitlines()):
            if str(self.directory) in line:
                subprocess.run(["umount", "-l", line.split()[1]], capture_output=True)
        shutil.rmtree(self.directory, ignore_errors=True)
        FORWARDING.write_text(self.forwarding)
        new = _Traces.now().without(self.before)
        for link in new.links:
            subprocess.run(["ip", "link", "delete", link], capture_output=True)
        for table in new.tables:
            subprocess.run(["nft", "delete", "table", *table.split()], capture_output=True)
        for group in sorted(new.groups, reverse=True):
            _remove_group(Path(group))
        left = _Traces.now().without(self.before)
        assert not (left.links or left.tables or left.groups), f"dockerd left behind: {left}"


class Swarm:
    """A Swarm of this one node. Its services have no virtual addresses: the kernel may lack IPVS, and nobody asks for one."""

    def __init__(self, docker: Docker):
        self.docker = docker

    def __enter__(self):
        self.docker.run("swarm", "init", "--advertise-addr", "127.0.0.1")
        return self

    def __exit__(self, *_):
        for name in self.docker.run("service", "ls", "-q", check=False).stdout.decode().split():
            self.docker.run("service", "rm", name, check=False)
        wait_until(lambda: not self.docker.run("ps", "-q", check=False).stdout, 120, "Swarm's containers to end")
        self.docker.run("swarm", "leave", "--force", check=False)

    def create(self, name: str, replicas: int, *options):
        self.docker.run(
            "service", "create", "--detach", "--name", name, "--replicas", replicas, "--endpoint-mode", "dnsrr", "--no-resolve-image",
            "--restart-delay", "0s", *options, "demo",
        )

    def running(self, name: str) -> list[dict]:
        filters = json.dumps({"service": [name], "desired-state": ["running"]})
        tasks = self.docker.api("GET", f"/tasks?filters={_quoted(filters)}")
        return [task for task in tasks if task["Status"]["State"] == "running"]

    def remove(self, name: str):
        self.docker.run("service", "rm", name)
        wait_until(lambda: not self.docker.run("ps", "-q").stdout, 120, "the service's containers to end", every=0.2)


class _Traces:
    """What a dockerd leaves on a machine."""

    def __init__(self, links: set[str], tables: set[str], groups: set[str]):
        self.links, self.tables, self.groups = links, tables, groups

    @classmethod
    def now(cls):
        links = {link for link in os.listdir("/sys/class/net") if link.startswith(("docker", "veth"))}
        listed = subprocess.run(["nft", "list", "tables"], capture_output=True, text=True, check=True).stdout.splitlines()
        tables = {line.removeprefix("table ").strip() for line in listed}
        ours = {table for table in tables if table.split()[0] in ("ip", "ip6") and table.split()[1] in ("nat", "filter", "mangle", "raw")}
        roots = [Path("/sys/fs/cgroup"), *(path for path in Path("/sys/fs/cgroup").iterdir() if path.is_dir())]
        groups = {str(root / name) for root in roots for name in ("docker", "system.slice/docker.service") if (root / name).is_dir()}
        return cls(links, ours, groups)

    def without(self, other: _Traces) -> _Traces:
        return _Traces(self.links - other.links, self.tables - other.tables, self.groups - other.groups)

    def __repr__(self):
        return f"links {self.links}, tables {self.tables}, control groups {self.groups}"


def _remove_group(group: Path):
    for child in [path for path in group.iterdir() if path.is_dir()]:
        _remove_group(child)
    for _ in range(100):
        try:
            return group.rmdir()
        except OSError:
            time.sleep(0.05)


def _quoted(text: str) -> str:
    from urllib.parse import quote

    return quote(text)
