"""A small S3 client: signed requests (signature version 4, path style) on the standard library."""

import datetime
import hashlib
import hmac
import http.client
import urllib.parse
import xml.etree.ElementTree as xml


class S3Error(Exception):
    def __init__(self, status, text):
        super().__init__(f"S3 answered {status}: {text[:300]}")
        self.status = status


class S3:
    def __init__(self, endpoint, access_key, secret_key, region="us-east-1"):
        self.where = urllib.parse.urlsplit(endpoint)
        self.access_key = access_key
        self.secret_key = secret_key
        self.region = region

    def request(self, method, path, query=None, body=b""):
        path = urllib.parse.quote(path)
        query = "&".join(
            f"{urllib.parse.quote(k, safe='')}={urllib.parse.quote(v, safe='')}" for k, v in sorted((query or {}).items()))
        now = datetime.datetime.now(datetime.timezone.utc)
        headers = self._headers(body, now)
        headers["Authorization"] = self._authorization(method, path, query, headers, now)
        connection = http.client.HTTPConnection(self.where.hostname, self.where.port, timeout=20)
        try:
            connection.request(method, path + ("?" + query if query else ""), body=body or None, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def _headers(self, body, now):
        return {
            "host": self.where.netloc,
            "x-amz-content-sha256": hashlib.sha256(body).hexdigest(),
            "x-amz-date": now.strftime("%Y%m%dT%H%M%SZ"),
        }

    def _authorization(self, method, path, query, headers, now):
        signed = ";".join(sorted(headers))
        canonical = "\n".join(
            [method, path, query, *(f"{k}:{headers[k]}" for k in sorted(headers)), "", signed, headers["x-amz-content-sha256"]])
        scope = f"{now:%Y%m%d}/{self.region}/s3/aws4_request"
        to_sign = "\n".join(
            ["AWS4-HMAC-SHA256", headers["x-amz-date"], scope, hashlib.sha256(canonical.encode()).hexdigest()])
        key = ("AWS4" + self.secret_key).encode()
        for part in scope.split("/"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        signature = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
        return f"AWS4-HMAC-SHA256 Credential={self.access_key}/{scope}, SignedHeaders={signed}, Signature={signature}"

    def _ok(self, method, path, query=None, body=b""):
        status, text = self.request(method, path, query, body)
        if status >= 300:
            raise S3Error(status, text.decode(errors="replace"))
        return text

    def make_bucket(self, bucket):
        self._ok("PUT", f"/{bucket}")

    def put(self, bucket, name, data):
        self._ok("PUT", f"/{bucket}/{name}", body=data if isinstance(data, bytes) else data.encode())

    def get(self, bucket, name):
        """The object's bytes, or None when there is none."""
        status, text = self.request("GET", f"/{bucket}/{name}")
        if status == 404:
            return None
        if status >= 300:
            raise S3Error(status, text.decode(errors="replace"))
        return text

    def head(self, bucket, name):
        """An object's headers, by name in lower case."""
        path = urllib.parse.quote(f"/{bucket}/{name}")
        now = datetime.datetime.now(datetime.timezone.utc)
        headers = self._headers(b"", now)
        headers["Authorization"] = self._authorization("HEAD", path, "", headers, now)
        connection = http.client.HTTPConnection(self.where.hostname, self.where.port, timeout=20)
        try:
            connection.request("HEAD", path, headers=headers)
            answer = connection.getresponse()
            if answer.status >= 300:
                raise S3Error(answer.status, f"HEAD {name}")
            return {key.lower(): value for key, value in answer.getheaders()}
        finally:
            connection.close()

    def delete(self, bucket, name):
        self._ok("DELETE", f"/{bucket}/{name}")

    def list(self, bucket, prefix=""):
        """Names of all objects, sorted."""
        names, token = [], None
        while True:
            query = {"list-type": "2", "prefix": prefix}
            if token:
                query["continuation-token"] = token
            root = xml.fromstring(self._ok("GET", f"/{bucket}", query))
            space = root.tag[: root.tag.index("}") + 1] if root.tag.startswith("{") else ""
            names += [item.findtext(space + "Key") for item in root.findall(space + "Contents")]
            token = root.findtext(space + "NextContinuationToken")
            if not token:
                return sorted(name for name in names if not name.endswith("/"))

    def files(self, bucket, prefix=""):
        """Names of the user's files: without what Berth keeps beside them (manifest, trash)."""
        return [name for name in self.list(bucket, prefix) if ".berth" not in name.split("/")]

    def remove_bucket(self, bucket):
        for name in self.list(bucket):
            self.delete(bucket, name)
        self.request("DELETE", f"/{bucket}")
