"""Leading readers to the second region and back: planned into files, applied, taken back.

`failover.json` is the change, `failover-back.json` beside it the records as they were. Nothing is
changed unless the records are the ones that the plan was made from, so that going back brings back
exactly what there was; and no plan replaces a way back that may still be needed.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from info_assistant.errors import Conflict, InvalidRequest, NotFound
from info_assistant.regions.records import RecordSet, batch_of, records_of, same, shifted

_THERE = "Lead readers to the second region (info-assistant failover)"
_BACK = "Lead readers back as before (info-assistant failover)"


class WeightedRecords(Protocol):
    """The DNS of the service. Every method blocks; raises Unavailable and what refuses."""

    def weighted(self, names: Sequence[str]) -> Sequence[RecordSet]:
        """Return the weighted records of these names. Raises NotFound for a name without any."""

    def change(self, records: Sequence[RecordSet], comment: str) -> str:
        """Set these records, all of them or none; return the change's name for `await_spread`."""

    def await_spread(self, change: str) -> None:
        """Return once all name servers answer with the change."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The records as they were and as they are to be."""

    before: Sequence[RecordSet]
    after: Sequence[RecordSet]


class Failover:
    """What leads the readers of `names` to one region or the other."""

    def __init__(self, dns: WeightedRecords, names: Sequence[str], towards: str) -> None:
        """Lead to the records that `towards` identifies, among those of `names`."""
        self._dns = dns
        self._names = names
        self._towards = towards

    def current(self) -> Sequence[RecordSet]:
        """Return the records as they are now."""
        return self._dns.weighted(self._names)

    def plan(self) -> Plan:
        """Return what would be changed. Raises NotFound, and Conflict where nothing would be."""
        before = self.current()
        after = shifted(before, self._towards)
        if same(before, after):
            raise Conflict(
                f"All weight is on {self._towards!r} already, so there is nothing to plan. "
                "To go back: info-assistant failover back"
            )
        return Plan(before, after)

    def apply(self, plan: Plan) -> bool:
        """Bring about what was planned, on all name servers; False if it was so already.

        Raises Conflict where the records are no longer those that it was planned for.
        """
        return self._set(plan.before, plan.after, _THERE)

    def back(self, plan: Plan) -> bool:
        """Set the records as they were before; False if they are so already. Raises Conflict."""
        return self._set(plan.after, plan.before, _BACK)

    def _set(self, expected: Sequence[RecordSet], wanted: Sequence[RecordSet], why: str) -> bool:
        current = self.current()
        if same(current, wanted):
            return False
        if not same(current, expected):
            others = {str(each) for each in expected} ^ {str(each) for each in current}
            known = {each.key: each for each in expected}
            others |= {str(each) for each in current if known.get(each.key, each) != each}
            raise Conflict(
                "Somebody has changed the records since this was planned, so nothing was changed: "
                f"{'; '.join(sorted(others))}. Look at them with `info-assistant failover check`. "
                "To go on from how they are now, move both files away and plan anew."
            )
        self._dns.await_spread(self._dns.change(wanted, why))
        return True


@dataclass(frozen=True, slots=True)
class PlanFiles:
    """A plan on disk, as two batches of changes that `aws` takes as well."""

    there: Path

    @property
    def back(self) -> Path:
        """The records as they were."""
        return self.there.with_name(f"{self.there.stem}-back{self.there.suffix}")

    def write(self, plan: Plan) -> None:
        """Keep a plan; the way back first. Raises Conflict if it would replace another way back."""
        if self.back.exists():
            kept = records_of(self.back.read_bytes(), str(self.back))
            if not same(kept, plan.before):
                raise Conflict(
                    f"{self.back} holds the way back to other records than there are now, and is "
                    "not replaced. Go back first (`info-assistant failover back`), or move it away."
                )
        _write_durably(self.back, batch_of(plan.before, _BACK))
        _write_durably(self.there, batch_of(plan.after, _THERE))

    def read(self) -> Plan:
        """Return the plan. Raises NotFound, InvalidRequest where it changes more than weights."""
        after, before = _records_in(self.there), _records_in(self.back)
        were = {record.key: record for record in before}
        for record in after:
            old = were.pop(record.key, None)
            if old is None or not record.differs_in_weight_only(old):
                raise InvalidRequest(
                    f"{self.there} changes more of {record} than its weight, or {self.back} does "
                    "not hold it as it was. Make both anew with `info-assistant failover plan`."
                )
        if were:
            raise InvalidRequest(
                f"{self.back} holds records that {self.there} does not change: "
                f"{', '.join(str(each) for each in were.values())}. Make both anew."
            )
        return Plan(before, after)


def _records_in(path: Path) -> Sequence[RecordSet]:
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise NotFound(
            f"There is no {path}. Make it with `info-assistant failover plan`, or name another "
            "with --file."
        ) from error
    return records_of(data, str(path))


def _write_durably(path: Path, data: bytes) -> None:
    """Write a file whole or not at all, so that it survives a loss of power."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
