"""A stopped workspace's URL: a page with a start button for people, 404 for programs, and nothing about other ids."""

from support.browser import browse
from support.wait import wait_until

BARE = "404 page not found\n"


def told(answer):
    """All that a visitor can see, without what differs in each answer."""
    headers = {name: value for name, value in answer.headers.items() if name not in ("Date", "X-Request-Id")}
    return answer.status, headers, answer.text


def stopped_page(workspace, which):
    return wait_until(lambda: (answer := workspace.page(which)).headers.get("X-Berth-Workspace") == "stopped" and answer, 10,
                      f"the page in place of {which}")


def test_the_page_and_its_button(install, start, tmp_path):
    workspace = start()
    workspace.write("kept.txt", "kept")
    workspace.stop()
    for which in workspace.urls:
        answer = stopped_page(workspace, which)
        assert answer.status == 404
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    plain = install.page(workspace.urls["codeServer"], headers={"Accept": "application/json"})
    assert (plain.status, plain.text) == (404, BARE)
    job = {"codeServer": workspace.urls["codeServer"], "key": install.api.key}
    result = browse("start_page.mjs", job, tmp_path)
    own = f"/.berth/{workspace.id}/"
    assert set(result.pop("seen")) <= {own + "start", own + "status"}, "the key goes nowhere else"
    assert result == {"page": "ok", "wrongKey": "ok", "start": "ok", "violations": [], "stored": []}
    workspace.wait_status("running")
    workspace.wait_file("kept.txt", "kept")


def test_the_button_wants_a_key_that_may(install, start):
    workspace = start()
    workspace.stop()
    stopped_page(workspace, "codeServer")
    url = workspace.urls["codeServer"]
    path = f"/.berth/{workspace.id}/start"
    assert install.page(url, path, method="POST").status == 401
    wrong = {"Authorization": "Bearer " + "x" * 40}
    assert install.page(url, path, method="POST", headers=wrong).status == 401
    head = {"Authorization": f"Bearer {install.api.key}"}
    assert told(install.page(url, "/.berth/nobody77/start", method="POST", headers=head))[::2] == (404, BARE)
    assert install.page(url, "/api/containers", headers=head).status == 404, "nothing else of the API is there"
    assert workspace.status() == "stopped"


def test_starting_says_come_back(install, start):
    workspace = start(wait=False)
    first = install.page(workspace.urls["codeServer"], headers={"Accept": "text/html"})
    if first.headers.get("X-Berth-Workspace"):
        assert first.status == 503 and first.headers["Retry-After"] == "2"
    workspace.wait_status("running")
    assert workspace.wait_page("codeServer").headers.get("X-Berth-Workspace") is None


def test_unknown_and_deleted_look_alike(install, api, start):
    workspace = start()
    url = workspace.urls["codeServer"]
    workspace.stop()
    gone = api.request("DELETE", f"/api/v1/orgs/default/workspaces/{workspace.id}")
    assert gone.status in (200, 202), gone
    start.made.remove(workspace)
    unknown = url.replace(workspace.id, "nobody77")
    wait_until(lambda: install.page(url).text == BARE, 20, "nothing of it is shown")
    key = {"Authorization": f"Bearer {install.api.key}"}
    for method, path, headers in (("GET", "/", {}), ("GET", "/deep?x=1", {}), ("POST", "/", {}), ("DELETE", "/", {}),
                                  ("POST", "/.berth/{id}/start", key), ("GET", "/.berth/{id}/status", key)):
        answers = [told(install.page(address, path.replace("{id}", name), method=method, headers=headers))
                   for address, name in ((url, workspace.id), (unknown, "nobody77"))]
        assert answers[0] == answers[1], (method, path)
        assert answers[0][0] == 404 and answers[0][2] == BARE
