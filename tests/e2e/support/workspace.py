"""One workspace, driven and looked at as a user would."""

import shlex

from .wait import wait_until


class Workspace:
    def __init__(self, install, answer, bucket, prefix=""):
        self.install = install
        self.id = answer["id"]
        self.urls = answer["urls"]
        self.bucket = bucket
        self.prefix = prefix.strip("/") + "/" if prefix else ""

    # --- what Berth says ---

    def view(self):
        return self.install.api.expect(200, "GET", f"/api/containers/{self.id}")

    def object(self):
        return self.install.api.expect(200, "GET", f"/api/v1/orgs/default/workspaces/{self.id}")

    def status(self):
        return self.view()["status"]

    def sync(self):
        return self.view().get("sync") or {}

    def condition(self, name):
        for condition in self.object()["status"]["conditions"]:
            if condition["type"] == name:
                return condition
        return {"type": name, "status": "Unknown", "reason": "", "message": ""}

    def wait_status(self, status, timeout=60):
        wait_until(lambda: self.status() == status, timeout, lambda: f"workspace {self.id} is {status}; now {self.summary()}")
        return self

    def summary(self):
        try:
            view = self.view()
            return f"{view['status']} sync={view.get('sync')} reason={view.get('shutdownReason')}"
        except Exception as error:  # noqa: BLE001 - only for messages
            return f"unknown ({error})"

    # --- inside ---

    def container(self):
        found = self.install.docker.workspace_containers(self.id)
        assert len(found) == 1, f"expected one running container of {self.id}, found {found}"
        return found[0]

    def shell(self, script, timeout=30):
        return self.install.docker.shell(self.container(), script, timeout=timeout)

    def write(self, name, text):
        path = shlex.quote("/workspace/" + name)
        self.shell(f"mkdir -p \"$(dirname {path})\" && printf %s {shlex.quote(text)} > {path}")

    def read(self, name):
        return self.shell(f"cat {shlex.quote('/workspace/' + name)}")

    def wait_file(self, name, text, timeout=30):
        wait_until(lambda: self.read(name) == text, timeout, f"{name} in the workspace is {text!r}")

    # --- its bucket ---

    def stored(self, name):
        data = self.install.s3.get(self.bucket, self.prefix + name)
        return None if data is None else data.decode(errors="replace")

    def wait_stored(self, name, text, timeout=20):
        wait_until(lambda: self.stored(name) == text, timeout, f"{name} in the bucket is {text[:60]!r}")

    # --- pages ---

    def page(self, which, path="/"):
        return self.install.page(self.urls[which], path)

    def wait_page(self, which, timeout=20):
        return wait_until(lambda: (answer := self.page(which)).status in (200, 302) and answer, timeout,
                          f"page {which} of {self.id} opens")

    # --- ends ---

    def delete(self):
        return self.install.api.request("DELETE", f"/api/containers/{self.id}")

    def wait_stopped(self, timeout=60):
        self.wait_status("stopped", timeout)
        return self

    def patch(self, spec):
        return self.install.api.expect(
            200, "PATCH", f"/api/v1/orgs/default/workspaces/{self.id}", {"spec": spec},
            headers={"Content-Type": "application/merge-patch+json"})

    def wait_gone(self, timeout=30):
        wait_until(lambda: not self.install.docker.leftovers(self.id), timeout,
                   lambda: f"nothing is left of {self.id}; there is {self.install.docker.leftovers(self.id)}")

    def stop(self, timeout=60):
        """DELETE, then everything that must be true of a stopped workspace."""
        answer = self.delete()
        assert answer.status in (200, 202), answer
        self.wait_stopped(timeout)
        receipt = self.sync().get("receipt")
        assert receipt, "stopped without a receipt"
        self.wait_gone()
        return receipt

    def start_again(self):
        answer = self.install.api.request("POST", f"/api/containers/{self.id}/start")
        assert answer.status in (200, 202), answer
        return self

    def remove_by_force(self):
        """For clean-up only: gives up files that could not be synced."""
        if self.install.api.request("GET", f"/api/containers/{self.id}").status == 404:
            self.wait_gone()
            return
        if self.status() in ("stopped", "archived") and not self.install.docker.leftovers(self.id):
            return
        self.delete()
        try:
            self.wait_stopped(20)
        except AssertionError:
            self.install.api.request("DELETE", f"/api/containers/{self.id}?force=1")
            self.wait_stopped(90)
        self.wait_gone()
