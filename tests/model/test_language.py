"""What a passage is written in: said where its words tell, and not guessed."""

# ruff: noqa: RUF001 - letters of other scripts are what this is about.

import pytest

from info_assistant.model.language import language_of, tag_of

FRENCH = (
    "Les demandes d’accès sont traitées dans un délai de trente jours. Si la demande est complexe, "
    "vous pouvez être informé que le délai est prolongé par le responsable."
)
ENGLISH = (
    "Requests for access are answered within thirty days. If a request is complex, you may be told "
    "that it will take longer, and why that is so."
)
TEXTS = {
    "en": ENGLISH,
    "fr": FRENCH,
    "de": "Der Antrag ist schriftlich zu stellen. Wer ihn nicht fristgerecht einreicht, wird auf "
    "die Folgen hingewiesen, und das Verfahren kann eingestellt werden.",
    "es": "Las solicitudes se presentan por escrito y el plazo para responder es de un mes, como "
    "dispone la ley, con una copia para el interesado.",
    "nl": "De aanvraag moet worden ingediend bij het kantoor, en wie dat niet op tijd doet, kan "
    "een boete krijgen van de dienst.",
    "el": "Οι αιτήσεις υποβάλλονται γραπτώς στην υπηρεσία.",
    "ja": "申請は書面で提出してください。",
}


@pytest.mark.parametrize(("code", "text"), TEXTS.items())
def test_a_passage_tells_its_language(code: str, text: str) -> None:
    """Frequent words tell languages in Latin letters apart, the script tells others."""
    assert language_of(text) == code


@pytest.mark.parametrize(
    "text",
    [
        "",
        "12 | 34 | 56",
        "Budget 2026",
        "lorem ipsum dolor sit amet consectetur",
        "Заявления подаются письменно.",
        f"{FRENCH} {ENGLISH}",
    ],
)
def test_what_is_not_sure_is_not_said(text: str) -> None:
    """Too few words, a script of several languages, two languages at once: nothing is claimed."""
    assert language_of(text) is None


@pytest.mark.parametrize(
    ("stated", "tag"),
    [
        ("fr", "fr"),
        (" fr-CA ", "fr-CA"),
        ("en_GB", "en-GB"),
        ("", None),
        (None, None),
        ("und", None),
        ("français", None),
        ('fr" onclick="x', None),
    ],
)
def test_only_a_tag_is_taken_for_one(stated: str | None, tag: str | None) -> None:
    """What a file states is a tag of BCP 47, or nothing."""
    assert tag_of(stated) == tag
