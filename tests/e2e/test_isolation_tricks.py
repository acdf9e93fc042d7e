"""Ways around the packet filter (W33), as the user and as root inside: none of them leads anywhere."""

import json

import pytest

from support.pool import Pool
from support.reach import in_namespace, reach_from_container, reach_from_namespace
from support.tricks import SCRIPT, try_tricks
from test_isolation import PORTS, ask, assert_closed, assert_open, edge_address, machine_addresses, of_service, port_of
from test_isolation import outside, pair  # noqa: F401


OF_THE_ENGINE = {"a socket to the machine's host", "io_uring"}


def facts_of(install, pair, outside):
    at = {name: edge_address(install, of_service(install, name)) for name in ("berthd", "node", "seaweedfs", "traefik")}
    ports = {"berthd": 3001, "node": 80, "seaweedfs": 8333, "traefik": 80}
    tcp = {name: (at[name], port) for name, port in ports.items()}
    tcp["the other workspace"] = (edge_address(install, pair[1].container()), 8080)
    for address in machine_addresses():
        tcp[f"the machine at {address}"] = (address, port_of(install.api.base))
    subnet = at["traefik"].rsplit(".", 2)[0]
    hosts = [f"{pair[1].id}-code.localhost", f"{pair[0].id}-code.localhost", "berthd"]
    return {"inside": True, "tcp": tcp, "traefik": at["traefik"], "hosts": hosts, "outside": outside.address,
            "broadcasts": [f"{subnet}.255.255", "255.255.255.255", "224.0.0.251"]}


@pytest.mark.parametrize("user", ["1000", "0"])
def test_no_way_around_the_filter(install, pair, outside, user):
    answers = try_tricks(install.docker, pair[0].container(), user, facts_of(install, pair, outside))
    assert len(answers) > 50
    opened = {trick for trick, answer in answers.items() if answer == "open"}
    # Root comes by `docker exec` and is not below the first process, whose filter closes these: for it the engine decides.
    assert not opened - (OF_THE_ENGINE if user == "0" else set())


def test_the_tricks_work_where_there_is_no_filter(install, pair, outside):
    """The control: from another container's network, as root of the machine."""
    facts = facts_of(install, pair, outside)
    facts["inside"] = False
    facts["tcp"] = {name: facts["tcp"][name] for name in ("berthd", "traefik")}
    answers = json.loads(in_namespace(install.docker, of_service(install, "berthd"), "python3", "-c", SCRIPT, json.dumps(facts)))
    ways = ("TCP to", "IPv4 in IPv6 to", "MPTCP to", "fast open to", "TCP from a served port's neighbour to")
    wanted = {f"{way} traefik" for way in ways} | {f"Traefik's page of {host}" for host in facts["hosts"]}
    wanted |= {"a raw socket 1", "a packet socket", "a datagram to 224.0.0.251"}
    assert not {trick: answers[trick] for trick in wanted if answers[trick] != "open"}


def test_a_slot_of_the_pool_is_as_closed(install, pair):
    pool = Pool(install, 1)
    try:
        slot = install.docker.service_containers(f"ws-{pool.wait_warm(1)[0]}")[0]
        at = {container: edge_address(install, container) for container in (slot, pair[0].container())}
        proxy, berthd = of_service(install, "traefik"), edge_address(install, of_service(install, "berthd"))
        assert_open(reach_from_namespace(install.docker, proxy, [["tcp", at[slot], port] for port in PORTS]))
        assert_closed(ask(install, pair[0], [["tcp", at[slot], port] for port in PORTS] + [["icmp", at[slot], 0]]))
        others = [["tcp", at[pair[0].container()], port] for port in PORTS] + [["tcp", berthd, 3001], ["icmp", berthd, 0]]
        assert_closed(reach_from_container(install.docker, slot, others))
    finally:
        pool.remove()
