"""Serves noVNC's page and relays its WebSocket to the VNC server's unix socket.

The VNC password is a plain file in the control volume. It may come after the start and may change, so it is read at every connection
and handed to the VNC server in the obfuscated form that it reads at every login. No file, or an empty one: nobody gets in.
"""

import os
import subprocess
import sys

sys.path.insert(0, "/opt/wheels")

from websockify.websocketproxy import ProxyRequestHandler, WebSocketProxy  # noqa: E402

PLAIN = "/run/berth/vnc-password"
OBFUSCATED = "/run/berth-ws/vnc.passwd"


def refresh_password():
    try:
        with open(PLAIN, "rb") as file:
            password = file.read(4096).split(b"\n", 1)[0].strip()
    except OSError:
        password = b""
    if not password:
        try:
            os.unlink(OBFUSCATED)
        except FileNotFoundError:
            pass
        return
    result = subprocess.run(["tigervncpasswd", "-f"], input=password[:8] + b"\n", capture_output=True, check=True, timeout=5)
    part = f"{OBFUSCATED}.{os.getpid()}"
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(result.stdout)
    os.replace(part, OBFUSCATED)


class Handler(ProxyRequestHandler):
    def new_websocket_client(self):
        refresh_password()
        super().new_websocket_client()


if __name__ == "__main__":
    WebSocketProxy(
        RequestHandlerClass=Handler,
        listen_host="0.0.0.0",
        listen_port=6080,
        unix_target="/run/berth-ws/vnc.sock",
        web="/opt/novnc",
        file_only=True,
        heartbeat=30,
    ).start_server()
