"""The whole product as `info-assistant up` starts it, on ports and a folder of its own."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import httpx2
import psutil
from benchmarks.harness.corpus import File
from benchmarks.harness.processes import await_true, environment, stop
from benchmarks.harness.report import ROOT, say

from info_assistant.drills.ports import unused_port

_UNDER_WAY = ("indexing", "accepted", "reading", "interrupted")
_LOOK_S = 0.5
_STOP_S = 15.0
_PAGE = 1000
_SHOWN = 3000


@dataclass(frozen=True, slots=True)
class Memory:
    """What a process holds, in MB: resident (shared pages in full; by share), and anonymous."""

    role: str
    rss: float
    pss: float
    anonymous: float


@dataclass(frozen=True, slots=True)
class RunningStack:
    """A stack of real processes; `began` is when it was started, by `time.perf_counter`."""

    process: "subprocess.Popen[bytes]"
    url: str
    client: httpx2.Client
    output: Path
    began: float

    def ask(self, question: str) -> tuple[dict[str, Any], float]:
        """Return the answer and how long it took, in seconds."""
        began = time.perf_counter()
        response = self.client.post(f"{self.url}/v1/query", json={"question": question})
        seconds = time.perf_counter() - began
        response.raise_for_status()
        answer: dict[str, Any] = response.json()
        return answer, seconds

    def is_ready(self) -> bool:
        """Whether the backend takes requests by now."""
        with suppress(httpx2.HTTPError):
            return self.client.get(f"{self.url}/readyz").is_success
        return False

    def answers(self, question: str) -> bool:
        """Whether the question is answered by now. Raises RuntimeError if the stack ended."""
        if self.process.poll() is not None:
            raise RuntimeError(f"`up` ended:\n{self.output.read_text()}")
        with suppress(httpx2.HTTPError):
            return bool(self.ask(question)[0]["status"] == "answered")
        return False

    def upload(self, file: File) -> None:
        """Hand in one document."""
        name = PurePosixPath(file.source).name
        self.client.post(
            f"{self.url}/v1/documents",
            files={"file": (name, file.data)},
            data={"source": file.source},
        ).raise_for_status()

    def count(self, state: str) -> int:
        """Return how many documents are in this state, up to one page."""
        parameters = {"limit": str(_PAGE), "state": state}
        page = self.client.get(f"{self.url}/v1/documents", params=parameters)
        page.raise_for_status()
        return len(page.json()["documents"])

    def unsettled(self) -> int:
        """Return how many documents still have a way to go; costs little, as they are few."""
        return sum(self.count(state) for state in _UNDER_WAY)

    def until_settled(self, seconds: float) -> None:
        """Return once every document is ready or failed."""
        what = "every document is ready or failed"
        await_true(lambda: self.unsettled() == 0, seconds, what, _LOOK_S)

    def memory(self) -> list[Memory]:
        """Return what each process of the stack holds now."""
        parent = psutil.Process(self.process.pid)
        return [_memory(member) for member in (parent, *parent.children(recursive=True))]


@contextmanager
def running_stack(data_dir: Path) -> Iterator[RunningStack]:
    """Run `info-assistant up` over `data_dir`, without the samples, until the block is left."""
    data_dir.mkdir(parents=True, exist_ok=True)
    ports = [unused_port() for _ in range(3)]
    url = f"http://127.0.0.1:{ports[1]}"
    settings = {
        "DATA_DIR": str(data_dir),
        "QDRANT_URL": f"http://127.0.0.1:{ports[0]}",
        "BACKEND_PORT": str(ports[1]),
        "FRONTEND_PORT": str(ports[2]),
        "BACKEND_URL": url,
    }
    output = data_dir / "up.out"
    with output.open("wb") as out, httpx2.Client(timeout=60.0, trust_env=False) as client:
        began = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "info_assistant", "up", "--no-samples"],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=environment(settings),
            cwd=ROOT,
            start_new_session=True,
        )
        try:
            yield RunningStack(process, url, client, output, began)
        except BaseException:
            _show_logs(data_dir)
            raise
        finally:
            with suppress(subprocess.TimeoutExpired):
                process.send_signal(signal.SIGINT)
                process.wait(_STOP_S)
            stop(process)


def _show_logs(data_dir: Path) -> None:
    """Show the ends of the logs: their folder is about to go."""
    for log in (data_dir / "up.out", *sorted((data_dir / "logs").glob("*.log"))):
        with suppress(FileNotFoundError):
            say(f"--- {log.name}\n" + log.read_text(errors="replace")[-_SHOWN:])


def _memory(process: psutil.Process) -> Memory:
    command = process.cmdline()
    known = ("up", "local-qdrant", "serve", "frontend")
    module = next((part for part in command if part.startswith("info_assistant.")), "other")
    role = next((name for name in known if name in command), module.rpartition(".")[2])
    shares = _megabytes(Path(f"/proc/{process.pid}/smaps_rollup"))
    anonymous = _megabytes(Path(f"/proc/{process.pid}/status"))["RssAnon"]
    return Memory(role, shares["Rss"], shares["Pss"], anonymous)


def _megabytes(path: Path) -> dict[str, float]:
    """Return the sizes that a file of the kernel names."""
    lines = (line.split() for line in path.read_text().splitlines() if line.endswith("kB"))
    return {words[0].rstrip(":"): int(words[1]) * 1024 / 1e6 for words in lines}
