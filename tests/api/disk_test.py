#!/usr/bin/env python3
"""A store on a disk that gets full, refuses, and comes back (F9): disk_test.py BERTHD. Needs root: a small file system of its
own is mounted from a file, and taken away whatever happens."""

import contextlib
import http.client
import json
import os
import pathlib
import re
import secrets
import shutil
import subprocess
import sys
import tempfile

from berthd import Berthd, wait_until

TEMPLATES = "/api/v1/orgs/default/workspacetemplates"
# Space that RocksDB has asked for beforehand is used up first, so a write must be large.
FILLING = secrets.token_hex(15_000)
MOST_WRITES = 20_000


def run(*command, check=True):
    return subprocess.run(command, check=check, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)


class Disk:
    """An ext4 in a file."""

    def __init__(self, megabytes):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="berth-disk-"))
        self.image, self.path = self.folder / "image", self.folder / "mount"
        self.path.mkdir()
        with open(self.image, "wb") as image:
            image.truncate(megabytes << 20)
        run("mkfs.ext4", "-q", "-m", "0", str(self.image))
        self.mount()

    def mount(self):
        run("mount", "-o", "loop", str(self.image), str(self.path))

    def unmount(self):
        run("umount", str(self.path))

    def fill(self):
        """Until not a byte more fits."""
        with open(self.path / "ballast", "wb") as ballast:
            for size in (1 << 20, 1 << 12):
                with contextlib.suppress(OSError):
                    while True:
                        os.write(ballast.fileno(), bytes(size))
        os.sync()

    def empty(self):
        (self.path / "ballast").unlink()
        os.sync()

    def refuse(self):
        """As the kernel does after an error: read-only at once, whoever writes."""
        run("mount", "-o", "remount,abort", str(self.path))

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        for _ in range(3):
            if run("umount", str(self.path), check=False).returncode == 0 or not os.path.ismount(self.path):
                break
        else:
            run("umount", "-l", str(self.path), check=False)
        shutil.rmtree(self.folder, ignore_errors=True)


class Client:
    def __init__(self, server):
        self.server = server
        self.written = set()  # what was acknowledged

    def call(self, method, path, body=None, role="admin"):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)
        try:
            connection.request(method, path, None if body is None else json.dumps(body), {
                "Authorization": f"Bearer {self.server.keys[role]}", "Content-Type": "application/json"})
            response = connection.getresponse()
            text = response.read()
            plain = "json" in (response.getheader("Content-Type") or "")
            return response.status, json.loads(text) if plain else text.decode()
        finally:
            connection.close()

    def write(self, name):
        """The status and the code of the error, if any."""
        spec = {"image": "berth/workspace:1", "description": FILLING[:250], "env": {"FILLING": FILLING}}
        status, answer = self.call("POST", TEMPLATES, {"metadata": {"name": name}, "spec": spec})
        if status == 422 or status == 400:
            raise AssertionError(answer)
        if status == 201:
            self.written.add(name)
        return status, "" if status == 201 else answer["error"]["code"]

    def write_until_refused(self, prefix):
        for number in range(MOST_WRITES):
            status, code = self.write(f"{prefix}-{number}")
            if status != 201:
                return status, code
        raise AssertionError(f"{MOST_WRITES} writes and the disk is not full")

    def check_all_there(self):
        names, token = set(), ""
        while True:
            status, page = self.call("GET", f"{TEMPLATES}?limit=500{token}")
            assert status == 200, page
            names |= {item["metadata"]["name"] for item in page["items"]}
            after = page["metadata"].get("continue")
            if not after:
                break
            token = f"&continue={after}"
        assert self.written <= names, f"acknowledged and not there: {sorted(self.written - names)[:5]}"

    def check_reads_go_on(self, code):
        self.check_all_there()
        status, answer = self.call("GET", "/readyz")
        assert (status, answer["error"]["code"]) == (503, code), (status, answer)
        status, answer = self.call("GET", "/api/health")
        assert (status, answer["store"], answer["status"]) == (200, "readOnly", "degraded"), (status, answer)
        status, answer = self.call("GET", "/metrics")
        assert "berth_store_writable 0" in answer

    def ready(self):
        return self.call("GET", "/readyz")[0] == 200


def full_disk(client, disk, process):
    disk.fill()
    refused = client.write_until_refused("full")
    assert refused == (507, "CAPACITY_EXCEEDED"), refused
    print(f"full after {len(client.written)} writes: 507 CAPACITY_EXCEEDED")
    client.check_reads_go_on("CAPACITY_EXCEEDED")
    for number in range(100):
        refused = client.write(f"vain-{number}")
        assert refused == (507, "CAPACITY_EXCEEDED"), refused
    client.check_reads_go_on("CAPACITY_EXCEEDED")
    disk.empty()
    wait_until(client.ready, 30, "the store takes writes again")
    assert client.write("space") == (201, "")
    assert process.poll() is None
    status, answer = client.call("GET", "/api/health")
    assert answer["store"] == "ok", answer
    client.check_all_there()


def refusing_disk(client, disk, server):
    disk.refuse()
    status, code = client.write_until_refused("refused")
    assert (status, code) == (503, "STORE_READ_ONLY"), (status, code)
    client.check_reads_go_on("STORE_READ_ONLY")
    server.stop()
    assert server.status == 0, server.status
    disk.unmount()
    # 0: clean, 1: repaired. An aborted journal is what it repairs.
    assert run("e2fsck", "-fp", str(disk.image), check=False).returncode <= 1
    disk.mount()
    server.start()
    client.check_all_there()
    assert client.write("again") == (201, "")


def main():
    with Disk(192) as disk, Berthd(sys.argv[1], "http://127.0.0.1:1", DATA_DIR=str(disk.path / "data")) as server:
        client = Client(server)
        for number in range(20):
            assert client.write(f"before-{number}") == (201, "")
        try:
            full_disk(client, disk, server.process)
            refusing_disk(client, disk, server)
        except BaseException:
            print(server.log.read_text(errors="replace")[-3000:])
            raise
        lines = server.log.read_text(errors="replace")
        # Each new reason is said once, however many writes it refuses.
        said = len(re.findall("store write failed", lines))
        assert 2 <= said <= 12, said
        server.stop()
        assert server.status == 0, server.status
        print(f"{len(client.written)} acknowledged writes are there; {said} lines about refused ones")


if __name__ == "__main__":
    main()
