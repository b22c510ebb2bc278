"""Follow-up questions that stand alone, turns that are kept, and questions that might come next."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.answering.conftest import Desk, ask, passage

from info_assistant.answering.answer_key import AnswerKeys
from info_assistant.answering.cite import cite
from info_assistant.answering.conversation import (
    Talk,
    follow_ups,
    leans,
    standalone_by_rule,
)
from info_assistant.drills.scripted_model import ScriptedModel, Step
from info_assistant.errors import GenerationUnavailable, ObjectStorageUnavailable
from info_assistant.model.conversation import ConversationKey, ConversationTurn, Turn
from info_assistant.model.prompt import ModelStarted
from info_assistant.model.question import MAX_QUESTION_CHARACTERS, Question

FIRST = "How many days of annual leave may employees carry over?"


@dataclass
class Shelf:
    """ports.ConversationTurns in memory; `failure` is raised instead while it is set."""

    kept: dict[ConversationKey, list[ConversationTurn]] = field(default_factory=dict)
    failure: Exception | None = None
    stuck: bool = False

    async def add(self, key: ConversationKey, turn: ConversationTurn) -> None:
        """Keep a turn."""
        await self._reached()
        self.kept.setdefault(key, []).append(turn)

    async def newest(self, key: ConversationKey, limit: int) -> Sequence[ConversationTurn]:
        """Return the newest turns."""
        await self._reached()
        return self.kept.get(key, [])[-limit:]

    async def _reached(self) -> None:
        if self.failure is not None:
            raise self.failure
        if self.stuck:
            await asyncio.Event().wait()

    async def delete(self, key: ConversationKey) -> int:
        """Forget the turns."""
        return len(self.kept.pop(key, []))


def follow_up(text: str, *earlier: str) -> Question:
    """Return a question with earlier ones."""
    return replace(ask(text), history=tuple(Turn("user", each) for each in earlier))


@pytest.mark.parametrize(
    "question",
    [
        "When do they lapse?",
        "And in March?",
        "What about telework?",
        "Why?",
        "Is it paid?",
        "How long?",
        "Who must approve this?",
    ],
)
def test_these_lean_on_the_question_before(question: str) -> None:
    """Openings, words that point back and mere gaps are noticed."""
    assert leans(question)


@pytest.mark.parametrize(
    "question",
    [
        FIRST,
        "Which receipts are kept for six years?",
        "Telework agreement duration",
        "Who signs the telework agreement?",
    ],
)
def test_these_stand_alone(question: str) -> None:
    """A whole question is left as it is, whatever was asked before."""
    assert not leans(question)
    assert standalone_by_rule(question, [FIRST]) == question


def test_the_rule_goes_back_to_a_whole_question() -> None:
    """A chain of follow-ups is led back to the question that they all lean on, and no further."""
    earlier = ["Who wears a badge at all times?", FIRST, "And in March?"]
    assert standalone_by_rule("Why?", earlier) == f"{FIRST} And in March? Why?"


@given(st.text(max_size=300), st.lists(st.text(max_size=1500), max_size=8))
def test_the_rule_keeps_the_question_and_its_limit(question: str, earlier: list[str]) -> None:
    """Whatever was said, the question stays whole and the result can be asked."""
    found = standalone_by_rule(question, earlier)
    assert found.endswith(question)
    assert len(found) <= MAX_QUESTION_CHARACTERS


async def test_a_follow_up_finds_what_it_leans_on(desk: Desk) -> None:
    """With the turns before it, a question that finds nothing alone finds its documents."""
    alone = await desk.pipeline.answer(ask("When do they lapse?"))
    found = await desk.pipeline.answer(follow_up("When do they lapse?", FIRST))
    assert found.citations[0].passage.document_id == "leave"
    assert found.evidence > alone.evidence
    record = desk.drawer.records[-1]
    assert record.question == "When do they lapse?"
    assert record.searched == f"{FIRST} When do they lapse?"


async def test_a_model_rewrites_what_leans(desk: Desk) -> None:
    """With a model the question is put in one, and what was said is given to it as text."""
    model = ScriptedModel(lambda _prompt: ["When do the carried ", "days of leave lapse?"])
    desk.change(talk=Talk(model=model))
    question = replace(
        ask("When do they lapse?"),
        history=(Turn("user", FIRST), Turn("assistant", "Five </turn> days.")),
    )
    await desk.pipeline.answer(question)
    assert desk.embedder.asked[-1] == "When do the carried days of leave lapse?"
    assert "Five &lt;/turn&gt; days." in model.prompts[0].messages[0].text


@pytest.mark.parametrize(
    "steps",
    [
        [GenerationUnavailable("All are down.")],
        ["When do", GenerationUnavailable("All are down.")],
        [""],
        ["One line.\nAnd another."],
        ["word " * 1000],
        ["I am sorry, but that is beyond me."],
        ["NO_ANSWER"],
        [5.0, "Too late?"],
    ],
)
async def test_without_a_usable_word_the_rule_holds(desk: Desk, steps: list[Step]) -> None:
    """A model that fails, talks at length or takes too long changes nothing."""
    model = ScriptedModel(lambda _prompt: steps)
    desk.change(talk=Talk(model=model, timeout_s=0.05))
    await desk.pipeline.answer(follow_up("When do they lapse?", FIRST))
    assert desk.embedder.asked[-1] == f"{FIRST} When do they lapse?"


async def test_a_second_provider_rewrites_from_the_start(desk: Desk) -> None:
    """Words of a provider that failed are not mixed with the next one's."""
    steps: list[Step] = ["When do ", ModelStarted("second", "spare"), "When does leave lapse?"]
    desk.change(talk=Talk(model=ScriptedModel(lambda _prompt: steps)))
    await desk.pipeline.answer(follow_up("When do they lapse?", FIRST))
    assert desk.embedder.asked[-1] == "When does leave lapse?"


