"""Admit: make sure that the question can be asked. The gateway has seen to it that it may be."""

import unicodedata

from info_assistant.answering.language import other_language
from info_assistant.answering.personal_data import personal_data_in
from info_assistant.errors import InvalidRequest, PersonalDataFound
from info_assistant.model.question import MAX_QUESTION_CHARACTERS

_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn"}


def readable_question(text: str) -> str:
    """Return the question without invisible characters and with single spaces.

    Raises:
        InvalidRequest: nothing is left to ask, or it is too long.
    """
    visible = text if text.isprintable() else "".join(filter(_visible, text))
    question = unicodedata.normalize("NFC", " ".join(visible.split()))
    if not any(character.isalnum() for character in question):
        raise InvalidRequest("The question is empty. Please write what you would like to know.")
    if len(question) > MAX_QUESTION_CHARACTERS:
        raise InvalidRequest(
            f"The question has {len(question)} characters; the limit is "
            f"{MAX_QUESTION_CHARACTERS}. Please shorten it, or ask several questions."
        )
    return question


def require_no_personal_data(text: str) -> None:
    """Return if no personal data is found in a question. Raises PersonalDataFound."""
    found = personal_data_in(text)
    if found:
        raise PersonalDataFound(
            f"The question seems to hold {' and '.join(found)}. Nothing was searched or kept. "
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


def _visible(character: str) -> bool:
    return character.isspace() or unicodedata.category(character) not in _INVISIBLE
