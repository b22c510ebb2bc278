"""Quotes of purged documents leave the stored records of answers; all else in them stays."""

import hashlib
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.clocks import HandClock
from tests.stores.bench import WHEN
from tests.stores.stored_things import ANSWER, DOCUMENT, QUOTED, TOMBSTONE

from info_assistant.model.answer import AnswerSentence, Citation, Support
from info_assistant.stores.answer_records import RecordedAnswers
from info_assistant.stores.blobs import ObjectBlobs
from info_assistant.stores.catalogue import BlobCatalogue
from info_assistant.stores.purging import KEPT_FOR, QuotePurging
from info_assistant.stores.record_log import RecordLog

SECRET, PLAIN = "Leave lasts 30 days.", "Travel is paid."
WRITTEN = "Whoever is on leave for a month is paid for travelling."
"""What a model made of both."""

OTHER = QUOTED._replace(
    document_id="6f1cf0a4-6a3b-5a43-9d52-000000000000", text=PLAIN, title="Travel"
)
RECORD = replace(
    ANSWER,
    answer=replace(
        ANSWER.answer,
        sentences=(
            AnswerSentence(SECRET, (1,), Support.SUPPORTED),
            AnswerSentence(PLAIN, (2,), Support.SUPPORTED),
            AnswerSentence(WRITTEN, (1, 2), Support.UNVERIFIED),
        ),
        citations=(Citation(1, QUOTED, SECRET, 100, 120), Citation(2, OTHER, PLAIN, 100, 115)),
        see_also=(Citation(3, QUOTED._replace(ordinal=9), SECRET, 100, 120),),
    ),
)


class Archive:
    """Shipped answer records, and the job that purges them."""

    def __init__(self, folder: Path) -> None:
        """Wire everything on a folder."""
        self.clock = HandClock(WHEN)
        self.blobs = ObjectBlobs(str(folder / "objects"))
        self.catalogue = BlobCatalogue(self.blobs)
        self.log = RecordLog(self.blobs, folder / "journals")
        self.answers = RecordedAnswers(self.log)
        self.purging = QuotePurging(self.blobs, self.catalogue, self.clock)

    async def stored(self) -> str:
        """Return all segments in one."""
        keys = [key async for key in self.blobs.keys("agency/segments")]
        return "".join([(await self.blobs.get(key)).decode() for key in keys])


@pytest.fixture
async def archive(tmp_path: Path) -> AsyncIterator[Archive]:
    """Return an archive in which one answer lies that quotes two documents."""
    made = Archive(tmp_path)
    await made.answers.keep(RECORD)
    await made.log.ship()
    assert SECRET in await made.stored()
    yield made
    await made.log.close()


async def test_quotes_go_and_hashes_stay(archive: Archive) -> None:
    """After the job no stored byte quotes the document; places, hashes and the rest are there."""
    await archive.catalogue.order_purge(TOMBSTONE)
    await archive.catalogue.bury(TOMBSTONE)
    assert await archive.purging.carry_out() == 1
    text = await archive.stored()
    assert SECRET not in text
    fields: dict[str, Any] = json.loads(text)
    first, second = fields["answer"]["citations"]
    assert first["quote_sha256"] == hashlib.sha256(SECRET.encode()).hexdigest()
    assert (first["quote"], first["start"], first["end"]) == ("", 100, 120)
    assert first["passage"]["document_id"] == DOCUMENT.id
    assert (second["quote"], fields["question"]) == (PLAIN, RECORD.question)
    assert [each["text"] for each in fields["answer"]["sentences"]] == ["", PLAIN, ""]
    assert WRITTEN not in text
    # It would name headings of what is gone.
    assert fields["answer"]["follow_ups"] == []
    found = await archive.answers.find("agency", RECORD.id)
    assert found is not None
    assert [each.quote for each in found.answer.citations] == ["", PLAIN]
    assert found.answer.citations[0].purged_sha256 == first["quote_sha256"]
    assert await archive.purging.carry_out() == 0


async def test_an_order_without_its_tombstone_does_nothing(archive: Archive) -> None:
    """Whoever was killed between the two has purged nothing of a living document."""
    await archive.catalogue.order_purge(TOMBSTONE)
    assert await archive.purging.carry_out() == 0
    assert SECRET in await archive.stored()


async def test_later_versions_of_the_name_are_not_purged(archive: Archive) -> None:
    """A document that was made anew under the same name keeps its quotes."""
    older = replace(TOMBSTONE, revision=QUOTED.version - 1)
    await archive.catalogue.order_purge(older)
    await archive.catalogue.bury(older)
    assert await archive.purging.carry_out() == 0
    assert SECRET in await archive.stored()


async def test_records_that_come_late_are_purged_too(archive: Archive) -> None:
    """A record shipped after the order loses its quotes at the next look, until the order ends."""
    await archive.catalogue.order_purge(TOMBSTONE)
    await archive.catalogue.bury(TOMBSTONE)
    await archive.purging.carry_out()
    late = replace(RECORD, id="01a209d2-0000-7000-8000-000000000002")
    await archive.answers.keep(late)
    await archive.log.ship()
    archive.clock.at = WHEN + KEPT_FOR
    assert await archive.purging.carry_out() == 1
    assert SECRET not in await archive.stored()
    archive.clock.at += timedelta(seconds=1)
    await archive.purging.carry_out()
    assert await archive.catalogue.purges("agency") == ()


async def test_answers_are_found_by_what_they_cite(archive: Archive) -> None:
    """Only answers that quote a document cite it, page by page; a wrong `before` is refused."""
    page = await archive.answers.citing("agency", DOCUMENT.id, limit=5, before=None)
    assert [each.id for each in page.records] == [RECORD.id]
    assert (await archive.answers.citing("other", DOCUMENT.id, limit=5, before=None)).records == ()
    nothing = await archive.answers.citing("agency", RECORD.id, limit=5, before=None)
    assert (nothing.records, nothing.next) == ((), None)
