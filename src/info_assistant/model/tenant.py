"""Tenants: bodies that share an installation and see nothing of each other."""

import re
from dataclasses import dataclass
from datetime import datetime

SYSTEM_TENANT = "system"
"""The folder of what belongs to no tenant: switches, keys, and what nobody known has done."""

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_RESERVED = frozenset({SYSTEM_TENANT})


def is_tenant_name(name: str) -> bool:
    """Whether a tenant may be called `name`; `system` holds what belongs to no tenant."""
    return _NAME.fullmatch(name) is not None and name not in _RESERVED


@dataclass(frozen=True, slots=True)
class TenantLimits:
    """What a tenant may use, all its callers together; None is without limit.

    Rates are per minute and replica; `question_burst` is how many questions may come at once, by
    default those of ten seconds. `documents` is how many documents may be kept. `budget_usd` is
    what answers by language models may cost in a month (UTC), in whole dollars.
    """

    questions_per_minute: int | None = None
    question_burst: int | None = None
    uploads_per_minute: int | None = None
    documents: int | None = None
    budget_usd: int | None = None


@dataclass(frozen=True, slots=True)
class Tenant:
    """A tenant. `created_at` is None for the one that every installation has from the start."""

    name: str
    title: str = ""
    limits: TenantLimits = TenantLimits()
    created_at: datetime | None = None
