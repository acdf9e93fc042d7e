"""Warm pools and claims (W24): slots that nobody has, starts that find one, and what both promise."""

import concurrent.futures
import importlib.util
import secrets
import socket
import time
import types
import urllib.parse

import pytest

from support.install import ROOT
from support.pool import Pool
from support.wait import stays, wait_until


@pytest.fixture
def make_pool(install):
    made = []

    def make(size, **spec):
        made.append(Pool(install, size, **spec))
        return made[-1]

    yield make
    wait_until(install.api.healthy, 60, "the API answers")
    for pool in made:
        pool.remove()


def begin(api, start, bucket, **body):
    """A start and the milliseconds that it took."""
    since = time.monotonic()
    answer = api.expect(201, "POST", "/api/containers/start", {"s3Bucket": bucket, **body})
    return start.adopt(answer, bucket, body.get("s3Prefix", "")), answer, (time.monotonic() - since) * 1000


def new_shell(workspace, script):
    """What somebody sees who opens a terminal now."""
    return workspace.install.docker.run("exec", workspace.container(), "bash", "-ic", script)


def container_of(docker, name):
    found = docker.workspace_containers(name)
    assert len(found) == 1, found
    return found[0]


def code_url(slot):
    return slot["status"]["urls"]["codeServer"]


def test_a_claim_is_running_at_once_with_files_and_settings(install, api, docker, s3, bucket, start, make_pool):
    s3.put(bucket, "before.txt", "here before the workspace")
    pool = make_pool(2)
    pool.wait_warm(2)
    slots = {slot["metadata"]["name"]: slot for slot in pool.slots()}
    containers = {name: container_of(docker, name) for name in slots}
    for slot in slots.values():
        assert install.page(code_url(slot), "/healthz").status == 404, "an unclaimed slot tells nothing"
        assert "S3_BUCKET" not in docker.run("exec", containers[slot["metadata"]["name"]], "bash", "-ic", "env")
    old_token = docker.shell(next(iter(containers.values())), "cat /run/berth/callback-token; cat /run/berth/vnc-password")
    assert old_token == "", "a slot has no password and no token"

    workspace, answer, took = begin(api, start, bucket, env={"COLOR": "it's red", "PATH": "/workspace/my bin", "PORT": "3000"},
                                    vncPassword="claimed1")
    assert answer["status"] == "running", answer
    assert answer["id"] in slots
    assert took < 1000, took
    assert install.page(answer["urls"]["codeServer"], "/healthz").status == 200, "serves with the answer"
    assert workspace.view()["status"] == "running"

    workspace.wait_file("before.txt", "here before the workspace")
    wait_until(lambda: workspace.condition("Claimed")["status"] == "True", 30, "the node has taken the claim")
    assert new_shell(workspace, "echo $COLOR $S3_BUCKET $S3_REGION").splitlines()[-1] == f"it's red {bucket} us-east-1"
    folders = new_shell(workspace, "bash -c 'echo $PATH'").splitlines()[-1].split(":")
    assert folders[0] == "/workspace/my bin" and folders.count(folders[0]) == 1 and "/usr/bin" in folders, folders
    assert workspace.shell("cat /run/berth/vnc-password").strip() == "claimed1"
    token = workspace.shell("cat /run/berth/callback-token").strip()
    assert len(token) >= 32
    assert workspace.container() == containers[workspace.id], "nothing changed in Docker"

    workspace.write("after.txt", "saved in a claimed slot")
    workspace.wait_stored("after.txt", "saved in a claimed slot")

    second, answer, _ = begin(api, start, bucket, s3Prefix="second")
    assert answer["status"] == "running" and second.id != workspace.id
    assert second.shell("cat /run/berth/callback-token").strip() != token

    refilled = pool.wait_warm(2)
    assert not {workspace.id, second.id} & set(refilled), "a claimed slot is not the pool's any more"
    assert pool.status()["claimed"] == 2

    assert pool.delete().status in (200, 202)
    for name in refilled:
        wait_until(lambda name=name: not docker.leftovers(name), 60, f"slot {name} is gone")
    for claimed in (workspace, second):
        assert claimed.status() == "running"
        assert claimed.container() == containers[claimed.id]
    workspace.stop()
    workspace.start_again().wait_status("running")
    workspace.wait_file("after.txt", "saved in a claimed slot")
    assert "COLOR=it's red" in workspace.shell("cat /proc/1/environ | tr '\\0' '\\n'"), "a cold start has it itself"
    assert new_shell(workspace, "echo $PATH").splitlines()[-1].split(":") == folders
    assert new_shell(workspace, "echo $PORT").splitlines()[-1] == "3000", "and the editor does not take it for its own"


