"""Processes of the product that are killed and started again, with what they were doing."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil
from benchmarks.harness.processes import await_ready, environment, stop
from benchmarks.harness.report import ROOT
from benchmarks.harness.steps import StepLog

_PARSER = "info_assistant.ingestion.parser_process"


class Mortal:
    """One process that is started again after each death; its log goes on."""

    def __init__(
        self, name: str, command: Sequence[str], settings: Mapping[str, str], ready_url: str
    ) -> None:
        """Plan the process; `ready_url` answers once it works ("" where it has no address)."""
        self.name = name
        self._command = command
        self._settings = settings
        self._ready_url = ready_url
        self.log = Path(settings["DATA_DIR"]) / f"{name}.log"
        self.steps = StepLog(self.log)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The id of the present process."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it and wait until it is ready."""
        self.steps.forget()
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "info_assistant", *self._command],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env=environment(self._settings),
                cwd=ROOT,
                start_new_session=True,
            )
        if self._ready_url:
            await_ready(self._process, self._ready_url, self.log)

    def kill(self) -> None:
        """Kill it and wait until it is dead, with all that it has started."""
        family = self._family()
        os.kill(self.pid, signal.SIGKILL)
        assert self._process is not None
        self._process.wait()
        for member in family:
            with suppress(psutil.NoSuchProcess):
                member.kill()

    def pause(self) -> None:
        """Let it do nothing until `resume`."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        os.kill(self.pid, signal.SIGCONT)

    def kill_parsers(self) -> int:
        """Kill whatever parses documents for it; return how many processes that were."""
        killed = 0
        for member in self._family():
            with suppress(psutil.Error):
                if _PARSER in member.cmdline():
                    member.kill()
                    killed += 1
        return killed

    def close(self) -> None:
        """End it in good order."""
        if self._process is not None and self._process.poll() is None:
            self.resume()
            stop(self._process)

    def _family(self) -> list[psutil.Process]:
        try:
            return psutil.Process(self.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []
