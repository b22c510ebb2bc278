"""Shell text to tokens: quotes, escapes, comments, substitutions, here-documents.

The grammar is that of POSIX, with what bash adds recognised as such. Whatever is not followed to
the end is named in `Word.opaque`, so that nothing is mistaken for simpler than it is.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from info_assistant.runbooks.shell.placeholders import find_placeholders
from info_assistant.runbooks.shell.words import Word

_OPERATORS = ("&&", "||", ";;", "|&", "|", ";", "&", "(", ")")
_REDIRECT = re.compile(r"(\d+|\{\w+\})?(<<<|<<-|<<|<>|<&|>&|>>|>\||&>>|&>|<|>)")
_VARIABLE = re.compile(r"\$(\{[A-Za-z_]\w*\}|[A-Za-z_]\w*)")
_BLANK = " \t"
_ENDS_WORD = " \t\n|&;()<>"
_QUOTES = ("'", '"')
_AFTER_A_DOLLAR = ("", *_ENDS_WORD, *_QUOTES, *"/.,:]}%+")
"""Before these a dollar is only a dollar."""
_HTTP = re.compile(r"https?://")


class Open(Exception):
    """A quote, a substitution or a here-document is not closed."""


class Token(NamedTuple):
    """A piece of a script: `kind` is word, operator, redirect, comment, newline or here."""

    kind: str
    text: str
    start: int
    end: int
    word: Word | None = None


@dataclass(slots=True)
class _Piece:
    """A word while it is read."""

    value: list[str] = field(default_factory=list)
    bare: list[str] = field(default_factory=list)
    """Its unquoted letters only; a quoted part counts as one letter that means nothing."""
    holes: list[str] = field(default_factory=list)
    substitutions: list[str] = field(default_factory=list)
    opaque: str = ""
    quoted: bool = False

    def quote(self) -> None:
        self.quoted = True
        self.bare.append("\0")

    def doubt(self, why: str) -> None:
        self.opaque = self.opaque or why


class Lexer:
    """Reads one script. Raises Open where something is not closed."""

    def __init__(self, script: str) -> None:
        """Find placeholders first, as `<pod>` would otherwise be two redirections."""
        self._text = script
        self._holes = {each.start: each for each in find_placeholders(script)}
        self._at = 0

    def tokens(self) -> Iterator[Token]:
        """Yield all tokens; here-documents come as a token `here` after their line's end."""
        awaited: list[tuple[Token, Word]] = []
        before: Token | None = None
        while self._at < len(self._text):
            token = self._next()
            if token is None:
                continue
            yield token
            if token.kind == "newline":
                for operator, word in awaited:
                    yield self._here(operator, word)
                awaited = []
            if before is not None and token.word is not None:
                awaited.append((before, token.word))
            here = token.kind == "redirect" and token.text.lstrip("0123456789") in {"<<", "<<-"}
            before = token if here else None
        if awaited:
            raise Open("a here-document has no end")

    def _next(self) -> Token | None:
        text, at = self._text, self._at
        if text[at] in _BLANK:
            self._at += 1
            return None
        if text.startswith("\\\n", at):
            self._at += 2
            return None
        if text[at] == "\n":
            self._at += 1
            return Token("newline", "\n", at, self._at)
        if text[at] == "#":
            end = text.find("\n", at)
            self._at = len(text) if end < 0 else end
            return Token("comment", text[at : self._at], at, self._at)
        if at not in self._holes:
            redirect = _REDIRECT.match(text, at)
            if redirect and not text.startswith(("<(", ">("), redirect.start(2)):
                self._at = redirect.end()
                return Token("redirect", redirect[0], at, self._at)
            for operator in _OPERATORS:
                if text.startswith(operator, at):
                    self._at += len(operator)
                    return Token("operator", operator, at, self._at)
        return self._word()

    def _word(self) -> Token:
        start, piece = self._at, _Piece()
        while self._at < len(self._text):
            hole = self._holes.get(self._at)
            if hole is not None:
                piece.value.append(hole.text)
                piece.holes.append(hole.text)
                self._at = hole.end
                continue
            char = self._text[self._at]
            if self._text.startswith(("<(", ">("), self._at):
                piece.doubt("a process substitution")
                begin = self._at
                piece.substitutions.append(self._bracketed(self._at + 1))
                piece.value.append(self._text[begin : self._at])
            elif char in _ENDS_WORD:
                break
            else:
                self._part(char, piece)
        written = self._text[start : self._at]
        _doubt_patterns(written, piece)
        word = Word(
            written,
            "".join(piece.value),
            piece.quoted,
            tuple(piece.holes),
            tuple(piece.substitutions),
            piece.opaque,
        )
        return Token("word", written, start, self._at, word)

    def _part(self, char: str, piece: _Piece) -> None:
        if char == "'":
            self._single(piece)
        elif char == '"':
            self._double(piece)
        elif char == "\\":
            self._escape(piece)
        elif char in "$`":
            self._dollar(piece, quoted=False)
        else:
            piece.bare.append(char)
            piece.value.append(char)
            self._at += 1

    def _single(self, piece: _Piece) -> None:
        end = self._text.find("'", self._at + 1)
        if end < 0:
            raise Open("a quote (') is not closed")
        piece.quote()
        piece.value.append(self._text[self._at + 1 : end])
        piece.holes += [hole.text for at, hole in self._holes.items() if self._at < at < end]
        self._at = end + 1

    def _double(self, piece: _Piece) -> None:
        piece.quote()
        self._at += 1
        while self._at < len(self._text):
            hole = self._holes.get(self._at)
            char = self._text[self._at]
            if hole is not None:
                piece.value.append(hole.text)
                piece.holes.append(hole.text)
                self._at = hole.end
            elif char == '"':
                self._at += 1
                return
            elif char == "\\" and self._text[self._at + 1 : self._at + 2] in tuple('$`"\\\n'):
                piece.value.append(self._text[self._at + 1].strip("\n"))
                self._at += 2
            elif char in "$`":
                self._dollar(piece, quoted=True)
            else:
                piece.value.append(char)
                self._at += 1
        raise Open('a quote (") is not closed')

    def _escape(self, piece: _Piece) -> None:
        following = self._text[self._at + 1 : self._at + 2]
        if not following:
            raise Open("the script ends with a backslash")
        if following != "\n":
            piece.quote()
            piece.value.append(following)
        self._at += 2

    def _dollar(self, piece: _Piece, *, quoted: bool) -> None:
        text, at = self._text, self._at
        if text[at] == "`":
            end = at + 1
            while end < len(text) and text[end] != "`":
                end += 2 if text[end] == "\\" else 1
            if end >= len(text):
                raise Open("a backtick is not closed")
            piece.substitutions.append(text[at + 1 : end].replace("\\`", "`"))
            piece.value.append(text[at : end + 1])
            self._at = end + 1
        elif text.startswith("$((", at) or text.startswith("$[", at):
            piece.doubt("arithmetic")
            piece.substitutions.append(self._bracketed(at + 1) if text[at + 1] == "(" else "")
            self._at = max(self._at, at + 2)
        elif text.startswith("$(", at):
            piece.substitutions.append(self._bracketed(at + 1))
            piece.value.append(text[at : self._at])
        elif found := _VARIABLE.match(text, at):
            piece.holes.append(found[0])
            piece.value.append(found[0])
            self._at = found.end()
        else:
            following = text[at + 1 : at + 2]
            if following not in _AFTER_A_DOLLAR or (not quoted and following in _QUOTES):
                piece.doubt("an expansion of the shell")
            piece.value.append("$")
            self._at += 1

    def _bracketed(self, opening: int) -> str:
        """Return what is between the bracket at `opening` and its partner, and go behind it."""
        inner = Lexer(self._text[opening + 1 :])
        depth = 1
        for token in inner.tokens():
            if token.kind == "operator" and token.text in "()":
                depth += 1 if token.text == "(" else -1
                if depth == 0:
                    self._at = opening + 1 + token.end
                    return self._text[opening + 1 : self._at - 1]
        raise Open("a bracket is not closed")

    def _here(self, operator: Token, word: Word) -> Token:
        start = self._at
        tabs = operator.text.endswith("-")
        while self._at < len(self._text):
            end = self._text.find("\n", self._at)
            end = len(self._text) if end < 0 else end
            line = self._text[self._at : end]
            begin, self._at = self._at, min(end + 1, len(self._text))
            if (line.lstrip("\t") if tabs else line) == word.value:
                return Token("here", self._text[start:begin], start, self._at, word)
        raise Open(f"the here-document that ends with {word.value} has no end")


def _doubt_patterns(written: str, piece: _Piece) -> None:
    """Mark a word that the shell would expand to names of files, or to several words."""
    bare = "".join(piece.bare)
    if _HTTP.match(written):
        bare = bare.replace("?", "")  # No folder is called `https:`, so this `?` stays what it is.
    if re.search(r"\{[^{}]*(,|\.\.)[^{}]*\}", bare):
        piece.doubt("braces that make several words")
    elif re.search(r"[*?]|\[[^\]]+\]", bare):
        piece.doubt("a pattern of file names")
    elif bare.startswith("~"):
        piece.doubt("a home directory")
