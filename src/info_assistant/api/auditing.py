"""The audit trail of the API: one event for each thing done, before its answer leaves.

An event is durable before the first byte of the answer is sent, so whatever a client was told is in
the trail even if the process is killed at that moment. Refusals are events too; `addresses.py` says
what is audited and as what. Only who is turned away because all places are taken leaves no event:
nothing was read or done, and noting each would take the time that those need who are served. Nor do
callers whom nobody knows fill the disk: their refusals are noted at a rate, and counted beyond it.
"""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send

from info_assistant.api.addresses import Address, address_of
from info_assistant.api.problems import problem_of
from info_assistant.errors import Overloaded, RecordsUnavailable
from info_assistant.model.audit import AuditEvent
from info_assistant.model.identity import Caller
from info_assistant.model.ids import moment_of, new_id
from info_assistant.model.record import AnswerRecord
from info_assistant.model.tenant import SYSTEM_TENANT
from info_assistant.model.traffic import Traffic
from info_assistant.observability.log import get_logger
from info_assistant.observability.metrics import Metrics
from info_assistant.ports import AuditLog
from info_assistant.resilience.limits import Allotment, Rate

DONE = "done"
"""The outcome of what was not refused."""

CLIENT_GONE = "client_gone"
"""The outcome of what was left unanswered because nobody waited for it any more."""

_TARGET, _DONE, _DETAIL, _OUTCOME = "audit_target", "audit_done", "audit_detail", "outcome"
_ANSWERS = "answer_records"
_LONGEST = 200
_OF_UNKNOWN_CALLERS = Rate(per_minute=600, burst=100)
_NOBODY_THERE = 499
_NEEDS_TRACE = frozenset({Traffic.CHANGE, Traffic.INGESTION})
_ANSWERS_OWN = frozenset({b"content-type", b"content-length", b"retry-after"})

_log = get_logger("audit")


def describe_action(request: Request, target: str = "", **detail: str) -> None:
    """Say what a request is about, where its path does not, and what else belongs in the trail.

    Never give the text of a question or a document.
    """
    state: dict[str, Any] = request.scope["state"]
    if target:
        describe_target(request.scope, target)
    if detail:
        cut = {name: value[:_LONGEST] for name, value in detail.items()}
        state[_DETAIL] = {**state.get(_DETAIL, {}), **cut}


def describe_target(scope: Scope, target: str) -> None:
    """Say what a request is about."""
    scope["state"][_TARGET] = target


def note_done(request: Request, target: str, outcome: str = DONE) -> None:
    """Note one of several things that a request does; each has an event of its own in the trail.

    They are done, or refused with the code `outcome`, whatever becomes of the rest of the request.
    """
    state: dict[str, Any] = request.scope["state"]
    state[_DONE] = (*state.get(_DONE, ()), (target, outcome))


def note_answer(request: Request, record: AnswerRecord) -> None:
    """Let the record of an answer be kept with the event of the request, before it leaves."""
    state: dict[str, Any] = request.scope["state"]
    state[_ANSWERS] = (*state.get(_ANSWERS, ()), record)


class AuditTrail:
    """Notes what each request did."""

    def __init__(self, log: AuditLog, metrics: Metrics) -> None:
        """Keep events in `log`, and count those that could not be kept."""
        self._log = log
        self._metrics = metrics
        self._failing = False
        self._of_unknown_callers = Allotment(_OF_UNKNOWN_CALLERS)

    def admits_unknown(self) -> bool:
        """Return whether one more refusal of a caller whom nobody knows is noted; counts others."""
        if self._of_unknown_callers.take():
            return True
        self._metrics.audit_events_skipped.inc()
        return False

    async def require_trace(self, address: Address) -> None:
        """Return if what is done here can be recorded, or need not be. Raises RecordsUnavailable.

        Changes of documents are refused without a trace. Switches and incidents name actor and
        reason themselves, and must work when much else does not.
        """
        if address.traffic in _NEEDS_TRACE:
            await self._log.check()

    def watch(self, scope: Scope, receive: Receive, send: Send) -> "Watch":
        """Return what stands between a request's answer and `send`."""
        return Watch(self, scope, receive, send)

    async def note(self, events: list[AuditEvent], answers: Sequence[AnswerRecord]) -> None:
        """Keep events with records. Raises RecordsUnavailable, counted and logged here."""
        try:
            await self._log.append(events, answers)
        except RecordsUnavailable:
            self._metrics.audit_append_failures.inc(len(events))
            for _ in answers:
                self._metrics.unrecorded()
            if not self._failing:
                _log.error("Audit events cannot be kept")
            self._failing = True
            raise
        if self._failing:
            _log.info("Audit events are kept again")
        self._failing = False


