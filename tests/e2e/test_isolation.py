"""A workspace reaches the internet and nothing else of ours; only the reverse proxy reaches it (W33)."""

import json
import pathlib
import re
import secrets
import subprocess

import pytest

from conftest import Starter
from support.outside import Outside
from support.reach import address_on, in_namespace, reach_from_container, reach_from_namespace
from support.wait import wait_until

PORTS = (8080, 6080, 3000)

ECHO = """
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("0.0.0.0", 7777))
while True:
    data, peer = s.recvfrom(2048)
    s.sendto(data, peer)
"""


@pytest.fixture(scope="module")
def pair(install):
    """Two workspaces on the same node; the second one has a UDP echo as well."""
    bucket = "e2e-" + secrets.token_hex(5)
    install.s3.make_bucket(bucket)
    starter = Starter(install, bucket)
    try:
        one, two = starter(), starter()
        install.docker.run("exec", "-d", two.container(), "python3", "-c", ECHO)
        yield one, two
    finally:
        for workspace in starter.made:
            workspace.remove_by_force()
        install.s3.remove_bucket(bucket)


@pytest.fixture(scope="module")
def outside():
    server = Outside()
    yield server
    server.remove()


def of_service(install, name):
    found = install.docker.service_containers(install.service(name))
    assert found, f"no container of {name}"
    return found[0]


def edge_address(install, container):
    return address_on(install.docker, container, install.edge_network())


def machine_addresses():
    """Every IPv4 address of this machine but loopback: its network cards, the bridges, docker_gwbridge's gateway."""
    links = json.loads(subprocess.run(["ip", "-j", "-4", "addr"], check=True, capture_output=True).stdout)
    return [a["local"] for link in links for a in link["addr_info"] if not a["local"].startswith("127.")]


def port_of(url):
    return int(url.rsplit(":", 1)[1])


def assert_closed(answers):
    opened = [target for target, answer in answers.items() if answer == "open"]
    assert not opened, f"reached from inside: {opened}"


def assert_open(answers):
    closed = {target: answer for target, answer in answers.items() if answer != "open"}
    assert not closed, f"not reached: {closed}"


def ask(install, workspace, targets):
    return reach_from_container(install.docker, workspace.container(), targets)


def test_running_means_filtered(pair):
    for workspace in pair:
        condition = workspace.condition("Isolated")
        assert condition["status"] == "True", condition


def test_another_workspace_is_out_of_reach(install, pair):
    one, two = pair
    target = edge_address(install, two.container())
    # Another way to it than the overlay: the bridge that leads outside.
    lines = in_namespace(install.docker, two.container(), "ip", "-j", "-4", "addr")
    others = [a["local"] for link in json.loads(lines) for a in link["addr_info"]]
    assert target in others
    asked = [["tcp", address, port] for address in others if not address.startswith("127.") for port in PORTS]
    asked += [[protocol, address, 7777] for address in others if not address.startswith("127.")
              for protocol in ("udp", "icmp")]
    assert_closed(ask(install, one, asked))
    # It is there all the same: its own side sees every port, and the proxy the three.
    assert_open(ask(install, two, [["tcp", target, port] for port in PORTS] + [["udp", target, 7777]]))
    proxy = of_service(install, "traefik")
    assert_open(reach_from_namespace(install.docker, proxy, [["tcp", target, port] for port in PORTS]))


def test_only_the_proxy_comes_in_and_only_to_three_ports(install, pair):
    target = edge_address(install, pair[1].container())
    asked = [["tcp", target, port] for port in PORTS] + [["udp", target, 7777], ["icmp", target, 0]]
    for stranger in ("berthd", "node", "seaweedfs"):
        assert_closed(reach_from_namespace(install.docker, of_service(install, stranger), asked))
    proxy = of_service(install, "traefik")
    assert_closed(reach_from_namespace(install.docker, proxy, [["udp", target, 7777], ["icmp", target, 0]]))


def test_the_control_plane_is_out_of_reach(install, pair):
    at = {name: edge_address(install, of_service(install, name)) for name in ("berthd", "node", "seaweedfs", "traefik")}
    asked = [["tcp", at["berthd"], 3001], ["tcp", at["seaweedfs"], 8333], ["tcp", at["traefik"], 80]]
    pings = [["icmp", address, 0] for address in at.values()]
    assert_open(reach_from_namespace(install.docker, of_service(install, "berthd"), asked + pings))
    by_name = [["tcp", "berthd", 3001], ["tcp", "seaweedfs", 8333], ["tcp", "traefik", 80]]
    assert_closed(ask(install, pair[0], asked + pings + by_name))