def desktop_login(install, url, password):
    """Logs in to the desktop as noVNC does, through Traefik by host name: what the server said."""
    where = urllib.parse.urlsplit(url)
    spec = importlib.util.spec_from_file_location("vnc_login", ROOT / "tests/images/vnc_login.py")
    client = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(client)
    edge = urllib.parse.urlsplit(install.http)
    direct = types.SimpleNamespace(create_connection=lambda _, timeout: socket.create_connection(
        (edge.hostname, edge.port), timeout=timeout))
    client.socket = direct  # no resolver knows the name
    try:
        accepted, detail = client.login(where.hostname, where.port or 80, password)
    except (RuntimeError, EOFError) as error:
        return f"no desktop: {error}"
    return "accepted" if accepted else f"refused {detail}"


def test_the_desktop_opens_with_the_claims_password_only(install, bucket, start, make_pool, api):
    pool = make_pool(1)
    pool.wait_warm(1)
    url = pool.slots()[0]["status"]["urls"]["vnc"]
    assert desktop_login(install, url, "claimed2").startswith("no desktop"), "nobody reaches a slot"
    _, answer, _ = begin(api, start, bucket, vncPassword="claimed2")
    assert answer["status"] == "running" and answer["urls"]["vnc"] == url
    wait_until(lambda: desktop_login(install, url, "claimed2") == "accepted", 20, "the password opens the desktop")
    assert desktop_login(install, url, "wrong111").startswith("refused")
    assert desktop_login(install, url, "").startswith("refused"), "what a slot had opens nothing"


def test_a_burst_takes_every_slot_once_and_the_rest_starts_cold(api, bucket, start, make_pool):
    pool = make_pool(2)
    pool.wait_warm(2)
    with concurrent.futures.ThreadPoolExecutor(4) as threads:
        begun = list(threads.map(lambda n: begin(api, start, bucket, s3Prefix=f"p{n}"), range(4)))
    states = [answer["status"] for _, answer, _ in begun]
    assert sorted(states) == ["running", "running", "starting", "starting"]
    assert len({workspace.id for workspace, _, _ in begun}) == 4
    for workspace, _, _ in begun:
        workspace.wait_status("running", 120)


def test_kill_of_berthd_right_after_a_claim_keeps_it(install, docker, api, s3, bucket, start, make_pool):
    s3.put(bucket, "kept.txt", "kept")
    pool = make_pool(1)
    pool.wait_warm(1)
    workspace, answer, _ = begin(api, start, bucket)
    assert docker.kill_service(install.service("berthd"))
    assert answer["status"] == "running"
    container = container_of(docker, workspace.id)
    wait_until(api.healthy, 60, "berthd is back")
    wait_until(lambda: workspace.condition("Claimed")["status"] == "True", 60, "the node has taken the claim")
    assert workspace.status() == "running"
    workspace.wait_file("kept.txt", "kept")
    assert workspace.container() == container, "the claimed container is the user's"
    assert workspace.object()["status"]["incarnation"] == 1
    assert install.page(workspace.urls["codeServer"], "/healthz").status == 200


