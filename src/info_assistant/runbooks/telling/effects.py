"""What users get now, in the words of status pages: from what was seen, never from the scenario."""

from info_assistant.runbooks.record.incident import Status
from info_assistant.runbooks.telling.assertions import Case, nobody_writes
from info_assistant.runbooks.telling.facts import PROVIDERS


def component_state(case: Case) -> str:
    """Return Statuspage's word for the parts that an incident breaks; empty where nobody knows."""
    facts, status = case.facts, case.incident.status
    if status in {Status.RESOLVED, Status.CLOSED}:
        return "operational"
    if facts.modes.get("MAINTENANCE_MODE", "").lower() == "true":
        return "under_maintenance"
    known = facts.is_ok("redis")  # Then answers that were given before still are.
    unwritten = nobody_writes(case)
    missing = facts.is_down("qdrant") or unwritten
    if facts.reachable is False or (facts.answers is False and not (missing and known)):
        return "major_outage"
    if missing:
        return "partial_outage"
    if facts.is_down("redis"):
        return "degraded_performance"
    unclear = unwritten is None and facts.provider_down(*PROVIDERS)
    well = not unclear and facts.reachable and facts.answers and status is Status.MITIGATED
    return "operational" if well else ""
