"""Which documents on the board a request is about, as Qdrant's filters."""

from collections.abc import Callable, Sequence

from qdrant_client.http import models

from info_assistant.model.document import Document, DocumentState, DocumentStatus
from info_assistant.model.identity import AccessScope
from info_assistant.ports import DocumentFilter
from info_assistant.stores.qdrant.conditions import equals

UNSETTLED = [state.value for state in DocumentState if not state.settled]
"""The states from which something still happens by itself."""

NOBODYS = models.IsEmptyCondition(is_empty=models.PayloadField(key="lease"))


def behind(revision: int) -> models.FieldCondition:
    """Return the condition that what is shown is of an earlier revision."""
    return models.FieldCondition(key="revision", range=models.Range(lt=revision))


def any_of(
    statuses: Sequence[DocumentStatus],
    conditions: Callable[[DocumentStatus], list[models.Condition]],
) -> models.Filter:
    """Return the filter for those of the documents that meet their own conditions."""
    return models.Filter(
        # Said once for all, so that Qdrant looks at these points and at no others.
        must=[models.HasIdCondition(has_id=[each.document.id for each in statuses])],
        should=[
            models.Filter(
                must=[
                    models.HasIdCondition(has_id=[each.document.id]),
                    equals("tenant", each.document.tenant),
                    *conditions(each),
                ]
            )
            for each in statuses
        ],
    )


def as_seen(seen: DocumentStatus) -> list[models.Condition]:
    """Return the conditions that a document is still as it was seen, unsettled and held as then."""
    holder = equals("lease.token", seen.lease.token) if seen.lease else NOBODYS
    unsettled = models.FieldCondition(key="state", match=models.MatchAny(any=UNSETTLED))
    return [equals("revision", seen.document.revision), unsettled, holder]


def ours(status: DocumentStatus) -> list[models.Condition]:
    """Return the conditions that a document is under the lease of `status` and was not edited."""
    token = status.lease.token if status.lease else ""
    return [equals("lease.token", token), behind(status.document.revision + 1)]


def after_edit(
    document: Document,
) -> list[tuple[DocumentState | None, tuple[models.FieldCondition, ...]]]:
    """Return the state that a document goes into by an edit, and for which documents that holds.

    None leaves the state as it is: a document under way is put to rest by who takes it in.
    """
    at_rest = [state.value for state in DocumentState if state.settled]
    stay: tuple[DocumentState | None, tuple[models.FieldCondition, ...]] = (None, ())
    if document.hold:
        resting = models.FieldCondition(key="state", match=models.MatchAny(any=at_rest))
        return [(DocumentState.WITHDRAWN, (resting,)), stay]
    held = equals("state", DocumentState.WITHDRAWN.value)
    whole = models.FieldCondition(key="passages", range=models.Range(gte=1))
    return [(DocumentState.READY, (held, whole)), (DocumentState.ACCEPTED, (held,)), stay]


def listed(scope: AccessScope, wanted: DocumentFilter) -> models.Filter | None:
    """Return the filter for what a caller sees in lists, or None where that is nothing."""
    if not scope.groups:
        return None
    must: list[models.Condition] = [
        equals("tenant", scope.tenant),
        models.FieldCondition(key="access", match=models.MatchAny(any=sorted(scope.groups))),
    ]
    exact = {
        "state": wanted.state and wanted.state.value,
        "tags": wanted.tag,
        "marking": wanted.marking,
        "access": wanted.access,
    }
    must += [equals(key, value) for key, value in exact.items() if value is not None]
    if wanted.ids is not None:
        must.append(models.HasIdCondition(has_id=[*wanted.ids]))
    if wanted.review_before is not None:
        before = models.Range(lt=wanted.review_before.toordinal())
        must.append(models.FieldCondition(key="review_by", range=before))
    if wanted.superseded_by is not None:
        by = models.Range(lte=wanted.superseded_by.toordinal())
        must.append(models.FieldCondition(key="superseded", range=by))
    return models.Filter(must=must)
