"""Start of berthd on a folder with many objects, and what an object costs in memory."""

import shutil

from .measure import Side, compare, judge, median, p99, Row
from .programs import Berthd, resident_bytes, run_json

FEW, MANY = 10_000, 100_000


def starts(bench, berthd, kind):
    """Times to ready, times of the raw scan, and the resident bytes after the last start."""
    ready, scan, resident = [], [], []
    for _ in range(bench.rounds):
        scan.append(run_json([bench.bin / "bench_rocks", "scan", berthd.folder / "data", kind], 60)["ms"])
        with berthd.started():
            ready.append(berthd.ready_ms)
            resident.append(resident_bytes(berthd.pid))
    return ready, scan, median(resident)


def rows_of(bench, kind):
    folder = bench.folder("restart-" + kind)
    berthd = Berthd(bench, folder)
    resident = {}
    for count in (FEW, MANY):
        seeded = run_json([bench.bin / "bench_seed", folder / "data", kind, count], 120)
        ready, scan, resident[count] = starts(bench, berthd, kind)
    row = compare(f"restart, {MANY:,} {kind}", Side("Berth", median(ready), p99(ready), "ms"),
                  Side("RocksDB scan", median(scan), p99(scan), "ms"), list(zip(ready, scan)), "")
    row.goal, row.met = "<= 3000 ms", judge(median(ready), "<= 3000")
    size = seeded["bytes"] / seeded["objects"]
    slope = (resident[MANY] - resident[FEW]) / (MANY - FEW)
    goal = f"<= {2048 + size:.0f} B"
    memory = Row(f"memory per object, {kind}", Side("Berth", slope, unit="B"), Side("its JSON", size, unit="B"),
                 slope / size, goal, judge(slope, goal))
    shutil.rmtree(folder)
    return [row, memory]


def run(bench):
    return rows_of(bench, "workspacetemplates") + rows_of(bench, "workspaces")
