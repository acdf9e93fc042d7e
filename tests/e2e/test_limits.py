"""Limits on real parts (W22, W23, W35, W36): what a key may have, what the nodes can hold, what one workspace may take."""

import os
import re

import pytest

from support.templates import OwnKey
from support.wait import stays, wait_until

HOG = "import time; held = b'x' * (%d << 20); print('holds', flush=True); time.sleep(600)"


@pytest.fixture
def own_key(api, start):
    """own_key(maxContainers=…): a key of role user; its workspaces are removed before it is."""
    made = []

    def make(**spec):
        made.append(OwnKey(api, **spec))
        return made[-1]

    yield make
    for key in made:
        key.remove()


@pytest.fixture
def small(small_image, templates, start):
    """small(spec of the template) starts a workspace of the small image."""
    def begin(wait=True, **spec):
        template = templates.put("e2e-limits", small_image, **spec)
        return start(wait=wait, template=template)
    return begin


def refused(answer):
    """The error of a start for which there is no room: (message, seconds until it is worth asking again)."""
    assert answer.status == 503, answer
    error = answer.json["error"]
    assert error["code"] == "RESOURCE_LIMIT_EXCEEDED", error
    return error["message"], int(answer.headers["Retry-After"])


def hold_memory(workspace, megabytes, user="1000"):
    """A program inside takes this much, until it is ended. Detached: whether it lives is to be looked at."""
    workspace.install.docker.run("exec", "--detach", "--user", user, workspace.container(), "python3", "-c", HOG % megabytes)


def use_of(api, workspace):
    rows = api.expect(200, "GET", "/api/usage")["workspaces"]
    found = [row for row in rows if row["id"] == workspace.id]
    return found[0] if found else {}


def test_a_key_has_as_many_containers_as_it_may(api, bucket, start, own_key, small_image, templates):
    """W8, W35: both ways to start are counted, and the place is free when the container is gone."""
    key = own_key(maxContainers=1)
    body = {"s3Bucket": bucket, "template": templates.put("e2e-limits", small_image)}
    first = start.adopt(key.api.expect(201, "POST", "/api/containers/start", body))
    message, seconds = refused(key.api.request("POST", "/api/containers/start", body))
    assert "1 container" in message and seconds == 60, "nothing is known of its end yet"
    wish = {"metadata": {"name": key.name}, "spec": {"s3": {"bucket": bucket}}}
    refused(key.api.request("POST", "/api/v1/orgs/default/workspaces", wish))

    first.wait_status("running")
    stops = wait_until(lambda: first.object()["status"]["activity"].get("stopsAt"), 60, "a time at which it is idle")
    _, seconds = refused(key.api.request("POST", "/api/containers/start", body))
    assert 60 < seconds <= 600, f"the time until it stops for inactivity, at {stops}"

    assert key.api.request("DELETE", f"/api/containers/{first.id}").status == 202
    first.wait_stopped()
    second = start.adopt(key.api.expect(201, "POST", "/api/containers/start", body))
    refused(key.api.request("POST", f"/api/containers/{first.id}/start"))
    refused(api.request("POST", f"/api/containers/{first.id}/start"))  # it counts for its owner, whoever starts it
    assert second.id != first.id


def test_answers_say_how_many_calls_are_left(install, own_key):
    """W35."""
    limit = install.service_env("berthd")["RATE_LIMIT_PER_MINUTE"]
    answer = own_key().api.get("/api/containers?limit=1")
    assert answer.headers["RateLimit-Policy"] == f'"key";q={limit};w=60'
    left = re.fullmatch(r'"key";r=(\d+);t=\d+', answer.headers["RateLimit"])
    assert left and int(left.group(1)) == int(limit) - 1


def test_a_template_that_no_node_can_run_is_refused_by_name(api, bucket, small_image, templates):
    """W8, W23."""
    name = templates.put("e2e-huge", small_image, limits={"cpuLimit": 500})
    message, seconds = refused(api.request("POST", "/api/containers/start", {"s3Bucket": bucket, "template": name}))
    assert message == f"the template e2e-huge may use 500 processors, and the largest node has {os.cpu_count()}"
    assert seconds == 30
    assert api.expect(200, "GET", f"/api/containers?search={bucket}")["total"] == 0, "nothing is recorded"


