"""Languages: what a text is written in, by its letters and its frequent words.

A small recogniser without a model: the script of the letters, and for Latin letters the words that
are frequent in one language and in few others. It says so when it is not sure.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping

_FEWEST = 4
"""Different frequent words of a language that a passage of it has at least."""

_CLEARLY = 1.5
"""By which factor these are more than those of any other language, at least."""

_TAG = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,4}")
_SAMPLE = 4000
_WORD = re.compile(r"[^\W\d_]+")
SCRIPTS = {
    "CYRILLIC": "a language in Cyrillic letters",
    "GREEK": "Greek",
    "ARABIC": "a language in Arabic letters",
    "HEBREW": "Hebrew",
    "CJK": "Chinese or Japanese",
    "HIRAGANA": "Japanese",
    "KATAKANA": "Japanese",
    "HANGUL": "Korean",
    "DEVANAGARI": "a language in Devanagari letters",
    "THAI": "Thai",
}
"""Names of what is written in each script."""

_CODES = {
    "English": "en",
    "German": "de",
    "French": "fr",
    "Spanish": "es",
    "Italian": "it",
    "Portuguese": "pt",
    "Dutch": "nl",
    "Polish": "pl",
    "Swedish": "sv",
}
_CODES_OF_SCRIPTS = {
    "GREEK": "el",
    "HEBREW": "he",
    "HIRAGANA": "ja",
    "KATAKANA": "ja",
    "HANGUL": "ko",
    "THAI": "th",
}
"""Of scripts in which one language is written; others are shared by several."""

_FREQUENT = {
    "English": "the is are of to in and what how which when where who do does can may must for my "
    "i we you it a an on with from at be this that there not",
    "German": "der die das und ist sind ich wir sie wie was wann wo wer welche welcher kann muss "
    "nicht ein eine einen für mit von auf bei zu im zum zur werden wird darf mein meine",
    "French": "le la les des du est sont je nous vous il elle comment quand où quel quelle quels "
    "qui que puis peut dois pas un une pour avec dans sur mon ma mes combien faire",
    "Spanish": "el la los las es son yo nosotros cómo como cuándo cuando dónde qué que quién puedo "
    "puede debo un una para con en por mi mis del cuánto cuántos hacer no",
    "Italian": "il lo la gli le è sono io noi come quando dove che chi posso può devo non un una "
    "per con nel della di mio mia quanto quanti fare quale",
    "Portuguese": "o os as é são eu nós como quando onde que quem posso pode devo não um uma para "
    "com em no na do da meu minha quanto quantos fazer qual",
    "Dutch": "de het een is zijn ik wij hoe wat wanneer waar wie kan mag moet niet voor met van op "
    "bij mijn hoeveel welke worden",
    "Polish": "jest są ja my jak kiedy gdzie kto czy mogę może muszę nie dla z w na do moje mój "
    "ile jaki jakie się",
    "Swedish": "är och jag vi hur när var vem vad kan får måste inte en ett för med av på till min "
    "hur vilken vilka",
}
_LANGUAGES_OF: dict[str, list[str]] = {}
for _language, _words in _FREQUENT.items():
    for _word in set(_words.split()):
        _LANGUAGES_OF.setdefault(_word, []).append(_language)


def tag_of(stated: str | None) -> str | None:
    """Return a stated language as a tag of BCP 47, or None where it is none."""
    wanted = (stated or "").strip().replace("_", "-")
    return wanted if _TAG.fullmatch(wanted) and wanted.lower() not in {"und", "zxx"} else None


def language_of(text: str) -> str | None:
    """Return the language of a passage as its code, None where that is not sure."""
    script = script_of(text)
    if script is not None:
        return _CODES_OF_SCRIPTS.get(script)
    best, most, next_most = leading(frequent_words(text[:_SAMPLE]))
    return _CODES[best] if most >= _FEWEST and most >= _CLEARLY * next_most else None


def script_of(text: str) -> str | None:
    """Return in which script that is not Latin most of a text is written, None for none."""
    if text.isascii():
        return None
    letters = [each for each in text if each.isalpha()]
    scripts = Counter(unicodedata.name(each, "").partition(" ")[0] for each in letters)
    foreign = {script: count for script, count in scripts.items() if script in SCRIPTS}
    if not foreign or sum(foreign.values()) * 2 <= len(letters):
        return None
    # Japanese mixes its own letters with Chinese ones, and its own tell.
    for script in ("HIRAGANA", "KATAKANA"):
        if script in foreign:
            return script
    return max(foreign, key=foreign.__getitem__)


def leading(marks: Mapping[str, int]) -> tuple[str, int, int]:
    """Return the language with the most marks, "" without any; how many, and the next one's."""
    (best, most), (_, next_most) = [*Counter(marks).most_common(2), ("", 0), ("", 0)][:2]
    return best, most, next_most


def frequent_words(text: str) -> dict[str, int]:
    """Return how many different frequent words of each language a text has, by its name."""
    marks: dict[str, int] = {}
    for word in _LANGUAGES_OF.keys() & _WORD.findall(text.casefold()):
        for language in _LANGUAGES_OF[word]:
            marks[language] = marks.get(language, 0) + 1
    return marks
