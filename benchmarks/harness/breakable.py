"""A service of real processes in which each part can be killed, frozen, slowed and lied about.

Nobody starts anything again, unlike under `up`: what is killed stays dead.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import psutil
from benchmarks.harness.processes import (
    KEY,
    await_ready,
    await_true,
    environment,
    running,
)

from info_assistant.cli.local_redis import server
from info_assistant.drills.ports import unused_port
from info_assistant.drills.providers import ProviderStandIn, ProviderThread, running_providers
from info_assistant.drills.scripted_answers import quoting

_TEXT = "Employees carry over five days of annual leave. Leave is asked for in writing."
_QUESTION = "How many days of annual leave do employees carry over?"
_READY_S = 180.0
_ROLES = {"qdrant": "local-qdrant", "backend": "serve", "frontend": "frontend", "worker": "worker"}

PARTS = ("redis", *_ROLES)
"""The processes of a service, in the order in which they start; the worker only where wanted."""


class SlowLine:
    """Passes connections on to a port of loopback, and holds each answer back for `delay_s`."""

    def __init__(self, port: int) -> None:
        """Pass on to `port`."""
        self.delay_s = 0.0
        self.held_back = 0
        self._to = port
        self._over = threading.Event()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Accept nothing more."""
        self._over.set()
        self._server.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._server.accept()
                far = socket.create_connection(("127.0.0.1", self._to))
            except OSError:
                return
            for pair, delayed in (((near, far), False), ((far, near), True)):
                threading.Thread(target=self._pass_on, args=(*pair, delayed), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket, delayed: bool) -> None:  # noqa: FBT001  Of a thread.
        with suppress(OSError):
            while piece := source.recv(65536):
                if delayed and self.delay_s:
                    self.held_back += 1
                    self._over.wait(self.delay_s)
                target.sendall(piece)
        for each in (source, target):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


@dataclass
class Breakable:
    """A running service; `processes` by part: qdrant, redis, backend, frontend, perhaps worker."""

    folder: Path
    settings: Mapping[str, str]
    processes: dict[str, "subprocess.Popen[bytes]"]
    start_again: Mapping[str, Callable[[], "subprocess.Popen[bytes]"]]
    openai: ProviderStandIn
    providers: ProviderThread
    lines: Mapping[str, SlowLine]
    over: threading.Event = field(default_factory=threading.Event)

    def kill(self, part: str) -> None:
        """Let a part die at once."""
        self.processes[part].kill()
        self.processes[part].wait()

    def mend(self, part: str) -> None:
        """Start a part again that was killed."""
        self.processes[part] = self.start_again[part]()

    def freeze(self, part: str) -> None:
        """Let a part accept connections, and do nothing."""
        self.processes[part].send_signal(signal.SIGSTOP)
        await_true(lambda: self.is_frozen(part), 10, f"{part} stands still")

    def thaw(self, part: str) -> None:
        """Let a part go on that stands still."""
        self.processes[part].send_signal(signal.SIGCONT)
        await_true(lambda: not self.is_frozen(part), 10, f"{part} goes on")

    def is_frozen(self, part: str) -> bool:
        """Whether a part stands still."""
        return psutil.Process(self.processes[part].pid).status() == psutil.STATUS_STOPPED

    @contextmanager
    def model_refusing(self) -> Iterator[None]:
        """Let nobody listen where the language model was until the block is left."""
        self.providers.hang_up(self.openai)
        try:
            yield
        finally:
            self.providers.add(self.openai)

    @contextmanager
    def limping(self, part: str, stands_s: float, runs_s: float) -> Iterator[None]:
        """Let a part stand still and run in turns until the block is left."""
        done = threading.Event()

        def limp() -> None:
            while not done.is_set():
                self.processes[part].send_signal(signal.SIGSTOP)
                done.wait(stands_s)
                self.processes[part].send_signal(signal.SIGCONT)
                done.wait(runs_s)

        thread = threading.Thread(target=limp)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    @contextmanager
    def readers(self, count: int, *, ask_anew: bool = False) -> Iterator[None]:
        """Let this many readers ask one question after the other until the block is left.

        They ask the same again and again or, with `ask_anew`, what nobody has asked before.
        """
        threads = [
            threading.Thread(
                target=self._ask, args=(f" Case {n}-" if ask_anew else "",), daemon=True
            )
            for n in range(count)
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.over.set()

    def _ask(self, case: str) -> None:
        asked = 0
        while not self.over.wait(0.3):
            asked += 1
            words = f"{_QUESTION}{case}{asked}." if case else _QUESTION
            request = urllib.request.Request(  # noqa: S310  Loopback.
                f"{self.settings['BACKEND_URL']}/v1/query",
                data=json.dumps({"question": words}).encode(),
                headers={"Content-Type": "application/json"},
            )
            with suppress(OSError), urllib.request.urlopen(request, timeout=30) as reply:  # noqa: S310
                reply.read()

    def diagnose(self) -> "subprocess.CompletedProcess[str]":
        """Run `incident diagnose --json` as a process of its own."""
        return diagnose(self.settings)


def diagnose(settings: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    """Run `incident diagnose --json` with these settings."""
    return subprocess.run(
        [sys.executable, "-m", "info_assistant.runbooks", "incident", "diagnose", "--json"],
        env=environment(settings),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@contextmanager
def breakable(
    *,
    slow: tuple[str, ...] = (),
    with_model: bool = True,
    with_document: bool = True,
    with_worker: bool = False,
    more: Mapping[str, str] | None = None,
) -> Iterator[Breakable]:
    """Run a service until the block is left; the parts in `slow` are reached over a SlowLine.

    `more` are further settings.
    """
    openai = ProviderStandIn("openai", script=quoting)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="diagnosis-")))
        providers = stack.enter_context(running_providers(openai))
        ports = {name: unused_port() for name in PARTS}
        lines = {}
        for name in slow:
            line = lines[name] = SlowLine(openai.port if name == "openai" else ports[name])
            stack.callback(line.close)
        at = ports | {"openai": openai.port} | {name: line.port for name, line in lines.items()}
        settings = {
            "DATA_DIR": str(folder),
            "QDRANT_API_KEY": KEY,
            "QDRANT_URL": f"http://127.0.0.1:{at['qdrant']}",
            "REDIS_URL": f"redis://127.0.0.1:{at['redis']}",
            "BACKEND_PORT": str(at["backend"]),
            "BACKEND_URL": f"http://127.0.0.1:{at['backend']}",
            "FRONTEND_PORT": str(at["frontend"]),
            "FRONTEND_URL": f"http://127.0.0.1:{at['frontend']}",
            "WORKER_PORT": str(at["worker"]),
            **(more or {}),
        }
        if with_model:
            settings |= {
                "OPENAI_API_KEY": "drill",
                "OPENAI_BASE_URL": f"http://127.0.0.1:{at['openai']}/v1",
            }
        own = settings | {
            "QDRANT_URL": f"http://127.0.0.1:{ports['qdrant']}",
            "REDIS_URL": f"redis://127.0.0.1:{ports['redis']}",
        }
        again = _startable(stack, folder, settings, own)
        wanted = [part for part in PARTS if part != "worker" or with_worker]
        processes = {part: again[part]() for part in wanted}
        _await_all(processes, folder, settings, own)
        service = Breakable(folder, settings, processes, again, openai, providers, lines)
        stack.callback(_let_go, service)
        if with_document:
            _hand_in(settings["BACKEND_URL"])
        yield service


