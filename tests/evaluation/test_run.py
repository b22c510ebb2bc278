"""A question set is asked, and the report has the shape that others rely on."""

import json

import pytest
from tests.evaluation.conftest import ShelfStack, answer, passage

from info_assistant.evaluation.questions import Gold, GoldQuestion
from info_assistant.evaluation.run import Asked, RankMeasures, Report, evaluate

FIVE = passage("Five days may be carried over.")
HR = passage("Ask the office.", "b.md")
NOISE = [passage(f"Noise {n}.", "n.md") for n in range(12)]

QUESTIONS = (
    GoldQuestion("hit", "How many?", True, (Gold("a.md", FIVE.text),), ("five",)),
    GoldQuestion("third", "Whom to ask?", True, (Gold("b.md", HR.text),), ("office",)),
    GoldQuestion("missed", "What else?", True, (Gold("c.md", "Nowhere."),), ("nowhere",)),
    GoldQuestion("none", "Why is the sky blue?", False, ()),
    GoldQuestion("fooled", "Who is the mayor?", False, ()),
)
SHELF = {
    "How many?": Asked(answer(FIVE, see_also=NOISE), 0.9),
    "Whom to ask?": Asked(answer(NOISE[0], see_also=[NOISE[1], HR]), 0.8),
    "What else?": Asked(answer(see_also=NOISE[:3]), 0.3),
    "Why is the sky blue?": Asked(answer(see_also=NOISE[:1]), 0.1),
    "Who is the mayor?": Asked(answer(NOISE[5]), 0.7),
}
WITHOUT = {
    "How many?": Asked(answer(NOISE[0]), 0.85),
    "Whom to ask?": Asked(answer(), 0.2),
    "What else?": Asked(answer(), 0.1),
}


def stack(*altered: str) -> ShelfStack:
    """Return a stack that knows the questions above."""
    rankings = {"bm25": [*NOISE[:4], FIVE], "dense": [HR, *NOISE[:3]]}
    return ShelfStack(SHELF, WITHOUT, rankings, frozenset(altered))


async def test_the_report_has_the_published_names_and_values() -> None:
    """The shape of `evaluate --json`: shares from 0 to 1 and their intervals."""
    asked = stack(NOISE[5].text)
    report = (await evaluate(asked, QUESTIONS)).as_json()
    intervals = report.pop("ci95")
    assert report == {
        "hit@1": 0.3333,
        "hit@5": 0.6667,
        "hit@10": 0.6667,
        "mrr@10": 0.4444,
        "answer_contains": 0.3333,
        "refused_unanswerable": 0.5,
        "answered_answerable": 0.6667,
        # Two of 13 + 3 + 3 + 1 + 1 quotes are of the altered passage.
        "quotes_verbatim": round(19 / 21, 4),
        "gold_removed": None,
        "bm25": {"hit@1": 0.0, "hit@5": 0.3333, "hit@10": 0.3333, "mrr@10": 0.0667},
        "dense": {"hit@1": 0.3333, "hit@5": 0.3333, "hit@10": 0.3333, "mrr@10": 0.3333},
        "questions": {"answerable": 3, "unanswerable": 2},
    }
    assert isinstance(intervals, dict)
    assert set(intervals) == {
        *("hit@1", "hit@5", "hit@10", "answer_contains"),
        *("refused_unanswerable", "answered_answerable", "quotes_verbatim"),
    }
    assert intervals["hit@1"] == [0.0615, 0.7923]
    for name, (low, high) in intervals.items():
        assert 0 <= low <= report[name] <= high <= 1
    assert asked.removed == []


async def test_the_report_is_json() -> None:
    """Strict JSON: no NaN, whether gold was removed or not, whether anything was asked or not."""
    for questions, removed in ((QUESTIONS, True), (QUESTIONS, False), ((), True)):
        report = (await evaluate(stack(), questions, gold_removed=removed)).as_json()
        assert json.loads(json.dumps(report, allow_nan=False)) == report


