"""What providers say of themselves on their status pages: asked in every form that is known.

Nobody promises which software runs such a page, so the form is found out and never assumed; a page
that answers in none of them is `unknown`, not well.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from info_assistant.runbooks.diagnosis.asking import FAULTS, fetch_json
from info_assistant.runbooks.diagnosis.places import Place

PAGES: Mapping[str, str] = {
    "openai": "https://status.openai.com",
    "anthropic": "https://status.anthropic.com",
}
_TIMEOUT_S = 5.0
_INDICATORS = {"none": "operational", "minor": "degraded", "maintenance": "degraded"}
_GRAVE = {"major": "down", "critical": "down"}


@dataclass(frozen=True, slots=True)
class ProviderStatus:
    """What a provider says of itself: operational, degraded, down or unknown; and how we know."""

    state: str
    words: str


def pages_of(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the status pages to ask: PROVIDER_STATUS_PAGES, else those of providers in use."""
    given = variables.get("PROVIDER_STATUS_PAGES")
    if given is not None:
        pairs = (each.partition("=") for each in given.split(","))
        return {name.strip(): url.strip() for name, _, url in pairs if url.strip()}
    return {
        name: url
        for name, url in PAGES.items()
        if variables.get(f"{name.upper()}_API_KEY")
        and not variables.get(f"{name.upper()}_BASE_URL")
    }


def provider_status(url: str, timeout_s: float = _TIMEOUT_S) -> ProviderStatus:
    """Ask one status page; never raises for a page that does not answer."""
    host = url.rsplit("//", maxsplit=1)[-1].rstrip("/")
    for path, read in (
        ("/api/v2/status.json", _statuspage),
        (f"/proxy/{host}", _incident_io),
        ("/api/v2/summary.json", _statuspage),
    ):
        try:
            code, body = fetch_json(Place(url), path, timeout_s)
        except FAULTS as error:
            return ProviderStatus("unknown", f"{host} cannot be reached: {error}")
        found = read(body) if code == 200 and isinstance(body, dict) else None  # noqa: PLR2004  HTTP.
        if found is not None:
            return found
    return ProviderStatus("unknown", f"{host} answers in no form that is known")


def _statuspage(body: Mapping[str, Any]) -> ProviderStatus | None:
    """Read Atlassian's form, which others offer as well."""
    status = body.get("status")
    indicator = status.get("indicator") if isinstance(status, dict) else None
    state = (_INDICATORS | _GRAVE).get(str(indicator))
    return ProviderStatus(state, str(status.get("description", ""))) if state and status else None


def _incident_io(body: Mapping[str, Any]) -> ProviderStatus | None:
    """Read incident.io's form: a summary with what is affected."""
    summary = body.get("summary")
    if not isinstance(summary, dict) or "ongoing_incidents" not in summary:
        return None
    affected = summary.get("affected_components") or []
    states = {str(each.get("status")) for each in affected if isinstance(each, dict)}
    names = [str(each.get("name")) for each in summary["ongoing_incidents"] or []]
    words = "; ".join(names) or "no incident is known"
    if "full_outage" in states:
        return ProviderStatus("down", words)
    return ProviderStatus("degraded" if names or states else "operational", words)
