"""Alert to incident to page to chat to status page, with stand-ins that behave and that do not."""

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from info_assistant.drills.mailbox import Mailbox, running_mailbox
from info_assistant.drills.receivers import Misbehaviour, Receivers, running_receivers
from info_assistant.runbooks.commands.speech import Speech
from info_assistant.runbooks.errors import DeliveryRefused
from info_assistant.runbooks.keeping.keeper import Keeper
from info_assistant.runbooks.keeping.lateness import Lateness
from info_assistant.runbooks.outbox.attempts import AttemptNotes
from info_assistant.runbooks.outbox.messages import Stage, outbox_of
from info_assistant.runbooks.outbox.sending import Sender
from info_assistant.runbooks.reading.markdown import parse_runbook
from info_assistant.runbooks.receivers.configured import setup_of
from info_assistant.runbooks.receivers.http import WebService
from info_assistant.runbooks.receivers.port import Attempt
from info_assistant.runbooks.record.events import Kind
from info_assistant.runbooks.record.incident import Incident
from info_assistant.runbooks.record.redaction import Redaction
from info_assistant.runbooks.record.store import Incidents, Opening
from info_assistant.runbooks.service.alerts import Desk
from info_assistant.runbooks.service.serving import Service
from info_assistant.runbooks.shipped import NAME, shipped_runbook
from info_assistant.runbooks.telling.facts import Facts

DEADLINE_S = 30.0
ALERT: dict[str, object] = {
    "status": "firing",
    "labels": {"alertname": "QdrantDown", "scenario": "P0-2", "severity": "critical"},
    "annotations": {"summary": "Qdrant does not answer; token=abcdef123456"},
    "startsAt": "2026-11-26T03:12:00Z",
    "endsAt": "0001-01-01T00:00:00Z",
    "fingerprint": "f1",
}


class Seen:
    """Says what a test wants to be so."""

    def __init__(self) -> None:
        """Qdrant is down."""
        self.now = Facts(reachable=True, dependencies={"qdrant": "down", "redis": "ok"})

    def facts(self, incident: Incident) -> Facts:
        """Return it."""
        del incident
        return self.now


