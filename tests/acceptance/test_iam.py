"""IAM and STS, enforced: with boto3 and the AWS CLI against a real server."""

import json
import subprocess

import pytest
from botocore.exceptions import ClientError

from world import ACCOUNT, AWS_CLI, REGION

EXECUTION_POLICY = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"


def policy(*statements: dict) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(*actions: str, resource="*", **more) -> dict:
    return {"Effect": "Allow", "Action": list(actions), "Resource": resource, **more}


def trust(principal: dict) -> str:
    return policy({"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"})


TASKS = {"Service": "ecs-tasks.amazonaws.com"}


def refused(call, **arguments) -> dict:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return caught.value.response["Error"]


class Made:
    """Users and roles of one test, taken away after it."""

    def __init__(self, world):
        self.world = world
        self.iam = world.client("iam")

    def user(self, name: str, *statements: dict) -> dict:
        """Keys of a new user with these statements."""
        self.iam.create_user(UserName=name)
        if statements:
            self.iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=policy(*statements))
        key = self.iam.create_access_key(UserName=name)["AccessKey"]
        return {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}

    def role(self, name: str, principal: dict, *statements: dict) -> str:
        arn = self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust(principal))["Role"]["Arn"]
        if statements:
            self.iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=policy(*statements))
        return arn

    def clean(self):
        for user in self.iam.list_users()["Users"]:
            name = user["UserName"]
            for key in self.iam.list_access_keys(UserName=name)["AccessKeyMetadata"]:
                self.iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
            for inline in self.iam.list_user_policies(UserName=name)["PolicyNames"]:
                self.iam.delete_user_policy(UserName=name, PolicyName=inline)
            self.iam.delete_user(UserName=name)
        for role in self.iam.list_roles()["Roles"]:
            name = role["RoleName"]
            for inline in self.iam.list_role_policies(RoleName=name)["PolicyNames"]:
                self.iam.delete_role_policy(RoleName=name, PolicyName=inline)
            for attached in self.iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]:
                self.iam.detach_role_policy(RoleName=name, PolicyArn=attached["PolicyArn"])
            self.iam.delete_role(RoleName=name)


@pytest.fixture
def made(world):
    made = Made(world)
    yield made
    made.clean()


def session_of(answer: dict) -> dict:
    credentials = answer["Credentials"]
    return {
        "aws_access_key_id": credentials["AccessKeyId"],
        "aws_secret_access_key": credentials["SecretAccessKey"],
        "aws_session_token": credentials["SessionToken"],
    }


def test_a_user_may_what_its_policy_allows(world, made):
    bob = made.user("bob", allow("ecs:ListClusters"))
    ecs = world.client("ecs", **bob)
    assert ecs.list_clusters()["clusterArns"]
    error = refused(ecs.create_cluster, clusterName="forbidden")
    arn = f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/forbidden"
    assert error["Code"] == "AccessDeniedException"
    assert error["Message"] == (
        f"User: arn:aws:iam::{ACCOUNT}:user/bob is not authorized to perform: ecs:CreateCluster on resource: {arn} "
        "because no identity-based policy allows the ecs:CreateCluster action"
    )
    made.iam.put_user_policy(UserName="bob", PolicyName="no", PolicyDocument=policy(
        {"Effect": "Deny", "Action": "ecs:List*", "Resource": "*"}))
    error = refused(ecs.list_clusters)
    assert error["Message"].endswith("ecs:ListClusters on resource: * with an explicit deny in an identity-based policy")
    # In the words of the Query protocol.
    error = refused(world.client("iam", **bob).list_users)
    assert error["Code"] == "AccessDenied"
    # A key that is out of use is no key.
    made.iam.update_access_key(UserName="bob", AccessKeyId=bob["aws_access_key_id"], Status="Inactive")
    assert refused(ecs.list_clusters)["Code"] == "UnrecognizedClientException"


