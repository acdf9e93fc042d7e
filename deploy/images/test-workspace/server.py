"""Answers on the three ports of a workspace, as far as probes and routes can tell.

8080: `/healthz` as code-server says it, else the page "code"; 6080: `/vnc.html` and the page "vnc"; 3000: the page "web". Each page
names the port and the host. A file in /workspace/.test changes the behaviour, on any port or on one (`-8080` and so on):
`unhealthy[-PORT]` answers 503, `hang[-PORT]` takes connections and never answers, `exit` ends with the code in the file.
"""

import os
import selectors
import signal
import socket
import sys
import time

PAGES = {8080: "code", 6080: "vnc", 3000: "web"}
SWITCHES = "/workspace/.test"
selector = selectors.DefaultSelector()


def switched(name, port):
    return os.path.exists(f"{SWITCHES}/{name}") or os.path.exists(f"{SWITCHES}/{name}-{port}")


def answer(port, path):
    if switched("unhealthy", port):
        return 503, "text/plain", "unhealthy\n"
    if port == 8080 and path == "/healthz":
        return 200, "application/json", '{"status":"alive","lastHeartbeat":%d}' % (time.time() * 1000)
    return 200, "text/html", f"<!doctype html><title>{PAGES[port]}</title>{PAGES[port]} {port} {socket.gethostname()} {path}\n"


def read(connection, port, buffer):
    try:
        data = connection.recv(65536)
    except OSError:
        data = b""
    buffer += data
    if data and (b"\r\n\r\n" not in buffer or switched("hang", port)):
        return
    selector.unregister(connection)
    if data:
        words = buffer.split(b"\r\n", 1)[0].decode("latin-1").split()
        status, kind, body = answer(port, words[1] if len(words) > 1 else "/")
        head = f"HTTP/1.1 {status} {'OK' if status == 200 else 'Service Unavailable'}\r\nContent-Type: {kind}\r\n"
        connection.setblocking(True)
        connection.settimeout(2)
        try:
            connection.sendall((head + f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n").encode() + body.encode())
        except OSError:
            pass
    connection.close()


def accept(listener, port):
    connection, _ = listener.accept()
    connection.setblocking(False)
    buffer = bytearray()
    selector.register(connection, selectors.EVENT_READ, lambda: read(connection, port, buffer))


def listen(port):
    listener = socket.create_server(("0.0.0.0", port), backlog=128)
    selector.register(listener, selectors.EVENT_READ, lambda: accept(listener, port))


def own_mark():
    """As filter-wait.c of the workspace image tells it."""
    with socket.socket() as any_socket, open("/proc/sys/kernel/random/boot_id") as boot:
        cookie = int.from_bytes(any_socket.getsockopt(socket.SOL_SOCKET, 71, 8), sys.byteorder)
        return f"{boot.read().strip()} {cookie}"


def wait_for_filter():
    if os.environ.get("BERTH_ISOLATION") != "on":
        return
    mark, give_up = own_mark(), time.monotonic() + 600
    while time.monotonic() < give_up:
        try:
            with open("/run/berth/ready") as file:
                if file.read().strip() == mark:
                    return
        except OSError:
            pass
        time.sleep(0.01)
    sys.exit("this workspace's network filter did not come")


def main():
    wait_for_filter()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    for port in PAGES:
        listen(port)
    print("listening", flush=True)
    while True:
        for key, _ in selector.select(0.5):
            key.data()
        try:
            with open(f"{SWITCHES}/exit") as file:
                code = int(file.read() or 0)
            os.unlink(f"{SWITCHES}/exit")
            sys.exit(code)
        except FileNotFoundError:
            pass


main()
