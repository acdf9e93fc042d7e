"""S3 refusing, slow or down: at the start, while running and during the final sync. Nothing is lost, and it is said."""

import pytest

from support.wait import stays, wait_until


def test_refusing_at_start(api, bucket, relay):
    """W25."""
    relay.switch("refuse")
    answer = api.request("POST", "/api/containers/start", {"s3Bucket": bucket, **relay.source})
    assert answer.status == 400, answer
    assert answer.json["error"]["code"] == "INVALID_S3_BUCKET"


def test_down_at_start(api, bucket, relay):
    relay.switch("down")
    answer = api.request("POST", "/api/containers/start", {"s3Bucket": bucket, **relay.source}, timeout=60)
    assert answer.status == 400, answer
    assert answer.json["error"]["code"] == "INVALID_S3_BUCKET"
    assert answer.json["error"]["message"]


def test_slow_at_start(s3, bucket, relay, start):
    s3.put(bucket, "large.bin", "x" * 300_000)
    relay.switch("slow", rate=60_000)
    workspace = start(wait=False, **relay.source)
    wait_until(lambda: workspace.sync().get("state") == "restoring", 40, "restoring is reported")
    relay.switch("pass")
    workspace.wait_status("running")
    wait_until(lambda: workspace.shell("wc -c < /workspace/large.bin") == "300000", 40, "the file is restored")


@pytest.mark.parametrize("fault", ["down", "refuse"])
def test_while_running(relay, start, fault):
    """W25."""
    workspace = start(**relay.source)
    workspace.write("one.txt", "1")
    workspace.wait_stored("one.txt", "1", timeout=30)
    relay.switch(fault)
    workspace.write("two.txt", "2")
    wait_until(lambda: workspace.sync()["state"] == "failing", 60, lambda: f"failing is reported: {workspace.sync()}")
    assert workspace.status() == "running"
    assert workspace.wait_page("codeServer")
    assert workspace.read("two.txt") == "2"
    relay.switch("pass")
    workspace.wait_stored("two.txt", "2", timeout=90)
    wait_until(lambda: workspace.sync()["state"] in ("idle", "syncing"), 60, "syncing again")


@pytest.mark.parametrize("fault", ["down", "refuse"])
def test_during_the_final_sync(docker, relay, start, fault):
    """W28."""
    workspace = start(**relay.source)
    relay.switch(fault)
    workspace.write("last.txt", "the last words")
    assert workspace.delete().status == 202
    wait_until(lambda: workspace.condition("DataAtRisk")["status"] == "True", 90,
               lambda: f"DataAtRisk; now {workspace.summary()}")
    assert workspace.status() == "stopping"
    volume = f"berth-ws-{workspace.id}"
    stays(lambda: docker.exists("volume", volume) and workspace.status() == "stopping", 5, "files are kept")
    relay.switch("pass")
    workspace.wait_stopped(120)
    assert workspace.stored("last.txt") == "the last words"
    assert workspace.sync()["receipt"]
    assert workspace.condition("DataAtRisk")["status"] != "True"
    workspace.wait_gone()


def test_server_gone_during_the_final_sync(install, docker, s3, bucket, start):
    """W28: The real server, scaled to nothing and back."""
    workspace = start()
    workspace.write("last.txt", "kept")
    server = install.service("seaweedfs")
    docker.run("service", "scale", "--detach", f"{server}=0")
    try:
        wait_until(lambda: not docker.service_containers(server), 40, "S3 is down")
        assert workspace.delete().status == 202
        wait_until(lambda: workspace.condition("DataAtRisk")["status"] == "True", 90, "DataAtRisk")
    finally:
        docker.run("service", "scale", "--detach", f"{server}=1")
    wait_until(lambda: s3.list(bucket) is not None, 60, "S3 is back")
    workspace.wait_stopped(120)
    assert workspace.stored("last.txt") == "kept"
