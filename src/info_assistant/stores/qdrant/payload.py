"""Passages and document states as Qdrant payloads, and back."""

from collections.abc import Mapping
from functools import partial
from operator import index
from typing import Any

import numpy as np
from pybase64 import b64decode, b64encode

from info_assistant.errors import StoredDataInvalid
from info_assistant.model.document import Document, DocumentState, DocumentStatus, Progress
from info_assistant.model.lease import Lease
from info_assistant.model.passage import Candidate, IndexedPassage, Passage, Spans, edges_of
from info_assistant.model.schema import MALFORMED, Stored, moment_from, stamped
from info_assistant.model.vectors import Bytes
from info_assistant.stores.document_json import (
    day_from,
    document_fields,
    document_from,
    hold_fields,
    metadata_fields,
)

_TERM, _TOKEN = np.dtype("<u4"), np.dtype(np.int8)
_UNREADABLE = (*MALFORMED, IndexError)


def passage_payload(indexed: IndexedPassage) -> dict[str, Any]:
    """Return everything about a passage but its dense and sparse vector, as JSON values."""
    passage, vectors = indexed.passage, indexed.vectors
    tokens = np.ascontiguousarray(vectors.tokens, _TOKEN)
    fields = {
        "tenant": passage.tenant,
        "document_id": passage.document_id,
        "version": passage.version,
        "ordinal": passage.ordinal,
        "title": passage.title,
        "source": passage.source,
        "access": passage.access,
        "access_revision": passage.access_revision,
        "effective": passage.effective and passage.effective.isoformat(),
        "superseded": passage.superseded and passage.superseded.isoformat(),
        "marking": passage.marking,
        "language": passage.language,
        "heading_path": passage.heading_path,
        "table_header": passage.table_header,
        "page": passage.page,
        "text": passage.text,
        "start": passage.start,
        "end": passage.end,
        "statements": edges_of(passage.statements),
        "terms": _base64(np.asarray(vectors.sparse.indices, _TERM).tobytes()),
        "tokens": _base64(tokens.tobytes()),
        "token_shape": tokens.shape,
        "token_spans": edges_of(vectors.token_spans),
    }
    return stamped(Stored.PASSAGE, fields)


