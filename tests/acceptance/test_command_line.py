"""The AWS CLI from PyPI, and Gantry's own commands."""

import json
import os
import subprocess

from world import AWS_CLI, GANTRY, wait_until


def test_the_aws_cli_runs_a_task(world):
    definition = {
        "family": "cli", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512",
        "containerDefinitions": [{"name": "main", "image": "demo:latest", "command": ["exit", "6"]}],
    }
    registered = world.aws("ecs", "register-task-definition", "--cli-input-json", json.dumps(definition))
    assert registered["taskDefinition"]["revision"] >= 1
    network = f"awsvpcConfiguration={{subnets=[{world.facts['defaultSubnetId']}]}}"
    task = world.aws("ecs", "run-task", "--task-definition", "cli", "--network-configuration", network)["tasks"][0]
    assert task["launchType"] == "FARGATE", "the default cluster's strategy is FARGATE"
    assert task["capacityProviderName"] == "FARGATE"
    world.aws("ecs", "wait", "tasks-stopped", "--tasks", task["taskArn"])
    stopped = world.aws("ecs", "describe-tasks", "--tasks", task["taskArn"])["tasks"][0]
    assert stopped["containers"][0]["exitCode"] == 6


def test_the_aws_cli_shows_errors_as_ever(world):
    done = world.command(AWS_CLI, "ecs", "list-tasks", "--cluster", "nowhere")
    assert done.returncode in (254, 255)
    assert "An error occurred (ClusterNotFoundException) when calling the ListTasks operation: Cluster not found." in done.stderr


def test_run_ps_logs_stop(world):
    started = world.gantry("run", "demo:latest", "--name", "quick", "--detach", "--output", "json", "--", "serve")
    arn = json.loads(started.stdout)["taskArn"]
    world.wait_task(arn, "RUNNING")
    table = world.gantry("ps").stdout
    assert arn.rsplit("/")[-1][:8] in table and "RUNNING" in table
    listed = json.loads(world.gantry("ps", "--output", "json").stdout)
    assert arn in [task["taskArn"] for task in listed]
    wait_until(lambda: "demo listens on port 8080" in world.gantry("logs", arn).stdout, 10, "the log line")
    world.gantry("stop", arn.rsplit("/")[-1])
    world.wait_task(arn, "STOPPED")


def test_run_follows_and_returns_the_exit_code(world):
    done = world.gantry("run", "demo:latest", "--name", "follow", "--", "print", "3", check=False)
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stdout.splitlines() if line.startswith("line ")] == ["line 0", "line 1", "line 2"]
    assert world.gantry("run", "demo:latest", "--name", "fails", "--", "exit", "9", check=False).returncode == 9


