"""How often a document is read and quoted, out of the audit trail and answer records.

Nothing is counted while people read: days are looked through when a curator asks, the newest first,
and of each line only whether it names the document, until it does.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from info_assistant.model.readership import Readership, Use, UseKind
from info_assistant.model.schema import MALFORMED, moment_from
from info_assistant.observability.log import get_logger
from info_assistant.stores import answer_records, answer_repeats, audit
from info_assistant.stores.record_log import RecordLog
from info_assistant.stores.segments import Fields

MOST_SEGMENTS = 300
"""How many segments of each kind are read for one document: at 4 MB each, more than a gigabyte."""

_READS = {"document.read": UseKind.OPENED, "document.download": UseKind.DOWNLOADED}
_DAY = timedelta(days=1)
_log = get_logger("readership")

_UseOf = Callable[[Fields, str], Use | None]


@dataclass(frozen=True, slots=True)
class _Search:
    tenant: str
    document_id: str
    since: datetime


class RecordedReadership:
    """`ports.ReadershipLog` over a record log."""

    def __init__(self, log: RecordLog) -> None:
        """Look through the records in `log`."""
        self._log = log

    async def of(self, tenant: str, document_id: str, since: datetime) -> Readership:
        """Return the uses of a document since a moment. Raises ObjectStorageUnavailable."""
        search = _Search(tenant, document_id, since)
        uses: dict[str, Use] = {}
        reached = since
        for kind, use_of in _KINDS.items():
            reached = max(reached, await self._collect(kind, use_of, search, uses))
        kept = sorted(
            (each for each in uses.values() if each.at >= reached), key=lambda each: each.id
        )
        return Readership(tuple(kept), reached)

    async def _collect(
        self, kind: str, use_of: _UseOf, search: _Search, uses: dict[str, Use]
    ) -> datetime:
        """Add the uses that records of a kind tell of; return from when on that is all of them."""
        seen: set[str] = set()
        for day in _days(search.since):
            pages = self._log.of_day(
                kind, search.tenant, day, seen, containing=search.document_id.encode()
            )
            async for page in pages:
                # A record may come more than once.
                uses |= await asyncio.to_thread(_uses_in, page, use_of, search)
            if len(seen) > MOST_SEGMENTS:
                return datetime.combine(day, datetime.min.time(), UTC)
        return search.since


def _days(since: datetime) -> Iterator[date]:
    """Yield the days from today back to that of a moment."""
    day, first = datetime.now(UTC).date(), since.astimezone(UTC).date()
    while day >= first:
        yield day
        day -= _DAY


def _uses_in(records: Sequence[Fields], use_of: _UseOf, search: _Search) -> dict[str, Use]:
    found: dict[str, Use] = {}
    for fields in records:
        try:
            use = use_of(fields, search.document_id)
        except MALFORMED as error:
            _log.warning("Record unreadable", id=fields.get("id"), error=type(error).__name__)
            continue
        if use is not None and use.at >= search.since:
            found[use.id] = use
    return found


def _read(fields: Fields, document_id: str) -> Use | None:
    """Return the use that an event of the trail tells of."""
    kind = _READS.get(fields["action"])
    done = fields["target"] == document_id and fields["outcome"] == "done"
    # The rest of a download that was begun before is no other one.
    if kind is None or not done or "from_byte" in fields["detail"]:
        return None
    return _use(fields, kind, str(fields["actor"]))


def _cited(fields: Fields, document_id: str) -> Use | None:
    cited = (each["passage"]["document_id"] for each in fields["answer"]["citations"])
    if document_id not in cited:
        return None
    return _use(fields, UseKind.CITED, str(fields["subject"]))


def _cited_again(fields: Fields, document_id: str) -> Use | None:
    if document_id not in fields["cites"]:
        return None
    return _use(fields, UseKind.CITED, str(fields["subject"]))


def _use(fields: Fields, kind: UseKind, subject: str) -> Use:
    return Use(str(fields["id"]), moment_from(fields["at"]), kind, subject)


_KINDS: dict[str, _UseOf] = {
    audit.KIND: _read,
    answer_records.KIND: _cited,
    answer_repeats.KIND: _cited_again,
}
