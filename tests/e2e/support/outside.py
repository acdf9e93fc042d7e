"""A piece of the internet of our own: a server in a network namespace behind a routed documentation address. Several may
exist at once: each takes the first free number, which its namespace's name claims, and a /30 of its own."""

import subprocess
import sys

from .wait import wait_until

SERVER = """
import http.server, socket, sys, threading
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "7")
        self.end_headers()
        self.wfile.write(b"outside")
    def log_message(self, *_):
        pass
def echo():
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind((sys.argv[1], 7777))
    while True:
        data, peer = udp.recvfrom(2048)
        udp.sendto(data, peer)
threading.Thread(target=echo, daemon=True).start()
http.server.ThreadingHTTPServer((sys.argv[1], 80), Page).serve_forever()
"""


class Outside:
    """HTTP on port 80 and an echo on UDP 7777 at `address`; `gateway` is this machine's own end of the wire."""

    def __init__(self):
        number = next((n for n in range(64) if self.claim(n)), None)
        assert number is not None, "64 namespaces berth-out-* are there: remove what nobody uses"
        self.name = f"berth-out-{number}"
        self.wire = f"bout{number}"
        self.gateway = f"198.51.100.{4 * number + 1}"
        self.address = f"198.51.100.{4 * number + 2}"
        self.server = None
        try:
            self.build()
        except BaseException:
            self.remove()
            raise

    @staticmethod
    def claim(number):
        return subprocess.run(["ip", "netns", "add", f"berth-out-{number}"], capture_output=True, timeout=20).returncode == 0

    def build(self):
        self.ip("link", "add", self.wire, "type", "veth", "peer", "name", "eth0", "netns", self.name)
        self.ip("addr", "add", self.gateway + "/30", "dev", self.wire)
        self.ip("link", "set", self.wire, "up")
        for step in (["link", "set", "lo", "up"], ["addr", "add", self.address + "/30", "dev", "eth0"],
                     ["link", "set", "eth0", "up"], ["route", "add", "default", "via", self.gateway]):
            self.ip("-n", self.name, *step)
        self.server = subprocess.Popen(
            ["ip", "netns", "exec", self.name, sys.executable, "-c", SERVER, self.address],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(self.answers, 20, "the server outside answers")

    def answers(self):
        return subprocess.run(["curl", "-sf", "--noproxy", "*", "--max-time", "2", f"http://{self.address}/"],
                              capture_output=True).stdout == b"outside"

    def remove(self):
        if self.server:
            self.server.kill()
            self.server.wait(10)
        for command in (["link", "del", self.wire], ["netns", "del", self.name]):
            subprocess.run(["ip", *command], capture_output=True, timeout=20)

    @staticmethod
    def ip(*words):
        done = subprocess.run(["ip", *words], capture_output=True, text=True, timeout=20)
        assert done.returncode == 0, f"ip {' '.join(words)}: {done.stderr}"
