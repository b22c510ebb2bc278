"""Places in a text that stand for something else: `[POD-ID]`, `<pod>`, `{{ pod }}`, `ZXXXXX`."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_PATTERNS = (
    # [POD-ID], [TIME + 15 min], [Name]; not [a-z], [0-9], [5m], [ -f x ] or [ ] of a task.
    r"\[(?P<bracket>[A-Za-z]{2}[A-Za-z0-9_.+ -]*[A-Za-z0-9])\]",
    # <pod>, <pod name>; not <<EOF, <(…) or a redirection with spaces around it.
    r"(?<![<\w])<(?P<angle>[A-Za-z][\w.-]*(?: [\w.-]+){0,4})>(?!>)",
    # {{ pod }}; not {{.Names}} or {{end}} of a Go template.
    r"\{\{\s*(?P<mustache>(?!end\b|else\b)[A-Za-z]\w*)\s*\}\}",
    # Words that say of themselves that they are to be replaced.
    (
        r"(?<![\w-])(?P<filler>[A-Z]?X{4,}|(?:\+?\d+-)?XXX(?:-X{3,})+|YOUR[_-][A-Z0-9_-]+|your-[a-z0-9-]+"
        r"|CHANGE[_-]?ME|REPLACE[_-]?ME|TODO|TBD)(?![\w-])"
    ),
    # Something left out: `kubectl get pods -n ...`.
    r"(?<!\S)(?P<elision>\.\.\.|…)(?!\S)",
)
_PLACEHOLDER = re.compile("|".join(_PATTERNS))
_SET_OF_CHARACTERS = re.compile(r"\[[^\]]*\](?=[*+?{\\$)|])")
"""A bracket with a quantifier behind it is part of a regular expression."""


@dataclass(frozen=True, slots=True)
class Placeholder:
    """A place in a text that stands for a value. `start` and `end` count characters."""

    text: str
    name: str
    start: int
    end: int


def find_placeholders(text: str) -> Sequence[Placeholder]:
    """Return the placeholders of `text` in their order; variables of the shell are not among them.

    In doubt something is a placeholder: a command with one does not run, which is the safe mistake.
    """
    found = []
    for match in _PLACEHOLDER.finditer(text):
        if match["bracket"] and _SET_OF_CHARACTERS.match(text, match.start()):
            continue
        name = next(value for value in match.groups() if value is not None)
        found.append(Placeholder(match[0], name, match.start(), match.end()))
    return found
