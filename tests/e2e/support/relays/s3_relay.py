"""An S3 server that misbehaves on request: a relay in front of the real one.

Runs inside the Swarm (see relay.S3Relay), so that berthd and the node agent reach it by name. Port 8333 is S3, port 8380
takes orders: POST /mode {"mode": "pass|refuse|busy|slow|down", "rate": bytes per second}, GET /log (what was asked for).
"""

import http.client
import http.server
import json
import socket
import sys
import threading

CHUNK = 16 * 1024
REFUSAL = (b'<?xml version="1.0" encoding="UTF-8"?><Error><Code>AccessDenied</Code>'
           b"<Message>Access Denied</Message></Error>")
BUSY = b'<?xml version="1.0" encoding="UTF-8"?><Error><Code>SlowDown</Code><Message>Please reduce your rate</Message></Error>'
REFUSALS = {"refuse": (403, REFUSAL), "busy": (503, BUSY)}


class State:
    def __init__(self):
        self.mode = "pass"
        self.rate = 64 * 1024
        self.changed = threading.Event()
        self.lock = threading.Lock()
        self.open = set()
        self.log = []

    def switch(self, mode, rate):
        with self.lock:
            self.mode, self.rate = mode, rate or self.rate
            self.changed.set()
            self.changed = threading.Event()
            cut = list(self.open) if mode == "down" else []
        for connection in cut:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def pace(self, size):
        """Waits as long as `size` bytes take in slow mode; a new mode ends the wait."""
        if self.mode == "slow":
            self.changed.wait(size / self.rate)


STATE = State()
UPSTREAM = ("seaweedfs", 8333)


class Relay(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 300

    def setup(self):
        super().setup()
        with STATE.lock:
            STATE.open.add(self.connection)

    def finish(self):
        with STATE.lock:
            STATE.open.discard(self.connection)
        try:
            super().finish()
        except OSError:
            pass

    def log_message(self, *args):
        pass

    def handle_one_request(self):
        try:
            super().handle_one_request()
        except OSError:
            self.close_connection = True

    def relay(self):
        entry = {"method": self.command, "path": self.path, "bytes": 0, "status": 0}
        with STATE.lock:
            STATE.log.append(entry)
        if STATE.mode == "down":
            self.close_connection = True
            return
        if STATE.mode in REFUSALS:
            self.close_connection = True
            status, body = REFUSALS[STATE.mode]
            entry["status"] = status
            self.answer(status, [("Content-Type", "application/xml"), ("Connection", "close")],
                        body if self.command != "HEAD" else b"")
            return
        upstream = http.client.HTTPConnection(*UPSTREAM, timeout=60)
        try:
            self.forward(upstream, entry)
        finally:
            upstream.close()

    def forward(self, upstream, entry):
        upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in ("expect", "connection"):
                upstream.putheader(name, value)
        upstream.endheaders()
        left = int(self.headers.get("Content-Length") or 0)
        while left > 0:
            data = self.rfile.read1(min(CHUNK, left))
            if not data:
                raise ConnectionError("the client left")
            left -= len(data)
            entry["bytes"] += len(data)
            STATE.pace(len(data))
            if STATE.mode == "down":
                raise ConnectionError("down")
            upstream.send(data)
        answer = upstream.getresponse()
        headers = [(name, value) for name, value in answer.getheaders()
                   if name.lower() not in ("transfer-encoding", "connection")]
        if answer.getheader("Transfer-Encoding"):
            body = answer.read()
            headers = [h for h in headers if h[0].lower() != "content-length"] + [("Content-Length", str(len(body)))]
            self.answer(answer.status, headers, body)
        else:
            self.answer(answer.status, headers, b"")
            while data := answer.read(CHUNK):
                STATE.pace(len(data))
                if STATE.mode == "down":
                    raise ConnectionError("down")
                self.wfile.write(data)
        entry["status"] = answer.status

    def answer(self, status, headers, body):
        self.send_response_only(status)
        names = {name.lower() for name, _ in headers}
        for name, value in headers:
            self.send_header(name, value)
        if "content-length" not in names and status not in (204, 304):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = relay


class Orders(http.server.BaseHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def reply(self, value):
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        with STATE.lock:
            self.reply({"mode": STATE.mode, "log": list(STATE.log)})

    def do_POST(self):
        order = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        STATE.switch(order["mode"], order.get("rate"))
        if order.get("forget"):
            with STATE.lock:
                STATE.log.clear()
        self.reply({})


def main():
    global UPSTREAM
    if len(sys.argv) > 1:
        host, port = sys.argv[1].split(":")
        UPSTREAM = (host, int(port))
    server = http.server.ThreadingHTTPServer(("0.0.0.0", 8333), Relay)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    http.server.ThreadingHTTPServer(("0.0.0.0", 8380), Orders).serve_forever()


if __name__ == "__main__":
    main()
