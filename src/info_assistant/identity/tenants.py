"""The tenants of an installation and their limits, kept as a shared object.

Entries of a newer version may hold fields that this one does not know; they survive every change
made here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any

from info_assistant.errors import Conflict, Forbidden, InvalidRequest, NotFound
from info_assistant.identity.view import View
from info_assistant.model.identity import DEFAULT_TENANT
from info_assistant.model.schema import MALFORMED
from info_assistant.model.tenant import Tenant, TenantLimits, is_tenant_name
from info_assistant.model.traffic import Traffic
from info_assistant.observability.log import get_logger
from info_assistant.ports import Clock, SharedObject
from info_assistant.resilience.limits import UNLIMITED, Rate, Rates

MOST_TENANTS = 2000
LONGEST_TITLE = 200
MOST_OF_A_LIMIT = 1_000_000_000

_LIMITS = tuple(each.name for each in fields(TenantLimits))

_log = get_logger("tenants")


class Tenants:
    """Who belongs here. The tenant `default` always does."""

    def __init__(self, shared: SharedObject, clock: Clock) -> None:
        """Keep the tenants in `shared`."""
        self._shared = shared
        self._clock = clock
        self._view = View(shared, _decoded)
        self._rates = View(shared, lambda stored: _rates(_decoded(stored)))

    def rates_of(self, name: str) -> Rates:
        """Return how often a tenant's callers may ask, for `resilience.limits`."""
        return self._rates.value.get(name, UNLIMITED)

    def most_documents(self, name: str) -> int | None:
        """Return how many documents a tenant may keep; None for any number."""
        tenant = self.find(name)
        return tenant.limits.documents if tenant else None

    def budget_micro_usd(self, name: str) -> int | None:
        """Return what a tenant may spend on language models in a month; None for any sum."""
        tenant = self.find(name)
        dollars = tenant.limits.budget_usd if tenant else None
        return None if dollars is None else dollars * 1_000_000

    def with_budget(self) -> Sequence[str]:
        """Return the names of the tenants that have a budget."""
        return [each.name for each in self.all() if each.limits.budget_usd is not None]

    def all(self) -> Sequence[Tenant]:
        """Return every tenant, by name."""
        return sorted(self._view.value.values(), key=lambda each: each.name)

    def find(self, name: str) -> Tenant | None:
        """Return the tenant of this name, or None."""
        return self._view.value.get(name)

    def require(self, name: str) -> Tenant:
        """Return the tenant that a caller says they belong to.

        Raises Forbidden, and ObjectStorageUnavailable while it is not known which there are.
        """
        tenant = self.find(name)
        if tenant is None:
            self._view.require_whole()
            raise Forbidden(
                f"You are known, but the tenant {name[:80]!r} that you belong to is not known here "
                "(unknown_tenant). Ask the people who run this service to create it with "
                "`info-assistant tenants create`."
            )
        return tenant

    async def create(self, name: str, title: str = "", limits: TenantLimits | None = None) -> None:
        """Create a tenant; in force everywhere within 2 s.

        Raises InvalidRequest, Conflict if there is one of that name, ObjectStorageUnavailable.
        """
        if not is_tenant_name(name):
            raise InvalidRequest(
                f"{name[:80]!r} cannot name a tenant: use up to 63 of a-z, 0-9 and hyphens in "
                "between; `system` is taken."
            )
        if len(title) > LONGEST_TITLE or not title.isprintable():
            raise InvalidRequest(f"A title has at most {LONGEST_TITLE} printable characters.")
        chosen = _checked(limits or TenantLimits())
        tenant = Tenant(name, title, chosen, self._clock.now())

        def edit(stored: Mapping[str, Any]) -> Mapping[str, Any]:
            known = _entries(stored)
            if name in known or name == DEFAULT_TENANT:
                raise Conflict(f"There is a tenant {name!r} already; `tenants list` shows it.")
            if len(known) >= MOST_TENANTS:
                raise InvalidRequest(f"There are {MOST_TENANTS} tenants; no more fit.")
            return {**stored, "tenants": {**known, name: _encoded(tenant)}}

        await self._shared.change(edit)

    async def set_limits(self, name: str, limits: TenantLimits) -> None:
        """Replace a tenant's limits; in force everywhere within 2 s.

        Raises InvalidRequest, NotFound, ObjectStorageUnavailable.
        """
        wanted = {"limits": asdict(_checked(limits))}

        def edit(stored: Mapping[str, Any]) -> Mapping[str, Any]:
            known = _entries(stored)
            if name not in known and name != DEFAULT_TENANT:
                raise NotFound(f"There is no tenant {name[:80]!r}; `tenants list` shows all.")
            return {**stored, "tenants": {**known, name: {**known.get(name, {}), **wanted}}}

        await self._shared.change(edit)


def _rates(tenants: Mapping[str, Tenant]) -> Mapping[str, Rates]:
    """Return the rates of the tenants that have any."""
    found = {}
    for tenant in tenants.values():
        limits = tenant.limits
        rates = {}
        if limits.questions_per_minute is not None:
            burst = limits.question_burst or _usual_burst(limits.questions_per_minute)
            rates[Traffic.QUESTION] = Rate(limits.questions_per_minute, burst)
        if limits.uploads_per_minute is not None:
            burst = _usual_burst(limits.uploads_per_minute)
            rates[Traffic.INGESTION] = Rate(limits.uploads_per_minute, burst)
        if rates:
            found[tenant.name] = Rates(whole_tenant=rates)
    return found


def _usual_burst(per_minute: int) -> int:
    """Return how many may come at once where nobody said so: those of ten seconds."""
    return max(1, per_minute // 6)


def _checked(limits: TenantLimits) -> TenantLimits:
    """Return limits that make sense. Raises InvalidRequest."""
    for name in _LIMITS:
        value = getattr(limits, name)
        if value is not None and not 0 < value <= MOST_OF_A_LIMIT:
            raise InvalidRequest(
                f"{name} is {value}; a limit is a number from 1 to {MOST_OF_A_LIMIT:,}."
            )
    if limits.question_burst is not None and limits.questions_per_minute is None:
        raise InvalidRequest("A burst needs a number of questions per minute beside it.")
    return limits


def _entries(stored: Mapping[str, Any]) -> Mapping[str, Any]:
    found = stored.get("tenants", {})
    return found if isinstance(found, dict) else {}


def _encoded(tenant: Tenant) -> dict[str, Any]:
    created = tenant.created_at.isoformat() if tenant.created_at else None
    return {"title": tenant.title, "limits": asdict(tenant.limits), "created_at": created}


def _decoded(stored: Mapping[str, Any]) -> Mapping[str, Tenant]:
    """Return the tenants by name. An entry that makes no sense is left out: it lets nobody in."""
    tenants = {DEFAULT_TENANT: Tenant(DEFAULT_TENANT)}
    for name, entry in _entries(stored).items():
        try:
            tenants[name] = _tenant(name, entry)
        except MALFORMED as error:
            _log.warning("Tenant unreadable", tenant=name, error=type(error).__name__)
    return tenants


def _tenant(name: str, entry: Mapping[str, Any]) -> Tenant:
    given = entry.get("limits") or {}
    limits = {each: None if given.get(each) is None else int(given[each]) for each in _LIMITS}
    created = entry.get("created_at")
    return Tenant(
        name,
        str(entry.get("title", "")),
        TenantLimits(**limits),
        datetime.fromisoformat(created) if created else None,
    )
