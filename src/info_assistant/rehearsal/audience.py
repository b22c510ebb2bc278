"""Everybody who is told of an incident, as stand-ins, and what they have been told."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from info_assistant.drills.mailbox import Mailbox, running_mailbox
from info_assistant.drills.receivers import Misbehaviour, Receivers, running_receivers
from info_assistant.rehearsal.plan import Disturbance
from info_assistant.runbooks.outbox.messages import Stage, outbox_of
from info_assistant.runbooks.record.incident import Incident

MARK = "DRILL"
_FOR_LONG = 100_000
"""So many requests in a row go wrong while a receiver is down: more than any drill makes."""

DOWN: Mapping[Disturbance, str] = {
    Disturbance.SLACK_DOWN: "slack",
    Disturbance.STATUS_PAGE_DOWN: "statuspage",
}
"""Which receiver a disturbance takes away."""


@dataclass(frozen=True, slots=True)
class Told:
    """One message that arrived: when it was written and delivered, to whom, what for, its words."""

    written: datetime
    delivered: datetime
    receiver: str
    act: str
    title: str
    text: str
    status: str


@dataclass(frozen=True, slots=True)
class Audience:
    """The stand-ins of Slack, Statuspage, PagerDuty, Jira, a webhook and a mail server."""

    receivers: Receivers
    mailbox: Mailbox
    folder: Path

    @property
    def variables(self) -> dict[str, str]:
        """The settings with which the engine tells these, and nobody else."""
        url = self.receivers.url
        return {
            "INCIDENT_STATUS_DIR": str(self.folder / "status"),
            "SLACK_BOT_TOKEN": "xoxb-of-a-drill-0000000",
            "SLACK_API_URL": f"{url}/slack",
            "STATUSPAGE_TOKEN": "statuspage-of-a-drill",
            "STATUSPAGE_PAGE": "page1",
            "STATUSPAGE_API_URL": f"{url}/statuspage",
            "PAGERDUTY_ROUTING_KEY": "routing-of-a-drill",
            "PAGERDUTY_EVENTS_URL": f"{url}/pagerduty",
            "INCIDENT_WEBHOOK_URL": f"{url}/webhook",
            "JIRA_URL": f"{url}/jira",
            "JIRA_PROJECT": "OPS",
            "JIRA_TOKEN": "jira-of-a-drill",
            "SMTP_URL": self.mailbox.url,
            "INCIDENT_MAIL_FROM": "oncall@example.org",
            "INCIDENT_MAIL_TO": "all@example.org",
        }

    def disturb(self, disturbances: frozenset[Disturbance]) -> None:
        """Let receivers answer 503 until `calm`."""
        for each in disturbances & DOWN.keys():
            self.receivers.misbehave(DOWN[each], *[Misbehaviour.FAIL] * _FOR_LONG)

    def calm(self) -> None:
        """Let everybody take messages again."""
        for name in DOWN.values():
            self.receivers.misbehave(name)

    def refused(self) -> dict[str, int]:
        """Return how many requests each receiver that was down has refused."""
        return {name: self.receivers.taken[name].fired[Misbehaviour.FAIL] for name in DOWN.values()}

    def doubled(self) -> list[str]:
        """Return what arrived more often than it should have."""
        taken = self.receivers.taken
        posts = Counter(
            each["metadata"]["event_payload"]["message"] for each in taken["slack"].things.values()
        )
        found = [f"slack: {name} {n} times" for name, n in posts.items() if n > 1]
        found += [
            f"{name}: {len(taken[name].things)} incidents for one"
            for name in ("statuspage", "jira")
            if len(taken[name].things) > 1
        ]
        for key, event in taken["pagerduty"].things.items():
            calls = Counter(event["events"])
            found += [f"pagerduty: {key} {act} {n} times" for act, n in calls.items() if n > 1]
        mails = Counter(str(mail["Message-ID"]) for mail in self.mailbox.mails)
        return found + [f"mail: {name} {n} times" for name, n in mails.items() if n > 1]

    def unmarked(self) -> list[str]:
        """Return what arrived with words in it, and without the mark of a drill."""
        found = [
            f"{name}: {json.dumps(body)[:200]}"
            for name in ("slack", "statuspage", "pagerduty", "jira", "webhook")
            for _, path, body in self.receivers.taken[name].calls
            if _has_words(name, path, body) and MARK not in json.dumps(body)
        ]
        return found + [
            f"mail: {mail['Subject']}"
            for mail in self.mailbox.mails
            if MARK not in str(mail["Subject"])
        ]


def _has_words(name: str, path: str, body: Mapping[str, Any]) -> bool:
    """Whether people read something of this call: not where a call or a page merely ends."""
    if name == "pagerduty":
        return "payload" in body
    return not path.endswith("publish")


def told_of(incident: Incident) -> list[Told]:
    """Return what was delivered of an incident, in the order of delivery."""
    found = [
        Told(
            each.queued.at, each.ended.at, each.message.receiver, str(each.message.act),
            each.message.content.title, each.message.content.text, each.message.content.status,
        )
        for each in outbox_of(incident).messages.values()
        if each.stage is Stage.DELIVERED and each.ended is not None
    ]  # fmt: skip
    return sorted(found, key=lambda each: each.delivered)


def waiting(incident: Incident) -> int:
    """Return how many messages of an incident are still to be delivered."""
    return len(outbox_of(incident).waiting())


@contextmanager
def audience(folder: Path) -> Iterator[Audience]:
    """Run the stand-ins until the block is left; the static status page is written to `folder`."""
    with running_receivers(hang_s=1.0) as receivers, running_mailbox() as mailbox:
        yield Audience(receivers, mailbox, folder)
