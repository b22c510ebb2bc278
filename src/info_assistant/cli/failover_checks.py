"""What `failover check` looks at: the records, the second region's health, its backups.

Each check changes nothing and does not fail itself: whatever it meets is a finding.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import httpx2

from info_assistant.cli.checks import Finding, Health
from info_assistant.errors import InfoAssistantError, NotFound
from info_assistant.model.mode import ModeName
from info_assistant.regions.failover import Failover
from info_assistant.regions.records import RecordSet, shifted
from info_assistant.settings import Settings

_LONG_TTL_S = 60
_TIMEOUT_S = 10.0
_ILL = {"degraded", "down"}
_CLOSED = ModeName.MAINTENANCE_MODE


@dataclass(frozen=True, slots=True)
class Loss:
    """What leading readers over would lose; `minutes` is None where nobody knows."""

    finding: Finding
    minutes: int | None
    acceptable: bool


def check_records(failover: Failover, towards: str) -> Sequence[Finding]:
    """Say where readers are led now, how soon a change reaches them, and what would not follow."""
    try:
        records = failover.current()
    except InfoAssistantError as error:
        return [Finding("DNS records", Health.WRONG, error.message)]
    found = []
    ordered = sorted(records, key=lambda record: record.key)
    for (name, kind), group in groupby(ordered, key=lambda record: record.key[:2]):
        of_name = list(group)
        found.append(_where(f"{name.rstrip('.')} {kind}", of_name))
        found += _how_soon(f"{name.rstrip('.')} {kind}", of_name)
    try:
        shifted(records, towards)
    except NotFound as error:
        found.append(Finding("Second region's records", Health.WRONG, error.message))
    return found


def _where(subject: str, records: Sequence[RecordSet]) -> Finding:
    total = sum(record.weight for record in records)
    if total == 0:
        words = "every weight is 0, which Route 53 takes for an equal share to each"
        return Finding(subject, Health.WARNING, words, "Give one of them a weight.")
    shares = ", ".join(
        f"{record.weight / total:.0%} to {record.identifier} (weight {record.weight})"
        for record in records
    )
    return Finding(subject, Health.GOOD, shares)


def _how_soon(subject: str, records: Sequence[RecordSet]) -> Sequence[Finding]:
    longest = max(record.ttl_s or 0 for record in records)
    if longest <= _LONG_TTL_S:
        return []
    words = f"resolvers keep an answer for {longest} s, so some readers follow only after that"
    remedy = f"Set the TTL of these records to {_LONG_TTL_S} s, before an emergency."
    return [Finding(subject, Health.WARNING, words, remedy)]


def check_second_region(settings: Settings) -> Finding:
    """Say whether the second region could answer readers at this moment."""
    subject, url = "Second region", settings.region.url
    if not url:
        words = "SECOND_REGION_URL is not set, so nobody knows whether it answers"
        return Finding(subject, Health.WRONG, words, "Set it (docs/failover.md).")
    try:
        reply = httpx2.get(f"{url}/health", timeout=_TIMEOUT_S, trust_env=False)
        told: Mapping[str, Any] = reply.json()
        parts = {name: each["state"] for name, each in told["dependencies"].items()}
        modes = [each["name"] for each in told["modes"]]
    except (httpx2.HTTPError, ValueError, KeyError, TypeError, AttributeError):
        remedy = "Start it, or set SECOND_REGION_URL to where it runs."
        return Finding(subject, Health.WRONG, f"{url} does not answer as a backend does", remedy)
    ill = [f"{name} is {state}" for name, state in parts.items() if state in _ILL]
    words = "; ".join([f"{url} says {told['status']}", *ill, *(f"{mode} is on" for mode in modes)])
    if reply.is_error or _CLOSED in modes:
        return Finding(subject, Health.WRONG, words, "Readers would get no answers there. Mend it.")
    if ill or modes:
        return Finding(subject, Health.WARNING, words, "It answers all the same.")
    return Finding(subject, Health.GOOD, words)


def check_loss(settings: Settings) -> Loss:
    """Say how old the newest good backup in the second region is, beside what was promised."""
    from info_assistant.cli.second_region import shipped_backup  # noqa: PLC0415  Slow to import.

    rpo, subject = settings.region.rpo_minutes, "Second region's backups"
    try:
        backup, minutes = shipped_backup(settings)
    except InfoAssistantError as error:
        return Loss(Finding(subject, Health.WRONG, error.message), None, acceptable=False)
    if backup is None or minutes is None:
        words = "there is no verified backup, so nobody knows what would be lost"
        remedy = "Ship one there and verify it (docs/failover.md)."
        return Loss(Finding(subject, Health.WRONG, words, remedy), None, acceptable=False)
    words = (
        f"{backup.id} was begun {minutes} min ago ({backup.moment:%Y-%m-%d %H:%M:%S} UTC): later "
        f"changes would be missing; {rpo} min are promised (RPO)"
    )
    if minutes <= rpo:
        return Loss(Finding(subject, Health.GOOD, words), minutes, acceptable=True)
    remedy = "Ship a newer one (docs/failover.md)."
    return Loss(Finding(subject, Health.WRONG, words, remedy), minutes, acceptable=False)