class Watch:
    """Notes one request before its answer begins."""

    def __init__(self, trail: AuditTrail, scope: Scope, receive: Receive, send: Send) -> None:
        """Stand before `send`."""
        self._trail = trail
        self._scope = scope
        self._receive = receive
        self._send = send
        self._noted = False
        self._withheld = False

    async def send(self, message: Message) -> None:
        """Hand on a piece of the answer, the first one after what was done is noted."""
        if message["type"] == "http.response.start" and not self._noted:
            self._noted = True
            await self._begin(message)
        elif not self._withheld:
            await self._send(message)

    async def finish(self) -> None:
        """Note a request that was never answered."""
        if not self._noted:
            await self._note(CLIENT_GONE)

    async def _begin(self, start: Message) -> None:
        status = start["status"]
        refused = status >= HTTPStatus.BAD_REQUEST
        error = await self._note(self._outcome(status) if refused else DONE)
        if error is None or refused:
            await self._send(start)
            return
        # It was done, but the trail lacks it: nobody is told that it was done. Again is harmless.
        self._withheld = True
        headers = {
            name.decode("latin-1"): value.decode("latin-1")
            for name, value in start["headers"]
            if name not in _ANSWERS_OWN
        }
        response = problem_of(error).response(str(self._state().get("request_id", "")), headers)
        await response(self._scope, self._receive, self._send)

    def _outcome(self, status: int) -> str:
        """Return the word for a refusal."""
        if status == _NOBODY_THERE:
            return CLIENT_GONE
        return str(self._state().get(_OUTCOME, status))

    async def _note(self, outcome: str) -> RecordsUnavailable | None:
        """Note what was done; return the error that means that its answer must not leave."""
        address, target = address_of(self._scope["method"], self._scope["path"])
        if address is None or not address.action or outcome == Overloaded.code:
            return None
        if "caller" not in self._state() and not self._trail.admits_unknown():
            return None
        try:
            answers = self._state().get(_ANSWERS, ())
            await self._trail.note(self._events(address, target, outcome), answers)
        except RecordsUnavailable as error:
            return error if address.traffic in _NEEDS_TRACE else None
        return None

    def _events(self, address: Address, target: str, outcome: str) -> list[AuditEvent]:
        state = self._state()
        caller: Caller | None = state.get("caller")
        detail = tuple(sorted(state.get(_DETAIL, {}).items()))
        events: list[AuditEvent] = []
        done = list(state.get(_DONE, ()))
        if not done or outcome != DONE:
            done.append((str(state.get(_TARGET, target)), outcome))
        for each, became in done:
            event_id = new_id()
            events.append(
                AuditEvent(
                    id=event_id,
                    at=moment_of(event_id),
                    tenant=caller.scope.tenant if caller else SYSTEM_TENANT,
                    actor=caller.subject if caller else "",
                    action=address.action,
                    target=each[:_LONGEST],
                    outcome=became,
                    request_id=str(state.get("request_id", "")),
                    detail=detail,
                )
            )
        return events

    def _state(self) -> dict[str, Any]:
        state: dict[str, Any] = self._scope.get("state", {})
        return state
