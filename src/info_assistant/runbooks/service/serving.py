"""`incident serve`: an HTTP server for alerts, a clock, and a sender for each receiver."""

import hmac
import json
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from info_assistant.runbooks.errors import EngineError, RecordError
from info_assistant.runbooks.keeping.keeper import Keeper
from info_assistant.runbooks.outbox.sending import Sender
from info_assistant.runbooks.record.events import Event, Kind
from info_assistant.runbooks.service.alerts import AlertUnreadable, Desk, alerts_of, ending
from info_assistant.runbooks.service.exposition import Counts, exposition
from info_assistant.runbooks.service.provider_status import provider_status

TICK_S = 1.0
_PROVIDERS_S = 60.0
_STOP_S = 2.0
_MOST_BYTES = 2 * 1024 * 1024
_READ_S = 10.0
_STALE_S = 60.0
"""Without a tick for so long the service is not ready: its clock does not go."""


@dataclass(slots=True)
class Service:
    """Everything that runs until told to stop."""

    desk: Desk
    keeper: Keeper
    senders: Mapping[str, Sender]
    pages: Mapping[str, str] = field(default_factory=dict)
    """Providers' status pages."""
    token: str = ""
    """What a sender of alerts has to show, where it is set."""
    say: Callable[[str], None] = lambda _words: None
    tick_s: float = TICK_S
    providers: dict[str, str] = field(default_factory=dict)
    _counts: Counts = field(default_factory=lambda: Counts(0, 0, 0.0))
    _ticked: float = float("-inf")
    """When the clock went last, of the monotonic clock, which nobody sets."""
    _over: threading.Event = field(default_factory=threading.Event)
    _wake: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)
    _server: ThreadingHTTPServer | None = None

    def start(self, host: str, port: int) -> int:
        """Listen, and return the port. Raises OSError where nothing can listen there."""
        self._server = ThreadingHTTPServer(
            (host, port), type("Handler", (_Handler,), {"service": self})
        )
        self._server.daemon_threads = True
        work: list[tuple[str, Callable[[], None]]] = [
            ("http", lambda: self._server.serve_forever(0.1) if self._server else None),
            ("clock", self._steadily("The clock", self._keep, self._until_woken)),
            *((f"send-{name}", self._sending(each)) for name, each in self.senders.items()),
        ]
        if self.pages:
            asking = self._steadily(
                "Asking providers", self._ask_providers, self._pause(_PROVIDERS_S)
            )
            work.append(("providers", asking))
        for name, run in work:
            thread = threading.Thread(target=run, name=name, daemon=True)
            thread.start()
            self._threads.append(thread)
        return int(self._server.server_address[1])

    def stop(self) -> None:
        """Stop listening and end; what is being sent is finished, or goes on after a restart."""
        self._over.set()
        self._wake.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
        deadline = time.monotonic() + _STOP_S
        for thread in self._threads:
            thread.join(max(deadline - time.monotonic(), 0.0))

    @property
    def ready(self) -> bool:
        """Whether the clock goes and nobody has said stop."""
        return not self._over.is_set() and time.monotonic() - self._ticked < _STALE_S

    def take(self, body: object) -> list[str]:
        """Take alerts in. Raises AlertUnreadable, RecordError."""
        alerts = alerts_of(body)
        names = self.desk.take(alerts)
        counts = self._counts
        self._counts = Counts(counts.alerts + len(alerts), counts.ticks, counts.last_tick)
        self._wake.set()
        return names

    def metrics(self) -> str:
        """Return what Prometheus reads."""
        return exposition(self.desk.store, self.senders, self._counts, self.providers)

    def tick(self) -> list[Event]:
        """Do what is due: endings by alerts first, then calls and words."""
        for name in self.desk.store.names():
            try:
                self._end(name)
            except EngineError as problem:
                self.say(f"{name}: {problem.message}")
        found = self.keeper.tick()
        counts = self._counts
        self._counts = Counts(counts.alerts, counts.ticks + 1, time.time())
        self._ticked = time.monotonic()
        for event in found:
            self.say(f"{event.kind}: {event.data.get('what') or event.data.get('people') or ''}")
        return found

    def _end(self, name: str) -> None:
        store = self.desk.store
        if ending(store.seen(name)) is None:
            return
        event = store.decide(name, ending)
        if event is not None and event.kind == Kind.PROPOSED:
            words = f"All alerts are over. Is the cause gone? `incident resolve --id {name}`"
            self.keeper.remark(name, f"proposed-{event.hash}", words)

    def _steadily(
        self, what: str, step: Callable[[], object], wait: Callable[[], object]
    ) -> Callable[[], None]:
        """Return what takes a step and waits, until told to stop, whatever a step runs into."""

        def run() -> None:
            while not self._over.is_set():
                try:
                    step()
                except (EngineError, OSError) as problem:
                    self.say(f"{what} stumbled and goes on: {problem}")
                except Exception:  # noqa: BLE001
                    # Nobody would miss a thread that ends here, and it would be silent for good.
                    found = self.desk.store.redacted(traceback.format_exc())
                    self.say(f"{what} stumbled and goes on. {found}")
                wait()

        return run

    def _pause(self, seconds: float) -> Callable[[], bool]:
        return lambda: self._over.wait(seconds)

    def _keep(self) -> None:
        self._wake.clear()
        self.tick()

    def _until_woken(self) -> None:
        self._wake.wait(self.tick_s)

    def _sending(self, sender: Sender) -> Callable[[], None]:
        what = f"Sending to {sender.receiver.name}"
        return self._steadily(what, sender.run_once, self._pause(self.tick_s / 2))

    def _ask_providers(self) -> None:
        for name, url in self.pages.items():
            self.providers[name] = provider_status(url).state

    def may(self, header: str) -> bool:
        """Whether who sends that header may send alerts."""
        wanted = f"Bearer {self.token}".encode()
        return not self.token or hmac.compare_digest(header.encode(), wanted)


