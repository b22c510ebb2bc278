"""A language of strange letters: plain ones give away what no catalogue has."""

import re
from gettext import NullTranslations

from babel import Locale

from info_assistant.web.languages import Language

_KEPT = re.compile(r"(%\(\w+\)s|%%|<[^>]*>)")
_STRANGE = str.maketrans(
    {chr(code): chr(0x1D5D4 + code - 65) for code in range(65, 91)}
    | {chr(code): chr(0x1D5EE + code - 97) for code in range(97, 123)}
)


class PseudoTranslations(NullTranslations):
    """Translates every text; places for values and markup stay."""

    def gettext(self, message: str) -> str:
        """Return the text in strange letters."""
        parts = _KEPT.split(message)
        return "".join(
            part if place % 2 else part.translate(_STRANGE) for place, part in enumerate(parts)
        )

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        """Return the text for this number in strange letters."""
        return self.gettext(msgid1 if n == 1 else msgid2)


# Dates come from Babel, and so in Greek letters.
PSEUDO = Language("en-XA", Locale("el"), PseudoTranslations())
"""The language."""
