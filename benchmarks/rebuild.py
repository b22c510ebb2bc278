"""Wipes Qdrant and rebuilds it: are the answers the same? `python -m benchmarks.rebuild`.

The samples are taken in, 100 questions asked, Qdrant emptied and made again from object storage,
and the same questions asked once more. Answers and citations with their places must be the same.
The order of what else was found is told beside it: where passages are equally good, Qdrant's
engine orders them as it likes, from one question to the next, also without a rebuild.
"""

import argparse
import asyncio
import json
import sys
import time
from itertools import islice
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # So that `python benchmarks/….py` works.

from info_assistant.evaluation.scratch import ScratchStack, scratch_stack

SAMPLES = Path(__file__).parents[1] / "samples"
RESULTS = Path(__file__).parent / "results" / "rebuild.json"
QUESTIONS = 100


def questions(count: int) -> list[str]:
    """Return so many questions: those of the samples, then the same with other words around."""
    lines = [
        json.loads(line)["question"]
        for name in ("questions.jsonl", "calibration.jsonl")
        for line in (SAMPLES / name).read_text(encoding="utf-8").splitlines()
    ]
    forms = ("{}", "Please tell me: {}", "A colleague asks: {}")
    every = (form.format(line) for form in forms for line in lines)
    return list(islice(every, count))


async def measured(count: int, documents: int | None = None) -> dict[str, Any]:
    """Ask, wipe, rebuild and ask again; return how many answers are the same."""
    folder = SAMPLES / "documents"
    paths = sorted(path for path in folder.rglob("*") if path.is_file())[:documents]
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
    asked = questions(count)
    async with scratch_stack() as stack:
        assert not await stack.load(files)
        before = [await answer(stack, each) for each in asked]
        again = [await answer(stack, each) for each in asked]
        began = time.perf_counter()
        rebuilt = await stack.wipe_and_rebuild()
        seconds = time.perf_counter() - began
        after = [await answer(stack, each) for each in asked]
    differing = [
        question
        for question, one, other in zip(asked, before, after, strict=True)
        if one | {"also_found": 0} != other | {"also_found": 0}
    ]
    return {
        "documents": rebuilt,
        "rebuilt_s": round(seconds, 1),
        "questions": len(asked),
        "answered": sum(each["status"] == "answered" for each in before),
        "same": len(asked) - len(differing),
        "differing": differing,
        "also_found_differs": different_order(before, after),
        "also_found_differs_without_rebuild": different_order(before, again),
    }


def different_order(one: list[dict[str, Any]], other: list[dict[str, Any]]) -> int:
    """Return for how many questions the passages that follow the answer are not the same."""
    pairs = zip(one, other, strict=True)
    return sum(each["also_found"] != same["also_found"] for each, same in pairs)


async def answer(stack: ScratchStack, question: str) -> dict[str, Any]:
    """Return what a reader sees, and what was found for it."""
    asked = await stack.ask(question)
    return {
        "status": asked.answer.status.value,
        "sentences": [sentence.text for sentence in asked.answer.sentences],
        "citations": [
            (each.passage.id, each.quote, each.start, each.end) for each in asked.answer.citations
        ],
        "also_found": [each.passage.id for each in asked.answer.see_also],
    }


def main() -> int:
    """Measure and keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=QUESTIONS)
    found = asyncio.run(measured(parser.parse_args().questions))
    RESULTS.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n")
    print(RESULTS.read_text())
    return 0 if found["same"] == found["questions"] else 1


if __name__ == "__main__":
    sys.exit(main())
