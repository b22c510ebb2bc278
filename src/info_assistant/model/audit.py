"""What was done, by whom and with what outcome: one event for each read and each change."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One line of the audit trail.

    `id` sorts by time. `action` is a fixed word such as `document.read`; `target` is what it was
    done to (a document's id, a switch's name), or empty. `outcome` is `done`, or the stable code of
    the error that refused it. `detail` holds a few plain values, never the text of a question.
    """

    id: str
    at: datetime
    tenant: str
    actor: str
    action: str
    target: str
    outcome: str
    request_id: str
    detail: tuple[tuple[str, str], ...] = ()
