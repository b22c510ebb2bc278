"""Tells which of the Latin 8-bit encodings a text is in, by the alphabets of languages.

Statistics on bytes go astray where only one letter in twenty is beyond ASCII. But a wrong encoding
soon shows a letter that the language does not have, or a sign in the middle of a word.
"""

import unicodedata

_ENCODINGS = {
    "cp1252": [
        "äöüß",
        "àâæçéèêëîïôœùûüÿ",
        "áéíñóúü",
        "àáâãçéêíóôõú",
        "àèéìíîòóùú",
        "åäöæøé",
        "äöõüšž",
        "áéëïíóöúü",
        "áðéíóúýþæö",
        "àçèéíïòóúü·",
    ],
    "cp1250": ["ąćęłńóśźż", "áčďéěíňóřšťúůýž", "áäčďéíĺľňóôŕšťúýž", "áéíóöőúüű", "ăâîşţ", "čćđšž"],
}
_ENCODINGS["iso8859-2"] = _ENCODINGS["cp1250"]
_NEEDED = 0.95
_MIDDLE_OF_WORD = 2


def latin_encoding(data: bytes) -> str | None:
    """Return the encoding in which nearly all that is beyond ASCII suits one language, if any."""
    best, found = _NEEDED, None
    for encoding, alphabets in _ENCODINGS.items():
        text = data.decode(encoding, errors="replace")
        for alphabet in alphabets:
            share = _suiting(text, frozenset(alphabet + alphabet.upper()))
            if share > best:
                best, found = share, encoding
    return found


def _suiting(text: str, alphabet: frozenset[str]) -> float:
    """Return the share of what suits among the letters beyond ASCII and the misplaced signs."""
    suiting = strange = 0
    for at, character in enumerate(text):
        if character.isascii():
            continue
        if character in alphabet:
            suiting += 1
        elif character.isalpha() or unicodedata.category(character) in {"Cc", "Cn", "So"}:
            strange += 1
        elif not unicodedata.category(character).startswith("P"):
            strange += _MIDDLE_OF_WORD * text[at - 1 : at + 2].replace(character, "").isalpha()
    return suiting / (suiting + strange) if suiting + strange else 0.0
