"""What was answered, as append-only records (`ports.AnswerRecords`).

A passage is kept without its text and its statements: they are in the document, at the version that
is named, and what was quoted of them is kept with the citation.
"""

from operator import attrgetter
from typing import Any

from pydantic_core import to_json

from info_assistant.errors import StoredDataInvalid
from info_assistant.model.answer import (
    Answer,
    AnswerMode,
    AnswerSentence,
    AnswerStatus,
    AnswerUsage,
    Citation,
    ServedBy,
    Support,
)
from info_assistant.model.passage import Passage
from info_assistant.model.record import AnswerRecord, SentenceCheck
from info_assistant.model.schema import MALFORMED, Stored, moment_from, stamped
from info_assistant.stores.journal import Record
from info_assistant.stores.record_log import RecordLog
from info_assistant.stores.segments import Fields

KIND = "answers"
"""The kind of these records in names of segments."""

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
)
# Every answer is recorded, and this costs half as much as asking for each by its name.
_passage_values = attrgetter(*_PASSAGE)


class RecordedAnswers:
    """Answer records in a record log."""

    def __init__(self, log: RecordLog) -> None:
        """Keep records in `log`."""
        self._log = log

    async def keep(self, record: AnswerRecord) -> None:
        """Keep the record; it survives a killed process when this returns.

        Raises RecordsUnavailable.
        """
        body = to_json(answer_fields(record))
        await self._log.append([Record(KIND, record.tenant, record.id, body)])

    async def find(self, tenant: str, answer_id: str) -> AnswerRecord | None:
        """Return the record, or None. Raises ObjectStorageUnavailable, StoredDataInvalid."""
        try:
            fields = await self._log.find(KIND, tenant, answer_id)
        except ValueError:
            return None  # No answer ever had such an id.
        return None if fields is None else answer_record(fields)


def answer_fields(record: AnswerRecord) -> dict[str, Any]:
    """Return a record as JSON values."""
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
                "status": answer.status,
                "mode": answer.mode,
                "sentences": [
                    {"text": each.text, "citations": each.citations, "support": each.support}
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
                "degraded": answer.degraded,
                "timings_ms": answer.timings_ms,
                "notices": answer.notices,
                "follow_ups": answer.follow_ups,
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
                {"support": each.support, "reasons": each.reasons} for each in record.checks
            ],
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
        )
    except MALFORMED as exc:
        raise StoredDataInvalid(
            f"The answer record {fields.get('id')} cannot be understood ({type(exc).__name__})."
        ) from exc


def _citation_fields(citation: Citation) -> dict[str, Any]:
    return {
        "n": citation.n,
        "quote": citation.quote,
        "start": citation.start,
        "end": citation.end,
        "passage": dict(zip(_PASSAGE, _passage_values(citation.passage), strict=True)),
    }


def _answer(answer_id: str, fields: Fields) -> Answer:
    served = fields["served_by"]
    as_of = fields["documents_as_of"]
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
    )


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
        ),
        quote=str(fields["quote"]),
        start=start,
        end=end,
    )
