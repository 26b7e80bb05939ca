"""Several hosts on one machine, each with its own network, processes and mounts, joined by a bridge; and what goes wrong with hosts.

A host is a set of namespaces with an agent inside. Its network is one interface, `eth0`, whose other end is on the bridge. The
server runs outside, on the bridge's own address. When a host's first process dies, the kernel kills all others of it and takes
its network down: a loss of power, of which only files are left.
"""

from __future__ import annotations

import array
import fcntl
import os
import signal
import socket
import struct
import subprocess
import sys
from pathlib import Path

from world import GANTRY, World, wait_until

BOOT_ID = "/proc/sys/kernel/random/boot_id"
SERVER_NUMBER = 1
FIRST_HOST_NUMBER = 10
# As first process of a host: what the tests see of a machine that is on, and the parent of whoever lost his.
INIT = """
import os, time
print("up", flush=True)
while True:
    try:
        os.wait()
    except ChildProcessError:
        time.sleep(0.1)
"""
SIOCETHTOOL, ETHTOOL_STXCSUM = 0x8946, 0x17


class Host:
    """One machine; made by `Hosts.add`."""

    def __init__(self, hosts: "Hosts", name: str, number: int):
        self.hosts, self.name, self.number = hosts, name, number
        self.address = f"{hosts.prefix}.{number}"
        # The end of its interface that is on the bridge, and the link by which delayed packets come back to the bridge.
        self.port = f"{hosts.world.network_name}p{number}"
        self.detour = f"{hosts.world.network_name}d{number}"
        self.boots = 0
        self.agent_options: tuple = ()
        self.forwarder: subprocess.Popen | None = None
        self._unshare: subprocess.Popen | None = None
        self._init_pid: int | None = None

    @property
    def is_on(self) -> bool:
        return self._unshare is not None

    def command(self, *command) -> list[str]:
        """The command, to be run as root of this host."""
        return ["nsenter", "--target", str(self._init_pid), "--mount", "--net", "--uts", "--ipc", "--pid", "--", *map(str, command)]

    def run(self, *command, check: bool = True, timeout: float = 60) -> str:
        done = subprocess.run(self.command(*command), capture_output=True, text=True, timeout=timeout)
        assert not check or done.returncode == 0, f"{self.name}: {command} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        return done.stdout

    def processes(self) -> dict[int, list[str]]:
        """Command lines by this machine's numbers, of whatever runs on the host; not its first process."""
        if not self.is_on:
            return {}
        agent = self.hosts.world.agents.get(self.name)
        roots = {self._init_pid} | ({agent.pid} if agent else set())
        found = {pid: _command(pid) for pid in _descendants(roots)}
        return {pid: command for pid, command in found.items() if command and pid not in roots}

    def shims(self) -> list[int]:
        return [pid for pid, command in self.processes().items() if command[1:3] == ["shim", "run"]]

    def tasks(self) -> dict[str, list[int]]:
        """Processes of the demo program, by task id."""
        found: dict[str, list[int]] = {}
        containers = f"{self.data_dir}/node/runtime/containers/"
        for pid, command in self.processes().items():
            if command[0] == "/demo":
                roots = [line for line in _read(f"/proc/{pid}/mountinfo").splitlines() if " / / " in line and containers in line]
                for line in roots:
                    found.setdefault(line.split(containers)[1][:32], []).append(pid)
        return found

    def held(self) -> dict[str, set[str]]:
        """Ids of the tasks of which there is something: processes, network namespaces, control groups, files."""
        name, node = self.hosts.world.network_name_of(self.name), self.data_dir / "node"
        return {
            "processes": set(self.tasks()),
            "namespaces": {entry.removeprefix(f"{name}-") for entry in _entries(f"/proc/{self._init_pid}/root/run/netns")},
            "groups": {entry.name for entry in Path("/sys/fs/cgroup").glob(f"*/{name}/*") if entry.is_dir()},
            "containers": {entry[:32] for entry in _entries(node / "runtime/containers")},
            "files": set(_entries(node / "tasks")),
        }

    @property
    def data_dir(self) -> Path:
        return self.hosts.world.data_dir(self.name)

    def log(self) -> str:
        return self.hosts.world.log(self.name)


