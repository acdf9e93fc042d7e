#!/usr/bin/env python3
"""Measures Berth beside anchors on the same machine and prints one table. bench/run.sh builds first and calls this."""

import argparse
import importlib
import json
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

from suite.measure import Side, Row, machine, machine_line, table

SUITES = {
    "create": "durable creates against RocksDB and etcd (about 80 s)",
    "read": "GET against a bare server (about 30 s)",
    "routes": "a new route against Traefik's file and Swarm providers (about 140 s)",
    "coldstart": "start of a workspace against a raw service; needs a running install (about 60 s)",
    "claim": "claims of warm slots; needs a running install and memory for 16 workspaces (about 120 s)",
    "jupyterhub": "ready workspaces beside JupyterHub; needs a running install and memory for 10 workspaces (about 5 min)",
    "restart": "start on 100,000 objects, memory per object (about 30 s)",
    "relist": "Docker calls of a relist (about 5 s)",
    "files": "restore and final sync against rclone, S3 requests; needs a running install (about 90 s)",
    "idle": "what 1,000 running workspaces cost while nothing happens (about 90 s)",
}


@dataclass
class Bench:
    """What the suites are told."""

    bin: Path
    tools: Path
    engine: str
    rounds: int
    seconds: float
    work: Path

    def folder(self, name):
        path = self.work / name
        path.mkdir(parents=True)
        return path


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, epilog="; ".join(f"{k}: {v}" for k, v in SUITES.items()))
    test_home = os.environ.get("BERTH_TEST_HOME", "/var/lib/berth-test")
    parser.add_argument("--only", action="append", choices=SUITES, help="one suite; may be given more than once")
    parser.add_argument("--rounds", type=int, default=5, help="alternated rounds per row, at least 5 (default 5)")
    parser.add_argument("--seconds", type=float, default=3, help="length of one round of a load (default 3)")
    parser.add_argument("--bin", type=Path, default=Path("build/bench"), help="folder of the built programs")
    parser.add_argument("--tools", type=Path, default=Path("/var/lib/berth-tools"), help="folder with bin/traefik")
    parser.add_argument("--engine", default=f"{test_home}/engine/docker.sock",
                        help="socket of a private engine, for Traefik's Swarm provider")
    parser.add_argument("--out", type=Path, help="result as JSON (default: bench.json beside the programs)")
    parser.add_argument("--strict", action="store_true", help="exit with 1 when a goal is missed")
    parser.add_argument("--list", action="store_true", help="the suites, and nothing else")
    return parser.parse_args()


def measure(name, bench):
    """The rows of a suite; a suite that fails says so in the table and does not take the others with it."""
    start = time.monotonic()
    print(f"==> {name}: {SUITES[name]}", file=sys.stderr, flush=True)
    try:
        rows = importlib.import_module(f"suite.{name}").run(bench)
    except Exception as failure:  # pylint: disable=broad-exception-caught
        traceback.print_exc()
        rows = [Row(name, Side("failed"), met=False, note=" ".join(str(failure).split())[:200])]
    print(f"    {time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)
    return rows


def main():
    options = arguments()
    if options.list:
        print("\n".join(f"{name:10} {what}" for name, what in SUITES.items()))
        return 0
    if options.rounds < 5:
        print("run.py: fewer than 5 rounds say nothing", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended
    # Beside the programs, on a real disk: /tmp may be memory, where a sync costs nothing.
    work = Path(tempfile.mkdtemp(prefix="work-", dir=options.bin))
    bench = Bench(options.bin.resolve(), options.tools, options.engine, options.rounds, options.seconds, work.resolve())
    facts = machine(work)
    rows = []
    try:
        for name in options.only or SUITES:
            rows += measure(name, bench)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    print(f"\n{machine_line(facts)}\n\n{table(rows)}")
    out = options.out or options.bin / "bench.json"
    out.write_text(json.dumps({"machine": facts, "rows": [row.as_dict() for row in rows]}, indent=1), encoding="utf-8")
    failed = any(row.ours.what == "failed" for row in rows)
    return 1 if failed or (options.strict and any(row.met is False for row in rows)) else 0


if __name__ == "__main__":
    sys.exit(main())
