"""W29, W6: an unused workspace is warned and stopped, a used one is not, and what counts as use."""

import datetime
import subprocess
import threading

import pytest

from support.wait import stays, wait_until

SHORT = 16


def activity(workspace):
    return workspace.view().get("activity") or {}


class Terminal:
    """A pseudo-terminal in the container, as a user's: what it shows is read."""

    def __init__(self, install, workspace, script):
        command = ["docker", "-H", install.docker.host, "exec", "-t", workspace.container(), "sh", "-c", script]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
        self.text = b""
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.text += line

    def close(self):
        self.process.kill()
        self.process.wait(10)


@pytest.fixture
def terminal(install):
    opened = []

    def open_terminal(workspace, script):
        opened.append(Terminal(install, workspace, script))
        return opened[-1]

    yield open_terminal
    for one in opened:
        one.close()


def rested(workspace):
    """Seconds since its start and since the last sign of use that berthd knows."""
    times = [workspace.object()["status"]["startedAt"], *(sign["at"] for sign in activity(workspace)["signals"] if sign.get("at"))]
    newest = max(datetime.datetime.fromisoformat(time) for time in times)
    return (datetime.datetime.now(datetime.timezone.utc) - newest).total_seconds()


def test_an_unused_workspace_is_warned_and_stopped_and_comes_back(install, start, terminal):
    workspace = start(idle={"timeoutSeconds": SHORT})
    workspace.write("file.txt", "kept")
    shown = terminal(workspace, "sleep 600")
    wait_until(lambda: activity(workspace).get("state") == "warning", 60, lambda: f"the warning; {activity(workspace)}")
    wait_until(lambda: b"Berth: nobody uses this workspace" in shown.text, 10, "the warning is in the terminal")
    assert workspace.id.encode() in shown.text
    assert "extend" in workspace.shell("cat /run/berth/notice")
    workspace.wait_stopped(60)
    view = workspace.view()
    assert view["shutdownReason"] == "inactivity"
    assert view["sync"]["receipt"]["final"]
    workspace.wait_gone()
    assert workspace.stored("file.txt") == "kept"
    urls = view["urls"]
    workspace.start_again().wait_status("running", 90)
    assert workspace.view()["urls"] == urls
    workspace.wait_file("file.txt", "kept")


def test_written_files_keep_it_and_silence_does_not(start, terminal):
    workspace = start(idle={"timeoutSeconds": SHORT, "mode": "filesOnly"})
    terminal(workspace, "until [ -e /tmp/enough ]; do date >/workspace/clock; sleep 1; done")
    stays(lambda: workspace.status() == "running", 2 * SHORT, "a file is written all the time")
    found = activity(workspace)
    assert found["decidedBy"] == "files" and found["state"] == "active", found
    assert any(sign["source"] == "clock" for sign in found["signals"]), found
    workspace.shell("touch /tmp/enough")
    workspace.wait_stopped(90)
    assert workspace.view()["shutdownReason"] == "inactivity"


@pytest.mark.parametrize("mode", ["all", "filesOnly"])
def test_output_of_a_terminal_counts_where_it_shall(start, terminal, mode):
    workspace = start(idle={"timeoutSeconds": SHORT + 10, "mode": mode})
    terminal(workspace, "while :; do echo tick; sleep 1; done")
    if mode == "all":
        stays(lambda: workspace.status() == "running", 2 * SHORT + 20, "a terminal shows something all the time")
        assert activity(workspace)["decidedBy"] == "terminal", activity(workspace)
    else:
        workspace.wait_stopped(90)
        assert workspace.view()["shutdownReason"] == "inactivity"


def test_an_extended_one_is_held(install, start):
    workspace = start(idle={"timeoutSeconds": SHORT})
    view = install.api.expect(200, "POST", f"/api/containers/{workspace.id}/extend", {"minutes": 5})
    assert view["keepUntil"]
    wait_until(lambda: activity(workspace).get("state") == "held", 10, "it is held")
    stays(lambda: workspace.status() == "running", 2 * SHORT, "it was extended")
    assert activity(workspace)["decidedBy"] == "extend"
    install.api.expect(400, "POST", f"/api/containers/{workspace.id}/extend", {"minutes": 0})
    # Not even its own monitor stops it.
    workspace.shell("/usr/local/lib/berth/idle-monitor report")
    stays(lambda: workspace.status() == "running", 3, "the monitor's word does not outweigh its user's")


def test_an_agent_that_is_away_stops_nothing(install, docker, start):
    workspace = start(idle={"timeoutSeconds": SHORT})
    node, = docker.service_containers(install.service("node"))
    docker.run("pause", node)
    try:
        stays(lambda: workspace.status() == "running", 3 * SHORT, "nobody can tell whether it is used")
    finally:
        docker.run("unpause", node)
    workspace.wait_stopped(90)
    assert workspace.view()["shutdownReason"] == "inactivity"


def test_the_monitor_inside_reports_and_tries_again(install, docker, start):
    workspace = start()
    assert workspace.shell("pgrep -f lib/berth/idle-monitor"), "it runs"
    call = ("curl -s -o /dev/null -w '%{http_code}' --unix-socket /run/berth/agent.sock -H 'Authorization: Bearer wrong' "
            "-H 'Content-Type: application/json' -d '{\"reason\":\"inactivity\"}' http://berth/callback")
    wait_until(lambda: workspace.shell(call) == "401", 30, "the agent refuses another token")
    assert workspace.status() == "running"
    # What its start has stirred must be told before berthd is away: signs that the agent alone knows make it refuse the report.
    wait_until(lambda: rested(workspace) > 35, 150, lambda: f"it rests; {activity(workspace)}", interval=1)
    berthd, = docker.service_containers(install.service("berthd"))
    container = workspace.container()
    docker.run("pause", berthd)
    try:
        docker.run("exec", "-d", container, "sh", "-c",
                   "/usr/local/lib/berth/idle-monitor report >/tmp/report 2>&1")
        wait_until(lambda: "trying again" in docker.shell(container, "cat /tmp/report"), 60,
                   lambda: "the report was not taken: " + docker.shell(container, "cat /tmp/report"))
    finally:
        docker.run("unpause", berthd)
    workspace.wait_stopped(90)
    assert workspace.view()["shutdownReason"] == "inactivity"
    assert workspace.sync()["receipt"]["final"]


def test_a_report_that_still_holds_is_vouched_for_and_not_written_again(api, start):
    """Rest costs no writes, and is not taken for silence."""
    workspace = start()
    uid = workspace.object()["metadata"]["uid"]
    seen = {}

    def vouched():
        report = api.expect(200, "GET", f"/api/v1/orgs/default/workspacereports/{workspace.id}")
        node, = api.expect(200, "GET", "/api/v1/orgs/default/nodereports")["items"]
        if node["spec"]["unchanged"].get(uid) != report["spec"]["reportedAt"]:
            return False
        words = seen.setdefault(report["metadata"]["resourceVersion"], set())
        words.add(node["spec"]["reportedAt"])
        return len(words) >= 2

    wait_until(vouched, 240, lambda: f"two words of the node for the same report; {seen}", interval=1)
    assert workspace.condition("IdleUnknown")["status"] == "Unknown"  # there is no such condition
    assert activity(workspace)["state"] == "active"