def test_conditions_on_tags_and_clusters(world, made):
    bob = made.user(
        "bob",
        allow("ecs:CreateCluster", "ecs:TagResource", Condition={
            "StringEquals": {"aws:RequestTag/team": "blue"}, "ForAllValues:StringEquals": {"aws:TagKeys": ["team"]}}),
        allow("ecs:DeleteCluster", Condition={"StringEquals": {"aws:ResourceTag/team": "blue"}}),
        allow("ecs:ListTasks", Condition={"ArnLike": {"ecs:cluster": "arn:aws:ecs:*:*:cluster/blue*"}}),
    )
    ecs = world.client("ecs", **bob)
    blue, red = [{"key": "team", "value": "blue"}], [{"key": "team", "value": "red"}]
    ecs.create_cluster(clusterName="blue-1", tags=blue)
    assert refused(ecs.create_cluster, clusterName="red-1", tags=red)["Code"] == "AccessDeniedException"
    assert refused(ecs.create_cluster, clusterName="no-tags")["Code"] == "AccessDeniedException"
    world.client("ecs").create_cluster(clusterName="red-1", tags=red)
    assert ecs.list_tasks(cluster="blue-1")["taskArns"] == []
    assert refused(ecs.list_tasks, cluster="red-1")["Code"] == "AccessDeniedException"
    assert refused(ecs.delete_cluster, cluster="red-1")["Code"] == "AccessDeniedException"
    ecs.delete_cluster(cluster="blue-1")
    world.client("ecs").delete_cluster(cluster="red-1")


