"""An empty or half-restored folder never empties the bucket."""

from support.wait import wait_until

FILES = 60


def fill(s3, bucket, size=1):
    names = [f"dir{n % 5}/file{n:03}.txt" for n in range(FILES)]
    for name in names:
        s3.put(bucket, name, f"{name} " * size)
    return sorted(names)


def test_mass_delete_is_held_back(s3, bucket, start):
    """W26."""
    names = fill(s3, bucket)
    workspace = start()
    wait_until(lambda: int(workspace.shell("find /workspace -type f | wc -l")) == FILES, 40, "all restored")
    workspace.shell("rm -rf /workspace/*")
    wait_until(lambda: workspace.sync()["state"] == "held", 60, lambda: f"held is reported; {workspace.sync()}")
    assert s3.list(bucket, "dir") == names
    # New work still goes up while the deletes wait for somebody to decide.
    workspace.write("new.txt", "new")
    workspace.wait_stored("new.txt", "new", timeout=40)
    assert s3.list(bucket, "dir") == names


def test_single_deletes_go_to_the_trash(s3, bucket, start):
    """W26."""
    fill(s3, bucket)
    workspace = start()
    wait_until(lambda: int(workspace.shell("find /workspace -type f | wc -l")) == FILES, 40, "all restored")
    old = workspace.read("dir0/file000.txt")
    workspace.shell("rm /workspace/dir0/file000.txt")
    wait_until(lambda: workspace.stored("dir0/file000.txt") is None, 40, "the delete is carried over")
    kept = [name for name in s3.list(bucket) if name.endswith("file000.txt") or "file000.txt" in name]
    assert kept, "a deleted file is kept in the trash prefix"
    assert s3.get(bucket, kept[0]).decode().strip() == old


def test_stop_in_the_middle_of_a_restore(s3, bucket, relay, start):
    """W26."""
    names = fill(s3, bucket, size=800)
    before = {name: s3.get(bucket, name) for name in names}
    relay.switch("slow", rate=40_000)
    workspace = start(wait=False, **relay.source)
    wait_until(lambda: relay.done("GET", "/dir"), 60, "some files are restored")
    assert workspace.delete().status == 202
    relay.switch("pass")
    workspace.wait_stopped(120)
    assert {name: s3.get(bucket, name) for name in s3.list(bucket, "dir")} == before


def test_agent_killed_in_the_middle_of_a_restore(install, docker, s3, bucket, relay, start):
    """W26."""
    names = fill(s3, bucket, size=800)
    before = {name: s3.get(bucket, name) for name in names}
    relay.switch("slow", rate=40_000)
    workspace = start(wait=False, **relay.source)
    wait_until(lambda: relay.done("GET", "/dir"), 60, "some files are restored")
    assert docker.kill_service(install.service("node"))
    relay.switch("pass")
    workspace.wait_status("running", 90)
    wait_until(lambda: int(workspace.shell("find /workspace -type f | wc -l")) == FILES, 90, "all restored")
    workspace.stop()
    assert {name: s3.get(bucket, name) for name in s3.list(bucket, "dir")} == before
