"""Sweeps the cosine from which unanswered questions count as alike, on benchmarks/alike.jsonl.

The questions of one half are used to choose it, those of the other to judge the choice. Groups
depend on the order of arrival, so each figure is the mean of many orders.

    python benchmarks/alike.py
"""

import asyncio
import json
import random
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path
from statistics import mean
from time import process_time

from info_assistant.answering.question_groups import LEAST_ALIKE, grouped
from info_assistant.model.unanswered import Shortfall, UnansweredQuestion
from info_assistant.model.vectors import Floats
from info_assistant.providers.minilm import MiniLmEmbedder

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "alike.json"
ORDERS = 50
THRESHOLDS = [round(0.3 + 0.025 * step, 3) for step in range(21)]


def pairs_of(groups: Sequence[Sequence[str]]) -> set[tuple[str, str]]:
    """Return every two questions that are in one group."""
    return {pair for group in groups for pair in combinations(sorted(group), 2)}


def judged(
    needs: Mapping[str, Sequence[str]], vectors: Mapping[str, Floats], least_alike: float
) -> dict[str, float]:
    """Return how well groups by a threshold fit the needs behind the questions."""
    right = pairs_of(list(needs.values()))
    texts = [each for group in needs.values() for each in group]
    figures: dict[str, list[float]] = {"precision": [], "recall": [], "f1": [], "groups": []}
    for seed in range(ORDERS):
        ordered = random.Random(seed).sample(texts, len(texts))  # noqa: S311  Repeatable.
        questions = [asked(text, at) for at, text in enumerate(ordered)]
        groups = grouped(questions, [vectors[each] for each in ordered], least_alike)
        made = pairs_of([[each.question for each in group.questions] for group in groups])
        both = len(made & right)
        precision, recall = both / max(1, len(made)), both / len(right)
        figures["precision"].append(precision if made else 1.0)
        figures["recall"].append(recall)
        figures["f1"].append(2 * precision * recall / max(1e-9, precision + recall))
        figures["groups"].append(len(groups))
    return {name: round(mean(values), 3) for name, values in figures.items()}


def asked(text: str, at: int) -> UnansweredQuestion:
    """Return a question as it stands in a record; ids ascend."""
    when = datetime(2026, 11, 27, tzinfo=UTC)
    return UnansweredQuestion(
        f"{at:06d}", when, "default", "", text, "", Shortfall.NOT_FOUND, (), 2
    )


async def embedded(texts: Sequence[str]) -> tuple[dict[str, Floats], float]:
    """Return the vector of each text, and the milliseconds of CPU that one takes."""
    embedder = MiniLmEmbedder()
    await embedder.warm_up()
    begun = process_time()
    try:
        vectors = {each: (await embedder.embed_question(each)).dense for each in texts}
    finally:
        embedder.close()
    return vectors, (process_time() - begun) * 1000 / len(texts)


def main() -> int:
    """Print and keep the figures."""
    lines = (ROOT / "benchmarks" / "alike.jsonl").read_text(encoding="utf-8").splitlines()
    parts: dict[str, dict[str, list[str]]] = {}
    for each in map(json.loads, lines):
        parts.setdefault(each["part"], {}).setdefault(each["need"], []).append(each["question"])
    texts = [text for part in parts.values() for group in part.values() for text in group]
    vectors, each_ms = asyncio.run(embedded(texts))
    sweep = {
        part: {f"{each:.3f}": judged(needs, vectors, each) for each in THRESHOLDS}
        for part, needs in parts.items()
    }
    many = [asked(f"{text} {n}", n) for n, text in enumerate(texts * 7)][:500]
    spread = [vectors[texts[n % len(texts)]] for n in range(len(many))]
    begun = process_time()
    grouped(many, spread, LEAST_ALIKE)
    results = {
        "in_use": LEAST_ALIKE,
        "needs": {part: len(each) for part, each in parts.items()},
        "questions": {part: sum(map(len, each.values())) for part, each in parts.items()},
        "orders": ORDERS,
        "embedding_cpu_ms": round(each_ms, 2),
        "grouping_500_cpu_ms": round((process_time() - begun) * 1000, 1),
        "sweep": sweep,
    }
    RESULTS.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    json.dump(results, sys.stdout, indent=2)
    return 0


if __name__ == "__main__":
    sys.exit(main())
