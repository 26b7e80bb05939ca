"""What measurements share: options, results, and a Gantry of their own with the demo image in it."""

from __future__ import annotations

import os
import re
import sys
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/acceptance"))
os.environ.setdefault("GANTRY_BIN", str(ROOT / "target/release/gantry"))

from world import DEMO_ROOT, World, wait_until  # noqa: E402, F401

from results import Goal, Results  # noqa: E402, F401


@dataclass
class Bench:
    """`scale`: 1 for the figures that docs/speed.md has; less for a quick look."""

    results: Results = field(default_factory=Results)
    scale: float = 1.0
    peers: bool = True

    def times(self, count: int, least: int = 3) -> int:
        return max(least, round(count * self.scale))

    @contextmanager
    def gantry(self, agent: bool = True, **agent_options):
        """A server, a serverless node, the demo image; all gone afterwards."""
        world = World()
        try:
            world.start_server()
            if agent:
                world.start_agent(**agent_options)
                world.gantry("image", "import", str(DEMO_ROOT), "demo:latest", "--entrypoint", "/demo", "--cmd", "serve")
                wait_until(lambda: metric(world, 'gantry_nodes{connected="true"}') == 1, 30, "the node to connect")
            yield world
        finally:
            world.stop()


def metric(world: World, name: str) -> float:
    """One sample of /metrics; 0 if it is not there (yet)."""
    with urllib.request.urlopen(f"{world.endpoint}/metrics", timeout=10) as answer:
        page = answer.read().decode()
    found = re.search(rf"^{re.escape(name)} (\S+)$", page, re.MULTILINE)
    return float(found.group(1)) if found else 0.0


def resident_mib(pid: int) -> float:
    fields = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line)
    return int(fields["VmRSS"].split()[0]) / 1024


def cpu_seconds(pid: int) -> float:
    """Processor time of a process, and of its children that it has reaped."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    return sum(int(ticks) for ticks in fields[11:15]) / os.sysconf("SC_CLK_TCK")


def child_processes(pid: int) -> list[int]:
    return [int(child) for thread in Path(f"/proc/{pid}/task").iterdir() for child in (thread / "children").read_text().split()]
