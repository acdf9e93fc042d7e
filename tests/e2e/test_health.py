"""Bad health, failures with their reasons, the way out of them, and the archive, with short deadlines (W21, W30, W31)."""

import json
import pathlib

import pytest

from support.wait import wait_until

START_TIMEOUT = 35
SHORT = {"BERTH_PROBE_INTERVAL": "1s", "BERTH_START_TIMEOUT": f"{START_TIMEOUT}s", "BERTH_ARCHIVE_AFTER": "6s"}


@pytest.fixture(scope="module")
def short_deadlines(install):
    usual = dict(line.split("=", 1) for line in (pathlib.Path(__file__).parents[2] / "charts/berth/values.env").read_text().splitlines()
                 if "=" in line and not line.startswith("#"))
    before = {name: install.values.get(name, usual[name]) for name in SHORT}
    install.deploy(**SHORT)
    wait_until(install.api.healthy, 60, "berthd is back with short deadlines")
    yield
    install.deploy(**before)
    wait_until(install.api.healthy, 60, "berthd is back with its own deadlines")


@pytest.fixture
def small(short_deadlines, small_image, templates, start):
    """small(…) starts a workspace of the small image."""
    name = templates.put("e2e-small", small_image)
    return lambda **body: start(template=name, **body)


def explain(workspace):
    one = workspace.install.api.expect(200, "GET", f"/api/containers/{workspace.id}/explain")
    two = workspace.install.api.expect(200, "GET", f"/api/v1/orgs/default/workspaces/{workspace.id}/explain")
    assert one["id"] == two["id"] == workspace.id
    return one


def blocked_by(workspace):
    return (explain(workspace).get("blocking") or {}).get("reason")


def reasons(workspace):
    return [change["reason"] for change in workspace.object()["status"]["history"]]


def wait_failed(workspace, reason, timeout):
    workspace.wait_status("failed", timeout)
    assert workspace.condition("Failed")["reason"] == reason
    explained = explain(workspace)
    assert not explained["asWanted"]
    assert explained["blocking"]["reason"] == reason
    assert explained["blocking"]["condition"] == "Failed"
    assert explained["blocking"]["unblock"]
    return explained


def test_bad_health_is_one_restart_then_a_failure_with_its_reason(small, docker):
    workspace = small()
    wait_until(lambda: explain(workspace)["asWanted"], 10, "nothing is wrong with it")
    workspace.write("kept.txt", "kept")
    workspace.shell("mkdir -p /workspace/.test && touch /workspace/.test/unhealthy-8080")
    wait_until(lambda: blocked_by(workspace) == "ProbeMissed", 20, "a missed probe is said", interval=0.1)
    wait_until(lambda: "Unhealthy" in reasons(workspace), 30, "it is restarted")
    wait_until(lambda: blocked_by(workspace) == "ProbeFailed", START_TIMEOUT, "the new container does not answer either")
    explained = wait_failed(workspace, "ProbeFailed", START_TIMEOUT + 30)
    assert reasons(workspace).count("Unhealthy") == 1
    assert workspace.object()["status"]["incarnation"] == 2, "one restart, and no more"
    steps = [(decision["step"], decision["reason"]) for decision in explained["decisions"]]
    assert ("replace", "Unhealthy") in steps and ("enter failed", "ProbeFailed") in steps
    assert "code-server silent" in [d["basedOn"] for d in explained["decisions"] if d["step"] == "replace"][0]
    wait_until(lambda: not docker.workspace_containers(workspace.id), 30, "no container runs")
    assert docker.exists("volume", f"berth-ws-{workspace.id}"), "the files stay"

    workspace.start_again()
    wait_until(lambda: docker.workspace_containers(workspace.id), 30, "there is a container again")
    workspace.shell("rm /workspace/.test/unhealthy-8080")
    workspace.wait_status("running", START_TIMEOUT)
    assert workspace.read("kept.txt") == "kept"
    wait_until(lambda: explain(workspace)["asWanted"], 10, "all is well again")
    assert len(workspace.view()["health"]["history"]) in range(1, 11)
    workspace.stop()