@pytest.fixture
def memory_ceiling(install):
    """memory_ceiling(percent) sets MAX_MEMORY_PERCENT; as before afterwards."""
    before = install.values.get("BERTH_MAX_MEMORY_PERCENT", "90")

    def to(percent):
        install.deploy(BERTH_MAX_MEMORY_PERCENT=str(percent))
        wait_until(install.api.healthy, 60, "berthd is back")

    yield to
    to(before)


def memory_percent(api):
    """Of the one node, as its agent measured it within the last half minute."""
    node = api.expect(200, "GET", "/api/usage")["nodes"][0]
    return 100 * node["usage"]["memoryUsed"] / node["usage"]["memoryTotal"] if not node["stale"] else None


def test_no_start_while_every_node_is_full_and_again_after_a_stop(api, bucket, memory_ceiling, small):
    """W23: by measured memory. The margins are wide, as other programs run on this machine, too."""
    total = api.expect(200, "GET", "/api/usage")["nodes"][0]["usage"]["memoryTotal"]
    ceiling = round(memory_percent(api)) + 9
    memory_ceiling(ceiling)
    wish = {"metadata": {"name": "e2e-wish"}, "spec": {"s3": {"bucket": bucket}}}

    def tried():
        return api.request("POST", "/api/v1/orgs/default/workspaces?dryRun=1", wish)

    wait_until(lambda: tried().status == 201, 60, "there is room below the ceiling")
    hog = small(limits={"memoryLimit": total})
    hold_memory(hog, (total * 18 // 100) >> 20)
    wait_until(lambda: tried().status == 503, 90, lambda: f"no room is left; {memory_percent(api)} % in use")
    message, seconds = refused(api.request("POST", "/api/containers/start", {"s3Bucket": bucket}))
    said = re.fullmatch(r"no node has memory to spare: the emptiest uses (\d+) % of its own, and nothing is started above (\d+) %",
                        message)
    assert said and int(said.group(1)) >= int(said.group(2)) == ceiling, message
    assert seconds == 30, "then the agents have measured again"
    hog.stop()
    wait_until(lambda: tried().status == 201, 90, lambda: f"room again; {memory_percent(api)} % in use")


def test_a_program_that_takes_too_much_memory_is_named(docker, small):
    """W22: the kernel ends the program, the workspace goes on."""
    workspace = small(limits={"memoryLimit": 128 << 20})
    assert docker.inspect("container", workspace.container())["HostConfig"]["Memory"] == 128 << 20
    container = workspace.container()
    hold_memory(workspace, 512)
    wait_until(lambda: workspace.condition("MemoryPressure")["status"] == "True", 40, "the kill is seen")
    condition = workspace.condition("MemoryPressure")
    assert condition["reason"] == "OutOfMemory" and condition["message"].startswith("1 times"), condition
    assert workspace.status() == "running" and workspace.container() == container


def run_out_of_memory(workspace):
    """The workspace's own server is the one that the kernel ends."""
    workspace.shell("for p in /proc/[0-9]*; do grep -qa server.py $p/cmdline 2>/dev/null && echo 1000 > $p/oom_score_adj; done; true")
    hold_memory(workspace, 512)


def test_a_workspace_that_runs_out_of_memory_again_and_again(docker, small):
    """W21, W22: replaced three times, then failed; the history says that memory was the reason. Of the last end Docker's
    word may come before the agent's, which knows why: hence two names."""
    workspace = small(limits={"memoryLimit": 128 << 20})
    for kill in range(1, 5):
        workspace.wait_status("running")
        container = workspace.container()
        run_out_of_memory(workspace)
        wait_until(lambda: container not in docker.workspace_containers(workspace.id), 40, f"container {kill} has ended")
        wait_until(
            lambda: (now := workspace.object()["status"])["incarnation"] > kill or now["phase"] == "failed" and now, 60,
            lambda: f"what follows kill {kill}: {workspace.summary()}")
    status = workspace.object()["status"]
    assert status["phase"] == "failed" and status["incarnation"] == 4
    assert [change["reason"] for change in status["history"]].count("OutOfMemory") == 4, status["history"]
    assert workspace.condition("Failed")["reason"] == "OutOfMemory"
    assert workspace.view()["shutdownReason"] == "resource_limit"


# Each copy goes on trying: a shell that may not fork ends, and a bomb of shells with it.
FORK_BOMB = """
import os, time
while True:
    try:
        os.fork()
    except OSError:
        time.sleep(0.05)
"""


def processes(docker, container):
    return int(docker.run("stats", "--no-stream", "--format={{.PIDs}}", container))


def test_a_fork_bomb_stays_inside(install, api, docker, start, small):
    """W22, W33: at the limit of processes nothing more starts, neighbours and the node notice nothing."""
    neighbour = start(s3Prefix="neighbour")
    bombed = small(pidsLimit=64, limits={"cpuLimit": 0.3})
    container = bombed.container()
    assert docker.inspect("container", container)["HostConfig"]["PidsLimit"] == 64
    docker.run("exec", "--detach", container, "python3", "-c", FORK_BOMB)
    wait_until(lambda: processes(docker, container) >= 60, 40, lambda: f"the limit is reached; {processes(docker, container)} run")
    stays(lambda: processes(docker, container) <= 64, 5, "the limit holds")
    assert bombed.container() == container and bombed.wait_page("webServer", 40).status == 200
    assert neighbour.wait_page("codeServer").status in (200, 302)
    assert neighbour.shell("echo well") == "well"
    assert install.api.healthy()
    bombed.stop()


def test_usage_is_what_the_container_uses(api, small):
    """W36: in the API and as metrics, per workspace, per node and in sum."""
    workspace = small(limits={"cpuLimit": 0.5, "memoryLimit": 512 << 20})
    idle = wait_until(lambda: (row := use_of(api, workspace)).get("memory") and row, 60, "its use is measured")
    assert idle["cpuLimit"] == 0.5 and idle["memoryLimit"] == 512 << 20 and idle["cpu"] < 0.3, idle
    assert 1 << 20 < idle["memory"] < 100 << 20, idle
    hold_memory(workspace, 150)
    workspace.install.docker.run("exec", "--detach", workspace.container(), "sh", "-c", "while :; do :; done")

    def busy():
        row = use_of(api, workspace)
        return row["cpu"] > max(0.1, idle["cpu"]) and row["memory"] > 150 << 20 and row

    row = wait_until(busy, 100, lambda: f"the burnt processor shows; now {use_of(api, workspace)}")
    assert row["cpu"] <= 0.5 * 1.2 and row["memory"] < 512 << 20, row
    assert row["memoryPercent"] == pytest.approx(100 * row["memory"] / (512 << 20), abs=1)
    view = workspace.view()["resourceUsage"]
    assert view["memory"] > 150 << 20 and view["cpu"] > 0.1

    seen = api.expect(200, "GET", "/api/usage")
    node, cluster = seen["nodes"][0], seen["cluster"]
    assert node["usage"]["cpuCores"] == os.cpu_count()
    assert node["usage"]["memoryTotal"] == int(re.search(r"MemTotal:\s+(\d+)", open("/proc/meminfo").read()).group(1)) * 1024
    assert row["memory"] < node["usage"]["memoryUsed"] < node["usage"]["memoryTotal"]
    assert 0.1 < node["usage"]["cpuUsed"] <= os.cpu_count() * 1.05
    assert node["workspaces"] >= 1 and node["workspaceMemory"] > 150 << 20 and node["workspaceCpu"] > 0.1
    assert cluster["nodes"] == 1 and cluster["staleNodes"] == 0 and cluster["usage"]["memoryTotal"] == node["usage"]["memoryTotal"]

    series = api.get("/metrics").text
    assert value_of(series, f'berth_workspace_memory_bytes{{workspace="{workspace.id}"}}') > 150 << 20
    assert value_of(series, f'berth_workspace_cpu_cores{{workspace="{workspace.id}"}}') > 0.1
    assert value_of(series, f'berth_node_memory_bytes{{node="{node["hostname"]}"}}') == node["usage"]["memoryTotal"]
    workspace.stop()
    wait_until(lambda: workspace.id not in api.get("/metrics").text, 40, "what is gone has no series")
    assert not use_of(api, workspace)


def value_of(series, name):
    found = [line for line in series.splitlines() if line.startswith(name + " ")]
    assert len(found) == 1, f"{name}: {found}"
    return float(found[0].split()[1])
