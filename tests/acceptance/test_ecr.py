"""ECR's API with boto3 and the AWS CLI, as Terraform and scripts use it."""

import json
import time
import urllib.request

import pytest
from botocore.exceptions import ClientError

from oci_client import CONFIG, LAYER, MANIFEST, Client, descriptor, digest_of

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


def test_an_image_without_the_registrys_protocol(world, ecr):
    ecr.create_repository(repositoryName="by/api")
    config = json.dumps({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}}).encode()
    layer = bytes(range(256)) * 30_000
    for content in (config, layer):
        begun = ecr.initiate_layer_upload(repositoryName="by/api")
        for first in range(0, len(content), begun["partSize"]):
            part = content[first : first + begun["partSize"]]
            ecr.upload_layer_part(
                repositoryName="by/api", uploadId=begun["uploadId"], partFirstByte=first, partLastByte=first + len(part) - 1, layerPartBlob=part,
            )
        done = ecr.complete_layer_upload(repositoryName="by/api", uploadId=begun["uploadId"], layerDigests=[digest_of(content)])
        assert done["layerDigest"] == digest_of(content)
    manifest = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "config": descriptor(config, CONFIG), "layers": [descriptor(layer, LAYER)]})
    put = ecr.put_image(repositoryName="by/api", imageManifest=manifest, imageTag="v1")["image"]
    got = ecr.batch_get_image(repositoryName="by/api", imageIds=[{"imageTag": "v1"}])["images"][0]
    assert got["imageManifest"] == manifest and got["imageId"]["imageDigest"] == put["imageId"]["imageDigest"]
    assert _code(ecr.put_image, repositoryName="by/api", imageManifest=manifest, imageTag="v1") == "ImageAlreadyExistsException"
    layers = ecr.batch_check_layer_availability(repositoryName="by/api", layerDigests=[digest_of(layer), digest_of(b"none")])["layers"]
    assert [one["layerAvailability"] for one in layers] == ["AVAILABLE", "UNAVAILABLE"] and layers[0]["layerSize"] == len(layer)
    url = ecr.get_download_url_for_layer(repositoryName="by/api", layerDigest=digest_of(layer))["downloadUrl"]
    with urllib.request.urlopen(url, timeout=30) as answer:
        assert answer.read() == layer
    # What the API wrote the registry serves.
    client = Client(world, "by/api")
    assert client.send("GET", "manifests/v1").body.decode() == manifest
    artifact = {**client.image(b"sbom"), "artifactType": "application/vnd.test.sbom", "subject": descriptor(manifest.encode(), MANIFEST)}
    _, digest = client.push_manifest(artifact)
    referrers = ecr.list_image_referrers(repositoryName="by/api", subjectId={"imageDigest": put["imageId"]["imageDigest"]})["referrers"]
    assert [(one["digest"], one["artifactType"]) for one in referrers] == [(digest, "application/vnd.test.sbom")]


def test_what_the_registry_says_of_itself(ecr):
    assert ecr.describe_registry()["replicationConfiguration"] == {"rules": []}
    assert _code(ecr.get_registry_policy) == "RegistryPolicyNotFoundException"
    rules = [{"destinations": [{"region": "us-west-2", "registryId": "123456789012"}]}]
    assert _code(ecr.put_replication_configuration, replicationConfiguration={"rules": rules}) == "UnsupportedFeatureException"
    assert ecr.get_registry_scanning_configuration()["scanningConfiguration"] == {"scanType": "BASIC", "rules": []}
    assert _code(ecr.start_image_scan, repositoryName="demo", imageId={"imageTag": "latest"}) == "UnsupportedFeatureException"
    assert _code(ecr.describe_image_scan_findings, repositoryName="demo", imageId={"imageTag": "latest"}) == "ScanNotFoundException"
    assert ecr.get_account_setting(name="BLOB_MOUNTING")["value"] == "ENABLED"


def test_a_repository_policy_lets_in_and_keeps_out(world, ecr):
    ecr.create_repository(repositoryName="shared")
    Client(world, "shared").push_image(b"shared", "v1")
    iam = world.client("iam")
    iam.create_user(UserName="puller")
    key = iam.create_access_key(UserName="puller")["AccessKey"]
    login = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "ecr:GetAuthorizationToken", "Resource": "*"}}
    iam.put_user_policy(UserName="puller", PolicyName="login", PolicyDocument=json.dumps(login))
    theirs = world.client("ecr", aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"])
    get = {"repositoryName": "shared", "imageIds": [{"imageTag": "v1"}]}
    assert _code(theirs.batch_get_image, **get) == "AccessDeniedException"

    def policy(effect):
        return json.dumps({"Version": "2012-10-17", "Statement": [{
            "Effect": effect, "Principal": {"AWS": "arn:aws:iam::123456789012:user/puller"}, "Action": ["ecr:BatchGetImage"],
        }]})

    ecr.set_repository_policy(repositoryName="shared", policyText=policy("Allow"))
    assert theirs.batch_get_image(**get)["images"][0]["imageId"]["imageTag"] == "v1"
    client = Client(world, "shared", theirs)
    assert client.send("GET", "manifests/v1").status == 200
    assert client.send("POST", "blobs/uploads/").status == 403, "pull is not push"
    everything = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "ecr:*", "Resource": "*"}}
    iam.put_user_policy(UserName="puller", PolicyName="login", PolicyDocument=json.dumps(everything))
    ecr.set_repository_policy(repositoryName="shared", policyText=policy("Deny"))
    with pytest.raises(ClientError) as error:
        theirs.batch_get_image(**get)
    assert "with an explicit deny in a resource-based policy" in error.value.response["Error"]["Message"]
    assert client.send("GET", "manifests/v1").status == 403
    iam.delete_user_policy(UserName="puller", PolicyName="login")
    iam.delete_access_key(UserName="puller", AccessKeyId=key["AccessKeyId"])
    iam.delete_user(UserName="puller")
