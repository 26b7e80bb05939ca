"""Speed, beside a peer measured in the same run. One module a measurement in `measurements/`; docs/speed.md explains them.

usage: bench/run.py [--only NAME …] [--scale F] [--no-peers] [--json FILE] [--list]        (as root; `make bench` prepares)
"""

from __future__ import annotations

import argparse
import importlib
import os
import pkgutil
import signal
import sys
import time
import traceback
from pathlib import Path

import bench
import measurements


def main() -> int:
    known = sorted(module.name for module in pkgutil.iter_modules(measurements.__path__))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=known, default=known, metavar="NAME", help=f"of {', '.join(known)}")
    parser.add_argument("--scale", type=float, default=1.0, help="0.1: a tenth of the samples")
    parser.add_argument("--no-peers", action="store_true", help="measure Gantry alone")
    parser.add_argument("--json", type=Path, default=bench.ROOT / "target/bench.json", help="where results are written")
    parser.add_argument("--list", action="store_true", help="print what can be measured")
    options = parser.parse_args()
    modules = {name: importlib.import_module(f"measurements.{name}") for name in options.only}
    if options.list:
        for name, module in modules.items():
            print(f"{name:<14} {module.__doc__.splitlines()[0]}")
        return 0
    # So that what a measurement made is taken away, however it ends.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))
    run = bench.Bench(scale=options.scale, peers=not options.no_peers)
    load = os.getloadavg()[0]
    print(f"load average before: {load:.1f}; {os.cpu_count()} CPUs")
    began = time.monotonic()
    for name, module in modules.items():
        print(f"{name}: {module.__doc__.splitlines()[0]}", flush=True)
        try:
            module.run(run)
        except Exception as error:
            traceback.print_exc()
            run.results.fail(name, str(error).splitlines()[0] if str(error) else repr(error))
    run.results.show()
    seconds = time.monotonic() - began
    options.json.parent.mkdir(parents=True, exist_ok=True)
    run.results.write(options.json, load_before=load, cpus=os.cpu_count(), seconds=round(seconds, 1))
    print(f"\n{seconds:.0f} s; results in {options.json}")
    return 1 if run.results.failures else 0


if __name__ == "__main__":
    raise SystemExit(main())
