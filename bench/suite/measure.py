"""Numbers: quantiles, rows of the result table, and what machine they are from."""

import os
import platform
import re
import statistics
import tempfile
import time
from dataclasses import asdict, dataclass, field


def median(values):
    return statistics.median(values)


def p99(values):
    """The nearest rank; of fewer than 100 values that is the largest."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]


@dataclass
class Side:
    """One side of a comparison: medians over the rounds of each round's median and p99 (or one value per round)."""

    what: str
    value: float | None = None
    tail: float | None = None
    unit: str = ""

    def text(self):
        if self.value is None:
            return "-"
        tail = "" if self.tail is None else f" / {show(self.tail)}"
        return f"{show(self.value)}{tail} {self.unit}".strip()


@dataclass
class Row:
    name: str
    ours: Side
    anchor: Side | None = None
    ratio: float | None = None
    goal: str = ""
    met: bool | None = None
    note: str = ""
    rounds: list = field(default_factory=list)

    def as_dict(self):
        return asdict(self)


def skipped(name, reason):
    return Row(name, Side("not measured"), note=reason)


def show(value):
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def compare(name, ours, theirs, pairs, goal, note=""):
    """A row whose ratio is the median of the ratios of paired rounds. `goal` is "<= 2" or ">= 0.5"; empty: none."""
    ratios = [mine / other for mine, other in pairs]
    ratio = median(ratios)
    return Row(name, ours, theirs, ratio, goal, judge(ratio, goal), note, [list(pair) for pair in pairs])


def judge(value, goal):
    if not goal:
        return None
    sign, limit = goal.split()[:2]
    return value <= float(limit) if sign == "<=" else value >= float(limit)


def fsync_latency(folder, times=200, size=600):
    """Median and p99 in microseconds of a small append with fdatasync: what a durable write can't be faster than."""
    took = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(times):
            start = time.perf_counter_ns()
            os.write(file.fileno(), b"x" * size)
            os.fdatasync(file.fileno())
            took.append((time.perf_counter_ns() - start) / 1000)
    return median(took), p99(took)


def machine(folder):
    model = re.search(r"model name\s*:\s*(.*)", open("/proc/cpuinfo", encoding="ascii").read())
    memory = int(re.search(r"MemTotal:\s*(\d+)", open("/proc/meminfo", encoding="ascii").read()).group(1))
    middle, tail = fsync_latency(folder)
    return {
        "cpu": model.group(1) if model else platform.machine(),
        "cores": os.cpu_count(),
        "memory_gb": round(memory / 1024 / 1024),
        "kernel": platform.release(),
        "fsync_us": {"p50": round(middle), "p99": round(tail)},
        "load_average": os.getloadavg()[0],
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
    }


def machine_line(facts):
    sync = facts["fsync_us"]
    return (
        f"{facts['cpu']}, {facts['cores']} cores, {facts['memory_gb']} GB, kernel {facts['kernel']}, "
        f"fdatasync p50 {sync['p50']} us / p99 {sync['p99']} us, load average {facts['load_average']:.1f}, {facts['date']}"
    )


HEADINGS = ["row", "Berth (p50 / p99)", "anchor (p50 / p99)", "ratio", "goal", ""]


def table(rows):
    """GitHub's Markdown, which a terminal shows well enough."""
    lines = [HEADINGS]
    for row in rows:
        result = "" if row.met is None else "met" if row.met else "MISSED"
        anchor = "" if row.anchor is None else f"{row.anchor.what}: {row.anchor.text()}"
        ours = row.ours.text() if row.ours.value is not None else f"{row.ours.what}: {row.note}"
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}" if row.ratio < 100 else f"{row.ratio:.0f}"
        lines.append([row.name, ours, anchor, ratio, row.goal, result])
    widths = [max(len(line[i]) for line in lines) for i in range(len(HEADINGS))]
    text = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |" for line in lines]
    text.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(text)
