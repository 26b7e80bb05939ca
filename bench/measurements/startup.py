"""Start of server and node, and their memory when idle."""

import time

from bench import Bench, Goal, metric, resident_mib, wait_until

NAME = "startup"
TIGHT = 0.005


def run(bench: Bench):
    starts, agents = [], []
    with bench.gantry() as world:
        time.sleep(2)  # what start-up borrowed is given back
        bench.results.add(NAME, "server, idle", [resident_mib(world.server.pid)], "MiB", Goal(most=100))
        bench.results.add(NAME, "node, idle", [resident_mib(world.agents["node-1"].pid)], "MiB", Goal(most=30))
        for _ in range(bench.times(10)):
            world.kill_agent()
            world.kill_server()
            began = time.perf_counter()
            world.server = world._spawn(
                "server", "server", "--listen", f"127.0.0.1:{world.port}", "--data-dir", world.data_dir("server"), "--default-subnet-cidr", world.cidr,
            )
            wait_until(world._healthy, 30, "the server to answer", every=TIGHT)
            starts.append((time.perf_counter() - began) * 1000)
            began = time.perf_counter()
            world.start_agent()
            wait_until(lambda: metric(world, 'gantry_nodes{connected="true"}') == 1, 30, "the node to connect", every=TIGHT)
            agents.append((time.perf_counter() - began) * 1000)
    bench.results.add(NAME, "server killed and started → answers", starts, goal=Goal(median=200))
    bench.results.add(NAME, "node killed and started → connected", agents, goal=Goal(median=200))
