"""A client of Berth's HTTP API and of workspace pages, on the standard library."""

import http.client
import json
import urllib.parse


class Response:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def text(self):
        return self.body.decode(errors="replace")

    def __repr__(self):
        return f"<{self.status} {self.text[:300]!r}>"


def fetch(base, method, path, body=None, headers=None, timeout=30):
    """One request on a connection of its own. `base` is http://host:port."""
    where = urllib.parse.urlsplit(base)
    connection = http.client.HTTPConnection(where.hostname, where.port, timeout=timeout)
    try:
        connection.request(method, path, body=body, headers=headers or {})
        answer = connection.getresponse()
        return Response(answer.status, answer.headers, answer.read())
    finally:
        connection.close()


class Api:
    def __init__(self, base, key):
        self.base = base
        self.key = key

    def request(self, method, path, body=None, headers=None, timeout=30, key=None):
        head = {"Authorization": f"Bearer {key or self.key}"}
        if body is not None:
            head["Content-Type"] = "application/json"
            body = json.dumps(body)
        head.update(headers or {})
        return fetch(self.base, method, path, body, head, timeout)

    def get(self, path, **kwargs):
        return self.request("GET", path, **kwargs)

    def expect(self, status, method, path, body=None, **kwargs):
        answer = self.request(method, path, body, **kwargs)
        assert answer.status == status, f"{method} {path}: expected {status}, got {answer!r}"
        return answer.json if answer.body else None

    def healthy(self):
        return self.get("/api/health", timeout=5).status == 200


def page(http_base, url, path="/", timeout=15, method="GET", headers=None):
    """A page below the URL of a workspace, asked at Traefik by its host name (no resolver needed)."""
    where = urllib.parse.urlsplit(url)
    head = {"Host": where.netloc, **(headers or {})}
    return fetch(http_base, method, where.path.rstrip("/") + path, headers=head, timeout=timeout)
