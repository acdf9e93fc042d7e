"""Templates and keys that a test makes for itself, gone after it."""

import hashlib
import secrets

from .api import Api


class Templates:
    def __init__(self, api):
        self.api = api
        self.names = []

    def put(self, name, image, **spec):
        body = {"metadata": {"name": name}, "spec": {"image": image, **spec}}
        answer = self.api.request("PUT", f"/api/v1/orgs/default/workspacetemplates/{name}", body)
        assert answer.status in (200, 201), answer
        self.names.append(name)
        return name

    def remove(self, name):
        assert self.api.request("DELETE", f"/api/v1/orgs/default/workspacetemplates/{name}").status in (200, 404)


class OwnKey:
    """An API key of the test's own, as an object of the API."""

    def __init__(self, api, role="user", **spec):
        self.admin = api
        self.name = "e2e-" + secrets.token_hex(4)
        text = secrets.token_hex(20)
        body = {"metadata": {"name": self.name},
                "spec": {"sha256": hashlib.sha256(text.encode()).hexdigest(), "role": role, **spec}}
        api.expect(201, "POST", "/api/v1/orgs/default/apikeys", body)
        self.api = Api(api.base, text)

    def remove(self):
        self.admin.expect(200, "DELETE", f"/api/v1/orgs/default/apikeys/{self.name}")
