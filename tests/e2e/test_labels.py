"""ROUTE_SOURCE=labels: a Traefik that reads the Swarm by itself serves workspaces; it is no part of the install."""

import pytest
from support.api import fetch, page
from support.pool import Pool
from support.wait import wait_until

NAME = "e2e-traefik"
PORT = 18090
VALUES = {"BERTH_ROUTE_SOURCE": "labels", "BERTH_TRAEFIK_URL": f"http://{NAME}:80", "BERTH_PROXY_SERVICE": NAME,
          "BERTH_ROUTE_ENTRYPOINT": "web"}


@pytest.fixture(scope="module")
def own_traefik(install):
    """Traefik's Swarm provider, as somebody who has one would run it."""
    docker = install.docker
    base = f"http://127.0.0.1:{PORT}"

    def remove():
        if docker.exists("service", NAME):
            docker.run("service", "rm", NAME)
        wait_until(lambda: not docker.service_containers(NAME), 30, "the other Traefik is gone")

    remove()
    spec = docker.inspect("service", install.service("traefik"))["Spec"]["TaskTemplate"]["ContainerSpec"]
    socket = install.exports["DOCKER_HOST"].removeprefix("unix://")
    docker.run("service", "create", "--quiet", "--detach", f"--name={NAME}", "--endpoint-mode=dnsrr", "--no-resolve-image",
               "--stop-grace-period=1s", "--user=0", f"--network={install.edge_network()}",
               f"--mount=type=bind,source={socket},target=/var/run/docker.sock",
               f"--publish=published={PORT},target=80,mode=host", spec["Image"], "traefik", "--entrypoints.web.address=:80",
               "--ping=true", "--ping.entrypoint=web", "--global.sendanonymoususage=false", "--global.checknewversion=false",
               "--providers.swarm.endpoint=unix:///var/run/docker.sock", "--providers.swarm.exposedbydefault=false",
               "--providers.swarm.refreshseconds=1")
    try:
        wait_until(lambda: fetch(base, "GET", "/ping", timeout=3).status == 200, 60, "the other Traefik answers")
        yield base
    finally:
        remove()


def deployed(install, **more):
    install.deploy(**VALUES, **more)
    wait_until(install.api.healthy, 60, "berthd is back with labels")


@pytest.fixture(scope="module")
def labels(install, own_traefik):
    try:
        yield own_traefik
    finally:
        install.deploy_without(*VALUES, "BERTH_ROUTING_MODE")
        wait_until(install.api.healthy, 60, "berthd is back with its own table")


@pytest.mark.parametrize("mode", ["host", "path"])
def test_a_traefik_of_ones_own_serves_by_labels(install, labels, start, mode):
    deployed(install, BERTH_ROUTING_MODE=mode)
    workspace = start(wait=False)
    workspace.wait_status("running", 90)
    for which, mark in (("codeServer", None), ("vnc", "Desktop"), ("webServer", None)):
        answer = page(labels, workspace.urls[which])
        assert answer.status in (200, 302), (which, answer)
        assert not mark or mark in answer.text
    assert page(labels, workspace.urls["codeServer"], "/healthz").json["status"]
    assert workspace.condition("Routed")["status"] == "True"
    if mode == "path":
        slashless = page(labels, workspace.urls["codeServer"].rstrip("/"), "?folder=/workspace")
        assert slashless.status == 302 and slashless.headers["Location"].endswith(f"/code/{workspace.id}/?folder=/workspace")
    workspace.stop()
    wait_until(lambda: page(labels, workspace.urls["codeServer"]).status == 404, 20, "its URL answers 404")


# W24
def test_a_slot_behind_labels_opens_with_its_claim_and_needs_berthd_no_more(docker, install, api, labels, bucket, start):
    deployed(install, BERTH_ROUTING_MODE="host")
    pool = Pool(install, 1)
    try:
        slot, = pool.wait_warm(1)
        url = pool.slots()[0]["status"]["urls"]["codeServer"]
        assert page(labels, url, "/healthz").status == 404
        before = docker.workspace_containers(slot)
        workspace = start.adopt(api.expect(201, "POST", "/api/containers/start", {"s3Bucket": bucket}))
        assert workspace.id == slot
        assert page(labels, url, "/healthz").status == 200, "serves with the answer"
        rule = f"traefik.http.routers.{slot}-code.middlewares"
        wait_until(lambda: rule not in docker.inspect("service", f"ws-{slot}")["Spec"]["Labels"], 20, "the guard is off")
        wait_until(lambda: workspace.condition("Claimed")["status"] == "True", 60, "the claim is taken")
        with install.without_berthd():
            wait_until(lambda: page(labels, url, "/healthz").status == 200, 20, "it serves without berthd")
        assert docker.workspace_containers(slot) == before, "the same container all the time"
        assert workspace.object()["status"]["incarnation"] == 1
    finally:
        pool.remove()
