"""kill -9 of berth-node during an upload and the final sync (the restore: test_empty_folder.py). Nothing is lost, and
what was uploaded before is not uploaded again."""

import secrets

from support.wait import wait_until

LARGE = 400_000


def write_large(workspace, name):
    text = secrets.token_hex(LARGE // 2)
    workspace.install.docker.run("exec", "-i", workspace.container(), "sh", "-c", f"cat > /workspace/{name}",
                                 stdin=text.encode())
    return text


def with_a_large_file(relay, start):
    """A workspace with a small file in S3 and a large one that leaves slowly; how often the small one was uploaded."""
    workspace = start(**relay.source)
    workspace.write("small.txt", "small")
    workspace.wait_stored("small.txt", "small", timeout=30)
    before = uploads(relay, "small.txt")
    relay.switch("slow", rate=30_000)
    return workspace, write_large(workspace, "large.txt"), before


def uploads(relay, name):
    return len(relay.done("PUT", name))


def test_during_an_upload(install, docker, relay, start):
    workspace, text, before = with_a_large_file(relay, start)
    wait_until(lambda: relay.moving("PUT", "large.txt"), 40, "the upload has begun")
    assert docker.kill_service(install.service("node"))
    relay.switch("pass")
    workspace.wait_stored("large.txt", text, timeout=90)
    assert uploads(relay, "small.txt") == before, "the journal knows what S3 holds"
    assert workspace.status() == "running"
    workspace.stop()


def test_during_the_final_sync(install, docker, relay, start):
    workspace, text, before = with_a_large_file(relay, start)
    assert workspace.delete().status == 202
    wait_until(lambda: relay.moving("PUT", "large.txt"), 60, "the final upload has begun")
    assert docker.kill_service(install.service("node"))
    relay.switch("pass")
    workspace.wait_stopped(120)
    assert workspace.stored("large.txt") == text
    assert uploads(relay, "small.txt") == before
    assert workspace.sync()["receipt"]
    workspace.wait_gone()


def test_agent_and_controller_at_once(install, docker, start):
    workspace = start()
    workspace.write("file.txt", "both killed")
    docker.kill_service(install.service("node"))
    docker.kill_service(install.service("berthd"))
    wait_until(install.api.healthy, 60, "berthd is back")
    workspace.wait_stored("file.txt", "both killed", timeout=90)
    workspace.stop()
