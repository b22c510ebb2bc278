"""The record of an incident: chained, verified, shared between processes and machines."""

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from info_assistant.runbooks.errors import NoSuchIncident, NotAllowed, RecordBroken, RecordError
from info_assistant.runbooks.record.events import Kind
from info_assistant.runbooks.record.incident import Status
from info_assistant.runbooks.record.log import Record
from info_assistant.runbooks.record.redaction import Redaction
from info_assistant.runbooks.record.store import Incidents, Opening
from info_assistant.runbooks.record.timeline import page, timeline

RUNBOOK = b"## P1-1: Slow\n\n### Resolution\n\n1. Look: `kubectl get pods -n x`\n"
ME, OTHER = ("ada", "desk"), ("ben", "laptop")


def machine(folder: Path, author: tuple[str, str] = ME) -> Incidents:
    """Return the incidents of a machine that keeps them in `folder`."""
    return Incidents(folder, Redaction(["hunter22"]), author=author)


@pytest.fixture
def opened(tmp_path: Path) -> tuple[Incidents, str, Path]:
    """An incident with three notes, and the folder of its record."""
    store = machine(tmp_path / "incidents")
    name = store.open(Opening("It is slow", "P1-1"), RUNBOOK, "slow.md").id
    for number in range(3):
        store.tell(name, Kind.NOTED, {"text": f"note {number}"})
    return store, name, tmp_path / "incidents" / name


def test_events_follow_each_other(opened: tuple[Incidents, str, Path]) -> None:
    """Numbers count up, each event names the hash of the one before, and times are UTC."""
    store, name, _ = opened
    events = store.record(name).events()
    assert [event.number for event in events] == [1, 2, 3, 4]
    assert [event.before for event in events[1:]] == [event.hash for event in events[:-1]]
    assert {(event.actor, event.host) for event in events} == {ME}
    assert all(event.at.utcoffset() == timedelta() for event in events)


def _change_text(lines: list[str]) -> list[str]:
    return [line.replace("note 1", "note 9") for line in lines]


def _change_and_hash_again(lines: list[str]) -> list[str]:
    """Change an event and give it a right hash, as somebody who knows the format would."""
    from info_assistant.runbooks.record import events as module  # noqa: PLC0415

    raw = json.loads(lines[2])
    raw["data"] = {"text": "nothing happened"}
    raw["hash"] = module._hash({key: value for key, value in raw.items() if key != "hash"})
    return [*lines[:2], module._canonical(raw), *lines[3:]]


TAMPERINGS: dict[str, Callable[[list[str]], list[str]]] = {
    "a word changed": _change_text,
    "an event changed with its hash": _change_and_hash_again,
    "an event taken out": lambda lines: [*lines[:1], *lines[2:]],
    "an event doubled": lambda lines: [*lines[:2], *lines[1:]],
    "two events exchanged": lambda lines: [lines[0], lines[2], lines[1], lines[3]],
    "the last event cut off": lambda lines: lines[:-1],
    "all but the first cut off": lambda lines: lines[:1],
    "everything cut off": lambda _lines: [],
    "a space put in": lambda lines: [lines[0].replace(":", ": ", 1), *lines[1:]],
    "a field put in": lambda lines: [lines[0].replace("{", '{"a":1,', 1), *lines[1:]],
    "an actor changed": lambda lines: [line.replace('"ada"', '"eve"') for line in lines],
    "a line that is no event": lambda lines: [*lines, "null"],
    "an event from elsewhere": lambda lines: [*lines, '{"number":5}'],
}


@pytest.mark.parametrize("how", TAMPERINGS)
def test_tampering_is_detected(opened: tuple[Incidents, str, Path], how: str) -> None:
    """Whatever is changed, put in, taken out or cut off is seen when the record is read."""
    store, name, folder = opened
    file = folder / "record.jsonl"
    changed = TAMPERINGS[how](file.read_text().split("\n")[:-1])
    file.write_text("".join(line + "\n" for line in changed))
    with pytest.raises(RecordBroken):
        store.record(name).events()
    with pytest.raises(RecordBroken):
        store.tell(name, Kind.NOTED, {"text": "after it"})


@pytest.mark.parametrize("content", [None, b"", b"{}", b'{"number":1,"hash":"x"}', b"\xff"])
def test_a_missing_or_changed_head_is_detected(
    opened: tuple[Incidents, str, Path], content: bytes | None
) -> None:
    """Without the head nobody could tell whether the end is missing, so its absence tells."""
    store, name, folder = opened
    head = folder / "head.json"
    head.unlink() if content is None else head.write_bytes(content)
    with pytest.raises(RecordBroken):
        store.record(name).events()


