"""`incident diagnose`: which scenario is it, and why."""
# ruff: noqa: PLC0415  What looks is loaded by the command that looks; --help is at once.

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from info_assistant.runbooks.commands.groups import print_json

if TYPE_CHECKING:
    from info_assistant.runbooks.diagnosis.observations import Observations
    from info_assistant.runbooks.diagnosis.verdict import Diagnosis

NAMED, UNKNOWN = 3, 4
"""Exit codes, beside 0 for a healthy service; 1 and 2 are errors."""

_ADDRESSES = {
    "backend": "The backend's address; else BACKEND_URL, else this machine.",
    "frontend": "The web page's address; else FRONTEND_URL, else this machine.",
    "public": "The address that people use, whose /health is asked; else none.",
    "qdrant": "Qdrant's address; else QDRANT_URL, else this machine.",
    "redis": "Redis' address; else REDIS_URL, else its socket in DATA_DIR.",
    "prometheus": "Prometheus' address; else PROMETHEUS_URL, else none.",
    "namespace": "Where kubectl looks.",
}


def address_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that say where the parts of the service are."""
    for name, words in reversed(_ADDRESSES.items()):
        command = click.option(f"--{name}", metavar="URL", help=words)(command)
    return command


@click.command(short_help="Look at the service, and name the scenario that it is.")
@address_options
@click.option("--record", is_flag=True, help="Write the answer into the open incident.")
@click.option("--seen", type=click.File(encoding="utf-8"), help="Judge what --json printed before.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def diagnose(*, record: bool, seen: TextIO | None, as_json: bool, **addresses: str | None) -> None:
    """Look at the service for at most 15 s, and name the scenarios that fit, with evidence.

    Nothing is changed, no question is asked and no call is paid for. Ends with 0 if the service is
    healthy, 3 if a scenario is named, 4 if what was seen does not tell.

    \b
    Examples:
      info-assistant incident diagnose
      info-assistant incident diagnose --public https://pubsec-info-assistant.com --json
    """  # noqa: D301  For click, the mark keeps the lines.
    observations = _read(seen) if seen else observe(addresses)
    found = diagnosis_of(observations)
    if record:
        tell(found)
    if as_json:
        print_json({**found.data(), "seconds": observations.seconds, "seen": observations.data()})
    else:
        click.echo("\n".join(lines_of(found, observations.seconds)))
    click.get_current_context().exit(_code(found))


def observe(addresses: Mapping[str, str | None]) -> "Observations":
    """Look at everything, where the environment and these addresses say that it is."""
    from info_assistant.runbooks import settings
    from info_assistant.runbooks.diagnosis.looking import Looker
    from info_assistant.runbooks.diagnosis.places import places_of

    given = {name: value for name, value in addresses.items() if value}
    return Looker(places_of(settings.environment(), given)).look()


def diagnosis_of(observations: "Observations") -> "Diagnosis":
    """Judge what was seen."""
    from info_assistant.runbooks.diagnosis.interpreting import evidence_of
    from info_assistant.runbooks.diagnosis.verdict import judge

    return judge(evidence_of(observations))


def tell(found: "Diagnosis", name: str | None = None) -> None:
    """Write a diagnosis into the record of an incident. Raises RecordError, NotAllowed."""
    from info_assistant.runbooks.commands.incident import incidents
    from info_assistant.runbooks.record.events import Kind

    store = incidents()
    store.tell(store.current(name), Kind.DIAGNOSED, found.data())


def lines_of(found: "Diagnosis", seconds: float) -> Iterator[str]:
    """Yield a diagnosis as people read it."""
    yield f"Diagnosis: {found.text}  (looked for {seconds:.1f} s)"
    for each in found.named:
        yield f"\n{each.code} because"
        yield from (f"  - {finding.words}" for finding in each.evidence)
    if found.runner_up is not None:
        yield f"\nNot enough for {found.runner_up.code}, but"
        yield from (f"  - {finding.words}" for finding in found.runner_up.evidence)
    if found.evidence.well:
        yield "\nIn order"
        yield from (f"  - {words}" for words in found.evidence.well)
    if found.evidence.besides:
        yield "\nBesides"
        yield from (f"  - {words}" for words in found.evidence.besides)
    if found.evidence.missing:
        yield "\nNot looked at"
        yield from (f"  - {words}" for words in found.evidence.missing)
    if found.named:
        yield f"\nNext: info-assistant incident open {found.named[0].code}"


def _read(file: TextIO) -> "Observations":
    """Return what an earlier diagnosis saw. Raises DiagnosisUnreadable."""
    from info_assistant.runbooks.diagnosis.observations import observations_of
    from info_assistant.runbooks.errors import DiagnosisUnreadable

    try:
        return observations_of(json.load(file)["seen"])
    except (ValueError, LookupError, TypeError) as error:
        raise DiagnosisUnreadable(
            f"{Path(file.name).name} is not what `incident diagnose --json` prints."
        ) from error


def _code(found: "Diagnosis") -> int:
    from info_assistant.runbooks.diagnosis.verdict import Answer

    return {Answer.HEALTHY: 0, Answer.NAMED: NAMED, Answer.UNKNOWN: UNKNOWN}[found.answer]
