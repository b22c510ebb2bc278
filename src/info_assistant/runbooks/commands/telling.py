"""How findings, scenarios and plans are told, in lines for people and as data for programs."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict

from info_assistant.runbooks.errors import NotAllowed
from info_assistant.runbooks.linting.findings import Finding, Severity
from info_assistant.runbooks.linting.lint import Correction, corrections
from info_assistant.runbooks.model import BlockKind, Form, Option, Runbook, Scenario, Step

_MARKS = {Severity.ERROR: "✗", Severity.WARNING: "!", Severity.NOTE: "·"}


def finding_rows(findings: Sequence[Finding]) -> list[dict[str, object]]:
    """Return findings in the shape that others rely on."""
    return [asdict(each) for each in findings]


def indent(text: str, by: int) -> str:
    """Return a text with each of its lines moved to the right."""
    return "\n".join(" " * by + line for line in text.split("\n"))


def finding_lines(findings: list[Finding]) -> Iterator[str]:
    """Yield findings as people read them."""
    shown = None
    for each in findings:
        yield f"{_MARKS[each.severity]} line {each.line}  {each.rule}"
        yield indent(each.message, 4)
        if each.as_run and (each.line, each.as_run) != shown:
            yield indent(f"as written  {each.as_written.strip()}", 4)
            yield indent(f"as run      {each.as_run}", 4)
            shown = (each.line, each.as_run)
    counts = [sum(each.severity is severity for each in findings) for severity in Severity]
    yield f"{counts[0]} errors, {counts[1]} warnings, {counts[2]} notes."


def scenario_text(read: Runbook, code: str) -> str:
    """Return the text of one scenario. Raises NotAllowed."""
    wanted = scenario_of(read, code)
    lines = read.text.split("\n")[wanted.line - 1 : _end(read, wanted)]
    return "\n".join(lines).rstrip()


def scenario_of(read: Runbook, code: str) -> Scenario:
    """Return the scenario of that code. Raises NotAllowed, naming those that there are."""
    found = read.scenario(code)
    if found is None:
        known = ", ".join(each.code for each in read.scenarios) or "none"
        raise NotAllowed(f"{read.name} has no scenario {code}. It has: {known}.")
    return found


def _end(read: Runbook, scenario: Scenario) -> int | None:
    """Return the last line of a scenario: that before the next heading of its own level."""
    inside = {section.line for section in scenario.sections}
    after = [
        section.line
        for section in read.all_sections()
        if section.line > scenario.line and section.line not in inside
    ]
    return min(after) - 1 if after else None


Known = dict[tuple[int, str], Correction]
"""How each command would be run, by its line and its text."""


def known_corrections(read: Runbook) -> Known:
    """Return how each command would be run, by its line and text."""
    return {(each.command.line, each.command.text): each for each in corrections(read)}


def plan_lines(
    scenario: Scenario, known: Known, number: int | None, *, as_written: bool
) -> Iterator[str]:
    """Yield what would be done in a scenario, or in one option of it."""
    yield f"\n{scenario.code}: {scenario.title}"
    for section in scenario.sections:
        if number is None and (section.steps or section.options):
            yield f"\n  {section.title}"
            yield from _steps(section.steps, known, as_written=as_written)
        for at, option in enumerate(section.options, start=1):
            if number in {None, at}:
                yield f"  {_named(option)}"
                yield from _steps(option.steps, known, as_written=as_written)


def _named(option: Option) -> str:
    condition = f" (only {option.condition})" if option.condition else ""
    return f"{option.label}: {option.title}{condition}"


def _steps(steps: Iterable[Step], known: Known, *, as_written: bool) -> Iterator[str]:
    for step in steps:
        if step.number:
            yield f"    {step.number}. {step.title}"
        for note in step.notes:
            yield f"       [ ] {note.text}  (by hand)"
        for block in step.blocks:
            for item in block.items:
                yield f"       [ ] {item.text}  (by hand)"
            if block.kind is BlockKind.TEMPLATE:
                yield f"       a text to send, line {block.line}"
            for query in block.queries:
                yield f"       [query] {query.text}"
            for command in block.commands:
                found = known[command.line, command.text]
                text = command.text if as_written else found.as_run
                yield f"       line {command.line} [{command.effect}] {_first(text)}"
                if found.changed and not as_written:
                    yield f"                as written: {_first(command.text)}"


def _first(text: str) -> str:
    """Return the text on one line."""
    return " ".join(part.strip().removesuffix("\\").strip() for part in text.split("\n"))


def plan_data(scenario: Scenario, known: Known) -> dict[str, object]:
    """Return the plan of a scenario as data."""
    return {
        "code": scenario.code,
        "title": scenario.title,
        "line": scenario.line,
        "symptoms": [item.text for item in scenario.symptoms],
        "sections": [
            {
                "role": section.role,
                "title": section.title,
                "steps": [_step_json(step, known) for step in section.steps],
                "options": [
                    {
                        "label": option.label,
                        "title": option.title,
                        "condition": option.condition,
                        "line": option.line,
                        "steps": [_step_json(step, known) for step in option.steps],
                    }
                    for option in section.options
                ],
            }
            for section in scenario.sections
        ],
    }


def _step_json(step: Step, known: Known) -> dict[str, object]:
    commands = [
        known[command.line, command.text] for block in step.blocks for command in block.commands
    ]
    by_hand = [item.text for block in step.blocks for item in block.items]
    return {
        "number": step.number,
        "title": step.title,
        "by_hand": [*(note.text for note in step.notes), *by_hand],
        "commands": [
            {
                "line": each.command.line,
                "class": each.command.effect,
                "typed_at_prompt": each.command.form is Form.INPUT,
                "placeholders": list(each.command.placeholders),
                "as_written": each.command.text,
                "as_run": each.as_run,
            }
            for each in commands
        ],
    }
