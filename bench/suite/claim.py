"""A claim of a warm slot: against a durable create in the same berthd, and against a page that is open already."""

import concurrent.futures
import http.client
import json
import os
import time
import urllib.parse

from .coldstart import Install
from .measure import Row, Side, compare, judge, median, p99, skipped
from .programs import Unavailable, ask, wait_until

POOLS = "/api/v1/orgs/default/warmpools"
TEMPLATES = "/api/v1/orgs/default/workspacetemplates"
NAME = "berth-bench"


class Client:
    """One kept connection: what is measured is the request, not the handshake."""

    def __init__(self, where, key=None):
        self.connection = http.client.HTTPConnection(where.hostname, where.port, timeout=30)
        self.head = {"Authorization": f"Bearer {key}"} if key else {}

    def ask(self, method, path, body=None, headers=None):
        """Status, body and the milliseconds to the first byte of the answer."""
        head = {**self.head, **(headers or {})}
        if body is not None:
            head["Content-Type"] = "application/json"
        since = time.perf_counter_ns()
        self.connection.request(method, path, body, head)
        answer = self.connection.getresponse()
        took = (time.perf_counter_ns() - since) / 1e6
        return answer.status, answer.read(), took


class Pool:
    """A pool of its own, so that what users have stays theirs."""

    def __init__(self, install, size):
        self.install = install
        self.size = size
        self.call("POST", POOLS, 201, {"metadata": {"name": NAME}, "spec": {"size": size}})

    def call(self, method, path, expect, body=None):
        return self.install.call(method, path, expect, body)

    def ready(self):
        return self.call("GET", f"{POOLS}/{NAME}", 200)["status"].get("ready", 0)

    def wait_full(self):
        wait_until(lambda: self.ready() >= self.size, 300, f"{self.size} warm slots", 0.1)

    def remove(self):
        self.call("DELETE", f"{POOLS}/{NAME}", (200, 202))


def start_body(install, number):
    return f'{{"s3Bucket":"{install.bucket}","s3Prefix":"{NAME}/{number}"}}'


def claim(install, api, number, claimed):
    """The answer of one start and its milliseconds; it must have been a claim."""
    status, data, took = api.ask("POST", "/api/containers/start", start_body(install, number))
    if status != 201:
        raise RuntimeError(f"start: {status} {data[:300]!r}")
    answer = json.loads(data)
    claimed.append(answer["id"])
    if answer["status"] != "running":
        raise RuntimeError("the start was not a claim: is another pool in the way, or the machine short of memory?")
    return answer, took


def durable_creates(api, number, times=20):
    """Milliseconds of creates of a small object; they are removed again."""
    took = []
    for i in range(times):
        name = f"{NAME}-{number}-{i}"
        body = f'{{"metadata":{{"name":"{name}"}},"spec":{{"image":"bench"}}}}'
        status, data, ms = api.ask("POST", TEMPLATES, body)
        if status != 201:
            raise RuntimeError(f"create: {status} {data[:300]!r}")
        took.append(ms)
        api.ask("DELETE", f"{TEMPLATES}/{name}")
    return took


def first_bytes(edge, url):
    """Milliseconds to code-server's first byte: the first time, and the median of later ones."""
    head = {"Host": urllib.parse.urlsplit(url).netloc}

    def page():
        status, data, ms = edge.ask("GET", "/", None, head)
        if status not in (200, 302):
            raise RuntimeError(f"{url}: {status} {data[:200]!r}")
        return ms

    first = page()
    return first, median([page() for _ in range(9)])


def one_by_one(install, pool, claimed):
    """Per claim: its milliseconds, durable creates beside it, to the first byte, and that page once it is open.
    Every time with a full pool and a machine at rest: what a refill costs is another row."""
    rounds = []
    for number in range(pool.size + 1):
        pool.wait_full()
        wait_for_rest()
        api, edge = Client(install.api, install.key), Client(install.edge)
        floor = durable_creates(api, number)
        answer, took = claim(install, api, "one", claimed)
        first, later = first_bytes(edge, answer["urls"]["codeServer"])
        rounds.append((took, median(floor), p99(floor), took + first, later))
        install.remove(claimed.pop())
    return rounds[1:]  # the first checked the bucket, which is remembered


def busy_and_all():
    """Ticks of all processors: at work, and in all."""
    with open("/proc/stat", encoding="ascii") as stat:
        ticks = [int(part) for part in stat.readline().split()[1:9]]
    return sum(ticks) - ticks[3] - ticks[4], sum(ticks)


def wait_for_rest():
    """Until a second passes in which the machine does next to nothing."""
    seen = [(time.monotonic(), *busy_and_all())]

    def rests():
        now = (time.monotonic(), *busy_and_all())
        if now[0] - seen[0][0] < 1:
            return False
        before, seen[0] = seen[0], now
        return (now[1] - before[1]) / (now[2] - before[2]) < 0.15

    wait_until(rests, 60, "a machine at rest", 0.1)


def burst(install, pool, claimed):
    """Claims per second while as many clients as slots start at once."""
    clients = [Client(install.api, install.key) for _ in range(pool.size)]
    for client in clients:
        client.ask("GET", "/api/health")  # connected
    with concurrent.futures.ThreadPoolExecutor(pool.size) as threads:
        since = time.perf_counter_ns()
        jobs = [threads.submit(claim, install, client, f"b{i}", claimed) for i, client in enumerate(clients)]
        for job in jobs:
            job.result()
        return pool.size / ((time.perf_counter_ns() - since) / 1e9)


def rows_of(rounds, per_second, refill, size):
    claims, floors, tails, opened, later = (list(column) for column in zip(*rounds))
    create = Side("durable create, same berthd", median(floors), median(tails), "ms")
    page = Side("GET of a page that is open", median(later), p99(later), "ms")
    tail = p99(claims)
    return [
        compare("warm claim, POST to 201", Side("Berth", median(claims), tail, "ms"), create,
                list(zip(claims, floors)), "<= 3"),
        Row("warm claim, p99", Side("Berth", tail, unit="ms"), goal="<= 10 ms", met=judge(tail, "<= 10"),
            note=f"of {len(claims)} claims"),
        compare("claim to code-server's first byte", Side("Berth", median(opened), p99(opened), "ms"), page,
                list(zip(opened, later)), "<= 2"),
        Row(f"claims/s until {size} slots are gone", Side("Berth", per_second, unit="/s")),
        Row(f"refill of {size} slots", Side("Berth", refill, unit="s")),
    ]


def run(bench):
    name = "warm claim"
    try:
        install = Install()
    except Unavailable as reason:
        return [skipped(name, str(reason))]
    size = max(int(os.environ.get("BERTH_BENCH_SLOTS", "8")), bench.rounds + 1)
    claimed = []
    pool = Pool(install, size)
    try:
        pool.wait_full()
        rounds = one_by_one(install, pool, claimed)
        while claimed:
            install.remove(claimed.pop())
        pool.wait_full()
        per_second = burst(install, pool, claimed)
        since = time.monotonic()
        pool.wait_full()
        return rows_of(rounds, per_second, time.monotonic() - since, size)
    finally:
        pool.remove()
        for workspace in claimed:
            install.remove(workspace)
        wait_until(lambda: ask(install.api.port, "GET", f"{POOLS}/{NAME}", install.key, None,
                               install.api.hostname)[0] == 404, 60, "end of the pool", 0.1)
