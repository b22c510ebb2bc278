"""`runbook drill`: rehearse an option of the runbook with a real fault, on this machine."""
# ruff: noqa: PLC0415  A drill loads much; --help is at once.

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from info_assistant.errors import Misconfigured
from info_assistant.rehearsal.plan import SCENARIOS, Disturbance, plan_of

if TYPE_CHECKING:
    from info_assistant.rehearsal.plan import Plan
    from info_assistant.rehearsal.report import Report

DOES_NOT_HOLD = 1
"""The exit code where the diagnosis or the verification failed, or people were told wrongly."""

_START_S = 600.0
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("drill", short_help="Rehearse an option with a real fault, on this machine.")
@click.argument("scenario", type=click.Choice(SCENARIOS))
@click.option("--option", "number", type=int, metavar="N", help="Which way to go on.")
@click.option("--fault", default="", help="What is broken; else what the option is for.")
@click.option(
    "--runbook",
    "file",
    type=_FILE,
    envvar="INCIDENT_RUNBOOK",
    help="The runbook that is followed; else the one that comes with this program.",
)
@click.option("--slack-down", is_flag=True, help="Slack answers 503 until the end.")
@click.option("--status-page-down", is_flag=True, help="So does the status page.")
@click.option("--engine-killed", is_flag=True, help="The engine is killed at its first change.")
@click.option("--keep", type=click.Path(path_type=Path), help="A new folder for report and record.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def drill(  # noqa: PLR0913  One parameter an option.
    scenario: str,
    number: int | None,
    fault: str,
    file: Path | None,
    keep: Path | None,
    *,
    slack_down: bool,
    status_page_down: bool,
    engine_killed: bool,
    as_json: bool,
) -> None:
    """Rehearse SCENARIO: break a service that is started for it, and follow the runbook.

    A cluster is simulated on this machine; its pods are real processes. A real fault is injected,
    a probe outside asks a question each second, the diagnosis has to name the scenario, the engine
    follows the option with the drill's consent, and the effect is looked up from outside. People
    are stand-ins, and all that they are told begins with DRILL. No other cluster is touched.

    Ends with 1 where the diagnosis was wrong, the option did not help, or people were told wrongly.

    \b
    Examples:
      info-assistant runbook drill P0-2
      info-assistant runbook drill P0-4 --option 3 --slack-down
      info-assistant runbook drill P0-3 --runbook P0-INCIDENTS.md --json
    """  # noqa: D301  For click, the mark keeps the lines.
    chosen = (
        (Disturbance.SLACK_DOWN, slack_down),
        (Disturbance.STATUS_PAGE_DOWN, status_page_down),
        (Disturbance.ENGINE_KILLED, engine_killed),
    )
    plan = plan_of(scenario, number, fault, [each for each, wanted in chosen if wanted], file)
    say: Callable[[str], None] = lambda words: click.echo(words, err=True)  # noqa: E731
    report = rehearsed(plan, say, keep)
    _print(report, as_json=as_json)
    click.get_current_context().exit(0 if report.holds else DOES_NOT_HOLD)


def rehearsed(plan: "Plan", say: Callable[[str], None], keep: Path | None = None) -> "Report":
    """Start a stage, carry the drill out on it, and return what it found.

    `keep` takes the report, its picture and the record. Raises Misconfigured, Unavailable.
    """
    from info_assistant.cli.machine import plan as machine_plan
    from info_assistant.rehearsal.drill import Drill
    from info_assistant.rehearsal.machine_stage import breakage, equipment_for, machine_stage

    breakage(plan.fault)
    if keep is not None and keep.is_dir() and any(keep.iterdir()):
        raise Misconfigured(
            f"There is something in {keep} already. A drill begins its own record: name a folder "
            "that is new or empty."
        )
    equipment = machine_plan({"start_s": _START_S, "rollout_s": 120, **equipment_for(plan)})
    with tempfile.TemporaryDirectory(prefix="info-assistant-drill-") as scratch:
        stage_folder, folder = Path(scratch) / "stage", keep or Path(scratch) / "drill"
        for each in (stage_folder, folder):
            each.mkdir(parents=True, exist_ok=True)
        say("Starting the stage: Qdrant, Redis, backends, a simulated cluster. A minute or two …")
        with machine_stage(stage_folder, equipment) as stage:
            report = Drill(plan, stage, folder, say).run()
    if keep is not None:
        _keep(report, keep)
    return report


def _keep(report: "Report", folder: Path) -> None:
    from info_assistant.rehearsal.picture import timeline

    whole = json.dumps(report.data(), ensure_ascii=False, indent=1) + "\n"
    (folder / "report.json").write_text(whole, encoding="utf-8")
    (folder / "timeline.svg").write_text(timeline(report), encoding="utf-8")


def _print(report: "Report", *, as_json: bool) -> None:
    from info_assistant.rehearsal.report import page

    if as_json:
        click.echo(json.dumps(report.data(), ensure_ascii=False, indent=2))
    else:
        click.echo("\n".join(page(report)))
