"""Changes of keys and tenants by people on call, each with its line in the audit trail."""

from info_assistant.errors import NotFound
from info_assistant.identity.keys import ApiKey, ApiKeys, NewKey
from info_assistant.identity.tenants import Tenants
from info_assistant.model.audit import AuditEvent
from info_assistant.model.ids import new_id
from info_assistant.model.tenant import TenantLimits
from info_assistant.ports import AuditLog, Clock


class Administration:
    """Who belongs to an installation.

    Every change raises RecordsUnavailable where no event of it can be kept, and is not made then.
    """

    def __init__(
        self, keys: ApiKeys, tenants: Tenants, audit: AuditLog, clock: Clock, *, actor: str
    ) -> None:
        """Change `keys` and `tenants` in the name of `actor`."""
        self.keys = keys
        self.tenants = tenants
        self._audit = audit
        self._clock = clock
        self._actor = actor

    async def create_key(self, wanted: NewKey) -> tuple[ApiKey, str]:
        """Make a key; return it and the whole of it in words, which nobody can see again.

        Raises NotFound for a tenant that does not exist, InvalidRequest, ObjectStorageUnavailable.
        """
        if self.tenants.find(wanted.tenant) is None:
            raise NotFound(
                f"There is no tenant {wanted.tenant[:80]!r}. Create it first with "
                "`info-assistant tenants create`; `tenants list` shows all."
            )
        await self._audit.check()
        key, secret = await self.keys.create(wanted)
        about = {"role": key.role.value, "groups": ",".join(sorted(key.groups))}
        await self._note("key.create", key.tenant, key.id, about)
        return key, secret

    async def revoke_key(self, key_id: str) -> None:
        """End a key for good. Raises NotFound, ObjectStorageUnavailable."""
        await self._audit.check()
        await self.keys.revoke(key_id)
        tenant = next((key.tenant for key in self.keys.all() if key.id == key_id), "")
        await self._note("key.revoke", tenant, key_id, {})

    async def create_tenant(self, name: str, title: str, limits: TenantLimits) -> None:
        """Create a tenant. Raises InvalidRequest, Conflict, ObjectStorageUnavailable."""
        await self._audit.check()
        await self.tenants.create(name, title, limits)
        await self._note("tenant.create", name, name, {})

    async def set_limits(self, name: str, limits: TenantLimits) -> None:
        """Replace a tenant's limits. Raises InvalidRequest, NotFound, ObjectStorageUnavailable."""
        await self._audit.check()
        await self.tenants.set_limits(name, limits)
        about = {
            "questions_per_minute": limits.questions_per_minute,
            "question_burst": limits.question_burst,
            "uploads_per_minute": limits.uploads_per_minute,
            "documents": limits.documents,
        }
        told = {limit: str(value) for limit, value in about.items() if value is not None}
        await self._note("tenant.set_limits", name, name, told)

    async def _note(self, action: str, tenant: str, target: str, detail: dict[str, str]) -> None:
        event = AuditEvent(
            id=new_id(),
            at=self._clock.now(),
            tenant=tenant,
            actor=self._actor,
            action=action,
            target=target,
            outcome="done",
            request_id="",
            detail=tuple(detail.items()),
        )
        await self._audit.append([event])
