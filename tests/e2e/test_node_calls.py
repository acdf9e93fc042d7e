"""What the agent of a node asks its engine for while workspaces rest."""

import pytest

from support.relays.docker_relay import behind_relay
from support.wait import wait_until


@pytest.fixture(scope="module")
def node_relay(install):
    """Between the agent and the engine: notes every call."""
    with behind_relay(install, "BERTH_NODE_ENGINE_SOCKET", "berth-node") as relay:
        yield relay


def use(api, workspace):
    rows = {row["id"]: row for row in api.expect(200, "GET", "/api/usage")["workspaces"]}
    return rows.get(workspace.id, {})


def test_use_is_measured_without_the_engine(api, node_relay, small_image, start, templates):
    """W36: several measurements, of several workspaces; each would be a call."""
    template = templates.put("e2e-calls", small_image)
    workspaces = [start(wait=False, template=template) for _ in range(3)]
    for workspace in workspaces:
        workspace.wait_status("running")
        wait_until(lambda one=workspace: use(api, one).get("memory"), 60, "its use is measured")
    before = len(node_relay.calls)
    busy = workspaces[0]
    busy.install.docker.run("exec", "--detach", busy.container(), "sh", "-c", "while :; do :; done")
    wait_until(lambda: use(api, busy).get("cpu", 0) > 0.1, 90, lambda: f"it is measured again; now {use(api, busy)}")
    assert any("/containers/json" in call for call in node_relay.calls), "the agent is behind the relay"
    assert not [call for call in node_relay.calls[before:] if "/stats" in call]
