"""From what an identity provider says about people to what they may do here."""

from collections.abc import Iterable

from info_assistant.errors import Forbidden
from info_assistant.model.identity import EVERYONE, Role, is_group_name

_ROLES = {role.value: role for role in Role}


def role_of(names: Iterable[str]) -> Role:
    """Return the highest of the roles named; names that we do not know mean nothing.

    Raises Forbidden where no role is left: nobody becomes a reader by default.
    """
    known = {_ROLES[name] for name in names if name in _ROLES}
    if not known:
        raise Forbidden(
            "You are signed in, but you have no role here (no_role). Ask the people who run your "
            f"sign-in to give you one of the roles {', '.join(_ROLES)}."
        )
    return max(known, key=list(Role).index)


def groups_of(names: Iterable[str]) -> frozenset[str]:
    """Return the access groups named, and the one that everybody belongs to."""
    return frozenset({EVERYONE, *(name for name in names if is_group_name(name))})
