"""A relay in front of Docker's socket whose event streams can be cut, frozen (half-open) or made to swallow events.

Other calls pass untouched. Runs inside the test process; berthd gets its socket by a value of the stack.
"""

import contextlib
import os
import socket
import threading

from support.wait import wait_until


@contextlib.contextmanager
def behind_relay(install, setting, listener):
    """A relay between the engine and the program that finds its socket by `setting` of the stack."""
    path = os.path.join(install.home, listener + "-relay.sock")
    relay = DockerRelay(path, install.exports["DOCKER_HOST"].removeprefix("unix://"))
    install.deploy(**{setting: path})
    try:
        wait_until(install.api.healthy, 60, "berthd is there, with the relay")
        wait_until(relay.event_streams, 60, f"{listener} listens to events through the relay")
        yield relay
    finally:
        install.deploy()
        wait_until(install.api.healthy, 60, "berthd is back, without the relay")
        relay.close()


class DockerRelay:
    def __init__(self, path, upstream):
        self.path = path
        self.upstream = upstream
        self.lock = threading.Lock()
        self.streams = []
        self.swallowing = False
        self.swallowed = 0
        self.calls = []
        if os.path.exists(path):
            os.unlink(path)
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(path)
        os.chmod(path, 0o666)
        self.server.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self.server.close()
        self.cut()
        os.unlink(self.path)

    # --- faults ---

    def cut(self):
        """Ends every open event stream. Returns how many there were."""
        with self.lock:
            streams, self.streams = self.streams, []
        for stream in streams:
            stream.stop()
        return len(streams)

    def freeze(self):
        """Open event streams stay open and deliver nothing any more; new ones work."""
        with self.lock:
            for stream in self.streams:
                stream.frozen = True
            return len(self.streams)

    def event_streams(self):
        with self.lock:
            return sum(not stream.frozen for stream in self.streams)

    # --- plumbing ---

    def _accept(self):
        while True:
            try:
                client, _ = self.server.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        try:
            server = socket.socket(socket.AF_UNIX)
            server.connect(self.upstream)
        except OSError:
            client.close()
            return
        stream = _Stream(self, client, server)
        threading.Thread(target=stream.down, daemon=True).start()
        stream.up()


class _Stream:
    def __init__(self, relay, client, server):
        self.relay = relay
        self.client = client
        self.server = server
        self.events = False
        self.frozen = False
        self.answered = False

    def stop(self):
        for end in (self.client, self.server):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def up(self):
        self._pump(self.client, self.server, self._note_request)

    def down(self):
        self._pump(self.server, self.client, self._pass_answer)
        with self.relay.lock:
            if self in self.relay.streams:
                self.relay.streams.remove(self)

    def _pump(self, source, target, allowed):
        try:
            while data := source.recv(65536):
                if allowed(data):
                    target.sendall(data)
        except OSError:
            pass
        if self.frozen:
            return  # half-open: the other side must not learn that this one is gone
        self.stop()

    def _note_request(self, data):
        line = data.split(b"\r\n", 1)[0].decode(errors="replace")
        if line.endswith(("HTTP/1.1", "HTTP/1.0")):
            with self.relay.lock:
                self.relay.calls.append(line.rsplit(" ", 1)[0])
                if "/events" in line:
                    self.events, self.answered = True, False
                    self.relay.streams.append(self)
        return True

    def _pass_answer(self, data):
        if not self.events:
            return True
        if self.frozen:
            return False
        if not self.answered:
            self.answered = True
            return True
        if self.relay.swallowing:
            self.relay.swallowed += 1
            return False
        return True
