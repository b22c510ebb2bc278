"""A script to its statements, and a statement to its simple commands."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from info_assistant.runbooks.shell.lexer import Lexer, Open, Token
from info_assistant.runbooks.shell.words import Redirect, Simple, Statement, Word

_OPENING = {"if", "case", "for", "while", "until", "select", "{"}
_CLOSING = {"fi", "esac", "done", "}"}
_BETWEEN = {"then", "elif", "else", "do", "in", "function", "time", "coproc", "!"}
_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)(\+?)=")
_CONTINUING = {"|", "|&", "&&", "||"}


@dataclass(slots=True)
class _Draft:
    """A statement while it is read."""

    text: str
    comment: tuple[str, ...] = ()
    simples: list[Simple] = field(default_factory=list)
    unclear: list[str] = field(default_factory=list)
    assignments: list[tuple[str, Word]] = field(default_factory=list)
    words: list[Word] = field(default_factory=list)
    redirects: list[Redirect] = field(default_factory=list)
    awaiting: str = ""
    """A redirection that has no target yet."""
    piped: bool = False
    depth: int = 0
    start: int | None = None
    end: int = 0
    last: str = ""
    """The operator that came last, when nothing came behind it."""
    background: bool = False

    def doubt(self, why: str) -> None:
        if why not in self.unclear:
            self.unclear.append(why)

    def close_simple(self, *, feeds_pipe: bool = False) -> None:
        """Keep the simple command that has been read, if there is one."""
        if self.awaiting:
            self.doubt("a redirection without a target")
            self.awaiting = ""
        if self.words or self.assignments or self.redirects:
            self.simples.append(
                Simple(
                    tuple(self.assignments),
                    tuple(self.words),
                    tuple(self.redirects),
                    self.piped,
                    feeds_pipe,
                )
            )
        self.assignments, self.words, self.redirects = [], [], []
        self.piped = feeds_pipe

    def statement(self) -> Statement:
        """Return what was read."""
        start = self.start or 0
        text = self.text[start : self.end].rstrip()
        line = self.text.count("\n", 0, start) + 1
        return Statement(
            text,
            line,
            line + text.count("\n"),
            tuple(self.simples),
            "\n".join(self.comment),
            tuple(self.unclear),
            self.background,
        )


def parse_script(text: str) -> Sequence[Statement]:
    """Return the statements of a script in their order; never fails.

    What is not closed makes one statement of all that follows, marked as unclear.
    """
    reader = _Reader(text)
    try:
        for token in Lexer(text).tokens():
            reader.take(token)
    except (Open, RecursionError) as problem:
        return reader.give_up(str(problem) or "too deeply nested")
    return reader.finish()


class _Reader:
    """Puts tokens together to statements."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._done: list[Statement] = []
        self._comments: list[str] = []
        self._comment_line = False
        self._draft = _Draft(text)

    def take(self, token: Token) -> None:
        """Read one token."""
        if token.kind == "comment":
            if self._draft.start is None:
                self._comments.append(token.text.lstrip("# ").rstrip())
                self._comment_line = True
            return
        if token.kind == "newline":
            self._newline()
            return
        if token.kind == "here":
            self._here(token)
            return
        draft = self._draft
        if draft.start is None:
            draft.start = token.start
            draft.comment, self._comments = tuple(self._comments), []
        draft.end = token.end
        draft.last = ""
        if token.word is not None:
            self._word(token.word)
        elif token.kind == "redirect":
            if draft.awaiting:
                draft.doubt("a redirection without a target")
            draft.awaiting = token.text
        else:
            self._operator(token.text)

    def _newline(self) -> None:
        draft = self._draft
        if draft.start is None:
            if not self._comment_line:
                self._comments = []  # An empty line parts a comment from what follows.
            self._comment_line = False
        elif draft.depth > 0 or draft.last in _CONTINUING:
            draft.close_simple(feeds_pipe=draft.piped and draft.last in {"|", "|&"})
        else:
            # Kept open until the next token, as a here-document may follow this line.
            draft.close_simple()
            self._done.append(draft.statement())
            self._draft = _Draft(self._text)

    def _here(self, token: Token) -> None:
        """Give the body of a here-document to the redirection that waits for it."""
        if self._draft.start is not None:
            self._draft.doubt("a here-document inside a larger construct")
            self._draft.end = token.end
            return
        last = self._done.pop()
        start = self._text.index(last.text, _offset(self._text, last.line))
        whole = self._text[start : token.end].rstrip("\n")
        self._done.append(
            Statement(
                whole,
                last.line,
                last.line + whole.count("\n"),
                tuple(_with_body(simple, token) for simple in last.simples),
                last.comment,
                last.unclear,
                last.background,
            )
        )

    def _word(self, word: Word) -> None:
        draft = self._draft
        if draft.awaiting:
            draft.redirects.append(Redirect(draft.awaiting, word))
            draft.awaiting = ""
            return
        begins = not draft.words and not draft.assignments and not word.quoted
        if begins and self._reserved(word.value):
            return
        assignment = _ASSIGNMENT.match(word.text)
        if assignment and not draft.words:
            value = Word(
                word.text[assignment.end() :],
                word.value[assignment.end() :],
                word.quoted,
                word.holes,
                word.substitutions,
                word.opaque,
            )
            if assignment[2] or value.text.startswith("("):
                draft.doubt("an array or an appended value")
            draft.assignments.append((assignment[1], value))
            return
        draft.words.append(word)

    def _reserved(self, value: str) -> bool:
        draft = self._draft
        if value in _OPENING:
            draft.depth += 1
        elif value in _CLOSING:
            draft.depth -= 1
        elif value not in _BETWEEN:
            return False
        if value == "time":
            return True  # It only measures.
        draft.doubt(f"a construct of the shell ({value})")
        return True

    def _operator(self, operator: str) -> None:
        draft = self._draft
        if operator == "(":
            draft.doubt("a group or a function")
            draft.close_simple()
            draft.depth += 1
        elif operator == ")":
            draft.doubt("a group or a function")
            draft.close_simple()
            draft.depth = max(0, draft.depth - 1)
        elif operator in {"|", "|&"}:
            draft.close_simple(feeds_pipe=True)
        else:
            draft.close_simple()
            draft.background = draft.background or operator == "&"
        draft.last = operator

    def finish(self) -> Sequence[Statement]:
        """Return all statements; what is still open is marked."""
        draft = self._draft
        if draft.start is not None:
            draft.close_simple()
            if draft.depth > 0:
                draft.doubt("a construct that is not closed")
            if draft.last in _CONTINUING:
                draft.doubt(f"nothing behind {draft.last}")
            self._done.append(draft.statement())
        return self._done

    def give_up(self, why: str) -> Sequence[Statement]:
        """Return what was read, and all the rest as one statement that is not understood."""
        draft = self._draft
        if draft.start is None:
            draft.start = _offset(self._text, self._done[-1].last_line + 1 if self._done else 1)
            draft.comment = tuple(self._comments)
        draft.close_simple()
        draft.end = len(self._text)
        draft.doubt(why)
        self._done.append(draft.statement())
        return self._done


def _offset(text: str, line: int) -> int:
    """Return where line number `line` begins."""
    at = 0
    for _ in range(line - 1):
        at = text.find("\n", at) + 1 or len(text)
    return at


def _with_body(simple: Simple, token: Token) -> Simple:
    redirects = tuple(
        Redirect(each.operator, each.target, token.text, not each.target.quoted)
        if each.body is None and "<<" in each.operator and each.target == token.word
        else each
        for each in simple.redirects
    )
    return Simple(simple.assignments, simple.words, redirects, simple.reads_pipe, simple.feeds_pipe)
