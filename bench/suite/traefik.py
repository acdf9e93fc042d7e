"""Traefik on this machine, and how long a host takes until it serves."""

import contextlib
import socket
import subprocess
import time
from pathlib import Path

from .programs import Unavailable, ask, free_port, running, wait_until

ROOT = Path(__file__).resolve().parents[2]


def program(bench):
    path = bench.tools / "bin/traefik"
    if not path.exists():
        raise Unavailable(f"there is no {path}")
    return path


def default_certificate(folder):
    """The file that an install makes for it."""
    file = folder / "traefik-tls.yml"
    folder.mkdir(parents=True, exist_ok=True)
    script = "source deploy/lib/common.sh; source deploy/lib/values.sh; default_certificate"
    file.write_bytes(subprocess.run(["bash", "-c", script], cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout)
    return file


def static_config(port, folder, api_port=0, key=""):
    """charts/berth/traefik.yml.in, with this machine's addresses: what an install runs."""
    text = (ROOT / "charts/berth/traefik.yml.in").read_text(encoding="utf-8")
    changes = {'address: ":80"': f'address: "127.0.0.1:{port}"', "http://berthd:3001/": f"http://127.0.0.1:{api_port}/",
               "@PROXY_KEY@": key, "/run/secrets/traefik-tls.yml": str(default_certificate(folder))}
    for old, new in changes.items():
        if old not in text:
            raise RuntimeError(f"charts/berth/traefik.yml.in has no {old!r} any more: the benchmark must follow")
        text = text.replace(old, new)
    return text


def with_provider(text, provider):
    """The same file with another provider in the place of ours."""
    kept, _ = text.split("  # The certificate for hosts", 1)
    return kept + provider


@contextlib.contextmanager
def started(bench, folder, config):
    port = free_port()
    file = folder / "traefik.yml"
    folder.mkdir(parents=True, exist_ok=True)
    file.write_text(config(port), encoding="utf-8")
    with running([program(bench), f"--configFile={file}"], folder / "traefik.log"):
        wait_until(lambda: ping(port), 30, "start of Traefik")
        yield port


def ping(port):
    try:
        return ask(port, "GET", "/ping")[0] in (200, 404)
    except OSError:
        return False


class Prober:
    """Asks for one host after the other on one kept connection, so that asking costs Traefik little."""

    def __init__(self, port):
        self.port, self.socket = port, None

    def status(self, host):
        for fresh in (False, True):
            try:
                if self.socket is None or fresh:
                    self.close()
                    self.socket = socket.create_connection(("127.0.0.1", self.port), 10)
                    self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.socket.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\nAccept: application/json\r\n\r\n".encode())
                return self.read()
            except OSError:
                if fresh:
                    raise
        raise AssertionError("unreachable")

    def read(self):
        data = b""
        while b"\r\n\r\n" not in data:
            data += self.more()
        head, body = data.split(b"\r\n\r\n", 1)
        length = 0
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        while len(body) < length:
            body += self.more()
        if b"transfer-encoding: chunked" in head.lower():
            while not body.endswith(b"0\r\n\r\n"):
                body += self.more()
        return int(head.split(b" ")[1])

    def more(self):
        piece = self.socket.recv(65536)
        if not piece:
            raise ConnectionResetError("the proxy closed the connection")
        return piece

    def close(self):
        if self.socket is not None:
            self.socket.close()
            self.socket = None

    def until_served(self, host, since_ns, seconds=60):
        """Milliseconds from `since_ns` (CLOCK_MONOTONIC) until the host answers 200; asked every millisecond."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.status(host) == 200:
                return (time.monotonic_ns() - since_ns) / 1e6
            time.sleep(0.001)
        raise TimeoutError(f"{host} was not served within {seconds} s")