def test_the_editor_hangs_and_then_is_ended_for_good(short_deadlines, start, docker):
    """The real image, as a user would see it: the editor hangs, comes back in a new container, and there is ended for good."""
    workspace = start()
    workspace.write("kept.txt", "kept")
    first = workspace.container()
    workspace.shell("kill -STOP -$(cat /run/berth-ws/code-server.pid)")
    wait_until(lambda: (now := docker.workspace_containers(workspace.id)) and now != [first], 60, "another container")
    workspace.wait_status("running", 60)
    workspace.wait_file("kept.txt", "kept")
    workspace.shell("s6-svc -d /run/berth-ws/services/code-server")
    explained = wait_failed(workspace, "ProbeFailed", 60)
    assert "code-server" in explained["blocking"]["message"]
    assert reasons(workspace).count("Unhealthy") == 1


def test_a_missing_image_is_named_and_the_mended_template_is_tried_at_once(short_deadlines, small_image, templates, start):
    templates.put("e2e-mended", "berth/there-is-none:1")
    workspace = start(wait=False, template="e2e-mended")
    wait_until(lambda: blocked_by(workspace) == "ImageMissing", 15, "the reason is known within seconds")
    assert workspace.condition("Placed")["reason"] == "ImageMissing"
    explained = explain(workspace)
    assert explained["phase"] == "starting" and "there-is-none" in explained["summary"]
    assert explained["blocking"]["deadline"]
    wait_failed(workspace, "ImageMissing", START_TIMEOUT + 30)
    templates.put("e2e-mended", small_image)
    workspace.wait_status("running", START_TIMEOUT)
    assert "SettingsChanged" in reasons(workspace)
    workspace.stop()


def test_a_template_that_goes_is_named_at_once_and_waited_for(short_deadlines, small_image, templates, start, docker):
    templates.put("e2e-gone", small_image)
    workspace = start(template="e2e-gone")
    workspace.write("kept.txt", "kept")
    templates.remove("e2e-gone")
    docker.run("kill", "--signal=KILL", workspace.container())
    wait_failed(workspace, "TemplateMissing", 15)
    templates.put("e2e-gone", small_image)
    workspace.wait_status("running", START_TIMEOUT)
    workspace.wait_file("kept.txt", "kept")
    workspace.stop()


def test_what_docker_refuses_is_said_at_once(short_deadlines, templates, start):
    templates.put("e2e-refused", "Not:a:reference")
    workspace = start(wait=False, template="e2e-refused")
    wait_failed(workspace, "ServiceRefused", 15)
    workspace.delete()
    workspace.wait_status("stopped", 15)


def test_a_stopped_one_is_archived_and_starts_again(small, api):
    workspace = small()
    workspace.write("kept.txt", "kept")
    workspace.stop()
    workspace.wait_status("archived", 30)
    assert workspace.sync()["receipt"], "the proof stays"
    assert workspace.stored("kept.txt") == "kept", "S3 is not touched"

    def ids(query):
        page = api.expect(200, "GET", f"/api/containers?search={workspace.id}{query}")
        return [view["id"] for view in page["containers"]]

    assert ids("&status=archived") == [workspace.id]
    assert ids("") == []
    assert explain(workspace)["asWanted"]
    assert workspace.delete().status == 200
    urls = workspace.view()["urls"]
    workspace.start_again().wait_status("running", 60)
    assert workspace.view()["urls"] == urls
    workspace.wait_file("kept.txt", "kept")
    workspace.stop()


@pytest.mark.parametrize("moment", ["at once", "its service exists", "its task is placed"])
def test_deleted_a_moment_after_its_start(start, docker, moment):
    """Nobody has files yet, and Docker may be about to make some: it is over soon, and nothing is left."""
    workspace = start(wait=False)
    service = f"ws-{workspace.id}"
    if moment == "its service exists":
        wait_until(lambda: docker.exists("service", service), 15, moment, interval=0.02)
    if moment == "its task is placed":
        wait_until(lambda: placed(docker, service), 15, moment, interval=0.02)
    assert workspace.delete().status == 202
    view = workspace.view()
    assert view["status"] in ("stopping", "stopped") and view["message"] != "running"
    workspace.wait_status("stopped", 30)
    workspace.wait_gone()


def placed(docker, service):
    tasks = [json.loads(line) for line in docker.lines("service", "ps", "--format={{json .}}", service)]
    return any(task["Node"] for task in tasks)
