"""W29: typing keeps a workspace; tabs that are left open, a probe and what a dashboard polls do not. The warning is seen in the editor's
terminal."""

import datetime
import threading

from support.browser import browse
from support.wait import wait_until
from test_idle import activity

TIMEOUT = 60
PASSWORD = "Vnc4idle"


class Person(threading.Thread):
    """At the editor until the file `gone` is there; `result` is what the browser has seen."""

    def __init__(self, workspace, folder):
        super().__init__(daemon=True)
        self.gone = folder / "gone"
        self.folder = folder
        self.job = {"codeServer": workspace.urls["codeServer"], "vnc": workspace.urls["vnc"].rstrip("/") + "/",
                    "vncPassword": PASSWORD, "typeFor": (TIMEOUT + 10) * 1000, "gone": str(self.gone)}
        self.result = None
        self.start()

    def run(self):
        self.result = browse("idle.mjs", self.job, self.folder, timeout=400)

    def leave(self):
        self.gone.touch()
        self.join(120)
        return self.result


def time_of(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def signs(found):
    return {sign["kind"]: time_of(sign["at"]) for sign in found["signals"] if sign.get("at")}


def test_who_stops_typing_is_warned_in_the_terminal_and_stopped_with_open_tabs(install, start, tmp_path):
    workspace = start(idle={"timeoutSeconds": TIMEOUT}, vncPassword=PASSWORD)
    person = Person(workspace, tmp_path)
    try:
        def look():
            assert person.is_alive(), person.result
            assert workspace.page("codeServer").status in (200, 302)
            install.api.expect(200, "GET", "/api/containers")  # what a dashboard polls
            return activity(workspace)

        def typed_and_warned():
            found = look()
            seen = signs(found)  # on a slow machine a first warning may come before the typing
            return found.get("state") == "warning" and "vnc" in seen and seen.get("terminal", seen["vnc"]) > seen["vnc"]

        wait_until(typed_and_warned, 220, lambda: f"the warning; {activity(workspace)}", interval=1)
        found = activity(workspace)
        assert found["decidedBy"] == "terminal", found
        began = time_of(workspace.view()["startedAt"])
        assert (signs(found)["terminal"] - began).total_seconds() > TIMEOUT, f"typing has kept it; {found}"
        assert began < signs(found)["vnc"] < signs(found)["terminal"], f"the desktop was used, and then only looked at; {found}"
        wait_until(lambda: workspace.status() == "stopped" or not look(), 90, workspace.summary, interval=1)
    finally:
        result = person.leave()
    assert workspace.view()["shutdownReason"] == "inactivity"
    shown = result.pop("shown")
    assert set(result.values()) == {"ok"}, result
    assert workspace.id in shown.replace("\n", ""), shown
