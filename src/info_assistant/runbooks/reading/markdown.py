"""Reads a runbook: CommonMark with tables in, scenarios, steps, options and commands out."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode

from info_assistant.runbooks.errors import RunbookUnreadable
from info_assistant.runbooks.model import (
    Block,
    BlockKind,
    Callout,
    Contact,
    Item,
    Option,
    Role,
    Runbook,
    Scenario,
    Section,
    Step,
    Tier,
    Unread,
)
from info_assistant.runbooks.reading.blocks import read_block, read_commands
from info_assistant.runbooks.reading.encoding import repair
from info_assistant.runbooks.reading.sections import (
    callout_of,
    contacts_of,
    option_title,
    role_of,
    scenario_title,
    tier_of,
)
from info_assistant.runbooks.shell.classify import KNOWN_PROGRAMS

LARGEST_BYTES = 4_000_000
"""A runbook is written by hand; whatever is larger is something else."""

_FACT = re.compile(r"\*\*([^*]+)\*\*:[ \t]*(.+?)[ \t]*$", re.MULTILINE)
_BOLD_START = re.compile(r"\*\*(.+?)\*\*(.*)", re.DOTALL)


def read_runbook(path: Path) -> Runbook:
    """Read the file; its bytes stay as they are. Raises RunbookUnreadable."""
    return parse_runbook(read_bytes(path), path.name)


def read_bytes(path: Path) -> bytes:
    """Return the file's bytes. Raises RunbookUnreadable."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise RunbookUnreadable(
            f"{path} cannot be read ({error.strerror}). Name a Markdown file that exists."
        ) from error


