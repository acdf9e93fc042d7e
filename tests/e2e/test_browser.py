"""The three pages in a real browser: type and save in the editor, see the desktop connect, see the web page."""

import json
import os
import pathlib
import shutil
import subprocess

import pytest

BROWSER = pathlib.Path(__file__).parent / "browser"
PASSWORD = "Vnc4e2e7"
TEXT = "typed in the browser"


@pytest.fixture(scope="module")
def chromium():
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    assert found, "chromium is not installed (tests/run.sh installs it)"
    assert (BROWSER / "node_modules").is_dir(), "run npm ci in tests/e2e/browser (tests/run.sh does)"
    return found


def visit(workspace, chromium, screenshots):
    job = {name: url.rstrip("/") + "/" for name, url in workspace.urls.items()}
    job["saved"] = ["docker", "-H", workspace.install.docker.host, "exec", workspace.container(), "cat", "/workspace/note.txt"]
    job.update(vncPassword=PASSWORD, file="note.txt", text=TEXT, executablePath=chromium, screenshots=str(screenshots))
    done = subprocess.run(["node", "workspace.mjs"], cwd=BROWSER, input=json.dumps(job), text=True,
                          capture_output=True, timeout=240)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_a_person_at_a_workspace(s3, bucket, chromium, start, tmp_path):
    s3.put(bucket, "note.txt", "from the bucket\n")
    workspace = start(vncPassword=PASSWORD)
    workspace.wait_file("note.txt", "from the bucket")
    screenshots = pathlib.Path(os.environ.get("BERTH_TEST_RESULTS", tmp_path)) / "screenshots"
    result = visit(workspace, chromium, screenshots)
    assert result == {"web": "ok", "editor": "ok", "desktop": "ok", "desktopRefused": "ok"}
    workspace.wait_stored("note.txt", "from the bucket\n" + TEXT, timeout=20)
    workspace.stop()
    assert workspace.stored("note.txt") == "from the bucket\n" + TEXT
