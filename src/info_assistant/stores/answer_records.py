"""What was answered, as append-only records (`ports.AnswerRecords`).

A passage is kept without its text and its statements: they are in the document, at the version that
is named, and what was quoted of them is kept with the citation, beside its hash. When a document is
purged, the quotes go and their hashes and places stay: whoever has the text can still show that it
is what was quoted.
"""

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from operator import attrgetter
from typing import Any

from info_assistant.errors import StoredDataInvalid
from info_assistant.model.answer import (
    Answer,
    AnswerMode,
    AnswerSentence,
    AnswerStatus,
    AnswerUsage,
    Citation,
    Conflict,
    ConflictKind,
    ConflictSide,
    ServedBy,
    Support,
)
from info_assistant.model.ids import LAST_ID
from info_assistant.model.json_bytes import json_bytes
from info_assistant.model.passage import Passage
from info_assistant.model.record import AnswerRecord, SentenceCheck
from info_assistant.model.schema import MALFORMED, Stored, moment_from, stamped
from info_assistant.observability.log import get_logger
from info_assistant.ports import RecordPage
from info_assistant.stores import answer_repeats
from info_assistant.stores.answer_repeats import WholeRecords
from info_assistant.stores.document_json import day_from
from info_assistant.stores.journal_file import Record
from info_assistant.stores.record_log import RecordLog
from info_assistant.stores.segments import Fields, Wanted, merged

KIND = "answers"
"""The kind of these records in names of segments."""

_log = get_logger("answers")

_PASSAGE = (
    "id",
    "tenant",
    "document_id",
    "version",
    "ordinal",
    "title",
    "source",
    "access",
    "access_revision",
    "heading_path",
    "page",
    "effective",
    "superseded",
    "marking",
    "language",
)
# Every answer is recorded, and this costs half as much as asking for each by its name.
_passage_values = attrgetter(*_PASSAGE)


class RecordedAnswers:
    """Answer records in a record log."""

    def __init__(self, log: RecordLog) -> None:
        """Keep records in `log`."""
        self._log = log
        self._known = WholeRecords()

    async def keep(self, record: AnswerRecord) -> None:
        """Keep the record; it survives a killed process when this returns.

        Raises RecordsUnavailable.
        """
        await self._log.append([stored_answer(record)])
        self._known.note(record)

    def put(self, record: AnswerRecord) -> Awaitable[None]:
        """Hand the record of an answer that is given again over, to be awaited or not.

        Raises RecordsUnavailable, now or then.
        """
        repeat = self._known.repeat_of(record)
        if repeat is None:
            return self.keep(record)
        body = json_bytes(repeat)
        return self._log.put([Record(answer_repeats.KIND, record.tenant, record.id, body)])

    async def find(self, tenant: str, answer_id: str) -> AnswerRecord | None:
        """Return the record, or None. Raises ObjectStorageUnavailable, StoredDataInvalid."""
        try:
            fields = await self._log.find(KIND, tenant, answer_id)
            if fields is None:
                fields = await self._log.find(answer_repeats.KIND, tenant, answer_id)
                fields = None if fields is None else await self._completed(tenant, fields)
        except ValueError:
            return None  # No answer ever had such an id.
        return None if fields is None else answer_record(fields)

    async def citing(
        self, tenant: str, document_id: str, *, limit: int, before: str | None
    ) -> RecordPage:
        """Return a tenant's newest records before the id `before` that cite a document.

        There is no index of what cites what: records are looked through, newest first, as far as
        one page may go at once. Raises InvalidRequest, ObjectStorageUnavailable.
        """

        def cites(fields: Fields) -> bool:
            return any(
                each["passage"]["document_id"] == document_id
                for each in fields["answer"]["citations"]
            )

        def repeats(fields: Fields) -> bool:
            return document_id in fields["cites"]

        before = before or LAST_ID
        whole = await self._log.newest(Wanted(KIND, tenant, limit, before, safely(cites)))
        wanted = Wanted(answer_repeats.KIND, tenant, limit, before, safely(repeats))
        found = merged(limit, whole, await self._log.newest(wanted))
        records = []
        for fields in found.records:
            try:
                known = await self._completed(tenant, fields)
                records += [] if known is None else [answer_record(known)]
            except StoredDataInvalid as error:
                _log.warning("Answer record unreadable", error=error.message)
        return RecordPage(tuple(records), found.next)

    async def _completed(self, tenant: str, fields: Fields) -> Fields | None:
        """Return a record with what it only names; None where that is gone."""
        named = fields.get("repeats")
        if named is None:
            return fields
        whole = await self._log.find(KIND, tenant, str(named))
        try:
            return None if whole is None else answer_repeats.whole_fields(fields, whole)
        except MALFORMED as exc:
            raise StoredDataInvalid(
                f"The answer record {fields.get('id')} cannot be understood ({type(exc).__name__})."
            ) from exc


