"""Log events: taken in, kept small, searched, beside `zstdcat | grep` over the same lines."""

import os
import subprocess

from bench import ROOT, Bench, Goal

NAME = "logs"
EXAMPLE = ROOT / "target/release/examples/throughput"
MIB = 256
TIMEOUT_SECONDS = 3600


def run(bench: Bench):
    """GANTRY_BENCH_LOGS_MIB says how many MiB of lines, GANTRY_BENCH_LOGS_FILE whose lines."""
    mib = int(os.environ.get("GANTRY_BENCH_LOGS_MIB", max(32, int(MIB * bench.scale))))
    arguments = [str(mib), *filter(None, [os.environ.get("GANTRY_BENCH_LOGS_FILE")])]
    done = subprocess.run([EXAMPLE, *arguments], capture_output=True, text=True, timeout=TIMEOUT_SECONDS)
    assert done.returncode == 0, done.stderr[-2000:]
    figures = {}
    for line in done.stdout.splitlines():
        name, rest = line.split("  ", 1) if "  " in line else line.rsplit(" (", 1)[0].rsplit(" ", 1)
        figures[name.strip()] = float(rest.split()[0])
    peer = figures["zstdcat | grep, MiB/s"]
    bench.results.add(NAME, f"taken in and durable, {mib} MiB", [figures["events/s, durable"]], "events/s")
    bench.results.add(NAME, "taken in, of one core", [figures["events/s of one core"]], "events/s", Goal(least=200_000))
    bench.results.add(NAME, "compression", [figures["compression"]], "to 1", Goal(least=10))
    bench.results.add(NAME, "search of a rare phrase", [figures["search, MiB/s"]], "MiB/s", Goal(least=peer))
    bench.results.add(NAME, "search of every message", [figures["search without needle, MiB/s"]], "MiB/s")
    bench.results.add(NAME, "zstdcat | grep -F", [peer], "MiB/s", peer=True)
