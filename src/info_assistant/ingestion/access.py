"""Who may see a document: the rules for its list of access groups, and why somebody sees it."""

from collections.abc import Sequence

from info_assistant.errors import Forbidden, InvalidRequest
from info_assistant.model.document import Document, DocumentState, Tombstone
from info_assistant.model.identity import EVERYONE, AccessScope, Caller, Role, is_group_name
from info_assistant.model.visibility import Explanation

MOST_GROUPS = 50
"""Groups that one document may be open to."""


def checked_access(caller: Caller, groups: Sequence[str]) -> tuple[str, ...]:
    """Return the groups as they are stored: each once, in order.

    Raises:
        InvalidRequest: there are none or too many, or one of them cannot be a group's name.
        Forbidden: the caller belongs to none of them and would lock themselves out.
    """
    if not groups or len(groups) > MOST_GROUPS:
        raise InvalidRequest(
            f"A document is open to at least one group and to {MOST_GROUPS} at most. "
            f"Name `{EVERYONE}` to open it to everybody in your organisation."
        )
    for group in groups:
        if not is_group_name(group):
            raise InvalidRequest(
                f"{group[:80]!r} cannot be the name of an access group: use printable characters "
                "without blanks at either end."
            )
    if EVERYONE in groups or not caller.scope.groups.isdisjoint(groups):
        return tuple(sorted(set(groups)))
    if caller.role.includes(Role.OPERATOR):
        return tuple(sorted(set(groups)))
    raise Forbidden(
        "You belong to none of these groups and would no longer see the document yourself. Name "
        "one of your own groups too, or ask an operator to do this."
    )


def explain(
    scope: AccessScope,
    document: Document | None,
    state: DocumentState | None,
    tombstone: Tombstone | None,
) -> Explanation:
    """Return whether `scope` may see a document, and why.

    `document` is None where it is gone, `state` where it is not known at the moment.
    """
    groups = None if document is None else tuple(sorted(document.access))
    tenant = document.tenant if document else tombstone.tenant if tombstone else ""
    shared = tuple(sorted(scope.groups.intersection(groups or ())))
    matches = tenant == scope.tenant
    return Explanation(
        visible=matches and document is not None and bool(shared),
        because=_because(document, tombstone, shared, state) if matches else _ELSEWHERE,
        tenant_matches=matches,
        document_groups=groups,
        caller_groups=tuple(sorted(scope.groups)),
        shared_groups=shared,
        state=None if state is None else state.value,
        tombstone=tombstone.at if tombstone and document is None else None,
    )


_ELSEWHERE = (
    "Not visible: the document belongs to another tenant, and nobody sees across tenants, whatever "
    "their groups."
)

_ANSWERS = {
    DocumentState.READY: "Answers can cite it.",
    DocumentState.FAILED: "Answers cannot cite it: it could not be read.",
    DocumentState.WITHDRAWN: "Answers do not cite it: it was withdrawn.",
    None: "Whether answers can cite it is not known now, because the search service is down.",
}


def _because(
    document: Document | None,
    tombstone: Tombstone | None,
    shared: Sequence[str],
    state: DocumentState | None,
) -> str:
    if document is None:
        when = f" on {tombstone.at:%Y-%m-%d at %H:%M} UTC" if tombstone else ""
        return f"Not visible: the document was removed{when}."
    if not shared:
        return (
            f"Not visible: the document is open to {_listed(document.access)}, and the caller "
            "belongs to none of these."
        )
    answers = _ANSWERS.get(state, "Answers cannot cite it yet: it is still being taken in.")
    if EVERYONE in shared:
        return f"Visible: the document is open to everyone in its tenant. {answers}"
    return f"Visible: the caller belongs to {_listed(shared)}, which it is open to. {answers}"


def _listed(groups: Sequence[str]) -> str:
    names = [f"`{group}`" for group in sorted(groups)]
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
