"""Who writes records: marks in object storage, so that a writer that vanished is missed.

`system/writers/{writer}/{milliseconds}-open.json` says that all that this writer recorded before
that moment is in object storage, and that there may be more on its disk; `…-closed.json`, that
there is nothing more. A writer whose last word is an open mark, and who says nothing any more, has
left a gap: what it recorded after the mark may be lost, until its disk comes back.

The clocks of replicas are not compared: whether a mark is renewed is watched on one's own.
"""

import asyncio
import json
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from info_assistant.errors import NotFound, ObjectStorageUnavailable
from info_assistant.model.gap import RecordGap
from info_assistant.model.schema import MALFORMED, Stored, stamped
from info_assistant.model.tenant import SYSTEM_TENANT
from info_assistant.observability.log import get_logger
from info_assistant.ports import Clock, FolderBlobs

MARK_S = 10.0
"""How often a writer marks that it lives; one that has shipped something does so at once."""

GONE_S = 45.0
"""A mark that was not renewed for so long belongs to a writer that is no more."""

UNCERTAIN = timedelta(seconds=15)
"""After its last mark a writer can have lived for so long, and no longer, without another one."""

_FOLDER = f"{SYSTEM_TENANT}/writers"
_KEY = re.compile(rf"{_FOLDER}/(?P<writer>[^/]+)/(?P<ms>\d{{13}})-(?P<state>open|closed)\.json")
_LOOK_S = 10.0
_CLOSED_KEPT_S = 24 * 3600.0

_log = get_logger("writers")


@dataclass(frozen=True, slots=True, order=True)
class _Mark:
    writer: str
    milliseconds: int
    state: str

    @property
    def key(self) -> str:
        return f"{_FOLDER}/{self.writer}/{self.milliseconds:013d}-{self.state}.json"

    @property
    def at(self) -> datetime:
        return datetime.fromtimestamp(self.milliseconds / 1000, UTC)


class WriterMarks:
    """The marks of the writers of this process. Methods raise ObjectStorageUnavailable.

    `at_risk_micro_usd` is what model calls of a tenant, noted and not shipped, come to at most.
    """

    def __init__(self, blobs: FolderBlobs, at_risk_micro_usd: int = 0) -> None:
        """Keep marks in `blobs`."""
        self._blobs = blobs
        self._at_risk_micro_usd = at_risk_micro_usd
        self._last: dict[str, _Mark] = {}

    async def renew(self, writer: str, at: datetime, *, news: bool) -> None:
        """Say that what `writer` recorded before `at` is shipped, where that is worth a mark."""
        last = self._last.get(writer)
        if last is None or news or at - last.at >= timedelta(seconds=MARK_S):
            await self._put(writer, at, "open")

    async def close(self, writer: str, at: datetime) -> None:
        """Say that all that `writer` recorded is shipped, and that it writes no more."""
        await self._put(writer, at, "closed")
        self._last.pop(writer, None)

    async def _put(self, writer: str, at: datetime, state: str) -> None:
        last = self._last.get(writer)
        milliseconds = int(at.timestamp() * 1000)
        mark = _Mark(writer, max(milliseconds, last.milliseconds + 1 if last else 0), state)
        await self._blobs.put_new(mark.key, mark_body(writer, at, state, self._at_risk_micro_usd))
        self._last[writer] = mark
        if last is not None:
            await self._blobs.delete(last.key)