def test_the_machine_is_out_of_reach(install, pair, outside):
    published = [port_of(install.api.base), port_of(install.http), port_of(install.exports["S3_ENDPOINT"])]
    addresses = machine_addresses()
    assert outside.gateway in addresses
    asked = [["tcp", address, port] for address in addresses for port in (*published, 22, 2375, 2376, 2377, 7946)]
    asked += [[protocol, address, port] for address in addresses for protocol, port in (("icmp", 0), ("udp", 4789))]
    open_here = reach_from_namespace(install.docker, of_service(install, "berthd"),
                                     [["tcp", outside.gateway, published[0]]])
    assert_open(open_here)

    def closed():
        assert_closed(ask(install, pair[0], asked))
        return True
    # An address that has just come up is noticed by the agent within seconds.
    wait_until(closed, 40, "no address of the machine is reached from inside", interval=1)


def test_metadata_and_private_ranges_are_closed_and_the_engine_is_absent(install, pair):
    answers = ask(install, pair[0], [["tcp", "169.254.169.254", 80], ["tcp", "100.100.100.200", 80],
                                     ["tcp", "168.63.129.16", 80], ["tcp", "10.0.0.1", 80], ["tcp", "172.17.0.1", 2375],
                                     ["tcp", "192.168.0.1", 80], ["udp", "224.0.0.251", 5353], ["udp", "255.255.255.255", 67]])
    assert_closed(answers)
    refused = {target: answer for target, answer in answers.items() if target[0] == "tcp"}
    assert set(refused.values()) == {"ECONNREFUSED"}, f"refused at once, not swallowed on the way: {refused}"
    sockets = pair[0].shell("ls /var/run/docker.sock /run/docker.sock /run/containerd 2>/dev/null; true")
    assert sockets == ""


def test_the_internet_is_open(install, pair, outside):
    def answers():
        assert_open(ask(install, pair[0], [["tcp", outside.address, 80], ["udp", outside.address, 7777],
                                           ["icmp", outside.address, 0]]))
        return True
    wait_until(answers, 20, "the server outside is reached from inside")
    page = pair[0].shell(f"python3 -c \"import socket; s = socket.create_connection(('{outside.address}', 80), 5); "
                         f"s.sendall(b'GET / HTTP/1.0\\r\\n\\r\\n'); print(s.makefile('rb').read()[-7:].decode())\"")
    assert page == "outside"


def filter_of(install, workspace):
    """(program, rules) of the filter in its namespace."""
    for program in ("iptables-nft", "iptables-legacy"):
        try:
            rules = in_namespace(install.docker, workspace.container(), program, "-S")
        except AssertionError:
            continue  # a kernel without this one
        if "-N refuse" in rules:
            return program, rules
    raise AssertionError("there is no filter")


def test_outside_names_are_asked_of_the_hosts_resolvers_only(install, pair):
    """Names of services resolve (Docker's own resolver), which tells no more than that they exist; outside names go to
    port 53 of the machine's resolvers, and no other port of theirs is open."""
    assert pair[0].shell("getent hosts berthd || python3 -c \"import socket; print(socket.gethostbyname('berthd'))\"")
    program, rules = filter_of(install, pair[0])
    resolvers = re.findall(r"-A OUTPUT -d (\S+)/32 -p udp -m udp --dport 53 -j ACCEPT", rules)
    assert resolvers

    def asked():
        text = in_namespace(install.docker, pair[0].container(), program, "-L", "OUTPUT", "-v", "-n", "-x")
        return sum(int(line.split()[0]) for line in text.splitlines() if "udp dpt:53" in line)
    before = asked()
    pair[0].shell("timeout 10 getent hosts name-that-is-not-here.example || true", timeout=30)
    assert asked() > before, "the question has passed the filter"
    assert_closed(ask(install, pair[0], [["tcp", resolvers[0], 80], ["tcp", resolvers[0], 443], ["icmp", resolvers[0], 0]]))


