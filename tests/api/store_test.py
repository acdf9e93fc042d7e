#!/usr/bin/env python3
"""What an operator does with a store (F10, F31, F33): store_test.py BERTHD. Backups, fsck and restore with the real program,
starts on damaged files, too few descriptors, and an end in the middle of many writes. Needs root (one start is another
user's)."""

import concurrent.futures
import contextlib
import http.client
import json
import pathlib
import resource
import shutil
import socket
import subprocess
import sys
import time

from berthd import Berthd, wait_until

TEMPLATES = "/api/v1/orgs/default/workspacetemplates"
WORKSPACES = "/api/v1/orgs/default/workspaces"


def call(server, method, path, body=None, role="admin", timeout=30):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=timeout)
    try:
        connection.request(method, path, None if body is None else json.dumps(body), {
            "Authorization": f"Bearer {server.keys[role]}", "Content-Type": "application/json"})
        response = connection.getresponse()
        text = response.read()
        return response.status, json.loads(text) if text else None
    finally:
        connection.close()


def template(server, name):
    return call(server, "POST", TEMPLATES, {"metadata": {"name": name}, "spec": {"image": "berth/workspace:1"}})


def names(server):
    status, page = call(server, "GET", f"{TEMPLATES}?limit=500")
    assert status == 200, page
    return {item["metadata"]["name"] for item in page["items"]}


def tool(server, *arguments, **options):
    return subprocess.run([server.binary, *arguments], env=server.environment, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=60, **options)


def files_of(folder):
    return {path.name: path.read_bytes() for path in pathlib.Path(folder).iterdir() if path.is_file()}


def expect_no_start(server, *words, **options):
    """It ends by itself, says all of `words` in one line, and changes no file."""
    folder = server.environment["DATA_DIR"]
    before = files_of(folder)
    ended = tool(server, **options)
    assert ended.returncode not in (0, -6, -11), ended
    lines = [line for line in ended.stdout.splitlines() if all(word in line for word in words)]
    assert len(lines) == 1, ended.stdout
    assert files_of(folder) == before, "the folder was changed"


def flip(path, at):
    data = bytearray(path.read_bytes())
    data[at] ^= 0x40
    path.write_bytes(data)


def running_store(server):
    """Returns the folder of a backup with one and two in it; what begins with three is newer."""
    assert template(server, "one")[0] == 201 and template(server, "two")[0] == 201
    slot = {"metadata": {"name": "slot"}, "spec": {"pool": "default"}}
    status, answer = call(server, "POST", WORKSPACES, slot)
    assert status == 201, answer
    assert call(server, "POST", "/api/v1/backups", role="user")[0] == 403
    made = []
    for _ in range(3):  # BACKUP_KEEP is 2
        status, backup = call(server, "POST", "/api/v1/backups")
        assert status == 201, backup
        made.append(backup["name"])
    status, listed = call(server, "GET", "/api/v1/backups")
    assert [item["name"] for item in listed["items"]] == made[1:], listed
    for number in range(10):  # a backup leaves an empty log
        status, answer = template(server, f"three-{number}")
        assert status == 201, answer
    revision = int(answer["metadata"]["resourceVersion"])
    used = tool(server, "fsck")
    assert used.returncode == 2 and "in use" in used.stdout, used
    used = tool(server, "restore", backup["path"])
    assert used.returncode == 2 and "in use" in used.stdout, used
    used = tool(server, "backup", str(server.folder / "cold"))
    assert used.returncode == 2 and "POST /api/v1/backups" in used.stdout, used
    return backup["path"], revision


def damaged_starts(server, data):
    log = max(data.glob("*.log"), key=lambda path: path.stat().st_size)
    assert log.stat().st_size > 2000, log
    whole = log.read_bytes()
    flip(log, 500)
    expect_no_start(server, log.name, "berthd restore")
    checked = tool(server, "fsck")
    assert checked.returncode == 1 and log.name in checked.stdout and "berthd restore" in checked.stdout, checked
    log.write_bytes(whole)
    current = data / "CURRENT"
    text = current.read_bytes()
    current.unlink()
    expect_no_start(server, "CURRENT", "berthd restore")
    current.write_bytes(text)
    expect_no_start(server, str(data), "Permission denied", user=65534, group=65534, extra_groups=[])
    clean = tool(server, "fsck")
    assert clean.returncode == 0 and clean.stdout.rstrip().endswith("clean"), clean
    flip(log, 500)


