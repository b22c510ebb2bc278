"""PromQL: whether an expression is one, and what it does not see."""

import re
from collections.abc import Iterator

from info_assistant.runbooks.linting.findings import Finding, Severity
from info_assistant.runbooks.model import Block, BlockKind, Query, Runbook

_TOKEN = re.compile(
    r"""(?P<space>\s+)|(?P<string>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`)
    |(?P<duration>\d+(?:ms|[smhdwy])(?:\d+(?:ms|[smhdwy]))*)|(?P<number>\d+(?:\.\d+)?(?:e[+-]?\d+)?)
    |(?P<name>[A-Za-z_][\w:]*)|(?P<operator>==|!=|>=|<=|=~|!~|[-+*/%^<>=@])|(?P<mark>[][(){},:])
    |(?P<bad>.)""",
    re.VERBOSE,
)
_BINARY = {"==", "!=", ">=", "<=", "-", "+", "*", "/", "%", "^", "<", ">"}
_WORDS = {"and", "or", "unless", "atan2"}
_MODIFIERS = {"by", "without", "on", "ignoring", "group_left", "group_right"}
_ABSENT = re.compile(r"^up\{[^}]*\}\s*==\s*0$")
_BORN = re.compile(
    r"^(?:rate|irate)\((?P<selector>\w+_total(?:\{[^}]*\})?)\[(?P<range>\w+)\]\)\s*>\s*0$"
)


class Invalid(Exception):
    """An expression that Prometheus would refuse, with the reason."""


class _Parser:
    """Follows PromQL's grammar as far as it decides whether an expression is valid."""

    def __init__(self, text: str) -> None:
        self._tokens = [
            (match.lastgroup or "", match[0])
            for match in _TOKEN.finditer(text)
            if match.lastgroup != "space"
        ]
        self._at = 0

    def check(self) -> None:
        """Raise Invalid where the text is no single expression."""
        self._expression()
        if self._at < len(self._tokens):
            raise Invalid(f"unexpected {self._peek()[1]!r}")

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._at] if self._at < len(self._tokens) else ("end", "the end")

    def _take(self, text: str | None = None, kind: str | None = None) -> str:
        found = self._peek()
        if (text is not None and found[1] != text) or (kind is not None and found[0] != kind):
            raise Invalid(f"{text or kind} is expected, and {found[1]!r} is there")
        self._at += 1
        return found[1]

    def _expression(self) -> None:
        self._unary()
        while self._peek()[1] in _BINARY or self._peek()[1].lower() in _WORDS:
            self._at += 1
            if self._peek()[1] == "bool":
                self._at += 1
            while self._peek()[1] in _MODIFIERS:
                self._at += 1
                self._labels()
            self._unary()

    def _unary(self) -> None:
        while self._peek()[1] in {"-", "+"}:
            self._at += 1
        kind, text = self._peek()
        if text == "(":
            self._at += 1
            self._expression()
            self._take(")")
        elif text == "{":
            self._matchers()
        elif kind == "name":
            self._named()
        elif kind in {"number", "string", "duration"}:
            self._at += 1
        else:
            raise Invalid(f"an expression is expected, and {text!r} is there")
        self._behind()

    def _named(self) -> None:
        self._at += 1
        while self._peek()[1] in _MODIFIERS:
            self._at += 1
            self._labels()
        if self._peek()[1] == "(":
            self._at += 1
            while self._peek()[1] != ")":
                self._expression()
                if self._peek()[1] != ")":
                    self._take(",")
            self._take(")")
            while self._peek()[1] in _MODIFIERS:
                self._at += 1
                self._labels()
        elif self._peek()[1] == "{":
            self._matchers()

    def _matchers(self) -> None:
        self._take("{")
        while self._peek()[1] != "}":
            self._take(kind="name")
            if self._peek()[1] not in {"=", "!=", "=~", "!~"}:
                raise Invalid(
                    f"a comparison of a label is expected, and {self._peek()[1]!r} is there"
                )
            self._at += 1
            self._take(kind="string")
            if self._peek()[1] != "}":
                self._take(",")
        self._take("}")

    def _labels(self) -> None:
        if self._peek()[1] != "(":
            return
        self._at += 1
        while self._peek()[1] != ")":
            self._take(kind="name")
            if self._peek()[1] != ")":
                self._take(",")
        self._take(")")

    def _behind(self) -> None:
        """Read ranges, `offset` and `@` behind an operand."""
        while self._peek()[1] in {"[", "offset", "@"}:
            text = self._take()
            if text == "[":
                self._take(kind="duration")
                if self._peek()[1] == ":":
                    self._at += 1
                    if self._peek()[0] == "duration":
                        self._at += 1
                self._take("]")
            else:
                self._at += self._peek()[1] == "-"
                self._at += 1


def invalid(text: str) -> str | None:
    """Return why Prometheus would refuse an expression; None for a valid one."""
    try:
        _Parser(text).check()
    except Invalid as problem:
        return str(problem)
    return None


def query_findings(runbook: Runbook) -> Iterator[Finding]:
    """Yield what is wrong with the queries of a runbook."""
    for block in runbook.blocks(BlockKind.QUERIES):
        yield from _of_block(block)
        for query in block.queries:
            yield from _of_query(query)


def _of_block(block: Block) -> Iterator[Finding]:
    if len(block.queries) > 1:
        yield Finding(
            block.line,
            "several-queries",
            Severity.NOTE,
            f"The block holds {len(block.queries)} queries; as one it is a syntax error. They are "
            "taken one by one.",
            block.text.strip(),
            "\n".join(query.text for query in block.queries),
        )


def _of_query(query: Query) -> Iterator[Finding]:
    reason = invalid(query.text)
    if reason is not None:
        yield Finding(
            query.line,
            "promql-invalid",
            Severity.ERROR,
            f"This is no PromQL: {reason}.",
            query.text,
        )
        return
    if _ABSENT.match(query.text):
        series = query.text.split("==")[0].strip()
        yield Finding(
            query.line,
            "silent-when-absent",
            Severity.WARNING,
            "It is silent when the series is gone, as after a scale-down to 0, and it fires for "
            "one of several while the service is up. The job is called so only if "
            "the scrape says so.",
            query.text,
            f"sum({series}) < 2 or absent({series})",
        )
    found = _BORN.match(query.text)
    if found:
        yield Finding(
            query.line,
            "born-above-zero",
            Severity.WARNING,
            "It is silent for a counter that is born above 0, and only we can export it: at 0 from "
            "the start.",
            query.text,
            f"sum(increase({found['selector']}[{found['range']}])) > 0",
        )
