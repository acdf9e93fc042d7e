#!/usr/bin/env python3
"""Many clients at once, and an end in the middle (W1, W9): load_test.py BERTHD.

Starts, verbs, plain writes, lists, watches, followed logs and metrics come together from many connections; berthd is told
to end while they go on, and is started again on what it stored. Every answer that was given must be true afterwards, the
end must be in order, and nothing may be an internal error. Of a berthd that was built with a sanitizer (CONTRIBUTING.md) the
reports are in its log: any of them fails the test."""

import base64
import collections
import http.client
import json
import os
import random
import re
import sys
import threading
import traceback

from berthd import Berthd, wait_until
from s3_stand_in import S3StandIn

STARTS = 400  # containers, before it is told to end
STARTERS, VERBS, WRITERS, WATCHES, READERS = 8, 3, 3, 6, 3
OBJECTS = "/api/v1/orgs/default/"
REPORT = re.compile(r"(?:WARNING|ERROR): \w+Sanitizer|runtime error:")
# A line of the image's own size, so that a list is long enough to be compressed on another thread.
FILLING = base64.b64encode(random.Random(1).randbytes(3000)).decode()


class Gone(Exception):
    """It was told to end, and has."""


class Load:
    def __init__(self, server):
        self.server = server
        self.ending = threading.Event()
        self.lock = threading.Lock()
        self.made = {}  # Idempotency-Key -> id, of answers that were given
        self.counts = collections.Counter()
        self.bytes = collections.Counter()
        self.problems = []

    def problem(self, text):
        with self.lock:
            self.problems.append(text)

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)

    def open(self, connection, role, method, path, body=None, **headers):
        """The response, its body not read yet. Raises Gone when the server has ended, as it was told to."""
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        headers["Authorization"] = f"Bearer {self.server.keys[role]}"
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            if self.ending.is_set():
                raise Gone from error
            raise
        with self.lock:
            self.counts[f"{method} {response.status}"] += 1
        if response.status >= 500 and not (response.status == 503 and self.ending.is_set()):
            self.problem(f"{method} {path}: {response.status} {response.read()[:300]}")
        return response

    def call(self, *arguments, **headers):
        response = self.open(*arguments, **headers)
        try:
            data = response.read()
        except (OSError, http.client.HTTPException) as error:
            if self.ending.is_set():
                raise Gone from error
            raise
        if response.status == 503 and self.ending.is_set():
            raise Gone
        plain = response.getheader("Content-Encoding") is None and "json" in (response.getheader("Content-Type") or "")
        return response.status, json.loads(data) if plain and data else data

    def some_id(self, generator):
        with self.lock:
            return generator.choice(list(self.made.values())) if self.made else "nobody"

    # Each of these goes on until the server has ended.

    def starter(self, number):
        """Two starters have the same keys: whoever comes second gets the first answer."""
        connection = self.connect()
        for turn in range(10**6):
            key = f"key-{number // 2}-{turn}"
            body = {"s3Bucket": "demo", "s3Prefix": f"p{number // 2}/{turn}", "env": {"FILLING": FILLING}}
            status, answer = self.call(connection, "user", "POST", "/api/containers/start", body, Idempotency_Key=key)
            if status != 201:
                self.problem(f"start: {status} {answer}")
                continue
            with self.lock:
                if self.made.setdefault(key, answer["id"]) != answer["id"]:
                    self.problems.append(f"{key} made both {self.made[key]} and {answer['id']}")

    def verbs(self, number):
        connection, generator = self.connect(), random.Random(number)
        while True:
            path = f"/api/containers/{self.some_id(generator)}"
            method, suffix = generator.choice([("DELETE", ""), ("POST", "/start"), ("POST", "/restart"),
                                               ("POST", "/sync"), ("GET", ""), ("GET", "/explain")])
            self.call(connection, "user", method, path + suffix)

    def writer(self, number):
        connection, name = self.connect(), f"template-{number % 2}"
        for turn in range(10**6):
            body = {"metadata": {"name": name}, "spec": {"image": "berth/workspace:1", "description": f"turn {turn}"}}
            dry = "?dryRun=1" if turn % 3 == 0 else ""
            self.call(connection, "admin", "PUT", f"{OBJECTS}workspacetemplates/{name}{dry}", body)
            if turn % 7 == 0:
                self.call(connection, "admin", "DELETE", f"{OBJECTS}workspacetemplates/{name}")

    def shipper(self, number):
        connection, generator = self.connect(), random.Random(number)
        for turn in range(10**6):
            lines = [{"at": f"2026-11-21T08:34:{turn % 60:02}.{turn * 10 + i:09}Z", "text": f"line {turn} {'x' * 200}"}
                     for i in range(10)]
            batch = {"container": f"{turn:064x}", "incarnation": 1, "lines": lines}
            self.call(connection, "node", "POST", f"{OBJECTS}workspaces/{self.some_id(generator)}/logs", batch)

    def watch(self, number):
        generator = random.Random(number)
        while True:
            connection = self.connect()
            path, accept = generator.choice([
                (OBJECTS + "workspaces?watch=1", "application/x-ndjson"),
                ("/api/v1/orgs/-/workspacetemplates?watch=1", "text/event-stream"),
                ("/api/dashboard/logs?follow=1", "text/event-stream"),
                (f"/api/containers/{self.some_id(generator)}/logs?follow=1", "text/event-stream")])
            response = self.open(connection, "viewer", "GET", path, Accept=accept)
            if response.status != 200:
                response.read()
                continue
            left = generator.randrange(50_000, 1_000_000)  # then it leaves without a word
            while left > 0:
                try:
                    data = response.read1(65536)
                except (OSError, http.client.HTTPException):
                    data = b""
                with self.lock:
                    self.bytes["watched"] += len(data)
                if not data:
                    break
                left -= len(data)
            connection.close()
            if self.ending.is_set():
                raise Gone

    def reader(self, number):
        connection = self.connect()
        while True:
            for path in ("/metrics", "/api/openapi.json", OBJECTS + "workspaces", "/api/containers?limit=500",
                         "/api/usage", "/api/dashboard/overview"):
                _, data = self.call(connection, "viewer", "GET", path, Accept_Encoding="gzip")
                with self.lock:
                    self.bytes["read"] += len(data)

    def run(self, work, number):
        try:
            work(number)
        except Gone:
            pass
        except Exception:  # noqa: BLE001 - whatever it is, it must be seen
            self.problem(traceback.format_exc())

    def begin(self):
        parts = ((self.starter, STARTERS), (self.verbs, VERBS), (self.writer, WRITERS), (self.shipper, 1),
                 (self.watch, WATCHES), (self.reader, READERS))
        threads = [threading.Thread(target=self.run, args=(work, number), daemon=True)
                   for work, count in parts for number in range(count)]
        for thread in threads:
            thread.start()
        return threads


