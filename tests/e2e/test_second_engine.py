"""A private engine beside the install's own one: --down --purge takes its rules, bridges, networks, claim and locks with it,
and leaves every other install as it was."""

import json
import os
import pathlib
import re
import subprocess
import tempfile

import pytest

from support.install import ROOT, SETUP
from support.wait import wait_until

CLAIMS = pathlib.Path("/var/lib/berth-engines")
KEPT = ("BERTH_PRESET", "BERTH_BINARY_DIR", "BERTH_TOOLS", "BERTH_IMAGE_CACHE")


class Engine:
    def __init__(self):
        self.home = tempfile.mkdtemp(prefix="berth-engine-", dir="/var/tmp")
        kept = {k: v for k, v in os.environ.items() if k in KEPT or not k.startswith(("BERTH_", "DOCKER_"))}
        self.environment = {**kept, "BERTH_HOME": self.home, "BERTH_ENGINE": "private"}

    def library(self, script):
        head = "set -euo pipefail; for f in common packages engine; do . deploy/lib/$f.sh; done; "
        done = subprocess.run(["bash", "-c", head + script], cwd=ROOT, env=self.environment, capture_output=True, text=True,
                              timeout=180, stdin=subprocess.DEVNULL)
        assert done.returncode == 0, done.stderr[-3000:]

    def purge(self):
        done = subprocess.run([SETUP, "--down", "--purge"], env=self.environment, capture_output=True, text=True, timeout=180,
                              stdin=subprocess.DEVNULL)
        assert done.returncode == 0, done.stderr[-3000:]


@pytest.fixture
def second():
    engine = Engine()
    yield engine
    if pathlib.Path(engine.home).exists():
        engine.purge()


def number_of(home):
    """The number that keeps this install's engine apart, None when it has none."""
    found = [file.name for file in CLAIMS.glob("[0-9]") if file.read_text().strip() == home]
    return found[0] if found else None


def links():
    text = subprocess.run(["ip", "-j", "-4", "addr"], check=True, capture_output=True).stdout
    return {link["ifname"]: [a["local"] for a in link["addr_info"]] for link in json.loads(text)}


def rules_with(*words):
    """What both kinds of iptables hold that names one of these."""
    wanted = re.compile("|".join(rf"(?<![\w.]){re.escape(word)}(?!\w)" for word in words))
    lines = []
    for program in ("iptables-nft-save", "iptables-legacy-save"):
        text = subprocess.run([program], capture_output=True, text=True, timeout=30).stdout
        lines += [line for line in text.splitlines() if line.startswith("-A") and wanted.search(line)]
    return sorted(lines)


def test_purge_takes_what_is_its_own_and_nothing_else(install, start, second):
    workspace = start()
    mine = number_of(install.home)
    if mine is None:
        pytest.skip("the install under test has no engine of its own")
    before = rules_with(f"berth{mine}", f"berthgw{mine}")
    assert before

    second.library("engine_up; swarm_init; docker network create somewhere >/dev/null; docker network create -d overlay far >/dev/null")
    number = number_of(second.home)
    bridges = [f"berth{number}", f"berthgw{number}"]
    subnet = f"10.{210 + int(number)}."
    bridges += [name for name, addresses in links().items() if name.startswith("br-") and addresses[0].startswith(subnet)]
    assert len(bridges) == 3 and set(bridges) <= set(links()), bridges
    for bridge in bridges:
        assert rules_with(bridge), f"the engine has made rules for {bridge}"
    assert rules_with(f"berth{mine}", f"berthgw{mine}") == before, "another engine's start leaves our rules alone"

    second.purge()
    assert not set(bridges) & set(links())
    assert rules_with(*bridges) == []
    assert number_of(second.home) is None
    assert not pathlib.Path(second.home).exists() and not pathlib.Path(second.home + ".lock").exists()
    mounts = pathlib.Path("/proc/mounts").read_text()
    assert second.home not in mounts
    assert second.home not in subprocess.run(["ps", "-eo", "args"], check=True, capture_output=True, text=True).stdout

    assert rules_with(f"berth{mine}", f"berthgw{mine}") == before
    assert number_of(install.home) == mine
    wait_until(lambda: workspace.page("codeServer", "/healthz").status == 200, 20, "our own workspace is served as before")