def safely(matches: Callable[[Fields], bool]) -> Callable[[Fields], bool]:
    """Return the same test, which what is malformed does not pass."""

    def passes(fields: Fields) -> bool:
        try:
            return matches(fields)
        except MALFORMED:
            return False

    return passes


def stored_answer(record: AnswerRecord) -> Record:
    """Return a record as it is appended."""
    return Record(KIND, record.tenant, record.id, json_bytes(answer_fields(record)))


def answer_fields(record: AnswerRecord) -> dict[str, Any]:
    """Return a record as JSON values; of an enumeration the plain word, which is written faster."""
    answer = record.answer
    served = answer.served_by
    return stamped(
        Stored.ANSWER_RECORD,
        {
            "id": record.id,
            "at": record.at,
            "tenant": record.tenant,
            "subject": record.subject,
            "question": record.question,
            "answer": {
                "status": str(answer.status),
                "mode": str(answer.mode),
                "sentences": [
                    {"text": each.text, "citations": each.citations, "support": str(each.support)}
                    for each in answer.sentences
                ],
                "citations": [_citation_fields(each) for each in answer.citations],
                "see_also": [_citation_fields(each) for each in answer.see_also],
                "served_by": {
                    "provider": served.provider,
                    "model": served.model,
                    "cache": served.cache,
                    "switch": served.switch,
                },
                "evidence": answer.evidence,
                "documents_as_of": answer.documents_as_of,
                "given_at": answer.given_at,
                "documents_changed_since": answer.documents_changed_since,
                "degraded": answer.degraded,
                "timings_ms": answer.timings_ms,
                "notices": answer.notices,
                "follow_ups": answer.follow_ups,
                "conflicts": [_conflict_fields(each) for each in answer.conflicts],
                "usage": {
                    "input_tokens": answer.usage.input_tokens,
                    "output_tokens": answer.usage.output_tokens,
                    "micro_usd": answer.usage.micro_usd,
                },
            },
            "conversation_id": record.conversation_id,
            "searched": record.searched,
            "prompt": record.prompt,
            "checks": [
                {"support": str(each.support), "reasons": each.reasons} for each in record.checks
            ],
            "notice": record.notice,
            "narrowed": record.narrowed,
        },
    )


def answer_record(fields: Fields) -> AnswerRecord:
    """Return the record in `fields`; unknown ones are ignored. Raises StoredDataInvalid."""
    try:
        return AnswerRecord(
            id=str(fields["id"]),
            at=moment_from(fields["at"]),
            tenant=str(fields["tenant"]),
            subject=str(fields["subject"]),
            question=str(fields["question"]),
            answer=_answer(str(fields["id"]), fields["answer"]),
            # The rest came with the second version.
            conversation_id=fields.get("conversation_id"),
            searched=str(fields.get("searched", "")),
            prompt=str(fields.get("prompt", "")),
            checks=tuple(
                SentenceCheck(Support(each["support"]), tuple(map(str, each["reasons"])))
                for each in fields.get("checks", ())
            ),
            # These with the fourth.
            notice=int(fields.get("notice", 1)),
            narrowed=bool(fields.get("narrowed", False)),
        )
    except MALFORMED as exc:
        raise StoredDataInvalid(
            f"The answer record {fields.get('id')} cannot be understood ({type(exc).__name__})."
        ) from exc


def _citation_fields(citation: Citation) -> dict[str, Any]:
    return {
        "n": citation.n,
        "quote": citation.quote,
        "quote_sha256": _sha256(citation.quote),
        "start": citation.start,
        "end": citation.end,
        "passage": dict(zip(_PASSAGE, _passage_values(citation.passage), strict=True)),
    }


def _conflict_fields(conflict: Conflict) -> dict[str, Any]:
    sides = [
        {"n": s.n, "value": s.value, "quote": s.quote, "start": s.start, "end": s.end}
        for s in conflict.sides
    ]
    return {"kind": str(conflict.kind), "sides": sides}