async def test_gold_is_removed_from_answerable_questions_only() -> None:
    """Each of them is asked again without its documents; both outcomes make the curve."""
    asked = stack()
    report = (await evaluate(asked, QUESTIONS, gold_removed=True)).as_json()
    assert asked.removed == [
        ("How many?", ("a.md",)),
        ("Whom to ask?", ("b.md",)),
        ("What else?", ("c.md",)),
    ]
    # Of the nine pairs (.9 .8 .3 with, .85 .2 .1 without) only (.8, .85) and (.3, .85) are lost.
    assert report["gold_removed"] == round(7 / 9, 4)
    assert report["gold_removed_refused"] == 0.6667
    points = report["gold_removed_curve"]
    assert isinstance(points, list)
    curve = {point.pop("threshold"): point for point in points}
    assert set(curve) == {0.1, 0.2, 0.3, 0.8, 0.85, 0.9}
    assert curve[0.1] == {"answered_with_gold": 1.0, "refused_without_gold": 0.0}
    assert curve[0.3] == {"answered_with_gold": 1.0, "refused_without_gold": 0.6667}
    assert curve[0.9] == {"answered_with_gold": 0.3333, "refused_without_gold": 1.0}


async def test_a_long_curve_is_thinned() -> None:
    """A hundred confidences do not make a hundred lines."""
    questions = [GoldQuestion(str(n), str(n), True, (Gold("a.md", "x"),)) for n in range(100)]
    shelf = {str(n): Asked(answer(), n / 100) for n in range(100)}
    asked = ShelfStack(shelf, shelf, {"bm25": [], "dense": []})
    report = (await evaluate(asked, questions, gold_removed=True)).as_json()
    curve = report["gold_removed_curve"]
    assert isinstance(curve, list)
    assert 10 <= len(curve) <= 40
    assert report["gold_removed"] == 0.5


async def test_questions_missed_are_named_and_progress_is_told() -> None:
    """Whoever looks into a report finds the questions to look at; each one advances the bar."""
    steps: list[int] = []
    report = await evaluate(stack(), QUESTIONS, advance=lambda: steps.append(1))
    assert report.misses == ("missed",)
    assert len(steps) == len(QUESTIONS)


async def test_a_set_without_answerable_questions_says_so() -> None:
    """What was not asked has no share; what was refused has."""
    report = (await evaluate(stack(), QUESTIONS[3:])).as_json()
    assert report["answered_answerable"] is None
    assert report["answer_contains"] is None
    assert report["refused_unanswerable"] == 0.5


@pytest.mark.parametrize(
    ("ranks", "hits", "mrr"),
    [
        ((1, 5, 10), {1: 1 / 3, 5: 2 / 3, 10: 1.0}, (1 + 0.2 + 0.1) / 3),
        ((11, None, 2), {1: 0.0, 5: 1 / 3, 10: 1 / 3}, 0.5 / 3),
        ((), {1: 0.0, 5: 0.0, 10: 0.0}, 0.0),
    ],
)
def test_ranks_become_hits_and_reciprocals(
    ranks: tuple[int | None, ...], hits: dict[int, float], mrr: float
) -> None:
    """Rank k counts for hit@k, rank 11 for nothing."""
    measures = RankMeasures(ranks)
    assert {k: measures.hit(k) for k in hits} == pytest.approx(hits)
    assert measures.mrr == pytest.approx(mrr)


def test_an_empty_report_has_no_shares() -> None:
    """Nothing asked is None and the widest interval, not zero."""
    nothing = RankMeasures(())
    report = Report(nothing, nothing, nothing, (), (), (), (), ()).as_json()
    assert report["quotes_verbatim"] is None
    intervals = report["ci95"]
    assert isinstance(intervals, dict)
    assert intervals["answer_contains"] == [0.0, 1.0]
