"""What still works in which mode, and which modes are in force; docs/modes.md has the whole table.

A mode is turned on by the environment, for as long as the process lives, or by a runtime switch in
an object that all replicas share. What the environment says, no switch can lift.
"""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from info_assistant.errors import (
    ContradictoryModes,
    IngestionPaused,
    Maintenance,
    Misconfigured,
    ModeSetByEnvironment,
    ObjectStorageUnavailable,
)
from info_assistant.model.mode import CHOICES, ORDINARY, Mode, ModeName
from info_assistant.model.schema import MALFORMED
from info_assistant.model.traffic import Traffic
from info_assistant.observability.log import get_logger
from info_assistant.ports import Clock, SharedObject
from info_assistant.resilience.clock import SystemClock
from info_assistant.resilience.process_object import ProcessObject

CLOSED = "The service is closed for maintenance. Please come back a little later."
"""What people read in maintenance when the operators have said nothing."""

_OPEN_IN_MAINTENANCE = frozenset({Traffic.PROBE, Traffic.ADMIN})
_CONTRADICTORY = (ModeName.CACHE_ONLY_MODE, ModeName.REDIS_ENABLED)
# With another provider readers still get whole answers.
_HARMLESS = frozenset({ModeName.LLM_PROVIDER, ModeName.MAINTENANCE_MESSAGE})
_MAINTENANCE_RETRY_S = 60.0
_LONGEST_RETRY_S = 3600.0
_NEVER = datetime.max.replace(tzinfo=UTC)

_log = get_logger("modes")


@dataclass(frozen=True, slots=True)
class SwitchOrder:
    """The wish to set switches; a value of None lifts one. Without `expires_in` they stay."""

    values: Mapping[ModeName, str | None]
    actor: str
    reason: str
    on_behalf_of: str = ""
    expires_in: timedelta | None = None


