"""All checks of a runbook, and each command as it would be run."""

from collections.abc import Sequence
from dataclasses import dataclass

from info_assistant.runbooks.linting import kubectl_rules, prose, shell_rules
from info_assistant.runbooks.linting.cases import Case, Draft, cases_of
from info_assistant.runbooks.linting.findings import Finding, Remark, Severity
from info_assistant.runbooks.linting.queries import query_findings
from info_assistant.runbooks.model import Command, Runbook

_RULES = (*kubectl_rules.RULES, *shell_rules.RULES)


@dataclass(frozen=True, slots=True)
class Correction:
    """A command as written and as run, with the reasons for the difference."""

    command: Command
    as_run: str
    remarks: tuple[Remark, ...]
    before_line: int = 0
    """The line before which it is run; 0 for its own place."""

    @property
    def changed(self) -> bool:
        """Whether it would be run otherwise than it is written."""
        return self.as_run != self.command.text


def correct(case: Case) -> Correction:
    """Return a command with every rule's remark and change."""
    draft = Draft(list(case.draft.words), case.draft.tail, case.draft.head)
    untouched = draft.text
    found = [remark for rule in _RULES if (remark := rule(case, draft)) is not None]
    as_run = draft.text if draft.text != untouched else case.command.text
    return Correction(case.command, as_run, tuple(found), draft.before_line)


def corrections(runbook: Runbook) -> list[Correction]:
    """Return every command of a runbook as it is written and as it would be run."""
    return [correct(case) for case in cases_of(runbook)]


def lint(runbook: Runbook) -> list[Finding]:
    """Return all findings, by line and gravity."""
    cases = cases_of(runbook)
    findings = [
        Finding(
            each.command.line,
            remark.rule,
            remark.severity,
            remark.message,
            each.command.text,
            each.as_run if each.changed else "",
        )
        for each in map(correct, cases)
        for remark in each.remarks
    ]
    findings += query_findings(runbook)
    findings += prose.encoding(runbook)
    findings += prose.people(runbook)
    findings += prose.templates(runbook)
    findings += prose.structure(runbook)
    findings += prose.conditions(runbook, cases)
    findings += prose.contradictions(cases)
    grave = list(Severity)
    return sorted(findings, key=lambda each: (each.line, grave.index(each.severity), each.rule))


def worst(findings: Sequence[Finding]) -> Severity | None:
    """Return the gravest severity among findings."""
    return min((each.severity for each in findings), key=list(Severity).index, default=None)
