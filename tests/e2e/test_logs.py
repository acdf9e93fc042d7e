"""The output of containers: there while they run, after they are gone, and after restarts of both programs."""

import json
import threading
import urllib.request

from support.wait import wait_until


def logs(workspace, query="", **headers):
    answer = workspace.install.api.get(f"/api/containers/{workspace.id}/logs{query}", headers=headers)
    assert answer.status == 200, answer
    return answer.text


def say(workspace, text):
    """A line in the container's own output, as a program of the container writes it."""
    workspace.shell(f"printf '%s\\n' '{text}' >/proc/1/fd/1")


def wait_line(workspace, text, timeout=20):
    wait_until(lambda: text in logs(workspace), timeout, f"{text!r} is in the log")


def test_what_it_says_is_kept_when_it_is_gone(start):
    workspace = start()
    say(workspace, "hello from inside")
    wait_line(workspace, "hello from inside")
    line = next(json.loads(text) for text in logs(workspace, "?tail=1000", Accept="application/x-ndjson").splitlines()
                if "hello from inside" in text)
    assert line["stream"] == "stdout" and line["incarnation"] == 1 and line["at"].endswith("Z")
    say(workspace, "the last words")
    workspace.stop()
    assert "the last words" in logs(workspace), "kept after the container and its node's files are gone"
    workspace.start_again().wait_status("running")
    say(workspace, "second life")
    wait_line(workspace, "second life")
    assert "the last words" in logs(workspace, "?tail=1000")


def test_a_follower_sees_lines_as_they_come(start):
    workspace = start()
    api = workspace.install.api
    got, ready = [], threading.Event()

    def listen():
        request = urllib.request.Request(f"{api.base}/api/containers/{workspace.id}/logs?follow=1&tail=0", headers={
            "Authorization": f"Bearer {api.key}", "Accept": "text/event-stream"})
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=60) as stream:
            ready.set()
            for line in stream:
                got.append(line.decode())
                if "the end" in got[-1]:
                    return

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    assert ready.wait(20)
    say(workspace, "one \x1b[31mred\x1b[0m")
    say(workspace, "the end")
    thread.join(30)
    assert not thread.is_alive(), got
    events = [json.loads(line.removeprefix("data: ")) for line in got if line.startswith("data: ")]
    assert [event["text"] for event in events][-2:] == ["one \x1b[31mred\x1b[0m", "the end"]
    assert all(line in ("\n", ": still here\n") or line.startswith(("id: ", "data: ")) for line in got)


def test_restarts_of_the_agent_and_of_berthd_lose_and_repeat_nothing(docker, install, start):
    workspace = start()
    say(workspace, "before the restarts")
    wait_line(workspace, "before the restarts")
    for service in ("node", "berthd"):
        killed = docker.kill_service(install.service(service))
        wait_until(lambda: (now := docker.service_containers(install.service(service))) and not set(now) & set(killed), 60,
                   f"{service} runs again")
        wait_until(install.api.healthy, 60, "the API answers")
        say(workspace, f"after {service}")
        wait_line(workspace, f"after {service}", 60)
        assert logs(workspace, "?tail=1000").count("before the restarts") == 1


def test_a_flood_stays_bounded_and_ends_with_the_newest(start):
    workspace = start()
    workspace.shell("seq -f 'flood %.0f' 1 20000 >/proc/1/fd/1")
    say(workspace, "after the flood")
    wait_line(workspace, "after the flood", 40)
    lines = logs(workspace, "?tail=1000").splitlines()
    assert len(lines) <= 1000
    numbers = [int(line.split()[1]) for line in lines if line.startswith("flood ")]
    assert numbers == sorted(numbers) and numbers[-1] == 20000


def test_the_dashboard_shows_all_of_it_and_counts_as_no_use(api, start):
    """W7, W29: somebody looks at it all the time, and the unused workspace is stopped nevertheless."""
    workspace = start(idle={"timeoutSeconds": 16})
    workspace.shell("echo a warning of its own >/proc/1/fd/2")

    def line():
        text = api.get("/api/dashboard/logs?level=warning&container=" + workspace.id).text
        return "a warning of its own" in text and text

    text = wait_until(line, 30, "its line is in the feed")
    assert text.startswith("data: {") and f'"container":"{workspace.id}"' in text
    node, = api.expect(200, "GET", "/api/dashboard/nodes")["nodes"]
    assert node["ready"] and node["usage"]["memoryTotal"] > 0 and node["workspaces"] >= 1

    def stopped():
        seen = api.expect(200, "GET", "/api/dashboard/overview")["containers"]
        line()
        assert seen["total"] >= 1
        return workspace.status() == "stopped"

    wait_until(stopped, 90, lambda: f"it is stopped; {workspace.view().get('activity')}")
    assert workspace.view()["shutdownReason"] == "inactivity"
    where = f"/api/dashboard/container/{workspace.id}/action"
    api.expect(202, "POST", where, {"action": "start"})
    workspace.wait_status("running")
    api.expect(202, "POST", where, {"action": "delete"})
    wait_until(lambda: api.request("GET", f"/api/containers/{workspace.id}").status == 404, 60, "nothing of it is left")
