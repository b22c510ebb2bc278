"""Language: whether a question is in another language than the search knows best.

A small recogniser without a model: the script of the letters, and for Latin letters the words that
are frequent in one language and in no other. It speaks up only when it is sure; a question of few
words may pass for English.
"""

import re
import unicodedata
from collections import Counter
from functools import lru_cache

FEWEST_MARKS = 2
"""Frequent words of a language that must be there, and more than of English."""

_WORD = re.compile(r"[^\W\d_]+")
_SCRIPTS = {
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
_ENGLISH = "English"
_LANGUAGES_OF: dict[str, list[str]] = {}
for _language, _words in _FREQUENT.items():
    for _word in set(_words.split()):
        _LANGUAGES_OF.setdefault(_word, []).append(_language)


@lru_cache(maxsize=1024)
def other_language(question: str) -> str | None:
    """Return the name of a question's language if it is surely not English, else None."""
    return _by_script(question) or _by_words(question)


def _by_script(question: str) -> str | None:
    if question.isascii():
        return None
    letters = [each for each in question if each.isalpha()]
    scripts = Counter(unicodedata.name(each, "").partition(" ")[0] for each in letters)
    if not scripts:
        return None
    foreign = {script: count for script, count in scripts.items() if script in _SCRIPTS}
    if sum(foreign.values()) * 2 <= len(letters):
        return None
    # Japanese mixes its own letters with Chinese ones, and its own tell.
    for script in ("HIRAGANA", "KATAKANA"):
        if script in foreign:
            return _SCRIPTS[script]
    return _SCRIPTS[max(foreign, key=foreign.__getitem__)]


def _by_words(question: str) -> str | None:
    marks: Counter[str] = Counter()
    for word in set(_WORD.findall(question.casefold())):
        for language in _LANGUAGES_OF.get(word, ()):
            marks[language] += 1
    english = marks.pop(_ENGLISH, 0)
    (best, most), (_, next_most) = [*marks.most_common(2), ("", 0), ("", 0)][:2]
    if most < FEWEST_MARKS or most <= english:
        return None
    return best if most > next_most else "another language than English"
