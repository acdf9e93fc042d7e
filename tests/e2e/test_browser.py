"""The three pages in a real browser: type and save in the editor, see the desktop connect, see the web page; two people
with the same file."""

from support.browser import browse
from support.wait import wait_until

PASSWORD = "Vnc4e2e7"
TEXT = "typed in the browser"


def disk(workspace, name):
    """The command that prints a file as it is in the workspace."""
    return ["docker", "-H", workspace.install.docker.host, "exec", workspace.container(), "cat", f"/workspace/{name}"]


def visit(workspace, screenshots):
    job = {name: url.rstrip("/") + "/" for name, url in workspace.urls.items()}
    job.update(vncPassword=PASSWORD, file="note.txt", text=TEXT, saved=disk(workspace, "note.txt"))
    return browse("workspace.mjs", job, screenshots)


# W40
def test_a_person_at_a_workspace(s3, bucket, start, tmp_path):
    s3.put(bucket, "note.txt", "from the bucket\n")
    workspace = start(vncPassword=PASSWORD)
    workspace.wait_file("note.txt", "from the bucket")
    result = visit(workspace, tmp_path)
    assert result == {"web": "ok", "editor": "ok", "desktop": "ok", "desktopRefused": "ok"}
    workspace.wait_stored("note.txt", "from the bucket\n" + TEXT, timeout=20)
    workspace.stop()
    assert workspace.stored("note.txt") == "from the bucket\n" + TEXT


# W27
def test_two_people_with_the_same_file_both_keep_theirs(api, s3, bucket, start, tmp_path):
    s3.put(bucket, "note.txt", "from both\n")
    people = [start(), start()]
    texts = ["the first one's words", "the second one's words"]
    for workspace in people:
        workspace.wait_file("note.txt", "from both")
    job = {"file": "note.txt", "people": [
        {"codeServer": workspace.urls["codeServer"], "text": text, "saved": disk(workspace, "note.txt")}
        for workspace, text in zip(people, texts)]}
    assert browse("two_editors.mjs", job, tmp_path) == {"opened": "ok", "typed": "ok", "saved": "ok"}
    wanted = sorted("from both\n" + text for text in texts)

    def stored():
        return {name: s3.get(bucket, name).decode() for name in s3.files(bucket)}

    def on_disk(workspace):
        names = workspace.shell("cd /workspace && ls").split()
        return {name: workspace.shell(f"cat '/workspace/{name}'") for name in names}

    wait_until(lambda: sorted(stored().values()) == wanted, 90, lambda: f"both versions are in the bucket; there is {stored()}")
    kept = stored()
    assert "note.txt" in kept
    assert all(name == "note.txt" or name.startswith("note.conflict-") and name.endswith(".txt") for name in kept)
    for workspace in people:
        api.expect(202, "POST", f"/api/containers/{workspace.id}/sync")
        wait_until(lambda workspace=workspace: on_disk(workspace) == kept, 60,
                   lambda workspace=workspace: f"both versions are in {workspace.id}; there is {on_disk(workspace)}")
    for workspace in people:
        workspace.stop()
    assert stored() == kept, "the ends change nothing"