class Modes:
    """The modes in force in this process."""

    def __init__(
        self,
        environment: Mapping[ModeName, str] | None = None,
        switches: SharedObject | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Take what the environment says, and the object that holds the runtime switches.

        Raises Misconfigured if the environment contradicts itself.
        """
        self._environment = {
            name: value for name, value in (environment or {}).items() if value != ORDINARY[name]
        }
        if self._environment.keys() >= set(_CONTRADICTORY):
            raise Misconfigured(
                "CACHE_ONLY_MODE=true and REDIS_ENABLED=false contradict each other: only answers "
                "from the cache, and no cache. Unset one of the two variables."
            )
        self._switches = switches or ProcessObject()
        self._clock = clock or SystemClock()
        self._modes: dict[ModeName, Mode] = {}
        self._served_mode = _in_words({})
        self._seen: object = None
        self._until = _NEVER

    def in_force(self) -> Sequence[Mode]:
        """Return every mode that is in force now."""
        return tuple(self._active().values())

    def require_open(self, traffic: Traffic) -> None:
        """Return if requests of this kind are served now. Raises Maintenance, IngestionPaused."""
        modes = self._active()
        if not modes:
            return
        if ModeName.MAINTENANCE_MODE in modes and traffic not in _OPEN_IN_MAINTENANCE:
            message = modes.get(ModeName.MAINTENANCE_MESSAGE)
            raise Maintenance(
                message.value if message else CLOSED,
                retry_after_s=self._retry_after_s(modes[ModeName.MAINTENANCE_MODE]),
            )
        if ModeName.INGESTION_PAUSED in modes and traffic is Traffic.INGESTION:
            raise IngestionPaused(
                "The operators have paused the intake of documents, so this one was not taken. "
                "Questions are answered as before. Please hand it in again later.",
                retry_after_s=self._retry_after_s(modes[ModeName.INGESTION_PAUSED]),
            )

    @property
    def served_mode(self) -> str:
        """What `X-Served-Mode` says: `normal`, or the modes in force."""
        # Every answer carries it, so it is put into words once for each change.
        self._active()
        return self._served_mode

    def cache_only(self) -> bool:
        """Whether only answers given before are served."""
        return ModeName.CACHE_ONLY_MODE in self._active()

    def llm_provider(self) -> str:
        """Which provider composes answers: the environment's word, else a switch's, else `auto`."""
        mode = self._active().get(ModeName.LLM_PROVIDER)
        return mode.value if mode else ORDINARY[ModeName.LLM_PROVIDER]

    def redis_enabled(self) -> bool:
        """Whether Redis is used: no, where people have switched it off."""
        return ModeName.REDIS_ENABLED not in self._active()

    @property
    def maintenance(self) -> bool:
        """Whether the service is closed on purpose."""
        return ModeName.MAINTENANCE_MODE in self._active()

    @property
    def restricting(self) -> bool:
        """Whether a mode in force gives readers less than usual."""
        return any(name not in _HARMLESS for name in self._active())

    async def order(self, order: SwitchOrder) -> Sequence[Mode]:
        """Throw switches and return the modes then in force, here at once and on all others soon.

        Raises:
            ModeSetByEnvironment: the environment says otherwise.
            ContradictoryModes: the modes would exclude each other.
            ObjectStorageUnavailable: the switches cannot be written.
            Conflict: others keep changing them.
        """
        try:
            await self._switches.change(lambda fields: self._edited(fields, order))
        except ObjectStorageUnavailable as exc:
            raise ObjectStorageUnavailable(
                "Object storage does not answer, so no switch can be thrown. What can be done "
                f"instead: {_command(order.values)}",
                retry_after_s=exc.retry_after_s,
            ) from exc
        return self.in_force()

    def _retry_after_s(self, mode: Mode) -> float:
        if mode.expires_at is None:
            return _MAINTENANCE_RETRY_S
        left = (mode.expires_at - self._clock.now()).total_seconds()
        return min(max(left, 1.0), _LONGEST_RETRY_S)

    def _active(self) -> Mapping[ModeName, Mode]:
        """Return the modes in force; they are worked out anew when a switch changed or expired."""
        state = self._switches.current
        expires = self._until is not _NEVER
        if state is not self._seen or (expires and self._clock.now() >= self._until):
            self._work_out(state.fields)
            self._seen = state
        return self._modes

    def _work_out(self, fields: Mapping[str, Any]) -> None:
        now = self._clock.now()
        switches = {name: mode for name, mode in _modes_in(fields) if not _expired(mode, now)}
        environment = {
            name: Mode(name, value, "environment") for name, value in self._environment.items()
        }
        modes = switches | environment
        self._until = min((each.expires_at or _NEVER for each in switches.values()), default=_NEVER)
        if modes.keys() >= set(_CONTRADICTORY):
            # The environment changed after the switch was thrown, or it would have been refused.
            waiting = [name for name in _CONTRADICTORY if name not in environment]
            _log.warning("Switches wait for the environment", names=waiting)
            modes = {name: mode for name, mode in modes.items() if name not in waiting}
        before = self._modes
        self._modes = {name: modes[name] for name in ModeName if name in modes}
        self._served_mode = _in_words(self._modes)
        if self._modes != before:
            _log.warning("Modes in force changed", names=[name.value for name in self._modes])

    def _edited(self, fields: Mapping[str, Any], order: SwitchOrder) -> Mapping[str, Any]:
        """Return the next version of the switches. Names that we do not know stay as they are."""
        now = self._clock.now()
        wanted = {
            name: None if value == ORDINARY[name] else value for name, value in order.values.items()
        }
        for name, value in wanted.items():
            if name in self._environment and value != self._environment[name]:
                raise _set_by_environment(name)
        expired = {name.value for name, mode in _modes_in(fields) if _expired(mode, now)}
        edited = {
            name: kept
            for name, kept in fields.items()
            if name not in expired and name not in wanted
        }
        record = _record(order, now)
        edited |= {
            name.value: {"value": value, **record}
            for name, value in wanted.items()
            if value is not None
        }
        self._require_consistent(edited, wanted)
        return edited

    def _require_consistent(
        self, edited: Mapping[str, Any], wanted: Mapping[ModeName, str | None]
    ) -> None:
        on = self._environment.keys() | {name for name, _ in _modes_in(edited)}
        concerned = any(wanted.get(name) is not None for name in _CONTRADICTORY)
        if concerned and on >= set(_CONTRADICTORY):
            raise ContradictoryModes(
                "CACHE_ONLY_MODE and REDIS_ENABLED=false exclude each other: with both, nothing "
                "could be answered, so nothing was changed. Lift the one that is in force first."
            )


def _modes_in(fields: Mapping[str, Any]) -> Sequence[tuple[ModeName, Mode]]:
    """Return the switches that we understand; another version may know more."""
    found = ((name, _mode(name, fields[name.value])) for name in ModeName if name.value in fields)
    return [(name, mode) for name, mode in found if mode is not None]


def _mode(name: ModeName, stored: Any) -> Mode | None:  # noqa: ANN401  Anything may be stored.
    try:
        value, expires_at = stored["value"], stored.get("expires_at")
        known = value in CHOICES[name] if name in CHOICES else isinstance(value, str)
        if not known or value == ORDINARY[name]:
            return None
        return Mode(
            name,
            value,
            "switch",
            actor=str(stored.get("actor", "")),
            on_behalf_of=str(stored.get("on_behalf_of", "")),
            reason=str(stored.get("reason", "")),
            since=datetime.fromisoformat(stored["since"]).astimezone(UTC),
            expires_at=datetime.fromisoformat(expires_at).astimezone(UTC) if expires_at else None,
        )
    except (*MALFORMED, OverflowError) as error:
        _log.warning("Switch unreadable", name=name.value, error=type(error).__name__)
        return None


def _record(order: SwitchOrder, now: datetime) -> Mapping[str, Any]:
    return {
        "actor": order.actor,
        "on_behalf_of": order.on_behalf_of,
        "reason": order.reason,
        "since": now.isoformat(),
        "expires_at": (now + order.expires_in).isoformat() if order.expires_in else None,
    }


def _in_words(modes: Mapping[ModeName, Mode]) -> str:
    shown = [
        name.value if mode.value == "true" else f"{name.value}={mode.value}"
        for name, mode in modes.items()
        if name is not ModeName.MAINTENANCE_MESSAGE
    ]
    return ", ".join(shown) or "normal"


def _expired(mode: Mode, now: datetime) -> bool:
    return mode.expires_at is not None and mode.expires_at <= now


def _set_by_environment(name: ModeName) -> ModeSetByEnvironment:
    return ModeSetByEnvironment(
        f"{name.value} is set in the environment of the backend, which no switch can lift or "
        f"change. Nothing was changed. What can be done instead: {_command({name: None})} "
        f"(on one machine: unset {name.value} and start the backend again)."
    )


def _command(values: Mapping[ModeName, str | None]) -> str:
    """Return the command that changes the environment of all backends."""
    words = [
        f"{name.value}-" if value is None else shlex.quote(f"{name.value}={value}")
        for name, value in values.items()
    ]
    return f"kubectl set env deployment/backend {' '.join(words)}"
