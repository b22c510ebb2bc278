"""How often answers say that their sources differ: `python benchmarks/conflicts.py QUESTIONS LIBRARY`.

Each is a claim to be judged by a person: the result keeps what was shown, so that somebody can. The
share of answers with one is an upper bound of false alarms.
"""

import asyncio
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

from info_assistant.evaluation.questions import load_questions
from info_assistant.evaluation.scratch import scratch_stack

RESULT = Path(__file__).parent / "results" / "conflicts.json"


async def measured(questions: Path, library: Path) -> dict[str, object]:
    """Ask each question of a scratch stack; return how many answers have conflicts, and which."""
    files = {
        path.relative_to(library).as_posix(): path.read_bytes()
        for path in sorted(library.rglob("*"))
        if path.is_file()
    }
    shown, answered = [], 0
    asked = load_questions(questions)
    async with scratch_stack() as stack:
        await stack.load(files)
        for each in asked:
            answer = (await stack.ask(each.question)).answer
            answered += bool(answer.sentences)
            passages = {one.n: one.passage for one in (*answer.citations, *answer.see_also)}
            shown += [
                {
                    "question": each.id,
                    "kind": conflict.kind.value,
                    "sides": [
                        [passages[side.n].source, side.value, " ".join(side.quote.split())]
                        for side in conflict.sides
                    ],
                }
                for conflict in answer.conflicts
            ]
    return {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "questions": len(asked),
        "answered": answered,
        "answers_with_conflicts": len({str(each["question"]) for each in shown}),
        "conflicts": shown,
    }


def main() -> int:
    """Measure, keep and print the result."""
    result = asyncio.run(measured(Path(sys.argv[1]), Path(sys.argv[2])))
    RESULT.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2, ensure_ascii=False))
    return 0


if __name__ == "__main__":
    sys.exit(main())
