"""What a runbook asks of people: lists, conditions, values, numbers; and how long is waited."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.runbooks.cluster import Cluster
from tests.runbooks.conftest import SEED
from tests.runbooks.test_runner import Answers

from info_assistant.runbooks.commands.incident import incident
from info_assistant.runbooks.commands.telling import known_corrections
from info_assistant.runbooks.linting.cases import facts_of
from info_assistant.runbooks.linting.lint import lint
from info_assistant.runbooks.model import Runbook
from info_assistant.runbooks.record.events import Kind
from info_assistant.runbooks.record.incident import Incident
from info_assistant.runbooks.record.redaction import Redaction
from info_assistant.runbooks.record.store import Incidents, Opening
from info_assistant.runbooks.running.plan import investigation_of, option_of, tasks_of
from info_assistant.runbooks.running.runner import Runner, Stopped, Tools
from info_assistant.runbooks.running.shell import Bash
from info_assistant.runbooks.running.shell import Result as Ended
from info_assistant.runbooks.running.values import Values
from info_assistant.runbooks.shell.placeholders import find_placeholders

Call = Callable[..., Result]


class Timed:
    """A bash that is told how long a command may take, and keeps it."""

    def __init__(self, cluster: Cluster) -> None:
        """Run commands for this cluster."""
        self._bash = Bash(cluster.variables)
        self.allowed: dict[str, float] = {}

    def run(self, text: str, timeout_s: float) -> Ended:
        """Run it."""
        self.allowed[text] = timeout_s
        return self._bash.run(text, timeout_s)


class Way:
    """A part of the seed's runbook, followed by somebody."""

    def __init__(self, folder: Path, scenario: str, option: int) -> None:
        """Open an incident; `option` 0 is the investigation."""
        self.store = Incidents(folder / "incidents", Redaction(), author=("ada", "desk"))
        opening = Opening("Tried", scenario)
        self.name = self.store.open(opening, SEED.read_bytes(), SEED.name).id
        runbook = self.store.runbook(self.name)
        found = next(each for each in runbook.scenarios if each.code == scenario)
        steps = option_of(found, option).steps if option else investigation_of(found)
        self.tasks = tasks_of(steps, known_corrections(runbook), as_written=False)
        self.facts = facts_of(runbook)
        self.cluster = Cluster(folder / "cluster")
        self.shell = Timed(self.cluster)

    def followed(self, person: Answers) -> Incident:
        """Carry it out as far as it goes, and return the incident."""
        values = Values({}, self.cluster.variables, self.shell)
        tools = Tools(self.shell, person, values, lambda _line: None, verify_s=0.0)
        try:
            Runner(self.store, self.name, self.facts, tools).run(self.tasks)
        except Stopped:
            return self.store.read(self.name)
        return self.store.read(self.name)


needs_seed = pytest.mark.skipif(
    not SEED.is_file(), reason="../shared/seed is not there to be read."
)


@needs_seed
@pytest.mark.parametrize(
    ("option", "items"),
    [
        (0, ["Visit: https://status.openai.com", "Check API key validity", "Review rate limits"]),
        (1, ["Enable maintenance mode", "Display user-friendly message"]),
    ],
)
def test_what_is_done_by_hand_is_asked_and_recorded(
    tmp_path: Path, option: int, items: Sequence[str]
) -> None:
    """Each line of a list is a question; yes is recorded as done by hand, no as not done."""
    person = Answers(("by hand",))
    incident = Way(tmp_path / "yes", "P0-4", option).followed(person)
    asked = [each for each in person.asked if "by hand" in each]
    assert [each for each in items if not any(each in question for question in asked)] == []
    done = [s for s in incident.steps.values() if s.begun.data.get("effect") == "by hand"]
    assert len(done) == len(asked) == 3
    refused = Way(tmp_path / "no", "P0-4", option).followed(Answers())
    assert [e.kind for e in refused.events].count(Kind.REFUSED) == 3
    assert not any(s.begun.data.get("effect") == "by hand" for s in refused.steps.values())


@needs_seed
def test_a_wait_of_the_runbook_is_not_cut_short(tmp_path: Path) -> None:
    """Behind `kubectl wait --timeout=300s` the engine has more patience than the command itself."""
    way = Way(tmp_path, "P0-2", 1)
    way.tasks = [each for each in way.tasks if "kubectl wait" in each.text]
    way.followed(Answers(("Run it",)))
    (text,) = [each for each in way.shell.allowed if "--for=condition=ready" in each]
    assert "--timeout=300s" in text
    assert way.shell.allowed[text] > 300
    assert all(allowed <= 900 for allowed in way.shell.allowed.values()), "bounded all the same"


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """A function that calls the command with the seed's runbook, where nobody sits at it."""
    cluster = Cluster(tmp_path / "cluster")
    for name, value in cluster.variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("INCIDENT_DIR", str(tmp_path / "incidents"))
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(incident, arguments)


@needs_seed
@pytest.mark.parametrize(
    ("scenario", "option", "condition"),
    [("P0-2", 3, "if multi-region"), ("P0-4", 2, "if configured")],
)
def test_an_option_for_another_case_is_not_begun(
    call: Call, tmp_path: Path, scenario: str, option: int, condition: str
) -> None:
    """The condition in brackets is asked first; unless it is so, nothing is run."""
    assert call("open", scenario, "--runbook", str(SEED)).exit_code == 0
    done = call("run", "--option", str(option))
    assert done.exit_code != 0
    assert condition in done.output
    assert not (tmp_path / "cluster" / "calls").exists()
    assert condition in call("run", "--option", str(option), "--dry-run").output


@pytest.mark.parametrize(
    "text",
    [
        "[TIMESTAMP]", "[TIME + 15 min]", "[POD-ID]", "[Name]", "[PAGE_ID]", "[TOKEN]", "ZXXXXX",
        "+1-XXX-XXX-XXXX",
    ],
)  # fmt: skip
def test_every_stand_in_of_the_runbook_is_known(text: str) -> None:
    """Each is found alone and within a command; a box to tick is none."""
    assert [each.text for each in find_placeholders(f"call {text} now")] == [text]
    assert list(find_placeholders(f"- [ ] call\n- [x] {text[:0]}done")) == []


@needs_seed
def test_nobody_is_called_under_a_number_that_stands_for_one(call: Call, seed: Runbook) -> None:
    """The linter refuses the table of contacts, and a call by hand says that no number is known."""
    findings = [each for each in lint(seed) if each.rule == "contact-unreachable"]
    assert {each.line for each in findings} >= {293, 294, 295, 296}
    assert {each.severity for each in findings} == {"error"}
    call("open", "P0-1", "--runbook", str(SEED))
    told = call("escalate", "nobody answers", "--tier", "3").output
    assert "XXX" not in told
    assert "[Name]" not in told
    assert told.count("no phone is known") == 4
    assert "slack @cto" in told
