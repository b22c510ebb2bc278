"""A small S3 on loopback as a process of its own, for tests that break it.

It keeps objects in memory, knows what our blobs ask for (conditional PUT, uploads in parts, GET,
HEAD, DELETE, listings with a delimiter), and checks no signatures.
"""

import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from hashlib import md5
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit
from uuid import uuid4
from xml.sax.saxutils import escape

_BUCKET = "bucket"
_DEADLINE_S = 60.0
_RANGE = re.compile(r"bytes=(?P<first>\d+)-(?P<last>\d+)")


@dataclass(frozen=True)
class S3Process:
    """An S3 on a port; once stopped, it forgets everything."""

    port: int

    @staticmethod
    def url(prefix: str) -> str:
        """Return what BLOB_URL is to be for objects under this prefix."""
        return f"s3://{_BUCKET}/{prefix}"

    @property
    def endpoint(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> Mapping[str, str]:
        """The settings with which a backend keeps its objects here."""
        return {
            "BLOB_URL": self.url("objects"),
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        }

    @contextmanager
    def running(self) -> Iterator["subprocess.Popen[bytes]"]:
        """Run it until the block is left, frozen or not."""
        process = subprocess.Popen([sys.executable, __file__, str(self.port)])
        try:
            self._await_answer()
            yield process
        finally:
            process.kill()
            process.wait(_DEADLINE_S)

    def _await_answer(self) -> None:
        pause, left = threading.Event(), int(_DEADLINE_S / 0.05)
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                left -= 1
                assert left, "the S3 did not answer in time"
                pause.wait(0.05)
            else:
                return


class _Objects(ThreadingHTTPServer):
    """The server with what it holds."""

    daemon_threads = True

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.held: dict[str, bytes] = {}
        self.written: dict[str, datetime] = {}
        self.parts: dict[str, dict[int, bytes]] = {}
        self.lock = threading.Lock()


class _Handler(BaseHTTPRequestHandler):
    """Answers one connection."""

    protocol_version = "HTTP/1.1"
    server: _Objects

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  The base's name.
        """Say nothing."""

    @property
    def _key(self) -> str:
        return unquote(urlsplit(self.path).path).removeprefix(f"/{_BUCKET}").removeprefix("/")

    @property
    def _query(self) -> dict[str, str]:
        found = parse_qs(urlsplit(self.path).query, keep_blank_values=True)
        return {name: values[0] for name, values in found.items()}

    def do_PUT(self) -> None:
        data = self.rfile.read(int(self.headers["Content-Length"]))
        with self.server.lock:
            if self.headers.get("If-None-Match") == "*" and self._key in self.server.held:
                self._reply(412, _problem("PreconditionFailed"))
                return
            if "partNumber" in self._query:
                number = int(self._query["partNumber"])
                self.server.parts[self._query["uploadId"]][number] = data
            else:
                self._keep(data)
        self._reply(200, b"", ETag=_etag(data))

    def _keep(self, data: bytes) -> None:
        self.server.held[self._key] = data
        self.server.written[self._key] = datetime.now(UTC)

    def do_GET(self) -> None:
        if not self._key:
            self._list()
        elif (data := self.server.held.get(self._key)) is None:
            self._reply(404, _problem("NoSuchKey"))
        else:
            when = format_datetime(self.server.written[self._key], usegmt=True)
            told = {"ETag": _etag(data), "Last-Modified": when}
            wanted = _RANGE.fullmatch(self.headers.get("Range", ""))
            if wanted is None:
                self._reply(200, data, **told)
                return
            first, last = int(wanted["first"]), min(int(wanted["last"]), len(data) - 1)
            place = {"Content-Range": f"bytes {first}-{last}/{len(data)}"}
            self._reply(206, data[first : last + 1], **told, **place)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_DELETE(self) -> None:
        self.server.held.pop(self._key, None)
        self._reply(204, b"")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if "uploads" in self._query:
            upload = uuid4().hex
            self.server.parts[upload] = {}
            self._reply(200, _xml("InitiateMultipartUploadResult", UploadId=upload))
            return
        if "uploadId" in self._query:
            parts = self.server.parts.pop(self._query["uploadId"])
            data = b"".join(parts[number] for number in sorted(parts))
            with self.server.lock:
                self._keep(data)
            self._reply(200, _xml("CompleteMultipartUploadResult", ETag=_etag(data)))
            return
        keys = [part.split("</Key>")[0] for part in body.split("<Key>")[1:]]
        for key in keys:
            self.server.held.pop(key, None)
        gone = "".join(f"<Deleted><Key>{escape(key)}</Key></Deleted>" for key in keys)
        self._reply(200, f"<DeleteResult>{gone}</DeleteResult>".encode())

    def _list(self) -> None:
        wanted = parse_qs(urlsplit(self.path).query)
        prefix, delimiter = (wanted.get(name, [""])[0] for name in ("prefix", "delimiter"))
        with self.server.lock:
            found = {key: data for key, data in self.server.held.items() if key.startswith(prefix)}
        folders = {
            prefix + key[len(prefix) :].split(delimiter)[0] + delimiter
            for key in found
            if delimiter and delimiter in key[len(prefix) :]
        }
        rows = [
            f"<Contents><Key>{escape(key)}</Key><LastModified>{self._when(key)}</LastModified>"
            f"<ETag>{escape(_etag(data))}</ETag><Size>{len(data)}</Size></Contents>"
            for key, data in sorted(found.items())
            if not (delimiter and delimiter in key[len(prefix) :])
        ]
        rows += [
            f"<CommonPrefixes><Prefix>{escape(each)}</Prefix></CommonPrefixes>"
            for each in sorted(folders)
        ]
        body = (
            f"<ListBucketResult><IsTruncated>false</IsTruncated>{''.join(rows)}</ListBucketResult>"
        )
        self._reply(200, body.encode())

    def _when(self, key: str) -> str:
        return self.server.written[key].strftime("%Y-%m-%dT%H:%M:%S.000Z")

    def _reply(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _etag(data: bytes) -> str:
    return f'"{md5(data, usedforsecurity=False).hexdigest()}"'


def _xml(name: str, **fields: str) -> bytes:
    inner = "".join(f"<{each}>{escape(value)}</{each}>" for each, value in fields.items())
    return f"<{name}><Bucket>{_BUCKET}</Bucket><Key>k</Key>{inner}</{name}>".encode()


def _problem(code: str) -> bytes:
    return f"<Error><Code>{code}</Code></Error>".encode()


if __name__ == "__main__":
    _Objects(int(sys.argv[1])).serve_forever()
