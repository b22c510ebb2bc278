"""What every format's text goes through: characters that carry no words are taken out.

Files carry zero-width spaces inside words, soft hyphens, ligatures and control characters. None of
them is visible, and each would keep a word from being found or a quote from being copied.
"""

import re
import unicodedata

_REMOVED = [
    *range(0x20),
    *range(0x7F, 0xA0),
    *(0xAD, 0x61C, 0x180E, 0xFEFF, 0xFFFE, 0xFFFF),
    *range(0x200B, 0x2010),
    *range(0x202A, 0x202F),
    *range(0x2060, 0x2070),
    *range(0xFE00, 0xFE10),
    *range(0xFFF9, 0xFFFC),
    *range(0xD800, 0xE000),
    *range(0xFDD0, 0xFDF0),
]
_SPACES = [*range(9, 14), 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029]
_SPACES += [0x202F, 0x205F, 0x3000]
_LIGATURES = range(0xFB00, 0xFB07)
_TABLE: dict[int, str | None] = {
    **dict.fromkeys(_REMOVED, None),
    **dict.fromkeys(_SPACES, " "),
    **{code: unicodedata.normalize("NFKC", chr(code)) for code in _LIGATURES},
}
_LINE_TABLE = {**_TABLE, 10: "\n", 9: "    "}
_BLANKS = re.compile(r" {2,}")
_PRIVATE_BULLET = re.compile(r"(?m)^(\s*)[\ue000-\uf8ff](?=\s|$)")


def clean(text: str) -> str:
    """Return `text` on one line, in NFC, with single spaces and only visible characters."""
    return _BLANKS.sub(" ", _visible(text, _TABLE)).strip()


def clean_lines(text: str) -> str:
    """Return `text` with its lines and their indentation kept, for listings of code."""
    text = _visible(text.replace("\r\n", "\n").replace("\r", "\n"), _LINE_TABLE)
    lines = [line.rstrip() for line in text.split("\n")]
    return "\n".join(line for line in lines if line)


def _visible(text: str, table: dict[int, str | None]) -> str:
    """Translate by `table`; symbol fonts put their bullet into the private area, which goes too."""
    if not text.isascii():
        text = unicodedata.normalize("NFC", _PRIVATE_BULLET.sub(r"\1•", text))
        # Translation can bring a letter and its accent together, so NFC is needed after it as well.
        return unicodedata.normalize("NFC", text.translate(table))
    return text.translate(table)
