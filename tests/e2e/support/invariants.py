"""What must hold whenever one looks, and what must hold in the end."""


def check_single_service(install, workspace):
    """Never two services, never two running containers for one workspace."""
    docker = install.docker
    services = [name for name in docker.services(**{"dev.berth.name": workspace.id})]
    assert len(services) <= 1, f"two services for {workspace.id}: {services}"
    containers = docker.workspace_containers(workspace.id)
    assert len(containers) <= 1, f"two running containers for {workspace.id}: {containers}"


def orphans(install):
    """Services and volumes of workspaces in the engine whose object is not wanted to run (or is unknown)."""
    docker, api = install.docker, install.api
    items = api.expect(200, "GET", "/api/v1/orgs/default/workspaces?limit=500")["items"]
    alive = {item["metadata"]["name"] for item in items if item["status"].get("phase") not in ("stopped", "archived")}
    found = [f"service {name}" for name in docker.services(**{"dev.berth.install": install.id})
             if name.startswith("ws-") and name[3:] not in alive]
    for name in docker.lines("volume", "ls", "-q", f"--filter=label=dev.berth.install={install.id}"):
        for prefix in ("berth-ws-", "berth-run-"):
            if name.startswith(prefix) and name[len(prefix):] not in alive:
                found.append(f"volume {name}")
    return found
