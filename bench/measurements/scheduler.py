"""The scheduler without containers: placements a second, planning of large services, and a cluster as it grows to a million tasks."""

import subprocess

from bench import ROOT, Bench, Goal

NAME = "scheduler"
EXAMPLES = ROOT / "target/release/examples"
NODES = 10_000
MOST_TASKS = 1_000_000
TIMEOUT_SECONDS = 1800


def run(bench: Bench):
    placements(bench)
    planning(bench)
    growth(bench)


def placements(bench: Bench):
    """Spread over zones, then binpack on memory, with a memberOf constraint, each with its explanation."""
    for row in table("placements"):
        nodes, groups = int(row["nodes"]), int(row["groups"])
        goal = Goal(least=50_000) if nodes == NODES else None
        bench.results.add(NAME, f"placements, {nodes:,} nodes, {groups:,} services in turn", [float(row["placements/s"])], "placements/s", goal)


def planning(bench: Bench):
    for row in table("planning"):
        goal = Goal(median=5) if row["tasks"] == "5000" else None
        for what in ("at rest", "deploying", "scaling in"):
            bench.results.add(NAME, f"plan of a service of {int(row['tasks']):,} tasks, {what}", [float(row[what])], goal=goal)


def growth(bench: Bench):
    """Each row is one size; requests are made while 500 tasks a second come and go."""
    for row in table("scale", str(NODES), str(int(MOST_TASKS * min(1.0, bench.scale)))):
        tasks = int(row["tasks"])
        is_goal = tasks == MOST_TASKS
        bench.results.add(NAME, f"{tasks:,} tasks: memory a task", [float(row["KiB a task"])], "KiB", Goal(most=4) if is_goal else None)
        bench.results.add(NAME, f"{tasks:,} tasks: made by RunTask", [float(row["tasks/s made"])], "tasks/s")
        for what in ("RunTask", "Stop", "Describe", "List", "by family", "Clusters", "Instances"):
            bench.results.add(NAME, f"{tasks:,} tasks: p99 of {what}", [float(row[what])], goal=Goal(most=100) if is_goal else None)


def table(example: str, *arguments: str) -> list[dict]:
    """What an example prints, from the line of its column heads on; heads are set apart by two spaces or by their columns' width."""
    done = subprocess.run([EXAMPLES / example, *arguments], capture_output=True, text=True, timeout=TIMEOUT_SECONDS)
    assert done.returncode == 0, done.stderr[-2000:]
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    head = next(position for position, line in enumerate(lines) if line.split()[0] in ("nodes", "tasks"))
    names = columns(lines[head])
    rows = [line.split() for line in lines[head + 1 :]]
    assert rows and all(len(row) == len(names) for row in rows), done.stdout
    return [dict(zip(names, row)) for row in rows]


def columns(line: str) -> list[str]:
    """A name may be of several words; these are the ones that are."""
    for words in ("first ask", "all reasons", "at rest", "scaling in", "KiB a task", "tasks/s made", "by family"):
        line = line.replace(words, words.replace(" ", "\0"))
    return [name.replace("\0", " ") for name in line.split()]
