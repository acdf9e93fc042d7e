"""GET of one object, with a key that is checked, against the least that a Beast server can do."""

from .create import COLLECTION, pairs, rate, stored_bytes
from .measure import Side, compare, median
from .programs import Berthd, answers, cpu_seconds, free_port, load, running, wait_until

CLIENTS = 32


def measured(bench, pid, port, target, key=None):
    before = cpu_seconds(pid)
    result = load(bench, port, "GET", target, CLIENTS, bench.seconds, key)
    result["cpu_us"] = (cpu_seconds(pid) - before) * 1e6 / result["requests"]
    return result


def run(bench):
    folder = bench.folder("read")
    berthd = Berthd(bench, folder)
    port = free_port()
    ours, bare = [], []
    with berthd.started():
        size = stored_bytes(berthd)
        target = f"{COLLECTION}/size-00000000"
        with running([bench.bin / "bench_hello", port, size], folder / "hello.log") as hello:
            wait_until(lambda: answers(port), 10, "start of the bare server")
            for _ in range(bench.rounds):
                bare.append(measured(bench, hello.pid, port, "/"))
                ours.append(measured(bench, berthd.pid, berthd.port, target, berthd.key))
    what = f"Beast hello-world, {size} bytes"
    speed = compare(f"GET/s, {CLIENTS} clients, with auth", rate("Berth", ours), rate(what, bare),
                    pairs(ours, bare, "per_second"), ">= 0.6")
    # The load tool shares the machine; the server's own CPU time per request is free of that.
    cost = compare("GET, server CPU per request", Side("Berth", median([r["cpu_us"] for r in ours]), unit="us"),
                   Side(what, median([r["cpu_us"] for r in bare]), unit="us"), pairs(ours, bare, "cpu_us"), "")
    return [speed, cost]
