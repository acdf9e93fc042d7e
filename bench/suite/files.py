"""Files between a folder and S3: against a plain parallel rclone copy, and the requests counted in front of the server."""

import http.server
import importlib.util
import os
import secrets
import subprocess
import threading
import time
import urllib.parse
from pathlib import Path

from .measure import Row, Side, compare, median, p99, skipped
from .programs import Unavailable, run_json

FILES = 1_000
SIZE = 4096
PARALLEL = 16  # as berth-node
NEEDS = ["S3_ENDPOINT", "S3_ACCESS_KEY", "S3_SECRET_KEY"]
RELAY = Path(__file__).parents[2] / "tests/e2e/support/relays/s3_relay.py"


class Server:
    """The S3 server of a running install, and a bucket's prefix in it."""

    def __init__(self, bench):
        missing = [name for name in NEEDS if not os.environ.get(name)]
        if missing:
            raise Unavailable('no install is named: eval "$(./deploy/setup-local.sh --env)" first')
        self.endpoint = os.environ["S3_ENDPOINT"]
        self.bucket = "bench-" + secrets.token_hex(4)
        self.rclone = bench.tools / "bin/rclone"
        self.program = bench.bin / "bench_files"
        keys = {"access_key_id": os.environ["S3_ACCESS_KEY"], "secret_access_key": os.environ["S3_SECRET_KEY"]}
        remote = {"type": "s3", "provider": "Other", "endpoint": self.endpoint, "no_check_bucket": "true", **keys}
        self.env = {**os.environ, **{f"RCLONE_CONFIG_S3_{key.upper()}": value for key, value in remote.items()},
                    "RCLONE_CONFIG": "/dev/null", "AWS_ACCESS_KEY_ID": keys["access_key_id"],
                    "AWS_SECRET_ACCESS_KEY": keys["secret_access_key"]}

    def call(self, *arguments):
        """rclone; gives the milliseconds that it took."""
        start = time.monotonic()
        subprocess.run([self.rclone, *arguments], env=self.env, check=True, timeout=300, stdin=subprocess.DEVNULL)
        return (time.monotonic() - start) * 1000

    def copy(self, source, destination):
        return self.call("copy", f"--transfers={PARALLEL}", f"--checkers={PARALLEL}", str(source), str(destination))

    def at(self, prefix):
        return f"s3:{self.bucket}/{prefix}"

    def berth(self, what, prefix, folder, endpoint=None):
        os.environ.update({key: self.env[key] for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")})
        return run_json([self.program, what, endpoint or self.endpoint, self.bucket, prefix, folder], 600)


def make_files(folder):
    """Many small files in folders of fifty, as a project has them."""
    for number in range(FILES):
        path = folder / f"part{number // 50:02}" / f"file{number:04}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(SIZE))
    return folder


def counted(folder):
    return sum(len(files) for _, _, files in os.walk(folder))


def restores(bench, server):
    server.copy(make_files(bench.folder("origin")), server.at("origin"))
    pairs = []
    for number in range(bench.rounds + 1):
        mine, theirs = bench.folder(f"restored-{number}"), bench.folder(f"copied-{number}")
        took = server.berth("restore", "origin", mine)
        pairs.append((took["milliseconds"], server.copy(server.at("origin"), theirs)))
        if took["files"] != FILES or counted(mine / "volume") != FILES or counted(theirs) != FILES:
            raise RuntimeError(f"not everything was restored: {took}")
    return row(f"restore of {FILES:,} files of {SIZE} bytes", pairs[1:])


def saves(bench, server):
    pairs = []
    for number in range(bench.rounds + 1):
        mine, theirs = bench.folder(f"saved-{number}"), make_files(bench.folder(f"sent-{number}"))
        make_files(mine / "volume")
        took = server.berth("save", f"saved-{number}", mine)
        pairs.append((took["milliseconds"], server.copy(theirs, server.at(f"sent-{number}"))))
        if took["files"] != FILES:
            raise RuntimeError(f"not everything was saved: {took}")
    return row(f"final sync of {FILES:,} new files of {SIZE} bytes", pairs[1:])


def row(name, pairs):
    """The first pair warms both up and is not among `pairs`."""
    ours, theirs = zip(*pairs)
    return compare(name, Side("Berth", median(ours), p99(ours), "ms"),
                   Side(f"rclone copy, {PARALLEL} at a time", median(theirs), p99(theirs), "ms"), pairs, "<= 1.2")


class Counter:
    """A relay in front of the S3 server that counts what comes by: the one of the end-to-end tests."""

    def __init__(self, endpoint):
        spec = importlib.util.spec_from_file_location("s3_relay", RELAY)
        self.relay = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.relay)
        where = urllib.parse.urlsplit(endpoint)
        self.relay.UPSTREAM = (where.hostname, where.port)
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self.relay.Relay)
        self.endpoint = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def count(self):
        return len(self.relay.STATE.log)

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def requests(bench, server):
    """Per edit and per hour, in a folder of 1,000 files with something in the trash."""
    counter = Counter(server.endpoint)
    try:
        folder = bench.folder("counted")
        make_files(folder / "volume")
        (folder / "volume/edited").write_text("x")
        server.berth("save", "counted", folder, counter.endpoint)
        edits = [taken(counter, server, "edit", folder) for _ in range(bench.rounds)]
        hours = [taken(counter, server, "hour", folder)]
    finally:
        counter.close()
    return [Row("S3 requests of an edit", Side("Berth", median(edits), max(edits)), goal="<= 3", met=max(edits) <= 3, rounds=edits),
            Row(f"S3 requests of an hour without a change, {FILES:,} files", Side("Berth", median(hours)), goal="<= 12",
                met=max(hours) <= 12, rounds=hours)]


def taken(counter, server, what, folder):
    before = counter.count()
    said = server.berth(what, "counted", folder, counter.endpoint)
    came = counter.count() - before
    if came != said["requestsInAll"]:  # what an agent asks once about a server is not part of an edit
        raise RuntimeError(f"{said} requests were counted by Berth, {came} came")
    return said["requests"]


def run(bench):
    try:
        server = Server(bench)
    except Unavailable as reason:
        return [skipped("files", str(reason))]
    server.call("mkdir", "--s3-no-check-bucket=false", f"s3:{server.bucket}")
    try:
        return [restores(bench, server), saves(bench, server), *requests(bench, server)]
    finally:
        server.call("purge", f"s3:{server.bucket}")
