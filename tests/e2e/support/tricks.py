"""Ways around a packet filter, tried from inside a workspace. `SCRIPT` runs there with one argument, a JSON object of
addresses, and prints {name of the trick: "open" or what came instead}. With `inside` false nothing is tried that would
change the machine it runs on."""

import json

SCRIPT = r"""
import ctypes, errno, json, os, socket, struct, sys
facts, answers, libc = json.loads(sys.argv[1]), {}, ctypes.CDLL(None, use_errno=True)
def attempt(name, call, *words):
    try:
        answers[name] = call(*words) or "open"
    except OSError as error:
        answers[name] = errno.errorcode.get(error.errno, "timeout") if error.errno else "timeout"
def made(family, kind, protocol=0):
    s = socket.socket(family, kind, protocol)
    s.settimeout(2)
    return s
def tcp(host, port, family=socket.AF_INET, protocol=0, source=None, options=None):
    s = made(family, socket.SOCK_STREAM, protocol)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if source:
        s.bind(("", source))
    if options:
        s.setsockopt(socket.IPPROTO_IP, socket.IP_OPTIONS, options)
    s.connect((host, port))
def fast_open(host, port):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", 2, 0))
    s.sendto(b"GET / HTTP/1.0\r\n\r\n", socket.MSG_FASTOPEN, (host, port))
def page(host, name):
    s = made(socket.AF_INET, socket.SOCK_STREAM)
    s.settimeout(20)
    s.connect((host, 80))
    s.sendall(f"GET / HTTP/1.0\r\nHost: {name}\r\n\r\n".encode())
    s.recv(1)
def datagram(host, port, protocol=0, message=b"hello", family=socket.AF_INET):
    s = made(family, socket.SOCK_DGRAM, protocol)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    s.sendto(message, socket.getaddrinfo(host, port, family, socket.SOCK_DGRAM)[0][4])
    s.recv(100)
def left(host, port):
    s = made(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    s.sendto(b"hello", (host, port))
def called(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), "")
def in_child(call):
    child = os.fork()
    if child == 0:
        os._exit(ctypes.get_errno() if call() < 0 else 0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code:
        raise OSError(code, "")
QUERY = struct.pack("!HHHHHH", 7, 0x100, 1, 0, 0, 0) + b"\6berthd\0" + struct.pack("!HH", 1, 1)
for who, (host, port) in facts["tcp"].items():
    attempt(f"TCP to {who}", tcp, host, port)
    attempt(f"IPv4 in IPv6 to {who}", tcp, "::ffff:" + host, port, socket.AF_INET6)
    attempt(f"MPTCP to {who}", tcp, host, port, socket.AF_INET, 262)
    attempt(f"fast open to {who}", fast_open, host, port)
    attempt(f"TCP from a served port's neighbour to {who}", tcp, host, port, socket.AF_INET, 0, 8081)
    through = b"\x83\x07\x04" + socket.inet_aton(host) + b"\0"
    attempt(f"source route to {who}", tcp, facts["outside"], port, socket.AF_INET, 0, None, through)
    attempt(f"DNS at {who}", datagram, host, 53, 0, QUERY)
    attempt(f"UDP lite to {who}", datagram, host, port, 136)
for name in facts["hosts"]:
    attempt(f"Traefik's page of {name}", page, facts["traefik"], name)
for host in facts["broadcasts"]:
    attempt(f"a datagram to {host}", left, host, 5353)
for host in ("fe80::1%eth0", "ff02::1%eth0", "fe80::1%eth1", "ff02::1%eth1"):
    attempt(f"IPv6 to {host}", datagram, host, 5353, 0, b"hello", socket.AF_INET6)
for kind in (socket.IPPROTO_ICMP, socket.IPPROTO_TCP, socket.IPPROTO_RAW):
    attempt(f"a raw socket {kind}", lambda: made(socket.AF_INET, socket.SOCK_RAW, kind).close())
attempt("a packet socket", lambda: made(socket.AF_PACKET, socket.SOCK_RAW, 3).close())
attempt("a socket to the machine's host", lambda: made(socket.AF_VSOCK, socket.SOCK_STREAM).close())
attempt("io_uring", lambda: called(libc.syscall(425, 4, ctypes.create_string_buffer(120))))
attempt("another namespace of users and networks", in_child, lambda: libc.unshare(0x50000000))
attempt("another network namespace", in_child, lambda: libc.unshare(0x40000000))
if facts["inside"]:
    attempt("a mount", lambda: called(libc.mount(b"none", b"/mnt", b"tmpfs", 0, None)))
    attempt("a mark of its own", lambda: open("/run/berth/ready", "w").close())
    attempt("a kernel setting", lambda: open("/proc/sys/net/ipv4/ip_forward", "w").write("1") and None)
print(json.dumps(answers))
"""


def try_tricks(docker, container, user, facts):
    """As a process of the workspace would: under its first process's filter of system calls."""
    text = docker.run("exec", "-u", user, container, "berth-enter", "python3", "-c", SCRIPT, json.dumps(facts), timeout=120)
    return json.loads(text)
