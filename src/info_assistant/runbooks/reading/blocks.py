"""A block of a runbook to commands, queries, a checklist or a template."""

import re
from collections.abc import Sequence

from info_assistant.runbooks.model import Block, BlockKind, Command, Form, Item, Query, Role, Unread
from info_assistant.runbooks.shell.classify import KNOWN_PROGRAMS, classify
from info_assistant.runbooks.shell.effects import Effect, Judgement, unsure
from info_assistant.runbooks.shell.placeholders import find_placeholders
from info_assistant.runbooks.shell.programs.stores import judge_redis_command
from info_assistant.runbooks.shell.scripts import parse_script
from info_assistant.runbooks.shell.words import Simple, Statement

_SHELL = {"bash", "sh", "shell", "zsh", "ksh", "console", "terminal", "shell-session",
          "shellsession", "bash-session", "sh-session"}  # fmt: skip
_LANGUAGES = {
    **dict.fromkeys(_SHELL, BlockKind.SHELL),
    **dict.fromkeys(("promql", "prometheus"), BlockKind.QUERIES),
}
_PROMPT = re.compile(r"\s*(?:[\w.-]+@[\w.-]+[^$%#\s]*\s?)?(?:\[[^\]]*\])?[$%\u276f]\s+(?=\S)")
_ROOT_PROMPT = re.compile(r"\s*[\w.-]+@[\w.-]+[^$%#\s]*\s?#\s+(?=\S)")
_TYPED = re.compile(r"(?:[\w.:-]*(?:\[\d+\])?>|\w+=[#>])\s*(?=\S)")
_BULLET = re.compile(r"\s*[-*•]\s+(?:\[[ xX]\]\s*)?(?=\S)")


def read_block(content: str, language: str, line: int, role: Role) -> tuple[Block, list[Unread]]:
    """Return the block whose first line of content is `line` of the file, and what is not read."""
    kind = _kind(content, language, role)
    last = line + max(0, content.rstrip("\n").count("\n"))
    unread: list[Unread] = []
    commands: list[Command] = []
    queries: tuple[Query, ...] = ()
    items: tuple[Item, ...] = ()
    if kind is BlockKind.SHELL:
        commands, unread = read_commands(content, line)
    elif kind is BlockKind.QUERIES:
        queries = tuple(read_queries(content, line))
    elif kind is BlockKind.CHECKLIST:
        items = tuple(_items(content, line))
    elif kind is BlockKind.OTHER and language not in {"", "text", "json", "yaml", "log", "output"}:
        first = content.strip().split("\n")[0]
        unread.append(Unread(line, first, f"a block of {language} is shown, and not run"))
    elif kind is BlockKind.OTHER:
        unread += [
            Unread(at, text.strip(), "it looks like a command in a block that is none")
            for at, text in enumerate(content.split("\n"), start=line)
            if _is_command(text.strip())
        ]
    block = Block(kind, line, last, content, language, tuple(commands), queries, items)
    return block, unread


def _kind(content: str, language: str, role: Role) -> BlockKind:
    if language:
        return _LANGUAGES.get(language, BlockKind.OTHER)
    if role is Role.COMMUNICATION:
        return BlockKind.TEMPLATE
    lines = [each for each in content.split("\n") if each.strip()]
    if any(_PROMPT.match(each) for each in lines):
        return BlockKind.SHELL
    if lines and all(_BULLET.match(each) for each in lines):
        return BlockKind.CHECKLIST
    if lines and _is_command(lines[0]):
        return BlockKind.SHELL
    return BlockKind.OTHER


def _is_command(line: str) -> bool:
    words = line.removeprefix("sudo ").split()
    return len(words) > 1 and words[0] in KNOWN_PROGRAMS


def _items(content: str, line: int) -> list[Item]:
    lines = enumerate(content.split("\n"), start=line)
    return [Item(_BULLET.sub("", text).strip(), at) for at, text in lines if text.strip()]


def read_queries(content: str, line: int) -> list[Query]:
    """Return the PromQL expressions of a block: an empty line or a comment parts them."""
    found: list[Query] = []
    comment, begun, held = "", 0, list[str]()
    for at, text in enumerate([*content.split("\n"), ""], start=line):
        if text.strip() and not text.lstrip().startswith("#"):
            begun = begun or at
            held.append(text.rstrip())
            continue
        if held:
            found.append(Query("\n".join(held), begun, comment))
            comment, begun, held = "", 0, []
        if text.strip():
            comment = text.strip().lstrip("# ")
    return found


