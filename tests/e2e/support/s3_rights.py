"""A SeaweedFS of the test's own in the Swarm, with keys that may different things."""

import json
import os
import secrets
import shutil
import tempfile

from .s3 import S3
from .wait import wait_until

RIGHTS = {"owner": ["Admin", "Read", "Write", "List", "Tagging"], "reader": ["Read", "List"], "writer": ["Write"],
          "lister": ["List"]}
ARGUMENTS = ["server", "-dir=/data", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3", "-s3.ip.bind=0.0.0.0", "-s3.port=8333",
             "-s3.port.iceberg=0", "-s3.config=/rights/s3.json", "-s3.autoCreateBucket=false", "-master.volumeSizeLimitMB=64",
             "-master.telemetry=false", "-volume.max=20"]


class S3Rights:
    """Reached by workspaces as `endpoint`; from here through a port of this machine. The install allows its name
    (BERTH_S3_ENDPOINT_ALLOW of tests/lib/suites.sh)."""

    name = "e2e-s3-rights"
    endpoint = "http://e2e-s3-rights:8333"

    def __init__(self, install, port):
        self.docker = install.docker
        self.keys = {who: (secrets.token_hex(10), secrets.token_hex(20)) for who in RIGHTS}
        self.folder = tempfile.mkdtemp(prefix="berth-rights-")
        os.chmod(self.folder, 0o755)
        identities = [{"name": who, "credentials": [{"accessKey": self.keys[who][0], "secretKey": self.keys[who][1]}],
                       "actions": actions} for who, actions in RIGHTS.items()]
        with open(os.path.join(self.folder, "s3.json"), "w") as file:
            json.dump({"identities": identities}, file)
        self.gone()
        spec = self.docker.inspect("service", install.service("seaweedfs"))["Spec"]["TaskTemplate"]["ContainerSpec"]
        self.docker.run(
            "service", "create", "--quiet", "--detach", f"--name={self.name}", "--endpoint-mode=dnsrr", "--stop-grace-period=1s",
            f"--network={install.edge_network()}", f"--mount=type=bind,source={self.folder},target=/rights,readonly",
            f"--publish=published={port},target=8333,mode=host", "--no-resolve-image",
            "--env=WEED_MASTER_VOLUME_GROWTH_COPY_1=1", spec["Image"], "weed", *ARGUMENTS)
        self.s3 = S3(f"http://127.0.0.1:{port}", *self.keys["owner"])
        self.bucket = "rights"
        wait_until(self.writable, 90, "a SeaweedFS with several keys takes files")

    def writable(self):
        if self.s3.request("HEAD", f"/{self.bucket}")[0] != 200:
            self.s3.make_bucket(self.bucket)
        self.s3.put(self.bucket, "there.txt", "there")
        return True

    def source(self, who, secret=None):
        """The part of a start request that names the server and this key."""
        key, own = self.keys[who]
        return {"s3Bucket": self.bucket, "s3Endpoint": self.endpoint, "awsAccessKeyId": key, "awsSecretAccessKey": secret or own}

    def gone(self):
        if self.docker.exists("service", self.name):
            self.docker.run("service", "rm", self.name)
        wait_until(lambda: not self.docker.service_containers(self.name), 30, "the other SeaweedFS is gone")

    def remove(self):
        self.gone()
        shutil.rmtree(self.folder)