class Hosts:
    """A server and hosts, all of them a world's."""

    def __init__(self):
        self.world = World()
        number = self.world.number
        self.prefix = f"10.{100 + number}.240"
        self.bridge = f"{self.world.network_name}br"
        self.hosts: dict[str, Host] = {}
        _ip("link", "add", self.bridge, "type", "bridge")
        # A bridge takes the lowest address of its ports otherwise, and changes it with them.
        _ip("link", "set", self.bridge, "address", f"02:67:{number:02x}:00:00:01", "up")
        self.server_address = f"{self.prefix}.{SERVER_NUMBER}"
        _ip("address", "add", f"{self.server_address}/24", "dev", self.bridge)
        self.world.serve_at(self.server_address)

    def __getitem__(self, name: str) -> Host:
        return self.hosts[name]

    def __iter__(self):
        return iter(self.hosts.values())

    def add(self, name: str, capacity: str = "serverless", *agent_options) -> Host:
        """A host that is on; its agent was started, and may not be registered yet."""
        host = Host(self, name, FIRST_HOST_NUMBER + len(self.hosts))
        host.agent_options = (capacity, *agent_options)
        self.hosts[name] = host
        self.restart(name)
        return host

    # What goes wrong

    def cut(self, name: str):
        """Packets from and to the host vanish; nobody is told."""
        host = self.hosts[name]
        self._end_delay(host)
        _ip("link", "set", host.port, "nomaster")

    def delay(self, name: str, milliseconds: int):
        """Each packet from and to the host takes so much longer. Connections live on."""
        host = self.hosts[name]
        self.cut(name)
        outer = f"{host.detour}x"
        _ip("link", "add", host.detour, "type", "veth", "peer", "name", outer)
        for link in (host.detour, outer):
            _send_whole_packets(link)
            _ip("link", "set", link, "up")
        _ip("link", "set", host.detour, "master", self.bridge)
        script = Path(__file__).with_name("delay.py")
        host.forwarder = subprocess.Popen(
            [sys.executable, str(script), host.port, outer, str(milliseconds)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        assert host.forwarder.stdout.readline() == "ready\n"

    def heal(self, name: str | None = None):
        """The network is as it was, for one host or for all."""
        for host in [self.hosts[name]] if name else self.hosts.values():
            self._end_delay(host)
            if host.is_on:
                _ip("link", "set", host.port, "master", self.bridge)

    def stop(self, name: str):
        """Loss of power: everything of the host is gone, but its files."""
        host = self.hosts[name]
        self._end_delay(host)
        os.kill(host._init_pid, signal.SIGKILL)
        host._unshare.wait()
        host._unshare = host._init_pid = None
        agent = self.world.agents.pop(name, None)
        if agent:
            agent.wait()
        # The kernel takes the interface down with the last reference to the network, which is a moment later.
        wait_until(lambda: not os.path.exists(f"/sys/class/net/{host.port}"), 10, f"the network of {name} to be gone")
        groups = [group for root in Path("/sys/fs/cgroup").glob(f"**/{self.world.network_name_of(name)}") for group in [root, *root.rglob("*")]]
        for group in sorted((group for group in groups if group.is_dir()), key=lambda group: -len(group.parts)):
            wait_until(lambda: _remove_directory(group), 10, f"{group} to be removed")

    def restart(self, name: str):
        """The host is on again, with the files it had, and starts its agent."""
        host = self.hosts[name]
        assert not host.is_on, f"{name} is on"
        self._switch_on(host)
        self.start_agent(name)

    def start_agent(self, name: str):
        host = self.hosts[name]
        self.world.start_agent(name, *host.agent_options, within=tuple(host.command()))

    def kill_agent(self, name: str):
        """The agent alone; containers run on."""
        entered = self.world.agents.pop(name)
        for agent in _children(entered.pid):
            os.kill(agent, signal.SIGKILL)
        entered.wait()

    def close(self):
        """Ends everything and asserts that nothing is left. What is wrong with one host keeps no other from its end."""
        wrong = []
        for host in self.hosts.values():
            self._end_delay(host)
            if host.is_on:
                for end in (lambda: self._shut_down(host), lambda: self.stop(host.name)):
                    try:
                        end()
                    except AssertionError as error:
                        wrong.append(str(error))
        _ip("link", "delete", self.bridge)
        self.world.stop()
        links = [name for name in os.listdir("/sys/class/net") if name.startswith((f"{self.world.network_name}p", f"{self.world.network_name}d"))]
        assert not links, f"left behind: {links}"
        assert not wrong, "; ".join(wrong)

    # How

    def _shut_down(self, host: Host):
        host.run(GANTRY, "down", "--data-dir", host.data_dir, "--network-name", self.world.network_name_of(host.name))
        agent = self.world.agents.pop(host.name, None)
        if agent:
            agent.wait(30)
        wait_until(lambda: not host.processes(), 5, f"{host.name} to be empty; it runs {host.processes()}")
        left = {kind: ids for kind, ids in host.held().items() if ids}
        assert not left, f"{host.name} has left {left}"

    def _switch_on(self, host: Host):
        host.boots += 1
        boot_id = self.world.directory / f"{host.name}.boot_id"
        boot_id.write_text(f"{host.number:08}-0000-4000-8000-{host.boots:012}\n")
        set_up = "\n".join([
            "set -e",
            "mkdir -p /run/netns",
            "mount -t tmpfs tmpfs /run/netns",
            f"mount --bind {boot_id} {BOOT_ID}",
            f"hostname {host.name}",
            "ip link set lo up",
            f'exec {sys.executable} -c "$0"',
        ])
        host._unshare = subprocess.Popen(
            ["unshare", "--pid", "--mount", "--net", "--uts", "--ipc", "--fork", "--kill-child", "--mount-proc", "sh", "-c", set_up, INIT],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, start_new_session=True)
        assert host._unshare.stdout.readline() == "up\n", f"{host.name} did not come up"
        [host._init_pid] = _children(host._unshare.pid)
        inner = f"{host.port}x"
        _ip("link", "add", host.port, "type", "veth", "peer", "name", inner)
        _send_whole_packets(inner)
        _ip("link", "set", host.port, "master", self.bridge, "up")
        _ip("link", "set", inner, "netns", str(host._init_pid), "name", "eth0")
        host.run("ip", "address", "add", f"{host.address}/24", "dev", "eth0")
        host.run("ip", "link", "set", "eth0", "up")
        host.run("ip", "route", "add", "default", "via", self.server_address)

    def _end_delay(self, host: Host):
        if host.forwarder:
            host.forwarder.kill()
            host.forwarder.wait()
            host.forwarder = None
            _ip("link", "delete", host.detour)


def _ip(*words: str):
    done = subprocess.run(["ip", *words], capture_output=True, text=True)
    assert done.returncode == 0, f"ip {' '.join(words)}: {done.stderr}"


def _send_whole_packets(link: str):
    """Packets leave the link as they would leave a wire: with their checksum, and no larger than it takes. Whoever forwards them by
    hand needs that. ethtool's `tx off`."""
    value = array.array("I", [ETHTOOL_STXCSUM, 0])
    request = struct.pack("16sP16x", link.encode(), value.buffer_info()[0])
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, SIOCETHTOOL, request)


def _descendants(roots: set[int]) -> set[int]:
    parents = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit() and (stat := _read(f"/proc/{entry}/stat")):
            # The command's name is in parentheses and may hold anything.
            parents[int(entry)] = int(stat.rpartition(")")[2].split()[1])
    found = set(roots)
    while True:
        more = {pid for pid, parent in parents.items() if parent in found} - found
        if not more:
            return found
        found |= more


def _children(pid: int) -> list[int]:
    return [int(child) for child in _read(f"/proc/{pid}/task/{pid}/children").split()]


def _command(pid: int) -> list[str]:
    """Empty for what is dead already."""
    return _read(f"/proc/{pid}/cmdline").rstrip("\0").split("\0") if _read(f"/proc/{pid}/cmdline") else []


def _read(path) -> str:
    try:
        return Path(path).read_text(errors="replace")
    except OSError:
        return ""


def _entries(path) -> list[str]:
    try:
        return os.listdir(path)
    except FileNotFoundError:
        return []


def _remove_directory(path: Path) -> bool:
    try:
        path.rmdir()
    except FileNotFoundError:
        pass
    except OSError:
        return False
    return True