def test_a_changed_runbook_is_detected(opened: tuple[Incidents, str, Path]) -> None:
    """The runbook that an incident was opened with holds for all of it."""
    store, name, folder = opened
    assert store.runbook(name).scenarios[0].code == "P1-1"
    (folder / "runbook.md").write_bytes(RUNBOOK + b"\n1. And: `rm -rf data`\n")
    with pytest.raises(RecordBroken):
        store.runbook(name)


def test_half_an_event_is_dropped(opened: tuple[Incidents, str, Path]) -> None:
    """What a crash left of an event nobody was told of does no harm, and goes with the next."""
    store, name, folder = opened
    file = folder / "record.jsonl"
    whole = file.read_bytes()
    file.write_bytes(whole + whole.split(b"\n")[1][:40])
    assert len(store.record(name).events()) == 4
    store.tell(name, Kind.NOTED, {"text": "goes on"})
    assert len(store.record(name).events()) == 5
    assert file.read_bytes().startswith(whole)


def test_fields_and_kinds_of_a_later_version_are_kept(tmp_path: Path) -> None:
    """An event of a kind that we do not know is verified, shown by its name and kept."""
    record = Record(tmp_path, Redaction(), author=ME)
    record.begin()
    record.append("opened", {"id": "x", "later": [1, {"a": None}]})
    record.append("telepathy", {"text": "hm"})
    assert [event.kind for event in record.events()] == ["opened", "telepathy"]


def test_processes_append_side_by_side(opened: tuple[Incidents, str, Path]) -> None:
    """Four processes with five notes each: all twenty are there, and the chain holds."""
    store, name, folder = opened
    program = (
        "import sys; from pathlib import Path;"
        "from info_assistant.runbooks.record.log import Record;"
        "from info_assistant.runbooks.record.redaction import Redaction;"
        "r = Record(Path(sys.argv[1]), Redaction(), author=(sys.argv[2], 'h'));"
        "[r.append('noted', {'text': str(n)}) for n in range(5)]"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", program, str(folder), f"p{number}"])
        for number in range(4)
    ]
    assert [process.wait(50) for process in processes] == [0, 0, 0, 0]
    events = store.record(name).events()
    assert len(events) == 24
    told = [int(event.data["text"]) for event in events[4:] if event.actor == "p2"]
    assert told == list(range(5))


def test_who_reads_beside_a_writer_finds_the_record_whole(
    opened: tuple[Incidents, str, Path],
) -> None:
    """What is written while somebody reads is seen the next time, and is no cut record."""
    store, name, folder = opened
    other = Record(folder, Redaction(), author=OTHER)

    def write() -> None:
        for number in range(40):
            other.append(Kind.NOTED, {"text": str(number)})

    writer = threading.Thread(target=write)
    writer.start()
    counts = []
    while writer.is_alive():
        counts.append(len(store.record(name).events()))
    writer.join()
    assert counts == sorted(counts)
    assert len(store.record(name).events()) == 44


def test_a_full_disk_is_told_in_words(opened: tuple[Incidents, str, Path]) -> None:
    """Where nothing can be written the person on call reads why, and what to do."""
    store, name, folder = opened
    (folder / "head.new").mkdir()
    with pytest.raises(RecordError, match="INCIDENT_DIR"):
        store.tell(name, Kind.NOTED, {"text": "x"})
    (folder / "head.new").rmdir()
    assert len(store.record(name).events()) >= 4


def test_the_life_of_an_incident(opened: tuple[Incidents, str, Path]) -> None:
    """Open, acknowledged, mitigated, resolved, closed; the first acknowledgement counts."""
    store, name, _ = opened
    store.tell(name, Kind.ACKNOWLEDGED, {})
    machine(store._folder, OTHER).tell(name, Kind.ACKNOWLEDGED, {})
    for kind in (Kind.MITIGATED, Kind.RESOLVED, Kind.CLOSED):
        store.tell(name, kind, {"text": "so"})
    incident = store.read(name)
    assert incident.status is Status.CLOSED
    assert incident.acknowledged_by == "ada"
    assert set(incident.durations()) == {
        "to detect", "to acknowledge", "to mitigate", "to resolve",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("done", "refused"),
    [
        ([], Kind.CLOSED),
        ([Kind.MITIGATED], Kind.MITIGATED),
        ([Kind.RESOLVED], Kind.MITIGATED),
        ([Kind.RESOLVED], Kind.RESOLVED),
        ([Kind.RESOLVED, Kind.CLOSED], Kind.RESOLVED),
        ([Kind.RESOLVED, Kind.CLOSED], Kind.STARTED),
        ([Kind.RESOLVED, Kind.CLOSED], Kind.ACKNOWLEDGED),
    ],
)
def test_steps_back_are_refused(
    opened: tuple[Incidents, str, Path], done: list[Kind], refused: Kind
) -> None:
    """An incident goes on and never back; a refused event leaves no trace."""
    store, name, _ = opened
    for kind in done:
        store.tell(name, kind, {"text": "so"})
    before = len(store.record(name).events())
    with pytest.raises(NotAllowed):
        store.tell(name, refused, {"text": "no"})
    assert len(store.record(name).events()) == before