def check_stored(load):
    """What was answered is there, and the same request gets the same answer."""
    connection = load.connect()
    for key, name in load.made.items():
        status, _ = load.call(connection, "viewer", "GET", f"/api/containers/{name}")
        if status != 200:
            load.problem(f"{name} was made, and is not there: {status}")
    for key, name in random.Random(2).sample(sorted(load.made.items()), 50):
        lane, turn = key.split("-")[1:]
        body = {"s3Bucket": "demo", "s3Prefix": f"p{lane}/{turn}", "env": {"FILLING": FILLING}}
        _, answer = load.call(connection, "user", "POST", "/api/containers/start", body, Idempotency_Key=key)
        if answer.get("id") != name:
            load.problem(f"{key} made {name}, now {answer}")


def main():
    with S3StandIn() as s3, Berthd(sys.argv[1], s3.url) as server:
        load = Load(server)
        threads = load.begin()
        wait_until(lambda: len(load.made) >= STARTS or load.problems, 300, lambda: f"{STARTS} starts; {len(load.made)}")
        load.ending.set()
        server.stop()
        first = server.status
        for thread in threads:
            thread.join(60)
        print(f"{len(load.made)} made; answers: {dict(sorted(load.counts.items()))}; bytes: {dict(load.bytes)}")
        if first == 0:
            load.ending.clear()
            server.start()
            check_stored(load)
    text = server.text
    for what, count in (("ended with a status", first or server.status), ("internal errors", text.count("request failed")),
                        ("clients still wait", sum(thread.is_alive() for thread in threads)),
                        ("sanitizer reports", len(REPORT.findall(text)))):
        if count:
            load.problem(f"{what}: {count}")
    for problem in load.problems[:20]:
        print(problem)
    if load.problems or "BERTH_LOAD_LOG" in os.environ:
        print(text[-200_000:] if "BERTH_LOAD_LOG" in os.environ else text[-3000:])
    return 1 if load.problems else 0


if __name__ == "__main__":
    sys.exit(main())
