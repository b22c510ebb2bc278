"""Every sentence that people may be told has a judge of its truth, or a reason why none can be."""

import ast
import itertools
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pytest
from tests.runbooks.test_templates import BEGAN, NOW

from info_assistant.drills.truth.judging import rule_of, sentences_of
from info_assistant.drills.truth.table import TABLE
from info_assistant.runbooks.clock import Instant
from info_assistant.runbooks.keeping.composing import Composer
from info_assistant.runbooks.keeping.escalation import call_of, tiers_of
from info_assistant.runbooks.model import BlockKind, Role, Runbook
from info_assistant.runbooks.outbox.messages import Act
from info_assistant.runbooks.reading.markdown import parse_runbook
from info_assistant.runbooks.receivers.port import Attempt
from info_assistant.runbooks.record.events import Event, Kind
from info_assistant.runbooks.record.incident import Incident, incident_of
from info_assistant.runbooks.shipped import NAME, shipped_runbook
from info_assistant.runbooks.telling import notices
from info_assistant.runbooks.telling.assertions import Case
from info_assistant.runbooks.telling.facts import Facts
from info_assistant.runbooks.telling.templates import Clock

OWN = parse_runbook(shipped_runbook(), NAME)
_BODY = re.compile(r"-d '(\{.*\})'", re.DOTALL)


class Everybody:
    """A receiver that is told everything."""

    name = "slack"
    acts = frozenset(Act)

    def send(self, attempt: Attempt) -> Mapping[str, str]:
        """Take it."""
        return {"id": attempt.message.id}


def of_templates(runbook: Runbook) -> Iterator[str]:
    """The texts of a runbook as they are written, with their times."""
    for section in runbook.all_sections():
        if section.role is Role.IMPACT:
            yield from (note.text for note in section.notes)
        for block in section.blocks():
            if block.kind is BlockKind.TEMPLATE:
                stamped = re.sub(r"\[TIME[^\]]*\]", "2026-11-26 03:35 UTC", block.text)
                yield stamped
            for command in block.commands:
                if found := _BODY.search(command.text):
                    yield json.loads(found[1])["incident"]["body"]


_EVENTS: tuple[list[tuple[Kind, dict[str, object]]], ...] = (
    [],
    [(Kind.ACKNOWLEDGED, {})],
    [(Kind.ACKNOWLEDGED, {}), (Kind.HANDED_OFF, {"to": "ben"})],
    [(Kind.ALERTED, {"alert": "Down", "state": "firing", "summary": "Qdrant is down."})],
    [(Kind.DIAGNOSED, {"answer": "P0-2. Qdrant is down."})],
    [(Kind.CHOSEN, {"label": "Option 1", "title": "Wait"}), (Kind.ESCALATED, {"tier": 0})],
    [(Kind.MITIGATED, {})],
    [(Kind.RESOLVED, {"text": "no data was lost"})],
)


def incidents() -> Iterator[Incident]:
    """Incidents of every scenario, in every state."""
    for scenario, events in itertools.product(("P0-1", "P0-2", "P0-3", "P0-4", ""), _EVENTS):
        opened: dict[str, object] = {
            "id": "i", "title": "Slow", "scenario": scenario, "severity": "P0",
            "started": BEGAN.isoformat(),
        }  # fmt: skip
        yield incident_of(
            Event(n, NOW, "ada", "desk", kind, data, "", f"h{n}", "", Instant(NOW))
            for n, (kind, data) in enumerate([(Kind.OPENED, opened), *events], start=1)
        )


def cases() -> Iterator[Case]:
    """What may be known of a service, for each incident."""
    facts = [
        Facts(
            reachable,
            reachable,
            dict.fromkeys(("qdrant", "redis", "openai"), "down") | {well: "ok"},
            slower=True,
            done=frozenset({"infrastructure", "dependencies", "rollback"}),
        )
        for reachable, well in itertools.product((True, False), ("qdrant", "redis", "openai"))
    ]
    facts += [
        Facts(True, True, {"openai": "down", "anthropic": "ok"}, {"LLM_PROVIDER": "anthropic"})
    ]
    for number, (incident, known) in enumerate(itertools.product(incidents(), facts)):
        incident.drill = number % 2 == 0
        yield Case(known, incident)


@pytest.fixture(scope="module")
def letters() -> set[str]:
    """Every text that the engine itself writes, for everybody."""
    return set(written(OWN))


def written(runbook: Runbook) -> Iterator[str]:
    """Every title and text, for all cases."""
    clock = Clock(NOW, 900)
    composer = Composer([Everybody()], runbook)
    for case in cases():
        incident = case.incident
        composed = [
            composer.word(case, clock, what, "c")
            for what in ("opened", "update", "mitigated", "resolved")
        ]
        brief = notices.executive_brief(case, clock).text
        composed += [
            composer.call(incident, call_of(incident, runbook, tier, 900), "c", brief)
            for tier in range(len(tiers_of(runbook)))
        ]
        composed.append(composer.taken(incident, "c"))
        for message in itertools.chain.from_iterable(each.messages for each in composed):
            yield message.content.title
            yield message.content.text
        yield notices.customer_notice(case).text


def unknown(texts: Iterable[str]) -> set[str]:
    """Sentences that the table of truth does not know."""
    return {
        sentence
        for text in set(texts)
        for sentence in sentences_of(text)
        if rule_of(sentence) is None
    }


def test_every_sentence_of_a_runbook_is_known(seed: Runbook) -> None:
    """Templates, impact lines and the text for the status page, of the seed's and of ours."""
    texts = [*of_templates(OWN), *of_templates(seed)]
    assert len(texts) >= 12
    assert not unknown(texts)


def test_every_sentence_that_the_engine_writes_is_known(letters: set[str]) -> None:
    """Updates, calls, briefs, letters and the all-clear, in every state that they are made for."""
    assert not unknown(letters)
    # The states above are enough: every constant sentence of the notices is said in one of them.
    source = Path(notices.__file__).read_text(encoding="utf-8")
    constants = {
        node.value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    whole = "\n".join(letters)
    sentences = {each for each in constants if re.fullmatch(r"[A-Z][^\n`]+ [^\n`]+\.", each)}
    assert len(sentences) >= 10
    assert not [each for each in sentences if each not in whole and f'"""{each}' not in source]


def test_reminders_and_proposals_are_known() -> None:
    """What the service says by itself besides."""
    assert not unknown([
        "All alerts are over. Is the cause gone? `incident resolve --id i`",
        "Written at 2026-11-26 03:35 UTC, delivered late.",
        "**Immediate (within 1 hour)**\n- [ ] Update the status page",
        "**Still open: Long-term (within 1 week)**\n- [ ] Mend this runbook",
    ])  # fmt: skip


def test_a_sentence_without_a_judge_is_found() -> None:
    """A template that says something new fails this parity."""
    assert unknown(["*Impact*: Half of the users see a blank page"])


def test_every_rule_has_a_reason_and_is_used(seed: Runbook, letters: set[str]) -> None:
    """No rule is dead, none is silent about what it needs."""
    texts = {*of_templates(OWN), *of_templates(seed), *letters}
    used = {
        known[0].name
        for text in texts
        for sentence in sentences_of(text)
        if (known := rule_of(sentence))
    }
    spoken_elsewhere = {"alerts over", "ask to resolve", "list", "open box", "ticked", "written at"}
    assert {rule.name for rule in TABLE} - used <= spoken_elsewhere
    assert all(rule.why for rule in TABLE)
    assert len({rule.name for rule in TABLE}) == len(TABLE)
