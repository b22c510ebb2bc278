"""Lines of the audit trail for what people on call do past the API."""

from info_assistant.model.audit import AuditEvent
from info_assistant.model.ids import new_id
from info_assistant.ports import AuditLog, Clock


class OperatorTrail:
    """Notes what one person does on the command line."""

    def __init__(self, log: AuditLog, clock: Clock, actor: str) -> None:
        """Note in `log` what `actor` does."""
        self.actor = actor
        self._log = log
        self._clock = clock

    async def check(self) -> None:
        """Return if what is done can be noted. Raises RecordsUnavailable."""
        await self._log.check()

    async def note(self, action: str, tenant: str, target: str, **detail: str) -> None:
        """Note what was done. Raises RecordsUnavailable."""
        event = AuditEvent(
            id=new_id(),
            at=self._clock.now(),
            tenant=tenant,
            actor=self.actor,
            action=action,
            target=target,
            outcome="done",
            request_id="",
            detail=tuple(detail.items()),
        )
        await self._log.append([event])
