"""The AWS CLI from PyPI, and Gantry's own commands."""

import json
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
