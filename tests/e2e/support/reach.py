"""What can be reached from somewhere: asked from inside a workspace, or from another namespace as a control."""

import ast
import subprocess

# Runs where the question is asked; needs nothing but the smallest Python. Reads [[protocol, host, port], …], all asked at once.
PROBE = r"""
import errno, socket, struct, sys, threading
def tcp(host, port):
    with socket.create_connection((host, port), timeout=3):
        return "open"
def udp(host, port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(2)
        s.connect((host, port))
        s.send(b"hello")
        return "open" if s.recv(100) else "empty"
def icmp(host, _):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP) as s:
        s.settimeout(2)
        s.connect((host, 0))
        s.send(struct.pack("!BBHHH", 8, 0, 0, 0, 1) + b"berth")
        return "open" if s.recv(100) else "empty"
def ask(index, protocol, host, port):
    try:
        answers[index] = {"tcp": tcp, "udp": udp, "icmp": icmp}[protocol](host, port)
    except OSError as error:
        answers[index] = errno.errorcode.get(error.errno, "timeout") if error.errno else "timeout"
targets = eval(sys.argv[1])
answers = [None] * len(targets)
threads = [threading.Thread(target=ask, args=(i, *t)) for i, t in enumerate(targets)]
for t in threads: t.start()
for t in threads: t.join()
print(repr(answers))
"""


def reach_from_container(docker, container, targets):
    """{(protocol, host, port): "open" or what came instead} as a process inside the container sees it."""
    answers = ast.literal_eval(docker.run("exec", container, "python3", "-c", PROBE, repr(targets), timeout=60))
    return dict(zip(map(tuple, targets), answers))


def reach_from_namespace(docker, container, targets):
    """The same from the container's network namespace, whatever the image holds."""
    done = in_namespace(docker, container, "python3", "-c", PROBE, repr(targets))
    return dict(zip(map(tuple, targets), ast.literal_eval(done)))


def in_namespace(docker, container, *command):
    pid = docker.inspect("container", container)["State"]["Pid"]
    done = subprocess.run(["nsenter", f"--net=/proc/{pid}/ns/net", *command], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"{command}: {done.stderr[-500:]}"
    return done.stdout


def address_on(docker, container, network):
    return docker.inspect("container", container)["NetworkSettings"]["Networks"][network]["IPAddress"]