def candidate_from(point: Mapping[str, Any]) -> Candidate:
    """Return what a search found: a point with `id`, `score` and `payload`.

    Raises StoredDataInvalid.
    """
    point_id = str(point["id"])
    try:
        payload = point["payload"]
        tokens, (count, width) = payload["tokens"], payload["token_shape"]
        # Four characters stand for three bytes, the last four for fewer.
        if index(count) < 0 or len(tokens) != -(-count * width // 3) * 4:
            raise ValueError(f"{len(tokens)} characters are not {count} times {width} numbers")
        return Candidate(
            _passage(point_id, payload),
            point["score"],
            # The standard library's decoder would take two thirds of a search's processor time.
            np.frombuffer(b64decode(payload["terms"], None, True), _TERM),
            count,
            partial(_unpacked, point_id, tokens, width),
            tuple(payload["token_spans"]),
        )
    except _UNREADABLE as exc:
        raise _invalid("passage", point_id, exc) from exc


def _unpacked(point_id: str, tokens: str, width: int) -> Bytes:
    try:
        return np.frombuffer(b64decode(tokens, None, True), _TOKEN).reshape(-1, width)
    except _UNREADABLE as exc:
        raise _invalid("passage", point_id, exc) from exc


def _passage(point_id: str, payload: Mapping[str, Any]) -> Passage:
    # In the order of the fields, as dozens are made for each question; hardly any has a date.
    effective, superseded = payload.get("effective"), payload.get("superseded")
    return Passage(
        point_id,
        payload["tenant"],
        payload["document_id"],
        payload["version"],
        payload["ordinal"],
        payload["title"],
        payload["source"],
        tuple(payload["access"]),
        tuple(payload["heading_path"]),
        payload["table_header"],
        payload.get("page"),
        payload["text"],
        payload["start"],
        payload["end"],
        Spans(payload["statements"]),
        payload.get("access_revision", 0),
        None if effective is None else day_from(effective),
        None if superseded is None else day_from(superseded),
        payload.get("marking"),
        payload.get("language"),
    )


def passage_from(point_id: str, payload: Mapping[str, Any]) -> Passage:
    """Return a passage as it stands in the index. Raises StoredDataInvalid."""
    try:
        return _passage(point_id, payload)
    except _UNREADABLE as exc:
        raise _invalid("passage", point_id, exc) from exc


def entry_payload(document: Document) -> dict[str, Any]:
    """Return what passages carry of their document's entry; null takes a field away."""
    metadata = document.metadata
    chosen = {"title": document.chosen_title, "language": metadata.language}
    # Where nobody chose, passages keep what was read and recognised.
    return {name: value for name, value in chosen.items() if value is not None} | {
        "access": list(document.findable_by),
        "access_revision": document.revision,
        "effective": metadata.effective and metadata.effective.isoformat(),
        "superseded": metadata.superseded and metadata.superseded.isoformat(),
        "marking": metadata.marking,
    }


def status_payload(status: DocumentStatus) -> dict[str, Any]:
    """Return a document's state as JSON values, with what filters need at the top."""
    document = status.document
    progress = status.progress
    fields = {
        "tenant": document.tenant,
        "access": document.access,
        "revision": document.revision,
        "state": status.state.value,
        "since": status.since.isoformat(),
        "detail": status.detail,
        "progress": progress and [progress.done, progress.total, progress.unit],
        "passages": status.passages,
        "attempts": status.attempts,
        "document": document_fields(document),
        **_sought(document),
    }
    if status.lease is not None and status.state.in_hand:
        fields["lease"] = lease_fields(status.lease)
    return stamped(Stored.DOCUMENT_STATUS, fields)


def status_from(point_id: str, payload: Mapping[str, Any]) -> DocumentStatus:
    """Return a document's state. Raises StoredDataInvalid."""
    try:
        progress = payload.get("progress")
        return DocumentStatus(
            document=document_from(payload["document"]),
            state=DocumentState(payload["state"]),
            since=moment_from(payload["since"]),
            detail=payload["detail"],
            progress=Progress(*progress) if progress else None,
            passages=int(payload["passages"]),
            attempts=int(payload.get("attempts", 0)),
            lease=_lease(payload.get("lease")),
        )
    except _UNREADABLE as exc:
        raise _invalid("document state", point_id, exc) from exc


def lease_fields(lease: Lease) -> dict[str, Any]:
    """Return a lease as JSON values."""
    return {
        "token": lease.token,
        "owner": lease.owner,
        "renewed_at": lease.renewed_at.isoformat(),
    }


def _lease(fields: Mapping[str, Any] | None) -> Lease | None:
    if not fields:
        return None
    return Lease(str(fields["token"]), str(fields["owner"]), moment_from(fields["renewed_at"]))


def entry_at_top(document: Document) -> dict[str, Any]:
    """Return what filters look at of a document's entry, after it was edited."""
    return {
        "access": list(document.access),
        "revision": document.revision,
        **_sought(document),
    }


def entry_inside(document: Document) -> dict[str, Any]:
    """Return what an edit may have changed of a document's entry."""
    titled = {} if document.chosen_title is None else {"title": document.chosen_title}
    return titled | {
        "access": list(document.access),
        "revision": document.revision,
        "updated_at": document.updated_at.isoformat(),
        "metadata": metadata_fields(document.metadata),
        "hold": hold_fields(document.hold),
    }


def _sought(document: Document) -> dict[str, Any]:
    """Return the metadata that lists are filtered by; a day as its number in the calendar."""
    metadata = document.metadata
    return {
        "tags": list(metadata.tags),
        "marking": metadata.marking,
        "review_by": metadata.review_by and metadata.review_by.toordinal(),
        "superseded": metadata.superseded and metadata.superseded.toordinal(),
    }


def _base64(data: bytes) -> str:
    return b64encode(data).decode("ascii")


def _invalid(kind: str, point_id: str, exc: Exception) -> StoredDataInvalid:
    return StoredDataInvalid(
        f"The {kind} {point_id} in Qdrant cannot be understood ({type(exc).__name__}: {exc}). "
        "Run `info-assistant rebuild qdrant` to write it anew."
    )