def parse_runbook(data: bytes, name: str) -> Runbook:
    """Return the runbook that the bytes of a file hold. Raises RunbookUnreadable."""
    if len(data) > LARGEST_BYTES or b"\0" in data:
        raise RunbookUnreadable(
            f"{name} is larger than {LARGEST_BYTES // 1_000_000} MB, or no text. "
            "A runbook is a Markdown file."
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RunbookUnreadable(
            f"{name} is not UTF-8 (byte {error.start}). Save it as UTF-8, and read it again."
        ) from error
    text, repairs = repair(text.replace("\r\n", "\n"))
    reader = _Reader(text)
    scenarios, sections = reader.read()
    return Runbook(
        name=name,
        sha256=hashlib.sha256(data).hexdigest(),
        text=text,
        title=reader.title,
        facts=reader.facts,
        scenarios=tuple(scenarios),
        sections=tuple(sections),
        contacts=tuple(reader.contacts),
        tiers=tuple(reader.tiers),
        callouts=tuple(reader.callouts),
        repairs=tuple(repairs),
        unread=tuple(reader.unread),
    )


@dataclass(slots=True)
class _Part:
    """A heading with the nodes below it, up to the next heading."""

    title: str
    level: int
    line: int
    nodes: list[SyntaxTreeNode] = field(default_factory=list)


@dataclass(slots=True)
class _Gathering:
    """What a section holds, while it is read: the option or else the section that is filled."""

    steps: list[Step] = field(default_factory=list)
    options: list[Option] = field(default_factory=list)
    notes: list[Item] = field(default_factory=list)
    facts: dict[str, str] = field(default_factory=dict)

    def add_step(self, step: Step) -> None:
        """Give the step to the last option, if one has begun, else to the section."""
        if self.options:
            last = self.options[-1]
            whole = (*last.steps, step)
            self.options[-1] = Option(last.label, last.title, last.condition, last.line, whole)
        else:
            self.steps.append(step)


class _Reader:
    def __init__(self, text: str) -> None:
        self._lines = text.split("\n")
        root = SyntaxTreeNode(MarkdownIt("commonmark").enable("table").parse(text))
        self._parts = list(_parts(root))
        self.title = next((part.title for part in self._parts if part.level == 1), "")
        self.facts: dict[str, str] = {}
        self.contacts: list[Contact] = []
        self.tiers: list[Tier] = []
        self.unread: list[Unread] = []
        self.callouts: list[Callout] = [
            callout
            for at, line in enumerate(self._lines, start=1)
            if (callout := callout_of(line, at)) is not None
        ]

    def read(self) -> tuple[list[Scenario], list[Section]]:
        """Return the scenarios, and the sections that belong to none."""
        begins = self._scenario_parts()
        scenarios: list[Scenario] = []
        loose: list[Section] = []
        current: tuple[str, str, _Part] | None = None
        held: list[Section] = []
        for part, section in self._sections():
            if part in begins or (current and part.level <= current[2].level):
                if current:
                    scenarios.append(_scenario(current, held))
                    held = []
                current = None
            if part in begins:
                code, title = scenario_title(part.title) or (f"S{len(scenarios) + 1}", part.title)
                current = (code, title, part)
            (held if current else loose).append(section)
        if current:
            scenarios.append(_scenario(current, held))
        self.facts = dict(next((s.facts for s in loose if s.level <= 1), {}))
        return scenarios, loose

    def _scenario_parts(self) -> list[_Part]:
        """Return the headings that begin a scenario.

        Those with a code such as `P0-1:`; else those with at least two kinds of sections of an
        incident below them; else the document's own title.
        """
        coded = [part for part in self._parts if scenario_title(part.title)]
        if coded:
            return coded
        found = []
        for at, part in enumerate(self._parts):
            roles = set()
            for below in self._parts[at + 1 :]:
                if below.level <= part.level:
                    break
                roles.add(role_of(below.title))
            named = roles & {Role.SYMPTOMS, Role.INVESTIGATION, Role.RESOLUTION}
            if part.level > 1 and len(named) > 1:
                found.append(part)
        return found or [part for part in self._parts if part.level <= 1][:1]

    def _sections(self) -> Iterator[tuple[_Part, Section]]:
        """Yield each heading's section; headings that are options are part of the one before."""
        held: tuple[_Part, Role, _Gathering] | None = None
        for part in self._parts:
            option = option_title(part.title)
            if option is not None and held is not None and part.level > held[0].level:
                held[2].options.append(Option(*option, part.line))
                self._gather(part, held[1], held[2])
                continue
            if held is not None:
                yield held[0], _section(*held)
            held = (part, role_of(part.title), _Gathering())
            self._gather(*held)
        if held is not None:
            yield held[0], _section(*held)

    def _gather(self, part: _Part, role: Role, into: _Gathering) -> None:
        for node in part.nodes:
            line = _line(node)
            if node.type == "paragraph":
                self._paragraph(node, line, into)
            elif node.type == "ordered_list":
                self._ordered(node, role, into)
            elif node.type == "bullet_list":
                self._bullets(node, role, into)
            elif node.type == "table":
                self.contacts += contacts_of(_rows(node))
            else:
                blocks, notes = self._contents([node], role)
                into.notes += notes
                if blocks:
                    into.add_step(
                        Step(
                            0,
                            blocks[0].commands[0].comment if blocks[0].commands else "",
                            line,
                            tuple(blocks),
                        )
                    )

    def _paragraph(self, node: SyntaxTreeNode, line: int, into: _Gathering) -> None:
        text = _text(node)
        bold = _BOLD_START.match(text)
        option = option_title("".join(bold.groups()) if bold else text)
        if option is not None and bold:
            into.options.append(Option(*option, line))
            return
        into.facts.update(_FACT.findall(text))
        commands = self._inline(node, line)
        if commands:
            into.add_step(Step(0, _plain(text), line, tuple(commands)))
        elif not _FACT.search(text):
            into.notes.append(Item(_plain(text), line))

    def _ordered(self, node: SyntaxTreeNode, role: Role, into: _Gathering) -> None:
        first = int(node.attrs.get("start", 1))
        for at, item in enumerate(node.children):
            line = _line(item)
            text = _text(item.children[0]) if item.children else ""
            if role is Role.ESCALATION and (tier := tier_of(text, line)):
                self.tiers.append(tier)
            blocks, notes = self._contents(item.children[1:], role)
            if item.children and item.children[0].type == "paragraph":
                blocks = self._inline(item.children[0], line) + blocks
            elif item.children:
                more, extra = self._contents(item.children[:1], role)
                blocks, notes, text = more + blocks, extra + notes, ""
            title = _plain(text.split("\n")[0])
            into.add_step(Step(first + at, title, line, tuple(blocks), tuple(notes)))

    def _bullets(self, node: SyntaxTreeNode, role: Role, into: _Gathering) -> None:
        for item in node.children:
            line = _line(item)
            text = _text(item.children[0]) if item.children else ""
            if role is Role.ESCALATION and (tier := tier_of(text, line)):
                self.tiers.append(tier)
            blocks, notes = self._contents(item.children, role)
            if blocks:
                into.add_step(Step(0, _plain(text.split("\n")[0]), line, tuple(blocks)))
            (into.notes).extend(notes)

    def _contents(
        self, nodes: Sequence[SyntaxTreeNode], role: Role
    ) -> tuple[list[Block], list[Item]]:
        """Return the blocks and remarks of nodes and of all that is nested in them."""
        blocks: list[Block] = []
        notes: list[Item] = []
        for node in nodes:
            line = _line(node)
            if node.type == "fence":
                language = (node.info.strip().split() or [""])[0].strip("{}.").lower()
                block, unread = read_block(node.content, language, line + 1, role)
                blocks.append(block)
                self.unread += unread
            elif node.type == "code_block":
                block, unread = read_block(node.content, "", line, role)
                blocks.append(block)
                self.unread += unread
            elif node.type == "paragraph":
                inline = self._inline(node, line)
                blocks += inline
                notes += [] if inline else [Item(_plain(_text(node)), line)]
            elif node.type == "table":
                self.contacts += contacts_of(_rows(node))
            else:
                more, extra = self._contents(node.children, role)
                blocks += more
                notes += extra
        return blocks, notes

    def _inline(self, node: SyntaxTreeNode, line: int) -> list[Block]:
        """Return a block for each command that a sentence quotes."""
        found = []
        for child in node.children[0].children if node.children else ():
            words = child.content.split() if child.type == "code_inline" else []
            if len(words) > 1 and words[0].removeprefix("$") in KNOWN_PROGRAMS | {""}:
                at = self._line_of(child.content, line)
                commands, unread = read_commands(child.content, at)
                self.unread += unread
                found.append(
                    Block(BlockKind.SHELL, at, at, child.content, "inline", tuple(commands))
                )
        return found

    def _line_of(self, code: str, line: int) -> int:
        """Return the line from `line` on that quotes `code`, which may go on in the next one."""
        for length in (len(code), 30, 12):
            for at, text in enumerate(self._lines[line - 1 :], start=line):
                if not text.strip():
                    break
                if code[:length] in text:
                    return at
        return line


def _parts(root: SyntaxTreeNode) -> Iterator[_Part]:
    part = _Part("", 0, 1)
    for node in root.children:
        if node.type == "heading":
            if part.level or part.nodes:
                yield part
            part = _Part(_plain(_text(node)), int(node.tag[1:]), _line(node))
        else:
            part.nodes.append(node)
    yield part


def _scenario(begun: tuple[str, str, _Part], sections: list[Section]) -> Scenario:
    code, title, part = begun
    return Scenario(code, title, part.line, tuple(sections))


def _section(part: _Part, role: Role, held: _Gathering) -> Section:
    return Section(
        role,
        part.title,
        part.line,
        part.level,
        tuple(held.steps),
        tuple(held.options),
        tuple(held.notes),
        held.facts,
    )


def _line(node: SyntaxTreeNode) -> int:
    return node.map[0] + 1 if node.map else 0


def _text(node: SyntaxTreeNode) -> str:
    """Return the Markdown text of a paragraph or heading."""
    return node.children[0].content if node.children and node.children[0].type == "inline" else ""


def _plain(text: str) -> str:
    return re.sub(r"\*\*|__|`", "", text).strip()


def _rows(node: SyntaxTreeNode) -> list[tuple[int, list[str]]]:
    return [
        (_line(row), [_plain(_text(cell)) for cell in row.children])
        for group in node.children
        for row in group.children
    ]
