"""What the service tells Prometheus, in its text format."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from info_assistant.runbooks.outbox.messages import outbox_of
from info_assistant.runbooks.outbox.sending import Sender
from info_assistant.runbooks.record.incident import Status
from info_assistant.runbooks.record.store import Incidents

STATES = ("operational", "degraded", "down", "unknown")


@dataclass(frozen=True, slots=True)
class Counts:
    """What the service has counted since its start."""

    alerts: int
    ticks: int
    last_tick: float
    """Seconds since 1970."""


def exposition(
    store: Incidents, senders: Mapping[str, Sender], counts: Counts, providers: Mapping[str, str]
) -> str:
    """Return all metrics; those without a value yet are there at 0."""
    return "\n".join([*_lines(store, senders, counts, providers), ""])


def _lines(
    store: Incidents, senders: Mapping[str, Sender], counts: Counts, providers: Mapping[str, str]
) -> Iterator[str]:
    open_ones = unattended = 0
    waiting = dict.fromkeys(senders, 0)
    fine, broken = store.survey()
    for known in fine:
        active = known.status in {Status.OPEN, Status.MITIGATED}
        open_ones += active
        unattended += active and known.unattended
        for each in outbox_of(known).waiting():
            waiting[each.message.receiver] = waiting.get(each.message.receiver, 0) + 1
    yield from _series("incident_open", "gauge", {"": open_ones})
    yield from _series("incidents_unattended", "gauge", {"": unattended})
    yield from _series("incident_records_broken", "gauge", {"": len(broken)})
    yield from _series("incident_alerts_received_total", "counter", {"": counts.alerts})
    yield from _series("incident_ticks_total", "counter", {"": counts.ticks})
    yield from _series("incident_last_tick_timestamp_seconds", "gauge", {"": counts.last_tick})
    by = {_label("receiver", name): value for name, value in waiting.items()}
    yield from _series("incident_messages_waiting", "gauge", by)
    for what in ("delivered", "failed"):
        found = {
            _label("receiver", name): getattr(each.figures, what) for name, each in senders.items()
        }
        yield from _series(f"incident_messages_{what}_total", "counter", found)
    states = {
        f'{{provider="{name}",state="{each}"}}': int(state == each)
        for name, state in providers.items()
        for each in STATES
    }
    yield from _series("incident_provider_status", "gauge", states)


def _label(name: str, value: str) -> str:
    return f'{{{name}="{value}"}}'


def _series(name: str, kind: str, values: Mapping[str, float]) -> Iterator[str]:
    yield f"# TYPE {name} {kind}"
    for labels, value in values.items():
        yield (
            f"{name}{labels} {value:.3f}" if isinstance(value, float) else f"{name}{labels} {value}"
        )
