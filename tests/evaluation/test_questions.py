"""Question sets are read, and what is wrong with one is said by its line."""

import json
from pathlib import Path

import pytest

from info_assistant.errors import InvalidRequest
from info_assistant.evaluation.questions import (
    Gold,
    GoldQuestion,
    load_questions,
    load_xquad,
)

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared" / "evaluation"


def _file(folder: Path, *lines: object) -> Path:
    path = folder / "questions.jsonl"
    said = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path.write_text("\n".join(said) + "\n", encoding="utf-8")
    return path


def test_a_question_is_read_with_all_that_is_known_of_it(tmp_path: Path) -> None:
    """Names of the file's fields become ours; fields that we do not know are passed over."""
    line = {
        "id": "q7",
        "question": "How long?",
        "answerable": True,
        "gold": [{"document": "a.pdf", "page": 3, "quote": "Six years."}],
        "answer_must_contain": ["six"],
        "answer_must_not_contain": ["seven"],
        "kind": "whatever",
    }
    assert load_questions(_file(tmp_path, line)) == (
        GoldQuestion(
            "q7", "How long?", True, (Gold("a.pdf", "Six years.", 3),), ("six",), ("seven",)
        ),
    )


def test_a_question_without_a_name_is_called_by_its_line(tmp_path: Path) -> None:
    """Empty lines are no questions, but count as lines."""
    path = _file(tmp_path, {"question": "One?"}, "", {"question": "Two?", "answerable": False})
    one, two = load_questions(path)
    assert (one.id, one.answerable, one.gold) == ("1", True, ())
    assert (two.id, two.answerable) == ("3", False)


@pytest.mark.parametrize(
    "wrong",
    [
        "{",
        "[]",
        '"question"',
        '{"answerable": true}',
        '{"question": 7}',
        '{"question": "x", "gold": [{"document": "a"}]}',
        '{"question": "x", "answerable": "perhaps"}',
    ],
)
def test_a_line_that_is_no_question_is_named(tmp_path: Path, wrong: str) -> None:
    """The message has the file, the line and what a line needs."""
    path = _file(tmp_path, {"question": "Fine?"}, "", wrong)
    with pytest.raises(InvalidRequest, match=r"questions\.jsonl, line 3 is not a question: .*gold"):
        load_questions(path)


@pytest.mark.parametrize("mark", ["\u2028", "\x85"])
def test_only_a_line_feed_ends_a_line(tmp_path: Path, mark: str) -> None:
    """Other line breaks of Unicode may stand in a JSON string as they are."""
    line = json.dumps({"question": f"One{mark}line?"}, ensure_ascii=False)
    assert load_questions(_file(tmp_path, line))[0].question == f"One{mark}line?"


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    """A file in another encoding is the caller's to mend, so it is told."""
    path = tmp_path / "questions.jsonl"
    path.write_bytes('{"question": "Wie lange für?"}'.encode("latin-1"))
    with pytest.raises(InvalidRequest):
        load_questions(path)


def _xquad(*paragraphs: dict[str, object]) -> str:
    return json.dumps({"data": [{"paragraphs": list(paragraphs)}], "version": "1.1"})


def _asked(context: str, answer: str) -> dict[str, object]:
    found = {"answer_start": context.index(answer), "text": answer}
    return {
        "context": context,
        "qas": [{"id": "x1", "question": "Which?", "answers": [found]}],
    }


def test_xquad_paragraphs_become_documents_with_their_questions(tmp_path: Path) -> None:
    """Gold is the answer in its paragraph; an answer must contain it."""
    path = tmp_path / "xquad.json"
    context = "a" * 50 + " the answer " + "b" * 50
    path.write_text(_xquad(_asked("Short answer.", "answer"), _asked(context, "the answer")))
    loaded = load_xquad(path)
    assert loaded.documents == {"xquad/00-00.txt": "Short answer.", "xquad/00-01.txt": context}
    short, long = loaded.questions
    assert short.gold == (Gold("xquad/00-00.txt", "answer"),)
    assert long.gold == (Gold("xquad/00-01.txt", "the answer"),)
    assert (long.id, long.must_contain, long.answerable) == ("x1", ("the answer",), True)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"data": [{"paragraphs": [{}]}]}'])
def test_a_file_that_is_not_xquad_is_refused(tmp_path: Path, text: str) -> None:
    """The message names the file."""
    path = tmp_path / "other.json"
    path.write_text(text)
    with pytest.raises(InvalidRequest, match=r"other\.json"):
        load_xquad(path)


def test_an_xquad_question_without_answers_is_refused(tmp_path: Path) -> None:
    """As in SQuAD 2, whose shape is nearly the same."""
    path = tmp_path / "squad2.json"
    path.write_text(_xquad({"context": "c", "qas": [{"id": "1", "question": "?", "answers": []}]}))
    with pytest.raises(InvalidRequest):
        load_xquad(path)


@pytest.mark.parametrize("path", sorted((ROOT / "samples").glob("*.jsonl")), ids=lambda p: p.stem)
def test_our_own_questions_load(path: Path) -> None:
    """The sample questions are in the shape that we read; answerable ones have gold."""
    questions = load_questions(path)
    assert len(questions) > 10
    assert all(question.gold for question in questions if question.answerable)
    assert not any(question.gold for question in questions if not question.answerable)
    assert len({question.id for question in questions}) == len(questions)


@pytest.mark.library
def test_the_shared_sets_load() -> None:
    """The questions and the XQuAD part that measure us are read whole."""
    if not SHARED.exists():
        pytest.skip("../shared is absent")
    questions = load_questions(SHARED / "questions.jsonl")
    assert (len(questions), sum(question.answerable for question in questions)) == (60, 50)
    (path,) = (SHARED / "xquad").glob("*.json")
    xquad = load_xquad(path)
    assert all(
        question.gold[0].quote in xquad.documents[question.gold[0].document]
        and question.must_contain[0] in question.gold[0].quote
        for question in xquad.questions
    )
    assert len(xquad.questions) > 100