def test_kill_of_the_agent_right_after_a_claim_keeps_it(install, docker, api, s3, bucket, start, make_pool):
    s3.put(bucket, "kept.txt", "kept")
    pool = make_pool(1)
    pool.wait_warm(1)
    docker.kill_service(install.service("node"))
    workspace, answer, _ = begin(api, start, bucket)
    assert answer["status"] == "running"
    workspace.wait_file("kept.txt", "kept", timeout=60)
    wait_until(lambda: workspace.condition("Claimed")["status"] == "True", 60, "the node has taken the claim")
    assert workspace.object()["status"]["incarnation"] == 1


def test_a_pool_of_a_missing_image_says_so_and_rests(api, make_pool):
    template = {"metadata": {"name": "e2e-missing"}, "spec": {"image": "berth/no-such-image:1"}}
    api.request("POST", "/api/v1/orgs/default/workspacetemplates", template)
    try:
        pool = make_pool(2, template="e2e-missing")
        wait_until(lambda: pool.condition("Degraded")["status"] == "True", 90, "Degraded")
        assert pool.condition("Degraded")["reason"] == "ImageMissing"
        assert pool.status()["failures"] >= 1 and pool.status()["retryAt"]
        stays(lambda: len(pool.slots()) <= 2, 3, "it does not make slots without end")
    finally:
        api.request("DELETE", "/api/v1/orgs/default/workspacetemplates/e2e-missing")


def test_slots_are_nobodys_in_the_list(api, make_pool):
    pool = make_pool(1)
    name = pool.wait_warm(1)[0]
    listed = api.expect(200, "GET", "/api/containers?limit=500")["containers"]
    assert name not in [item["id"] for item in listed]
    shown = api.expect(200, "GET", "/api/containers?status=warm&limit=500")["containers"]
    assert name in [item["id"] for item in shown], "an admin may ask for them"
    assert api.request("DELETE", f"/api/containers/{name}").status == 404


def test_a_shrunk_pool_gives_slots_up(docker, make_pool):
    pool = make_pool(2)
    names = pool.wait_warm(2)
    pool.resize(size=1)
    wait_until(lambda: len(pool.slots()) == 1, 60, "one slot is left")
    gone = [name for name in names if name not in pool.warm()]
    assert len(gone) == 1
    wait_until(lambda: not docker.leftovers(gone[0]), 60, "nothing is left of the other")


def three_starts(api, bucket, start, prefix):
    """Three starts one after the other: the workspaces, and the slowest one's milliseconds."""
    taken, slowest = [], 0
    for _ in range(3):
        workspace, answer, took = begin(api, start, bucket, s3Prefix=prefix)
        assert answer["status"] == "running", answer
        slowest = max(slowest, took)
        taken.append(workspace)
        assert workspace.page("codeServer").status in (200, 302), "the editor opens with the answer"
        assert workspace.status() == "running"
    return taken, slowest


def test_three_starts_in_milliseconds_then_a_cold_one(api, s3, bucket, start, make_pool):
    """W24: what a new user with a pool of 3 sees. The limits are the promise; a machine that does other things at
    the same time gets three attempts to keep them."""
    s3.put(bucket, "before.txt", "a bucket that is in use: the S3 server has made its place before")
    pool = make_pool(3)
    times = []
    while len(times) < 3 and (not times or times[-1] >= 100):
        names = pool.wait_warm(3)
        taken, slowest = three_starts(api, bucket, start, f"round{len(times)}")
        assert {workspace.id for workspace in taken} == set(names)
        times.append(slowest)
    assert times[-1] < 100, f"the slowest of three starts, in ms: {times}"

    since = time.monotonic()
    fourth, answer, _ = begin(api, start, bucket, s3Prefix="fourth")
    assert answer["status"] == "starting", answer
    fourth.wait_status("running", 15)
    assert time.monotonic() - since < 15, "a cold start"
    assert fourth.page("codeServer").status in (200, 302)

    refilled = pool.wait_warm(3)
    assert not {workspace.id for workspace in (*taken, fourth)} & set(refilled)


