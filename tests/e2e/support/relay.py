"""The S3 relay as a service of the Swarm under test."""

import pathlib

from .api import fetch
from .ports import free_port
from .wait import wait_until

import json

FOLDER = pathlib.Path(__file__).parent / "relays"


class S3Relay:
    name = "e2e-s3-relay"
    endpoint = "http://e2e-s3-relay:8333"

    def __init__(self, install):
        self.docker = install.docker
        port = free_port()  # not a fixed one: a second install on this machine may be under test as well
        self.orders = f"http://127.0.0.1:{port}"
        # The install's own credentials are never sent to another endpoint: whoever names one brings credentials.
        self.source = {"s3Endpoint": self.endpoint, "awsAccessKeyId": install.s3.access_key,
                       "awsSecretAccessKey": install.s3.secret_key}
        self.remove()
        self.docker.run(
            "service", "create", "--quiet", "--detach", f"--name={self.name}", "--endpoint-mode=dnsrr", "--stop-grace-period=1s",
            f"--network={install.edge_network()}", f"--mount=type=bind,source={FOLDER},target=/relay,readonly",
            f"--publish=published={port},target=8380,mode=host", "--no-resolve-image", "--user=0",
            "--entrypoint=python3", install.service_env("berthd")["WORKSPACE_IMAGE"], "/relay/s3_relay.py")
        wait_until(lambda: fetch(self.orders, "GET", "/log", timeout=3).status == 200, 60, "the S3 relay answers")

    def remove(self):
        if self.docker.exists("service", self.name):
            self.docker.run("service", "rm", self.name)
        wait_until(lambda: not self.docker.service_containers(self.name), 30, "the S3 relay is gone")

    def switch(self, mode, rate=None, forget=False):
        order = json.dumps({"mode": mode, "rate": rate, "forget": forget})
        assert fetch(self.orders, "POST", "/mode", body=order, timeout=5).status == 200

    def log(self):
        return fetch(self.orders, "GET", "/log", timeout=5).json["log"]

    def moving(self, method, part=""):
        """Requests of that method that have begun to carry bytes and are not answered yet."""
        return [entry for entry in self.log()
                if entry["method"] == method and part in entry["path"] and entry["status"] == 0]

    def done(self, method, part=""):
        return [entry for entry in self.log()
                if entry["method"] == method and part in entry["path"] and 200 <= entry["status"] < 300]
