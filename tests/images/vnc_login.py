"""Logs in to a VNC server over its WebSocket, as noVNC does. usage: vnc_login.py HOST PORT PASSWORD

Prints `accepted WIDTHxHEIGHT` (exit 0) or `refused REASON` (exit 3); anything else is an error (exit 1).
"""

import base64
import hashlib
import os
import socket
import struct
import subprocess
import sys


class WebSocket:
    """A client's binary WebSocket on a stream socket: enough for a short talk."""

    def __init__(self, host, port):
        self.socket = socket.create_connection((host, port), timeout=5)
        self.bytes = b""
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            f"GET /websockify HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: binary\r\n\r\n".encode()
        )
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self.exact(1)
        expected = base64.b64encode(hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest())
        if b" 101 " not in head.split(b"\r\n")[0] or expected not in head:
            raise RuntimeError(f"no WebSocket: {head[:80]!r}")

    def exact(self, size):
        data = b""
        while len(data) < size:
            part = self.socket.recv(size - len(data))
            if not part:
                raise EOFError("the server closed the connection")
            data += part
        return data

    def send(self, data):
        mask = os.urandom(4)
        body = bytes(byte ^ mask[i % 4] for i, byte in enumerate(data))
        self.socket.sendall(struct.pack("!BB", 0x82, 0x80 | len(data)) + mask + body)

    def read(self, size):
        while len(self.bytes) < size:
            kind, length = self.exact(2)
            if length == 126:
                (length,) = struct.unpack("!H", self.exact(2))
            payload = self.exact(length)
            if kind & 15 == 8:
                raise EOFError("the server closed the WebSocket")
            if kind & 15 < 3:
                self.bytes += payload
        data, self.bytes = self.bytes[:size], self.bytes[size:]
        return data


def des(password, challenge):
    """VNC's challenge answer: DES with each byte of the key's bits in reverse."""
    key = bytes(int(f"{byte:08b}"[::-1], 2) for byte in password.encode()[:8].ljust(8, b"\0"))
    command = ["openssl", "enc", "-des-ecb", "-nopad", "-K", key.hex(), "-provider", "legacy", "-provider", "default"]
    return subprocess.run(command, input=challenge, capture_output=True, check=True, timeout=10).stdout


def reason(ws):
    (size,) = struct.unpack("!I", ws.read(4))
    return ws.read(size).decode(errors="replace")


def login(host, port, password):
    ws = WebSocket(host, port)
    if not ws.read(12).startswith(b"RFB 003."):
        raise RuntimeError("not a VNC server")
    ws.send(b"RFB 003.008\n")
    count = ws.read(1)[0]
    if count == 0:
        return False, reason(ws)
    types = ws.read(count)
    if types != b"\x02":
        raise RuntimeError(f"offers other security types than a password: {types!r}")
    ws.send(b"\x02")
    ws.send(des(password, ws.read(16)))
    try:
        if struct.unpack("!I", ws.read(4))[0]:
            return False, reason(ws)
    except EOFError as error:
        return False, str(error)
    ws.send(b"\x01")
    return True, "%dx%d" % struct.unpack("!HH", ws.read(4))


if __name__ == "__main__":
    accepted, detail = login(sys.argv[1], int(sys.argv[2]), sys.argv[3])
    print("accepted" if accepted else "refused", detail)
    sys.exit(0 if accepted else 3)
