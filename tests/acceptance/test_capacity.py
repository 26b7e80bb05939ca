"""Whose capacity tasks run on: instances of a capacity provider, and Spot capacity that is taken back."""

import json
from pathlib import Path

from world import wait_until


def provider(ecs, name, status):
    ecs.create_capacity_provider(
        name=name, autoScalingGroupProvider={"autoScalingGroupArn": f"{name}-group", "managedScaling": {"status": status}}
    )


def instances(ecs):
    arns = ecs.list_container_instances()["containerInstanceArns"]
    described = ecs.describe_container_instances(containerInstances=arns)["containerInstances"] if arns else []
    return {one["containerInstanceArn"]: one.get("capacityProviderName") for one in described if one["agentConnected"]}


def test_tasks_wait_for_instances_of_their_provider(fresh_world):
    world = fresh_world
    ecs = world.client("ecs")
    provider(ecs, "fixed", "DISABLED")
    provider(ecs, "scaled", "ENABLED")
    ecs.put_cluster_capacity_providers(cluster="default", capacityProviders=["fixed", "scaled"], defaultCapacityProviderStrategy=[])
    container = {"name": "main", "image": "demo:latest", "memory": 64, "stopTimeout": 2}
    definition = ecs.register_task_definition(family="own", networkMode="awsvpc", containerDefinitions=[container])
    definition = definition["taskDefinition"]["taskDefinitionArn"]

    def run(name):
        return ecs.run_task(
            taskDefinition=definition, networkConfiguration=world.network_configuration,
            capacityProviderStrategy=[{"capacityProvider": name, "weight": 1}],
        )

    world.start_agent("plain", "ec2", "--cluster", "default")
    wait_until(lambda: list(instances(ecs).values()) == [None], 30, "the plain instance")
    refused = run("fixed")
    assert refused["tasks"] == [] and refused["failures"][0]["reason"] == "EMPTY CAPACITY PROVIDER"
    waiting = run("scaled")
    assert waiting["failures"] == []
    task = waiting["tasks"][0]
    assert (task["lastStatus"], task["capacityProviderName"]) == ("PROVISIONING", "scaled")
    assert world.reservation("scaled") == 200, "a task waits, and there is no instance"
    assert world.reservation("fixed") is None

    world.start_agent("scaled-1", "ec2", "--cluster", "default", "--capacity-provider", "scaled")
    running = world.wait_task(task["taskArn"], "RUNNING", 40)
    own = {name: arn for arn, name in instances(ecs).items()}
    assert running["containerInstanceArn"] == own["scaled"]
    assert world.reservation("scaled") == 100
    ecs.stop_task(task=task["taskArn"])
    world.wait_task(task["taskArn"], "STOPPED")
    assert world.reservation("scaled") == 0, "an instance that nobody needs"


def test_an_instance_that_leaves_drains(fresh_world):
    world = fresh_world
    ecs = world.client("ecs")
    ecs.create_capacity_provider(
        name="leaving", autoScalingGroupProvider={
            "autoScalingGroupArn": "leaving-group", "managedScaling": {"status": "ENABLED"}, "managedTerminationProtection": "ENABLED"},
    )
    ecs.put_cluster_capacity_providers(cluster="default", capacityProviders=["leaving"], defaultCapacityProviderStrategy=[])
    container = {"name": "main", "image": "demo:latest", "memory": 64, "stopTimeout": 2}
    definition = ecs.register_task_definition(family="leaving", networkMode="awsvpc", containerDefinitions=[container])
    for name in ("leaving-1", "leaving-2"):
        world.start_agent(name, "ec2", "--cluster", "default", "--capacity-provider", "leaving")
    wait_until(lambda: list(instances(ecs).values()).count("leaving") == 2, 30, "two instances")
    world.create_service(
        "leaving", definition["taskDefinition"]["taskDefinitionArn"], 1, launchType=None,
        capacityProviderStrategy=[{"capacityProvider": "leaving", "weight": 1}],
    )
    world.wait_stable("leaving")
    [task] = world.service_tasks("leaving")
    nodes = {name: json.loads(world.gantry("why", f"node/{name}", "--output", "json").stdout) for name in ("leaving-1", "leaving-2")}
    [used] = [name for name, told in nodes.items() if any(finding["code"] == "PROTECTED" for finding in told["findings"])]
    assert nodes[used]["resourceArn"] == task["containerInstanceArn"]

    told = world.gantry("node", "release", used, check=False)
    assert told.returncode == 1 and "is DRAINING" in told.stdout
    wait_until(lambda: world.gantry("node", "release", used, check=False).returncode == 0, 60, "the task to move")
    [moved] = world.service_tasks("leaving")
    assert moved["containerInstanceArn"] != task["containerInstanceArn"]
    assert world.gantry("node", "release", "node-1", check=False).returncode == 1, "serverless capacity is no provider's"
    world.delete_service("leaving")


