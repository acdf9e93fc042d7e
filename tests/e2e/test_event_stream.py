"""Docker's event stream cut, half-open or swallowing events: everything converges within one relist all the same."""

import pytest

from support.relays.docker_relay import behind_relay
from support.wait import wait_until

RELIST = 30
MARGIN = 30


@pytest.fixture(scope="module")
def docker_relay(install):
    with behind_relay(install, "BERTH_ENGINE_SOCKET", "berthd") as relay:
        yield relay


@pytest.fixture
def stream(docker_relay):
    # The test before has cut it: until it is open again there is nothing to freeze or to swallow.
    wait_until(docker_relay.event_streams, 30, "berthd listens to events")
    yield docker_relay
    docker_relay.swallowing = False
    docker_relay.cut()


def removed_by_hand_comes_back(docker, workspace, timeout):
    service = f"ws-{workspace.id}"
    old = docker.inspect("service", service)["ID"]
    docker.run("service", "rm", service)
    wait_until(lambda: docker.exists("service", service) and docker.inspect("service", service)["ID"] != old, timeout,
               "the service is made again")
    workspace.wait_status("running", 60)


def test_cut(docker, stream, start):
    workspace = start()
    assert stream.cut()
    wait_until(stream.event_streams, 30, "the stream is opened again")
    removed_by_hand_comes_back(docker, workspace, RELIST + MARGIN)


def test_cut_again_and_again_during_a_start(stream, start):
    workspace = start(wait=False)

    def cut_and_look():
        stream.cut()
        return workspace.status() == "running"

    wait_until(cut_and_look, 90, "running although no stream lives long")
    stream.cut()
    workspace.stop()


def test_half_open(docker, stream, start):
    workspace = start()
    assert stream.freeze()
    removed_by_hand_comes_back(docker, workspace, RELIST + MARGIN)
    workspace.stop()


def test_swallowed_events(docker, stream, start):
    workspace = start()
    stream.swallowing = True
    removed_by_hand_comes_back(docker, workspace, RELIST + MARGIN)
    assert stream.swallowed, "the relay did swallow events"
    other = start(s3Prefix="other")
    other.stop(90)
