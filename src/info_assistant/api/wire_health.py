"""Health, modes, incidents and backups as they travel."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StrictBool, model_validator
from pydantic_core import PydanticCustomError

from info_assistant.api.wire import Moment, Request, Wire
from info_assistant.model.backup import KnownBackups
from info_assistant.model.identity import Caller
from info_assistant.model.incident import Incident, IncidentStatus
from info_assistant.model.mode import LONGEST_MESSAGE, ORDINARY, Mode, ModeName
from info_assistant.resilience.health import DependencyHealth, DependencyState
from info_assistant.resilience.incidents import Report
from info_assistant.resilience.modes import SwitchOrder

_LONGEST_EXPIRY_S = 30 * 24 * 3600
_TRUTH = {"true": True, "false": False}


def _says_something(words: str) -> str:
    if words.strip():
        return words.strip()
    raise PydanticCustomError("empty", "Nothing is said")


Words = Annotated[
    str, Field(min_length=1, max_length=LONGEST_MESSAGE), AfterValidator(_says_something)
]
"""What somebody says: at least one visible character."""


Truth = StrictBool | Literal["true", "false"]
"""A switch that is on or off; in words too, as in the environment. Numbers are a mistake."""


class ModeBody(Wire):
    """A mode in force. Actor, reason and times are known for switches only."""

    name: ModeName
    value: bool | str
    source: Literal["environment", "switch"]
    actor: str | None
    on_behalf_of: str | None
    reason: str | None
    since: datetime | None
    expires_at: datetime | None


class ModesBody(Wire):
    """The modes in force."""

    modes: list[ModeBody]


class ModesRequest(Request):
    """Switches to throw. `null`, or the ordinary value, lifts one; those left out stay."""

    LLM_PROVIDER: Literal["auto", "openai", "anthropic", "extractive"] | None = None
    CACHE_ONLY_MODE: Truth | None = None
    REDIS_ENABLED: Truth | None = None
    MAINTENANCE_MODE: Truth | None = None
    MAINTENANCE_MESSAGE: Words | None = None
    INGESTION_PAUSED: Truth | None = None
    reason: Words = Field(description="Why; it is shown with the mode and kept in the audit trail.")
    actor: Annotated[str, Field(max_length=200)] = Field(
        default="", description="For whom, where a program calls; shown as `on_behalf_of`."
    )
    expires_in: Annotated[int, Field(ge=1, le=_LONGEST_EXPIRY_S)] | None = Field(
        default=None, description="Seconds until the switches lift themselves."
    )

    @model_validator(mode="after")
    def _names_a_mode(self) -> Self:
        if not self.model_fields_set & set(ORDINARY):
            raise PydanticCustomError("no_mode", "No mode is named, so there is nothing to change")
        return self

    def order(self, caller: Caller) -> SwitchOrder:
        """Return what is to be done."""
        given = {name: getattr(self, name) for name in ModeName if name in self.model_fields_set}
        return SwitchOrder(
            values={name: _as_stored(value) for name, value in given.items()},
            actor=caller.subject,
            reason=self.reason,
            on_behalf_of=self.actor,
            expires_in=timedelta(seconds=self.expires_in) if self.expires_in else None,
        )


class IncidentBody(Wire):
    """Something that is wrong, in words for readers."""

    id: str
    title: str
    status: IncidentStatus
    message: str
    started_at: datetime
    updated_at: datetime


class IncidentsBody(Wire):
    """What is told of, the latest first. `version` rises with each report."""

    version: int
    incidents: list[IncidentBody]


class IncidentRequest(Request):
    """An incident, new or to be replaced."""

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    title: Annotated[Words, Field(max_length=200)]
    status: IncidentStatus
    message: Annotated[str, Field(max_length=2000)] = ""
    started_at: Moment | None = Field(
        default=None, description="When it began; the first report's time if left out."
    )
    version: Annotated[int, Field(ge=0)] | None = Field(
        default=None,
        description="The version that you have read: another one means 409 and no change.",
    )

    def report(self, caller: Caller) -> Report:
        """Return what is said of the incident."""
        return Report(
            self.id, self.title, self.status, self.message, caller.subject, self.started_at
        )


class BackupBody(Wire):
    """A backup. What it says of `began_at` is in it, later changes may miss.

    `state` is good, unverified, bad or incomplete; `restore_s` how long the restore took that
    proved it; `detail` says in words what is wrong.
    """

    id: str
    state: str
    began_at: datetime | None
    size_bytes: int | None
    verified_at: datetime | None
    restore_s: float | None
    detail: str


class BackupsBody(Wire):
    """What backups there were at `looked_at`, the newest first; null: nobody could look yet."""

    looked_at: datetime | None
    backups: list[BackupBody]


class DependencyBody(Wire):
    """The state of something we depend on. `breaker` is null where none is in use.

    `rate_limits` are the headers about limits that a provider sent last, by name.
    """

    state: DependencyState
    since: datetime
    last_success: datetime | None
    breaker: str | None
    detail: str
    rate_limits: dict[str, str]


class HealthBody(Wire):
    """The state of the whole."""

    status: Literal["ok", "degraded", "down"]
    dependencies: dict[str, DependencyBody]
    modes: list[ModeBody]
    incidents: list[IncidentBody]
    limiter: Literal["shared", "local", "off"]


def dependency_bodies(known: Mapping[str, DependencyHealth]) -> dict[str, DependencyBody]:
    """Return the state of every dependency."""
    return {
        name: DependencyBody(
            state=each.state,
            since=each.since,
            last_success=each.last_success,
            breaker=each.circuit.breaker if each.circuit else None,
            detail=each.detail,
            rate_limits=dict(each.circuit.rate_limits) if each.circuit else {},
        )
        for name, each in known.items()
    }


def mode_bodies(modes: Sequence[Mode]) -> list[ModeBody]:
    """Return the modes in force."""
    return [
        ModeBody(
            name=each.name,
            value=_TRUTH.get(each.value, each.value),
            source=each.source,
            actor=each.actor or None,
            on_behalf_of=each.on_behalf_of or None,
            reason=each.reason or None,
            since=each.since,
            expires_at=each.expires_at,
        )
        for each in modes
    ]


def backups_body(known: KnownBackups) -> BackupsBody:
    """Return what is known of backups."""
    return BackupsBody(
        looked_at=known.looked_at,
        backups=[BackupBody(**asdict(each)) for each in known.backups],
    )


def incident_bodies(incidents: Sequence[Incident]) -> list[IncidentBody]:
    """Return what is told of incidents."""
    return [
        IncidentBody(
            id=each.id,
            title=each.title,
            status=each.status,
            message=each.message,
            started_at=each.started_at,
            updated_at=each.updated_at,
        )
        for each in incidents
    ]


def _as_stored(value: bool | str | None) -> str | None:  # noqa: FBT001  A value, not a choice.
    return str(value).lower() if isinstance(value, bool) else value
