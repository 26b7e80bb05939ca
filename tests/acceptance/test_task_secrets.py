"""Secrets and parameters in the environment of real containers, and each way in which they cannot be had."""

import json
import subprocess
import urllib.error
import urllib.request

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from oci_registry import PASSWORD, USER, Registry
from world import ROOT, wait_until

ROLE = "arn:aws:iam::123456789012:role/secretsExecution"
GROUP = "/test/secrets"
PREFIX = "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: "


def make_role(world, name, actions, resources="*", service="ecs-tasks.amazonaws.com"):
    """An execution role that may do this besides what the managed policy allows."""
    iam = world.client("iam")
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}]}
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    allowed = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": resources}]}
    iam.put_role_policy(RoleName=name, PolicyName="secrets", PolicyDocument=json.dumps(allowed))
    return arn


READ = ["secretsmanager:GetSecretValue", "ssm:GetParameters"]


@pytest.fixture(scope="module", autouse=True)
def role(world):
    assert make_role(world, "secretsExecution", READ) == ROLE


@pytest.fixture(scope="module")
def database(world):
    """A secret with a JSON value, by ARN."""
    secrets = world.client("secretsmanager")
    arn = secrets.create_secret(Name="task/db", SecretString=json.dumps({"user": "me", "password": "hunter2-old", "port": 5432}))["ARN"]
    secrets.put_secret_value(SecretId=arn, SecretString=json.dumps({"user": "me", "password": "hunter2-new", "port": 5432}))
    return arn


@pytest.fixture(scope="module")
def parameter(world):
    ssm = world.client("ssm")
    ssm.put_parameter(Name="/task/token", Type="SecureString", Value="hunter2-first")
    ssm.put_parameter(Name="/task/token", Value="hunter2-second", Overwrite=True)
    ssm.put_parameter(Name="task-url", Type="String", Value="http://example")
    return "arn:aws:ssm:us-east-1:123456789012:parameter/task/token"


def register(world, image, secrets, script="env", role=ROLE, **fields):
    container = {
        "name": "main", "image": image, "essential": True, "entryPoint": ["sh", "-c"], "command": [script], "secrets": secrets,
        "logConfiguration": {"logDriver": "awslogs", "options": {
            "awslogs-group": GROUP, "awslogs-region": "us-east-1", "awslogs-stream-prefix": "s", "awslogs-create-group": "true"}},
    }
    return world.register("secret", dict(container, **fields), executionRoleArn=role)


def lines(world, arn):
    def written():
        try:
            stream = f"s/main/{arn.rsplit('/')[-1]}"
            return [event["message"] for event in world.client("logs").get_log_events(logGroupName=GROUP, logStreamName=stream)["events"]]
        except ClientError:
            return []
    return wait_until(written, 10, "the container's lines")


