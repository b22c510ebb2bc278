"""Sentences and passages: where text is cut, and that nothing is lost on the way."""

import re
import time
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from info_assistant.ingestion.sentences import sentences, statements
from info_assistant.ingestion.split import SplitRules, cut_to_fit, split
from info_assistant.model.document import Content, Document, document_id
from info_assistant.model.passage import Passage, passage_id
from info_assistant.model.reading import Block, BlockKind, Reading

_NOW = datetime(2026, 1, 1, tzinfo=UTC)
_PIECE = re.compile(r"\w{1,6}|[^\w\s]")


class WordPieces:
    """Counts as a word-piece model does: long words are several pieces, and so is punctuation."""

    def count(self, texts: Sequence[str]) -> list[int]:
        """Return the number of pieces of each text."""
        return [len(_PIECE.findall(text)) for text in texts]


def document(title: str = "Leave", source: str = "hr/leave.md") -> Document:
    """Return a catalogue entry."""
    return Document(
        document_id("t", source), "t", source, title, 3, Content(2, "00", 1, "text/markdown"),
        ("everyone",), _NOW, _NOW,
    )  # fmt: skip


def passages(blocks: Sequence[Block], rules: SplitRules | None = None) -> list[Passage]:
    """Split blocks into passages."""
    return split(document(), Reading(tuple(blocks)), WordPieces(), rules or SplitRules())


def heading(text: str, level: int = 1, page: int | None = None) -> Block:
    """Return a heading."""
    return Block(BlockKind.HEADING, text, page=page, level=level)


def paragraph(text: str, page: int | None = None) -> Block:
    """Return a paragraph."""
    return Block(BlockKind.PARAGRAPH, text, page=page)


def item(text: str) -> Block:
    """Return a list item."""
    return Block(BlockKind.LIST_ITEM, text, level=1)


def words(count: int, start: str = "Word") -> str:
    """Return a sentence of `count` words."""
    return " ".join([start] + ["word"] * (count - 1)) + "."


@pytest.mark.parametrize(
    "expected",
    [
        ["Mr. Smith of the U.S. Army came.", "He left at 5 p.m. on Monday."],
        ["See Sec. 5.2 and No. 7 for 3.5 percent.", "It applies (cf. Art. 4, e.g. leave)."],
        ["We work in the U.S.", "The law is clear.", "Ask J. Q. Public."],
        ["“Is it so?” she asked.", "“Yes!”", "It was..."],
        ["Wait… what?", "Really?!", "No.", "That is all"],
        ["1. Open the form.", "3.2.1. Sign it, etc.", "You are done."],
        ["The answer is no.", "Ask again."],
        ["これは文です。", "次の文です。"],
    ],
)
def test_sentences_end_where_a_reader_would_end_them(expected: list[str]) -> None:
    """Abbreviations, initials, numbers and quotes do not end sentences, and real ends do."""
    text = " ".join(expected)
    assert [text[span.start : span.end] for span in sentences(text)] == expected


@given(
    st.sampled_from(list(BlockKind)),
    st.text(alphabet=st.sampled_from("aB1 .!?\n|“”e.g“…é"), max_size=400),
)
def test_statements_cover_all_visible_characters_in_order(kind: BlockKind, text: str) -> None:
    """Spans ascend without overlap, begin and end on visible characters, and miss none of them."""
    found = statements(kind, text)
    at = 0
    for span in found:
        assert at <= span.start < span.end
        assert not text[at : span.start].strip()
        assert text[span.start : span.end] == text[span.start : span.end].strip()
        at = span.end
    assert not text[at:].replace("|", "").strip()


def test_items_and_rows_are_one_statement_unless_long() -> None:
    """A short item stays whole; a long one gives its sentences; a long row is cut between cells."""
    assert len(statements(BlockKind.LIST_ITEM, "One. Two.")) == 1
    assert len(statements(BlockKind.LIST_ITEM, f"{words(40)} {words(40)}")) == 2
    row = " | ".join(words(30) for _ in range(4))
    parts = statements(BlockKind.TABLE_ROW, row)
    assert len(parts) > 1
    assert all(part.end - part.start <= 300 for part in parts)


def test_a_megabyte_is_segmented_within_a_second_of_processor_time() -> None:
    """Segmentation is fast enough never to matter beside embedding."""
    text = "The U.S. rule applies to No. 7, e.g. leave. It ends at 5 p.m. today. " * 15_000
    begun = time.process_time()
    found = sentences(text)
    assert len(found) == 30_000
    assert time.process_time() - begun < len(text) / 1e6 * 2


def test_passages_stay_near_the_target_and_end_with_sentences() -> None:
    """A long section becomes even passages of whole sentences under its heading path."""
    text = " ".join(words(11) for _ in range(30))
    found = passages([heading("Leave"), heading("Annual", 2), paragraph(text)])
    assert [len(p.text.split()) for p in found] == [112, 110, 110]
    assert all(p.text.endswith(".") and len(p.statements) >= 10 for p in found)
    assert found[0].heading_path == ("Leave", "Annual")
    assert found[1].embedded_context == "Leave > Annual"


def test_a_list_keeps_its_lead_in() -> None:
    """The sentence that introduces a list is in the passage of the list's beginning."""
    blocks = [
        paragraph(f"{words(90)} You may take leave for:"),
        *(item(words(12)) for _ in range(12)),
    ]
    found = passages(blocks)
    assert len(found) > 1
    lead = next(passage for passage in found if "leave for:" in passage.text)
    assert "leave for:\n\nWord" in lead.text


