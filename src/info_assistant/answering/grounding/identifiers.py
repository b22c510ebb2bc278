"""What names one thing exactly: addresses, codes, telephone numbers, references to sections."""

import re
from collections.abc import Sequence

from info_assistant.model.passage import Span

_ADDRESS = re.compile(
    r"https?://[^\s<>\"')\]]+|\bwww\.[^\s<>\"')\]]+|[\w.+-]+@[\w-]+(?:\.[\w-]+)+"
    r"|\b(?:[a-z0-9-]+\.)+(?:com|org|net|gov|mil|edu|io|eu|uk|us|int|info|example|test)\b(?:/\S*)?",
    re.IGNORECASE,
)
_PHONE = re.compile(
    r"(?<![\w.$€£])(?:\+\d{1,3}[\s-]?)?(?:\(\d{2,4}\)[\s-]?)?\d{2,4}(?:[\s-]\d{3,4}){1,3}\b"
)
_CODE = re.compile(
    r"(?<![\w-])(?=[\w.\-/()]*\d)(?=[\w.\-/()]*[A-Za-z])[A-Za-z0-9]+(?:[.\-/][A-Za-z0-9]+)*(?:\(\w{1,3}\))*"
)
_NO_CODE = re.compile(
    r"\d+(?:st|nd|rd|th|k|m|bn|am|pm|km|kg|cm|mm|kb|mb|gb|tb|h|hrs?|s|x|%)?$"
    r"|\d+(?:[.,]\d+)?-(?:[a-z]{3,})(?:-[a-z]+)*$|[a-z]+-\d+$(?<!\w\w\w)",
    re.IGNORECASE,
)
_KINDS = (
    "section sec article art form annex appendix chapter figure fig table step box part paragraph "
    "para clause rule schedule room guideline tier phase requirement option scenario regulation "
    "act release revision rev edition case order decision ticket file policy issue level counter"
)
_REFERENCE = re.compile(
    rf"(?:\b(?P<kind>{'|'.join(_KINDS.split())})s?\.?\s+(?:no\.?\s+|number\s+|#)?|§\s*|#)"
    r"(?P<value>\d+[\w.\-]*(?:\(\w{1,4}\))*|[A-Z]{1,2}(?:[.\-]?\d[\w.\-]*)?(?:\(\w{1,4}\))*|[IVX]+)"
    r"(?![\w])",
)
_REFERENCE_ANY = re.compile(
    _REFERENCE.pattern.replace("(?P<kind>", "(?P<kind>(?i:").replace(")s?\\.?", "))s?\\.?")
)
_SAME_KIND = {"sec": "section", "art": "article", "fig": "figure", "para": "paragraph"}
_SAME_KIND |= {"rev": "revision", "": "section"}
_SHORTEST_PHONE = 7


def identifiers(text: str) -> list[tuple[str, Span]]:
    """Return the identifiers of a folded text with their places; references keep their kind."""
    found: list[tuple[str, Span]] = []

    def add(name: str, start: int, end: int) -> None:
        if all(span.end <= start or end <= span.start for _, span in found):
            found.append((name, Span(start, end)))

    for match in _ADDRESS.finditer(text):
        trimmed = match[0].rstrip(".,;:!?")
        add(trimmed, match.start(), match.start() + len(trimmed))
    for match in _PHONE.finditer(text):
        if sum(c.isdigit() for c in match[0]) >= _SHORTEST_PHONE:
            add(match[0], *match.span())
    for match in _REFERENCE_ANY.finditer(text):
        value = match["value"].rstrip(".-")
        kind = (match["kind"] or "").lower()
        add(
            f"{_SAME_KIND.get(kind, kind)} {value}",
            match.start(),
            match.start("value") + len(value),
        )
    for match in _CODE.finditer(text):
        code = match[0].rstrip(".-/")
        if not _NO_CODE.match(code):
            add(code, match.start(), match.start() + len(code))
    return found


def has_identifier(name: str, text: str) -> bool:
    """Whether a folded text has an identifier, whatever blanks and dashes it is written with."""
    kind, _, value = name.partition(" ")
    if kind.islower() and kind in _KIND_FORMS and value:
        runs = _loose(value)
        return bool(
            re.search(
                rf"(?:{_KIND_FORMS[kind]})s?\.?\W*(?:\w+(?:,| and| or)\W+)*?{runs}",
                text,
                re.IGNORECASE,
            )
        ) or (
            bool(re.search(rf"(?<![\w.]){runs}", text))
            and not re.fullmatch(r"\d{1,3}|[A-Z]", value)
        )
    return bool(re.search(rf"(?<![^\W_]){_loose(name)}", text, re.IGNORECASE))


def _loose(name: str) -> str:
    """Return a pattern for a name's letters and digits with anything but those between them."""
    plural = name[:-1] if re.fullmatch(r"[A-Z0-9]*\d[A-Z0-9]*s", name) else name
    runs = re.findall(r"[A-Za-z]+|\d+", plural)
    return r"[\W_]*".join(map(re.escape, runs)) + r"(?![^\W_]|[.\-]\d)"


_KIND_FORMS = {kind: kind for kind in _KINDS.split()}
_KIND_FORMS |= {full: f"{full}|{short}|§" for short, full in _SAME_KIND.items() if short}
_KIND_FORMS["section"] = r"section|sec|subsection|§|\bin|\bunder"


def spans(found: Sequence[tuple[str, Span]]) -> list[Span]:
    """Return the places of identifiers."""
    return [span for _, span in found]