def test_spot_capacity_is_taken_back(world, ecs):
    ecs.put_cluster_capacity_providers(
        cluster="default", capacityProviders=["FARGATE", "FARGATE_SPOT"],
        defaultCapacityProviderStrategy=[{"capacityProvider": "FARGATE", "weight": 1}],
    )
    definition = world.register("spot", {"stopTimeout": 5})
    world.create_service(
        "spot", definition, 2, launchType=None,
        capacityProviderStrategy=[{"capacityProvider": "FARGATE", "base": 1}, {"capacityProvider": "FARGATE_SPOT", "weight": 1}],
    )
    world.wait_stable("spot")
    before = {task["taskArn"]: task["capacityProviderName"] for task in world.service_tasks("spot")}
    assert sorted(before.values()) == ["FARGATE", "FARGATE_SPOT"]
    [lost] = [arn for arn, name in before.items() if name == "FARGATE_SPOT"]
    told = world.gantry("node", "interrupt", "node-1")
    assert told.stdout.split() == [lost.rsplit("/", 1)[-1]]
    task = world.wait_task(lost, "STOPPED")
    assert task["stopCode"] == "SpotInterruption"
    assert task["stoppedReason"] == "Your Spot Task was interrupted."

    def warning():
        events = json.loads(world.gantry("history", "events", "--output", "json").stdout)
        return next((event["eventBridgeEvent"] for event in events if event["resourceArn"] == lost and event.get("eventBridgeEvent")), None)

    warning = wait_until(warning, 20, "the warning")
    assert (warning["source"], warning["detail-type"]) == ("aws.ecs", "ECS Task State Change")
    assert warning["resources"] == [lost] and warning["detail"]["stopCode"] == "SpotInterruption"
    assert warning["detail"]["desiredStatus"] == "STOPPED" and warning["detail"]["lastStatus"] != "STOPPED"
    assert warning["detail"]["stoppingAt"].endswith("Z")

    def replaced():
        tasks = [task for task in world.service_tasks("spot") if task["lastStatus"] == "RUNNING"]
        return len(tasks) == 2 and lost not in {task["taskArn"] for task in tasks} and tasks

    tasks = wait_until(replaced, 60, "another Spot task")
    assert sorted(task["capacityProviderName"] for task in tasks) == ["FARGATE", "FARGATE_SPOT"]
    world.delete_service("spot")
    assert world.gantry("node", "interrupt", "nobody", check=False).returncode == 1


def test_a_task_gets_the_devices_of_its_gpus(fresh_world):
    world = fresh_world
    ecs = world.client("ecs")
    # Any device will do: what a container is given is the same for those of a real GPU.
    world.start_agent("gpus", "ec2", "--cluster", "default", "--gpu", "GPU-one=/dev/full", "--gpu", "GPU-two=/dev/fuse,/dev/full")

    def connected():
        arns = ecs.list_container_instances()["containerInstanceArns"]
        found = ecs.describe_container_instances(containerInstances=arns)["containerInstances"] if arns else []
        return next((one for one in found if one["agentConnected"] and gpus(one["registeredResources"])), None)

    def gpus(resources):
        return next((resource["stringSetValue"] for resource in resources if resource["name"] == "GPU"), [])

    instance = wait_until(connected, 30, "the node with GPUs")
    assert gpus(instance["registeredResources"]) == ["GPU-one", "GPU-two"]
    container = {
        "name": "model", "image": "demo:latest", "memory": 64, "stopTimeout": 2,
        "resourceRequirements": [{"type": "GPU", "value": "2"}],
    }
    definition = ecs.register_task_definition(family="gpus", networkMode="awsvpc", containerDefinitions=[container])
    definition = definition["taskDefinition"]["taskDefinitionArn"]

    def run():
        return ecs.run_task(taskDefinition=definition, launchType="EC2", networkConfiguration=world.network_configuration)

    task = run()["tasks"][0]
    running = world.wait_task(task["taskArn"], "RUNNING")
    assert running["containers"][0]["gpuIds"] == ["GPU-one", "GPU-two"]
    instance = ecs.describe_container_instances(containerInstances=[instance["containerInstanceArn"]])["containerInstances"][0]
    assert gpus(instance["remainingResources"]) == []
    assert run()["failures"][0]["reason"] == "RESOURCE:GPU"
    [root] = _roots_of_processes_with("NVIDIA_VISIBLE_DEVICES=GPU-one,GPU-two")
    for device in ("full", "fuse"):
        assert (root / "dev" / device).is_char_device()
    ecs.stop_task(task=task["taskArn"])
    world.wait_task(task["taskArn"], "STOPPED")


def _roots_of_processes_with(variable: str) -> list[Path]:
    def has_it(process: Path) -> bool:
        try:
            return variable.encode() in (process / "environ").read_bytes().split(b"\0")
        except OSError:
            return False

    return [process / "root" for process in Path("/proc").glob("[0-9]*") if has_it(process)]
