"""After an incident: post-mortem, invitation, lists with reminders, figures; two machines."""

import json
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from info_assistant.drills.receivers import running_receivers
from info_assistant.runbooks.afterwards.checklists import checklists_of, due_reminder
from info_assistant.runbooks.afterwards.invitation import Company, invitation, proposed_time
from info_assistant.runbooks.afterwards.lessons import lessons_of
from info_assistant.runbooks.afterwards.postmortem import postmortem
from info_assistant.runbooks.clock import Instant
from info_assistant.runbooks.commands.incident import incident
from info_assistant.runbooks.model import Runbook
from info_assistant.runbooks.record.events import Kind
from info_assistant.runbooks.record.redaction import Redaction
from info_assistant.runbooks.record.store import Incidents, Opening
from info_assistant.runbooks.shipped import NAME, shipped_runbook

Call = Callable[..., Result]


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """A function that calls the command as somebody, on a machine of theirs."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, who: str = "ada", ends: int = 0) -> Result:
        monkeypatch.setenv("INCIDENT_DIR", str(tmp_path / who))
        monkeypatch.setenv("INCIDENT_ACTOR", who)
        result = CliRunner().invoke(incident, arguments)
        assert result.exit_code == ends, result.output
        return result

    return run


def test_the_page_is_complete_and_every_time_is_the_records(call: Call, tmp_path: Path) -> None:
    """All sections are there; no time of the page is missing in the record."""
    call("open", "P0-2", "--title", "Search is out")
    call("ack")
    call("note", "disk full")
    call("mitigate", "cached answers")
    call("resolve", "enlarged; no data was lost")
    page = call("postmortem").output
    heads = re.findall(r"^## (.+)$", page, re.MULTILINE)
    assert heads[:4] == ["Overview", "Impact", "Contributing factors", "What happened"]
    assert {"Timeline (UTC)", "What went well", "Actions", "Responders"} <= set(heads)
    store = Incidents(tmp_path / "ada", Redaction(), author=("x", "y"))
    (name,) = store.names()
    known = {f"{event.at:%Y-%m-%d %H:%M:%S}" for event in store.read(name).events}
    times = set(re.findall(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", page))
    assert times
    assert times <= known
    assert "No alert told of it" in call("postmortem", "--changes").output


def test_the_invitation_is_a_calendar_file(call: Call, tmp_path: Path) -> None:
    """A working day, one hour, lines of at most 75 bytes ended as the standard wants."""
    call("open", "P0-2", "--title", "Suche, Antworten; und mehr: " + "ä" * 80)
    invited = ("--guest", "b@example.org", "--host", "ann@example.org")
    call("postmortem", "--ics", "a.ics", "--when", "2026-11-30T10:00Z", *invited)
    data = (tmp_path / "a.ics").read_bytes()
    assert b"DTSTART:20261130T100000Z\r\n" in data
    assert b"DTEND:20261130T110000Z\r\n" in data
    assert all(len(line) <= 75 for line in data.split(b"\r\n"))
    assert "Suche\\, Antworten\\;" in data.decode()
    assert b"METHOD:REQUEST\r\n" in data
    assert b"ORGANIZER:mailto:ann@example.org\r\n" in data


def test_nobody_is_invited_by_nobody(call: Call, tmp_path: Path) -> None:
    """A request needs an organizer (RFC 5546); without one it is a note for one's own calendar."""
    call("open", "P0-2")
    guest = ("--guest", "b@example.org")
    assert "--host" in call("postmortem", "--ics", "a.ics", *guest, ends=1).output
    refused = call("postmortem", "--ics", "a.ics", "--guest", "b@x.org\nORGANIZER:x", ends=2)
    assert "no mail address" in refused.output
    assert not (tmp_path / "a.ics").exists()
    call("postmortem", "--ics", "a.ics")
    assert b"METHOD" not in (tmp_path / "a.ics").read_bytes()


def test_a_later_invitation_takes_the_place_of_an_earlier_one(call: Call, tmp_path: Path) -> None:
    """Same UID, higher sequence, later stamp: else a calendar keeps the old time."""
    call("open", "P0-2")
    store = Incidents(tmp_path / "ada", Redaction(), author=("x", "y"))
    incident = store.read(store.current())
    begins = proposed_time(incident)
    written = [incident.times["opened"] + timedelta(hours=hours) for hours in (1, 2)]
    texts = [invitation(incident, begins, Company("a@example.org"), at) for at in written]
    found = [dict(line.split(":", 1) for line in text.splitlines()) for text in texts]
    assert found[0]["UID"] == found[1]["UID"]
    assert int(found[0]["SEQUENCE"]) < int(found[1]["SEQUENCE"])
    assert found[0]["DTSTAMP"] < found[1]["DTSTAMP"]


