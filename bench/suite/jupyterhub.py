"""Time to a usable workspace beside JupyterHub's SwarmSpawner: same Swarm, same image, same limits, a Traefik each."""

import concurrent.futures
import http.client
import json
import os
import secrets
import sys
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
        self.traefik, self.folder = (bench.tools / "bin/traefik").resolve(), bench.folder("jupyterhub")
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
                f"{self.venv}:{self.venv}:ro", f"{self.traefik}:/opt/bench/traefik:ro", f"{self.folder}:/hub",
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
        except BaseException:  # a signal, too: nothing else ends what has started
            self.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(self, failure, *_):
        try:
            if failure:
                print(self.log(), file=sys.stderr)
        finally:
            self.clear()

    def log(self):
        """The last lines that it wrote: the reason of a failure is rarely in its answers."""
        status, data = self.engine.raw("GET", f"/containers/{NAME}/logs?stdout=1&stderr=1&tail=80")
        text = b""
        while status == 200 and data:  # frames: 8 bytes of which the last 4 are the length of what follows
            size = 8 + int.from_bytes(data[4:8], "big")
            text, data = text + data[8:size], data[size:]
        return text.decode("utf-8", "replace")

    def clear(self):
        """Nothing of it is left: itself, so that it starts no more, then its servers and its network."""
        self.engine.call("DELETE", f"/containers/{NAME}?force=1&v=1", missing_ok=True)
        filters = urllib.parse.quote('{"label":["dev.berth.bench"]}')
        for service in self.engine.call("GET", "/services?filters=" + filters):
            self.engine.remove_service(service["Spec"]["Name"])
        wait_until(lambda: not self.servers(), 90, "end of JupyterHub's servers", 0.2)
        wait_until(lambda: self.engine.raw("DELETE", f"/networks/{NAME}")[0] in (204, 404), 60, "end of its network", 0.2)

    def healthy(self):
        if not self.engine.call("GET", f"/containers/{NAME}/json")["State"]["Running"]:
            raise RuntimeError("JupyterHub has ended")
        try:
            return inside(self.pid, lambda: ask(8000, "GET", "/hub/health"))[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def ask(self, method, path):
        """Connection as a client's on the hub's own machine."""
        return inside(self.pid, lambda: ask(HUB_PORT, method, "/hub/api" + path, headers=self.head(), timeout=200))

    def head(self):
        return {"Authorization": f"token {self.token}"}

    def call(self, method, path, expect):
        status, data = self.ask(method, path)
        if status not in expect:
            raise RuntimeError(f"JupyterHub {method} {path}: {status} {data[:300]!r}")
        return status

    def hear(self, user):
        """Returns when the hub says that the server is ready. Its own page listens like this; ten who ask every
        few milliseconds would take the time of the one thread that starts their servers."""
        connection = http.client.HTTPConnection("127.0.0.1", HUB_PORT, timeout=200)
        try:
            connection.request("GET", f"/hub/api/users/{user}/server/progress", None, self.head())
            for line in connection.getresponse():
                event = json.loads(line[6:]) if line.startswith(b"data: ") else {}
                if event.get("ready"):
                    return
                if event.get("failed"):
                    raise RuntimeError(f"JupyterHub, server of {user}: {event['message']}")
            raise RuntimeError(f"JupyterHub, server of {user}: its events ended")
        finally:
            connection.close()

    def start(self, user):
        """Milliseconds to what the hub calls ready: it answers, and the proxy has its route."""
        since = time.monotonic_ns()
        status = self.call("POST", f"/users/{user}/server", (201, 202))
        answered = time.monotonic_ns()
        inside(self.pid, lambda: self.hear(user))
        # 201 says that it is ready, so the events after it only prove that; 202 comes after 10 s and says nothing.
        return ((answered if status == 201 else time.monotonic_ns()) - since) / 1e6

    def round(self, users):
        """The users are known to the hub before the clock starts. Nothing of its servers is left afterwards;
        of a round that fails, the hub's own end removes them."""
        names = [f"u{number}-{secrets.token_hex(3)}" for number in range(users)]
        for name in names:
            self.call("POST", f"/users/{name}", (201,))
        times = at_once(users, lambda number: self.start(names[number]))
        for name in names:
            self.call("DELETE", f"/users/{name}/server", (202, 204))
        wait_until(lambda: not self.servers(), 90, "end of JupyterHub's servers", 0.2)
        return times

    def servers(self):
        """Their services, or the containers, which end seconds later and load the machine until then."""
        filters = "filters=" + urllib.parse.quote(f'{{"name":["{NAME}-u"]}}')
        return self.engine.call("GET", "/services?" + filters) or self.engine.call("GET", "/containers/json?all=1&" + filters)


def at_once(users, work):
    """work(number) in a thread for every user; its results."""
    with concurrent.futures.ThreadPoolExecutor(max(users, 1)) as threads:
        return list(threads.map(work, range(users)))


def soon(condition, seconds, what):
    """wait_until with pauses that grow from 20 ms to 2 % of the wait: ten who ask all the time slow what they wait for."""
    since = time.monotonic()
    while not condition():
        waited = time.monotonic() - since
        if waited > seconds:
            raise TimeoutError(f"{what} took longer than {seconds} s")
        time.sleep(max(POLL, waited / 50))


class Berth:
    def __init__(self, install):
        self.install = install

    def start(self, started):
        """Milliseconds until the editor answers through Traefik and the status is running."""
        since = time.monotonic_ns()
        answer = self.install.start(f"berth-bench/{secrets.token_hex(4)}")
        started.append(answer["id"])
        host = urllib.parse.urlsplit(answer["urls"]["codeServer"]).netloc
        soon(lambda: self.install.serves(host), 180, "the first answer through Traefik")
        if answer["status"] != "running":
            soon(lambda: self.install.show(answer["id"])["status"] == "running", 60, "status running")
        return (time.monotonic_ns() - since) / 1e6, answer["status"]

    def round(self, users, status):
        """`status` is what every start must have answered: starting is a cold one, running a claim."""
        started = []
        try:
            results = at_once(users, lambda _: self.start(started))
        finally:
            at_once(len(started), lambda number: self.install.remove(started[number]))
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
    hub.round(1)  # what a process does the first time only, Berth's has done (facts_of)
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
