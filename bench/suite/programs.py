"""Starting and ending what a benchmark needs. Everything listens on loopback and is ended by its process id."""

import contextlib
import http.client
import json
import os
import secrets
import socket
import subprocess
import time
from pathlib import Path


class Unavailable(Exception):
    """A benchmark can't run here; the text says why."""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(condition, seconds, what, pause=0.01):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(pause)
    raise TimeoutError(f"{what} took longer than {seconds} s")


@contextlib.contextmanager
def running(command, log, env=None, **options):
    """The process while the block runs; its output goes to the file `log`."""
    with open(log, "ab") as out:
        options.setdefault("stdout", out)
        process = subprocess.Popen([str(part) for part in command], stderr=out, env=env, **options)
    try:
        yield process
    finally:
        end(process)


def end(process):
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


def ask(port, method, path, key=None, body=None, host="127.0.0.1", headers=None, timeout=10):
    """One request on a connection of its own: (status, bytes)."""
    connection = http.client.HTTPConnection(host, port, timeout=timeout)
    try:
        headers = dict(headers or {})
        if key:
            headers["Authorization"] = f"Bearer {key}"
        if body is not None:
            headers["Content-Type"] = "application/json"
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def answers(port, path="/api/health", status=200, **options):
    try:
        return ask(port, "GET", path, **options)[0] == status
    except (OSError, http.client.HTTPException):
        return False


def cpu_seconds(pid):
    """User and system time that a process has had so far."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_bytes(pid):
    return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Berthd:
    """berthd alone: no engine answers at its DOCKER_HOST, so only API and store work."""

    def __init__(self, bench, folder):
        self.bench, self.folder = bench, folder
        self.key = secrets.token_hex(32)
        self.port = free_port()
        self.pid = 0

    @contextlib.contextmanager
    def started(self):
        env = {
            "PATH": os.environ["PATH"],
            "LISTEN_ADDRESS": "127.0.0.1",
            "PORT": str(self.port),
            "DATA_DIR": str(self.folder / "data"),
            "DOCKER_HOST": f"unix://{self.folder}/no-engine.sock",
            "API_KEY": self.key,
            "LOG_LEVEL": "warning",
            "RATE_LIMIT_PER_MINUTE": "0",
        }
        self.folder.mkdir(parents=True, exist_ok=True)
        start = time.monotonic_ns()
        with running([self.bench.bin / "berthd"], self.folder / "berthd.log", env) as process:
            self.pid = process.pid
            wait_until(lambda: process.poll() is not None or answers(self.port), 60, "start of berthd", 0.001)
            if process.poll() is not None:
                raise RuntimeError(f"berthd ended: {(self.folder / 'berthd.log').read_text()[-500:]}")
            self.ready_ms = (time.monotonic_ns() - start) / 1e6
            yield self


def last_json(text):
    return json.loads(text.strip().splitlines()[-1])


def run_json(command, seconds):
    """The last line that a program prints, as JSON."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=seconds, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]} ended with {done.returncode}: {done.stderr[-500:]}")
    return last_json(done.stdout)


def load(bench, port, method, target, clients, seconds, key=None, body=None, expect=200):
    """bench_load; anything but the expected answer is an error: a refused request is no fast request."""
    command = [bench.bin / "bench_load", "127.0.0.1", port, method, target, clients, seconds]
    if key:
        command.append(f"Authorization: Bearer {key}")
    if body is not None:
        command += ["Content-Type: application/json", "@" + json.dumps(body)]
    result = run_json(command, seconds + 30)
    if set(result["statuses"]) != {str(expect)}:
        raise RuntimeError(f"{method} {target} was answered with {result['statuses']}")
    return result
