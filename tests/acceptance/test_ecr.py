"""ECR's API with boto3 and the AWS CLI, as Terraform and scripts use it."""

import json
import time

import pytest
from botocore.exceptions import ClientError

from oci_client import Client

POLICY = {"Version": "2012-10-17", "Statement": [{"Sid": "pull", "Effect": "Allow", "Principal": "*", "Action": ["ecr:BatchGetImage"]}]}


@pytest.fixture
def ecr(world):
    return world.client("ecr")


def _code(call, **arguments):
    with pytest.raises(ClientError) as error:
        call(**arguments)
    return error.value.response["Error"]["Code"]


def test_what_terraform_calls_of_a_repository(ecr):
    made = ecr.create_repository(
        repositoryName="tf/app",
        imageTagMutability="IMMUTABLE_WITH_EXCLUSION",
        imageTagMutabilityExclusionFilters=[{"filter": "latest*", "filterType": "WILDCARD"}],
        imageScanningConfiguration={"scanOnPush": False},
        encryptionConfiguration={"encryptionType": "AES256"},
        tags=[{"Key": "team", "Value": "blue"}],
    )["repository"]
    assert made["imageTagMutability"] == "IMMUTABLE_WITH_EXCLUSION"
    assert made["imageTagMutabilityExclusionFilters"] == [{"filter": "latest*", "filterType": "WILDCARD"}]
    arn = made["repositoryArn"]
    ecr.tag_resource(resourceArn=arn, tags=[{"Key": "stage", "Value": "prod"}])
    ecr.untag_resource(resourceArn=arn, tagKeys=["team"])
    assert ecr.list_tags_for_resource(resourceArn=arn)["tags"] == [{"Key": "stage", "Value": "prod"}]
    ecr.put_image_tag_mutability(repositoryName="tf/app", imageTagMutability="MUTABLE")
    assert "imageTagMutabilityExclusionFilters" not in ecr.describe_repositories(repositoryNames=["tf/app"])["repositories"][0]
    ecr.put_image_scanning_configuration(repositoryName="tf/app", imageScanningConfiguration={"scanOnPush": False})
    assert _code(ecr.put_image_scanning_configuration, repositoryName="tf/app", imageScanningConfiguration={"scanOnPush": True}) == "UnsupportedFeatureException"

    assert _code(ecr.get_repository_policy, repositoryName="tf/app") == "RepositoryPolicyNotFoundException"
    ecr.set_repository_policy(repositoryName="tf/app", policyText=json.dumps(POLICY))
    assert json.loads(ecr.get_repository_policy(repositoryName="tf/app")["policyText"]) == POLICY
    ecr.delete_repository_policy(repositoryName="tf/app")
    assert _code(ecr.get_lifecycle_policy, repositoryName="tf/app") == "LifecyclePolicyNotFoundException"
    ecr.delete_repository(repositoryName="tf/app")


def test_a_lifecycle_policy_expires_images(world, ecr):
    ecr.create_repository(repositoryName="aging")
    client = Client(world, "aging")
    for number in range(4):
        client.push_image(f"v{number}".encode(), f"v{number}")
    text = json.dumps({"rules": [{
        "rulePriority": 1, "description": "keep two of the newest",
        "selection": {"tagStatus": "tagged", "tagPatternList": ["v*"], "countType": "imageCountMoreThan", "countNumber": 2},
        "action": {"type": "expire"},
    }]})
    ecr.start_lifecycle_policy_preview(repositoryName="aging", lifecyclePolicyText=text)
    ecr.get_waiter("lifecycle_policy_preview_complete").wait(repositoryName="aging")
    preview = ecr.get_lifecycle_policy_preview(repositoryName="aging")
    assert sorted(tag for result in preview["previewResults"] for tag in result["imageTags"]) == ["v0", "v1"]
    assert preview["summary"]["expiringImageTotalCount"] == 2

    world.aws("ecr", "put-lifecycle-policy", "--repository-name", "aging", "--lifecycle-policy-text", text)
    until = time.monotonic() + 60
    while len(ecr.list_images(repositoryName="aging")["imageIds"]) != 2 and time.monotonic() < until:
        time.sleep(0.5)
    assert sorted(image["imageTag"] for image in ecr.list_images(repositoryName="aging")["imageIds"]) == ["v2", "v3"]
    until = time.monotonic() + 10
    while "lastEvaluatedAt" not in ecr.get_lifecycle_policy(repositoryName="aging") and time.monotonic() < until:
        time.sleep(0.2)
    assert ecr.delete_lifecycle_policy(repositoryName="aging")["lastEvaluatedAt"]