def test_run_needs_no_file_of_the_server(world, tmp_path):
    """From another machine: the default subnet is asked of EC2."""
    environment = dict(world.environment(), GANTRY_DATA_DIR=str(tmp_path / "nothing"))
    command = [GANTRY, "run", "demo:latest", "--name", "far", "--", "print", "1"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "line 0" in done.stdout


def test_errors_name_the_next_step(world):
    done = world.command(GANTRY, "--endpoint", "http://127.0.0.1:1", "ps")
    assert done.returncode != 0
    assert "gantry up" in done.stderr
    done = world.gantry("logs", "0123456789abcdef0123456789abcdef", check=False)
    assert done.returncode != 0 and done.stderr


def test_configure_writes_a_profile(world, tmp_path):
    environment = dict(world.environment(), HOME=str(tmp_path))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL", "AWS_DEFAULT_REGION"):
        environment.pop(name, None)
    subprocess.run(
        [GANTRY, "configure", "--data-dir", str(world.data_dir("server"))], env=environment, check=True, capture_output=True, timeout=30,
    )
    done = subprocess.run(
        [str(AWS_CLI), "--profile", "gantry", "ecs", "list-clusters"], env=environment, capture_output=True, text=True, timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "cluster/default" in done.stdout


def test_doctor_says_what_it_found(world):
    done = world.gantry("doctor", check=False)
    assert "nft" in done.stdout and "cgroup" in done.stdout
    assert f"Gantry serves at {world.endpoint}" in done.stdout, "the server of this data directory"
    found = json.loads(world.gantry("doctor", "--output", "json", check=False).stdout)
    assert {"root", "kernel", "disk", "address"} <= {finding["what"] for finding in found}


def test_status_says_what_is_wrong_and_what_to_do_next(world):
    world.register("broken", {"command": ["exit", "3"]})
    world.create_service("broken", "broken", 1)
    try:
        def told():
            problems = json.loads(world.gantry("status", "--output", "json").stdout)["problems"]
            return [problem for problem in problems if "service default/broken" in problem["what"]]

        problem = wait_until(told, 30, "the service to be told as a problem")[0]
        assert "--service broken" in problem["next"]
        # The next step is a command that works.
        done = world.command(GANTRY, *problem["next"].removeprefix("gantry ").split())
        assert done.returncode == 0, done.stderr
        seen = json.loads(world.gantry("status", "--output", "json").stdout)
        assert seen["server"]["endpoint"] == world.endpoint
        assert [node["agentConnected"] for node in seen["nodes"]] == [True]
        assert "default" in [cluster["clusterName"] for cluster in seen["clusters"]]
        table = world.gantry("status").stdout
        assert "node-1" in table and "default/broken" in table and "wrong:" in table
        assert "\x1b" not in table
    finally:
        world.delete_service("broken")


def test_events_are_followed_live(world):
    following = subprocess.Popen(
        [str(GANTRY), "events", "--follow", "--limit", "1", "--output", "json", "--source", "task"],
        env=world.environment(), stdout=subprocess.PIPE, text=True,
    )
    try:
        task = world.run_task(world.register("followed", {"command": ["exit", "4"]}))
        seen = []
        while not seen or seen[-1]["status"] != "STOPPED":
            event = json.loads(following.stdout.readline())
            if event["resourceArn"] == task["taskArn"]:
                seen.append(event)
        assert [event["status"] for event in seen] == ["PROVISIONING", "RUNNING", "STOPPING", "STOPPED"]
        assert "exit code 4" in seen[-1]["message"]
        assert "node-1" in seen[0]["message"]
    finally:
        following.terminate()
        following.communicate()


def test_history_outlives_the_server_and_the_hot_tables(fresh_world):
    world = fresh_world
    world.create_service("short", world.register("short", {"command": ["serve"]}), 1)
    world.wait_stable("short")
    task = world.service_tasks("short")[0]["taskArn"]
    world.delete_service("short")
    world.wait_task(task, "STOPPED")
    # At once: what was not written yet must be found in the records at the next start.
    world.kill_server()
    world.start_server()

    def listed(*arguments):
        return json.loads(world.gantry("history", *arguments, "--output", "json").stdout)

    def statuses():
        told = [event["status"] for event in listed("events", "--since", "1h") if event["resourceArn"] == task]
        return told if "STOPPED" in told else None

    told = wait_until(statuses, 20, "the events of the task")
    assert sorted(told) == ["PROVISIONING", "RUNNING", "STOPPED", "STOPPING"], "each once"
    tasks = listed("tasks", "--service", "short")
    assert [known["taskArn"] for known in tasks] == [task]
    assert tasks[0]["nodeName"] == "node-1" and tasks[0]["stoppedAt"] >= tasks[0]["startedAt"]
    assert listed("tasks", "--until", "1h") == []
    deployments = listed("deployments", "--service", "short")
    assert [(known["service"], known["taskDefinition"]) for known in deployments] == [("short", "short:1")]
    assert "short" in world.gantry("history", "deployments").stdout
    assert world.gantry("history", "tasks", "--since", "yesterday", check=False).returncode == 2


def test_top_shows_what_agents_measure(world):
    task = world.run_task(world.register("measured", {"command": ["serve"]}))
    world.wait_task(task["taskArn"], "RUNNING")
    assert task["taskArn"].rsplit("/")[-1][:12] in world.gantry("top").stdout

    def measured():
        seen = json.loads(world.gantry("top", "--output", "json").stdout)
        ours = [known for known in seen["tasks"] if known["taskArn"] == task["taskArn"]]
        return (ours[0], seen["nodes"][0]) if ours and ours[0]["usedMemoryMib"] else None

    # Agents publish every 20 seconds, and the first sample has nothing to compare with.
    used, node = wait_until(measured, 60, "a measurement", every=1)
    assert 0 < used["usedMemoryMib"] < used["memoryMib"] and used["usedCpuPercent"] >= 0
    assert used["nodeName"] == node["nodeName"] == "node-1"
    assert node["usedMemoryMib"] >= used["usedMemoryMib"] * 0.5
    world.gantry("stop", task["taskArn"])


def test_completion_and_manual_pages_know_every_command(tmp_path):
    for shell in ("bash", "zsh", "fish"):
        script = subprocess.run([GANTRY, "completion", shell], capture_output=True, text=True, check=True, timeout=30).stdout
        assert "history" in script and "deployments" in script, shell
    bash = tmp_path / "gantry.bash"
    bash.write_text(subprocess.run([GANTRY, "completion", "bash"], capture_output=True, text=True, check=True).stdout)
    words = 'source "$0"; COMP_WORDS=(gantry hist); COMP_CWORD=1; _gantry gantry hist gantry; echo "${COMPREPLY[@]}"'
    done = subprocess.run(["bash", "-c", words, bash], capture_output=True, text=True, timeout=30)
    assert done.stdout.strip() == "history", done.stderr
    subprocess.run([GANTRY, "man", tmp_path / "man1"], check=True, capture_output=True, timeout=30)
    pages = {page.name for page in (tmp_path / "man1").iterdir()}
    assert {"gantry.1", "gantry-status.1", "gantry-history-tasks.1", "gantry-image-import.1"} <= pages
    help_text = subprocess.run([GANTRY, "--help"], capture_output=True, text=True, check=True).stdout
    listed = help_text.split("Commands:")[1].split("Options:")[0].splitlines()
    # Further lines of a description are indented more.
    commands = [line.split()[0] for line in listed if line.startswith("  ") and not line.startswith("   ")]
    assert len(commands) > 15, help_text
    for command in commands:
        if command == "help":
            continue
        assert f"gantry-{command}.1" in pages
        shown = subprocess.run([GANTRY, command, "--help"], capture_output=True, text=True, check=True).stdout
        has_own_commands = "Commands:" in shown
        assert "Examples:" in shown or has_own_commands, command


def test_colours_are_for_terminals_only(world):
    environment = dict(world.environment(), TERM="xterm")
    environment.pop("NO_COLOR")
    assert "\x1b[32m" in _on_a_terminal([str(GANTRY), "status"], environment)
    assert "\x1b[" not in _on_a_terminal([str(GANTRY), "status"], dict(environment, NO_COLOR="1"))
    piped = subprocess.run([GANTRY, "status"], env=environment, capture_output=True, text=True, check=True, timeout=60)
    assert "\x1b" not in piped.stdout


def _on_a_terminal(command: list[str], environment: dict) -> str:
    ours, theirs = os.openpty()
    process = subprocess.Popen(command, env=environment, stdout=theirs, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    os.close(theirs)
    read = b""
    while True:
        try:
            chunk = os.read(ours, 4096)
        except OSError:  # the other end was closed
            break
        if not chunk:
            break
        read += chunk
    os.close(ours)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    return read.decode()
