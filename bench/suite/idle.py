"""What a thousand running workspaces cost while nobody does anything: processor time and Docker calls."""

from .measure import Row, Side
from .programs import run_json

WORKSPACES = 1_000
SECONDS = 60


def run(bench):
    result = run_json([bench.bin / "bench_idle", WORKSPACES, SECONDS], 300)
    if result["running"] != WORKSPACES:
        raise RuntimeError(f"only {result['running']} of {WORKSPACES} workspaces were running")
    calls = result["docker_calls"] / result["seconds"]
    cpu = result["cpu_percent"]
    return [
        Row(f"{WORKSPACES:,} idle workspaces, processor", Side("Berth", cpu, unit="% of a core"), goal="<= 1 %",
            met=cpu <= 1, rounds=[cpu]),
        Row(f"{WORKSPACES:,} idle workspaces, Docker calls", Side("Berth", calls, unit="/s"), goal="<= 1 /s",
            met=calls <= 1, rounds=[calls]),
    ]
