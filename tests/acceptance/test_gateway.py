"""What every request meets first: signatures, protocols, bounds."""

import http.client
import json

import pytest
from botocore.exceptions import ClientError


def test_a_wrong_secret_is_refused(world):
    with pytest.raises(ClientError) as error:
        world.client("ecs", aws_secret_access_key="wrong").list_clusters()
    assert error.value.response["Error"]["Code"] == "InvalidSignatureException"
    assert error.value.response["Error"]["Message"].startswith("The request signature we calculated does not match the signature you provided.")


def test_an_unknown_key_is_refused(world):
    with pytest.raises(ClientError) as error:
        world.client("ecs", aws_access_key_id="AKIAIOSFODNN7EXAMPLE").list_clusters()
    assert error.value.response["Error"]["Code"] == "UnrecognizedClientException"
    assert error.value.response["Error"]["Message"] == "The security token included in the request is invalid."


def test_an_unsigned_request_is_refused(world):
    status, body, headers = _post(world, {"X-Amz-Target": "AmazonEC2ContainerServiceV20141113.ListClusters"}, b"{}")
    assert status == 400 and body["__type"].endswith("MissingAuthenticationTokenException")
    assert headers["x-amzn-RequestId"]


def test_an_unknown_operation_is_refused(world):
    status, body, _ = _post(world, {"X-Amz-Target": "AmazonEC2ContainerServiceV20141113.MakeCoffee"}, b"{}")
    assert status in (400, 404)
    assert body["__type"]


def test_every_answer_has_a_request_id(ecs):
    answer = ecs.list_clusters()
    assert len(answer["ResponseMetadata"]["RequestId"]) == 36


def test_what_is_not_built_says_so(ecs):
    with pytest.raises(ClientError) as error:
        ecs.create_express_gateway_service(executionRoleArn="a", infrastructureRoleArn="b", primaryContainer={"image": "x"})
    assert error.value.response["Error"]["Code"] == "UnsupportedFeatureException"
    assert "CreateExpressGatewayService" in error.value.response["Error"]["Message"]


def test_wrong_types_are_a_serialization_error(world):
    """boto3 cannot send these, so the request is signed by botocore and sent raw."""
    import botocore.auth
    import botocore.awsrequest
    import botocore.credentials

    for body in (b'{"maxResults": "many"}', b'{"maxResults": ', b"[1,2]", b'{"a":' * 5000 + b"1" + b"}" * 5000):
        request = botocore.awsrequest.AWSRequest(
            "POST", world.endpoint + "/", data=body,
            headers={"X-Amz-Target": "AmazonEC2ContainerServiceV20141113.ListClusters", "Content-Type": "application/x-amz-json-1.1"},
        )
        credentials = botocore.credentials.Credentials(world.credentials["aws_access_key_id"], world.credentials["aws_secret_access_key"])
        botocore.auth.SigV4Auth(credentials, "ecs", "us-east-1").add_auth(request)
        status, answer, _ = _post(world, dict(request.headers), body)
        assert status == 400, answer
        assert answer["__type"].endswith("SerializationException"), answer


def test_a_huge_body_is_refused(world):
    connection = http.client.HTTPConnection("127.0.0.1", world.port, timeout=10)
    connection.putrequest("POST", "/")
    connection.putheader("X-Amz-Target", "AmazonEC2ContainerServiceV20141113.ListClusters")
    connection.putheader("Content-Length", str(1 << 40))
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()


def _post(world, headers, body):
    connection = http.client.HTTPConnection("127.0.0.1", world.port, timeout=10)
    connection.request("POST", "/", body, {"Content-Type": "application/x-amz-json-1.1", **headers})
    response = connection.getresponse()
    content = response.read()
    connection.close()
    return response.status, json.loads(content), response.headers
