"""kill -9 of berthd at ten random moments spread over start, running and stop: the end state is the desired one."""

import os
import random
import threading

import pytest

from support.invariants import check_single_service, orphans
from support.wait import wait_until

SEED = int(os.environ.get("BERTH_TEST_SEED", "0")) or random.SystemRandom().randrange(1, 1_000_000)


def moments():
    """(stage, seconds after the stage began): four in the start, two while running, four in the stop."""
    dice = random.Random(SEED)
    return ([("start", round(dice.uniform(0, 4), 2)) for _ in range(4)]
            + [("running", round(dice.uniform(0, 2), 2)) for _ in range(2)]
            + [("stop", round(dice.uniform(0, 4), 2)) for _ in range(4)])


class Killer:
    """kill -9 after a delay, beside what the test does meanwhile."""

    def __init__(self, install, delay):
        self.install = install
        self.killed = []
        self.timer = threading.Timer(delay, self._kill)
        self.timer.start()

    def _kill(self):
        self.killed = self.install.docker.kill_service(self.install.service("berthd"))

    def wait(self):
        self.timer.join()
        assert self.killed, "berthd was running and has been killed"
        wait_until(self.install.api.healthy, 60, "berthd is back")


@pytest.mark.parametrize("stage,delay", moments(), ids=lambda value: str(value))
def test_end_state_is_the_desired_one(install, start, stage, delay):
    print(f"BERTH_TEST_SEED={SEED}")
    workspace = start(wait=False)
    killer = Killer(install, delay) if stage == "start" else None
    if killer:
        killer.wait()
    wait_until(lambda: workspace.status() == "running", 60, "running")
    check_single_service(install, workspace)
    workspace.write("file.txt", f"{stage} {delay}")
    if stage == "running":
        Killer(install, delay).wait()
        wait_until(lambda: workspace.status() == "running", 60, "still running")
        assert workspace.read("file.txt") == f"{stage} {delay}", "the container was left alone"
        workspace.wait_page("codeServer")
    assert workspace.delete().status == 202
    if stage == "stop":
        Killer(install, delay).wait()
    workspace.wait_stopped(90)
    assert workspace.sync()["receipt"]
    assert workspace.stored("file.txt") == f"{stage} {delay}"
    workspace.wait_gone()
    wait_until(lambda: not orphans(install), 40, lambda: f"no orphans: {orphans(install)}")


def test_an_acknowledged_start_survives_an_immediate_kill(install, docker, start):
    workspaces = [start(wait=False, s3Prefix=f"p{n}") for n in range(3)]
    assert docker.kill_service(install.service("berthd"))
    wait_until(install.api.healthy, 60, "berthd is back")
    for workspace in workspaces:
        workspace.wait_status("running", 60)
        check_single_service(install, workspace)


def test_routes_stay_while_berthd_is_away(install, docker, start):
    workspace = start()
    workspace.wait_page("codeServer")
    berthd = install.service("berthd")
    docker.run("service", "scale", "--detach", f"{berthd}=0")
    try:
        wait_until(lambda: not docker.service_containers(berthd), 40, "berthd is away")
        assert workspace.page("codeServer").status in (200, 302)
    finally:
        docker.run("service", "scale", "--detach", f"{berthd}=1")
    wait_until(install.api.healthy, 60, "berthd is back")
    workspace.wait_page("codeServer")
