"""Balance over Availability Zones, with two nodes that say where they are."""

from world import http_get, wait_until


def zones(world):
    tasks = [task for task in world.service_tasks("even") if task["lastStatus"] == "RUNNING"]
    return sorted(task["availabilityZone"] for task in tasks)


def test_tasks_move_to_a_zone_that_comes_back(fresh_world):
    world = fresh_world
    ecs = world.client("ecs")
    definition = world.register("even", {"portMappings": [{"containerPort": 8080}]})
    service = world.create_service("even", definition, 4)
    assert service["availabilityZoneRebalancing"] == "ENABLED"
    world.wait_stable("even")
    [zone] = set(zones(world))
    other = zone[:-1] + "b"
    world.start_agent("node-2", "serverless", "--attribute", f"ecs.availability-zone={other}")
    world.wait_connected(2)
    least = []

    def even():
        least.append(world.service("even")["runningCount"])
        return zones(world) == [zone, zone, other, other]

    wait_until(even, 150, "two tasks in each zone", every=0.2)
    assert min(least) >= 4, "a new task runs before an old one goes"
    done = f"(service even) is AZ balanced with 2 tasks in {zone}, and 2 tasks in {other}."

    def told():
        return [event["message"] for event in world.service("even")["events"] if event["message"] == done]

    wait_until(told, 90, "the event of the end")
    for task in world.service_tasks("even"):
        wait_until(lambda: http_get(world.task_address(task)), 5, "the task to answer")
    world.delete_service("even")
