"""A slot that nobody has claimed: its addresses exist and say nothing; the claim opens them without a new route."""

import pytest

from support.pool import Pool
from support.wait import wait_until
from test_start_page import BARE, told


@pytest.fixture
def slot(install):
    pool = Pool(install, 1)
    pool.wait_warm(1)
    yield pool.slots()[0]
    wait_until(install.api.healthy, 60, "the API answers")
    pool.remove()


def routers(install, name):
    """What the table says about a workspace."""
    table = install.api.expect(200, "GET", "/api/v1/traefik/config")["http"]
    return {key: value for key, value in table["routers"].items() if key.rsplit("-", 1)[0] == name}


def test_tells_no_more_than_an_address_that_nobody_has(install, slot):
    name, urls = slot["metadata"]["name"], slot["status"]["urls"]
    key = {"Authorization": f"Bearer {install.api.key}"}
    asks = [("GET", "/", {}), ("HEAD", "/healthz", {}), ("POST", "/", {}), ("OPTIONS", "/x?y=1", {}),
            ("GET", "/", {"X-Berth-Probe": "guess"}), ("GET", "/", {"X-Forwarded-Host": "other-code.localhost"}),
            ("GET", "/", {"Upgrade": "websocket", "Connection": "Upgrade"}),
            ("POST", "/.berth/{id}/start", key), ("GET", "/.berth/{id}/status", key)]
    for url in urls.values():
        for method, path, headers in asks:
            seen = [told(install.page(url.replace(name, who), path.replace("{id}", who), method=method, headers=headers))
                    for who in (name, "nobody77")]
            assert seen[0] == seen[1], (url, method, path)
            assert seen[0][0] == 404 and seen[0][2] == ("" if method == "HEAD" else BARE)


def test_a_claim_opens_it_and_the_guard_goes(install, api, bucket, start, slot):
    name = slot["metadata"]["name"]
    before = routers(install, name)
    assert len(before) == 3 and all("berth-slot" in router["middlewares"] for router in before.values())
    answer = api.expect(201, "POST", "/api/containers/start", {"s3Bucket": bucket})
    workspace = start.adopt(answer)
    assert workspace.id == name and answer["status"] == "running"
    assert workspace.page("codeServer", "/healthz").status == 200, "serves with the answer"
    wait_open(install, name)
    assert workspace.page("codeServer", "/healthz").status == 200
    workspace.stop()


def wait_open(install, name):
    """Traefik reads the table within milliseconds; that it has done so can't be seen from outside."""
    wait_until(lambda: all("middlewares" not in router for router in routers(install, name).values()), 10, "the guard is gone")


# W24, W44
def test_a_claimed_one_serves_while_berthd_is_away_also_before_its_files_are_there(docker, install, api, bucket, start, slot):
    name = slot["metadata"]["name"]
    agents = docker.service_containers(install.service("node"))
    for agent in agents:
        docker.run("pause", agent)
    try:
        workspace = start.adopt(api.expect(201, "POST", "/api/containers/start", {"s3Bucket": bucket}))
        assert workspace.id == name
        wait_open(install, name)
        assert workspace.condition("Claimed")["status"] == "False", "nobody has restored anything yet"
        with install.without_berthd():
            for _ in range(20):
                assert workspace.page("codeServer", "/healthz").status == 200
    finally:
        for agent in agents:
            docker.run("unpause", agent)
    wait_until(lambda: workspace.condition("Claimed")["status"] == "True", 60, "the agent has taken the claim")


def test_an_unclaimed_one_opens_to_nobody_while_berthd_is_away(install, slot):
    with install.without_berthd():
        for url in slot["status"]["urls"].values():
            answer = install.page(url)
            assert answer.status >= 400 and slot["metadata"]["name"] not in answer.text, answer
    assert install.page(slot["status"]["urls"]["codeServer"]).status == 404


def test_the_proxy_has_a_certificate_of_its_own(docker, install):
    """Without one it makes an RSA key at each change of a route, which takes longer than the change."""
    container = docker.service_containers(install.service("traefik"))[0]
    wait_until(lambda: "*file.Provider" in docker.logs(container), 30, "Traefik reads the file with its certificate")
    complaints = [line for line in docker.logs(container).splitlines()
                  if "ERR" in line and ("file" in line or "ertificate" in line or "tls" in line)]
    assert not complaints
