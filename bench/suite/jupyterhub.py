"""Time to a usable workspace beside JupyterHub's SwarmSpawner: same Swarm, same image, same limits, a Traefik each."""

import concurrent.futures
import http.client
import json
import os
import secrets
import time
import urllib.parse
from pathlib import Path

from .claim import Pool
from .coldstart import Install
from .docker import Engine
from .measure import Side, compare, median, p99, skipped
from .netns import inside
from .programs import Unavailable, ask, wait_until

USERS = 10
POLL = 0.02
NAME = "berth-bench-hub"
HUB_PORT = 8081


class Hub:
    """JupyterHub in a container on an overlay network of its own, where it finds its servers by name."""

    def __init__(self, bench, engine, venv, facts):
        self.engine = engine
        self.token = secrets.token_hex(16)
        self.venv, self.facts = venv, facts
        self.tools, self.folder = bench.tools, bench.folder("jupyterhub")
        self.pid = None

    def spec(self):
        config = Path(__file__).with_name("jupyterhub_config.py")
        image, limits = self.facts["Image"], self.facts["Limits"]
        socket_path = os.environ["DOCKER_HOST"].removeprefix("unix://")
        return {
            "Image": image, "User": "0", "WorkingDir": "/hub",
            "Entrypoint": [f"{self.venv}/bin/python", "-m", "jupyterhub", "-f", "/etc/jupyterhub_config.py"], "Cmd": [],
            "Env": [f"BENCH_TOKEN={self.token}", f"BENCH_IMAGE={image}", f"BENCH_NETWORK={NAME}",
                    f"BENCH_CPUS={limits['NanoCPUs'] / 1e9}", f"BENCH_MEMORY={limits['MemoryBytes']}",
                    f"PATH={self.venv}/bin:/opt/bench:/usr/bin:/bin", "HOME=/hub"],
            "Labels": {"dev.berth.bench": "1"},
            "HostConfig": {"NetworkMode": NAME, "Binds": [
                f"{self.venv}:{self.venv}:ro", f"{self.tools / 'bin'}:/opt/bench:ro", f"{self.folder}:/hub",
                f"{config}:/etc/jupyterhub_config.py:ro", f"{socket_path}:/var/run/docker.sock"]},
        }

    def __enter__(self):
        network = {"Name": NAME, "Driver": "overlay", "Attachable": True, "Labels": {"dev.berth.bench": "1"}}
        self.clear()
        self.engine.call("POST", "/networks/create", network)
        try:
            self.engine.call("POST", f"/containers/create?name={NAME}", self.spec())
            self.engine.call("POST", f"/containers/{NAME}/start")
            self.pid = self.engine.call("GET", f"/containers/{NAME}/json")["State"]["Pid"]
            wait_until(self.healthy, 120, "start of JupyterHub", 0.2)
        except Exception:
            print(self.engine.raw("GET", f"/containers/{NAME}/logs?stdout=1&stderr=1&tail=30")[1].decode("utf-8", "replace"))
            self.clear()
            raise
        return self

    def __exit__(self, *_):
        self.clear()

    def clear(self):
        """Nothing of it is left: its servers, itself, its network."""
        for service in self.engine.call("GET", "/services?filters=" + urllib.parse.quote('{"label":["dev.berth.bench"]}')):
            self.engine.remove_service(service["Spec"]["Name"])
        self.engine.call("DELETE", f"/containers/{NAME}?force=1", missing_ok=True)
        wait_until(lambda: self.engine.raw("DELETE", f"/networks/{NAME}")[0] in (204, 404), 60, "end of its network", 0.2)

    def healthy(self):
        try:
            return inside(self.pid, lambda: ask(8000, "GET", "/hub/health"))[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def ask(self, method, path, body=None):
        """Token and connection as a client's on the hub's own machine."""
        head = {"Authorization": f"token {self.token}"}
        return inside(self.pid, lambda: ask(HUB_PORT, method, "/hub/api" + path, None, body, headers=head, timeout=200))

    def call(self, method, path, expect, body=None):
        status, data = self.ask(method, path, body)
        if status not in expect:
            raise RuntimeError(f"JupyterHub {method} {path}: {status} {data[:300]!r}")
        return json.loads(data) if data else None

    def ready(self, user):
        servers = self.call("GET", f"/users/{user}", (200,))["servers"]
        return bool(servers) and servers[""]["ready"]

    def start(self, user):
        """Milliseconds to what the hub calls ready: it answers, and the proxy has its route."""
        since = time.monotonic_ns()
        self.call("POST", f"/users/{user}/server", (201, 202))
        wait_until(lambda: self.ready(user), 180, "a server of JupyterHub", POLL)
        return (time.monotonic_ns() - since) / 1e6

    def round(self, users):
        """The users are known to the hub before the clock starts. Its servers are gone afterwards."""
        names = [f"u{number}-{secrets.token_hex(3)}" for number in range(users)]
        for name in names:
            self.call("POST", f"/users/{name}", (201,))
        try:
            return at_once(users, lambda number: self.start(names[number]))
        finally:
            for name in names:
                self.ask("DELETE", f"/users/{name}/server")
            wait_until(lambda: not self.services(), 90, "end of JupyterHub's servers", 0.2)

    def services(self):
        return self.engine.call("GET", "/services?filters=" + urllib.parse.quote(f'{{"name":["{NAME}"]}}'))


def at_once(users, work):
    """work(number) in a thread for every user; its results."""
    with concurrent.futures.ThreadPoolExecutor(users) as threads:
        return list(threads.map(work, range(users)))


class Berth:
    def __init__(self, install):
        self.install = install

    def start(self, started):
        """Milliseconds until the editor answers through Traefik and the status is running."""
        since = time.monotonic_ns()
        answer = self.install.start(f"berth-bench/{secrets.token_hex(4)}")
        started.append(answer["id"])
        host = urllib.parse.urlsplit(answer["urls"]["codeServer"]).netloc
        wait_until(lambda: self.install.serves(host), 180, "the first answer through Traefik", POLL)
        if answer["status"] != "running":
            wait_until(lambda: self.install.show(answer["id"])["status"] == "running", 60, "status running", POLL)
        return (time.monotonic_ns() - since) / 1e6, answer["status"]

    def round(self, users, status):
        """`status` is what every start must have answered: starting is a cold one, running a claim."""
        started = []
        try:
            results = at_once(users, lambda _: self.start(started))
        finally:
            for workspace in started:
                self.install.remove(workspace)
        wrong = [seen for _, seen in results if seen != status]
        if wrong:
            raise RuntimeError(f"{len(wrong)} of {users} starts answered {wrong[0]}, not {status}")
        return [took for took, _ in results]


def facts_of(install, engine):
    """Image and limits of a workspace of this install; it is warm in memory afterwards."""
    started = install.start()
    try:
        wait_until(lambda: install.show(started["id"])["status"] == "running", 120, "status running", 0.1)
        task = engine.call("GET", "/services/" + started["serviceName"])["Spec"]["TaskTemplate"]
        return {"Image": task["ContainerSpec"]["Image"], "Limits": task["Resources"]["Limits"]}
    finally:
        install.remove(started["id"])


def row(users, kind, ours, theirs, goal):
    """Each round counts by its slowest user. The ratio is how many times longer JupyterHub takes."""
    mine, other = [max(times) for times in ours], [max(times) for times in theirs]
    berth = Side("Berth", median([median(times) for times in ours]), p99(mine), "ms")
    hub = Side("JupyterHub, SwarmSpawner", median([median(times) for times in theirs]), p99(other), "ms")
    name = f"{kind} start, {users} user{'s at once' if users > 1 else ''}: sooner than JupyterHub"
    return compare(name, berth, hub, list(zip(other, mine)), goal)


def measure(bench, install, hub):
    berth, rows = Berth(install), []
    for users, rounds in ((1, bench.rounds), (USERS, 3)):
        theirs, cold, warm = [], [], []
        with install.unpooled():
            for _ in range(rounds):
                theirs.append(hub.round(users))
                cold.append(berth.round(users, "starting"))
            pool = Pool(install, users)
            try:
                for _ in range(rounds):
                    pool.wait_full()
                    warm.append(berth.round(users, "running"))
            finally:
                pool.remove()
        rows += [row(users, "cold", cold, theirs, ">= 3"), row(users, "warm", warm, theirs, ">= 10")]
    return rows


def run(bench):
    name = "JupyterHub"
    try:
        venv = os.environ.get("BERTH_BENCH_HUB")
        if not venv:
            raise Unavailable("bench/run.sh names where JupyterHub is (BERTH_BENCH_HUB)")
        install, engine = Install(), Engine(os.environ["DOCKER_HOST"])
    except Unavailable as reason:
        return [skipped(name, str(reason))]
    with install.unpooled():
        facts = facts_of(install, engine)
    with Hub(bench, engine, venv, facts) as hub:
        return measure(bench, install, hub)
