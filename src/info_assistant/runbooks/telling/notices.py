"""Words for people outside: status page, customers, executives, and the all-clear.

They are made of sentences that are judged like those of templates; none is there for its sound.
"""

from collections.abc import Sequence

from info_assistant.runbooks.record.incident import Status
from info_assistant.runbooks.record.timeline import span
from info_assistant.runbooks.telling.assertions import Case, judged
from info_assistant.runbooks.telling.templates import STATUS_WORDS, Clock, Filled, stamp

_EFFECTS = (
    "Users cannot reach the system.",
    "Questions cannot be answered from the documents, and documents cannot be taken in.",
    "Each question is answered anew.",
    "Answers are slower than usual.",
    "New questions may be slow or fail.",
    "Answers are written by another provider.",
    "Questions that were answered before still are.",
)
_AGAIN = "Users can reach the service again."
_LOSS = "No data was lost."
_CARE = "Somebody takes care of it."


def public_title(case: Case) -> str:
    """Return a title for everybody: what is seen, not what is broken inside."""
    titles = {
        "P0-1": "The service may not be reachable",
        "P0-2": "Questions and documents are affected",
        "P0-3": "Saved answers are affected",
        "P0-4": "New answers are affected",
    }
    return titles.get(case.incident.scenario, "We look into a problem with the service")


def public_text(case: Case, clock: Clock) -> Filled:
    """Return where the incident stands, for the status page and the product's banner."""
    return _standing(case, f"Next update: {stamp(clock.next_update)}.")


def _standing(case: Case, promised: str = "") -> Filled:
    """Return where the incident stands; letters promise nothing, as nothing follows them."""
    incident = case.incident
    since = f"Since {stamp(incident.times['started'])}."
    if incident.status in {Status.RESOLVED, Status.CLOSED}:
        return all_clear(case)
    first = "We look into reports of a problem." if incident.unattended else _CARE
    state = "We have acted and watch whether it holds." if _mitigated(case) else first
    return _joined([since, state], [_AGAIN if _mitigated(case) else "", *_EFFECTS, promised], case)


def all_clear(case: Case) -> Filled:
    """Return the words at the end; that nothing was lost is said only where somebody said so."""
    incident = case.incident
    over = incident.times.get("resolved", incident.times["opened"])
    head = f"The incident is over since {stamp(over)}. It lasted {_lasted(case)}."
    return _joined([head], [_AGAIN, _LOSS], case)


def customer_notice(case: Case) -> Filled:
    """Return a letter to customers."""
    body = _standing(case)
    over = case.incident.status in {Status.RESOLVED, Status.CLOSED}
    end = (
        "We will send you what we have learned from it."
        if over
        else "We write again when it is over."
    )
    text = f"Dear customer,\n\n{public_title(case)}. {body.text}\n\n{end} We are sorry for it.\n"
    return Filled(text, body.left_out)


def executive_brief(case: Case, clock: Clock) -> Filled:
    """Return a page for those who decide and do not repair."""
    incident = case.incident
    body = _standing(case)
    responder = incident.responder or "nobody yet"
    waits = ", who has not acknowledged" if incident.responder and incident.unattended else ""
    lines = [
        f"**{incident.severity} {incident.scenario}: {incident.title}**",
        "",
        f"- Status: {STATUS_WORDS[incident.status]}",
        f"- Lasts: {_lasted(case, clock)}",
        f"- Taken care of by: {responder}{waits}",
        f"- Chosen way: {incident.option or 'none yet'}",
        f"- Changes to take back afterwards: {len(incident.open_reverts)}",
        "",
        body.text,
    ]
    return Filled("\n".join(lines), body.left_out)


def _mitigated(case: Case) -> bool:
    return case.incident.status is Status.MITIGATED


def _lasted(case: Case, clock: Clock | None = None) -> str:
    times = case.incident.times
    end = times.get("resolved") or (clock.now if clock else times["opened"])
    return span(max(end - times["started"], end - end))


def _joined(certain: Sequence[str], claims: Sequence[str], case: Case) -> Filled:
    """Return what is certain by the record, and of the claims those that hold.

    Claims of effects are offered for every incident, so those that do not hold are no news.
    """
    said = [*certain]
    left_out = []
    for claim in filter(None, claims):
        fine, reason = judged(claim, case)
        if fine:
            said.append(claim)
        elif claim in {_AGAIN, _LOSS} or claim.startswith("Next update"):
            left_out.append((claim, reason))
    return Filled(" ".join(said), tuple(left_out))