def test_what_people_filled_in_is_not_written_over(call: Call, tmp_path: Path) -> None:
    """The page is written once; who asks for it again keeps what was added meanwhile."""
    call("open", "P0-2")
    call("postmortem", "--out", "p.md")
    page = tmp_path / "p.md"
    page.write_text(page.read_text() + "The cause was a full disk.\n")
    assert "is there already" in call("postmortem", "--out", "p.md", ends=1).output
    assert page.read_text().endswith("The cause was a full disk.\n")


def test_a_broken_record_is_in_nobodys_way(call: Call, tmp_path: Path) -> None:
    """Another incident is acknowledged and counted; the broken one is named."""
    call("open", "P0-3")
    call("resolve", "so")
    call("close")
    store = Incidents(tmp_path / "ada", Redaction(), author=("x", "y"))
    (old,) = store.names()
    with store.record(old).folder.joinpath("record.jsonl").open("a") as file:
        file.write("no event\n")
    call("open", "P0-2")
    assert "acknowledged" in call("ack").output
    counted = call("metrics")
    assert f"{old} is left out" in counted.output
    assert "MTTA" in counted.output
    call("resolve", "so")
    call("close")
    assert old in call("status", ends=1).output


def test_figures_say_how_many_they_are_of(call: Call) -> None:
    """Mean, median and number; drills are counted apart."""
    call("open", "P0-2")
    call("ack")
    call("resolve", "so")
    call("open", "P0-3", "--drill")
    found = {each["name"]: each for each in json.loads(call("metrics", "--json").output)}
    assert found["MTTR"]["count"] == 1
    assert found["MTTA"]["mean_s"] >= 0
    assert found["time to mitigate"]["mean_s"] is None


def test_the_seeds_lists_and_their_reminders(seed: Runbook, call: Call, tmp_path: Path) -> None:
    """1 h, 24 h and 1 week, for every scenario; each is said at the end and when it is overdue."""
    lists = checklists_of(seed, "P0-3")
    assert [(each.within_s, len(each.items)) for each in lists] == [
        (3600, 3),
        (86_400, 3),
        (604_800, 3),
    ]
    call("open", "P0-3")
    call("resolve", "so")
    store = Incidents(tmp_path / "ada", Redaction(), author=("x", "y"))
    (name,) = store.names()
    known = store.read(name)
    first = due_reminder(known, store.runbook(name), known.events[-1].moment)
    assert first is not None
    assert "within 1 hour" in first.title
    assert due_reminder(known, store.runbook(name), Instant(known.events[-1].at)) is not None
    assert "[x] Update the status page" in call("checklist", "--done", "status page").output


def test_two_people_on_two_machines_have_one_record(call: Call, tmp_path: Path) -> None:
    """Export, join, hand over with the clock, and back: both read the same record."""
    call("open", "P0-2")
    call("ack")
    call("export", "--out", "a.json")
    call("join", "a.json", who="ben")
    call("handoff", "ben", "--here", who="ben")
    call("ack", who="ben")
    call("note", "I am on it", who="ben")
    call("export", "--out", "b.json", who="ben")
    call("join", "b.json")
    ours, theirs = (
        Incidents(tmp_path / who, Redaction(), author=("x", "y")) for who in ("ada", "ben")
    )
    (name,) = ours.names()
    assert [e.hash for e in ours.read(name).events] == [e.hash for e in theirs.read(name).events]
    assert ours.read(name).responder == "ben"
    assert ours.read(name).keeper == theirs.station() != ours.station()


