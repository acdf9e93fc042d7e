"""ROUTING_MODE=path: everything below one host, in a real browser; and an install that goes there and back."""

import pytest
from support.browser import browse
from support.wait import wait_until
from test_browser import PASSWORD, TEXT, visit

SERVER = """
import http.server
class Echo(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = f"path={self.path} prefix={self.headers.get('X-Forwarded-Prefix')}".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
http.server.HTTPServer(("0.0.0.0", 3000), Echo).serve_forever()
"""


@pytest.fixture(scope="module")
def path_mode(install):
    install.deploy(BERTH_ROUTING_MODE="path")
    try:
        wait_until(install.api.healthy, 60, "berthd is back in path mode")
        yield
    finally:
        install.deploy_without("BERTH_ROUTING_MODE")
        wait_until(install.api.healthy, 60, "berthd is back in host mode")


@pytest.fixture
def path_start(path_mode, start):
    return start


def test_one_host_with_a_path_per_workspace(install, path_start, s3, bucket, tmp_path):
    s3.put(bucket, "note.txt", "from the bucket\n")
    workspace = path_start(vncPassword=PASSWORD)
    workspace.wait_file("note.txt", "from the bucket")
    host = install.values.get("BERTH_DOMAIN", "localhost")
    port = install.http.rsplit(":", 1)[1]
    for which, word in (("codeServer", "code"), ("vnc", "vnc"), ("webServer", "web")):
        assert workspace.urls[which] == f"http://{host}:{port}/{word}/{workspace.id}/"
    result = visit(workspace, tmp_path)
    assert result == {"web": "ok", "editor": "ok", "desktop": "ok", "desktopRefused": "ok"}
    workspace.wait_stored("note.txt", "from the bucket\n" + TEXT, timeout=20)


def test_deep_links_reloads_and_the_users_own_server(path_start, tmp_path):
    workspace = path_start()
    workspace.write("sub/inside.txt", "x")
    workspace.shell(f"cat >/tmp/echo.py <<'END'\n{SERVER}\nEND\nberth-enter sh -c 'python3 /tmp/echo.py >/tmp/echo.log 2>&1 &'")
    wait_until(lambda: "prefix=/web/" in workspace.page("webServer", "/x").text, 30, "the user's server has the port")
    job = {"codeServer": workspace.urls["codeServer"], "webServer": workspace.urls["webServer"],
           "folder": "/workspace/sub", "file": "inside.txt"}
    result = browse("path_mode.mjs", job, tmp_path)
    assert result == {"link": "ok", "reload": "ok", "web": "ok", "strays": []}


def test_a_stopped_workspace_and_unknown_ones(install, path_start):
    workspace = path_start()
    other = path_start(wait=False, s3Prefix="other")
    url = workspace.urls["codeServer"]
    workspace.stop()
    stopped = wait_until(lambda: (answer := install.page(url)).headers.get("X-Berth-Workspace") and answer, 10, "the page is there")
    assert stopped.status == 404 and f'data-base="/code/{workspace.id}/"' in stopped.text
    other.wait_status("running")
    unknown = url.replace(workspace.id, "nobody77")
    for path in ("/", "/.berth/nobody77/start"):
        answer = install.page(unknown, path)
        assert (answer.status, answer.text) == (404, "404 page not found\n")
    head = {"Authorization": f"Bearer {install.api.key}"}
    started = install.page(url, f"/.berth/{workspace.id}/start", method="POST", headers=head)
    assert started.status == 202, started
    workspace.wait_status("running")
    workspace.wait_page("codeServer")
