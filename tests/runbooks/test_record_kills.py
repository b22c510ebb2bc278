"""The record after `kill -9` at every moment of writing: nothing that was told is lost."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from info_assistant.runbooks.record.events import Kind
from info_assistant.runbooks.record.incident import incident_of
from info_assistant.runbooks.record.log import Record
from info_assistant.runbooks.record.redaction import Redaction
from info_assistant.runbooks.record.store import Incidents, Opening

AUTHOR = ("ada", "desk")
WATCHED = ("write", "fsync", "ftruncate", "replace")
"""The calls of the system that writing an event is made of."""

STORY: tuple[tuple[Kind, dict[str, object]], ...] = (
    (Kind.ACKNOWLEDGED, {}),
    (Kind.STARTED, {"step": "1", "line": 8, "command": "kubectl rollout undo", "inverse": "back"}),
    (Kind.FINISHED, {"step": "1", "outcome": "done", "output": "x" * 3000}),
    (Kind.RESOLVED, {"text": "so"}),
)


def killed_at(moment: int, work: Callable[[int], None], *, half: bool) -> tuple[bool, int]:
    """Do `work` in a process that is killed at its `moment`-th call of the system.

    With `half` a write is done by half before. Return whether it was killed, and how many events
    it had been told are written; `work` writes a byte to its pipe for each.
    """
    reading, told = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _break(moment, told, half=half)
        try:
            work(told)
        finally:
            os._exit(0)
    os.close(told)
    with os.fdopen(reading, "rb") as pipe:
        acknowledged = len(pipe.read())
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL, acknowledged


def _break(moment: int, told: int, *, half: bool) -> None:
    """Make the system's calls of this process count, and kill it at one of them."""
    calls = 0
    for name in WATCHED:
        real = getattr(os, name)

        def counted(
            *arguments: object, name: str = name, real: object = real, **named: object
        ) -> object:
            nonlocal calls
            if name == "write" and arguments[0] == told:
                return real(*arguments)  # type: ignore[operator]
            calls += 1
            if calls == moment:
                if half and name == "write":
                    handle, data = arguments
                    real(handle, data[: len(data) // 2])  # type: ignore[operator, index, arg-type]
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*arguments, **named)  # type: ignore[operator]

        setattr(os, name, counted)


@pytest.mark.parametrize("half", [False, True])
def test_killed_at_every_call_of_the_system(tmp_path: Path, *, half: bool) -> None:
    """Whatever moment: what was told is there, the chain verifies, and the record goes on."""
    moments = 0
    while True:
        moments += 1
        folder = tmp_path / f"{moments}"
        folder.mkdir()
        Record(folder, Redaction(), author=AUTHOR).begin()

        def work(told: int, folder: Path = folder) -> None:
            record = Record(folder, Redaction(), author=AUTHOR)
            for kind, data in STORY:
                record.append(kind, data)
                os.write(told, b".")

        killed, acknowledged = killed_at(moments, work, half=half)
        record = Record(folder, Redaction(), author=AUTHOR)
        events = record.events()
        assert acknowledged <= len(events) <= acknowledged + 1
        assert [event.kind for event in events] == [kind for kind, _ in STORY][: len(events)]
        record.append(Kind.NOTED, {"text": "goes on"})
        assert len(record.events()) == len(events) + 1
        if not killed:
            break
    assert moments > 4 * len(STORY), "each event is several calls, and each was a moment to die"


def test_a_step_that_was_killed_is_unknown_and_never_done(tmp_path: Path) -> None:
    """Between a step's beginning and its end a kill leaves it unknown, with the way back listed."""
    unknown = 0
    for moment in range(1, 40):
        folder = tmp_path / f"{moment}"
        folder.mkdir()
        Record(folder, Redaction(), author=AUTHOR).begin()

        def work(told: int, folder: Path = folder) -> None:
            record = Record(folder, Redaction(), author=AUTHOR)
            for kind, data in STORY[1:3]:
                record.append(kind, data)
                os.write(told, b".")

        killed, acknowledged = killed_at(moment, work, half=False)
        incident = incident_of(Record(folder, Redaction(), author=AUTHOR).events())
        if acknowledged:
            assert [each.command for each in incident.open_reverts] == ["back"]
        if incident.unknown_steps:
            unknown += 1
            assert acknowledged <= 1
        if not killed:
            break
    assert unknown > 3


def test_killed_while_an_incident_is_opened(tmp_path: Path) -> None:
    """An incident is there with its first event and its runbook, or it is not there at all."""
    seen = set()
    for moment in range(1, 40):
        store = Incidents(tmp_path / f"{moment}", Redaction(), author=AUTHOR)

        def work(told: int, store: Incidents = store) -> None:
            store.open(Opening("a", "P0-1"), b"# Runbook\n", "r.md")
            os.write(told, b".")

        killed, acknowledged = killed_at(moment, work, half=True)
        names = [name for name in store.names() if store.record(name).events()]
        seen.add(len(names))
        assert len(names) >= acknowledged
        for name in names:
            assert store.read(name).title == "a"
            assert store.runbook(name).title == "Runbook"
        if not killed:
            break
    assert seen == {0, 1}
