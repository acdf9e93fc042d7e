"""A warm pool, made by a test and gone after it."""

import secrets

from .wait import wait_until


class Pool:
    def __init__(self, install, size, **spec):
        self.install = install
        self.api = install.api
        self.name = "e2e-" + secrets.token_hex(4)
        self.path = f"/api/v1/orgs/default/warmpools/{self.name}"
        body = {"metadata": {"name": self.name}, "spec": {"size": size, **spec}}
        self.api.expect(201, "POST", "/api/v1/orgs/default/warmpools", body)

    def status(self):
        return self.api.expect(200, "GET", self.path)["status"]

    def condition(self, name):
        found = [c for c in self.status()["conditions"] if c["type"] == name]
        return found[0] if found else {"status": "Unknown", "reason": "", "message": ""}

    def slots(self):
        """The unclaimed ones, as objects."""
        query = f"?labelSelector=dev.berth.pool%3D{self.name}"
        return self.api.expect(200, "GET", "/api/v1/orgs/default/workspaces" + query)["items"]

    def warm(self):
        return [slot["metadata"]["name"] for slot in self.slots()
                if slot["status"]["phase"] == "warm" and "deletionTimestamp" not in slot["metadata"]]

    def wait_warm(self, count, timeout=120):
        wait_until(lambda: len(self.warm()) >= count, timeout, lambda: f"{count} warm slots; now {self.status()}")
        return self.warm()

    def resize(self, **spec):
        self.api.expect(200, "PATCH", self.path, {"spec": spec},
                        headers={"Content-Type": "application/merge-patch+json"})

    def delete(self):
        return self.api.request("DELETE", self.path)

    def remove(self):
        """Returns when nothing of its slots is left on the node."""
        names = [slot["metadata"]["name"] for slot in self.slots()]
        self.delete()
        for name in names:
            wait_until(lambda name=name: not self.install.docker.leftovers(name), 60, f"slot {name} is gone")
