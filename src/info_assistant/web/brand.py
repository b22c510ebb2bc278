"""What the operator decides about the look of the pages: name, colour, footer, statements."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_COLOUR = re.compile(r"#([0-9a-fA-F]{2})([0-9a-fA-F]{2})([0-9a-fA-F]{2})")
_LIGHT, _DARK = (255, 255, 255), (18, 24, 29)
_LEGIBLE = 4.5
_STEPS = 40

Rgb = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Brand:
    """How the operator presents the service.

    `colour` is of the form #rrggbb, empty for ours. `footer` is a sentence of the operator's own,
    `contact` an e-mail address or a web address where readers find help. `statements` is a folder
    with the operator's own statements as Markdown: `privacy.md`, `privacy.fr.md` and so on.
    """

    name: str = "Info Assistant"
    colour: str = ""
    footer: str = ""
    contact: str = ""
    statements: Path | None = None

    @property
    def contact_address(self) -> str:
        """Where a link to the contact leads; empty if none is named."""
        if self.contact.startswith("https://") or not self.contact:
            return self.contact
        return f"mailto:{self.contact}"

    @property
    def stylesheet(self) -> str:
        """The colours in CSS, each dark or light enough to be read; empty where they are ours."""
        if not self.colour:
            return ""
        colour = rgb_of(self.colour)
        light, light_deep = _legible(colour, _LIGHT), _mixed(_legible(colour, _LIGHT), _DARK, 0.35)
        dark = _legible(colour, _DARK)
        dark_deep = _mixed(dark, _LIGHT, 0.35)
        return (
            f":root {{ --accent: {_hex(light)}; --accent-deep: {_hex(light_deep)}; }}\n"
            "@media (prefers-color-scheme: dark) { :root { "
            f"--accent: {_hex(dark)}; --accent-deep: {_hex(dark_deep)}; }} }}\n"
        )

    def statement(self, name: str, language: str) -> str:
        """Return the operator's own statement as Markdown, empty if there is none.

        One in the reader's language goes before one in none.
        """
        for path in self._paths(name, language):
            if path.is_file():
                return path.read_text(encoding="utf-8", errors="replace")
        return ""

    def _paths(self, name: str, language: str) -> Iterator[Path]:
        if self.statements is not None:
            yield self.statements / f"{name}.{language}.md"
            yield self.statements / f"{name}.md"


def rgb_of(colour: str) -> Rgb:
    """Return the parts of a colour. Raises ValueError if it is not of the form #rrggbb."""
    match = _COLOUR.fullmatch(colour)
    if match is None:
        raise ValueError(colour)
    red, green, blue = (int(part, 16) for part in match.groups())
    return red, green, blue


def contrast(one: Rgb, other: Rgb) -> float:
    """Return the contrast of two colours as WCAG 2 defines it, from 1 to 21."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: Rgb) -> float:
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4  # noqa: PLR2004  sRGB.
        for part in (each / 255 for each in colour)
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _legible(colour: Rgb, paper: Rgb) -> Rgb:
    """Return `colour`, moved away from `paper` until one can be read on the other."""
    away = _DARK if paper == _LIGHT else _LIGHT
    for step in range(_STEPS + 1):
        found = _mixed(colour, away, step / _STEPS)
        if contrast(found, paper) >= _LEGIBLE:
            return found
    return away


def _mixed(one: Rgb, other: Rgb, share: float) -> Rgb:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def _hex(colour: Rgb) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)
