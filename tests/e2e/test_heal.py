"""What is changed by hand is put right; what is not ours is never touched."""

import re

import pytest

from support.wait import wait_until


def test_service_removed_by_hand(install, docker, start):
    workspace = start()
    workspace.write("file.txt", "not uploaded yet")
    service = f"ws-{workspace.id}"
    old = docker.inspect("service", service)["ID"]
    docker.run("service", "rm", service)
    wait_until(lambda: docker.exists("service", service) and docker.inspect("service", service)["ID"] != old, 60,
               "the service is made again")
    workspace.wait_status("running", 90)
    workspace.wait_file("file.txt", "not uploaded yet", timeout=60)
    workspace.wait_page("codeServer")


def labels(spec):
    """What must come back: all labels, with a hash that is one. The new service's incarnation differs, and so its hash."""
    own = dict(spec["Labels"])
    own.pop("dev.berth.incarnation")
    genuine = re.fullmatch("[0-9a-f]{32}", own.pop("dev.berth.spec-hash", "")) is not None
    return own, genuine, spec["TaskTemplate"]["ContainerSpec"]["Labels"].keys()


@pytest.mark.parametrize("change,look", [
    (["--limit-memory=64m"], lambda spec: spec["TaskTemplate"]["Resources"]["Limits"]["MemoryBytes"]),
    (["--env-add=BY_HAND=1"], lambda spec: spec["TaskTemplate"]["ContainerSpec"].get("Env")),
    (["--label-add=dev.berth.spec-hash=0"], labels),
    (["--label-add=by.hand=1"], labels),
    (["--label-rm=dev.berth.request-hash"], labels),
    (["--container-label-add=by.hand=1"], labels),
    (["--replicas=2"], lambda spec: spec["Mode"]),
], ids=["limits", "env", "forged hash", "label", "lost label", "container label", "replicas"])
def test_service_changed_by_hand(docker, start, change, look):
    workspace = start()
    service = f"ws-{workspace.id}"
    wanted = look(docker.inspect("service", service)["Spec"])
    docker.run("service", "update", "--detach", *change, service)
    wait_until(lambda: look(docker.inspect("service", service)["Spec"]) == wanted, 60, "the change is undone")
    workspace.wait_status("running", 90)
    wait_until(lambda: len(docker.workspace_containers(workspace.id)) == 1, 40, "one container")
    workspace.wait_page("codeServer")


def test_container_killed(docker, start):
    workspace = start()
    workspace.write("file.txt", "survives a kill")
    old = workspace.container()
    docker.run("kill", "--signal=KILL", old)
    wait_until(lambda: (found := docker.workspace_containers(workspace.id)) and found != [old], 60, "a new container")
    workspace.wait_status("running", 60)
    workspace.wait_file("file.txt", "survives a kill")


def test_container_that_keeps_crashing_ends_as_failed(docker, start):
    """W30."""
    workspace = start()
    workspace.write("file.txt", "kept")

    def kill_again():
        for container in docker.workspace_containers(workspace.id):
            docker.run("kill", "--signal=KILL", container)
        return workspace.status() == "failed"

    wait_until(kill_again, 120, lambda: f"failed after three replacements; {workspace.summary()}")
    assert docker.exists("volume", f"berth-ws-{workspace.id}"), "a failed workspace keeps its files"


def test_foreign_things_are_never_touched(install, docker, start):
    """Things that look like ours but lack the install's label, next to a workspace's whole life."""
    image = install.service_env("berthd")["WORKSPACE_IMAGE"]
    docker.run("service", "create", "--quiet", "--detach", "--no-resolve-image", "--name=ws-foreign", "--endpoint-mode=dnsrr",
               "--label=dev.berth.install=another", "--label=dev.berth.kind=Workspace", "--label=dev.berth.name=foreign",
               "--entrypoint=sleep", image, "100000")
    docker.run("volume", "create", "--label=dev.berth.name=foreign", "berth-ws-foreign")
    docker.run("network", "create", "--driver=overlay", "berth-foreign")
    try:
        wait_until(lambda: docker.service_containers("ws-foreign"), 40, "the foreign service runs")
        before = foreign(docker)
        workspace = start()
        docker.kill_service(install.service("berthd"))
        wait_until(install.api.healthy, 60, "berthd is back, and has looked at everything")
        workspace.wait_page("codeServer")
        workspace.stop()
        assert foreign(docker) == before
    finally:
        docker.run("service", "rm", "ws-foreign")
        wait_until(lambda: not docker.service_containers("ws-foreign", running=False), 40, "the foreign service is gone")
        docker.run("volume", "rm", "berth-ws-foreign")
        docker.run("network", "rm", "berth-foreign")


def foreign(docker):
    service = docker.inspect("service", "ws-foreign")
    return (service["ID"], service["Version"], service["Spec"], docker.service_containers("ws-foreign"),
            docker.inspect("volume", "berth-ws-foreign"), docker.inspect("network", "berth-foreign")["Id"])
