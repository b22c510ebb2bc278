"""Runbooks in other hands' styles, against keys that were written before they were read."""

import json
from pathlib import Path

import pytest
from tests.runbooks.conftest import STYLES

from info_assistant.runbooks.model import BlockKind, Role
from info_assistant.runbooks.reading.markdown import read_runbook

RUNBOOKS = sorted(STYLES.glob("*.md"))


@pytest.mark.parametrize("path", RUNBOOKS, ids=lambda path: path.stem)
def test_commands_are_classed_as_their_key_says(path: Path) -> None:
    """At least 90 % of the key's commands are found in their class, and nothing else is found.

    Whatever differs is on the safe side: taken for graver than it is.
    """
    runbook = read_runbook(path)
    key = dict(json.loads(path.with_suffix(".key.json").read_text())["commands"])
    found = {command.line: command for command in runbook.commands()}
    assert found.keys() == key.keys()
    wrong = [line for line, effect in key.items() if found[line].effect != effect]
    assert len(wrong) <= 0.1 * len(key), [found[line].why for line in wrong]
    assert [line for line in wrong if found[line].effect.rank < 3] == []


def test_three_styles_are_there() -> None:
    """The keys cover three runbooks and at least 55 commands."""
    keys = [json.loads(path.with_suffix(".key.json").read_text())["commands"] for path in RUNBOOKS]
    assert len(keys) == 3
    assert sum(map(len, keys)) >= 55


def test_what_machines_answered_is_no_command() -> None:
    """Of a recorded session only what stands behind a prompt is a command."""
    runbook = read_runbook(STYLES / "postgres-replication.md")
    assert [c.text for c in runbook.commands() if c.line < 20] == ["uptime", "df -h /data"]


def test_a_block_within_a_block_is_shown_and_not_run() -> None:
    """An example inside a Markdown block is reported by its line, and none of it is a command."""
    runbook = read_runbook(STYLES / "edge-certificates.md")
    assert [each.line for each in runbook.unread] == [67]
    assert not any("everything" in command.text for command in runbook.commands())


def test_options_may_be_headings() -> None:
    """Options that are headings keep their label, condition and commands."""
    (scenario,) = read_runbook(STYLES / "checkout-errors.md").scenarios
    assert (scenario.code, scenario.title) == ("SEV1-2", "Checkout answers 5xx")
    assert [option.label for option in scenario.options] == [f"Option {x}" for x in "ABCD"]
    assert scenario.options[0].condition == "only if a release went out in the last hour"
    assert [len(o.steps[0].blocks[0].commands) for o in scenario.options] == [3, 3, 2, 4]


def test_a_runbook_without_codes_is_one_scenario() -> None:
    """Where no heading has a code, the document's title names the scenario, setext or not."""
    runbook = read_runbook(STYLES / "edge-certificates.md")
    assert [scenario.title for scenario in runbook.scenarios] == ["Edge certificates expire"]
    steps = next(s for s in runbook.scenarios[0].sections if s.title == "How to fix").steps
    assert [step.number for step in steps] == [1, 2, 3, 4, 5]


def test_contacts_under_other_titles() -> None:
    """Columns are known by what they are called, not by their place."""
    runbook = read_runbook(STYLES / "postgres-replication.md")
    assert [each.ways["pager"] for each in runbook.contacts] == [
        "+44 20 7946 0991",
        "+44 20 7946 0992",
    ]
    assert [tier.begins_min for tier in read_runbook(STYLES / "checkout-errors.md").tiers] == [
        10,
        30,
    ]


def test_templates_and_queries_in_other_styles() -> None:
    """An unlabelled block below "Message" is a template; a PromQL block is one query a line."""
    runbook = read_runbook(STYLES / "checkout-errors.md")
    assert len(runbook.blocks(BlockKind.TEMPLATE)) == 1
    assert len(runbook.blocks(BlockKind.QUERIES)[0].queries) == 1
    assert [s.role for s in runbook.scenarios[0].sections][-1] is Role.COMMUNICATION
