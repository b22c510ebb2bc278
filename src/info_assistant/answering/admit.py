"""Admit: make sure that the question can be asked. The gateway has seen to it that it may be."""

import unicodedata
from collections.abc import Sequence

from info_assistant.answering.language import other_language
from info_assistant.answering.personal_data import personal_data_in
from info_assistant.errors import InvalidRequest, PersonalDataFound
from info_assistant.model.conversation import Turn
from info_assistant.model.question import MAX_QUESTION_CHARACTERS, Question

_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn"}


def readable_question(text: str) -> str:
    """Return the question without invisible characters and with single spaces.

    Raises:
        InvalidRequest: nothing is left to ask, or it is too long.
    """
    question = _readable(text)
    if not any(map(str.isalnum, question)):
        raise InvalidRequest("The question is empty. Please write what you would like to know.")
    if len(question) > MAX_QUESTION_CHARACTERS:
        raise InvalidRequest(
            f"The question has {len(question)} characters; the limit is "
            f"{MAX_QUESTION_CHARACTERS}. Please shorten it, or ask several questions."
        )
    return question


def readable_turns(turns: Sequence[Turn]) -> tuple[Turn, ...]:
    """Return earlier turns as questions are read, without those in which nothing is left."""
    readable = (Turn(turn.role, _readable(turn.text)) for turn in turns)
    return tuple(turn for turn in readable if turn.text)


def require_no_personal_data(question: Question) -> None:
    """Return if a question, and what its asker said before, holds no personal data that we find.

    Raises PersonalDataFound.
    """
    asked = [turn.text for turn in question.history if turn.role == "user"]
    found = personal_data_in("\n".join([*asked, question.text]))
    if found:
        raise PersonalDataFound(
            f"What you asked seems to hold {' and '.join(found)}. Nothing was searched or kept. "
            "Please ask again without personal data."
        )


def language_notice(text: str) -> str | None:
    """Return what to tell people who ask in another language than the search knows best."""
    language = other_language(text)
    if language is None:
        return None
    return (
        f"Your question seems to be in {language}. The search works best in English, so fitting "
        "passages may not have been found."
    )


def _readable(text: str) -> str:
    visible = text if text.isprintable() else "".join(filter(_visible, text))
    return unicodedata.normalize("NFC", " ".join(visible.split()))


def _visible(character: str) -> bool:
    return character.isspace() or unicodedata.category(character) not in _INVISIBLE
