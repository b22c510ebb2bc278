"""Texts as object storage keeps them: whole or in parts, and always the same text."""

import hashlib
import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.ingestion.conftest import SCOPE, Place
from tests.ingestion.test_split import WordPieces, document

from info_assistant.errors import NotFound
from info_assistant.ingestion import readings
from info_assistant.ingestion.intake import Upload
from info_assistant.ingestion.parsing import LONGEST_BLOCK, bounded
from info_assistant.ingestion.readings import ReadingWriter, open_reading, reading_key
from info_assistant.ingestion.split import SplitRules, Splitter, split
from info_assistant.model.document import DocumentState
from info_assistant.model.identity import LOCAL_OPERATOR
from info_assistant.model.passage import Passage
from info_assistant.model.reading import Block, BlockKind, Reading, ReadingFacts
from info_assistant.stores.blobs import ObjectBlobs

FACTS = ReadingFacts("Leave", 3, ("Page 2 holds no text.",))
TEXTS = st.lists(
    st.sampled_from(["word", "Leave.", "No. 7", "things:", "x,", "extraordinarily", "“Yes!”"]),
    min_size=1,
    max_size=40,
).map(" ".join)
BLOCKS = st.lists(
    st.builds(
        lambda kind, text, page, level: Block(
            kind,
            text,
            page,
            level if kind in {BlockKind.HEADING, BlockKind.LIST_ITEM} else 0,
            "Name | Days" if kind is BlockKind.TABLE_ROW else "",
        ),
        st.sampled_from([*BlockKind, BlockKind.PARAGRAPH, BlockKind.TABLE_ROW]),
        TEXTS,
        st.sampled_from([None, 1, 2]),
        st.integers(1, 3),
    ),
    max_size=60,
)


def portions(blocks: list[Block], sizes: list[int]) -> list[list[Block]]:
    """Cut blocks into portions of these sizes, over and over."""
    found: list[list[Block]] = []
    at = 0
    while at < len(blocks):
        size = sizes[len(found) % len(sizes)]
        found.append(blocks[at : at + size])
        at += size
    return found


@settings(max_examples=150, deadline=None)
@given(BLOCKS, st.lists(st.integers(1, 9), min_size=1, max_size=4), st.sampled_from([60, 230]))
def test_passages_are_the_same_in_whatever_portions_the_blocks_come(
    blocks: list[Block], sizes: list[int], max_tokens: int
) -> None:
    """Splitting while blocks come gives the passages of the whole document, offsets included."""
    rules = SplitRules(max_tokens=max_tokens)
    whole = Reading(tuple(blocks), FACTS.title)
    splitter = Splitter(document(), whole.facts, WordPieces(), rules)
    found = [passage for each in portions(blocks, sizes) for passage in splitter.add(each)]
    found += splitter.end()
    assert found == split(document(), whole, WordPieces(), rules)
    assert all(whole.text[each.start : each.end] == each.text for each in found)


def test_a_long_table_is_split_alike_and_little_of_it_is_held() -> None:
    """A section of thousands of rows gives the same passages, and what waits stays small."""
    rows = [
        Block(BlockKind.TABLE_ROW, f"Rule {n} | {n} days", None, 0, "Rule | Days")
        for n in range(6_000)
    ]
    whole = Reading(tuple(rows))
    splitter = Splitter(document(), whole.facts, WordPieces())
    found: list[Passage] = []
    for portion in portions(rows, [50]):
        found += splitter.add(portion)
        assert splitter.held_characters < 25_000
    assert [*found, *splitter.end()] == split(document(), whole, WordPieces())


