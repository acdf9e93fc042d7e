"""From a committed workspace (or a renamed file, or a created service) to the first 200 of its new host."""

import contextlib
import json
import random
import secrets
import subprocess
import time

from . import traefik
from .docker import Engine
from .measure import Side, compare, judge, median, p99, Row, skipped
from .programs import Unavailable, answers, end, free_port, running, wait_until

# Workspaces have three routes; there is one more that keeps the table from being empty.
SIZES = {10: 3, 300: 100, 1_000: 333, 3_000: 1_000}
ADDRESS = "127.77.0.1"  # of every container; the backend listens there on the port of code-server
PORTS = {"code": 8080, "vnc": 6080, "web": 3000}


class Berth:
    """bench_routes and the Traefik that asks it."""

    def __init__(self, process, port):
        self.process, self.prober = process, traefik.Prober(port)

    def command(self, text):
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def fill(self, workspaces):
        self.command(f"fill {workspaces - 1}")
        self.add()

    def add(self):
        answer = self.command("add")
        return self.prober.until_served(f"{answer['id']}-code.localhost", answer["committed_ns"])


class File:
    """A file that a person or script would write for Traefik's file provider, renamed into place."""

    def __init__(self, path, port):
        self.path, self.prober, self.count = path, traefik.Prober(port), 0

    def write(self):
        routers, services = {}, {}
        for number in range(self.count):
            for word, port in PORTS.items():
                name = f"f{number:07d}-{word}"
                routers[name] = {"rule": f"Host(`{name}.localhost`)", "service": name}
                servers = [{"url": f"http://{ADDRESS}:{port}"}]
                services[name] = {"loadBalancer": {"servers": servers, "passHostHeader": True}}
        fresh = self.path.with_suffix(".new")
        fresh.write_text(json.dumps({"http": {"routers": routers, "services": services}}), encoding="utf-8")
        fresh.rename(self.path)
        return time.monotonic_ns()

    def fill(self, workspaces):
        self.count = workspaces - 1
        self.add()

    def add(self):
        self.count += 1
        since = self.write()
        return self.prober.until_served(f"f{self.count - 1:07d}-code.localhost", since)


@contextlib.contextmanager
def berth_side(bench, folder):
    port, key = free_port(), secrets.token_hex(32)
    command = [bench.bin / "bench_routes", folder / "store", port, key, ADDRESS]
    with running(command, folder / "routes.log", stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        wait_until(lambda: answers(port, "/api/v1/traefik/config", key=key), 10, "start of bench_routes")
        with traefik.started(
                bench, folder / "http", lambda web: traefik.static_config(web, folder, port, key)) as web:
            yield Berth(process, web)
        process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(5)
        end(process)


@contextlib.contextmanager
def file_side(bench, folder):
    watched = folder / "dynamic"
    watched.mkdir()
    path = watched / "routes.yml"
    provider = f"  file:\n    filename: {path}\n    watch: true\n"
    path.write_text('{"http":{"routers":{"none":{"rule":"Host(`none.invalid`)","service":"noop@internal"}}}}', "utf-8")
    config = lambda web: traefik.with_provider(traefik.static_config(web, folder), provider)
    with traefik.started(bench, folder / "file", config) as web:
        yield File(path, web)


def converge(bench, folder):
    """Per table size the times of both sides, alternated."""
    times = {}
    with running([bench.bin / "bench_hello", PORTS["code"], 2, ADDRESS], folder / "backend.log") as backend:
        wait_until(lambda: answers(PORTS["code"], "/", host=ADDRESS), 10, "start of the backend")
        with berth_side(bench, folder) as berth, file_side(bench, folder) as file:
            for routes, workspaces in SIZES.items():
                for side in (berth, file):
                    side.fill(workspaces)
                times[routes] = alternate(berth, file, max(bench.rounds, 10))
            if backend.poll() is not None:
                raise RuntimeError("the backend ended")
    return times


def alternate(berth, file, rounds):
    ours, theirs = [], []
    for _ in range(rounds):
        for side, times in ((berth, ours), (file, theirs)):
            time.sleep(random.uniform(0.2, 0.4))  # nothing of the round before is still under way
            times.append(side.add())
    return ours, theirs


def swarm_times(bench, folder, rounds=5, period=15):
    """Traefik's Swarm provider with its default poll of 15 s. Changes come at evenly spread moments of its period.

    Favours it: one service only, and its router leads to Traefik itself, so that no task has to start.
    """
    engine = Engine(bench.engine)
    name = "berth-bench-route"
    provider = f"  swarm:\n    endpoint: unix://{bench.engine}\n    exposedByDefault: false\n"
    config = lambda web: traefik.with_provider(traefik.static_config(web, folder), provider).replace(
        "  entryPoint: web\n", "  manualRouting: true\n")
    times = []
    with engine.scratch(name) as network, traefik.started(bench, folder / "swarm", config) as web:
        prober = traefik.Prober(web)
        for round_ in range(rounds + 1):
            host = f"r{round_}.swarm.localhost"
            since = engine.route_service(name, host, network)
            took = prober.until_served(host, since)
            if round_ > 0:  # the first one finds the phase of the poll
                times.append(took)
            time.sleep(period * (round_ + 0.5) / rounds % period)
    return times


def show_side(what, times):
    return Side(what, median(times), p99(times), "ms")


def against_swarm(bench, folder, times):
    try:
        swarm = swarm_times(bench, folder)
    except Unavailable as reason:
        return [skipped("new route, Swarm provider", str(reason))]
    rows = []
    for routes in (min(SIZES), max(SIZES)):
        ours = times[routes][0]
        ratio = median(swarm) / median(ours)
        rows.append(Row(f"new route, {routes:,} routes, times faster", show_side("Berth", ours),
                        show_side("Swarm provider, 1 service", swarm), ratio, ">= 50", judge(ratio, ">= 50")))
    return rows


def run(bench):
    folder = bench.folder("routes")
    times = converge(bench, folder)
    rows = []
    for routes, (ours, theirs) in times.items():
        row = compare(f"new route, {routes:,} routes", show_side("Berth", ours), show_side("file provider", theirs),
                      list(zip(ours, theirs)), "")
        # Single times wander by a reload; the pairs are no pairs here, so the medians are compared.
        row.ratio, row.goal = median(ours) / median(theirs), "<= 1.5"
        row.met = judge(row.ratio, row.goal)
        rows.append(row)
    return rows + against_swarm(bench, folder, times)
