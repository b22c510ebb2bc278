"""A whole drill on a modelled stage: the engine, its service and its messages are real."""

import json
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from benchmarks.harness.modelled_stage import modelled_stage
from click.testing import CliRunner

from info_assistant.cli.main import program
from info_assistant.cli.rehearse import rehearsed
from info_assistant.drills.balancer import NO_BACKEND_READY
from info_assistant.drills.truth.judging import Report as Judgement
from info_assistant.errors import InvalidRequest, Misconfigured
from info_assistant.rehearsal.drill import Drill
from info_assistant.rehearsal.machine_stage import FAULTS
from info_assistant.rehearsal.picture import timeline
from info_assistant.rehearsal.plan import SCENARIOS, WAYS, Disturbance, plan_of
from info_assistant.rehearsal.probe import Outcome
from info_assistant.rehearsal.report import Report, page
from info_assistant.rehearsal.truth import judged
from info_assistant.runbooks.__main__ import engine
from info_assistant.runbooks.commands.telling import scenario_of
from info_assistant.runbooks.outbox.messages import Act
from info_assistant.runbooks.reading.markdown import parse_runbook
from info_assistant.runbooks.running.plan import options_of
from info_assistant.runbooks.shipped import NAME, shipped_runbook

pytestmark = pytest.mark.timeout(300)
"""A whole drill is many processes, which take their time on a busy machine."""


@dataclass
class _Elsewhere:
    """A stage that leads to a cluster of somebody."""

    variables: Mapping[str, str]
    public_url: str = "http://127.0.0.1:1"
    frontend_url: str = "http://127.0.0.1:1"
    question: str = "Which?"
    broken: list[str] = field(default_factory=list)

    def inject(self, fault: str) -> str:
        self.broken.append(fault)
        return "broken"

    def mend(self, fault: str) -> bool:
        self.broken.remove(fault)
        return True

    def serves(self) -> bool:
        return not self.broken


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Report]:
    """P0-2 by its first option, with Slack down and the engine killed at its first change."""
    disturbances = (Disturbance.SLACK_DOWN, Disturbance.ENGINE_KILLED)
    folder = tmp_path_factory.mktemp("drill")
    stage_folder = folder / "stage"
    stage_folder.mkdir()
    with modelled_stage(stage_folder) as stage:
        plan = plan_of("P0-2", 1, disturbances=disturbances)
        yield Drill(plan, stage, folder, lambda _words: None, every_s=0.2).run()


def test_the_drill_holds(report: Report) -> None:
    """The fault is named, the option helps, and everybody is told once, marked as of a drill."""
    assert report.faults_of_telling == []
    assert (report.diagnosed, report.verified) == (True, True)
    assert "P0-2" in report.named


def test_every_sentence_that_arrived_is_judged(report: Report) -> None:
    """The judge knows them all and agrees with some; an untrue one is shown, and nothing holds."""
    assert report.truth.true
    assert report.truth.unknown == []
    untrue = replace(report.truth.true[0], agrees=False)
    worse = replace(report, truth=Judgement((untrue,)))
    assert not worse.holds
    assert any(untrue.sentence in line for line in page(worse) if "untrue" in line)
    assert replace(report, truth=Judgement(())).holds


@pytest.mark.parametrize("code", [NO_BACKEND_READY, "vector_store_unavailable"])
def test_whom_a_balancer_refuses_has_reached_nobody(report: Report, code: str) -> None:
    """A word of the service is another thing than one of whoever stands before it."""
    failing = [
        replace(each, code=code, outcome=Outcome.REFUSED)
        if each.at >= report.times["fault"]
        else each
        for each in report.samples
    ]
    word = replace(report.told[0], act=Act.STATE, text="Users cannot reach the system.")
    judgement = judged(replace(report, samples=failing, told=[word]))
    agrees = {each.agrees for each in judgement.verdicts if "cannot reach" in each.sentence}
    assert agrees == {code == NO_BACKEND_READY}


def test_its_json_has_the_shape_that_is_promised(report: Report) -> None:
    """Scenario, option, diagnosed, verified, downtime and who was told, as JSON."""
    data = json.loads(json.dumps(report.data()))
    assert (data["scenario"], data["option"]) == ("P0-2", 1)
    assert data["diagnosed"] is data["verified"] is True
    assert data["downtime_s"] > 0
    assert {each["receiver"] for each in data["told"]} >= {
        "slack", "statuspage", "pagerduty", "jira", "mail", "webhook", "product", "page",
    }  # fmt: skip
    for each in data["told"]:
        assert each["at"] >= each["written"]
        assert each["title"].startswith("DRILL") or each["text"].startswith("DRILL")