def test_roles_are_assumed_with_less(world, made):
    bob = made.user("bob", allow("sts:AssumeRole"))
    arn = made.role("deployer", {"AWS": f"arn:aws:iam::{ACCOUNT}:user/bob"}, allow("ecs:*"))
    other = made.role("task", TASKS, allow("ecs:*"))
    sts = world.client("sts", **bob)
    assert sts.get_caller_identity()["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/bob"

    whole = session_of(sts.assume_role(RoleArn=arn, RoleSessionName="whole"))
    identity = world.client("sts", **whole).get_caller_identity()
    assert identity["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/deployer/whole"
    assert identity["UserId"].startswith("AROA") and identity["UserId"].endswith(":whole")
    ecs = world.client("ecs", **whole)
    ecs.create_cluster(clusterName="by-role")
    ecs.delete_cluster(cluster="by-role")

    limited = session_of(sts.assume_role(RoleArn=arn, RoleSessionName="limited", Policy=policy(allow("ecs:ListClusters"))))
    ecs = world.client("ecs", **limited)
    ecs.list_clusters()
    error = refused(ecs.create_cluster, clusterName="forbidden")
    assert error["Message"].endswith("because no session policy allows the ecs:CreateCluster action")

    error = refused(sts.assume_role, RoleArn=other, RoleSessionName="xx")
    assert error["Code"] == "AccessDenied"
    assert error["Message"].startswith(f"User: arn:aws:iam::{ACCOUNT}:user/bob is not authorized to perform: sts:AssumeRole on resource: {other}")
    error = refused(world.client("sts").assume_role, RoleArn=arn, RoleSessionName="xx")
    assert error["Message"] == "Roles may not be assumed by root accounts."
    # A token that was touched, or none, is no token.
    token = whole["aws_session_token"]
    for wrong in (token[:-8] + "AAAAAAAA", None):
        error = refused(world.client("ecs", **dict(whole, aws_session_token=wrong)).list_clusters)
        assert error["Code"] == "UnrecognizedClientException"


def test_sessions_outlive_the_server_but_not_their_role(fresh_world):
    made = Made(fresh_world)
    bob = made.user("bob", allow("sts:AssumeRole"))
    arn = made.role("reader", {"AWS": ACCOUNT}, allow("ecs:ListClusters"))
    session = session_of(fresh_world.client("sts", **bob).assume_role(RoleArn=arn, RoleSessionName="session"))
    ecs = fresh_world.client("ecs", **session)
    ecs.list_clusters()
    fresh_world.kill_server()
    fresh_world.start_server()
    ecs.list_clusters()
    made.iam.delete_role_policy(RoleName="reader", PolicyName="own")
    made.iam.delete_role(RoleName="reader")
    made.role("reader", {"AWS": ACCOUNT}, allow("ecs:ListClusters"))
    assert refused(ecs.list_clusters)["Code"] == "AccessDeniedException"


def test_passing_roles(world, made):
    task_role = made.role("task", TASKS)
    bob = made.user("bob", allow("ecs:RegisterTaskDefinition"))
    ecs = world.client("ecs", **bob)
    definition = dict(
        family="passing", networkMode="awsvpc", requiresCompatibilities=["FARGATE"], cpu="256", memory="512",
        containerDefinitions=[{"name": "main", "image": "demo:latest"}],
    )
    ecs.register_task_definition(**definition)
    error = refused(ecs.register_task_definition, **definition, taskRoleArn=task_role)
    assert f"is not authorized to perform: iam:PassRole on resource: {task_role}" in error["Message"]
    made.iam.put_user_policy(UserName="bob", PolicyName="pass", PolicyDocument=policy(
        allow("iam:PassRole", resource=task_role, Condition={"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}})))
    ecs.register_task_definition(**definition, taskRoleArn=task_role)
    assert refused(ecs.register_task_definition, **definition, executionRoleArn="other")["Code"] == "AccessDeniedException"


def test_as_terraform_makes_reads_and_unmakes_a_role(world, made):
    iam = made.iam
    created = iam.create_role(RoleName="web", Path="/app/", AssumeRolePolicyDocument=trust(TASKS),
                              Description="d", MaxSessionDuration=7200, Tags=[{"Key": "team", "Value": "blue"}])["Role"]
    iam.get_waiter("role_exists").wait(RoleName="web")
    read = iam.get_role(RoleName="web")["Role"]
    assert read["Arn"] == created["Arn"] == f"arn:aws:iam::{ACCOUNT}:role/app/web"
    assert read["AssumeRolePolicyDocument"] == json.loads(trust(TASKS))
    assert read["Tags"] == [{"Key": "team", "Value": "blue"}] and read["MaxSessionDuration"] == 7200
    own = iam.create_policy(PolicyName="own", PolicyDocument=policy(allow("logs:*")))["Policy"]
    assert iam.get_policy(PolicyArn=own["Arn"])["Policy"]["DefaultVersionId"] == "v1"
    document = iam.get_policy_version(PolicyArn=own["Arn"], VersionId="v1")["PolicyVersion"]["Document"]
    assert document["Statement"] == [allow("logs:*")]
    for arn in (EXECUTION_POLICY, own["Arn"]):
        iam.attach_role_policy(RoleName="web", PolicyArn=arn)
    attached = iam.list_attached_role_policies(RoleName="web")["AttachedPolicies"]
    assert {item["PolicyName"] for item in attached} == {"AmazonECSTaskExecutionRolePolicy", "own"}
    assert [role["RoleName"] for role in iam.list_entities_for_policy(PolicyArn=own["Arn"])["PolicyRoles"]] == ["web"]
    assert refused(iam.delete_role, RoleName="web")["Code"] == "DeleteConflict"
    assert refused(iam.delete_policy, PolicyArn=own["Arn"])["Code"] == "DeleteConflict"
    iam.create_instance_profile(InstanceProfileName="web")
    iam.add_role_to_instance_profile(InstanceProfileName="web", RoleName="web")
    profile = iam.get_instance_profile(InstanceProfileName="web")["InstanceProfile"]
    assert profile["Roles"][0]["Arn"] == read["Arn"]
    iam.remove_role_from_instance_profile(InstanceProfileName="web", RoleName="web")
    iam.delete_instance_profile(InstanceProfileName="web")
    for arn in (EXECUTION_POLICY, own["Arn"]):
        iam.detach_role_policy(RoleName="web", PolicyArn=arn)
    iam.delete_policy(PolicyArn=own["Arn"])
    iam.delete_role(RoleName="web")
    assert refused(iam.get_role, RoleName="web") == {
        "Type": "Sender", "Code": "NoSuchEntity", "Message": "The role with name web cannot be found."}


def test_lists_come_in_pages(world, made):
    for number in range(5):
        made.iam.create_user(UserName=f"user-{number}")
    pages = made.iam.get_paginator("list_users").paginate(PaginationConfig={"PageSize": 2})
    assert [[user["UserName"] for user in page["Users"]] for page in pages] == [
        ["user-0", "user-1"], ["user-2", "user-3"], ["user-4"]]
    managed = made.iam.get_paginator("list_policies").paginate(Scope="AWS").build_full_result()["Policies"]
    assert EXECUTION_POLICY in [item["Arn"] for item in managed]


def test_malformed_documents(world, made):
    for document, message in [
        ("{", "This policy contains invalid Json"),
        (policy({"Effect": "Allow", "Action": "RunTask", "Resource": "*"}),
         "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."),
        (policy({"Effect": "Allow", "Action": "ecs:*"}), "Policy statement must contain resources."),
    ]:
        error = refused(made.iam.create_policy, PolicyName="bad", PolicyDocument=document)
        assert (error["Code"], error["Message"]) == ("MalformedPolicyDocument", message)
    error = refused(made.iam.create_user, UserName="a b")
    assert error["Code"] == "ValidationError"


def test_simulation(world, made):
    made.user("bob", allow("ecs:List*"))
    results = made.iam.simulate_principal_policy(
        PolicySourceArn=f"arn:aws:iam::{ACCOUNT}:user/bob", ActionNames=["ecs:ListTasks", "ecs:RunTask"])["EvaluationResults"]
    assert [result["EvalDecision"] for result in results] == ["allowed", "implicitDeny"]
    assert results[0]["MatchedStatements"][0]["SourcePolicyId"] == "user/bob: inline policy own"
    result = made.iam.simulate_custom_policy(
        PolicyInputList=[policy(allow("ecs:*", Condition={"StringEquals": {"ecs:cluster": "x"}}))], ActionNames=["ecs:RunTask"])
    assert result["EvaluationResults"][0]["MissingContextValues"] == ["ecs:cluster"]


def test_the_aws_cli(world, made):
    """The CLI signs IAM for us-east-1, and takes a user's keys from the environment."""
    world.aws("iam", "create-user", "--user-name", "cli")
    world.aws("iam", "attach-user-policy", "--user-name", "cli", "--policy-arn", "arn:aws:iam::aws:policy/ReadOnlyAccess")
    key = world.aws("iam", "create-access-key", "--user-name", "cli")["AccessKey"]
    environment = dict(world.environment(), AWS_ACCESS_KEY_ID=key["AccessKeyId"], AWS_SECRET_ACCESS_KEY=key["SecretAccessKey"])
    def run(*arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run([AWS_CLI, *arguments], env=environment, capture_output=True, text=True, timeout=60)
    assert json.loads(run("sts", "get-caller-identity").stdout)["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/cli"
    assert run("ecs", "list-clusters").returncode == 0
    done = run("ecs", "create-cluster", "--cluster-name", "forbidden")
    assert "An error occurred (AccessDeniedException) when calling the CreateCluster operation: User: " in done.stderr
    world.aws("iam", "detach-user-policy", "--user-name", "cli", "--policy-arn", "arn:aws:iam::aws:policy/ReadOnlyAccess")


def test_images_with_a_users_credentials(world, made):
    """A token of ECR stands for whom it was given, and is asked about with each request."""
    import base64
    import urllib.request

    bob = made.user("bob", allow("ecr:GetAuthorizationToken", "ecr:BatchGetImage"))
    data = world.client("ecr", **bob).get_authorization_token()["authorizationData"][0]
    def manifest() -> int:
        request = urllib.request.Request(f"{world.endpoint}/v2/demo/manifests/latest", headers={
            "Authorization": f"Basic {data['authorizationToken']}", "Accept": "*/*"})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code
    assert base64.b64decode(data["authorizationToken"]).startswith(b"AWS:")
    assert manifest() == 200
    made.iam.put_user_policy(UserName="bob", PolicyName="own", PolicyDocument=policy(allow("ecr:GetAuthorizationToken")))
    assert manifest() in (401, 403)
