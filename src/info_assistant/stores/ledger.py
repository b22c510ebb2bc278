"""The ledger as append-only records (`ports.Ledger`).

A call is two lines, its reservation and its end, each with an id of its own that is made from the
event's, so that a line written twice is one. Whoever finds the journal of a dead process writes
`unknown` in place of the ends that are missing.
"""

import asyncio
import json
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from pydantic_core import to_json

from info_assistant.errors import RecordsUnavailable, StoredDataInvalid
from info_assistant.model.answer import AnswerUsage
from info_assistant.model.ids import moment_of, new_id
from info_assistant.model.prompt import TokenUsage
from info_assistant.model.schema import MALFORMED, Stored, moment_from, stamped
from info_assistant.model.spend import ModelCall, Purpose, SpendEvent, SpendState
from info_assistant.observability.log import get_logger
from info_assistant.ports import Budgets, PriceList
from info_assistant.stores.journal_file import Record
from info_assistant.stores.record_log import RecordLog
from info_assistant.stores.segments import Fields

KIND = "spend"
"""The kind of these records in names of segments."""

_LINES = {
    SpendState.RESERVED: 0,
    SpendState.COMPLETED: 1,
    SpendState.ABORTED: 1,
    SpendState.UNKNOWN: 2,
}
_REQUESTS_KNOWN = 4096
_MOST_LATE = 10_000
_AGAIN_S = 2.0
_NOTHING = TokenUsage(0, 0)

_log = get_logger("ledger")


class RecordedLedger:
    """Spend events in a record log. `on_end` is told of each call that has ended."""

    def __init__(
        self,
        log: RecordLog,
        prices: PriceList,
        budgets: Budgets,
        *,
        on_end: Callable[[SpendEvent], None] = lambda _event: None,
        on_pending: Callable[[int], None] = lambda _count: None,
    ) -> None:
        """Keep events in `log`; `on_pending` is told how many lines wait to be shipped."""
        self._log = log
        self._prices = prices
        self._budgets = budgets
        self._on_end = on_end
        self._on_pending = on_pending
        self._late: dict[str, SpendEvent] = {}
        self._requests: OrderedDict[str, AnswerUsage] = OrderedDict()

    async def reserve(
        self, call: ModelCall, *, provider: str, model: str, most: TokenUsage
    ) -> SpendEvent:
        """Note a call with its upper bound; it survives a killed process when this returns.

        Raises RecordsUnavailable and BudgetExhausted; the call must not be made then.
        """
        event_id = new_id()
        at = moment_of(event_id)
        cost = self._prices.cost(provider, model, most, at)
        event = SpendEvent(
            id=event_id,
            at=at,
            call=call,
            provider=provider,
            model=model,
            state=SpendState.RESERVED,
            usage=replace(most, estimated=True),
            micro_usd=cost.micro_usd,
            prices=cost.prices,
        )
        await self._budgets.admit(event)
        try:
            await self._log.begin(record_of(event))
        except BaseException:
            # No call follows. The journal may have taken it all the same, if it was only slow.
            void = replace(event, state=SpendState.ABORTED, usage=_NOTHING, micro_usd=0)
            self._budgets.note(void)
            self._put_off(void)
            raise
        return event

    async def complete(self, event: SpendEvent, usage: TokenUsage) -> SpendEvent:
        """Replace the reservation by what the provider counted; return what counts from now on.

        It is kept before anything that is appended to the log afterwards, such as the answer's
        record; so nobody need wait for it.
        """
        return self._end(event, SpendState.COMPLETED, usage)

    async def abort(self, event: SpendEvent, usage: TokenUsage) -> SpendEvent:
        """Replace it by an estimate, for a call that did not come to its end."""
        return self._end(event, SpendState.ABORTED, replace(usage, estimated=True))

    def of_request(self, request_id: str) -> AnswerUsage:
        """Return what the calls of a request took so far; known here for some thousand requests."""
        return self._requests.get(request_id, AnswerUsage())

    async def run(self) -> None:
        """Keep what could not be kept when it happened, and tell how much waits."""
        while True:
            await self.catch_up()
            await self.tell_pending()
            await asyncio.sleep(_AGAIN_S)

    async def catch_up(self) -> None:
        """Keep ends that could not be kept before; those that still cannot wait on."""
        try:
            for event in list(self._late.values()):
                await self._log.end(record_of(event), event.id)
                self._settle(event.id)
        except RecordsUnavailable as error:
            _log.warning("Ends of model calls wait", count=len(self._late), error=error.code)

    async def tell_pending(self) -> None:
        """Tell how many lines wait to be shipped, where that can be known."""
        with suppress(RecordsUnavailable):
            self._on_pending(await self._log.count(KIND))

    def _end(self, event: SpendEvent, state: SpendState, usage: TokenUsage) -> SpendEvent:
        cost = self._prices.cost(event.provider, event.model, usage, event.at)
        ended = replace(
            event, state=state, usage=usage, micro_usd=cost.micro_usd, prices=cost.prices
        )
        self._budgets.note(ended)
        self._add_to_request(ended)
        self._on_end(ended)
        # Until the journal has it: the disk may fail, and the words are paid for by now.
        self._put_off(ended)
        self._log.end_soon(record_of(ended), event.id, lambda: self._settle(event.id))
        return ended

    def _put_off(self, event: SpendEvent) -> None:
        if len(self._late) < _MOST_LATE:
            self._late[event.id] = event

    def _settle(self, event_id: str) -> None:
        self._late.pop(event_id, None)

    def _add_to_request(self, event: SpendEvent) -> None:
        name = event.call.request_id
        known = self._requests.pop(name, AnswerUsage())
        self._requests[name] = AnswerUsage(
            known.input_tokens + event.usage.input,
            known.output_tokens + event.usage.output,
            known.micro_usd + event.micro_usd,
        )
        if len(self._requests) > _REQUESTS_KNOWN:
            self._requests.popitem(last=False)


