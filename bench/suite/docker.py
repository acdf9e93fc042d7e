"""The few Docker calls that the anchors need, raw, over the engine's unix socket."""

import contextlib
import http.client
import json
import socket
import time
import urllib.parse

from .programs import Unavailable, wait_until

API = "/v1.41"


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=30)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Engine:
    """Keeps one connection. Throws Unavailable when no engine answers."""

    def __init__(self, path):
        self.connection = UnixConnection(str(path).removeprefix("unix://"))
        try:
            self.call("GET", "/_ping")
        except OSError as failure:
            raise Unavailable(f"no engine answers at {path}: {failure}") from failure

    def raw(self, method, path, body=None):
        headers = {"Content-Type": "application/json"} if body is not None else {}
        try:
            self.connection.request(method, API + path, None if body is None else json.dumps(body), headers)
            response = self.connection.getresponse()
            return response.status, response.read()
        except BaseException:
            self.connection.close()  # half an answer is in it; what cleans up next gets a new one
            raise

    def call(self, method, path, body=None, missing_ok=False):
        status, data = self.raw(method, path, body)
        if status == 404 and missing_ok:
            return None
        if status >= 300:
            raise RuntimeError(f"{method} {path}: {status} {data[:300]!r}")
        return json.loads(data) if data[:1] in (b"{", b"[") else None

    def containers(self, service):
        filters = json.dumps({"label": [f"com.docker.swarm.service.name={service}"]})
        return self.call("GET", "/containers/json?filters=" + urllib.parse.quote(filters))

    def remove_service(self, name):
        self.call("DELETE", f"/services/{name}", missing_ok=True)

    def remove_volumes(self, names, seconds=60):
        """Once no container holds them any more."""
        def gone():
            return all(self.raw("DELETE", f"/volumes/{name}")[0] in (204, 404) for name in names)
        wait_until(gone, seconds, "removal of the volumes", 0.1)

    @contextlib.contextmanager
    def scratch(self, name):
        """An overlay network of our own, and nothing left of it or of service `name` afterwards."""
        body = {"Name": name, "Driver": "overlay", "Labels": {"dev.berth.bench": "1"}}
        network = self.call("POST", "/networks/create", body)["Id"]
        try:
            yield network
        finally:
            self.remove_service(name)
            wait_until(lambda: self.raw("DELETE", f"/networks/{network}")[0] in (204, 404), 30, "removal of a network", 0.2)

    def route_service(self, name, host, network):
        """Makes the service again, without tasks, with labels for Traefik's Swarm provider; the moment of the answer."""
        self.remove_service(name)
        router = "traefik.http.routers.bench"
        labels = {"traefik.enable": "true", "traefik.swarm.lbswarm": "true", f"{router}.rule": f"Host(`{host}`)",
                  f"{router}.service": "ping@internal", "traefik.http.services.bench.loadbalancer.server.port": "8080"}
        spec = {"Name": name, "Labels": labels, "Mode": {"Replicated": {"Replicas": 0}},
                "EndpointSpec": {"Mode": "vip"},
                "TaskTemplate": {"ContainerSpec": {"Image": "none"}, "Networks": [{"Target": network}]}}
        self.call("POST", "/services/create", spec)
        return time.monotonic_ns()
