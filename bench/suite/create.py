"""Durable creates over HTTP against RocksDB's own synced writes of the same bytes, and against etcd."""

import base64

from .measure import Side, compare, median, skipped
from .programs import Berthd, answers, ask, free_port, load, run_json, running, wait_until

COLLECTION = "/api/v1/orgs/default/workspacetemplates"


def template(name):
    spec = {
        "image": "registry.example/images/workspace:bench",
        "description": "A template with a line of text about what it is good for, as people write them.",
    }
    return {"metadata": {"name": name}, "spec": spec}


def stored_bytes(berthd):
    """How long the object is that one create stores."""
    status, _ = ask(berthd.port, "POST", COLLECTION, berthd.key, template("size-00000000"))
    if status != 201:
        raise RuntimeError(f"a create was answered with {status}")
    return len(ask(berthd.port, "GET", f"{COLLECTION}/size-00000000", berthd.key)[1])


def rocks(bench, folder, writers, size):
    return run_json([bench.bin / "bench_rocks", folder / "rocks", writers, bench.seconds, size], bench.seconds + 30)


def berth(bench, berthd, name, clients):
    body = template(name + "-{n}")
    return load(bench, berthd.port, "POST", COLLECTION, clients, bench.seconds, berthd.key, body, 201)


def latency(what, results):
    return Side(what, median([r["p50_us"] for r in results]), median([r["p99_us"] for r in results]), "us")


def rate(what, results):
    return Side(what, median([r["per_second"] for r in results]), unit="/s")


def pairs(ours, theirs, member):
    return [(mine[member], other[member]) for mine, other in zip(ours, theirs)]


def one_client(bench, folder, berthd, size):
    ours, raw = [], []
    for round_ in range(bench.rounds):
        raw.append(rocks(bench, folder, 1, size))
        ours.append(berth(bench, berthd, f"one{round_}", 1))
    what = f"RocksDB synced put of {size} bytes"
    name = "create, 1 client, p50"
    row = compare(name, latency("Berth", ours), latency(what, raw), pairs(ours, raw, "p50_us"), "<= 2")
    tail = compare("create, 1 client, p99", Side("Berth", row.ours.tail, unit="us"),
                   Side(what, row.anchor.tail, unit="us"), pairs(ours, raw, "p99_us"), "")
    return [row, tail]


def many_clients(bench, folder, berthd, size, etcd_port):
    ours, raw, etcd = [], [], []
    for round_ in range(bench.rounds):
        raw.append(rocks(bench, folder, 64, size))
        ours.append(berth(bench, berthd, f"many{round_}", 64))
        if etcd_port:
            etcd.append(put_etcd(bench, etcd_port, round_, size))
    rows = [compare("creates/s, 64 clients", rate("Berth", ours), rate("RocksDB, 64 writers", raw),
                    pairs(ours, raw, "per_second"), ">= 0.5")]
    name = "creates/s, 64 clients, etcd"
    if etcd:
        rows.append(compare(name, rate("Berth", ours), rate("etcd 3.4 put", etcd),
                            pairs(ours, etcd, "per_second"), ">= 3"))
    else:
        rows.append(skipped(name, "no etcd-server here"))
    return rows


def put_etcd(bench, port, round_, size):
    # {n} becomes eight digits, which are base64 as they stand.
    key = base64.b64encode(b"bench/").decode() + f"r{round_:03d}" + "{n}"
    body = {"key": key, "value": base64.b64encode(b"x" * size).decode()}
    return load(bench, port, "POST", "/v3/kv/put", 64, bench.seconds, None, body, 200)


def etcd_command(bench, folder, port):
    program = bench.bin / "etcd/usr/bin/etcd"
    if not program.exists():
        return None
    client, peer = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{free_port()}"
    return [program, "--name=bench", f"--data-dir={folder}/etcd", f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}", f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}", f"--initial-cluster=bench={peer}", "--log-level=error"]


def run(bench):
    folder = bench.folder("create")
    berthd = Berthd(bench, folder)
    with berthd.started():
        size = stored_bytes(berthd)
        rows = one_client(bench, folder, berthd, size)
        port = free_port()
        command = etcd_command(bench, folder, port)
        if command is None:
            return rows + many_clients(bench, folder, berthd, size, 0)
        with running(command, folder / "etcd.log"):
            wait_until(lambda: answers(port, "/health"), 30, "start of etcd")
            return rows + many_clients(bench, folder, berthd, size, port)
