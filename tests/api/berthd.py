"""A berthd of the test's own: a store in a temporary folder, a free port, no Docker engine. It only records."""

import http.client
import os
import pathlib
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))
from support.wait import wait_until  # noqa: E402

ROLES = ("admin", "user", "viewer", "node", "proxy")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Berthd:
    def __init__(self, binary, s3_url, **environment):
        """`environment`: settings that differ from those below."""
        self.binary = binary
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="berth-api-"))
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.keys = {role: secrets.token_hex(20) for role in ROLES}
        self.log = self.folder / "log"
        self.environment = {
            "PATH": os.environ["PATH"], "LISTEN_ADDRESS": "127.0.0.1", "PORT": str(self.port),
            "DATA_DIR": str(self.folder / "data"), "DOCKER_HOST": f"unix://{self.folder}/no-engine.sock",
            "TRAEFIK_URL": "http://127.0.0.1:1", "RATE_LIMIT_PER_MINUTE": "10000000",
            "API_KEYS": ",".join(f"fuzz-{role}:{role}:{key}" for role, key in self.keys.items()),
            "S3_ENDPOINT": s3_url, "AWS_ACCESS_KEY_ID": "install-key", "AWS_SECRET_ACCESS_KEY": "install-secret",
            # Of a program that was built with a sanitizer.
            **{name: value for name, value in os.environ.items() if name.endswith("SAN_OPTIONS")},
            **environment,
        }

    def healthy(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"berthd ended: {self.log.read_text()[-2000:]}")
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/api/health")
            return connection.getresponse().status == 200
        finally:
            connection.close()

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([self.binary], env=self.environment, stdout=log, stderr=log)
        wait_until(self.healthy, 30, "berthd answers")

    def stop(self):
        self.process.terminate()
        try:
            self.status = self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.status = self.process.wait()
        self.text = self.log.read_text(errors="replace")

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *failure):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def document(binary):
    """The OpenAPI document of a program."""
    with Berthd(binary, "http://127.0.0.1:1") as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
        try:
            connection.request("GET", "/api/openapi.json")
            return connection.getresponse().read()
        finally:
            connection.close()


if __name__ == "__main__":
    sys.stdout.buffer.write(document(sys.argv[1]))
