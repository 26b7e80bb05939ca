"""Clusters, with boto3."""

import pytest
from botocore.exceptions import ClientError


def test_the_default_cluster_exists_and_runs_on_fargate(ecs):
    cluster = ecs.describe_clusters(include=["TAGS", "SETTINGS", "STATISTICS"])["clusters"][0]
    assert cluster["clusterName"] == "default"
    assert cluster["status"] == "ACTIVE"
    assert cluster["clusterArn"] == "arn:aws:ecs:us-east-1:123456789012:cluster/default"
    assert cluster["capacityProviders"] == ["FARGATE", "FARGATE_SPOT"]
    assert [item["capacityProvider"] for item in cluster["defaultCapacityProviderStrategy"]] == ["FARGATE"]
    assert cluster["registeredContainerInstancesCount"] == 0, "serverless nodes are hidden"


def test_life_of_a_cluster(ecs):
    created = ecs.create_cluster(clusterName="life", tags=[{"key": "team", "value": "blue"}])["cluster"]
    assert created["status"] == "ACTIVE"
    assert created["tags"] == [{"key": "team", "value": "blue"}]
    assert ecs.create_cluster(clusterName="life")["cluster"]["clusterArn"] == created["clusterArn"], "creating again is no error"
    assert created["clusterArn"] in ecs.list_clusters()["clusterArns"]

    ecs.update_cluster_settings(cluster="life", settings=[{"name": "containerInsights", "value": "disabled"}])
    assert ecs.delete_cluster(cluster="life")["cluster"]["status"] == "INACTIVE"
    assert created["clusterArn"] not in ecs.list_clusters()["clusterArns"]
    assert ecs.describe_clusters(clusters=["life"])["clusters"][0]["status"] == "INACTIVE"


def test_a_missing_cluster_is_a_failure_not_an_error(ecs):
    answer = ecs.describe_clusters(clusters=["nowhere"])
    assert answer["clusters"] == []
    assert answer["failures"] == [{"arn": "arn:aws:ecs:us-east-1:123456789012:cluster/nowhere", "reason": "MISSING"}]
    with pytest.raises(ClientError) as error:
        ecs.list_tasks(cluster="nowhere")
    assert error.value.response["Error"] == {"Code": "ClusterNotFoundException", "Message": "Cluster not found."}


def test_a_cluster_with_services_is_not_deleted(world, ecs):
    ecs.create_cluster(clusterName="busy", capacityProviders=["FARGATE"])
    definition = world.register("busy", {})
    world.create_service("keeper", definition, 0, cluster="busy")
    with pytest.raises(ClientError) as error:
        ecs.delete_cluster(cluster="busy")
    assert error.value.response["Error"]["Code"] == "ClusterContainsServicesException"
    ecs.delete_service(cluster="busy", service="keeper", force=True)


def test_pages_and_tags(ecs):
    names = [f"page-{number}" for number in range(7)]
    for name in names:
        ecs.create_cluster(clusterName=name)
    pages = list(ecs.get_paginator("list_clusters").paginate(PaginationConfig={"PageSize": 3}))
    assert len(pages) >= 3
    listed = [arn.rsplit("/")[-1] for page in pages for arn in page["clusterArns"]]
    assert set(names) <= set(listed)
    assert len(listed) == len(set(listed))

    arn = "arn:aws:ecs:us-east-1:123456789012:cluster/page-0"
    assert ecs.list_tags_for_resource(resourceArn=arn)["tags"] == []
    ecs.tag_resource(resourceArn=arn, tags=[{"key": "a", "value": "1"}, {"key": "b", "value": "2"}])
    ecs.untag_resource(resourceArn=arn, tagKeys=["a"])
    assert ecs.list_tags_for_resource(resourceArn=arn)["tags"] == [{"key": "b", "value": "2"}]
    for name in names:
        ecs.delete_cluster(cluster=name)
