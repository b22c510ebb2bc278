"""Stand-ins for everybody who is told of incidents, on loopback, which misbehave on command.

One server speaks as Slack, Statuspage, PagerDuty, Jira, a webhook and the backend, below a path
each. What it took is kept the way the real one keeps it, so that doubles can be counted.
"""

import contextlib
import json
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.message import Message
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


class Misbehaviour(StrEnum):
    """What a stand-in does to the next requests that change something."""

    FAIL = "fail"
    HANG = "hang"
    CALM = "calm"
    """420, as Statuspage."""
    LIMIT = "limit"
    """429 with Retry-After: 1."""
    DIE_AFTER = "die_after"
    """Takes the message and breaks the connection instead of an answer."""


_CODES = {Misbehaviour.FAIL: 503, Misbehaviour.CALM: 420, Misbehaviour.LIMIT: 429}


@dataclass(slots=True)
class Taken:
    """What one receiver has: things by their id, and all calls that changed something."""

    things: dict[str, dict[str, Any]] = field(default_factory=dict)
    calls: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    """Method, path and body, in the order in which they came."""
    moments: list[float] = field(default_factory=list)
    fired: Counter[Misbehaviour] = field(default_factory=Counter)


class Receivers:
    """All receivers; `url` is the address below which each has a path of its name."""

    def __init__(self, *, hang_s: float = 2.0) -> None:
        """Start listening; a request that hangs does so for `hang_s`."""
        self.taken: defaultdict[str, Taken] = defaultdict(Taken)
        self._hang_s = hang_s
        self._next: defaultdict[str, list[Misbehaviour]] = defaultdict(list)
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def misbehave(self, name: str, *how: Misbehaviour) -> None:
        """Make the next requests to a receiver go wrong, one after the other."""
        self._next[name] = [*how]

    def close(self) -> None:
        """Stop listening."""
        self._over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def answer(
        self, method: str, path: str, body: dict[str, Any], reply: Callable[[int, Any], None]
    ) -> None:
        """Do what the receiver of that path does."""
        parts = urlsplit(path)
        _, name, *rest = parts.path.split("/")
        asked = {key: values[-1] for key, values in parse_qs(parts.query).items()}
        changes = method != "GET"
        with self._lock:
            how = self._next[name].pop(0) if changes and self._next[name] else None
            if how:
                self.taken[name].fired[how] += 1
        if how is Misbehaviour.HANG:
            self._over.wait(self._hang_s)
            raise ConnectionAbortedError
        if how in _CODES:
            reply(_CODES[how], {"error": how})
            return
        with self._lock:
            taken = self.taken[name]
            if changes:
                taken.calls.append((method, "/".join(rest), body))
                taken.moments.append(time.monotonic())
            content = _ANSWERS[name](taken, method, rest, body | asked)
        if how is Misbehaviour.DIE_AFTER:
            raise ConnectionAbortedError
        reply(404 if content is None else 200, content)


def _handler(receivers: Receivers) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _any(self) -> None:
            size = int(self.headers.get("content-length") or 0)
            body = json.loads(self.rfile.read(size)) if size else {}
            body.update({"_id": key} if (key := self.headers.get("idempotency-key")) else {})
            if refused := _refused(self.path, self.command, self.headers):
                self._reply(refused, {"error": "as the real one would say"})
                return
            try:
                receivers.answer(self.command, self.path, body, self._reply)
            except ConnectionAbortedError:
                self.close_connection = True

        def _reply(self, code: int, content: Any) -> None:  # noqa: ANN401  Any JSON.
            data = json.dumps(content).encode()
            self.send_response(code)
            if code in {_CODES[Misbehaviour.LIMIT], _CODES[Misbehaviour.CALM]}:
                self.send_header("retry-after", "1")
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_PATCH = _any  # noqa: N815  As http.server has it.

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler


def _refused(path: str, method: str, headers: Message) -> int:
    """Return the status with which Statuspage refuses a request of a wrong form; 0 for others."""
    if not path.startswith("/statuspage/"):
        return 0
    if not str(headers.get("authorization", "")).startswith("OAuth "):
        return 401
    is_json = str(headers.get("content-type", "")).startswith("application/json")
    return 0 if is_json or method == "GET" else 415


def _slack(taken: Taken, _method: str, rest: list[str], body: dict[str, Any]) -> Any:  # noqa: ANN401
    call = rest[0]
    posts = taken.things
    if call == "chat.postMessage":
        ts = f"{1_700_000_000 + len(posts)}.0001"
        posts[ts] = {"ts": ts, **body}
        return {"ok": True, "channel": "C0INCIDENTS", "ts": ts}
    if call == "chat.update":
        if body["ts"] not in posts:
            return {"ok": False, "error": "message_not_found"}
        posts[body["ts"]].update(body)
        return {"ok": True, "channel": "C0INCIDENTS", "ts": body["ts"]}
    if call == "conversations.list":
        return {"ok": True, "channels": [{"id": "C0INCIDENTS", "name": "pubsec-incidents"}]}
    thread = body.get("ts")
    found = [each for each in posts.values() if thread in {None, each["ts"], each.get("thread_ts")}]
    return {"ok": True, "messages": found}


def _statuspage(taken: Taken, method: str, rest: list[str], body: dict[str, Any]) -> Any:  # noqa: ANN401
    identity = rest[3] if len(rest) > 3 else ""  # noqa: PLR2004  /pages/{page}/incidents/{id}
    if rest[-1] in {"postmortem", "publish"}:
        taken.things[identity].setdefault("postmortem", {}).update(body.get("postmortem", {}))
        return taken.things[identity]
    if method == "GET":
        return taken.things.get(identity) if identity else list(taken.things.values())
    given = body["incident"]
    if method == "POST":
        identity = f"inc{len(taken.things) + 1}"
        taken.things[identity] = {"id": identity, "incident_updates": []}
    if identity not in taken.things:
        return None
    taken.things[identity].update(given)
    update = {"body": given.get("body"), "status": given.get("status")}
    taken.things[identity]["incident_updates"].insert(0, update)
    return taken.things[identity]


def _pagerduty(taken: Taken, _method: str, rest: list[str], body: dict[str, Any]) -> Any:  # noqa: ANN401
    if rest == ["oncalls"]:
        return {"oncalls": [{"user": {"summary": "ada"}}]}
    known = taken.things.setdefault(body["dedup_key"], {"events": []})
    known["events"].append(body["event_action"])
    known.update(body)
    return {"status": "success", "dedup_key": body["dedup_key"]}


def _jira(taken: Taken, method: str, rest: list[str], body: dict[str, Any]) -> Any:  # noqa: ANN401
    if rest[3:4] == ["search"]:
        found = [each for each in taken.things.values() if f'"{each["labels"][0]}"' in body["jql"]]
        return {"issues": found}
    if rest[-1] == "comment":
        comments = taken.things[rest[4]]["comments"]
        if method == "POST":
            comments.append({"body": body["body"]})
        return {"comments": comments}
    identity = f"OPS-{len(taken.things) + 1}"
    taken.things[identity] = {"key": identity, "comments": [], **body["fields"]}
    return {"key": identity}


def _by_id(taken: Taken, _method: str, _rest: list[str], body: dict[str, Any]) -> Any:  # noqa: ANN401
    taken.things[str(body.get("id"))] = body
    return {}


_ANSWERS: dict[str, Callable[[Taken, str, list[str], dict[str, Any]], Any]] = {
    "slack": _slack,
    "statuspage": _statuspage,
    "pagerduty": _pagerduty,
    "jira": _jira,
    "webhook": _by_id,
    "backend": _by_id,
}


@contextlib.contextmanager
def running_receivers(*, hang_s: float = 2.0) -> Iterator[Receivers]:
    """Run the stand-ins for the duration of the context."""
    receivers = Receivers(hang_s=hang_s)
    try:
        yield receivers
    finally:
        receivers.close()