@dataclass
class World:
    """A service with stand-ins for everybody it tells."""

    service: Service
    receivers: Receivers
    mailbox: Mailbox
    store: Incidents
    url: str
    folder: Path

    def post(self, *alerts: dict[str, object]) -> list[str]:
        """Send alerts as Alertmanager does, and return the incidents."""
        request = urllib.request.Request(  # noqa: S310  Our own address.
            f"{self.url}/v1/alerts",
            json.dumps({"version": "4", "status": "firing", "alerts": list(alerts)}).encode(),
            {"content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310
            return list(json.loads(response.read())["incidents"])

    def get(self, path: str) -> str:
        """Return what the service answers."""
        with urllib.request.urlopen(self.url + path, timeout=60) as response:  # noqa: S310
            return str(response.read().decode())

    def quiet(self, name: str, what: str = "opened") -> bool:
        """Whether that was told of an incident, and all messages are delivered or superseded."""
        incident = self.store.read(name)
        told = any(event.data.get("what") == what for event in incident.events)
        return told and not outbox_of(incident).waiting()


def until(condition: Callable[[], object]) -> None:
    """Wait for a condition, for at most 30 s."""
    deadline = time.monotonic() + DEADLINE_S
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < deadline, "it did not come to it"
        pause.wait(0.02)


def told(world: World, name: str, what: str) -> bool:
    """Whether the record says that people were to be told that."""
    return any(event.data.get("what") == what for event in world.store.read(name).events)


def variables(receivers: Receivers, mailbox: Mailbox, folder: Path) -> dict[str, str]:
    """The environment of a service that tells everybody."""
    return {
        "SLACK_BOT_TOKEN": "xoxb-of-a-drill-000000",
        "SLACK_API_URL": f"{receivers.url}/slack",
        "STATUSPAGE_TOKEN": "statuspage-token",
        "STATUSPAGE_PAGE": "page1",
        "STATUSPAGE_API_URL": f"{receivers.url}/statuspage",
        "PAGERDUTY_ROUTING_KEY": "routing-of-a-drill",
        "PAGERDUTY_EVENTS_URL": f"{receivers.url}/pagerduty",
        "INCIDENT_WEBHOOK_URL": f"{receivers.url}/webhook",
        "JIRA_URL": f"{receivers.url}/jira",
        "JIRA_PROJECT": "OPS",
        "JIRA_TOKEN": "jira-token",
        "BACKEND_URL": f"{receivers.url}/backend",
        "INCIDENT_STATUS_DIR": str(folder / "status"),
        "SMTP_URL": mailbox.url,
        "INCIDENT_MAIL_FROM": "oncall@example.org",
        "INCIDENT_MAIL_TO": "all@example.org",
    }


@contextlib.contextmanager
def running(
    receivers: Receivers, mailbox: Mailbox, folder: Path, seen: Seen | None = None
) -> Iterator[World]:
    """Run the service on a free port."""
    given = variables(receivers, mailbox, folder)
    place = folder / "incidents"
    store = Incidents(place, Redaction.of_environment(given), author=("service", "desk"))
    setup = setup_of(given, place, parse_runbook(shipped_runbook(), NAME))
    keeper = Keeper(store, lambda _runbook: list(setup.receivers.values()), seen or Seen())
    senders = {
        name: Sender(each, store, Lateness(keeper).wording, first_pause_s=0.05)
        for name, each in setup.receivers.items()
    }
    service = Service(Desk(store, place, shipped_runbook(), NAME), keeper, senders, tick_s=0.05)
    port = service.start("127.0.0.1", 0)
    try:
        yield World(service, receivers, mailbox, store, f"http://127.0.0.1:{port}", folder)
    finally:
        service.stop()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A running service and its stand-ins."""
    with (
        running_receivers(hang_s=0.3) as receivers,
        running_mailbox() as mailbox,
        running(receivers, mailbox, tmp_path) as found,
    ):
        yield found


def test_an_alert_reaches_everybody_once(world: World) -> None:
    """Alert, incident, page, Slack, status page: each message once, and repeats change nothing."""
    (name,) = world.post(ALERT)
    assert world.post(ALERT, ALERT) == [name]
    until(lambda: world.quiet(name))
    taken = world.receivers.taken
    assert taken["pagerduty"].things[f"{name}/tier-0"]["events"] == ["trigger"]
    assert len({json.dumps(c[2].get("metadata")) for c in taken["slack"].calls}) == len(
        taken["slack"].calls
    )
    (shown,) = taken["statuspage"].things.values()
    assert shown["status"] == "investigating"
    assert shown["impact_override"] == "critical"
    assert "Questions cannot be answered" in shown["incident_updates"][0]["body"]
    (ticket,) = taken["jira"].things.values()
    assert ticket["labels"][0] == name
    assert taken["backend"].things[name]["status"] == "investigating"
    assert "Questions cannot be answered" in (world.folder / "status/index.html").read_text()
    assert [mail["Subject"] for mail in world.mailbox.mails] != []
    record = (world.folder / "incidents" / name / "record.jsonl").read_text()
    assert "abcdef123456" not in record
    assert "xoxb-of-a-drill" not in record


def test_a_resolved_alert_ends_an_incident_that_nobody_touched(world: World) -> None:
    """Then pages are over, the status page says so, and another alert is another incident."""
    (name,) = world.post(ALERT)
    until(lambda: world.quiet(name))
    over = {**ALERT, "status": "resolved", "endsAt": "2026-11-26T03:20:00Z"}
    assert world.post(over) == [name]
    until(lambda: world.quiet(name, "resolved"))
    assert world.store.read(name).status == "resolved"
    taken = world.receivers.taken
    assert taken["pagerduty"].things[f"{name}/tier-0"]["events"] == ["trigger", "resolve"]
    (shown,) = taken["statuspage"].things.values()
    assert shown["status"] == "resolved"
    assert world.post({**ALERT, "startsAt": "2026-11-26T04:00:00Z"}) != [name]


def test_an_incident_that_somebody_cares_for_is_only_proposed_to_end(world: World) -> None:
    """Silent alerts are no proof that the cause is gone: a person is asked, once."""
    (name,) = world.post(ALERT)
    until(lambda: world.quiet(name))
    world.store.tell(name, Kind.ACKNOWLEDGED, {})
    world.post({**ALERT, "status": "resolved", "endsAt": "2026-11-26T03:20:00Z"})

    def kinds() -> list[str]:
        return [event.kind for event in world.store.read(name).events]

    until(lambda: Kind.PROPOSED in kinds() and kinds().count(Kind.REMINDED) == 2)
    until(lambda: world.quiet(name))
    assert kinds().count(Kind.PROPOSED) == 1
    assert world.store.read(name).status == "open"
    page = world.receivers.taken["pagerduty"].things[f"{name}/tier-0"]
    assert page["events"][-1] == "acknowledge"


@pytest.mark.parametrize("how", list(Misbehaviour))
def test_nothing_is_lost_and_nothing_doubled(tmp_path: Path, how: Misbehaviour) -> None:
    """Receivers that fail, hang, limit or lose their answer have each message once in the end."""
    with running_receivers(hang_s=5.0) as receivers, running_mailbox() as mailbox:
        names = ("slack", "statuspage", "pagerduty", "jira", "webhook", "backend")
        for name in names:
            receivers.misbehave(name, how)
        mailbox.die_after = int(how is Misbehaviour.DIE_AFTER)
        mailbox.fail = int(how is Misbehaviour.FAIL)
        with running(receivers, mailbox, tmp_path) as world:
            for sender in world.service.senders.values() if how is Misbehaviour.HANG else ():
                hurry(sender.receiver)
            (incident,) = world.post(ALERT)
            until(lambda: world.quiet(incident))
        taken = receivers.taken
        for name in names:
            assert taken[name].fired[how] >= 1, f"{name} was to misbehave"
        assert len(taken["statuspage"].things) == 1
        (shown,) = taken["statuspage"].things.values()
        assert len(shown["incident_updates"]) == len({u["body"] for u in shown["incident_updates"]})
        (ticket,) = taken["jira"].things.values()
        bodies = [each["body"] for each in ticket["comments"]]
        assert len(bodies) == len(set(bodies)) == 1
        posts = [
            each["metadata"]["event_payload"]["message"] for each in taken["slack"].things.values()
        ]
        assert len(posts) == len(set(posts)) == 3
        assert list(taken["pagerduty"].things) == [f"{incident}/tier-0"]
        messages = outbox_of(world.store.read(incident)).messages.values()
        wanted = {each.message.id for each in messages if each.message.receiver == "webhook"}
        assert set(taken["webhook"].things) <= wanted
        assert len({mail["Message-ID"] for mail in mailbox.mails}) == 1
        stages = {each.stage for each in messages}
        assert stages <= {Stage.DELIVERED, Stage.SUPERSEDED}


def hurry(receiver: object) -> None:
    """Give a receiver little patience for a server that hangs."""
    service = getattr(receiver, "_service", None)
    if isinstance(service, WebService):
        service._timeout_s = 1.5


def test_a_refusal_is_shown_without_secrets_and_lets_others_pass(world: World) -> None:
    """What a receiver does not want waits with its reason; the rest of its messages go out."""
    sender = world.service.senders["webhook"]
    said: list[str] = []
    sender.say = said.append
    refused: list[str] = []
    real = sender.receiver.send

    class Picky:
        name, acts = sender.receiver.name, sender.receiver.acts

        def send(self, attempt: Attempt) -> Mapping[str, str]:
            if not refused or attempt.message.id in refused:
                refused.append(attempt.message.id)
                raise DeliveryRefused("It answers 400: token=abcdef123456")
            return real(attempt)

    sender.receiver = Picky()
    (name,) = world.post(ALERT)
    until(lambda: told(world, name, "opened") and said)

    def waiting() -> list[str]:
        found = outbox_of(world.store.read(name)).waiting("webhook")
        return [each.message.id for each in found]

    until(lambda: waiting() == refused[:1])
    notes = AttemptNotes(world.store.record(name).folder).read(refused[0])
    assert notes.count == 1
    assert "abcdef123456" not in said[0] + notes.reason


def test_what_nobody_foresaw_stops_no_sending(world: World) -> None:
    """A fault of ours in sending is told without secrets, and the message goes out all the same."""
    sender = world.service.senders["webhook"]
    said: list[str] = []
    world.service.say = said.append
    tried: list[str] = []
    real = sender.receiver.send

    class Faulty:
        name, acts = sender.receiver.name, sender.receiver.acts

        def send(self, attempt: Attempt) -> Mapping[str, str]:
            tried.append(attempt.message.id)
            if len(tried) == 1:
                raise ZeroDivisionError("token=abcdef123456")
            return real(attempt)

    sender.receiver = Faulty()
    (name,) = world.post(ALERT)
    until(lambda: world.quiet(name))
    told_of_it = next(words for words in said if words.startswith("Sending to webhook stumbled"))
    assert "ZeroDivisionError" in told_of_it
    assert "abcdef123456" not in told_of_it


def test_a_broken_record_is_told_once_and_the_others_go_on(world: World) -> None:
    """It is looked at each second by the clock and by every sender; that is no reason to shout."""
    said: list[str] = []
    speech = Speech(said.append)
    world.service.say = speech
    for sender in world.service.senders.values():
        sender.say = speech
    broken = world.store.open(Opening("Broken"), shipped_runbook(), NAME).id
    with (world.store.record(broken).folder / "record.jsonl").open("a") as file:
        file.write("no event\n")
    (name,) = world.post(ALERT)
    until(lambda: world.quiet(name))
    ticks = world.service._counts.ticks
    until(lambda: world.service._counts.ticks > ticks + 2)
    assert len(said) == len({*said})
    assert any("is no event" in words for words in said)


def test_words_are_said_again_after_an_hour() -> None:
    """What is still so is not forgotten either."""
    said: list[str] = []
    now = [0.0]
    speech = Speech(said.append, lambda: now[0])
    for now[0] in (0.0, 1.0, 3599.0, 3600.0, 3601.0):
        speech("The disk is full")
    assert said == ["The disk is full"] * 2


def test_probes_metrics_and_what_is_no_alert(world: World) -> None:
    """The service tells of itself, and refuses what it cannot read without falling over."""
    assert world.get("/livez") == "ok\n"
    until(lambda: world.service.ready)
    assert world.get("/readyz") == "ready\n"
    (name,) = world.post(ALERT)
    until(lambda: world.quiet(name))
    told = world.get("/metrics")
    assert "incident_open 1" in told
    assert 'incident_messages_waiting{receiver="slack"} 0' in told
    with pytest.raises(urllib.error.HTTPError) as caught:
        world.post({"status": "firing"})
    with caught.value:
        assert caught.value.code == 400
    minor = {**ALERT, "labels": {"alertname": "DiskFull", "scenario": "none"}}
    minor["labels"] |= {"severity": "warning"}  # type: ignore[operator]
    assert world.post(minor) == []
    quiet = {"alertname": "SlowSearch", "scenario": "P0-2", "severity": "warning"}
    assert world.post({**ALERT, "labels": quiet, "fingerprint": "f2"}) == [name]
    grave = {"alertname": "BackupTooOld", "scenario": "none", "severity": "critical"}
    (other,) = world.post({**ALERT, "labels": grave, "fingerprint": "f3"})
    assert other != name


PROGRAM = """
import sys
from info_assistant.runbooks.commands.incident import incident
incident(["serve"])
"""


def test_killed_at_any_moment_it_goes_on(tmp_path: Path) -> None:
    """Killed while it tells and started again, each receiver has everything, once."""
    with running_receivers() as receivers, running_mailbox() as mailbox:
        given = {
            **variables(receivers, mailbox, tmp_path),
            "INCIDENT_DIR": str(tmp_path / "incidents"),
            "INCIDENT_PORT": "0",
            "PATH": os.defpath,
        }
        store = Incidents(tmp_path / "incidents", Redaction(), author=("service", "desk"))
        opened = store.open(Opening("t", "P0-1"), shipped_runbook(), NAME)
        receivers.misbehave("statuspage", Misbehaviour.DIE_AFTER)
        receivers.misbehave("slack", Misbehaviour.DIE_AFTER)
        for kills in range(3):
            process = subprocess.Popen(
                [sys.executable, "-c", PROGRAM], env=given, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )  # fmt: skip
            try:
                # Killed after its first events, then a little further each time.
                least = 3 + 6 * kills
                until(partial(lambda n: len(store.read(opened.id).events) >= n, least))
            finally:
                if kills < 2:
                    process.kill()
                else:
                    until(lambda: settled(store, opened.id))
                    process.terminate()
                assert process.wait(60) in {0, -9}
        taken = receivers.taken
        assert len(taken["statuspage"].things) == 1
        assert [e.kind for e in store.read(opened.id).events].count(Kind.ESCALATED) == 1
        posts = [e["metadata"]["event_payload"]["message"] for e in taken["slack"].things.values()]
        assert len(posts) == len(set(posts)) == 3
        assert list(taken["pagerduty"].things) == [f"{opened.id}/tier-0"]
        assert len(taken["jira"].things) == 1


def settled(store: Incidents, name: str) -> bool:
    """Whether people were told and nothing waits."""
    known = store.read(name)
    told = any(event.data.get("what") == "opened" for event in known.events)
    return told and not outbox_of(known).waiting()