class WriterWatch:
    """Looks which writers live, and which have left a gap."""

    def __init__(
        self,
        blobs: FolderBlobs,
        clock: Clock,
        monotonic: Callable[[], float] = time.monotonic,
        gone_s: float = GONE_S,
    ) -> None:
        """Read the marks in `blobs`; nothing is known before the first look."""
        self._blobs = blobs
        self._clock = clock
        self._monotonic = monotonic
        self._gone_s = gone_s
        self._seen: dict[str, tuple[_Mark, float]] = {}
        self._told: set[str] = set()

    @property
    def living(self) -> int:
        """How many writers there are, as far as is known here."""
        return len(self._seen) - len(self._gone())

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            try:
                await self.look()
            except ObjectStorageUnavailable:
                # Silence says nothing of anybody now; whoever lives is seen again afterwards.
                self._seen = {
                    name: (mark, self._monotonic()) for name, (mark, _) in self._seen.items()
                }
            await asyncio.sleep(_LOOK_S)

    async def look(self) -> None:
        """Read the marks once. Raises ObjectStorageUnavailable."""
        now = self._monotonic()
        newest = await _newest(self._blobs)
        for mark in [each for each in newest if each.state == "closed"]:
            if (self._clock.now() - mark.at).total_seconds() > _CLOSED_KEPT_S:
                await self._blobs.delete(mark.key)
        known, self._seen = self._seen, {}
        for mark in [each for each in newest if each.state == "open"]:
            before = known.get(mark.writer)
            same = before is not None and before[0] == mark
            self._seen[mark.writer] = before if before is not None and same else (mark, now)
        for mark in self._gone():
            if mark.writer not in self._told:
                self._told.add(mark.writer)
                _log.warning(
                    "Writer of records vanished", writer=mark.writer, at=mark.at.isoformat()
                )

    async def gaps(self) -> Sequence[RecordGap]:
        """Return the gaps that vanished writers have left. Raises ObjectStorageUnavailable."""
        return [gap for mark in self._gone() if (gap := await _gap(self._blobs, mark)) is not None]

    def _gone(self) -> Sequence[_Mark]:
        latest = self._monotonic() - self._gone_s
        return sorted(mark for mark, since in self._seen.values() if since <= latest)


async def gaps_by_clock(blobs: FolderBlobs, clock: Clock) -> Sequence[RecordGap]:
    """Return the gaps as far as can be told by the clock, without watching for a while.

    Clocks that differ by less than a minute do no harm. Raises ObjectStorageUnavailable.
    """
    oldest = clock.now() - timedelta(seconds=2 * GONE_S)
    gone = [each for each in await _newest(blobs) if each.state == "open" and each.at < oldest]
    return [gap for mark in gone if (gap := await _gap(blobs, mark)) is not None]


def mark_body(writer: str, at: datetime, state: str, at_risk_micro_usd: int) -> bytes:
    """Return what a mark says."""
    fields = {
        "writer": writer,
        "at": at.isoformat(),
        "state": state,
        "at_risk_micro_usd": at_risk_micro_usd,
    }
    return json.dumps(stamped(Stored.WRITER_MARK, fields)).encode()


async def _newest(blobs: FolderBlobs) -> Sequence[_Mark]:
    """Return the last mark of each writer, whatever it could not delete of older ones."""
    newest: dict[str, _Mark] = {}
    async for key in blobs.keys(_FOLDER):
        found = _KEY.fullmatch(key)
        if found is not None:
            mark = _Mark(found["writer"], int(found["ms"]), found["state"])
            # Of two of the same moment the closed one was later; "open" sorts behind "closed".
            before = newest.get(mark.writer)
            if before is None or (mark.milliseconds, mark.state == "closed") > (
                before.milliseconds,
                before.state == "closed",
            ):
                newest[mark.writer] = mark
    return sorted(newest.values())


async def _gap(blobs: FolderBlobs, mark: _Mark) -> RecordGap | None:
    """Return the gap after a mark; None where the writer has come back."""
    try:
        fields = json.loads(await blobs.get(mark.key))
        at_most = int(fields["at_risk_micro_usd"])
    except NotFound:
        return None
    except MALFORMED as error:
        _log.warning("Mark of a writer unreadable", key=mark.key, error=type(error).__name__)
        return None
    return RecordGap(mark.writer, mark.at, mark.at + UNCERTAIN, at_most)