def test_values_reach_the_program_and_nothing_else(world, busybox, database, parameter):
    first = world.client("secretsmanager").describe_secret(SecretId=database)["VersionIdsToStages"]
    previous = next(version for version, stages in first.items() if stages == ["AWSPREVIOUS"])
    definition = register(world, busybox, [
        {"name": "WHOLE", "valueFrom": database},
        {"name": "PASSWORD", "valueFrom": f"{database}:password::"},
        {"name": "OLD", "valueFrom": f"{database}:password:AWSPREVIOUS:"},
        {"name": "BY_ID", "valueFrom": f"{database}:password::{previous}"},
        {"name": "PORT", "valueFrom": f"{database.rsplit('-', 1)[0]}:port::"},
        {"name": "TOKEN", "valueFrom": parameter},
        {"name": "FIRST", "valueFrom": "/task/token:1"},
        {"name": "URL", "valueFrom": "task-url"},
    ], script="env; sleep 1000", environment=[{"name": "PLAIN", "value": "x"}], stopTimeout=2)
    arn = world.run_task(definition)["taskArn"]
    world.wait_task(arn, "RUNNING")
    wait_until(lambda: len(lines(world, arn)) >= 9, 10, "the environment")
    seen = dict(line.split("=", 1) for line in lines(world, arn) if "=" in line)
    assert json.loads(seen["WHOLE"])["password"] == "hunter2-new"
    expected = {
        "PASSWORD": "hunter2-new", "OLD": "hunter2-old", "BY_ID": "hunter2-old", "PORT": "5432",
        "TOKEN": "hunter2-second", "FIRST": "hunter2-first", "URL": "http://example", "PLAIN": "x",
    }
    assert {name: seen[name] for name in expected} == expected

    assert "hunter2" not in json.dumps(world.task(arn), default=str)
    described = world.client("ecs").describe_task_definition(taskDefinition=definition)
    assert "hunter2" not in json.dumps(described, default=str)
    attributes = {item["name"] for item in described["taskDefinition"]["requiresAttributes"]}
    assert {"ecs.capability.secrets.asm.environment-variables", "ecs.capability.secrets.ssm.environment-variables"} <= attributes
    # The container wrote its environment to its log, which is kept as it is; nothing else holds a value.
    for place in ("server/state", "server/history", "node-1"):
        found = subprocess.run(
            ["grep", "-rla", "--exclude=log-*.jsonl", "hunter2", str(world.directory / place)], capture_output=True, text=True).stdout
        assert found == "", found
    for log in ("server", "node-1"):
        assert "hunter2" not in world.log(log)
    world.client("ecs").stop_task(task=arn)
    world.wait_task(arn, "STOPPED")


def test_health_checks_see_them_and_agents_come_and_go(fresh_world, busybox_of_fresh):
    world = fresh_world
    make_role(world, "secretsExecution", READ)
    world.client("ssm").put_parameter(Name="p", Type="SecureString", Value="right")
    definition = register(
        world, busybox_of_fresh, [{"name": "P", "valueFrom": "p"}], script="sleep 1000", stopTimeout=2,
        healthCheck={"command": ["CMD-SHELL", 'test "$P" = right'], "interval": 5, "retries": 2})
    arn = world.run_task(definition)["taskArn"]
    world.wait_task(arn, "RUNNING")
    wait_until(lambda: world.task(arn)["healthStatus"] == "HEALTHY", 30, "the health check")
    world.kill_agent()
    world.start_agent()
    world.wait_connected()
    # The agent asks anew for what it held in memory.
    wait_until(lambda: "HEALTHY" == world.task(arn)["healthStatus"], 30, "the health check after the agent's restart")
    assert world.task(arn)["lastStatus"] == "RUNNING"
    world.client("ecs").stop_task(task=arn)
    world.wait_task(arn, "STOPPED")


@pytest.fixture
def busybox_of_fresh(fresh_world, tmp_path):
    root = tmp_path / "root"
    (root / "bin").mkdir(parents=True)
    for name in ("sh", "sleep", "test", "env"):
        target = root / "bin" / name
        target.write_bytes(open("/bin/busybox", "rb").read())
        target.chmod(0o755)
    fresh_world.gantry("image", "import", str(root), "busybox:latest", "--cmd", "sh")
    return "busybox:latest"