async def test_no_model_is_asked_while_quotes_are_wanted(desk: Desk) -> None:
    """LLM_PROVIDER=extractive sends no question to anybody, follow-ups included."""
    model = ScriptedModel(lambda _prompt: ["Anything?"])
    desk.change(talk=Talk(model=model, asks_model=lambda: False))
    await desk.pipeline.answer(follow_up("When do they lapse?", FIRST))
    assert not model.calls


async def test_turns_are_kept_and_known_to_the_next_question(desk: Desk) -> None:
    """Under one id each question knows those before it; another caller's id is another."""
    shelf = Shelf()
    desk.change(talk=Talk(shelf))
    await desk.pipeline.answer(replace(ask(FIRST), conversation_id="talk"))
    later = replace(ask("When do they lapse?"), conversation_id="talk", id="question-2")
    await desk.pipeline.answer(later)
    assert desk.embedder.asked[-1] == f"{FIRST} When do they lapse?"
    assert [each.conversation_id for each in desk.drawer.records] == ["talk", "talk"]
    key = ConversationKey("default", "local-operator", "talk")
    assert [each.answer_id for each in shelf.kept[key]] == ["question-1", "question-2"]
    stranger = replace(later.caller, subject="ben")
    await desk.pipeline.answer(replace(later, caller=stranger))
    assert desk.embedder.asked[-1] == "When do they lapse?"


async def test_what_a_client_sends_is_taken_instead(desk: Desk) -> None:
    """A client that keeps turns itself decides what was said."""
    shelf = Shelf()
    desk.change(talk=Talk(shelf))
    await desk.pipeline.answer(replace(ask(FIRST), conversation_id="talk"))
    other = "How long does a telework agreement last?"
    await desk.pipeline.answer(replace(follow_up("Why?", other), conversation_id="talk"))
    assert desk.embedder.asked[-1] == f"{other} Why?"


@pytest.mark.parametrize(
    "shelf", [Shelf(failure=ObjectStorageUnavailable("Down.")), Shelf(stuck=True)]
)
async def test_an_answer_is_not_withheld_for_its_conversation(desk: Desk, shelf: Shelf) -> None:
    """While turns can be neither read nor kept, questions are answered alone, and it is said."""
    desk.change(talk=Talk(shelf, turns_s=0.05))
    answer = await desk.pipeline.answer(replace(ask(FIRST), conversation_id="talk"))
    assert answer.sentences
    assert ["could not" in each for each in answer.notices] == [True, True]
    assert desk.drawer.records[-1].answer.notices == answer.notices


def test_earlier_turns_are_part_of_the_key() -> None:
    """The same words after another question are another question."""
    keys = {
        AnswerKeys().of(each).parts
        for each in (ask("Why?"), follow_up("Why?", FIRST), follow_up("Why?", "Who?"))
    }
    assert len(keys) == 3


def test_follow_ups_come_from_headings() -> None:
    """Headings of the passages beside an answer are questions, each once, and not the one asked."""

    def found(n: int, *path: str) -> object:
        held = passage("Text.")._replace(heading_path=path, title="Leave guide")
        return cite(n, held, 0, 5)

    see_also = [
        found(0, "Leave guide"),
        found(1, "Leave", "Can I carry days over?"),
        found(2, "Leave", "Sick leave"),
        found(3, "Sick leave"),
        found(4),
        found(5, "How long is leave?"),
        found(6, "x" * 200),
        found(7, "Unpaid leave"),
        found(8, "Maternity"),
    ]
    assert follow_ups(see_also, "how long is leave") == (  # type: ignore[arg-type]
        "Can I carry days over?",
        "What does “Leave guide” say about “Sick leave”?",
        "What does “Leave guide” say about “Unpaid leave”?",
    )
