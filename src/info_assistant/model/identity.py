"""Who asks, and what they may see. Every record and every query carries these."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

DEFAULT_TENANT = "default"
"""The one tenant of a machine that has set up no other."""

EVERYONE = "everyone"
"""The access group that each caller of a tenant belongs to."""

LONGEST_GROUP_NAME = 200

KEY_SUBJECT = "key:"
"""How the subjects of programs begin, which come with an API key."""

ACCOUNT_SUBJECT = "cli:"
"""How those of accounts of a machine begin, from which somebody works on object storage itself."""


def is_group_name(name: str) -> bool:
    """Whether an access group may be called `name`, the identity provider's names included."""
    return 0 < len(name) <= LONGEST_GROUP_NAME and name.isprintable() and name == name.strip()


class Role(StrEnum):
    """What a caller may do; each role includes those before it."""

    READER = "reader"
    CONTRIBUTOR = "contributor"
    OPERATOR = "operator"

    def includes(self, needed: "Role") -> bool:
        """Whether this role may do what `needed` may."""
        return _ORDER.index(self) >= _ORDER.index(needed)


_ORDER = tuple(Role)


@dataclass(frozen=True, slots=True)
class AccessScope:
    """What may be seen: the documents of one tenant that are open to one of these groups."""

    tenant: str
    groups: frozenset[str]

    def may_see(self, tenant: str, access: tuple[str, ...]) -> bool:
        """Whether something of `tenant`, open to the groups in `access`, is visible here."""
        return tenant == self.tenant and not self.groups.isdisjoint(access)


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated person or program."""

    subject: str
    role: Role
    scope: AccessScope
    name: str = ""
    """What to call them on a page; the subject where it is empty."""
    signed_in_by: Literal["none", "key", "token"] = "none"
    """How they showed who they are; `none` where nobody has to."""


LOCAL_OPERATOR = Caller(
    subject="local-operator",
    role=Role.OPERATOR,
    scope=AccessScope(tenant=DEFAULT_TENANT, groups=frozenset({EVERYONE})),
)
"""The caller of a one-machine installation without sign-in (`AUTH=none`)."""
