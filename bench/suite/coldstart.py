"""POST start to a workspace that serves through Traefik, against the same container made raw."""

import contextlib
import json
import os
import socket
import time
import urllib.parse

from .docker import Engine
from .measure import Row, Side, judge, median, p99, skipped
from .netns import inside
from .programs import Unavailable, ask, wait_until

NEEDS = ["BERTH_URL", "BERTH_KEY", "BERTH_HTTP", "DOCKER_HOST"]
POLL = 0.005
RAW = "berth-bench-raw"
DEFAULT_POOL = "/api/v1/orgs/default/warmpools/default"


class Install:
    """A running local install, as `setup-local.sh --env` describes it."""

    def __init__(self):
        missing = [name for name in NEEDS if not os.environ.get(name)]
        if missing:
            raise Unavailable('no install is named: eval "$(./deploy/setup-local.sh --env)" first')
        self.api = urllib.parse.urlsplit(os.environ["BERTH_URL"])
        self.edge = urllib.parse.urlsplit(os.environ["BERTH_HTTP"])
        self.key = os.environ["BERTH_KEY"]
        self.bucket = os.environ.get("BERTH_BENCH_BUCKET", "demo")
        try:
            self.call("GET", "/api/health", 200)
        except OSError as failure:
            raise Unavailable(f"no install answers at {os.environ['BERTH_URL']}: {failure}") from failure

    def call(self, method, path, expect, body=None):
        status, data = ask(self.api.port, method, path, self.key, body, self.api.hostname)
        if status == 429:
            raise RuntimeError("the install limits calls: deploy it with BERTH_RATE_LIMIT_PER_MINUTE=0")
        if status not in (expect if isinstance(expect, tuple) else (expect,)):
            raise RuntimeError(f"{method} {path}: {status} {data[:300]!r}")
        return json.loads(data)

    def serves(self, host):
        try:
            return ask(self.edge.port, "GET", "/healthz", None, None, self.edge.hostname, {"Host": host})[0] == 200
        except OSError:
            return False

    def start(self, prefix="berth-bench"):
        return self.call("POST", "/api/containers/start", 201, {"s3Bucket": self.bucket, "s3Prefix": prefix})

    @contextlib.contextmanager
    def unpooled(self):
        """While the block runs every start is a cold one: the pool that the install keeps is empty."""
        status, data = ask(self.api.port, "GET", DEFAULT_POOL, self.key, None, self.api.hostname)
        size = json.loads(data)["spec"].get("size", 0) if status == 200 else 0
        if not size:
            yield
            return
        try:
            self.call("PATCH", DEFAULT_POOL, 200, {"spec": {"size": 0}})
            wait_until(lambda: not self.call("GET", "/api/containers?status=warm", 200)["containers"], 120,
                       "the end of the pool's slots", 0.1)
            yield
        finally:
            self.call("PATCH", DEFAULT_POOL, 200, {"spec": {"size": size}})

    def show(self, workspace):
        return self.call("GET", f"/api/containers/{workspace}", 200)

    def remove(self, workspace):
        """Returns when nothing of it is left on the node, so that the next round starts from the same place."""
        self.call("DELETE", f"/api/containers/{workspace}", (200, 202))
        wait_until(lambda: self.show(workspace)["status"] == "stopped", 120, "stop of the workspace", 0.1)


def berth_round(install, engine, specs):
    """Milliseconds to served and running. Leaves the service's spec in `specs` the first time."""
    since = time.monotonic_ns()
    started = install.start()
    workspace, host = started["id"], urllib.parse.urlsplit(started["urls"]["codeServer"]).netloc
    try:
        # Watched as the raw one is: asking through Traefik all the time would take half a core from the start.
        wait_until_it_answers_inside(engine, started["serviceName"])
        wait_until(lambda: install.serves(host), 120, "the first answer through Traefik", POLL)
        served = time.monotonic_ns()
        wait_until(lambda: install.show(workspace)["status"] == "running", 60, "status running", POLL)
        ready = time.monotonic_ns()
        if not specs:
            specs.append(engine.call("GET", "/services/" + started["serviceName"])["Spec"])
    finally:
        install.remove(workspace)
    return (served - since) / 1e6, (ready - since) / 1e6


def raw_spec(spec):
    """The same container without anything that makes it Berth's: no labels, names and volumes of its own."""
    task = spec["TaskTemplate"]
    container = task["ContainerSpec"]
    container["Labels"] = {"dev.berth.bench": "1"}
    # Nobody loads a filter for it: it would wait for one.
    container["Env"] = [entry for entry in container.get("Env", []) if not entry.startswith("BERTH_ISOLATION=")]
    volumes = []
    for number, mount in enumerate(container.get("Mounts", [])):
        mount["Source"] = f"{RAW}-{number}"
        mount.get("VolumeOptions", {}).pop("Labels", None)
        volumes.append(mount["Source"])
    return {**spec, "Name": RAW, "Labels": {"dev.berth.bench": "1"}}, volumes


def healthy_inside(pid, port=8080):
    """Whether code-server answers in the container's network namespace: no proxy, no overlay on the way."""
    def ask_there():
        with socket.create_connection(("127.0.0.1", port), 1) as connection:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            return connection.recv(64)

    try:
        return inside(pid, ask_there).split(b" ")[1:2] == [b"200"]
    except OSError:
        return False


def wait_until_it_answers_inside(engine, service):
    found = wait_until(lambda: engine.containers(service), 60, f"container of {service}", POLL)
    inspect = lambda: engine.call("GET", f"/containers/{found[0]['Id']}/json")["State"]["Pid"]
    pid = wait_until(inspect, 30, f"process of {service}", POLL)
    wait_until(lambda: healthy_inside(pid), 60, f"code-server of {service}", POLL)


def raw_round(engine, spec, volumes):
    since = time.monotonic_ns()
    try:
        engine.call("POST", "/services/create", spec)
        wait_until_it_answers_inside(engine, RAW)
        return (time.monotonic_ns() - since) / 1e6
    finally:
        engine.remove_service(RAW)
        wait_until(lambda: not engine.containers(RAW), 60, "end of the raw container", 0.1)
        engine.remove_volumes(volumes)


def measure(bench, install, engine):
    """Milliseconds of every round: served and running, and the raw service's."""
    specs, served, ready, raw = [], [], [], []
    berth_round(install, engine, specs)  # both sides then have the image in memory
    spec, volumes = raw_spec(specs[0])
    raw_round(engine, spec, volumes)
    for _ in range(bench.rounds):
        first, both = berth_round(install, engine, specs)
        served.append(first)
        ready.append(both)
        raw.append(raw_round(engine, spec, volumes))
    return served, ready, raw


def run(bench):
    name = "cold start to running and routed"
    try:
        install = Install()
        engine = Engine(os.environ["DOCKER_HOST"])
    except Unavailable as reason:
        return [skipped(name, str(reason))]
    with install.unpooled():
        served, ready, raw = measure(bench, install, engine)
    floor = Side("raw service, no proxy", median(raw), p99(raw), "ms")
    rows = []
    for label, times in ((name, ready), ("cold start to first 200", served)):
        extra = median(times) - median(raw)
        rows.append(Row(label, Side("Berth", median(times), p99(times), "ms"), floor, median(times) / median(raw),
                        "<= floor + 150 ms", judge(extra, "<= 150"), f"floor + {extra:.0f} ms", list(zip(times, raw))))
    return rows
