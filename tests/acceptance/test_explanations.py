"""Gantry says why: `gantry why` and `gantry plan`, on real containers."""

import json
import subprocess

import pytest

from world import GANTRY, wait_until


def why(world, *arguments):
    return json.loads(world.gantry("why", *arguments, "--output", "json").stdout)


def told(answer, topic):
    return [finding["message"] for finding in answer["findings"] if finding["topic"] == topic]


@pytest.fixture
def web(world):
    world.create_service("why", world.register("why", {"command": ["serve"]}), 2)
    try:
        world.wait_stable("why")
        yield "why"
    finally:
        world.delete_service("why")


def test_a_running_task_and_its_node_say_why(world, web):
    task = world.service_tasks(web)[0]["taskArn"].rsplit("/")[-1]
    answer = why(world, task, "--nodes")
    assert (answer["kind"], answer["status"]) == ("TASK", "RUNNING")
    assert "it runs, as it should" in told(answer, "STATUS")
    assert told(answer, "PLACEMENT")[-1] == "the only node could take it"
    assert answer["placement"]["considered"] == 1 and answer["needs"]["cpuUnits"] == 256
    assert [(node["nodeName"], node["fits"]) for node in answer["nodes"]] == [("node-1", True)]
    steps = told(answer, "TIMELINE")
    assert steps[0] == "created" and "RUNNING" in steps
    text = world.gantry("why", task[:12], "--nodes").stdout
    assert text.startswith(f"Task {task[:12]} (why:") and "\x1b" not in text
    for heading in ("How it is", "Why this node, when it was placed", "Node by node", "What happened when"):
        assert heading in text, text

    node = why(world, "node/node-1")
    assert told(node, "STATUS") == ["it takes tasks"]
    assert any(task[:12] in line for line in told(node, "TASK"))
    assert any(line.startswith("service why (256 CPU units") for line in told(node, "ROOM"))


def test_a_stopped_task_says_how_its_containers_ended(world):
    arn = world.run_task(world.register("ends", {"command": ["exit", "127"]}))["taskArn"]
    world.wait_task(arn, "STOPPED")
    answer = why(world, arn)
    assert answer["status"] == "STOPPED"
    causes = told(answer, "CAUSE")
    assert "Essential container in task exited" in causes
    assert "essential container main: exit code 127 (its command was not found)" in causes
    assert told(answer, "NEXT") == [f"gantry logs {arn.rsplit('/')[-1][:12]}"]


def test_a_service_without_room_says_so_and_so_does_its_deployment(world, ecs):
    family = world.register("huge", {"command": ["serve"]}, cpu="16384", memory="122880")
    world.create_service("huge", family, 1)
    try:
        def waits():
            answer = why(world, "service/huge")
            return answer if "a node with room for its tasks" in told(answer, "WAITS_FOR") else None

        answer = wait_until(waits, 20, "the service to wait for room")
        placement = told(answer, "PLACEMENT")
        assert "the only node could not take it" in placement
        assert any("node-1 came nearest" in line for line in placement), placement
        deployment = ecs.list_service_deployments(service="huge")["serviceDeployments"][0]["serviceDeploymentArn"]
        answer = why(world, deployment)
        assert answer["kind"] == "SERVICE_DEPLOYMENT"
        assert "a node with room for its tasks" in told(answer, "WAITS_FOR")
    finally:
        world.delete_service("huge")


def test_what_is_not_there_is_an_error(world):
    done = world.gantry("why", "nobody", check=False)
    assert done.returncode != 0 and "nobody in cluster default" in done.stderr


def test_a_plan_says_what_then_happens_and_changes_nothing(world, web, ecs):
    newer = world.register("why", {"command": ["serve"], "environment": [{"name": "NEW", "value": "1"}]})
    before = {task["taskArn"] for task in world.service_tasks(web)}
    arguments = ("plan", "update-service", "--service", web, "--task-definition", newer,
                 "--minimum-healthy-percent", "50", "--maximum-percent", "100")
    plan = json.loads(world.gantry(*arguments, "--output", "json").stdout)
    assert plan["outcome"] == "STEADY"
    assert (plan["fewestRunning"], plan["mostRunning"], plan["desiredCount"]) == (1, 2, 2)
    kinds = [action["kind"] for action in plan["actions"]]
    assert kinds.count("START") == 2 and kinds.count("STOP") == 2
    text = world.gantry(*arguments).stdout
    assert "2 started, 2 stopped; between 1 and 2 run at any time, 2 are desired." in text
    assert "Nothing was changed." in text
    assert {task["taskArn"] for task in world.service_tasks(web)} == before
    assert len(world.service(web)["deployments"]) == 1
    stuck = world.gantry("plan", "update-service", "--service", web, "--desired-count", "500", check=False)
    assert stuck.returncode == 1 and "The service would not become steady: it waits for a node with room" in stuck.stdout
    refused = world.gantry("plan", "update-service", "--service", "nobody", check=False)
    assert refused.returncode != 0 and "ServiceNotFoundException" in refused.stderr

    configuration = {"minimumHealthyPercent": 50, "maximumPercent": 100}
    ecs.update_service(service=web, taskDefinition=newer, deploymentConfiguration=configuration)
    world.wait_stable(web)
    after = {task["taskArn"] for task in world.service_tasks(web)}
    assert len(after) == 2 and not after & before, "what the plan said"


def test_simulate_needs_no_server_and_tells_the_same_story_twice(tmp_path):
    file = tmp_path / "small.json"
    scenario = {
        "nodes": [{"name": "n", "count": 3, "cpu": 1024, "memory": 2048}],
        "services": [{"name": "web", "desiredCount": 3, "cpu": 512, "memory": 512}],
        "nodeLostAfter": "30s",
        "events": [{"at": "10s", "loseNode": "n-1"}],
    }
    file.write_text(json.dumps(scenario))
    first, second = (subprocess.run([GANTRY, "simulate", file], capture_output=True, text=True, timeout=120) for _ in range(2))
    assert first.returncode == 0, first.stderr
    assert first.stdout == second.stdout and "\x1b" not in first.stdout
    assert "lose n-1" in first.stdout and "Steady at the end" in first.stdout
    shown = subprocess.run([GANTRY, "simulate", file, "--output", "json"], capture_output=True, text=True, timeout=120)
    web = json.loads(shown.stdout)["services"][0]
    assert web["lowest"]["running"] == 2 and web["isSteady"] and web["belowMinimumSeconds"] > 30

    # Too much for two nodes: it says what for, and that it is not well.
    scenario["services"][0]["desiredCount"] = 5
    file.write_text(json.dumps(scenario))
    stuck = subprocess.run([GANTRY, "simulate", file], capture_output=True, text=True, timeout=120)
    assert stuck.returncode == 1 and "web waits for a node with room" in stuck.stdout
    file.write_text("nodes: []\nservices: []\nevent: []\n")
    wrong = subprocess.run([GANTRY, "simulate", file], capture_output=True, text=True, timeout=120)
    assert wrong.returncode == 1 and "line 3" in wrong.stderr
