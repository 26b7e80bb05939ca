"""SSM Parameter Store, with boto3 and the AWS CLI."""

import json
import subprocess
import time

import botocore.exceptions
import pytest
from world import World


@pytest.fixture(scope="module")
def ssm(world):
    return world.client("ssm")


def code(call, *arguments, **named):
    with pytest.raises(botocore.exceptions.ClientError) as error:
        call(*arguments, **named)
    return error.value.response["Error"]["Code"]


def test_life_of_a_parameter(ssm):
    put = ssm.put_parameter(Name="/life/url", Type="String", Value="one", Description="where", Tags=[{"Key": "team", "Value": "blue"}])
    assert (put["Version"], put["Tier"]) == (1, "Standard")
    assert code(ssm.put_parameter, Name="/life/url", Type="String", Value="two") == "ParameterAlreadyExists"
    assert ssm.put_parameter(Name="/life/url", Value="two", Overwrite=True)["Version"] == 2
    got = ssm.get_parameter(Name="/life/url")["Parameter"]
    assert (got["Value"], got["Version"], got["Type"], got["DataType"]) == ("two", 2, "String", "text")
    assert got["ARN"] == "arn:aws:ssm:us-east-1:123456789012:parameter/life/url"
    assert ssm.get_parameter(Name=got["ARN"])["Parameter"]["Value"] == "two"
    first = ssm.get_parameter(Name="/life/url:1")["Parameter"]
    assert (first["Value"], first["Version"], first["Selector"]) == ("one", 1, ":1")
    ssm.label_parameter_version(Name="/life/url", ParameterVersion=1, Labels=["live"])
    assert ssm.get_parameter(Name="/life/url:live")["Parameter"]["Value"] == "one"
    history = ssm.get_parameter_history(Name="/life/url")["Parameters"]
    assert [(item["Version"], item["Value"], item["Labels"]) for item in history] == [(1, "one", ["live"]), (2, "two", [])]
    assert history[0]["LastModifiedUser"] == "arn:aws:iam::123456789012:root"
    assert ssm.unlabel_parameter_version(Name="/life/url", ParameterVersion=1, Labels=["live"])["RemovedLabels"] == ["live"]
    described = ssm.describe_parameters(ParameterFilters=[{"Key": "Name", "Values": ["/life/url"]}])["Parameters"]
    assert [(item["Name"], item["Description"]) for item in described] == [("/life/url", "where")]
    resource = {"ResourceType": "Parameter", "ResourceId": "/life/url"}
    ssm.add_tags_to_resource(**resource, Tags=[{"Key": "stage", "Value": "test"}])
    ssm.remove_tags_from_resource(**resource, TagKeys=["team"])
    assert ssm.list_tags_for_resource(**resource)["TagList"] == [{"Key": "stage", "Value": "test"}]
    ssm.delete_parameter(Name="/life/url")
    assert code(ssm.get_parameter, Name="/life/url") == "ParameterNotFound"
    assert code(ssm.delete_parameter, Name="/life/url") == "ParameterNotFound"


def test_a_secure_string_is_shown_only_decrypted(ssm):
    ssm.put_parameter(Name="/secure/pass", Type="SecureString", Value="hunter2")
    assert "hunter2" not in json.dumps(ssm.get_parameter(Name="/secure/pass")["Parameter"], default=str)
    assert ssm.get_parameter(Name="/secure/pass", WithDecryption=True)["Parameter"]["Value"] == "hunter2"
    metadata = ssm.describe_parameters(ParameterFilters=[{"Key": "Type", "Values": ["SecureString"]}])["Parameters"]
    assert ("/secure/pass", "alias/aws/ssm") in [(item["Name"], item["KeyId"]) for item in metadata]
    assert code(ssm.put_parameter, Name="/secure/other", Type="SecureString", Value="x", KeyId="alias/mine") == "UnsupportedFeatureException"


def test_paths_pages_and_several_at_once(ssm):
    for number in range(13):
        ssm.put_parameter(Name=f"/pages/{'deep/' if number % 2 else ''}{number:02}", Type="String", Value=str(number))
    pages = list(ssm.get_paginator("get_parameters_by_path").paginate(Path="/pages", Recursive=True))
    assert [len(page["Parameters"]) for page in pages] == [10, 3]
    assert len(ssm.get_parameters_by_path(Path="/pages")["Parameters"]) == 7
    got = ssm.get_parameters(Names=["/pages/00", "/pages/none", "/pages/deep/01:1"])
    assert [item["Value"] for item in got["Parameters"]] == ["0", "1"]
    assert got["InvalidParameters"] == ["/pages/none"]
    names = [item["Name"] for page in pages for item in page["Parameters"]]
    assert sorted(ssm.delete_parameters(Names=names[:10])["DeletedParameters"]) == sorted(names[:10])
    assert ssm.delete_parameters(Names=[*names[10:], "/pages/none"])["InvalidParameters"] == ["/pages/none"]


