"""A second install on an engine that runs already (--engine existing): nothing that it did not make is touched, neither by
--down nor by --down --purge. What is foreign here: a service, a volume, a network, a container, and the whole first install."""

import contextlib
import os
import pathlib
import shlex
import socket
import stat
import subprocess
import tempfile

import pytest

from support.api import Api
from support.install import SETUP
from support.wait import wait_until

OWN_VALUES = {"BERTH_STACK": "second", "BERTH_EDGE_NETWORK": "second-edge", "BERTH_EDGE_SUBNET": "10.202.0.0/16",
              "BERTH_PRE_WARMED_QUEUE_SIZE": "0"}


def free_ports(*names):
    """Each name with a port that nobody listens on; all are held until the last one is chosen."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in names]
        return {name: str(s.getsockname()[1]) for name, s in zip(names, sockets)}


class Second:
    """Another install on the engine of the first one."""

    def __init__(self, install):
        self.home = tempfile.mkdtemp(prefix="berth-second-", dir="/var/tmp")
        kept = {k: v for k, v in os.environ.items() if not k.startswith("BERTH_") or k in ("BERTH_PRESET", "BERTH_BINARY_DIR",
                                                                                          "BERTH_TOOLS", "BERTH_IMAGE_CACHE")}
        self.environment = {**kept, "BERTH_HOME": self.home, "DOCKER_HOST": install.docker.host}

    def setup(self, *options, timeout=400, **values):
        done = subprocess.run([SETUP, *options], env={**self.environment, **values}, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=timeout)
        assert done.returncode == 0, done.stdout[-500:] + done.stderr[-3000:]
        return done.stdout

    def api(self):
        text = self.setup("--env")
        exports = dict(word.split("=", 1) for line in text.splitlines() for word in shlex.split(line)[1:])
        return Api(exports["BERTH_URL"], exports["BERTH_KEY"])


def everything(install):
    """Names of all that the engine holds; of containers the ids, so that a restarted one shows. The first install's own
    workspaces may come and go."""
    docker = install.docker
    kinds = {"service": ("service", "ls", "--format={{.Name}}"), "volume": ("volume", "ls", "-q"),
             "container": ("ps", "-q", "--no-trunc"), "network": ("network", "ls", "--format={{.Name}}"),
             "secret": ("secret", "ls", "--format={{.Name}}")}
    found = set()
    for kind, command in kinds.items():
        found |= {(kind, name) for name in docker.lines(*command)}
        if kind in ("service", "volume", "container"):
            ours = (f"--filter=label=dev.berth.install={install.id}", "--filter=label=dev.berth.kind=Workspace")
            found -= {(kind, name) for name in docker.lines(*command, *ours)}
    return found


@pytest.fixture
def foreign(install):
    """Things that somebody else has in the engine."""
    docker = install.docker
    image = install.docker.inspect("service", install.service("berthd"))["Spec"]["TaskTemplate"]["ContainerSpec"]["Image"]
    docker.run("volume", "create", "somebody-data")
    docker.run("network", "create", "--driver", "overlay", "--attachable", "somebody-net")
    docker.run("run", "-d", "--name", "somebody", "-v", "somebody-data:/data", "--entrypoint", "sh", image, "-c",
               "echo precious > /data/file; exec sleep 600", timeout=60)
    docker.run("service", "create", "--detach", "--name", "somebody-service", "--network", "somebody-net", "--endpoint-mode",
               "dnsrr", "--entrypoint", "sleep", image, "600", timeout=60)
    wait_until(lambda: docker.service_containers("somebody-service"), 30, "the foreign service runs")
    yield docker
    docker.run("service", "rm", "somebody-service")
    docker.run("rm", "-f", "somebody")
    wait_until(lambda: not docker.service_containers("somebody-service", running=False), 30, "the foreign service is gone")
    docker.run("network", "rm", "somebody-net")
    docker.run("volume", "rm", "somebody-data")


@pytest.fixture
def second(install):
    other = Second(install)
    yield other
    if pathlib.Path(other.home).exists():
        other.setup("--down", "--purge")


def test_what_is_foreign_survives(install, foreign, second):
    docker = foreign
    before = everything(install)
    ports = free_ports("BERTH_API_PORT", "BERTH_HTTP_PORT", "BERTH_S3_PORT")
    second.setup("--engine", "existing", **OWN_VALUES, **ports)  # with its self-test: a workspace, a file to S3 and back
    assert before <= everything(install)
    log = pathlib.Path(second.home, "s3.log")
    assert not log.exists() or stat.S_IMODE(log.stat().st_mode) == 0o600

    api = second.api()
    started = api.expect(201, "POST", "/api/containers/start", {"s3Bucket": "demo"})
    wait_until(lambda: api.get(f"/api/containers/{started['id']}").json["status"] == "running", 90, "it runs")
    second.setup("--down")
    after = everything(install)
    assert before <= after, before - after
    left = after - before
    assert ("volume", f"berth-ws-{started['id']}") in left, "files that may be nowhere else are kept"
    assert {kind for kind, _ in left} == {"volume"}, left

    second.setup("--down", "--purge")
    wait_until(lambda: everything(install) == before, 30, lambda: f"differs: {everything(install) ^ before}")
    assert docker.run("exec", "somebody", "cat", "/data/file") == "precious"
    assert install.api.healthy()
    assert not pathlib.Path(second.home).exists() and not pathlib.Path(second.home + ".lock").exists()
