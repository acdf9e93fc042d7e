import secrets

import pytest

from support.install import Install
from support.relay import S3Relay
from support.templates import Templates
from support.wait import wait_until
from support.workspace import Workspace


@pytest.fixture(scope="session")
def install():
    found = Install()
    wait_until(found.api.healthy, 30, "the API answers")
    return found


@pytest.fixture
def api(install):
    return install.api


@pytest.fixture
def docker(install):
    return install.docker


@pytest.fixture
def s3(install):
    return install.s3


@pytest.fixture
def bucket(s3):
    name = "e2e-" + secrets.token_hex(5)
    s3.make_bucket(name)
    yield name
    s3.remove_bucket(name)


class Starter:
    def __init__(self, install, bucket):
        self.install = install
        self.bucket = bucket
        self.made = []

    def adopt(self, answer, bucket=None, prefix=""):
        """A workspace from the answer of a start; it is removed with the others."""
        workspace = Workspace(self.install, answer, bucket or self.bucket, prefix)
        self.made.append(workspace)
        return workspace

    def __call__(self, wait=True, **body):
        body.setdefault("s3Bucket", self.bucket)
        answer = self.install.api.expect(201, "POST", "/api/containers/start", body)
        workspace = self.adopt(answer, body["s3Bucket"], body.get("s3Prefix", ""))
        return workspace.wait_status("running") if wait else workspace


@pytest.fixture
def start(install, bucket):
    """start(prefix=…, other body fields…) starts a workspace and waits until it runs; all are gone afterwards."""
    starter = Starter(install, bucket)
    yield starter
    wait_until(install.api.healthy, 60, "the API answers")
    for workspace in starter.made:
        workspace.remove_by_force()


@pytest.fixture(scope="session")
def small_image(install):
    """The stand-in for the workspace image: it has switches, in files, that survive a restart."""
    return install.library(". deploy/lib/images.sh; engine_up >&2; ensure_image test-workspace >&2; image_ref test-workspace",
                           timeout=600).strip().splitlines()[-1]


@pytest.fixture
def templates(api):
    """Gone again before the test's workspaces are: what is stopped needs none."""
    made = Templates(api)
    yield made
    for name in made.names:
        made.remove(name)


@pytest.fixture(scope="session")
def relay_service(install):
    service = S3Relay(install)
    yield service
    service.remove()


@pytest.fixture
def relay(relay_service, start):
    """The S3 server that misbehaves on request. It behaves again before the test's workspaces are removed."""
    relay_service.switch("pass", forget=True)
    yield relay_service
    relay_service.switch("pass")
