"""Secrets Manager, with boto3 and the AWS CLI."""

import json

import botocore.exceptions
import pytest


@pytest.fixture(scope="module")
def secrets(world):
    return world.client("secretsmanager")


def error_of(call, *arguments, **named):
    with pytest.raises(botocore.exceptions.ClientError) as error:
        call(*arguments, **named)
    return error.value.response["Error"]


def code(call, *arguments, **named):
    return error_of(call, *arguments, **named)["Code"]


def test_life_of_a_secret(secrets):
    created = secrets.create_secret(Name="life/db", Description="a login", SecretString="one", Tags=[{"Key": "team", "Value": "blue"}])
    arn = created["ARN"]
    assert arn.startswith("arn:aws:secretsmanager:us-east-1:123456789012:secret:life/db-") and len(arn.rsplit("-", 1)[1]) == 6
    assert code(secrets.create_secret, Name="life/db", SecretString="one") == "ResourceExistsException"
    for secret_id in ("life/db", arn, arn.rsplit("-", 1)[0]):
        assert secrets.get_secret_value(SecretId=secret_id)["SecretString"] == "one"
    second = secrets.put_secret_value(SecretId=arn, SecretString="two")
    assert second["VersionStages"] == ["AWSCURRENT"]
    assert secrets.get_secret_value(SecretId=arn)["SecretString"] == "two"
    previous = secrets.get_secret_value(SecretId=arn, VersionStage="AWSPREVIOUS")
    assert (previous["SecretString"], previous["VersionId"]) == ("one", created["VersionId"])
    assert secrets.get_secret_value(SecretId=arn, VersionId=created["VersionId"])["SecretString"] == "one"

    secrets.update_secret_version_stage(
        SecretId=arn, VersionStage="AWSCURRENT", MoveToVersionId=created["VersionId"], RemoveFromVersionId=second["VersionId"])
    assert secrets.get_secret_value(SecretId=arn)["SecretString"] == "one"
    updated = secrets.update_secret(SecretId=arn, Description="changed", SecretBinary=b"\x00\xff")
    got = secrets.get_secret_value(SecretId=arn)
    assert got["SecretBinary"] == b"\x00\xff" and "SecretString" not in got and got["VersionId"] == updated["VersionId"]

    described = secrets.describe_secret(SecretId=arn)
    assert described["Description"] == "changed" and described["Tags"] == [{"Key": "team", "Value": "blue"}]
    assert described["VersionIdsToStages"] == {updated["VersionId"]: ["AWSCURRENT"], created["VersionId"]: ["AWSPREVIOUS"]}
    assert "LastAccessedDate" in described
    versions = secrets.list_secret_version_ids(SecretId=arn)["Versions"]
    assert len(versions) == 2
    assert len(secrets.list_secret_version_ids(SecretId=arn, IncludeDeprecated=True)["Versions"]) == 3
    secrets.tag_resource(SecretId=arn, Tags=[{"Key": "stage", "Value": "test"}])
    secrets.untag_resource(SecretId=arn, TagKeys=["team"])
    assert secrets.describe_secret(SecretId=arn)["Tags"] == [{"Key": "stage", "Value": "test"}]

    deleted = secrets.delete_secret(SecretId=arn, RecoveryWindowInDays=7)
    assert deleted["Name"] == "life/db"
    assert code(secrets.get_secret_value, SecretId=arn) == "InvalidRequestException"
    assert "life/db" not in [item["Name"] for item in secrets.list_secrets()["SecretList"]]
    assert "life/db" in [item["Name"] for item in secrets.list_secrets(IncludePlannedDeletion=True)["SecretList"]]
    secrets.restore_secret(SecretId=arn)
    assert secrets.get_secret_value(SecretId=arn)["SecretBinary"] == b"\x00\xff"
    secrets.delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)
    assert error_of(secrets.get_secret_value, SecretId=arn) == {
        "Code": "ResourceNotFoundException", "Message": "Secrets Manager can't find the specified secret.",
    }


def test_lists_and_batches(secrets):
    for name in ("list/a", "list/b", "list/c"):
        secrets.create_secret(Name=name, SecretString=name)
    by_name = [{"Key": "name", "Values": ["list/"]}]
    pages = secrets.get_paginator("list_secrets").paginate(Filters=by_name, SortOrder="desc", PaginationConfig={"PageSize": 2})
    assert [[item["Name"] for item in page["SecretList"]] for page in pages] == [["list/c", "list/b"], ["list/a"]]
    batch = secrets.batch_get_secret_value(SecretIdList=["list/a", "list/none"])
    assert [item["SecretString"] for item in batch["SecretValues"]] == ["list/a"]
    assert [(item["SecretId"], item["ErrorCode"]) for item in batch["Errors"]] == [("list/none", "ResourceNotFoundException")]
    assert len(secrets.batch_get_secret_value(Filters=by_name)["SecretValues"]) == 3


def test_resource_policies(secrets):
    secrets.create_secret(Name="policy", SecretString="x")
    policy = {"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"}, "Action": "secretsmanager:GetSecretValue", "Resource": "*"}]}
    secrets.put_resource_policy(SecretId="policy", ResourcePolicy=json.dumps(policy))
    assert json.loads(secrets.get_resource_policy(SecretId="policy")["ResourcePolicy"]) == policy
    assert secrets.validate_resource_policy(ResourcePolicy=json.dumps(policy))["PolicyValidationPassed"]
    policy["Statement"][0]["Principal"] = "*"
    assert code(secrets.put_resource_policy, SecretId="policy", ResourcePolicy=json.dumps(policy), BlockPublicPolicy=True) == "PublicPolicyException"
    assert not secrets.validate_resource_policy(ResourcePolicy=json.dumps(policy))["PolicyValidationPassed"]
    assert code(secrets.put_resource_policy, SecretId="policy", ResourcePolicy="{}") == "MalformedPolicyDocumentException"
    secrets.delete_resource_policy(SecretId="policy")
    assert "ResourcePolicy" not in secrets.get_resource_policy(SecretId="policy")


def test_passwords_and_refusals(secrets):
    password = secrets.get_random_password(PasswordLength=40, ExcludePunctuation=True, ExcludeCharacters="abc")["RandomPassword"]
    assert len(password) == 40 and password.isalnum() and not set(password) & set("abc")
    assert code(secrets.create_secret, Name="kms", KmsKeyId="alias/mine") == "UnsupportedFeatureException"
    assert code(secrets.create_secret, Name="far", AddReplicaRegions=[{"Region": "eu-west-1"}]) == "UnsupportedFeatureException"
    assert code(secrets.rotate_secret, SecretId="policy") == "UnsupportedFeatureException"
    assert code(secrets.delete_secret, SecretId="policy", RecoveryWindowInDays=3) == "InvalidParameterException"


def test_the_cli(world):
    created = world.aws("secretsmanager", "create-secret", "--name", "cli/x", "--secret-string", '{"user":"me"}')
    assert world.aws("secretsmanager", "get-secret-value", "--secret-id", created["ARN"])["SecretString"] == '{"user":"me"}'
    assert world.aws("secretsmanager", "list-secrets", "--filters", "Key=name,Values=cli/")["SecretList"][0]["Name"] == "cli/x"