def without_quotes(fields: Fields, purged: Mapping[str, int]) -> dict[str, Any] | None:
    """Return a record without what it quotes of purged documents; None where that is nothing.

    `purged` gives the last purged revision by document id. Sentences that rest on such a quote go
    with it. Fields that a newer version has put in stay. Raises KeyError, TypeError or
    AttributeError.
    """
    answer = fields["answer"]
    listed = {name: list(answer[name]) for name in ("citations", "see_also")}
    gone: set[int] = set()
    for name, citations in listed.items():
        for at, each in enumerate(citations):
            passage = each["passage"]
            if passage["version"] <= purged.get(passage["document_id"], 0) and each["quote"]:
                gone.update([int(each["n"])] if name == "citations" else [])
                kept = {"quote": "", "quote_sha256": _sha256(each["quote"])}
                citations[at] = {**each, **kept, "passage": {**passage, "heading_path": []}}
    if all(listed[name] == answer[name] for name in listed):
        return None
    sentences = [
        {**each, "text": "", "text_sha256": _sha256(each["text"])}
        if gone.intersection(each["citations"])
        else each
        for each in answer["sentences"]
    ]
    # Questions that might come next name headings of the documents.
    left: dict[str, Any] = {"sentences": sentences, "follow_ups": []}
    if answer.get("conflicts"):
        left["conflicts"] = []
    return {**fields, "answer": {**answer, **listed, **left}}


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _answer(answer_id: str, fields: Fields) -> Answer:
    served = fields["served_by"]
    as_of, given_at = fields["documents_as_of"], fields.get("given_at")
    return Answer(
        id=answer_id,
        status=AnswerStatus(fields["status"]),
        mode=AnswerMode(fields["mode"]),
        sentences=tuple(
            AnswerSentence(
                str(each["text"]), tuple(map(int, each["citations"])), Support(each["support"])
            )
            for each in fields["sentences"]
        ),
        citations=tuple(_citation(each) for each in fields["citations"]),
        see_also=tuple(_citation(each) for each in fields["see_also"]),
        served_by=ServedBy(
            str(served["provider"]), str(served["model"]), str(served["cache"]), served["switch"]
        ),
        evidence=float(fields["evidence"]),
        documents_as_of=None if as_of is None else moment_from(as_of),
        degraded=tuple(map(str, fields["degraded"])),
        timings_ms={str(stage): float(ms) for stage, ms in fields["timings_ms"].items()},
        notices=tuple(map(str, fields["notices"])),
        follow_ups=tuple(map(str, fields.get("follow_ups", ()))),
        usage=_usage(fields.get("usage", {})),
        given_at=None if given_at is None else moment_from(given_at),
        documents_changed_since=fields.get("documents_changed_since"),
        conflicts=tuple(map(_conflict, fields.get("conflicts", ()))),
    )


def _conflict(fields: Fields) -> Conflict:
    sides = tuple(
        ConflictSide(
            int(each["n"]),
            str(each["value"]),
            str(each["quote"]),
            int(each["start"]),
            int(each["end"]),
        )
        for each in fields["sides"]
    )
    return Conflict(ConflictKind(fields["kind"]), sides)


def _usage(fields: Fields) -> AnswerUsage:
    names = ("input_tokens", "output_tokens", "micro_usd")
    return AnswerUsage(*(int(fields.get(name, 0)) for name in names))


def _citation(fields: Fields) -> Citation:
    passage = fields["passage"]
    page = passage["page"]
    start, end = int(fields["start"]), int(fields["end"])
    return Citation(
        n=int(fields["n"]),
        passage=Passage(
            id=str(passage["id"]),
            tenant=str(passage["tenant"]),
            document_id=str(passage["document_id"]),
            version=int(passage["version"]),
            ordinal=int(passage["ordinal"]),
            title=str(passage["title"]),
            source=str(passage["source"]),
            access=tuple(map(str, passage["access"])),
            heading_path=tuple(map(str, passage["heading_path"])),
            table_header="",
            page=None if page is None else int(page),
            text=str(fields["quote"]),
            start=start,
            end=end,
            statements=(),
            access_revision=int(passage.get("access_revision", 0)),
            effective=day_from(passage.get("effective")),
            superseded=day_from(passage.get("superseded")),
            marking=passage.get("marking"),
            language=passage.get("language"),
        ),
        quote=str(fields["quote"]),
        start=start,
        end=end,
        purged_sha256="" if fields["quote"] else str(fields.get("quote_sha256", "")),
    )