def _startable(
    stack: ExitStack, folder: Path, settings: Mapping[str, str], own: Mapping[str, str]
) -> Mapping[str, Callable[[], "subprocess.Popen[bytes]"]]:
    """Return how to start each part; `own` has the ports on which Qdrant and Redis listen."""
    logs = folder / "logs"
    logs.mkdir()

    def start(role: str, environ: Mapping[str, str]) -> "subprocess.Popen[bytes]":
        command = ["-m", "info_assistant", role, "--parent", str(os.getpid())]
        return stack.enter_context(running(command, environ, logs / f"{role}.log"))

    return {"redis": partial(_redis, stack, folder, own)} | {
        part: partial(start, role, own if part == "qdrant" else settings)
        for part, role in _ROLES.items()
    }


def _await_all(
    processes: Mapping[str, "subprocess.Popen[bytes]"],
    folder: Path,
    settings: Mapping[str, str],
    own: Mapping[str, str],
) -> None:
    urls = {
        "qdrant": own["QDRANT_URL"],
        "backend": settings["BACKEND_URL"],
        "frontend": settings["FRONTEND_URL"],
        "worker": f"http://127.0.0.1:{settings['WORKER_PORT']}",
    }
    for part in processes.keys() & urls.keys():
        log = folder / "logs" / f"{_ROLES[part]}.log"
        await_ready(processes[part], f"{urls[part]}/readyz", log)
    await_true(lambda: _is_well(settings["BACKEND_URL"]), _READY_S, "all dependencies are well")


def _redis(
    stack: ExitStack, folder: Path, settings: Mapping[str, str]
) -> "subprocess.Popen[bytes]":
    program = server()
    if program is None:
        raise RuntimeError("There is no Redis for this machine, so nothing can be tried.")
    port = settings["REDIS_URL"].rsplit(":", 1)[1]
    process = subprocess.Popen(
        [program, "--port", port, "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def end() -> None:
        process.kill()
        process.wait()

    stack.callback(end)
    return process


def _is_well(backend: str) -> bool:
    try:
        with urllib.request.urlopen(f"{backend}/health?strict=1", timeout=2):  # noqa: S310
            return True
    except urllib.error.HTTPError as error:
        error.close()
        return False
    except OSError:
        return False


def _let_go(service: Breakable) -> None:
    """Let frozen processes run again, as they could not end in good order otherwise."""
    service.over.set()
    for process in service.processes.values():
        if process.poll() is None:
            process.send_signal(signal.SIGCONT)


def _hand_in(backend: str) -> None:
    """Put one document in, so that there is something to answer from."""
    boundary = "part"
    body = (
        f"--{boundary}\r\nContent-Disposition: form-data; name=file; filename=leave.txt\r\n"
        f"Content-Type: text/plain\r\n\r\n{_TEXT}\r\n--{boundary}--\r\n"
    )
    request = urllib.request.Request(  # noqa: S310  Loopback.
        f"{backend}/v1/documents",
        data=body.encode(),
        headers={"Content-Type": f"multipart/form-data; boundary={boundary}"},
    )
    with urllib.request.urlopen(request, timeout=30) as reply:  # noqa: S310
        reply.read()

    def answers() -> bool:
        with urllib.request.urlopen(f"{backend}/v1/documents?state=ready", timeout=30) as reply:  # noqa: S310
            return b'"leave.txt"' in reply.read()

    await_true(answers, _READY_S, "the document is ready", 0.2)
