#!/usr/bin/env python3
"""Fuzzes the API by its own OpenAPI document (W8, W10): fuzz_test.py BERTHD JUNIT-FILE [arguments for schemathesis].

Positive, negative and stateful cases against a berthd of its own. Fails on an answer that the document does not have,
on one that breaks its schema or headers, on accepted nonsense, on a 5xx, and when the server's log holds an internal error.
"""

import os
import pathlib
import subprocess
import sys

from berthd import Berthd
from s3_stand_in import S3StandIn

HERE = pathlib.Path(__file__).resolve().parent


def run_fuzzer(server, s3, junit, arguments):
    environment = dict(os.environ, BERTH_FUZZ_S3=s3.url, PYTHONDONTWRITEBYTECODE="1",
                       BERTH_FUZZ_KEYS=",".join(f"{role}={key}" for role, key in server.keys.items()))
    program = pathlib.Path(sys.executable).with_name("schemathesis")
    command = [program, "--config-file", HERE / "schemathesis.toml", "run", server.url + "/api/openapi.json",
               "--report-junit-path", junit, *arguments]
    return subprocess.run(command, env=environment, cwd=HERE, timeout=900).returncode


def main():
    binary, junit, *arguments = sys.argv[1:]
    with S3StandIn() as s3, Berthd(binary, s3.url) as server:
        status = run_fuzzer(server, s3, pathlib.Path(junit).resolve(), arguments)
        alive = server.process.poll() is None
    internal = [line for line in server.text.splitlines() if "request failed" in line]
    for line in internal[:20]:
        print("log:", line)
    if not alive or server.status != 0:
        print(f"berthd ended with status {server.status}: {server.text[-3000:]}")
    return 1 if status or internal or not alive or server.status != 0 else 0


if __name__ == "__main__":
    sys.exit(main())
