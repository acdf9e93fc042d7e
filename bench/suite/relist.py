"""A look at the whole Swarm: number of Docker calls, and the time against only parsing the answers."""

from .measure import Row, Side, compare, median, p99
from .programs import run_json


def run(bench):
    rows = []
    for services in (10, 1_000):
        result = run_json([bench.bin / "bench_relist", services, max(bench.rounds, 20)], 60)
        calls = sorted(set(result["calls"]))
        if result["services"] != services or result["tasks"] != services:
            raise RuntimeError(f"the engine in memory has {result['services']} services and {result['tasks']} tasks")
        rows.append(Row(f"Docker calls of a relist, {services:,} services", Side("Berth", calls[-1], unit="calls"),
                        goal="= 4", met=calls == [4], rounds=result["calls"]))
    name = f"relist, {services:,} services, nothing changed"
    rows.append(compare(name, Side("Berth", median(result["relist_ms"]), p99(result["relist_ms"]), "ms"),
                        Side("JSON parse", median(result["parse_ms"]), p99(result["parse_ms"]), "ms"),
                        list(zip(result["relist_ms"], result["parse_ms"])), ""))
    return rows