def ended_by_death(record: Record) -> Record | None:
    """Return the line that says that nobody knows how a call ended: its upper bound stands."""
    try:
        begun = spend_event(json.loads(record.body))
    except (ValueError, StoredDataInvalid) as error:
        _log.warning("Reservation unreadable", id=record.id, error=type(error).__name__)
        return None
    return record_of(replace(begun, state=SpendState.UNKNOWN))


def record_of(event: SpendEvent) -> Record:
    """Return the line that tells the state of an event."""
    fields = spend_fields(event)
    return Record(KIND, event.call.tenant, str(fields["id"]), to_json(fields))


def spend_fields(event: SpendEvent) -> dict[str, Any]:
    """Return a line as JSON values; `id` is the line's, `event` the event's."""
    return stamped(
        Stored.SPEND_EVENT,
        {
            "id": _line_id(event),
            "event": event.id,
            "at": event.at,
            "tenant": event.call.tenant,
            "request_id": event.call.request_id,
            "attempt": event.call.attempt,
            "purpose": str(event.call.purpose),
            "provider": event.provider,
            "model": event.model,
            "state": event.state,
            "input_tokens": event.usage.input,
            "cached_input_tokens": event.usage.cached_input,
            "output_tokens": event.usage.output,
            "estimated": event.estimated,
            "micro_usd": event.micro_usd,
            "prices": event.prices,
        },
    )


def spend_event(fields: Fields) -> SpendEvent:
    """Return the event that a line tells of. Raises StoredDataInvalid."""
    try:
        return SpendEvent(
            id=str(fields["event"]),
            at=moment_from(fields["at"]),
            call=ModelCall(
                str(fields["tenant"]),
                str(fields["request_id"]),
                int(fields["attempt"]),
                str(fields.get("purpose", Purpose.ANSWER)),
            ),
            provider=str(fields["provider"]),
            model=str(fields["model"]),
            state=SpendState(fields["state"]),
            usage=TokenUsage(
                input=int(fields["input_tokens"]),
                output=int(fields["output_tokens"]),
                cached_input=int(fields["cached_input_tokens"]),
                estimated=bool(fields["estimated"]),
            ),
            micro_usd=int(fields["micro_usd"]),
            prices=str(fields["prices"]),
        )
    except MALFORMED as exc:
        raise StoredDataInvalid(
            f"A line of the ledger cannot be understood ({type(exc).__name__}). It is left out of "
            "sums and stays in object storage."
        ) from exc


def _line_id(event: SpendEvent) -> str:
    """Return the id of the line: of the same millisecond, hence kept with the other's day."""
    last = int(event.id[-1], 16)
    return f"{event.id[:-1]}{last ^ _LINES[event.state]:x}"
