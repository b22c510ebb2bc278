"""`ask`: what a person and a program get to see of an answer."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.cli.conftest import Run, ScriptedBackend

CITATION = {
    "n": 1,
    "document_id": "d1",
    "title": "Leave policy",
    "source": "hr/leave.md",
    "version": 2,
    "page": 3,
    "heading_path": ["Leave", "Annual leave"],
    "quote": "You have twenty days of leave.",
    "start": 0,
    "end": 30,
}
ANSWER: dict[str, Any] = {
    "id": "a1",
    "status": "answered",
    "answer_mode": "extractive",
    "answer": "You have twenty days of leave.",
    "sentences": [
        {"text": "You have twenty days of leave.", "citations": [1], "support": "supported"}
    ],
    "citations": [CITATION],
    "see_also": [],
    "notices": ["The library is being rebuilt."],
    "degraded": [],
}


def test_a_person_sees_the_answer_and_where_it_stands(
    run_cli: "Callable[..., Run]", backend: "ScriptedBackend"
) -> None:
    """Sentence, number, quote, title, version, page, headings and notices are all there."""
    backend.answer_with(200, ANSWER)
    run = run_cli("ask", "How", "much", "leave?", BACKEND_URL=backend.url)
    assert run.code == 0, run.err
    assert "You have twenty days of leave. [1]" in run.out
    assert "[1] Leave policy, version 2, page 3, Leave > Annual leave (hr/leave.md)" in run.out
    assert "“You have twenty days of leave.”" in run.out
    assert "Note: The library is being rebuilt." in run.out


def test_what_sources_say_differently_stands_together(
    run_cli: "Callable[..., Run]", backend: "ScriptedBackend"
) -> None:
    """Each side is there with its value, document, version and words."""
    other = {"n": 2, "title": "Old guide", "version": 1, "quote": "You have ten days.", "page": 7}
    sides = [CITATION | {"value": "twenty days"}, other | {"value": "ten days"}]
    conflicts = [{"kind": "duration", "sides": sides}]
    backend.answer_with(200, ANSWER | {"conflicts": conflicts})
    run = run_cli("ask", "How much leave?", BACKEND_URL=backend.url)
    told = run.out[run.out.index("Sources differ") : run.out.index("Sources\n")]
    assert "(hr/leave.md): twenty days" in told
    assert "[2] Old guide, version 1, page 7: ten days" in told
    assert "“You have ten days.”" in told


def test_a_long_quote_is_whole_where_no_terminal_is(
    run_cli: "Callable[..., Run]", backend: "ScriptedBackend"
) -> None:
    """A pipe or a file gets every word of a quote, whatever its length and line breaks."""
    quote = "A sentence that is much longer than any line of a terminal. " * 5 + "\nIts end."
    backend.answer_with(200, ANSWER | {"citations": [CITATION | {"quote": quote}]})
    run = run_cli("ask", "How much leave?", BACKEND_URL=backend.url)
    assert "".join(quote.split()) in "".join(run.out.split())


def test_a_program_gets_the_reply_as_it_is(
    run_cli: "Callable[..., Run]", backend: "ScriptedBackend"
) -> None:
    """`--json` prints the backend's reply and nothing else on stdout."""
    backend.answer_with(200, ANSWER)
    run = run_cli("ask", "--json", "-", stdin="How much leave?\n", BACKEND_URL=backend.url)
    assert json.loads(run.out) == ANSWER


def test_no_answer_is_said_plainly_and_is_no_failure(
    run_cli: "Callable[..., Run]", backend: "ScriptedBackend"
) -> None:
    """Documents without an answer are a reply like any other."""
    backend.answer_with(200, {"status": "unanswerable_no_evidence", "answer": "", "sentences": []})
    run = run_cli("ask", "Who won?", BACKEND_URL=backend.url)
    assert run.code == 0
    assert "not in these documents" in run.out


def test_a_document_cannot_write_to_the_terminal(
    run_cli: "Callable[..., Run]", backend: "ScriptedBackend"
) -> None:
    """Escape sequences, reordering marks and markup in a document are shown as text or dropped."""
    hostile = "\x1b]0;owned\x07\x1b[2J\u202eevil [bold red]markup[/]"
    backend.answer_with(
        200, ANSWER | {"citations": [CITATION | {"quote": hostile, "title": hostile}]}
    )
    run = run_cli("ask", "Anything?", BACKEND_URL=backend.url)
    assert run.code == 0, run.err
    assert not set(run.out) & {"\x1b", "\x07", "\u202e"}
    assert "evil [bold red]markup[/]" in run.out


def test_an_outage_is_told_in_the_backends_words(
    run_cli: "Callable[..., Run]", backend: "ScriptedBackend"
) -> None:
    """An outage ends with exit code 2 and the problem's own detail, without a traceback."""
    backend.answer_with(500, {"title": "Unavailable", "detail": "The vector store is down."})
    run = run_cli("ask", "Anything?", BACKEND_URL=backend.url)
    assert (run.code, run.out) == (2, "")
    assert run.err.strip() == "The vector store is down."


def test_no_backend_at_all_says_how_to_start_one(run_cli: "Callable[..., Run]") -> None:
    """Nobody listening is exit code 2 and names the command and the setting."""
    run = run_cli("ask", "Anything?", BACKEND_URL="http://127.0.0.1:9")
    assert run.code == 2
    assert "info-assistant up" in run.err
    assert "BACKEND_URL" in run.err


def test_something_else_at_the_address_is_named(
    run_cli: "Callable[..., Run]", backend: "ScriptedBackend"
) -> None:
    """A server that is not the backend leads to BACKEND_URL, not to a traceback."""
    backend.answer_raw(b"<html>hello</html>")
    run = run_cli("ask", "Anything?", BACKEND_URL=backend.url)
    assert run.code == 1
    assert "is not the backend" in run.err
    assert "Traceback" not in run.err


def test_a_written_answer_says_so_and_marks_doubts(
    run_cli: "Callable[..., Run]", backend: "ScriptedBackend"
) -> None:
    """Who wrote it, what could not be settled and what could be asked next is told in words."""
    doubtful = {"text": "They lapse.", "citations": [1], "support": "unverified"}
    written = ANSWER | {
        "answer_mode": "generated",
        "served_by": {"provider": "openai", "model": "house-model"},
        "sentences": [*ANSWER["sentences"], doubtful],
        "follow_ups": ["What does “Leave policy” say about “Sick leave”?"],
    }
    backend.answer_with(200, written)
    run = run_cli("ask", "How much leave?", BACKEND_URL=backend.url)
    assert "They lapse. [1] (not verified)" in run.out
    assert "Written by a language model (openai house-model)" in run.out
    assert "could not be settled" in run.out
    assert "What does “Leave policy” say about “Sick leave”?" in run.out
    backend.answer_with(200, ANSWER)
    assert "Written by" not in run_cli("ask", "How much leave?", BACKEND_URL=backend.url).out


def test_an_outage_of_models_still_shows_what_was_found(
    run_cli: "Callable[..., Run]", backend: "ScriptedBackend"
) -> None:
    """The passages of a 503 are printed with their places; the exit code is that of an outage."""
    problem = {"title": "Unavailable", "detail": "No model answers.", "passages": [CITATION]}
    backend.answer_with(503, problem)
    run = run_cli("ask", "How much leave?", BACKEND_URL=backend.url)
    assert (run.code, run.err.strip()) == (2, "No model answers.")
    assert "[1] Leave policy, version 2, page 3" in run.out
    assert "“You have twenty days of leave.”" in run.out