@pytest.mark.parametrize("value_from, reason", [
    ("/task/nowhere", "unable to retrieve secrets from ssm: service call has been retried 1 time(s): invalid parameters: /task/nowhere"),
    (
        "arn:aws:secretsmanager:us-east-1:123456789012:secret:nowhere-AbCdEf",
        "unable to retrieve secret from asm: service call has been retried 1 time(s): failed to fetch secret "
        "arn:aws:secretsmanager:us-east-1:123456789012:secret:nowhere-AbCdEf from secrets manager: ResourceNotFoundException: "
        "Secrets Manager can't find the specified secret.",
    ),
    ("{database}:nokey::", "unable to retrieve secret from asm: service call has been retried 1 time(s): retrieved secret from Secrets Manager did not contain json key nokey"),
    (
        "{database}::NOSTAGE:",
        "unable to retrieve secret from asm: service call has been retried 1 time(s): failed to fetch secret {database} from secrets "
        "manager: ResourceNotFoundException: Secrets Manager can't find the specified secret value for staging label: NOSTAGE",
    ),
])
def test_what_cannot_be_had_stops_the_task_in_the_words_of_aws(world, busybox, database, value_from, reason):
    definition = register(world, busybox, [{"name": "A", "valueFrom": value_from.format(database=database)}])
    task = world.wait_task(world.run_task(definition)["taskArn"], "STOPPED")
    assert task["stopCode"] == "TaskFailedToStart"
    assert task["stoppedReason"] == PREFIX + reason.format(database=database)
    assert "exitCode" not in task["containers"][0]


def test_the_execution_role_decides(world, busybox, database):
    """It may read one secret and not another; and it has to be there, and to trust tasks."""
    other = world.client("secretsmanager").create_secret(Name="task/other", SecretString="x")["ARN"]
    one = make_role(world, "oneSecret", READ, database)
    stranger = make_role(world, "notForTasks", READ, service="ec2.amazonaws.com")
    missing = "arn:aws:iam::123456789012:role/nobody"

    def run(role, value_from):
        definition = register(world, busybox, [{"name": "A", "valueFrom": value_from}], script="exit 4", role=role)
        return world.wait_task(world.run_task(definition)["taskArn"], "STOPPED")

    assert run(one, f"{database}:user::")["containers"][0].get("exitCode") == 4
    denied = run(one, other)
    session = f"arn:aws:sts::123456789012:assumed-role/oneSecret/{denied['taskArn'].rsplit('/')[-1]}"
    assert denied["stoppedReason"] == (
        f"{PREFIX}unable to retrieve secret from asm: service call has been retried 1 time(s): failed to fetch secret {other} from secrets "
        f"manager: AccessDeniedException: User: {session} is not authorized to perform: secretsmanager:GetSecretValue on resource: {other} "
        "because no identity-based policy allows the secretsmanager:GetSecretValue action")
    for role in (missing, stranger):
        stopped = run(role, database)
        assert stopped["stopCode"] == "TaskFailedToStart"
        assert stopped["stoppedReason"] == (
            f"ECS was unable to assume the role '{role}' that was provided for this task. Please verify that the role being passed has the "
            "proper trust relationship and permissions and that your IAM user has permissions to pass this role.")
    # What the role may is looked up with each task.
    world.client("iam").delete_role_policy(RoleName="oneSecret", PolicyName="secrets")
    assert "is not authorized" in run(one, database)["stoppedReason"]


def test_the_rules_of_a_definition(world, busybox):
    def refusal(**container):
        with pytest.raises(ClientError) as error:
            fields = {"executionRoleArn": container.pop("role")} if "role" in container else {}
            world.register("rules", dict({"name": "main", "image": busybox}, **container), **fields)
        return error.value.response["Error"]

    one = [{"name": "A", "valueFrom": "p"}]
    assert refusal(secrets=one) == {
        "Code": "ClientException", "Message": "When you are specifying container secrets, you must also specify a value for 'executionRoleArn'."}
    shared = refusal(secrets=one, environment=[{"name": "A", "value": "x"}], role=ROLE)
    assert shared["Message"] == (
        "The secret name must be unique and not shared with any new or existing environment variables set on the container, such as 'A'.")
    assert "not shared" in refusal(secrets=one * 2, role=ROLE)["Message"]