def test_a_note_is_always_taken(opened: tuple[Incidents, str, Path]) -> None:
    """Also after the end there is something to write down."""
    store, name, _ = opened
    store.tell(name, Kind.RESOLVED, {"text": "so"})
    store.tell(name, Kind.CLOSED, {})
    store.tell(name, Kind.NOTED, {"text": "the report is out"})
    assert store.read(name).status is Status.CLOSED


def test_what_was_changed_is_taken_back_before_the_end(opened: tuple[Incidents, str, Path]) -> None:
    """A change with an inverse holds the end back until it is taken back, or kept on purpose."""
    store, name, _ = opened
    store.tell(name, Kind.STARTED, {"step": "1", "inverse": "kubectl set env deployment/a X=1"})
    store.tell(name, Kind.FINISHED, {"step": "1", "outcome": "done"})
    store.tell(name, Kind.RESOLVED, {"text": "so"})
    with pytest.raises(NotAllowed, match="kubectl set env deployment/a X=1"):
        store.tell(name, Kind.CLOSED, {})
    store.tell(name, Kind.REVERTED, {"step": "1", "reason": "set back"})
    store.tell(name, Kind.CLOSED, {})


def test_a_step_without_an_end_is_unknown(opened: tuple[Incidents, str, Path]) -> None:
    """A step that began and never ended is neither done nor undone."""
    store, name, _ = opened
    store.tell(name, Kind.STARTED, {"step": "1", "line": 8})
    assert [step.key for step in store.read(name).unknown_steps] == ["1"]
    store.tell(name, Kind.FINISHED, {"step": "1", "outcome": "done"})
    assert store.read(name).unknown_steps == []


def test_two_resolve_at_once(opened: tuple[Incidents, str, Path]) -> None:
    """Of eight who resolve at the same time one does, and seven are told that it is done."""
    store, name, _ = opened
    refused: list[NotAllowed] = []
    ready = threading.Barrier(8)

    def resolve() -> None:
        ready.wait(30)
        try:
            machine(store._folder, OTHER).tell(name, Kind.RESOLVED, {"text": "so"})
        except NotAllowed as problem:
            refused.append(problem)

    threads = [threading.Thread(target=resolve) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(refused) == 7
    assert [e.kind for e in store.record(name).events()].count("resolved") == 1


def test_the_incident_that_is_meant(tmp_path: Path) -> None:
    """Without a name it is the only open one; a part of a name is enough when it tells it."""
    store = machine(tmp_path)
    with pytest.raises(NoSuchIncident, match="incident open"):
        store.current()
    first = store.open(Opening("a", "P0-1"), RUNBOOK, "r.md").id
    assert store.current() == first
    second = store.open(Opening("b", "P0-2"), RUNBOOK, "r.md").id
    with pytest.raises(NoSuchIncident, match="--id"):
        store.current()
    assert store.current("p0-2") == second
    with pytest.raises(NoSuchIncident):
        store.current("../../etc")


def test_a_page_shows_what_happened(opened: tuple[Incidents, str, Path]) -> None:
    """The page has the timeline, times, the runbook's hash and the output of commands."""
    store, name, _ = opened
    store.tell(
        name, Kind.STARTED, {"step": "1", "line": 5, "effect": "read-only", "command": "ls | wc"}
    )
    store.tell(
        name, Kind.FINISHED, {"step": "1", "line": 5, "outcome": "done", "output": "```\n7\n"}
    )
    incident = store.read(name)
    text = page(incident)
    assert "````\n```\n7\n````" in text
    assert "ls \\| wc" in text
    assert incident.head in text
    assert len(list(timeline(incident))) == 6


def test_opening_with_known_times(tmp_path: Path) -> None:
    """When it began and was noticed may be known better than when somebody opened it."""
    began = datetime.now(UTC) - timedelta(hours=2)
    opening = Opening("a", started=began, detected=began + timedelta(minutes=5))
    incident = machine(tmp_path).open(opening, RUNBOOK, "r.md")
    assert incident.durations()["to detect"] == timedelta(minutes=5)
