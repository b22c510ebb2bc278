"""The engine as the person on call has it: its commands, as processes, in a stage's environment."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from info_assistant.errors import Unavailable
from info_assistant.rehearsal.following import QUESTION
from info_assistant.runbooks.record.incident import StepState
from info_assistant.runbooks.record.redaction import Redaction
from info_assistant.runbooks.record.store import Incidents
from info_assistant.runbooks.shell.effects import Effect

_COMMAND_S = 180.0
_READY_S = 120.0
_RUN_S = 1800.0
"""A run ends long before: each command has a bound of its own."""
_LOOK_S = 0.005
_END_S = 10.0

Consent = Callable[[str], None]
"""Is told each question before the drill agrees to it; does by hand what it asks for."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run of the engine ended; `killed` says that the drill killed it, and it went on."""

    code: int
    text: str
    killed: bool = False

    @property
    def reason(self) -> str:
        """The last thing that it said."""
        return next((each for each in reversed(self.text.splitlines()) if each.strip()), "")


class Engine:
    """Commands of the engine on one store of records."""

    def __init__(self, folder: Path, variables: Mapping[str, str]) -> None:
        """Keep records below `folder`; `variables` are all that its processes know."""
        self.folder = folder / "incidents"
        self._log = folder / "service.log"
        self._variables = {
            **variables,
            "INCIDENT_DIR": str(self.folder),
            "INCIDENT_ACTOR": "drill",
            "PYTHONUNBUFFERED": "1",
        }
        self._place = variables.get("HOME", str(folder))
        self.store = Incidents(
            self.folder, Redaction.of_environment(self._variables), author=("drill", "drill")
        )

    def call(self, *words: str, fine: tuple[int, ...] = (0,)) -> str:
        """Return what `incident …` prints. Raises Unavailable where it fails."""
        command = [sys.executable, "-m", "info_assistant.runbooks", "incident", *words]
        try:
            done = subprocess.run(  # noqa: S603  Our own words.
                command, env=self._variables, cwd=self._place, stdin=subprocess.DEVNULL,
                capture_output=True, text=True, timeout=_COMMAND_S, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise Unavailable(
                f"`incident {words[0]}` took more than {_COMMAND_S:.0f} s."
            ) from error
        if done.returncode not in fine:
            said = (done.stderr or done.stdout).strip()
            raise Unavailable(f"`incident {words[0]}` failed: {said}")
        return done.stdout

    def diagnose(self, public_url: str) -> dict[str, Any]:
        """Return what `incident diagnose --json` prints."""
        printed = self.call("diagnose", "--public", public_url, "--json", fine=(0, 3, 4))
        found: dict[str, Any] = json.loads(printed)
        return found

    def follow(self, name: str, words: list[str], consent: Consent, *, kill: bool = False) -> Ended:
        """Let the engine follow a runbook with the drill's consent, or take back what it changed.

        With `kill` it is killed as its first change has begun, and started again.
        """
        killed = False
        if kill:
            ended = self._followed(name, words, consent, kill=True)
            killed = ended.code == -signal.SIGKILL
            if not killed:
                return ended
        return Ended(*self._followed_once(name, words, consent), killed=killed)

    def _followed_once(self, name: str, words: list[str], consent: Consent) -> tuple[int, str]:
        ended = self._followed(name, words, consent, kill=False)
        return ended.code, ended.text

    def _followed(self, name: str, words: list[str], consent: Consent, *, kill: bool) -> Ended:
        said: list[str] = []
        with subprocess.Popen(  # noqa: S603  Our own words.
            [sys.executable, "-m", "info_assistant.rehearsal.following", name, *words],
            env=self._variables, cwd=self._place, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        ) as process:  # fmt: skip
            over = threading.Event()
            bound = threading.Timer(_RUN_S, process.kill)
            bound.daemon = True
            bound.start()
            if kill:
                args = (name, process, over)
                threading.Thread(target=self._kill_midway, args=args, daemon=True).start()
            try:
                self._converse(process, consent, said)
            finally:
                bound.cancel()
                over.set()
                if process.poll() is None:
                    _end(process)
        return Ended(process.returncode, "\n".join(said))

    @staticmethod
    def _converse(process: "subprocess.Popen[str]", consent: Consent, said: list[str]) -> None:
        if process.stdout is None or process.stdin is None:  # pragma: no cover - Asked for above.
            raise ValueError("the engine cannot be spoken to")
        for line in process.stdout:
            if not line.startswith(QUESTION):
                said.append(line.rstrip("\n"))
                continue
            asked: dict[str, str] = json.loads(line.removeprefix(QUESTION))
            said.append(f"{asked['question']} The drill agrees.")
            consent(asked["question"])
            with contextlib.suppress(BrokenPipeError):  # It was killed meanwhile.
                process.stdin.write(asked.get("wanted", "yes") + "\n")
                process.stdin.flush()
        process.wait(_END_S)

    def _kill_midway(
        self, name: str, process: "subprocess.Popen[str]", over: threading.Event
    ) -> None:
        """Kill the engine when its first change has begun: by its record, and by its processes."""
        while not over.wait(_LOOK_S):
            changes = [each for each in self._steps(name) if each.begun.data["effect"] in _CHANGES]
            if changes and (changes[0].ended is not None or _has_children(process.pid)):
                process.send_signal(signal.SIGKILL)
                return

    def _steps(self, name: str) -> list[StepState]:
        return list(self.store.seen(name).steps.values())

    @contextlib.contextmanager
    def service(self) -> Iterator["Service"]:
        """Run `incident serve` until the block is left."""
        service = Service(self._variables, self._log)
        try:
            yield service
        finally:
            service.end()


_CHANGES = {str(each) for each in Effect if each not in {Effect.READ_ONLY, Effect.INTERACTIVE}}


class Service:
    """`incident serve`, which can be killed and started again."""

    def __init__(self, variables: Mapping[str, str], log: Path) -> None:
        """Start it, and wait until it listens. Raises Unavailable."""
        self._variables = {**variables, "INCIDENT_PORT": "0"}
        self._log = log
        self._process = self._start()

    def kill(self) -> None:
        """Kill it as nothing can be killed more, and start it again."""
        self._process.kill()
        self._process.wait(_END_S)
        self._process = self._start()

    def end(self) -> None:
        """Let it end in good order."""
        _end(self._process)

    def _start(self) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "info_assistant.runbooks", "incident", "serve"]
        before = self._log.stat().st_size if self._log.exists() else 0
        with self._log.open("ab") as log:
            process = subprocess.Popen(  # noqa: S603  Our own words.
                [*command, "--parent", str(os.getpid())],
                env=self._variables, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        pause = threading.Event()
        for _ in range(int(_READY_S / 0.05)):
            if b"Listens on" in self._log.read_bytes()[before:]:
                return process
            if process.poll() is not None:
                break
            pause.wait(0.05)
        _end(process)
        raise Unavailable(f"The incident service did not start. Its log says more: {self._log}")


def _has_children(pid: int) -> bool:
    """Whether a process has started another; where the system does not tell, it is taken so."""
    try:
        return bool(Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").strip())
    except OSError:
        return True


def _end(process: "subprocess.Popen[Any]") -> None:
    """Ask a process to end, and end it where it does not."""
    process.terminate()
    try:
        process.wait(_END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(_END_S)
