"""The install under test, as setup-local.sh made it."""

import contextlib
import os
import pathlib
import shlex
import subprocess

from .api import Api, page
from .docker import Docker
from .s3 import S3
from .wait import wait_until

ROOT = pathlib.Path(__file__).resolve().parents[3]
SETUP = ROOT / "deploy" / "setup-local.sh"


class Install:
    def __init__(self):
        self.home = os.environ.get("BERTH_HOME", "/var/lib/berth-test")
        self.environment = {**os.environ, "BERTH_HOME": self.home}
        text = subprocess.run([SETUP, "--env"], env=self.environment, check=True, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL).stdout
        self.exports = dict(word.split("=", 1) for line in text.splitlines() for word in shlex.split(line)[1:])
        self.http = self.exports["BERTH_HTTP"]
        self.api = Api(self.exports["BERTH_URL"], self.exports["BERTH_KEY"])
        self.s3 = S3(self.exports["S3_ENDPOINT"], self.exports["S3_ACCESS_KEY"], self.exports["S3_SECRET_KEY"])
        self.docker = Docker(self.exports["DOCKER_HOST"])
        values = pathlib.Path(self.home, "install.env").read_text().splitlines()
        self.values = dict(line.split("=", 1) for line in values if "=" in line and not line.startswith("#"))
        self.id = self.values["BERTH_INSTALL_ID"]
        self.stack = self.values.get("BERTH_STACK", "berth")

    def service(self, name):
        return f"{self.stack}_{name}"

    def page(self, url, path="/", **options):
        return page(self.http, url, path, **options)

    def service_env(self, name):
        spec = self.docker.inspect("service", self.service(name))["Spec"]["TaskTemplate"]["ContainerSpec"]
        return dict(item.split("=", 1) for item in spec.get("Env", []))

    def deploy(self, **values):
        """Runs setup-local.sh again with other values (the stack is updated where they matter)."""
        done = subprocess.run([SETUP, "--no-selftest"], env={**self.environment, **values}, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=300)
        assert done.returncode == 0, done.stderr[-3000:]

    def deploy_without(self, *names):
        """Back to the defaults of these values: what was given once is kept with the install."""
        file = pathlib.Path(self.home, "install.env")
        lines = file.read_text().splitlines(keepends=True)
        file.write_text("".join(line for line in lines if line.split("=", 1)[0] not in names))
        self.deploy()

    @contextlib.contextmanager
    def without_berthd(self):
        """No berthd at all, until the end of the block."""
        name = self.service("berthd")
        self.docker.run("service", "update", "--detach", "--quiet", "--replicas=0", name)
        try:
            wait_until(lambda: not self.docker.service_containers(name), 60, "berthd is gone")
            yield
        finally:
            self.docker.run("service", "update", "--detach", "--quiet", "--replicas=1", name)
            wait_until(self.api.healthy, 60, "berthd is back")

    def library(self, script, timeout=180):
        """Runs bash with the install's shell library loaded (engine_up, engine_down, …)."""
        head = "set -euo pipefail; for f in common packages engine values stack; do . deploy/lib/$f.sh; done; "
        done = subprocess.run(["bash", "-c", head + script], cwd=ROOT, env=self.environment, capture_output=True,
                              text=True, timeout=timeout, stdin=subprocess.DEVNULL)
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    def edge_network(self):
        return self.service_env("berthd")["EDGE_NETWORK"]
