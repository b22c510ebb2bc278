"""False sentences of every class over our own texts, held against the figures they must reach."""

from collections import Counter

import pytest
from benchmarks.grounding import MAY_LEAVE, MOST_LEAVING
from benchmarks.harness.candidates import candidate_of
from benchmarks.harness.grounding_sets import (
    OWN_TEXTS,
    SAMPLES,
    Case,
    Documents,
    rows,
    samples,
    written,
)

from info_assistant.answering.grounding.grounder import Grounder
from info_assistant.answering.likeness import SentenceLikeness
from info_assistant.ingestion.read import SubprocessReader
from info_assistant.model.answer import Support
from info_assistant.model.passage import IndexedPassage
from info_assistant.ports import RankedPassage, WrittenSentence
from info_assistant.providers.bm25 import TermVectors
from info_assistant.providers.minilm import MiniLmEmbedder

LEAST_TRUE_SUPPORTED = 0.85
"""Of the true sentences over short texts; the floor of the real set is that of `make grounding`."""


@pytest.fixture(scope="module")
def embedder() -> MiniLmEmbedder:
    """Return the product's embedder."""
    return MiniLmEmbedder()


async def judged(cases: list[Case], embedder: MiniLmEmbedder) -> dict[str, Counter[Support]]:
    """Return what became of the cases of each kind."""
    grounder = Grounder(TermVectors().terms)
    passages = {passage.id: passage for case in cases for passage in case.cited}
    vectors = await embedder.embed_passages(list(passages.values()))
    candidates = {
        passage.id: candidate_of(IndexedPassage(passage, own))
        for passage, own in zip(passages.values(), vectors, strict=True)
    }
    likeness = SentenceLikeness(embedder)
    found: dict[str, Counter[Support]] = {}
    # Passage by passage, so that each statement is embedded once.
    for case in sorted(cases, key=lambda each: [passage.id for passage in each.cited]):
        cited = [RankedPassage(candidates[p.id], 0.0, 0.0, ()) for p in case.cited]
        sentence = WrittenSentence(case.sentence, case.cited)
        alike = await likeness.of(sentence, cited)
        finding = grounder.check(sentence, likeness=alike)
        found.setdefault(case.kind, Counter())[finding.support] += 1
    return found


def hold(found: dict[str, Counter[Support]]) -> None:
    """Assert that no false sentence is supported, and how many may leave marked."""
    for kind, counts in found.items():
        if kind == "paraphrase":
            assert counts[Support.SUPPORTED] >= LEAST_TRUE_SUPPORTED * counts.total(), counts
            continue
        assert counts[Support.SUPPORTED] == 0, kind
        most = MOST_LEAVING * counts.total() if kind in MAY_LEAVE else 0
        assert counts[Support.UNVERIFIED] <= most, kind


@pytest.mark.parametrize("name", OWN_TEXTS)
async def test_false_sentences_over_texts_of_other_domains_are_held_back(
    name: str, embedder: MiniLmEmbedder
) -> None:
    """In each of the fourteen classes at least ten; true sentences over the same texts leave."""
    found = await judged(written(name), embedder)
    assert len(found) == 15
    assert min(counts.total() for counts in found.values()) >= 10
    hold(found)


async def test_false_sentences_over_our_documents_are_held_back(embedder: MiniLmEmbedder) -> None:
    """Those that were written by hand, with one cited passage and with two."""
    async with SubprocessReader() as reader:
        documents = Documents(SAMPLES, reader, embedder)
        cases = await samples("adversarial.jsonl", documents)
    assert len(cases) > len(rows("adversarial.jsonl"))
    hold(await judged(cases, embedder))