def read_commands(content: str, line: int) -> tuple[list[Command], list[Unread]]:
    """Return the commands of a shell block, and the lines of it that are not read."""
    if any(_is_prompt(each) for each in content.split("\n")):
        pieces, unread = _session(content, line)
    else:
        pieces, unread = [(content, line)], []
    found: list[Command] = []
    for text, begins in pieces:
        for statement in parse_script(text):
            _take(statement, begins, found)
    return found, unread


def _is_prompt(line: str) -> re.Match[str] | None:
    return _PROMPT.match(line) or _ROOT_PROMPT.match(line)


def _session(content: str, line: int) -> tuple[list[tuple[str, int]], list[Unread]]:
    """Return what was typed in a recorded session; the rest is what machines answered."""
    pieces: list[tuple[str, int]] = []
    unread: list[Unread] = []
    for at, text in enumerate(content.split("\n"), start=line):
        prompt = _is_prompt(text)
        if prompt:
            pieces.append((text[prompt.end() :], at))
        elif (
            pieces and pieces[-1][1] + pieces[-1][0].count("\n") + 1 == at and _open(pieces[-1][0])
        ):
            begun, begins = pieces[-1]
            pieces[-1] = (f"{begun}\n{text.removeprefix('> ')}", begins)
        elif pieces and _TYPED.match(text) and (not text.startswith(">") or _waits(pieces[-1][0])):
            pieces.append((text if text.startswith(">") else f"> {_TYPED.sub('', text)}", at))
        elif text.strip().startswith("# ") and _is_command(text.strip()[2:]):
            unread.append(Unread(at, text.strip(), "a comment, or a command at root's prompt"))
    return pieces, unread


def _open(text: str) -> bool:
    """Whether a shell would read on after this text."""
    statements = parse_script(text)
    return text.endswith("\\") or any(
        "closed" in why or "nothing behind" in why or "no end" in why
        for statement in statements
        for why in statement.unclear
    )


def _waits(text: str) -> bool:
    statements = parse_script(text)
    return bool(statements) and (
        text.startswith(">") or classify(statements[-1]).effect is Effect.INTERACTIVE
    )


def _take(statement: Statement, begins: int, found: list[Command]) -> None:
    """Add the statement to `found`, as a command or as input for the one before it."""
    line = begins + statement.line - 1
    last = begins + statement.last_line - 1
    prompt = _opened_prompt(found)
    if statement.text.startswith(">") and prompt is not None:
        text = _TYPED.sub("", statement.text, count=1)
        judgement = _judge_input(text, prompt)
        found.append(
            Command(
                text, line, last, judgement.effect, judgement.why, judgement.endless,
                Form.INPUT, prompt, statement.comment, holes_in(text, None),
            )
        )  # fmt: skip
        return
    judgement = classify(statement)
    found.append(
        Command(
            statement.text, line, last, judgement.effect, judgement.why, judgement.endless,
            comment=statement.comment, placeholders=holes_in(statement.text, statement),
            statement=statement,
        )
    )  # fmt: skip


def _opened_prompt(found: Sequence[Command]) -> str | None:
    if not found:
        return None
    if found[-1].form is Form.INPUT:
        return found[-1].typed_into
    return found[-1].text if found[-1].effect is Effect.INTERACTIVE else None


def _judge_input(text: str, prompt: str) -> Judgement:
    if re.search(r"\b(redis|valkey)-cli\s*$", prompt):
        return judge_redis_command(text.split())
    return unsure("what is typed at a prompt is not known here")


def holes_in(text: str, statement: Statement | None) -> tuple[str, ...]:
    """Return what stands for a value in a command, each once: placeholders and shell variables."""
    found = [each.text for each in find_placeholders(_without_comments(text))]
    for simple in statement.simples if statement else ():
        found += _variables(simple)
    return tuple(dict.fromkeys(found))


def _without_comments(text: str) -> str:
    return re.sub(r"(?m)(^|\s)#[^'\"\n]*$", "", text)


def _variables(simple: Simple) -> list[str]:
    words = [*simple.words, *(value for _, value in simple.assignments)]
    words += [redirect.target for redirect in simple.redirects]
    return [hole for word in words for hole in word.holes]