def test_a_node_gets_the_secrets_of_its_own_tasks_only(world, busybox, parameter):
    """The operation behind it, asked by hand: what runs elsewhere, or nowhere, is refused."""
    definition = register(world, busybox, [{"name": "T", "valueFrom": parameter}], script="sleep 1000", stopTimeout=2)
    arn = world.run_task(definition)["taskArn"]
    world.wait_task(arn, "RUNNING")
    root = (world.credentials["aws_access_key_id"], world.credentials["aws_secret_access_key"])
    assert call(world, root, "GetTaskSecrets", task=arn)["secrets"] == [{"containerName": "main", "name": "T", "value": "hunter2-second"}]

    joined = call(world, root, "JoinNode", nodeName="stranger", capacity="SERVERLESS")
    stranger = (joined["accessKeyId"], joined["secretAccessKey"])
    refused = call(world, stranger, "GetTaskSecrets", task=arn)
    assert refused["__type"].endswith("AccessDeniedException") and "was not placed on the node" in refused["message"], refused
    missing = call(world, stranger, "GetTaskSecrets", task=arn[:-4] + "0000")
    assert missing["__type"].endswith("ResourceNotFoundException"), missing
    world.client("ecs").stop_task(task=arn)
    world.wait_task(arn, "STOPPED")
    assert call(world, root, "GetTaskSecrets", task=arn)["__type"].endswith("ResourceNotFoundException")


def call(world, key, operation, **fields):
    """An operation of Gantry's own API, for which no client has a model."""
    target = json.loads((ROOT / "models/gantry/service-2.json").read_text())["metadata"]["targetPrefix"]
    headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": f"{target}.{operation}"}
    request = AWSRequest("POST", f"{world.endpoint}/", data=json.dumps(fields), headers=headers)
    SigV4Auth(Credentials(*key), "gantry", "us-east-1").add_auth(request)
    body = request.data.encode() if isinstance(request.data, str) else request.data
    try:
        with urllib.request.urlopen(urllib.request.Request(request.url, body, dict(request.headers))) as answer:
            return json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return json.loads(error.read())

@pytest.fixture(scope="module")
def private():
    registry = Registry("basic")
    registry.put("team/private", "latest")
    yield registry
    registry.stop()


def run_private(world, private, credentials):
    container = {
        "image": f"{private.host}/team/private:latest", "entryPoint": ["sh", "-c"], "command": ["exit 3"],
        **({"repositoryCredentials": {"credentialsParameter": credentials}} if credentials else {}),
    }
    definition = world.register("private", container, executionRoleArn=ROLE)
    return world.wait_task(world.run_task(definition)["taskArn"], "STOPPED")


def test_a_login_from_a_secret_opens_a_private_registry(world, private):
    secrets = world.client("secretsmanager")
    right = secrets.create_secret(Name="login/right", SecretString=json.dumps({"username": USER, "password": PASSWORD}))["ARN"]
    wrong = secrets.create_secret(Name="login/wrong", SecretString=json.dumps({"username": USER, "password": "not it"}))["ARN"]
    half = secrets.create_secret(Name="login/half", SecretString=json.dumps({"username": USER}))["ARN"]
    for credentials in (None, wrong):
        task = run_private(world, private, credentials)
        assert task["stopCode"] == "TaskFailedToStart"
        assert "CannotPullContainerError" in task["containers"][0]["reason"], task["containers"]
    task = run_private(world, private, right)
    assert task["containers"][0].get("exitCode") == 3, task
    # The copy that is on the node now is not everybody's.
    assert "CannotPullContainerError" in run_private(world, private, wrong)["containers"][0]["reason"]
    begin = PREFIX + "unable to get registry auth from asm: service call has been retried 1 time(s): "
    assert run_private(world, private, half)["stoppedReason"] == f"{begin}the secret {half} is no JSON object with a password"
    missing = half[:-6] + "AAAAAA"
    assert run_private(world, private, missing)["stoppedReason"] == (
        f"{begin}asm fetching secret from the service for {missing}: ResourceNotFoundException: Secrets Manager can't find the specified secret.")
    assert PASSWORD not in world.log("server") + world.log("node-1")
