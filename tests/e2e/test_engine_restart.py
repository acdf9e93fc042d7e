"""dockerd restarts, also with its containers gone: no mass deletion, workspaces come back, files are intact."""

import pathlib
import shutil

import pytest

from support.invariants import check_single_service, orphans
from support.wait import wait_until


@pytest.fixture
def private_engine(install):
    mode = pathlib.Path(install.home, "engine.mode").read_text().strip()
    if mode != "private":
        pytest.fail("this test restarts the engine: run it on an install with --engine private")
    yield pathlib.Path(install.home, "engine")
    install.library("engine_up")
    wait_until(install.api.healthy, 120, "the API is back")


def stop_engine(install):
    install.library("pid=$(_engine_pid); kill -TERM $pid; wait_for 60 dockerd-end _process_gone $pid")


def come_back(install, workspaces):
    wait_until(install.api.healthy, 120, "the API is back")
    for workspace in workspaces:
        wait_until(lambda workspace=workspace: workspace.status() == "running" and workspace.page("codeServer").status in (200, 302),
                   120, lambda workspace=workspace: f"{workspace.id} is back; {workspace.summary()}")
        check_single_service(install, workspace)
        workspace.wait_file("unsaved.txt", workspace.id)
    assert not orphans(install)


def test_restart(install, private_engine, start):
    workspaces = [start(wait=False, s3Prefix=f"p{n}") for n in range(2)]
    for workspace in workspaces:
        workspace.wait_status("running")
        workspace.write("unsaved.txt", workspace.id)
    stop_engine(install)
    install.library("engine_up")
    come_back(install, workspaces)


def test_restart_with_the_containers_gone(install, private_engine, start):
    workspace = start()
    workspace.write("unsaved.txt", workspace.id)
    stop_engine(install)
    for folder in (private_engine / "data" / "containers").iterdir():
        shutil.rmtree(folder)
    install.library("engine_up")
    come_back(install, [workspace])
    receipt = workspace.stop(90)
    assert receipt and workspace.stored("unsaved.txt") == workspace.id
