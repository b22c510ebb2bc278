"""The generator that quotes."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from info_assistant.model.identity import LOCAL_OPERATOR
from info_assistant.model.passage import Candidate, Passage, Span
from info_assistant.model.question import Question
from info_assistant.ports import DraftSentence, Generator, RankedPassage
from info_assistant.providers.extractive import ExtractiveGenerator

QUOTING: Generator = ExtractiveGenerator()


def _ranked(text: str, *, score: float = 0.5) -> RankedPassage:
    """Return a passage with a statement for each line, all alike to the model."""
    edges = [0]
    for line in text.split("\n"):
        edges.append(edges[-1] + len(line) + 1)
    spans = tuple(Span(a, b - 1) for a, b in pairwise(edges))
    held = Passage(
        id=text,
        tenant="default",
        document_id="d",
        version=1,
        ordinal=0,
        title="T",
        source="t.md",
        access=("everyone",),
        heading_path=(),
        table_header="",
        page=None,
        text=text,
        start=0,
        end=len(text),
        statements=spans,
    )
    nothing = np.zeros((0, 2), np.int8)
    found = Candidate(held, score, np.zeros(0, np.uint32), 0, lambda: nothing, ())
    return RankedPassage(found, score, 0.0, (score,) * len(spans))


async def _drafts(question: str, ranked: Sequence[RankedPassage]) -> list[DraftSentence]:
    asked = Question("q", question, LOCAL_OPERATOR)
    drafts = [draft async for draft in QUOTING.generate(asked, ranked)]
    return [draft for draft in drafts if isinstance(draft, DraftSentence)]


async def test_each_draft_is_its_own_quote() -> None:
    """What is proposed is the passage's text between the named places."""
    rules = [_ranked(f"Rule {n} is this.\nIt holds.") for n in range(5)]
    drafts = await _drafts("Which rule holds?", rules)
    assert len(drafts) == 3
    for draft, item in zip(drafts, rules, strict=False):
        assert draft.passage is item.candidate.passage
        assert draft.text == draft.passage.text[draft.start : draft.end]


async def test_words_are_compared_by_their_stems() -> None:
    """A question about carrying finds the statement that says carried, in a long passage."""
    lines = [f"Unrelated matter number {n}. " + "x" * 380 for n in range(4)]
    lines[2] = "Days are carried over to March. " + "x" * 360
    drafts = await _drafts("What about carrying days over?", [_ranked("\n".join(lines), score=0.4)])
    assert drafts[0].text == lines[2]


async def test_nothing_found_is_nothing_said() -> None:
    """Without passages there is no draft."""
    assert await _drafts("Anything?", []) == []


def test_the_answer_says_that_no_model_wrote_it() -> None:
    """`served_by` names the quoting generator."""
    assert (QUOTING.provider, QUOTING.model) == ("extractive", "quotes")
