"""An S3 server of the few calls that a bucket check makes, kept in memory: every bucket is there, everything is allowed."""

import http.server
import threading
import urllib.parse

LISTING = (b'<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
           b"<IsTruncated>false</IsTruncated><KeyCount>0</KeyCount></ListBucketResult>")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    objects = {}

    def reply(self, status, body=b""):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Type", "application/xml")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def key(self):
        """Bucket and name, or None for the bucket itself."""
        parts = urllib.parse.urlsplit(self.path).path.lstrip("/").split("/", 1)
        return tuple(parts) if len(parts) == 2 and parts[1] else None

    def do_GET(self):
        if self.key() is None:
            return self.reply(200, LISTING)
        found = self.objects.get(self.key())
        return self.reply(404) if found is None else self.reply(200, found)

    do_HEAD = do_GET

    def do_PUT(self):
        data = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.headers.get("If-None-Match") == "*" and self.key() in self.objects:
            return self.reply(412)
        self.objects[self.key()] = data
        return self.reply(200)

    def do_DELETE(self):
        self.objects.pop(self.key(), None)
        self.reply(204)

    def log_message(self, *args):
        pass


class S3StandIn:
    def __enter__(self):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *failure):
        self.server.shutdown()
        self.server.server_close()