def test_table_rows_that_lose_their_header_carry_it() -> None:
    """The first passage of a table holds the header row, later ones name it as context."""
    header = "Level | Days"
    table = [
        Block(BlockKind.TABLE_ROW, text, table_header=header)
        for text in [header, *(f"L{n} | {words(20)}" for n in range(20))]
    ]
    found = passages([heading("Days"), *table])
    assert found[0].text.startswith(f"Days\n\n{header}")
    assert found[0].table_header == ""
    assert not any(p.text.endswith(header) for p in found)
    assert all(p.table_header == header and header not in p.text for p in found[1:])
    assert len(found) > 2
    assert all(header != p.text[s.start : s.end] for p in found for s in p.statements)


def test_tiny_neighbours_share_a_passage_that_names_them() -> None:
    """One-line sections under one parent are merged, with their headings in the text."""
    found = passages(
        [
            heading("Guide"),
            heading("Resources", 2), paragraph("None."),
            heading("Licence", 2), paragraph("Not needed."),
            heading("Steps", 2), paragraph(words(80)),
        ]
    )  # fmt: skip
    assert [p.heading_path for p in found] == [("Guide",), ("Guide", "Steps")]
    assert found[0].text == "Guide\n\nResources\n\nNone.\n\nLicence\n\nNot needed."
    quotable = [found[0].text[span.start : span.end] for span in found[0].statements]
    assert {"None.", "Not needed."} <= set(quotable)


def test_a_document_of_headings_only_can_be_found() -> None:
    """Where nothing but headings was read, they are the text."""
    assert passages([heading("Abstract"), heading("Keywords")])[0].text == "Abstract\n\nKeywords"


def test_an_oversize_sentence_is_cut_after_clauses() -> None:
    """A sentence that no passage can hold is cut between words, after a comma if possible."""
    clause = " ".join(["word"] * 25) + ", "
    text = (clause * 20).strip()
    spans = cut_to_fit(text, 60, WordPieces())
    parts = [text[span.start : span.end] for span in spans]
    assert " ".join(parts) == text
    assert all(part.endswith(",") for part in parts)
    assert max(WordPieces().count(parts)) <= 60
    long_word = cut_to_fit("x" * 5_000, 50, WordPieces())
    assert "".join(("x" * 5_000)[s.start : s.end] for s in long_word) == "x" * 5_000


def test_a_file_name_gives_way_to_the_title_the_document_states() -> None:
    """A title that somebody gave is kept; one that only repeats the file name is not."""
    reading = Reading((paragraph("Text."),), title="Leave types")
    for given_title, shown in [("leave", "Leave types"), ("My leave", "My leave")]:
        found = split(document(given_title), reading, WordPieces())
        assert found[0].title == shown


def test_passages_have_stable_identities() -> None:
    """Ids follow from document, version and place, so indexing again writes the same points."""
    found = passages([heading("A"), paragraph(words(300))])
    assert [p.id for p in found] == [
        passage_id(document().id, 2, ordinal) for ordinal in range(len(found))
    ]
    assert found == passages([heading("A"), paragraph(words(300))])


_TEXTS = st.lists(
    st.sampled_from(
        [
            "Leave",
            "is",
            "due.",
            "(see",
            "Sec.",
            "4)",
            "ends:",
            "and,",
            "extraordinarily-long-word",
            "x" * 80,
            "Why?",
        ]
    ),
    min_size=1,
    max_size=120,
).map(" ".join)
_BLOCKS = st.one_of(
    st.builds(heading, _TEXTS.map(lambda text: text[:200].strip()), st.integers(1, 4)),
    st.builds(paragraph, _TEXTS),
    st.builds(item, _TEXTS),
    st.builds(
        lambda text, head: Block(BlockKind.TABLE_ROW, text, table_header=head),
        _TEXTS,
        st.sampled_from(["", "Leave", "Name | " + "Column | " * 80 + "End"]),
    ),
    st.builds(lambda text: Block(BlockKind.CODE, text.replace(". ", ".\n")), _TEXTS),
)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(_BLOCKS, st.booleans()), min_size=1, max_size=25),
    st.integers(60, 240),
    st.integers(20, 150),
)
def test_passages_are_verbatim_complete_in_order_and_within_limits(
    drawn: list[tuple[Block, bool]], max_tokens: int, target: int
) -> None:
    """For any reading: exact offsets, all text but headings covered, one page, limits kept."""
    page, blocks = 1, []
    for block, turn in drawn:
        page += turn
        blocks.append(Block(block.kind, block.text, page, block.level, block.table_header))
    reading = Reading(tuple(blocks))
    rules = SplitRules(target_words=target, max_tokens=max_tokens)
    found = split(document(), reading, WordPieces(), rules)
    text, covered, at = reading.text, bytearray(len(reading.text)), 0
    for number, passage in enumerate(found):
        assert passage.ordinal == number
        assert passage.text == text[passage.start : passage.end]
        assert passage.start >= at
        at = passage.end
        covered[passage.start : passage.end] = b"\1" * (passage.end - passage.start)
        embedded = f"{passage.embedded_context}\n{passage.text}"
        assert WordPieces().count([embedded])[0] <= max_tokens
        ends = [0, *(edge for span in passage.statements for edge in (span.start, span.end))]
        assert ends == sorted(ends)
        assert passage.statements
        assert ends[-1] <= len(passage.text)
    only_headings = all(block.kind is BlockKind.HEADING for block in blocks)
    for placed in reading.placed():
        inside = [p for p in found if p.start < placed.end and placed.start < p.end]
        assert all(p.page == placed.block.page for p in inside)
        if placed.block.kind is BlockKind.HEADING:
            assert only_headings or all(p.end > placed.end for p in inside)
        else:
            missed = [text[i] for i in range(placed.start, placed.end) if not covered[i]]
            assert not "".join(missed).strip()