@pytest.fixture
def template(install, api):
    """A template of the install's own image, with an environment that can be changed."""
    path = "/api/v1/orgs/default/workspacetemplates"
    name = "e2e-" + secrets.token_hex(4)
    image = install.service_env("berthd")["WORKSPACE_IMAGE"]
    api.expect(201, "POST", path, {"metadata": {"name": name}, "spec": {"image": image, "env": {"EDITION": "first"}}})

    def change(edition):
        api.expect(200, "PATCH", f"{path}/{name}", {"spec": {"env": {"EDITION": edition}}},
                   headers={"Content-Type": "application/merge-patch+json"})

    yield types.SimpleNamespace(name=name, change=change)
    api.request("DELETE", f"{path}/{name}")


def test_a_changed_template_replaces_its_slots_one_after_the_other(api, bucket, start, make_pool, template):
    pool = make_pool(2, template=template.name)
    old = set(pool.wait_warm(2))
    template.change("second")
    least = 2

    def replaced():
        nonlocal least
        warm = pool.warm()
        least = min(least, len(warm))
        return len(warm) == 2 and not old & set(warm)

    wait_until(replaced, 120, lambda: f"both slots are new; now {pool.status()}")
    assert least >= 1, "the pool was never without a slot"
    assert pool.status()["stale"] == 0
    workspace, answer, _ = begin(api, start, bucket, template=template.name)
    assert answer["status"] == "running"
    assert workspace.shell("echo $EDITION").strip() == "second"


def test_a_start_never_gets_a_stale_slot(api, bucket, start, make_pool, template):
    pool = make_pool(1, template=template.name)
    old = pool.wait_warm(1)[0]
    template.change("second")
    workspace, _, _ = begin(api, start, bucket, template=template.name)
    assert workspace.id != old
    workspace.wait_status("running", 120)
    assert workspace.shell("echo $EDITION").strip() == "second"


def test_a_killed_slot_is_replaced(install, api, docker, bucket, start, make_pool):
    pool = make_pool(1)
    killed = container_of(docker, pool.wait_warm(1)[0])
    docker.run("kill", "--signal=KILL", killed)

    def lives():
        containers = [one for name in pool.warm() for one in docker.workspace_containers(name)]
        return containers and killed not in containers

    wait_until(lives, 120, lambda: f"another container is warm; now {pool.status()}")
    workspace, answer, _ = begin(api, start, bucket)
    assert answer["status"] == "running"
    assert install.page(answer["urls"]["codeServer"], "/healthz").status == 200
    assert workspace.container() != killed


def test_an_agent_that_is_silent_loses_the_claim_and_the_user_nothing(install, docker, api, s3, bucket, start,
                                                                     make_pool):
    s3.put(bucket, "kept.txt", "kept")
    pool = make_pool(1)
    pool.wait_warm(1)
    agents = docker.service_containers(install.service("node"))
    for agent in agents:
        docker.run("pause", agent)
    try:
        workspace, answer, _ = begin(api, start, bucket, env={"COLOR": "red"})
        assert answer["status"] == "running"
        wait_until(lambda: workspace.condition("Claimed")["reason"] == "Unanswered", 60, "the claim is given up")
        assert workspace.status() == "starting", "said honestly"
        assert "another container" in workspace.condition("Claimed")["message"]
        assert workspace.object()["status"]["history"][-1]["reason"] == "ClaimUnanswered"
    finally:
        for agent in agents:
            docker.run("unpause", agent)
    workspace.wait_status("running", 120)
    wait_until(lambda: workspace.condition("Claimed")["status"] == "True", 30, "the claim is taken")
    assert workspace.condition("Claimed")["reason"] == "MovedToAnotherContainer"
    assert workspace.object()["status"]["incarnation"] == 2
    workspace.wait_file("kept.txt", "kept")
    assert workspace.urls == answer["urls"]
    assert workspace.shell("tr '\\0' '\\n' < /proc/1/environ").count("COLOR=red") == 1
    workspace.write("after.txt", "saved")
    workspace.wait_stored("after.txt", "saved")