def test_commands_tell_people_by_themselves(
    call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Opening pages at once, acknowledging stops it, resolving ends it; without any service."""
    with running_receivers() as receivers:
        monkeypatch.setenv("PAGERDUTY_ROUTING_KEY", "routing-of-a-drill")
        monkeypatch.setenv("PAGERDUTY_EVENTS_URL", f"{receivers.url}/pagerduty")
        monkeypatch.setenv("INCIDENT_STATUS_DIR", str(tmp_path / "status"))
        monkeypatch.setenv("STATUSPAGE_TOKEN", "statuspage-token")
        monkeypatch.setenv("STATUSPAGE_PAGE", "page1")
        monkeypatch.setenv("STATUSPAGE_API_URL", f"{receivers.url}/statuspage")
        monkeypatch.setenv("BACKEND_URL", f"{receivers.url}/backend")
        call("open", "P0-1", "--drill")
        call("ack")
        call("escalate", "we need more people")
        call("update", "still looking")
        call("resolve", "so")
        things = receivers.taken["pagerduty"].things
        assert sorted(key.split("/")[1] for key in things) == ["tier-0", "tier-1"]
        first = next(each for key, each in things.items() if key.endswith("tier-0"))
        assert first["events"] == ["trigger", "acknowledge", "resolve"]
        assert first["payload"]["summary"].startswith("DRILL")
        (shown,) = receivers.taken["statuspage"].things.values()
        assert shown["deliver_notifications"] is False
        assert shown["body"].startswith("DRILL")
        call("postmortem", "--publish")
        assert "# Post-mortem" in shown["postmortem"]["body_draft"]
    assert "resolved" in (tmp_path / "status" / "index.html").read_text()
    assert "waiting" not in call("outbox").output


def test_what_is_to_be_pasted_is_printed(call: Call) -> None:
    """Without anybody set up the filled-in texts are printed."""
    call("open", "P0-1")
    printed = call("update").output
    assert "paste what is above" in printed
    assert "P0 INCIDENT" in printed


def test_nothing_but_causes_is_left_to_be_written(call: Call) -> None:
    """The page of an incident is complete: only the contributing factors ask for people's words."""
    call("open", "P0-2", "--started", "2026-11-26T03:12Z")
    call("ack")
    call("resolve", "enlarged")
    page = call("postmortem").output
    parts = dict(re.findall(r"^## (.+)\n\n((?:(?!^## ).*\n)+)", page, re.MULTILINE))
    assert [name for name, text in parts.items() if "filled in" in text] == ["Contributing factors"]
    assert [name for name, text in parts.items() if not text.strip()] == []
    rows = [line for line in parts["Actions"].split("\n") if line.startswith("|")][2:]
    assert rows
    assert all(cell.strip() for row in rows for cell in row.strip("|").split("|"))
    assert "2026-11-26 03:12:00" in parts["Overview"]


def test_a_step_that_was_seen_to_take_effect_is_no_lesson(tmp_path: Path) -> None:
    """The post-mortem says that a change showed no effect only where it did not."""
    store = Incidents(tmp_path / "i", Redaction(), author=("ada", "desk"))
    name = store.open(Opening("t", "P0-2"), shipped_runbook(), NAME).id
    for line, shown in ((8, True), (9, False)):
        step = {"step": f"{line}", "line": line, "command": f"change {line}", "effect": "mutating"}
        store.tell(name, Kind.STARTED, step)
        store.tell(name, Kind.FINISHED, {**step, "outcome": "done"})
        outcome = "it took effect" if shown else "not shown: 3 1"
        store.tell(name, Kind.VERIFIED, {**step, "outcome": outcome, "shown": shown})
    lessons = "\n".join(lessons_of(store.read(name)))
    assert "`change 9`" in lessons
    assert "change 8" not in lessons
    assert "Changes that were seen to take effect: 1." in postmortem(store.read(name))


def test_a_list_is_said_again_when_its_time_is_over(tmp_path: Path) -> None:
    """After 1 h, 24 h and 1 week what is still open is said once more, and once only."""
    store = Incidents(tmp_path / "i", Redaction(), author=("ada", "desk"))
    name = store.open(Opening("t", "P0-2"), shipped_runbook(), NAME).id
    store.tell(name, Kind.RESOLVED, {"text": "so"})
    runbook, resolved = store.runbook(name), store.read(name).events[-1].moment

    def said(hours: float) -> list[str]:
        found = []
        now = Instant(resolved.wall + timedelta(hours=hours), "", 0.0)
        while (due := due_reminder(store.read(name), runbook, now)) is not None:
            found.append(due.title)
            store.tell(name, Kind.REMINDED, {"what": due.title, "list": due.cause})
        return found

    assert len(said(0.1)) == 3
    for hours, within in ((1.1, "1 hour"), (24.1, "24 hours"), (168.1, "1 week")):
        assert [within in each and each.startswith("Still open") for each in said(hours)] == [True]
    assert said(1000.0) == []
