"""The languages of the pages: one catalogue each, with its plural forms, dates and numbers.

The texts in the code and in the templates are English, and the names under which the catalogues
`locale/{language}.po` have them (GNU gettext). The catalogues are read as they are when the process
starts; nothing has to be compiled. `make words` brings them up to date with the code.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from gettext import NullTranslations
from io import BytesIO
from pathlib import Path

from babel import Locale, negotiate_locale
from babel.dates import format_date, format_datetime, format_time
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_currency, format_decimal
from babel.support import Translations

CATALOGUES = Path(__file__).parent / "locale"
"""The folder of the catalogues."""

_MINUTE_S, _HOUR_S = 60, 3600
_LONGEST_PREFERENCE = 200


def N_(text: str) -> str:  # noqa: N802  The name by which gettext's tools know what to collect.
    """Return `text`, which is translated where it is shown."""
    return text


@dataclass(frozen=True, slots=True)
class Phrase:
    """A text of the catalogues with the values that stand in it as `%(name)s`."""

    text: str
    values: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Language:
    """A language that pages are shown in, by the code that HTML knows (BCP 47)."""

    code: str
    locale: Locale
    translations: NullTranslations = field(repr=False)

    @property
    def name(self) -> str:
        """What the language calls itself."""
        return str(self.locale.get_language_name(self.locale.language) or self.code).capitalize()

    @property
    def direction(self) -> str:
        """How it is written: `ltr` or `rtl`."""
        return str(self.locale.text_direction)

    def say(self, what: "str | Phrase") -> str:
        """Return a text of the catalogue in this language."""
        if isinstance(what, Phrase):
            values = {name: self._shown(value) for name, value in what.values.items()}
            return self.translations.gettext(what.text) % values
        return self.translations.gettext(what) if what else ""

    def _shown(self, value: object) -> str:
        """Return a value as it stands in a text."""
        match value:
            case Phrase():
                return self.say(value)
            case datetime():
                return self.moment(value)
            case date():
                return self.day(value)
            case int() | float():
                return self.number(value)
        return str(value)

    def count(self, one: str, many: str, number: int) -> str:
        """Return the text for this number of things, which stands in it as `%(num)s`.

        The tools collect both texts from calls by this name, so they are written out there.
        """
        said = self.translations.ngettext(one, many, number)
        return said % {"num": self.number(number)}

    def number(self, value: float) -> str:
        """Return a number as people write it."""
        return str(format_decimal(value, locale=self.locale))

    def dollars(self, value: float) -> str:
        """Return an amount of US dollars as people write it."""
        return str(format_currency(value, "USD", locale=self.locale))

    def day(self, value: date) -> str:
        """Return a day for people, such as '1 January 2027'."""
        return str(format_date(value, "long", locale=self.locale))

    def moment(self, at: datetime) -> str:
        """Return a date and time for people in UTC, such as '23 November 2026, 13:22 UTC'."""
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
        clock = format_time(at, "HH:mm", locale=self.locale)
        return self.say(Phrase(N_("%(day)s, %(time)s UTC"), {"day": self.day(at), "time": clock}))

    def clock(self, at: datetime) -> str:
        """Return the time of a day in UTC, such as '23 Nov, 13:22'."""
        return str(format_datetime(at.astimezone(UTC), "d MMM, HH:mm", locale=self.locale))

    def wait(self, seconds: float) -> str:
        """Return a time to wait in words, such as 'in about 2 minutes'."""
        if seconds >= _HOUR_S:
            hours = round(seconds / _HOUR_S)
            return self.count("in about %(num)s hour", "in about %(num)s hours", hours)
        if seconds >= _MINUTE_S:
            minutes = round(seconds / _MINUTE_S)
            return self.count("in about %(num)s minute", "in about %(num)s minutes", minutes)
        number = max(round(seconds), 1)
        return self.count("in %(num)s second", "in %(num)s seconds", number)

    def knows(self, text: str) -> bool:
        """Whether `text` can be said in this language: it is English, or in the catalogue."""
        return self.locale.language == "en" or self.translations.gettext(text) != text


def _read(code: str) -> Language:
    """Return the language whose catalogue is `locale/{code}.po`."""
    with (CATALOGUES / f"{code}.po").open("rb") as source:
        catalogue = read_po(source, locale=code)
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return Language(code, Locale.parse(code), Translations(compiled))


# Days are written as in most of the world: the day before the month.
ENGLISH = Language("en", Locale("en", "GB"), NullTranslations())
"""The language of the code, and of whoever asks for none that we have."""

FRENCH = _read("fr")
LANGUAGES: Sequence[Language] = (ENGLISH, FRENCH)
"""The languages that are complete."""


class Languages:
    """The languages that an installation offers, and which of them a reader gets."""

    def __init__(self, offered: Sequence[Language] = LANGUAGES) -> None:
        """Offer these, the first of them to whoever asks for none."""
        self.offered = tuple(offered)
        self._by_code = {each.code: each for each in offered}

    def find(self, code: str) -> Language | None:
        """Return the language of this code, if it is offered."""
        return self._by_code.get(code)

    def choose(self, chosen: str, accepted: str) -> Language:
        """Return the language that was `chosen`, else the best by the header Accept-Language."""
        found = self._by_code.get(chosen)
        if found is not None:
            return found
        wanted = negotiate_locale(_preferences(accepted), list(self._by_code), sep="-")
        return self._by_code.get(wanted or "", self.offered[0])


def _preferences(header: str) -> list[str]:
    """Return the codes of a header Accept-Language, the most wanted first."""
    ranked: list[tuple[float, str]] = []
    for part in header[:_LONGEST_PREFERENCE].split(","):
        code, _, quality = part.strip().partition(";q=")
        try:
            weight = float(quality) if quality else 1.0
        except ValueError:
            continue
        if code and weight > 0:
            ranked.append((-weight, code))
    return [code for _, code in sorted(ranked, key=lambda each: each[0])]
