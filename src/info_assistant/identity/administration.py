"""What people on call change past the API, each change with its line in the audit trail."""

from collections.abc import Sequence

from info_assistant.errors import NotFound, RecordsUnavailable
from info_assistant.identity.keys import ApiKey, ApiKeys, NewKey
from info_assistant.identity.operator_trail import OperatorTrail
from info_assistant.identity.tenants import Tenants
from info_assistant.model.identity import DEFAULT_TENANT
from info_assistant.model.mode import Mode
from info_assistant.model.tenant import SYSTEM_TENANT, TenantLimits
from info_assistant.observability.log import get_logger
from info_assistant.resilience.modes import Modes, SwitchOrder

_log = get_logger("administration")


class Administration:
    """Who belongs to an installation, and which switches are thrown in it.

    Every change of keys and tenants raises RecordsUnavailable where no event of it can be kept, and
    is not made then.
    """

    def __init__(self, keys: ApiKeys, tenants: Tenants, modes: Modes, trail: OperatorTrail) -> None:
        """Change `keys`, `tenants` and `modes`, and note it in `trail`."""
        self.keys = keys
        self.tenants = tenants
        self.modes = modes
        self._trail = trail

    async def create_key(self, wanted: NewKey) -> tuple[ApiKey, str]:
        """Make a key; return it and the whole of it in words, which nobody can see again.

        Raises NotFound for a tenant that does not exist, InvalidRequest, ObjectStorageUnavailable.
        """
        if self.tenants.find(wanted.tenant) is None:
            raise NotFound(
                f"There is no tenant {wanted.tenant[:80]!r}. Create it first with "
                "`info-assistant tenants create`; `tenants list` shows all."
            )
        await self._trail.check()
        key, secret = await self.keys.create(wanted)
        groups = ",".join(sorted(key.groups))
        await self._trail.note("key.create", key.tenant, key.id, role=key.role.value, groups=groups)
        return key, secret

    async def revoke_key(self, key_id: str) -> None:
        """End a key for good. Raises NotFound, ObjectStorageUnavailable."""
        await self._trail.check()
        await self.keys.revoke(key_id)
        key = self.keys.find(key_id)
        await self._trail.note("key.revoke", key.tenant if key else SYSTEM_TENANT, key_id)

    async def create_tenant(self, name: str, title: str, limits: TenantLimits) -> None:
        """Create a tenant. Raises InvalidRequest, Conflict, ObjectStorageUnavailable."""
        await self._trail.check()
        await self.tenants.create(name, title, limits)
        await self._trail.note("tenant.create", name, name)

    async def set_limits(self, name: str, limits: TenantLimits) -> None:
        """Replace a tenant's limits. Raises InvalidRequest, NotFound, ObjectStorageUnavailable."""
        await self._trail.check()
        await self.tenants.set_limits(name, limits)
        about = {
            "questions_per_minute": limits.questions_per_minute,
            "question_burst": limits.question_burst,
            "uploads_per_minute": limits.uploads_per_minute,
            "documents": limits.documents,
            "budget_usd": limits.budget_usd,
        }
        told = {limit: str(value) for limit, value in about.items() if value is not None}
        await self._trail.note("tenant.set_limits", name, name, **told)

    async def throw(self, order: SwitchOrder) -> Sequence[Mode]:
        """Throw switches, and return which are then thrown; on the record where that can be.

        They must work when much else does not, and name actor and reason themselves. Raises what
        `Modes.order` raises.
        """
        modes = await self.modes.order(order)
        try:
            for name, value in order.values.items():
                await self._trail.note(
                    "modes.change", DEFAULT_TENANT, name, value=str(value), reason=order.reason
                )
        except RecordsUnavailable as error:
            _log.warning("Switches thrown without a trace", detail=error.message)
        return modes
