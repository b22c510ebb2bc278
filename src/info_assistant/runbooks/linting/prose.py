"""Rules about what is read and not run: people, tiers, templates, conditions, encodings."""

import re
from collections.abc import Iterator

from info_assistant.runbooks.linting.cases import Case, settings_of
from info_assistant.runbooks.linting.findings import Finding, Severity
from info_assistant.runbooks.model import BlockKind, Contact, Role, Runbook
from info_assistant.runbooks.shell.effects import Effect
from info_assistant.runbooks.shell.placeholders import find_placeholders

_CALLS = ("phone", "pager", "mobile", "tel")
_EVERY = re.compile(r"every (\d+) min", re.IGNORECASE)
LONGEST_SILENCE_MIN = 20
"""In the first two hours of an incident, by PagerDuty's published process."""
_GENERIC = {"the", "and", "on", "call", "lead", "team", "engineer", "manager", "of", "to"}


def encoding(runbook: Runbook) -> Iterator[Finding]:
    """Characters that somebody read in a wrong encoding."""
    for each in runbook.repairs:
        line = runbook.text.split("\n")[each.line - 1]
        yield Finding(
            each.line,
            "encoding",
            Severity.WARNING,
            f"UTF-8 was once read as another encoding here; it should be {each.repaired}. The file "
            "stays as it is, the text is repaired whenever it is shown or sent.",
            line.replace(each.repaired, each.broken),
            line,
        )


def people(runbook: Runbook) -> Iterator[Finding]:
    """Contacts nobody can reach, contacts without a tier, tiers without a contact."""
    tiers = " ".join(tier.text for tier in runbook.tiers)
    for contact in runbook.contacts:
        missing = _missing(contact)
        if missing:
            yield Finding(
                contact.line,
                "contact-unreachable",
                Severity.ERROR,
                f"{contact.role}: {missing}. Nobody is paged by it; fill it in where secrets and "
                "numbers are kept.",
            )
        if runbook.tiers and not _same(contact.role, tiers):
            yield Finding(
                contact.line,
                "contact-without-tier",
                Severity.WARNING,
                f"{contact.role} is called at no tier of the escalation path.",
            )
    for tier in runbook.tiers:
        named = [contact for contact in runbook.contacts if _same(contact.role, tier.text)]
        if not any(not _missing(contact) for contact in named):
            who = ", ".join(contact.role for contact in named) or "nobody of the contacts"
            yield Finding(
                tier.line,
                "tier-without-contact",
                Severity.WARNING,
                f"At {tier.begins_min} min it names {who}; none of them can be reached by phone.",
            )
    yield from _gaps(runbook)


def _gaps(runbook: Runbook) -> Iterator[Finding]:
    for before, after in zip(runbook.tiers, runbook.tiers[1:], strict=False):
        if before.ends_min is not None and before.ends_min != after.begins_min:
            yield Finding(
                after.line,
                "tier-gap",
                Severity.WARNING,
                f"The tier before ends at {before.ends_min} min, this begins at "
                f"{after.begins_min} min.",
            )


def _missing(contact: Contact) -> str:
    """Return what a contact lacks to be called, in words; empty if nothing."""
    phones = {
        title: value for title, value in contact.ways.items() if any(c in title for c in _CALLS)
    }
    if not any(value and not find_placeholders(value) for value in phones.values()):
        return "there is no phone number"
    if not contact.name or find_placeholders(contact.name):
        return "there is no name"
    return ""


def _same(role: str, text: str) -> bool:
    """Return whether a text names a role: by all of its telling words."""
    words = set(re.findall(r"[a-z]+", role.lower()))
    telling = words - _GENERIC or words
    heard = set(re.findall(r"[a-z]+", text.lower()))
    return telling <= heard and (bool(words - _GENERIC) or words <= heard)


def templates(runbook: Runbook) -> Iterator[Finding]:
    """Marks that chat does not know, values to be filled in, long silences."""
    for block in runbook.blocks(BlockKind.TEMPLATE):
        for at, text in enumerate(block.text.split("\n"), start=block.line):
            if "**" in text:
                yield Finding(
                    at,
                    "chat-bold",
                    Severity.NOTE,
                    "Slack shows ** as it is; bold is a single *. It is converted when it is sent.",
                    text,
                    re.sub(r"\*\*(.+?)\*\*", r"*\1*", text),
                )
            for hole in find_placeholders(text):
                yield Finding(
                    at,
                    "template-value",
                    Severity.NOTE,
                    f"{hole.text} is filled in from the record, or asked for, before it is sent.",
                    text,
                )
            every = _EVERY.search(text)
            if every and int(every[1]) > LONGEST_SILENCE_MIN:
                yield Finding(
                    at,
                    "long-silence",
                    Severity.NOTE,
                    f"Every {every[1]} min is less often than every {LONGEST_SILENCE_MIN} min, "
                    "which is customary for the first two hours.",
                    text,
                )


def structure(runbook: Runbook) -> Iterator[Finding]:
    """What a scenario lacks, and what is not read."""
    closing = [s for s in runbook.all_sections() if s.role is Role.AFTERWARDS]
    for scenario in runbook.scenarios:
        roles = {section.role for section in scenario.sections}
        for role, lack in (
            (Role.SYMPTOMS, "no symptoms, so it is never named by a diagnosis"),
            (Role.RESOLUTION, "nothing to do"),
        ):
            if role not in roles:
                yield Finding(
                    scenario.line, "incomplete", Severity.NOTE, f"{scenario.code} has {lack}."
                )
        if closing and Role.AFTERWARDS not in roles:
            yield Finding(
                scenario.line,
                "incomplete",
                Severity.NOTE,
                f"{scenario.code} has nothing to do afterwards; the list of line {closing[0].line} "
                "is taken.",
            )
    for each in runbook.unread:
        yield Finding(each.line, "unread", Severity.NOTE, f"Not run: {each.why}.", each.text)


def conditions(runbook: Runbook, cases: list[Case]) -> Iterator[Finding]:
    """Options under a condition that no command looks at."""
    for scenario in runbook.scenarios:
        for option in scenario.options:
            own = [case for case in cases if case.option_line == option.line]
            changes = [case for case in own if case.command.effect is not Effect.READ_ONLY]
            looks = own and own[0].command.effect is Effect.READ_ONLY
            if option.condition and changes and not looks:
                yield Finding(
                    option.line,
                    "unchecked-condition",
                    Severity.WARNING,
                    f"It is for the case “{option.condition}”, and no command looks whether that "
                    "holds before something is changed. The engine asks.",
                )


def contradictions(cases: list[Case]) -> Iterator[Finding]:
    """Switches that leave nothing to be served when both are thrown."""
    settings = [(case, setting) for case in cases for setting in settings_of(case).items()]
    without = [case for case, setting in settings if setting == ("REDIS_ENABLED", "false")]
    only = [case for case, setting in settings if setting == ("CACHE_ONLY_MODE", "true")]
    for case in only if without else ():
        yield Finding(
            case.command.line,
            "contradiction",
            Severity.WARNING,
            f"With line {without[0].command.line} (REDIS_ENABLED=false) nothing is served: "
            "answers from the cache only, and no cache. The engine refuses the second of them.",
            case.command.text,
        )
