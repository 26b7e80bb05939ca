"""Gantry's registry with skopeo, and the ECR API with boto3."""

import base64
import subprocess

import pytest
from botocore.exceptions import ClientError

from world import DEMO_ROOT


def test_push_run_and_pull_with_skopeo(world, tmp_path):
    ecr = world.client("ecr")
    uri = ecr.create_repository(repositoryName="team/app")["repository"]["repositoryUri"]
    assert uri == "123456789012.dkr.ecr.us-east-1.amazonaws.com/team/app"
    user, password = _login(ecr)
    pulled, again = tmp_path / "pulled", tmp_path / "again"
    host = f"127.0.0.1:{world.port}"
    credentials = f"{user}:{password}"
    _skopeo("copy", "--src-tls-verify=false", "--src-creds", credentials, f"docker://{host}/demo:latest", f"oci:{pulled}:v1")
    _skopeo("copy", "--dest-tls-verify=false", "--dest-creds", credentials, f"oci:{pulled}:v1", f"docker://{host}/team/app:v1")
    _skopeo("copy", "--src-tls-verify=false", "--src-creds", credentials, f"docker://{host}/team/app:v1", f"oci:{again}:v1")

    task = world.run_task(world.register("ecr-image", {"image": f"{uri}:v1", "command": ["exit", "4"]}))
    # A new layer is synced with its whole file system before it counts: that takes long beside heavy writers.
    assert world.wait_task(task["taskArn"], "STOPPED", 120)["containers"][0]["exitCode"] == 4


def test_the_registry_wants_a_login(world, tmp_path):
    done = subprocess.run(
        ["skopeo", "copy", "--src-tls-verify=false", f"docker://127.0.0.1:{world.port}/demo:latest", f"oci:{tmp_path / 'x'}:v1"],
        capture_output=True, text=True, timeout=60,
    )
    assert done.returncode != 0 and "unauthorized" in (done.stderr + done.stdout)


def test_a_push_to_a_missing_repository_is_refused(world, tmp_path):
    user, password = _login(world.client("ecr"))
    host, layout = f"127.0.0.1:{world.port}", tmp_path / "layout"
    _skopeo("copy", "--src-tls-verify=false", "--src-creds", f"{user}:{password}", f"docker://{host}/demo:latest", f"oci:{layout}:v1")
    done = subprocess.run(
        ["skopeo", "copy", "--dest-tls-verify=false", "--dest-creds", f"{user}:{password}", f"oci:{layout}:v1", f"docker://{host}/never/made:v1"],
        capture_output=True, text=True, timeout=60,
    )
    assert done.returncode != 0
    assert "The repository with name 'never/made' does not exist in the registry with id '123456789012'" in done.stderr + done.stdout


def test_repositories(world):
    ecr = world.client("ecr")
    ecr.create_repository(repositoryName="once")
    with pytest.raises(ClientError) as error:
        ecr.create_repository(repositoryName="once")
    assert error.value.response["Error"]["Code"] == "RepositoryAlreadyExistsException"
    names = [repository["repositoryName"] for page in ecr.get_paginator("describe_repositories").paginate() for repository in page["repositories"]]
    assert {"once", "demo"} <= set(names)
    with pytest.raises(ClientError) as error:
        ecr.describe_repositories(repositoryNames=["ghost"])
    assert error.value.response["Error"]["Code"] == "RepositoryNotFoundException"


def test_import_is_deterministic(world):
    first = world.gantry("image", "import", str(DEMO_ROOT), "twice:1", "--entrypoint", "/demo").stdout
    second = world.gantry("image", "import", str(DEMO_ROOT), "twice:2", "--entrypoint", "/demo").stdout
    digest = [word for word in first.split() if word.startswith("sha256:")]
    assert digest and digest == [word for word in second.split() if word.startswith("sha256:")]


def _login(ecr):
    data = ecr.get_authorization_token()["authorizationData"][0]
    return base64.b64decode(data["authorizationToken"]).decode().split(":", 1)


def _skopeo(*arguments):
    done = subprocess.run(["skopeo", *map(str, arguments)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