class _Handler(BaseHTTPRequestHandler):
    """Speaks HTTP for the service that its class is made with."""

    service: Service
    timeout = _READ_S

    def do_GET(self) -> None:
        """Answer probes and Prometheus."""
        if self.path == "/livez":
            self._reply(200, "ok\n")
        elif self.path == "/readyz":
            fine = self.service.ready
            self._reply(200 if fine else 503, "ready\n" if fine else "not ready\n")
        elif self.path == "/metrics":
            self._reply(200, self.service.metrics(), "text/plain; version=0.0.4; charset=utf-8")
        else:
            self._reply(404, "There is nothing here.\n")

    def do_POST(self) -> None:
        """Take alerts; the answer comes when they are on the disk."""
        if self.path != "/v1/alerts":
            self._reply(404, "Alerts go to /v1/alerts.\n")
            return
        if not self.service.may(self.headers.get("authorization", "")):
            self._reply(401, "The token of INCIDENT_ALERTS_TOKEN is needed.\n")
            return
        try:
            size = int(self.headers.get("content-length") or -1)
            if not 0 <= size <= _MOST_BYTES:
                self._reply(413, "Alerts of at most 2 MB with their length are taken.\n")
                return
            names = self.service.take(json.loads(self.rfile.read(size)))
        except (AlertUnreadable, ValueError) as problem:
            self._reply(400, f"{problem}\n")
        except (RecordError, OSError) as problem:
            # Alertmanager sends it again.
            self._reply(503, f"It could not be recorded: {problem}\n")
        else:
            self._reply(200, json.dumps({"incidents": names}), "application/json")

    def _reply(self, code: int, text: str, kind: str = "text/plain; charset=utf-8") -> None:
        data = text.encode()
        self.send_response(code)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(data)))
        self.send_header("cache-control", "no-store")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:  # noqa: ANN401  As http.server has it.
        """Say nothing of probes."""
