"""What a runbook says, as nouns; every one knows the line of the file that it comes from."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from info_assistant.runbooks.shell.effects import Effect
from info_assistant.runbooks.shell.words import Statement


class Form(StrEnum):
    """How a command is given to a machine."""

    SHELL = "shell"
    INPUT = "input"
    """Typed at a prompt that the command before it opened."""


class BlockKind(StrEnum):
    """What a block of a runbook is for."""

    SHELL = "shell"
    QUERIES = "queries"
    TEMPLATE = "template"
    CHECKLIST = "checklist"
    OTHER = "other"
    """Shown to people, never run."""


class Role(StrEnum):
    """What a section is for, as its heading says."""

    SYMPTOMS = "symptoms"
    INVESTIGATION = "investigation"
    RESOLUTION = "resolution"
    IMPACT = "impact"
    COMMUNICATION = "communication"
    QUERIES = "queries"
    AFTERWARDS = "afterwards"
    VERIFICATION = "verification"
    CONTACTS = "contacts"
    ESCALATION = "escalation"
    STATUS_PAGE = "status page"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Command:
    """A command of the runbook and what it may change. `line` counts from 1 in the file."""

    text: str
    line: int
    last_line: int
    effect: Effect
    why: str
    endless: bool = False
    form: Form = Form.SHELL
    typed_into: str = ""
    """For input: the command that opens the prompt."""
    comment: str = ""
    placeholders: tuple[str, ...] = ()
    statement: Statement | None = None
    """Its grammar; none for input."""


@dataclass(frozen=True, slots=True)
class Query:
    """A PromQL expression."""

    text: str
    line: int
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """A line of a checklist or a list of remarks."""

    text: str
    line: int


@dataclass(frozen=True, slots=True)
class Block:
    """A fence, an indented block, or commands within a sentence."""

    kind: BlockKind
    line: int
    last_line: int
    text: str
    language: str = ""
    commands: tuple[Command, ...] = ()
    queries: tuple[Query, ...] = ()
    items: tuple[Item, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """An item of an ordered list, or what stands outside one (then `number` is 0)."""

    number: int
    title: str
    line: int
    blocks: tuple[Block, ...] = ()
    notes: tuple[Item, ...] = ()


@dataclass(frozen=True, slots=True)
class Option:
    """One of several ways to go on; `condition` is what must hold for it, as it is written."""

    label: str
    title: str
    condition: str
    line: int
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class Callout:
    """A line that warns."""

    line: int
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what stands below it, up to the next one."""

    role: Role
    title: str
    line: int
    level: int
    steps: tuple[Step, ...] = ()
    options: tuple[Option, ...] = ()
    notes: tuple[Item, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    """Lines such as `**Slack Channel**: #incidents`."""

    def blocks(self) -> Iterator[Block]:
        """Yield all blocks in their order, those of options too."""
        for step in [*self.steps, *(step for option in self.options for step in option.steps)]:
            yield from step.blocks


@dataclass(frozen=True, slots=True)
class Scenario:
    """An incident that the runbook is for."""

    code: str
    title: str
    line: int
    sections: tuple[Section, ...]

    @property
    def options(self) -> list[Option]:
        """All ways to go on."""
        return [option for section in self.sections for option in section.options]

    @property
    def symptoms(self) -> list[Item]:
        """What is seen when this incident is at hand."""
        found = [section.notes for section in self.sections if section.role is Role.SYMPTOMS]
        return [item for notes in found for item in notes]


@dataclass(frozen=True, slots=True)
class Contact:
    """A row of the table of contacts. `ways` has phone, chat and mail by the column's title."""

    role: str
    name: str
    ways: Mapping[str, str]
    line: int


@dataclass(frozen=True, slots=True)
class Tier:
    """Who is called when an incident has lasted so long, in minutes."""

    begins_min: int
    ends_min: int | None
    text: str
    line: int


@dataclass(frozen=True, slots=True)
class Repair:
    """Characters that had been read in a wrong encoding, and what they were."""

    line: int
    broken: str
    repaired: str


@dataclass(frozen=True, slots=True)
class Unread:
    """Something that looks as if it were to be run, and is not read as a command."""

    line: int
    text: str
    why: str


@dataclass(frozen=True, slots=True)
class Runbook:
    """A runbook; `text` is repaired, `sha256` is of the file's own bytes."""

    name: str
    sha256: str
    text: str
    title: str
    facts: Mapping[str, str]
    scenarios: tuple[Scenario, ...]
    sections: tuple[Section, ...]
    """Those that belong to no scenario."""
    contacts: tuple[Contact, ...] = ()
    tiers: tuple[Tier, ...] = ()
    callouts: tuple[Callout, ...] = ()
    repairs: tuple[Repair, ...] = ()
    unread: tuple[Unread, ...] = ()

    def all_sections(self) -> Iterator[Section]:
        """Yield every section in the order of the file."""
        owned = [section for scenario in self.scenarios for section in scenario.sections]
        yield from sorted([*owned, *self.sections], key=lambda section: section.line)

    def commands(self) -> list[Command]:
        """Return every command in the order of the file."""
        blocks = [block for section in self.all_sections() for block in section.blocks()]
        found = [command for block in blocks for command in block.commands]
        return sorted(found, key=lambda command: command.line)

    def blocks(self, kind: BlockKind) -> list[Block]:
        """Return every block of a kind, in the order of the file."""
        blocks = [block for section in self.all_sections() for block in section.blocks()]
        return sorted((b for b in blocks if b.kind is kind), key=lambda block: block.line)

    def scenario(self, code: str) -> Scenario | None:
        """Return the scenario of that code, whatever the case of its letters."""
        wanted = code.casefold()
        return next((each for each in self.scenarios if each.code.casefold() == wanted), None)