def restored(server, data, backup, revision):
    cold = tool(server, "backup", str(server.folder / "cold"))
    assert cold.returncode == 1 and "damaged" in cold.stdout, cold
    nothing = tool(server, "restore", str(server.folder / "nothing"))
    assert nothing.returncode == 2, nothing
    done = tool(server, "restore", backup)
    assert done.returncode == 0 and "1 unclaimed slots" in done.stdout, done
    aside = [path for path in data.iterdir() if path.name.startswith("broken-")]
    assert len(aside) == 1 and (aside[0] / "CURRENT").exists(), aside
    assert tool(server, "fsck").returncode == 0
    server.start()
    assert names(server) == {"one", "two"}
    assert call(server, "GET", f"{WORKSPACES}/slot")[0] == 404
    for seen in (1, revision, revision + 5):
        status, answer = call(server, "GET", f"{TEMPLATES}?watch=1&resourceVersion={seen}")
        assert status == 410 or answer.get("type") == "ERROR", (status, answer)
    status, answer = call(server, "GET", "/api/v1/recovery")
    assert status == 200 and answer["restored"] and answer["kept"] == [], answer
    assert call(server, "POST", "/api/v1/recovery/finish", role="user")[0] == 403
    status, answer = call(server, "POST", "/api/v1/recovery/finish")
    assert status == 200 and not answer["restored"], answer
    status, answer = template(server, "four")
    assert int(answer["metadata"]["resourceVersion"]) > revision
    server.stop()
    cold = tool(server, "backup", str(server.folder / "cold"))
    assert cold.returncode == 0, cold
    assert tool(server, "fsck", str(server.folder / "cold")).returncode == 0


def descriptors(server):
    """Many idle connections: accept pauses and goes on, the store and every open connection are unharmed."""
    limit = 160
    resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (limit, limit))
    with contextlib.ExitStack() as stack:
        early = stack.enter_context(contextlib.closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)))
        early.connect()
        idle = [stack.enter_context(contextlib.closing(socket.create_connection(("127.0.0.1", server.port), 10)))
                for _ in range(2 * limit)]
        wait_until(lambda: "can't accept a connection" in server.log.read_text(errors="replace"), 20, "no descriptor is left")
        for number in range(20):  # on a connection that is there already; the store writes
            early.request("POST", TEMPLATES, json.dumps({"metadata": {"name": f"full-{number}"}, "spec": {"image": "a:1"}}), {
                "Authorization": f"Bearer {server.keys['admin']}", "Content-Type": "application/json"})
            response = early.getresponse()
            response.read()
            assert response.status == 201, response.status
        for connection in idle:
            connection.close()
    wait_until(server.healthy, 20, "connections are taken again")
    assert {f"full-{number}" for number in range(20)} <= names(server)
    said = server.log.read_text(errors="replace").count("can't accept a connection")
    assert said <= 3, f"said {said} times"  # once each time that they are used up
    print("descriptors: none left, and on again")


def end_in_the_middle(server):
    """SIGTERM while 100 writes are under way: each acknowledged one is there afterwards."""
    written, refused = [], []

    def write(number):
        with contextlib.suppress(OSError, http.client.HTTPException):
            status, _ = template(server, f"race-{number}")
            (written if status == 201 else refused).append(number)

    with concurrent.futures.ThreadPoolExecutor(100) as pool:
        jobs = [pool.submit(write, number) for number in range(400)]
        wait_until(lambda: len(written) >= 50, 60, "50 writes")
        began = time.monotonic()
        server.process.terminate()
        server.status = server.process.wait(20)
        took = time.monotonic() - began
        for job in jobs:
            job.result()
    assert server.status == 0, server.status
    assert took < 10, took
    assert len(written) < 400, "it ended after the last write"
    assert tool(server, "fsck").returncode == 0
    server.start()
    there = names(server)
    lost = [number for number in written if f"race-{number}" not in there]
    assert not lost, f"acknowledged and lost: {lost}"
    print(f"SIGTERM: {len(written)} of 400 acknowledged, all are there; it took {took:.1f} s")


def main():
    # Only the backups that are asked for, so that they can be counted.
    with Berthd(sys.argv[1], "http://127.0.0.1:1", BACKUP_KEEP="2", BACKUP_INTERVAL="0s") as server:
        data = pathlib.Path(server.environment["DATA_DIR"])
        server.folder.chmod(0o755)  # for the start as another user
        backup, revision = running_store(server)
        server.stop()
        assert server.status == 0
        damaged_starts(server, data)
        restored(server, data, backup, revision)
        server.start()
        descriptors(server)
        server.stop()
        server.start()
        end_in_the_middle(server)
    with Berthd(sys.argv[1], "http://127.0.0.1:1", BACKUP_INTERVAL="1h") as server:
        folder = pathlib.Path(server.environment["DATA_DIR"]) / "backups"
        wait_until(lambda: folder.exists() and list(folder.iterdir()), 30, "the first backup by itself")
        server.stop()
        server.start()
        assert len(list(folder.iterdir())) == 1, "the next one is due in an hour, also after a restart"
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
