"""What a new user does, start to end: a workspace, its pages, its files in S3, and nothing left afterwards."""

import json

from support.wait import wait_until


def test_first_workspace(install, api, docker, s3, bucket, start):
    """W1, W25, W28, W34, W40: from the start to nothing left but the files in S3."""
    s3.put(bucket, "before.txt", "here before the workspace")
    answer = api.expect(201, "POST", "/api/containers/start", {"s3Bucket": bucket})
    assert answer["status"] == "starting"
    assert answer["serviceName"] == "ws-" + answer["id"]
    assert set(answer["urls"]) >= {"vnc", "codeServer", "webServer"}

    workspace = start.adopt(answer)
    workspace.wait_status("running", 30)
    assert workspace.wait_page("codeServer").status in (200, 302)
    assert "VNC" in install.page(workspace.urls["vnc"], "/vnc.html").text
    assert workspace.wait_page("webServer").status == 200
    workspace.wait_file("before.txt", "here before the workspace")

    workspace.write("notes/first.txt", "saved in the workspace")
    workspace.wait_stored("notes/first.txt", "saved in the workspace", timeout=20)

    workspace.write("notes/first.txt", "the last save")
    assert workspace.delete().status == 202
    workspace.wait_stopped()
    view = workspace.view()
    assert view["shutdownReason"] == "manual"
    assert view["sync"]["receipt"]["manifestHash"]
    assert workspace.stored("notes/first.txt") == "the last save"
    workspace.wait_gone()
    for which in workspace.urls:
        wait_until(lambda which=which: workspace.page(which).status == 404, 10, f"{which} answers 404")
    second = workspace.delete()
    assert second.status == 200 and second.json["status"] == "stopped"


def test_view_of_a_running_workspace(start):
    """W3, W22."""
    workspace = start()
    wait_until(lambda: (workspace.view().get("health") or {}).get("status") == "healthy", 60, "healthy")
    view = workspace.view()
    assert view["health"]["checks"] == {"codeServer": True, "vnc": True, "webServer": True}
    assert view["resourceLimits"] == {"cpuLimit": 2, "memoryLimit": 4 * 1024**3}
    assert view["s3Bucket"] == workspace.bucket and view["s3Region"] == "us-east-1"
    assert view["createdAt"] and view["startedAt"] and view["node"]


def test_limits_and_privileges_of_the_container(docker, start):
    """W22, W33."""
    workspace = start()
    host = docker.inspect("container", workspace.container())["HostConfig"]
    assert host["NanoCpus"] == 2 * 10**9
    assert host["Memory"] == 4 * 1024**3
    assert host["PidsLimit"] == 512
    status = workspace.shell("cat /proc/self/status")
    lines = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert lines["Uid"].split()[0] == "1000"
    assert int(lines["CapBnd"], 16) == 0, "no capability can be gained"
    environment = workspace.shell("env; cat /proc/1/environ | tr '\\0' '\\n'")
    assert "AWS_SECRET_ACCESS_KEY" not in environment


def test_a_stopped_workspace_starts_again_with_its_files(start):
    """W32."""
    workspace = start()
    workspace.write("kept.txt", "kept")
    workspace.stop()
    workspace.start_again()
    workspace.wait_status("running")
    workspace.wait_file("kept.txt", "kept")
    assert workspace.view()["urls"] == workspace.urls
    workspace.wait_page("codeServer")


def test_two_workspaces_do_not_see_each_other(s3, bucket, start):
    one, two = start(wait=False, s3Prefix="one"), start(wait=False, s3Prefix="two")
    for workspace in (one, two):
        workspace.wait_status("running")
        workspace.write("mine.txt", workspace.id)
    for workspace in (one, two):
        workspace.stop()
    assert s3.files(bucket) == ["one/mine.txt", "two/mine.txt"]
    assert one.stored("mine.txt") == one.id and two.stored("mine.txt") == two.id


def test_idempotency_key_gives_the_same_workspace(api, bucket, start):
    """W1."""
    head = {"Idempotency-Key": "e2e-" + bucket}
    first = api.request("POST", "/api/containers/start", {"s3Bucket": bucket}, headers=head)
    assert first.status == 201, first
    workspace = start.adopt(first.json)
    again = api.request("POST", "/api/containers/start", {"s3Bucket": bucket}, headers=head)
    assert again.status == 201 and again.json["id"] == workspace.id
    other = api.request("POST", "/api/containers/start", {"s3Bucket": bucket, "s3Prefix": "x"}, headers=head)
    assert other.status == 422, other
    listed = api.expect(200, "GET", "/api/containers?limit=500")["containers"]
    assert sum(item["s3Bucket"] == bucket for item in listed) == 1


def test_list_pages_and_filters(api, start):
    """W2."""
    workspaces = [start(wait=False, s3Prefix=f"p{n}") for n in range(3)]
    ids = {workspace.id for workspace in workspaces}
    seen = api.expect(200, "GET", "/api/containers?limit=500")
    assert ids <= {item["id"] for item in seen["containers"]}
    assert seen["total"] >= 3 and seen["limit"] == 500 and seen["offset"] == 0
    pages = [api.expect(200, "GET", f"/api/containers?limit=1&offset={n}")["containers"] for n in range(seen["total"])]
    assert all(len(rows) == 1 for rows in pages)
    assert {rows[0]["id"] for rows in pages} >= ids
    found = api.expect(200, "GET", f"/api/containers?search={workspaces[0].id}")["containers"]
    assert [item["id"] for item in found] == [workspaces[0].id]


def test_secrets_are_in_no_answer(api, bucket, start):
    password = "e2epass1"
    workspace = start(vncPassword=password)
    texts = [json.dumps(workspace.view()), json.dumps(workspace.object()),
             json.dumps(api.expect(200, "GET", "/api/v1/orgs/default/workspaces"))]
    for text in texts:
        assert password not in text
        assert workspace.install.exports["S3_SECRET_KEY"] not in text
