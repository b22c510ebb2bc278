"""How the operator presents the web page."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from info_assistant.errors import Misconfigured
from info_assistant.settings.variables import named

_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_CONTACT = re.compile(r"https://[!-~]+|[^\s@<>]+@[^\s@<>]+")
_LONGEST = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteSettings:
    """How the operator presents the web page."""

    name: str = field(
        metadata=named("SITE_NAME", "What the service is called. Default: Info Assistant.")
    )
    colour: str = field(
        metadata=named(
            "SITE_COLOUR",
            "The colour of the web page, such as #0d5c63. It is made darker or lighter where it "
            "could not be read. Default: ours.",
        )
    )
    footer: str = field(
        metadata=named("SITE_FOOTER", "A sentence at the foot of every page, up to 300 characters.")
    )
    contact: str = field(
        metadata=named(
            "SITE_CONTACT",
            "Where readers find help: an e-mail address, or an address that begins with https://.",
        )
    )
    statements: Path | None = field(
        metadata=named(
            "SITE_STATEMENTS",
            "A folder with statements of your own in Markdown, which stand in the place of ours: "
            "accessibility.md, privacy.md, cookies.md, and privacy.fr.md for French.",
        )
    )

    @classmethod
    def read(cls, given: Mapping[str, str]) -> Self:
        """Read the variables. Raises Misconfigured naming variable and remedy."""
        folder = given.get("SITE_STATEMENTS")
        if folder and not Path(folder).is_dir():
            raise Misconfigured(
                f"SITE_STATEMENTS is {folder!r}, where there is no folder. Name one, or unset it."
            )
        return cls(
            name=_text_of(given, "SITE_NAME", "Info Assistant"),
            colour=_matching(given, "SITE_COLOUR", _COLOUR, "a colour such as #0d5c63"),
            footer=_text_of(given, "SITE_FOOTER", ""),
            contact=_matching(
                given, "SITE_CONTACT", _CONTACT, "an e-mail address or an https: address"
            ),
            statements=Path(folder) if folder else None,
        )


def _text_of(given: Mapping[str, str], name: str, default: str) -> str:
    text = given.get(name, default)
    if len(text) > _LONGEST:
        raise Misconfigured(f"{name} has more than {_LONGEST} characters. Shorten it.")
    return text


def _matching(given: Mapping[str, str], name: str, pattern: re.Pattern[str], what: str) -> str:
    value = given.get(name, "")
    if value and not pattern.fullmatch(value):
        raise Misconfigured(f"{name} is {value!r}, which is not {what}. Correct it, or unset it.")
    return value
