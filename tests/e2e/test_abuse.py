"""200 malformed, oversized, deeply nested and slow requests: correct 4xx, no 5xx, memory flat, others unharmed."""

import pathlib
import re
import socket
import threading
import time
import urllib.parse

import pytest

from support.wait import wait_until


def exchange(api, data, timeout=10):
    """Sends raw bytes. Returns the status, or 0 when the server only closed the connection."""
    where = urllib.parse.urlsplit(api.base)
    with socket.create_connection((where.hostname, where.port), timeout=timeout) as connection:
        try:
            connection.sendall(data)
        except OSError:
            pass  # refused before all was sent: the answer still counts
        answer = b""
        try:
            while b"\r\n" not in answer:
                more = connection.recv(4096)
                if not more:
                    break
                answer += more
        except ConnectionResetError:
            pass
    found = re.match(rb"HTTP/1\.[01] (\d{3})", answer)
    return int(found.group(1)) if found else 0


def request(api, method="POST", path="/api/containers/start", body=b"", head="", length=None):
    lines = [f"{method} {path} HTTP/1.1", "Host: x", f"Authorization: Bearer {api.key}", "Content-Type: application/json",
             f"Content-Length: {len(body) if length is None else length}"]
    return ("\r\n".join(lines) + "\r\n" + head + "\r\n").encode("latin-1") + body


def malformed(api):
    """Kinds of bad requests; each is sent several times with other content."""
    deep = 5000
    for n in range(10):
        yield b"\x00\xff\x16\x03\x01garbage%d\r\n\r\n" % n
        yield b"GET /%d\r\n\r\n" % n
        yield request(api, method="BR%dEW" % n, path="/api/containers")
        yield request(api, body=b'{"s3Bucket": "x%d"' % n)
        yield request(api, body=b"[" * (deep + n) + b"]" * (deep + n))
        yield request(api, body=b'{"a":' * (deep + n) + b"1" + b"}" * (deep + n))
        yield request(api, body=b'{"s3Bucket":"' + b"\xff\xfe%d" % n + b'"}')
        yield request(api, body=b'"just a string %d"' % n)
        yield request(api, body=b'{"s3Bucket":"' + b"A" * (4 << 20) + b'"}')
        yield request(api, body=b"", length=(10 << 30) + n)
        yield request(api, body=b"", length="12x%d" % n)
        yield request(api, body=b"{}", head="Content-Length: %d\r\n" % (n + 3))
        yield request(api, body=b"0\r\n\r\n", head="Transfer-Encoding: chunked\r\n")
        yield request(api, body=b"{}", head="X-Long: " + "h" * (64 * 1024 + n) + "\r\n")
        yield request(api, method="GET", path="/" + "p" * (64 * 1024 + n))
        yield request(api, method="GET", path="/api/containers/%2e%2e%2f" + "x" * n)
        yield request(api, method="GET", path="/api/containers?limit=%d" % (10**12 + n))
        yield request(api, method="GET", path="/api/v1/orgs/default/nosuchkind%d" % n)
        yield request(api, method="PATCH", path="/api/v1/orgs/default/workspaces/none%d" % n, body=b"[1,2]")
        yield request(api, body=b'{"s3Bucket":"x","s3Prefix":"%s"}' % (b"../" * (n + 1)))


class Watcher(threading.Thread):
    """Another client, which must not notice anything."""

    def __init__(self, api):
        super().__init__(daemon=True)
        self.api = api
        self.slowest = 0.0
        self.failures = []
        self.done = threading.Event()

    def run(self):
        while not self.done.wait(0.1):
            began = time.monotonic()
            try:
                answer = self.api.get("/api/containers?limit=1", timeout=10)
                if answer.status != 200:
                    self.failures.append(answer.status)
            except OSError as error:
                self.failures.append(str(error))
            self.slowest = max(self.slowest, time.monotonic() - began)

    def stop(self):
        self.done.set()
        self.join()
        assert not self.failures, self.failures[:5]
        assert self.slowest < 3, f"another client waited {self.slowest:.1f} s"


def memory(install):
    """Resident bytes of berthd, in KiB."""
    container = install.docker.service_containers(install.service("berthd"))[0]
    pid = install.docker.inspect("container", container)["State"]["Pid"]
    pids = [pid] + [int(p) for p in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    sizes = [int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{p}/status").read_text()).group(1)) for p in pids]
    return container, sum(sizes)


def test_bad_requests(install, api):
    requests = list(malformed(api))
    assert len(requests) == 200
    exchange_all(api, requests[:40])  # the first round warms allocators up
    container, before = memory(install)
    watcher = Watcher(api)
    watcher.start()
    bad = exchange_all(api, requests)
    watcher.stop()
    same, after = memory(install)
    assert not bad, bad
    assert same == container, "berthd was not restarted"
    assert after - before < 32 * 1024, f"memory grew from {before} to {after} KiB"


def exchange_all(api, requests):
    """The requests whose answer is not a plain refusal."""
    bad = []
    for data in requests:
        status = exchange(api, data)
        # What is no HTTP, or is refused while it is still being sent, may lose the answer with the connection.
        may_be_cut = len(data) > 32 * 1024 or data.startswith(b"\x00")
        if not (400 <= status < 500 or (status == 0 and may_be_cut)):
            bad.append((status, data[:80]))
    return bad


def test_unauthorised_bodies_are_not_read(api):
    data = request(api, body=b"{}" * 1000).replace(api.key.encode(), b"k" * 64)
    assert exchange(api, data) == 401


@pytest.mark.parametrize("start", [b"", b"GET /api/health HT", b"POST /api/containers/start HTTP/1.1\r\nContent-Length: 10\r\n\r\n{"],
                         ids=["nothing", "half a line", "half a body"])
def test_slow_clients_are_ended(install, api, start):
    where = urllib.parse.urlsplit(api.base)
    slow = []
    watcher = Watcher(api)
    watcher.start()
    for _ in range(50):
        connection = socket.create_connection((where.hostname, where.port), timeout=5)
        connection.sendall(start)
        connection.setblocking(False)
        slow.append(connection)

    def all_ended():
        for connection in slow[:]:
            try:
                while connection.recv(4096):
                    pass
            except BlockingIOError:
                continue
            except OSError:
                pass
            connection.close()
            slow.remove(connection)
        return not slow

    wait_until(all_ended, 90, lambda: f"{len(slow)} slow connections are still open")
    watcher.stop()
