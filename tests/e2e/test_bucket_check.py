"""What a start says of a bucket (W8, W25), against a real SeaweedFS whose keys may different things, and against S3 in trouble."""

import pytest

from support.ports import free_port
from support.s3_rights import S3Rights
from support.wait import wait_until


@pytest.fixture(scope="module")
def rights(install):
    server = S3Rights(install, free_port())
    yield server
    server.remove()


def refusal(api, body, status=400, code="INVALID_S3_BUCKET"):
    """The message of a start that is refused for its bucket."""
    answer = api.request("POST", "/api/containers/start", body, timeout=60)
    assert answer.status == status and answer.json["error"]["code"] == code, answer
    assert (answer.headers["Retry-After"] is not None) == (status == 503), answer.headers
    for secret in (body.get("awsSecretAccessKey"), body.get("awsAccessKeyId")):
        assert not secret or secret not in answer.text
    return answer.json["error"]["message"]


def test_a_bucket_that_is_not_there(api, rights):
    """W8, W25."""
    message = refusal(api, {**rights.source("owner"), "s3Bucket": "there-is-none"})
    assert message == "the bucket does not exist (NoSuchBucket)"


def test_keys_that_are_not_known(api, rights):
    """W25."""
    assert refusal(api, {**rights.source("owner"), "awsAccessKeyId": "AKNOBODY"}) == \
        "the credentials are not accepted (InvalidAccessKeyId)"
    assert refusal(api, rights.source("owner", secret="not-the-secret-of-this-key")) == \
        "the credentials are not accepted (SignatureDoesNotMatch)"


@pytest.mark.parametrize("who,denied", [("reader", "write and delete"), ("writer", "list and read"),
                                        ("lister", "read, write and delete")])
def test_every_missing_right_is_named(api, rights, who, denied):
    """W8, W25."""
    assert refusal(api, rights.source(who)) == f"the credentials may not {denied} in this bucket (AccessDenied)"
    assert not [name for name in rights.s3.list(rights.bucket) if "/nothing" in name]


def test_a_bucket_that_is_fit(rights, start):
    """W25."""
    workspace = start(**rights.source("owner"))
    workspace.wait_file("there.txt", "there")
    assert rights.s3.get(rights.bucket, ".berth/probe"), "what the check wrote stays"
    workspace.stop()


def test_a_server_in_trouble_is_not_the_buckets_fault(api, bucket, relay, start):
    """W8, W25: 503 with Retry-After, and the same request succeeds when the trouble is over."""
    body = {"s3Bucket": bucket, **relay.source}
    relay.switch("busy")
    message = refusal(api, body, 503, "S3_UNAVAILABLE")
    assert message == "the S3 endpoint answered 503 to the attempt to list (SlowDown); try again later"
    relay.switch("pass")
    start.adopt(api.expect(201, "POST", "/api/containers/start", body), bucket)


def test_the_installs_own_server_away(install, api, docker, s3, bucket):
    """W8, W25: what is down will be back, so the bucket is not called invalid."""
    server = install.service("seaweedfs")
    docker.run("service", "scale", "--detach", f"{server}=0")
    try:
        wait_until(lambda: not docker.service_containers(server), 40, "S3 is down")
        assert refusal(api, {"s3Bucket": bucket}, 503, "S3_UNAVAILABLE").startswith("the S3 endpoint does not answer: ")
    finally:
        docker.run("service", "scale", "--detach", f"{server}=1")
    wait_until(lambda: s3.list(bucket) == [], 90, "S3 is back")


@pytest.mark.parametrize("host", ["127.0.0.1:8333", "localhost:8333", "10.201.0.2", "192.168.1.1:9000", "169.254.169.254",
                                  "[::1]:8333", "[fd00::1]", "[::ffff:10.0.0.1]", "0.0.0.0:8333"])
def test_addresses_inside_are_refused(api, host):
    """W25, W33: nobody makes the controller talk to the inside."""
    body = {"s3Bucket": "demo", "s3Endpoint": f"http://{host}", "awsAccessKeyId": "AKX", "awsSecretAccessKey": "secret-of-akx"}
    answer = api.request("POST", "/api/containers/start", body)
    assert answer.status == 400 and answer.json["error"]["code"] == "VALIDATION_FAILED", answer
    assert answer.json["error"]["details"] == [
        {"field": "/s3Endpoint", "problem": "is an address inside this installation's networks"}]


@pytest.mark.parametrize("host", ["traefik", "berthd:3001", "no-such-name.invalid"])
def test_names_that_lead_inside_are_not_connected_to(api, host):
    """W25, W33: a name that is there and one that is not look the same."""
    body = {"s3Bucket": "demo", "s3Endpoint": f"http://{host}", "awsAccessKeyId": "AKX", "awsSecretAccessKey": "secret-of-akx"}
    assert refusal(api, body) == "the S3 endpoint can't be found, or is not on the public internet"
