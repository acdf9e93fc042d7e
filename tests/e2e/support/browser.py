"""Scripts of browser/ in a real Chromium: one JSON object in, one line of JSON out."""

import json
import os
import pathlib
import shutil
import subprocess

FOLDER = pathlib.Path(__file__).resolve().parents[1] / "browser"


def browse(script, job, screenshots, timeout=240):
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    assert chromium, "chromium is not installed (tests/run.sh installs it)"
    pictures = pathlib.Path(os.environ.get("BERTH_TEST_RESULTS", screenshots)) / "screenshots"
    job = {**job, "executablePath": chromium, "screenshots": str(pictures)}
    done = subprocess.run(["node", script], cwd=FOLDER, input=json.dumps(job), text=True, capture_output=True,
                          timeout=timeout)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])