def test_refusals_in_the_words_of_aws(ssm):
    assert code(ssm.put_parameter, Name="/aws/x", Type="String", Value="x") == "AccessDeniedException"
    assert code(ssm.put_parameter, Name="a b", Type="String", Value="x") == "ValidationException"
    assert code(ssm.put_parameter, Name="/l" * 16, Type="String", Value="x") == "HierarchyLevelLimitExceededException"
    assert code(ssm.put_parameter, Name="n", Type="String", Value="x", AllowedPattern=r"^\d+$") == "ParameterPatternMismatchException"
    assert code(ssm.put_parameter, Name="n", Type="Blob", Value="x") == "ValidationException"
    assert code(ssm.get_parameters_by_path, Path="no-slash") == "ValidationException"
    assert code(ssm.send_command, DocumentName="x") == "UnsupportedFeatureException"


def test_the_cli(world):
    world.aws("ssm", "put-parameter", "--name", "/cli/x", "--type", "StringList", "--value", "a,b")
    assert world.aws("ssm", "get-parameter", "--name", "/cli/x")["Parameter"]["Value"] == "a,b"
    assert world.aws("ssm", "describe-parameters", "--filters", "Key=Name,Values=/cli")["Parameters"][0]["Name"] == "/cli/x"


def test_nothing_secret_is_on_the_disk_or_lost_by_a_kill():
    world = World().start_server()
    try:
        ssm, secrets = world.client("ssm"), world.client("secretsmanager")
        ssm.put_parameter(Name="/p", Type="SecureString", Value="plain-as-day-1")
        ssm.put_parameter(Name="/p", Value="plain-as-day-2", Overwrite=True)
        secrets.create_secret(Name="s", SecretString="plain-as-day-3")
        world.kill_server()
        found = subprocess.run(["grep", "-rc", "plain-as-day", str(world.data_dir("server"))], capture_output=True, text=True).stdout
        assert all(line.endswith(":0") for line in found.splitlines()), found
        world.start_server()
        assert ssm.get_parameter(Name="/p:1", WithDecryption=True)["Parameter"]["Value"] == "plain-as-day-1"
        assert secrets.get_secret_value(SecretId="s")["SecretString"] == "plain-as-day-3"
    finally:
        world.stop()


def test_a_backup_holds_ciphertext_and_is_restored_with_the_root_key():
    from test_state import gantry

    world, other = World().start_server(), World()
    try:
        world.client("ssm").put_parameter(Name="/p", Type="SecureString", Value="plain-as-day")
        file, key = world.directory / "state.backup", world.data_dir("server") / "root-key.json"
        assert key.stat().st_mode & 0o777 == 0o600
        gantry("backup", file, "--data-dir", world.data_dir("server"))
        assert b"plain-as-day" not in file.read_bytes()
        assert json.loads(key.read_text())["keys"][0]["key"].encode() not in file.read_bytes()

        old_key = world.directory / "old-root-key.json"
        old_key.write_bytes(key.read_bytes())
        gantry("rotate-root-key", "--data-dir", world.data_dir("server"))
        assert key.read_bytes() != old_key.read_bytes()
        assert world.client("ssm").get_parameter(Name="/p", WithDecryption=True)["Parameter"]["Value"] == "plain-as-day"

        for arguments in ([], ["--root-key", key]):
            refused = gantry("restore", file, *arguments, "--data-dir", other.data_dir("server"), check=False)
            assert refused.returncode == 1 and "name the root-key.json" in refused.stderr, refused.stderr
            assert not list(other.data_dir("server").iterdir()), "nothing half restored"
        gantry("restore", file, "--root-key", old_key, "--data-dir", other.data_dir("server"))
        other.start_server()
        assert other.client("ssm").get_parameter(Name="/p", WithDecryption=True)["Parameter"]["Value"] == "plain-as-day"
    finally:
        world.stop()
        other.stop()


def test_a_secure_string_is_read_in_a_millisecond_of_the_server(world, ssm):
    """Seen from a client in Python, whose own part is most of it: so the bound is generous, and a plain string beside it tells."""
    ssm.put_parameter(Name="/fast/secure", Type="SecureString", Value="v")
    ssm.put_parameter(Name="/fast/plain", Type="String", Value="v")

    def best(name):
        times = []
        for _ in range(60):
            begin = time.perf_counter()
            ssm.get_parameter(Name=name, WithDecryption=True)
            times.append(time.perf_counter() - begin)
        return min(times)

    assert best("/fast/secure") < best("/fast/plain") + 0.001