@settings(max_examples=40, deadline=None)
@given(BLOCKS, st.integers(1, 200))
async def test_a_text_comes_back_whole_and_by_stretches(
    tmp_path_factory: pytest.TempPathFactory, blocks: list[Block], size: int
) -> None:
    """Parts joined are the text that was written; a stretch is its blocks at their places."""
    blobs = ObjectBlobs(str(tmp_path_factory.mktemp("objects")))
    writer = ReadingWriter(blobs, document(), part_characters=size)
    await writer.add(blocks)
    await writer.finish(FACTS)
    stored = await open_reading(blobs, document())
    assert stored is not None
    assert stored.facts == FACTS
    whole = Reading(tuple(blocks))
    assert stored.characters == len(whole.text)
    assert [each for part in stored.parts for each in await stored.blocks(part)] == blocks
    for at in range(0, len(whole.text), max(1, len(whole.text) // 5)):
        stretch = await stored.stretch(at, at + 1)
        end = stretch.begins + len(stretch.text)
        assert whole.text[stretch.begins : end] == stretch.text
        assert stretch.begins <= at + 2
        assert at < end
        assert set(stretch.placed()) <= set(whole.placed())


async def test_a_reading_begun_again_forgets_what_came(tmp_path: Path) -> None:
    """When the parser is started anew in the middle, the text has nothing twice."""
    blobs = ObjectBlobs(str(tmp_path))
    writer = ReadingWriter(blobs, document(), part_characters=10)
    await writer.add([Block(BlockKind.PARAGRAPH, "The first half of a text.")])
    writer.begin()
    blocks = [Block(BlockKind.PARAGRAPH, f"Sentence {number} of it.") for number in range(5)]
    await writer.add(blocks)
    await writer.finish(FACTS)
    stored = await open_reading(blobs, document())
    assert stored is not None
    assert [each for part in stored.parts for each in await stored.blocks(part)] == blocks


@given(st.text(alphabet="ab. \n", max_size=3 * LONGEST_BLOCK), st.sampled_from(list(BlockKind)))
@settings(max_examples=30, deadline=None)
def test_long_blocks_are_cut_and_nothing_is_lost(text: str, kind: BlockKind) -> None:
    """Pieces are short enough and hold every visible character in order."""
    pieces = list(bounded(Block(kind, text)))
    assert all(len(each.text) <= LONGEST_BLOCK for each in pieces)
    assert "".join("".join(each.text for each in pieces).split()) == "".join(text.split())


async def test_a_long_document_goes_the_whole_way_in_parts(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of many parts becomes passages whose places are those of the whole text."""
    monkeypatch.setattr(readings, "PART_CHARACTERS", 2_000)
    text = "\n\n".join(
        f"Rule {number} says that leave is {number} days. " * 6 for number in range(400)
    )
    async with place.working():
        upload = Upload(io.BytesIO(text.encode()), "long.txt")
        receipt = await place.intake.accept(LOCAL_OPERATOR, upload)
        content = receipt.status.document.content
        assert content.sha256 == hashlib.sha256(text.encode()).hexdigest()
        assert content.size_bytes == len(text.encode())
        ready = await place.until(receipt.status.document.id, DocumentState.READY)
    stored = await open_reading(place.blobs, ready.document)
    assert stored is not None
    assert len(stored.parts) > 20
    assert ready.passages > 100
    counts = await place.stores.passages.counts()
    assert counts == {ready.document.id: ready.passages}
    middle = stored.characters // 2
    _, reading = await place.library.reading(SCOPE, ready.document.id, span=(middle, middle + 1))
    assert reading.begins <= middle < reading.begins + len(reading.text) < stored.characters


async def test_a_lost_part_is_made_again(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a part of a stored text is gone, showing it says so, and a worker reads it anew."""
    monkeypatch.setattr(readings, "PART_CHARACTERS", 500)
    text = "\n\n".join(f"Rule {number} is about leave and other things." for number in range(60))
    receipt = await place.intake.accept(LOCAL_OPERATOR, Upload(text.encode(), "long.txt"))
    written = receipt.status.document
    async with place.working():
        ready = await place.until(written.id, DocumentState.READY)
    stored = await open_reading(place.blobs, written)
    assert stored is not None
    await place.blobs.delete(stored.parts[1].key)
    with pytest.raises(NotFound):
        await place.library.reading(
            SCOPE, written.id, span=(stored.parts[1].start, stored.parts[1].end)
        )
    await place.stores.passages.drop()
    async with place.working():
        await place.eventually(lambda: _whole(place, written.id, ready.passages))
    assert await place.blobs.get(stored.parts[1].key)
    assert await place.blobs.get(reading_key(written))


async def _whole(place: Place, document_id: str, passages: int) -> bool | None:
    counts = await place.stores.passages.counts()
    return True if counts.get(document_id) == passages else None
