"""Our own runbook: without errors, as complete as the seed, and it names only what there is."""

import json
import re
from pathlib import Path

import pytest

from info_assistant.model.mode import CHOICES, ModeName
from info_assistant.observability.metrics import Metrics
from info_assistant.runbooks.linting.cases import cases_of, settings_of
from info_assistant.runbooks.linting.lint import corrections, lint
from info_assistant.runbooks.model import BlockKind, Runbook
from info_assistant.runbooks.reading.markdown import read_runbook
from info_assistant.runbooks.shell.effects import Effect

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "src" / "info_assistant"


@pytest.fixture(scope="module")
def own() -> Runbook:
    """The runbook that ships."""
    return read_runbook(ROOT / "runbooks" / "P0-INCIDENTS.md")


OF_THE_ORGANISATION = {"contact-unreachable", "tier-without-contact"}
"""Names and numbers that only the organisation has."""

KNOWN_LIMITS = {"empty-list", "script-in-pod", "contradiction", "unchecked-condition"}
"""Warnings that the engine itself takes care of when it runs the step."""


def test_it_has_no_fault_that_we_could_mend(own: Runbook) -> None:
    """Errors are only the numbers that the organisation fills in; warnings are known."""
    findings = [each for each in lint(own) if each.severity != "note"]
    errors = {each.rule for each in findings if each.severity == "error"}
    assert errors <= OF_THE_ORGANISATION
    assert {each.rule for each in findings} <= OF_THE_ORGANISATION | KNOWN_LIMITS


def test_it_runs_as_it_is_written(own: Runbook) -> None:
    """No command has to be put right."""
    assert [(c.command.line, c.as_run) for c in corrections(own) if c.changed] == []


def test_it_has_the_scenarios_and_options_of_the_seed(own: Runbook, seed: Runbook) -> None:
    """The same four scenarios under the same codes, with at least the options of the seed."""
    assert [each.code for each in own.scenarios] == [each.code for each in seed.scenarios]
    for ours, theirs in zip(own.scenarios, seed.scenarios, strict=True):
        assert len(ours.options) >= len(theirs.options)
        assert {s.role for s in theirs.sections} <= {s.role for s in ours.sections}
    assert len(own.blocks(BlockKind.TEMPLATE)) == 2
    assert len(own.contacts) == len(own.tiers) == 4


def test_nothing_destroys_but_the_restore(own: Runbook) -> None:
    """Only the restore replaces data, and no command is interactive or endless."""
    commands = own.commands()
    destructive = [c.text.split()[-1] for c in commands if c.effect is Effect.DESTRUCTIVE]
    assert destructive == ["/restore-backup.sh"]
    assert not any(c.endless or c.effect is Effect.INTERACTIVE for c in commands)


def test_every_switch_is_one(own: Runbook) -> None:
    """What `set env` sets is a mode of the product, with a value that it takes."""
    found = [setting for case in cases_of(own) for setting in settings_of(case).items()]
    assert len(found) >= 5
    for name, value in found:
        assert value in (CHOICES[ModeName(name)] or {value})


def test_every_metric_is_exported(own: Runbook) -> None:
    """Counters that the queries name are exported at 0 from the start."""
    exported = Metrics().render().decode()
    queries = "\n".join(q.text for b in own.blocks(BlockKind.QUERIES) for q in b.queries)
    names = set(re.findall(r"\b\w+_total\b", queries))
    assert names
    assert [name for name in names if f"\n{name}" not in exported] == []


def test_every_log_line_is_written(own: Runbook) -> None:
    """Lines in quotes among the symptoms are events that the product logs, letter by letter."""
    told = [item.text for scenario in own.scenarios for item in scenario.symptoms]
    lines = set(re.findall(r'"([^"]+)"', "\n".join(told)))
    sources = "\n".join(path.read_text(encoding="utf-8") for path in SOURCES.rglob("*.py"))
    assert len(lines) == 3
    assert [line for line in lines if f'"{line}"' not in sources] == []


def test_every_code_is_one(own: Runbook) -> None:
    """Codes of errors that symptoms name are those of the API."""
    page = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    told = "\n".join(item.text for scenario in own.scenarios for item in scenario.symptoms)
    codes = re.findall(r"50[03] (\w+_\w+)", told)
    assert codes == ["vector_store_unavailable", "generation_unavailable"]
    assert [code for code in codes if code not in page] == []


def test_it_names_the_addresses_of_the_site(own: Runbook) -> None:
    """Health, the provider's status, status page and its API: the contract's, and no other."""
    found = set(re.findall(r"https://([\w.-]+\w)(/[\w./$-]*)?", own.text))
    assert {host for host, _ in found} == {
        "pubsec-info-assistant.com",
        "status.openai.com",
        "status.pubsec-info-assistant.com",
        "api.statuspage.io",
    }
    assert ("pubsec-info-assistant.com", "/health") in found
    assert ("api.statuspage.io", "/v1/pages/$STATUSPAGE_PAGE/incidents") in found


def test_its_post_to_the_status_page_is_whole(own: Runbook) -> None:
    """It fails when refused, sends JSON as JSON, and takes token and page from the environment."""
    (post,) = [each.text for each in own.commands() if "api.statuspage.io" in each.text]
    assert post.startswith("curl -g -fsS ")
    assert '-H "Content-Type: application/json"' in post
    assert '-H "Authorization: OAuth $STATUSPAGE_TOKEN"' in post
    body = json.loads(post[post.index("-d '") + 4 : post.rindex("'")])["incident"]
    assert set(body) == {"name", "status", "impact_override", "body"}
    assert (body["status"], body["impact_override"]) == ("investigating", "critical")
