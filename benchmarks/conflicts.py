"""How often answers say that their sources differ: `python benchmarks/conflicts.py`.

Answers are quotes, found by the product's own parts in this process and without a server. What was
shown is kept, so that somebody can judge it: the share of answers with a conflict is an upper bound
of false alarms.
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from benchmarks.harness.candidates import candidate_of

from info_assistant.answering.cite import cite
from info_assistant.answering.conflicts import ConflictFinder
from info_assistant.answering.extract import best_extract, choose_extracts
from info_assistant.answering.making import CANDIDATES, EVIDENCE_THRESHOLD, LISTED
from info_assistant.answering.rank import rank
from info_assistant.errors import Unreadable
from info_assistant.evaluation.questions import load_questions
from info_assistant.ingestion.formats.registry import read_file
from info_assistant.ingestion.split import split
from info_assistant.model.answer import Citation, Conflict
from info_assistant.model.document import Content, Document
from info_assistant.model.passage import Candidate, IndexedPassage, Passage, QuestionVectors
from info_assistant.ports import RankedPassage
from info_assistant.providers.bm25 import TermVectors
from info_assistant.providers.minilm import MiniLmEmbedder

SHARED = Path(__file__).parents[2] / "shared"
RESULT = Path(__file__).parent / "results" / "conflicts.json"
WHEN = datetime(2026, 1, 1, tzinfo=UTC)
RRF_K = 60


def passages_of(library: Path, embedder: MiniLmEmbedder) -> list[Passage]:
    """Return the passages of every file that can be read."""
    found: list[Passage] = []
    for path in sorted(each for each in library.rglob("*") if each.is_file()):
        source = path.relative_to(library).as_posix()
        try:
            reading = read_file(path.read_bytes(), filename=path.name, media_type="")
        except Unreadable:
            continue
        content = Content(1, "0" * 64, path.stat().st_size, "")
        document = Document(
            source, "default", source, path.stem, 1, content, ("everyone",), WHEN, WHEN
        )
        found += split(document, reading, embedder)
    return found


class Shelf:
    """Passages with their vectors, searched by dense and sparse vectors, fused by ranks."""

    def __init__(self, held: Sequence[IndexedPassage]) -> None:
        """Take the passages."""
        self._held = held
        self._dense = np.stack([each.vectors.dense for each in held])
        self._sparse = [
            dict(zip(each.vectors.sparse.indices, each.vectors.sparse.values, strict=True))
            for each in held
        ]

    def search(self, question: QuestionVectors) -> list[Candidate]:
        """Return the best candidates."""
        asked = dict(zip(question.sparse.indices, question.sparse.values, strict=True))
        words = [
            sum(weight * own.get(term, 0.0) for term, weight in asked.items())
            for own in self._sparse
        ]
        fused = np.zeros(len(self._held))
        for scores in (self._dense @ question.dense, np.array(words)):
            order = np.argsort(-scores)[: 4 * CANDIDATES]
            fused[order] += 1 / (RRF_K + np.arange(1, len(order) + 1))
        return [
            candidate_of(self._held[at], float(fused[at]))
            for at in np.argsort(-fused)[:CANDIDATES].tolist()
        ]


def quoted(
    question: str, ranked: Sequence[RankedPassage], terms: TermVectors
) -> tuple[list[Citation], list[Citation]]:
    """Return the citations of an answer in quotes, and the passages beside it."""
    extracts = choose_extracts(question, ranked, terms.terms)
    citations = [
        cite(n, each.ranked.candidate.passage, *each.span) for n, each in enumerate(extracts, 1)
    ]
    known = {each.passage.id for each in citations}
    rest = [best_extract(each) for each in ranked if each.candidate.passage.id not in known]
    beside = [
        cite(n, each.ranked.candidate.passage, *each.span)
        for n, each in enumerate(rest, len(citations) + 1)
    ]
    return citations, beside


def as_json(question: str, conflict: Conflict, numbered: Sequence[Citation]) -> dict[str, object]:
    """Return a conflict for somebody who judges it."""
    sources = {each.n: each.passage.source for each in numbered}
    sides = [[sources[side.n], side.value, " ".join(side.quote.split())] for side in conflict.sides]
    return {"question": question, "kind": conflict.kind.value, "sides": sides}


async def measured(questions: Path, library: Path) -> dict[str, object]:
    """Ask each question; return how many answers have conflicts, which, and what looking costs."""
    embedder, terms = MiniLmEmbedder(), TermVectors()
    passages = passages_of(library, embedder)
    shelf = Shelf(
        [
            IndexedPassage(*pair)
            for at in range(0, len(passages), 64)
            for pair in zip(
                passages[at : at + 64],
                await embedder.embed_passages(passages[at : at + 64]),
                strict=True,
            )
        ]
    )
    finder, asked = ConflictFinder(terms.terms), load_questions(questions)
    shown: list[dict[str, object]] = []
    answered, spent = 0, []
    for each in asked:
        vectors = await embedder.embed_question(each.question)
        ranked = rank(vectors, shelf.search(vectors), limit=LISTED)
        if not ranked or ranked[0].score < EVIDENCE_THRESHOLD:
            continue
        answered += 1
        citations, beside = quoted(each.question, ranked, terms)
        began = time.process_time()
        found = finder.find(each.question, ranked, citations, beside)
        spent.append(1000 * (time.process_time() - began))
        shown += [as_json(each.question, one, [*citations, *beside]) for one in found]
    return {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "passages": len(passages),
        "questions": len(asked),
        "answered": answered,
        "answers_with_conflicts": len({str(each["question"]) for each in shown}),
        "cpu_ms_p50": round(float(np.percentile(spent, 50)), 2),
        "cpu_ms_p95": round(float(np.percentile(spent, 95)), 2),
        "conflicts": shown,
    }


def main() -> int:
    """Measure, keep and print the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=Path, default=SHARED / "evaluation/questions.jsonl")
    parser.add_argument("--library", type=Path, default=SHARED / "library")
    given = parser.parse_args()
    result = asyncio.run(measured(given.questions, given.library))
    RESULT.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2, ensure_ascii=False))
    return 0


if __name__ == "__main__":
    sys.exit(main())