def test_the_downtime_is_what_the_probe_saw(report: Report) -> None:
    """Questions fail from after the fault until before people are called served again."""
    failed = [each.at for each in report.samples if each.code == "vector_store_unavailable"]
    assert min(failed) >= report.times["fault"]
    assert max(failed) < report.times["mitigated"]
    assert 0 < report.downtime_s < report.ended - report.times["fault"]


def test_slack_did_not_keep_anybody_from_acting(report: Report) -> None:
    """Slack hears of it after the all-clear, when it takes messages again, and misses nothing."""
    slack = [each for each in report.told if each.receiver == "slack"]
    others = [each for each in report.told if each.receiver == "statuspage"]
    assert slack
    assert min(each.delivered.timestamp() for each in slack) > report.times["resolved"]
    assert min(each.delivered.timestamp() for each in others) < report.times["acted"]


def test_an_engine_that_was_killed_goes_on(report: Report) -> None:
    """The change at which it was killed is found done, or done anew, and the rest follows."""
    assert not any("not killed" in each for each in report.remarks)
    changes = [each for each in report.actions if each.effect == "mutating"]
    assert [each.outcome for each in changes] == ["done"]
    assert "delete pod qdrant-0" in changes[0].text


def test_the_times_follow_each_other(report: Report) -> None:
    """Fault, named, acknowledged, acted, served again, all-clear."""
    names = ["fault", "detected", "acknowledged", "acted", "mitigated", "resolved"]
    assert [name for name in report.times if name in names] == names


def test_the_picture_says_in_words_what_it_shows(report: Report) -> None:
    """It is well-formed, has title and description, and marks every question that failed."""
    root = ET.fromstring(timeline(report))  # noqa: S314  Our own text.
    inside = {each.tag.rpartition("}")[2]: each for each in root}
    assert inside["title"].text == f"Drill of {report.plan.name}"
    assert f"{report.downtime_s:.1f} s" in str(inside["desc"].text)
    hints = [each.text or "" for each in root.iter() if each.tag.endswith("}title")]
    assert sum("vector_store_unavailable" in each for each in hints) == sum(
        each.code == "vector_store_unavailable" for each in report.samples
    )


def test_the_page_tells_it_with_units(report: Report) -> None:
    """People read the result, the downtime and the times in seconds."""
    lines = list(page(report))
    assert lines[0].lower().endswith("hold" if not report.holds else "it holds")
    assert any(f"{report.downtime_s:.1f} s for new questions" in each for each in lines)


def test_every_option_of_our_runbook_has_a_drill() -> None:
    """No option of the runbook that ships goes without one, and each has a fault that is known."""
    runbook = parse_runbook(shipped_runbook(), NAME)
    written = {
        (code, number)
        for code in SCENARIOS
        for number, _ in enumerate(options_of(scenario_of(runbook, code)), start=1)
    }
    assert {(way.scenario, way.number) for way in WAYS} == written
    assert {way.fault for way in WAYS} == set(FAULTS)


def test_unknown_options_are_refused_in_words() -> None:
    """The message names what there is."""
    with pytest.raises(InvalidRequest, match="1, 2, 3"):
        plan_of("P0-2", 9)


def test_a_drill_of_a_foreign_cluster_does_not_begin(tmp_path: Path) -> None:
    """A stage that leads to another cluster is refused before anything is asked or broken."""
    foreign = tmp_path / "foreign"
    foreign.write_text('{"clusters": [{"cluster": {"server": "https://10.1.2.3:6443"}}]}')
    stage = _Elsewhere({"KUBECONFIG": str(foreign)})
    with pytest.raises(Misconfigured, match="Nothing was done"):
        Drill(plan_of("P0-2"), stage, tmp_path, lambda _words: None)
    assert not stage.broken


def test_the_command_is_there_with_the_product_and_says_so_without() -> None:
    """`runbook drill --help` teaches; the engine alone says where drills are."""
    taught = CliRunner().invoke(program, ["runbook", "drill", "--help"])
    assert taught.exit_code == 0
    assert "P0-1|P0-2|P0-3|P0-4" in taught.output
    told = CliRunner().invoke(engine, ["runbook", "drill", "P0-2", "--json"])
    assert told.exit_code == 1
    assert "goes without it" in told.output


def test_a_drill_begins_a_record_of_its_own(tmp_path: Path) -> None:
    """What lies in the folder may be an incident that is still open; it is left as it is."""
    (tmp_path / "record.jsonl").write_text("{}\n")
    with pytest.raises(Misconfigured, match="new or empty"):
        rehearsed(plan_of("P0-2"), print, tmp_path)