def test_a_filter_that_was_taken_away_comes_back(install, pair):
    one = pair[0]
    program, rules = filter_of(install, one)
    in_namespace(install.docker, one.container(), program, "-P", "OUTPUT", "ACCEPT")
    in_namespace(install.docker, one.container(), program, "-F", "OUTPUT")
    target = ["tcp", edge_address(install, of_service(install, "berthd")), 3001]
    assert ask(install, one, [target])[tuple(target)] == "open", "without its rules it is open"
    wait_until(lambda: filter_of(install, one)[1] == rules, 150, "the filter is as it was", interval=1)
    assert_closed(ask(install, one, [target]))


def assert_waited_for_its_filter(install, workspace):
    """The mark names this container's own namespace, and the first process has done nothing before it was there."""
    own = in_namespace(install.docker, workspace.container(), "python3", "-c",
                       "import socket, sys; print(int.from_bytes(socket.socket().getsockopt(socket.SOL_SOCKET, 71, 8), sys.byteorder))")
    assert workspace.shell("cat /run/berth/ready").split()[1] == own.strip()
    marked, first_act = workspace.shell("stat -c %.Y /run/berth/ready; stat -c %.W /run/berth-ws/enter.sock").split()
    assert float(marked) <= float(first_act)


def test_a_new_container_is_filtered_before_it_runs(install, start):
    workspace = start()
    assert_waited_for_its_filter(install, workspace)
    before = workspace.container()
    install.docker.run("kill", "--signal=KILL", before)
    wait_until(lambda: workspace.container() != before, 60, "another container runs")
    workspace.wait_status("running")
    assert_waited_for_its_filter(install, workspace)
    berthd = edge_address(install, of_service(install, "berthd"))
    assert_closed(ask(install, workspace, [["tcp", berthd, 3001], ["tcp", "169.254.169.254", 80]]))
    assert workspace.condition("Isolated")["status"] == "True"


def proxies(install):
    return install.api.expect(200, "GET", "/api/v1/orgs/default/edgenetworks/edge")["status"]["proxies"]


@pytest.mark.parametrize("how", ["killed", "updated"])
def test_urls_work_again_when_the_proxy_has_another_address(install, pair, how):
    traefik = install.service("traefik")
    before = of_service(install, "traefik")
    old = edge_address(install, before)
    assert proxies(install) == [old]
    if how == "killed":
        install.docker.run("kill", "--signal=KILL", before)
    else:
        install.docker.run("service", "update", "--detach", "--force", traefik, timeout=60)
    wait_until(lambda: of_service(install, "traefik") != before, 60, "another Traefik runs")
    new = edge_address(install, of_service(install, "traefik"))
    for workspace in pair:
        wait_until(lambda: workspace.page("codeServer", "/healthz").status == 200, 30, "its URL works again")
    assert proxies(install) == [new]
    if new != old:
        assert all(f"-s {old}/32" not in filter_of(install, workspace)[1] for workspace in pair)


def test_nothing_inside_has_privileges(install, pair):
    container = pair[0].container()
    pid = install.docker.inspect("container", container)["State"]["Pid"]
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    status = dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)
    assert status["Uid"].split()[0] == "1000"
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(status[name], 16) == 0, f"{name} {status[name]}"
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == "2"
    inside = pair[0].shell("grep NoNewPrivs /proc/self/status; command -v sudo || true")
    assert inside.split() == ["NoNewPrivs:", "1"]


FORKS = r"""
import errno, os, signal, time
children, problem = [], ""
for _ in range(5000):
    try:
        child = os.fork()
    except OSError as error:
        problem = errno.errorcode[error.errno]
        break
    if child == 0:
        time.sleep(20)
        os._exit(0)
    children.append(child)
print(len(children), problem, flush=True)
time.sleep(3)
for child in children:
    os.kill(child, signal.SIGKILL)
"""


def test_a_fork_bomb_hits_its_own_limit_only(install, pair):
    one, two = pair
    bomb = subprocess.Popen(["docker", "-H", install.docker.host, "exec", one.container(), "python3", "-c", FORKS],
                            stdout=subprocess.PIPE, text=True)
    try:
        count, problem = bomb.stdout.readline().split()
        assert problem == "EAGAIN" and int(count) < 512, (count, problem)
        assert install.api.healthy()
        assert two.page("codeServer", "/healthz").status == 200
        assert int(two.shell("python3 -c 'import os; p = os.fork(); p or os._exit(0); print(1)'")) == 1
    finally:
        bomb.wait(60)
    wait_until(lambda: one.shell("echo alive") == "alive", 30, "the workspace itself is usable again")
