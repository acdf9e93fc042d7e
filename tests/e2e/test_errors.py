"""Wrong requests get the documented error, and nothing is made."""

import pytest

from support.api import fetch


def error(answer):
    body = answer.json
    assert set(body) >= {"error", "timestamp", "path"}, body
    return body["error"]


@pytest.mark.parametrize("head", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic x"}])
def test_without_a_valid_key(api, head):
    """W8, W35."""
    for method, path in (("GET", "/api/containers"), ("POST", "/api/containers/start"), ("GET", "/api/v1/orgs/default/workspaces")):
        answer = fetch(api.base, method, path, body="{}" if method == "POST" else None, headers=head)
        assert answer.status == 401 and error(answer)["code"] == "AUTHENTICATION_FAILED"


def test_health_needs_no_key(api):
    """W5."""
    answer = fetch(api.base, "GET", "/api/health")
    assert answer.status == 200
    assert answer.json["docker"]["reachable"] is True
    assert "cpu" not in answer.json
    assert "cpu" in api.expect(200, "GET", "/api/health")


def test_unknown_workspace(api):
    """W8."""
    for method in ("GET", "DELETE"):
        answer = api.request(method, "/api/containers/nosuchid")
        assert answer.status == 404 and error(answer)["code"] == "CONTAINER_NOT_FOUND"


@pytest.mark.parametrize("body,field", [
    ({}, "s3Bucket"),
    ({"s3Bucket": 5}, "s3Bucket"),
    ({"s3Bucket": "demo", "env": "no object"}, "env"),
    ({"s3Bucket": "demo", "surprise": 1}, "surprise"),
])
def test_body_problems_name_the_field(api, body, field):
    """W8."""
    answer = api.request("POST", "/api/containers/start", body)
    assert answer.status == 400, answer
    assert error(answer)["code"] == "VALIDATION_FAILED"
    assert any(field in problem["field"] for problem in error(answer)["details"]), error(answer)


def test_bucket_that_does_not_exist(api):
    """W8, W25."""
    answer = api.request("POST", "/api/containers/start", {"s3Bucket": "no-such-bucket-here"})
    assert answer.status == 400 and error(answer)["code"] == "INVALID_S3_BUCKET", answer


def test_bucket_with_wrong_credentials(api, bucket):
    """W25."""
    body = {"s3Bucket": bucket, "awsAccessKeyId": "AKWRONG", "awsSecretAccessKey": "wrong-secret-key-value"}
    answer = api.request("POST", "/api/containers/start", body)
    assert answer.status == 400 and error(answer)["code"] == "INVALID_S3_BUCKET", answer
    assert "wrong-secret-key-value" not in answer.text


@pytest.mark.parametrize("query", ["limit=0", "limit=501", "limit=x", "offset=-1", "status=nonsense"])
def test_bad_list_parameters(api, query):
    answer = api.get(f"/api/containers?{query}")
    assert answer.status == 400 and error(answer)["code"] == "VALIDATION_FAILED", answer


def test_stale_write_is_a_conflict(api, start):
    """W9."""
    workspace = start()
    seen = workspace.object()
    workspace.patch({"restarts": seen["spec"]["restarts"]})
    stale = dict(seen, metadata=dict(seen["metadata"], resourceVersion="1"))
    answer = api.request("PUT", f"/api/v1/orgs/default/workspaces/{workspace.id}", stale)
    assert answer.status == 409 and error(answer)["code"] == "CONFLICT", answer
