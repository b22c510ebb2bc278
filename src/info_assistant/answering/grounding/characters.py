"""Characters that look like others, or like nothing at all.

A sentence may use what people write English with: ASCII, the usual typographic marks, and whatever
its passages use. Anything else in it, letters of another script, styled digits, invisible
characters, changes what readers find or copy without their seeing it (Unicode Technical Report 36).
"""

# ruff: noqa: RUF001 - the marks that this module is about.

import re
import unicodedata
from collections.abc import Iterable

_TYPOGRAPHIC = frozenset("“”‘’„‚«»‹›–—‑‐−…•·§¶©®™°€£¥×½¼¾⅓⅔²³№ \u00a0\u202f\u2009\u2011é\n\t\r")
_FOLDED = str.maketrans(
    {
        "’": "'",
        "‘": "'",
        "“": '"',
        "”": '"',
        "„": '"',
        # The accent that English words keep or lose at will: "résumé".
        "‐": "-",
        "‑": "-",
        "–": "-",
        "—": " - ",
        "é": "e",
    }
)
_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn"}
_ALIKE = str.maketrans("0135", "olls")
_PAIRS = re.compile("rn|vv")
_LOOKS_LIKE = {"rn": "m", "vv": "w"}
# The letters of other scripts that most fonts draw like Latin ones (Unicode confusables.txt).
_OTHER_SCRIPTS = str.maketrans(
    "аеорсухіјѕһԁԛԝвнкмтгɡɑıοανρτυικεωℓ", "aeopcyxijshdqwbhkmtrgaioavptuikewl"
)
_SHORTEST = 5
"""Words shorter than this differ in one letter too often by accident: "fail" and "fall"."""


def folded(text: str) -> str:
    """Return text as it is compared: compatibility forms and quotation marks made plain."""
    if text.isascii():
        return text
    plain = unicodedata.normalize("NFKC", text.translate(_FOLDED))
    return "".join(c for c in plain if c in "\n\t" or unicodedata.category(c) not in _INVISIBLE)


def strange_characters(sentence: str, passages: str) -> bool:
    """Whether a sentence has characters that neither English nor its passages are written with."""
    if sentence.isascii():
        return any(unicodedata.category(c) == "Cc" and c not in "\n\t\r" for c in sentence)
    return any(
        not c.isascii()
        and c not in _TYPOGRAPHIC
        and not unicodedata.category(c).startswith("S")
        and c not in passages
        for c in sentence
    )


def mixed_scripts(words: Iterable[str], known: frozenset[str]) -> bool:
    """Whether a word that the passages do not have mixes Latin letters with others."""
    return any(
        not word.isascii()
        and word not in known
        and any(c.isascii() and c.isalpha() for c in word)
        and any(c.isalpha() and not unicodedata.name(c, "").startswith("LATIN") for c in word)
        for word in words
    )


def look_alikes(words: Iterable[str], known: frozenset[str]) -> bool:
    """Whether a word differs from one of the passages' only in characters that look alike."""
    unknown = [word for word in words if word not in known]
    if not unknown:
        return False
    skeletons = {_skeleton(word) for word in known if len(word) >= _SHORTEST}
    return any(
        _skeleton(word) in skeletons
        for word in unknown
        if len(word) >= _SHORTEST - 1 and not word.isdigit()
    )


def _skeleton(word: str) -> str:
    if not word.isascii():
        word = unicodedata.normalize("NFD", word.translate(_OTHER_SCRIPTS))
        word = "".join(c for c in word if not unicodedata.combining(c))
    word = word.translate(_ALIKE).replace("i", "l")
    return _PAIRS.sub(lambda pair: _LOOKS_LIKE[pair[0]], word)
