"""Keys of a berthd of the test's own, with a small limit (W8, W35): a real program, without an engine."""

import os
import pathlib
import secrets
import sys

import pytest

from support.api import Api, fetch
from support.wait import wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "api"))
from berthd import Berthd  # noqa: E402
from s3_stand_in import S3StandIn  # noqa: E402

LIMIT = 60  # one call each second, once the first minute's are used up
KEYS = {name: secrets.token_hex(20) for name in ("carol", "dave", "agent")}


@pytest.fixture(scope="module")
def server():
    binary = ROOT / "build" / os.environ.get("BERTH_PRESET", "release") / "berthd"
    keys = f"carol:user:{KEYS['carol']}:1,dave:user:{KEYS['dave']},agent:node:{KEYS['agent']}"
    with S3StandIn() as s3, Berthd(binary, s3.url, RATE_LIMIT_PER_MINUTE=str(LIMIT), API_KEYS=keys) as berthd:
        yield berthd


def caller(server, name):
    return Api(server.url, KEYS[name])


def test_a_key_of_the_configuration_with_a_number_of_containers(server):
    """W8, W35."""
    carol = caller(server, "carol")
    first = carol.expect(201, "POST", "/api/containers/start", {"s3Bucket": "demo"})
    answer = carol.request("POST", "/api/containers/start", {"s3Bucket": "demo"})
    assert answer.status == 503 and answer.json["error"]["code"] == "RESOURCE_LIMIT_EXCEEDED", answer
    assert answer.json["error"]["message"] == "this key may have 1 container at the same time"
    assert answer.headers["Retry-After"] == "60", "nobody knows when it ends: no node has it yet"
    caller(server, "dave").expect(201, "POST", "/api/containers/start", {"s3Bucket": "demo"})
    assert carol.request("DELETE", f"/api/containers/{first['id']}").status == 202


def test_calls_per_minute(server):
    """W8, W35: a whole minute's calls at once, then 429 that says when; other keys and machines are not held up."""
    dave = caller(server, "dave")
    answers = []
    while len(answers) < 5 * LIMIT and (not answers or answers[-1].status == 200):
        answers.append(dave.get("/api/containers?limit=1"))
    last = answers[-1]
    assert last.status == 429 and last.json["error"]["code"] == "RATE_LIMITED", last
    assert len(answers) > LIMIT - 10
    left = [int(answer.headers["RateLimit"].split(";")[1].removeprefix("r=")) for answer in answers]
    assert left[-1] == 0 and all(after <= before for before, after in zip(left, left[1:])), left
    assert all(answer.headers["RateLimit-Policy"] == f'"key";q={LIMIT};w=60' for answer in answers)
    assert last.headers["Retry-After"] == "1", "one more each second"
    assert caller(server, "carol").get("/api/containers?limit=1").status == 200
    agent = caller(server, "agent")
    assert {agent.get("/api/v1/orgs/default/nodereports").status for _ in range(LIMIT + 5)} == {200}
    wait_until(lambda: dave.get("/api/containers?limit=1").status == 200, 10, "a call is allowed again")


def test_guessing_keys(server):
    """W35: an address that is wrong too often learns nothing more; who was right from there before goes on."""
    carol = caller(server, "carol")
    wait_until(lambda: carol.get("/api/containers?limit=1").status == 200, 10, "a right key")
    guesses = []
    while len(guesses) < 5 * LIMIT and (not guesses or guesses[-1].status == 401):
        guesses.append(fetch(server.url, "GET", "/api/containers", headers={"Authorization": "Bearer " + secrets.token_hex(20)}))
    assert guesses[-1].status == 429 and guesses[-1].json["error"]["code"] == "RATE_LIMITED", guesses[-1]
    assert int(guesses[-1].headers["Retry-After"]) >= 1
    assert len(guesses) > LIMIT - 10
    wait_until(lambda: carol.get("/api/containers?limit=1").status == 200, 10, "a right key is not shut out")
