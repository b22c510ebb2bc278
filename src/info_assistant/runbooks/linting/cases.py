"""A command with the commands beside it, and with what the runbook tells of the system."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from info_assistant.runbooks.model import Command, Runbook, Step
from info_assistant.runbooks.shell.options import parse_options
from info_assistant.runbooks.shell.programs.kubectl import Kubectl, parse_kubectl
from info_assistant.runbooks.shell.programs.network import CURL_OPTIONS, curl_urls
from info_assistant.runbooks.shell.words import Simple, Word


@dataclass(frozen=True, slots=True)
class Facts:
    """What a runbook itself says of the system that it is for."""

    namespace: str | None
    """The one that nearly every command names; none where there are several."""
    scaled_by_itself: bool
    """Some command looks at a HorizontalPodAutoscaler."""
    label: str | None
    """The key of the label by which pods are chosen, such as `component`."""
    controllers: frozenset[str]
    """Deployments and StatefulSets that are named, as `deployment/backend`."""


@dataclass(slots=True)
class Draft:
    """A command that rules put right one after the other: its first part, and the rest."""

    words: list[str]
    tail: str = ""
    head: str = ""
    """What stands before the program, such as `KUBECONFIG=x`."""
    before_line: int = 0
    """The line before which it has to run; 0 where its own place is right."""

    @property
    def text(self) -> str:
        """The command as it stands now."""
        return self.head + " ".join(self.words) + self.tail

    def drop(self, *options: str) -> None:
        """Take options without a value away."""
        self.words = [word for word in self.words if word not in options]

    def add(self, *words: str) -> None:
        """Add words to kubectl's own part, that is before a `--`."""
        at = self.words.index("--") if "--" in self.words else len(self.words)
        self.words[at:at] = words

    def replace(self, *words: str) -> None:
        """Become another command."""
        self.words, self.tail, self.head = list(words), "", ""


@dataclass(frozen=True, slots=True)
class Case:
    """A command to be judged by rules. `beside` are the commands of the same option or section."""

    command: Command
    beside: Sequence[Command]
    facts: Facts
    condition: str = ""
    """What must hold for the option that the command is part of."""
    option_line: int = 0
    kubectl: Kubectl | None = None
    words: tuple[Word, ...] = ()
    simples: tuple[Simple, ...] = ()
    draft: Draft = field(default_factory=lambda: Draft([]))

    @property
    def program(self) -> str:
        """The first word."""
        return self.words[0].value if self.words else ""

    @property
    def inner(self) -> tuple[str, ...]:
        """What runs in a pod, as words."""
        return tuple(word.value for word in self.kubectl.inner) if self.kubectl else ()

    @property
    def before(self) -> list["Case"]:
        """The commands before this one, in the same option or section."""
        return [
            case_of(each, self.beside, self.facts)
            for each in self.beside
            if each.line < self.command.line
        ]

    @property
    def after(self) -> list["Case"]:
        """The commands behind this one, in the same option or section."""
        return [
            case_of(each, self.beside, self.facts)
            for each in self.beside
            if each.line > self.command.line
        ]

    @property
    def controller(self) -> str | None:
        """The Deployment or StatefulSet that it is about, as `deployment/backend`."""
        for resource in self.kubectl.resources if self.kubectl else ():
            kind, _, name = resource.partition("/")
            kind = {"deploy": "deployment", "deployments": "deployment", "sts": "statefulset"}.get(
                kind, kind
            )
            if kind in {"deployment", "statefulset", "daemonset"} and name:
                return f"{kind}/{name}"
        return None

    @property
    def scope(self) -> tuple[str, ...]:
        """The option that names the namespace, for a further command."""
        namespace = self.kubectl.namespace if self.kubectl else None
        namespace = namespace or self.facts.namespace
        return ("-n", namespace) if namespace else ()


def case_of(
    command: Command, beside: Sequence[Command], facts: Facts, condition: str = "", line: int = 0
) -> Case:
    """Return a command taken apart."""
    statement = command.statement
    simple = statement.simples[0] if statement and statement.simples else None
    words = simple.words if simple else ()
    kubectl = parse_kubectl(words[1:]) if words and words[0].value in {"kubectl", "oc"} else None
    return Case(
        command,
        beside,
        facts,
        condition,
        line,
        kubectl,
        words,
        statement.simples if statement else (),
        _draft(command, words),
    )


def _draft(command: Command, words: Sequence[Word]) -> Draft:
    begin = command.text.find(words[0].text) if words else 0
    at = max(0, begin)
    head = command.text[:at]
    for word in words:
        found = command.text.find(word.text, at)
        at = found + len(word.text) if found >= 0 else at
    return Draft([word.text for word in words], command.text[at:], head)


def facts_of(runbook: Runbook) -> Facts:
    """Gather what the commands of a runbook say of the system."""
    empty = Facts(None, scaled_by_itself=False, label=None, controllers=frozenset())
    cases = [case_of(command, (), empty) for command in runbook.commands()]
    named = [case for case in cases if case.kubectl is not None]
    namespaces = Counter(case.kubectl.namespace for case in named if case.kubectl)
    selectors = [case.kubectl.parsed.value("-l", "--selector") for case in named if case.kubectl]
    labels = Counter(each.split("=")[0] for each in selectors if each and "=" in each)
    resources = [resource for case in named if case.kubectl for resource in case.kubectl.resources]
    known = [name for name in namespaces if name]
    return Facts(
        known[0] if len(known) == 1 else None,
        any(re.match(r"hpa|horizontalpodautoscaler", resource) for resource in resources),
        labels.most_common(1)[0][0] if labels else None,
        frozenset(name for case in named if (name := case.controller)),
    )


def cases_of(runbook: Runbook) -> list[Case]:
    """Return every command with its surroundings, in the order of the file."""
    facts = facts_of(runbook)
    cases: list[Case] = []
    for section in runbook.all_sections():
        cases += _cases(section.steps, facts, "", 0)
        for option in section.options:
            cases += _cases(option.steps, facts, option.condition, option.line)
    return sorted(cases, key=lambda case: case.command.line)


def _cases(steps: Sequence[Step], facts: Facts, condition: str, line: int) -> list[Case]:
    commands = [command for step in steps for block in step.blocks for command in block.commands]
    return [case_of(command, commands, facts, condition, line) for command in commands]


def settings_of(case: Case) -> dict[str, str]:
    """Return the variables that a `kubectl set env` sets."""
    if case.kubectl is None or case.kubectl.verb != "set env":
        return {}
    words = [word.value for word in case.kubectl.parsed.rest]
    return dict(word.split("=", 1) for word in words if "=" in word)


def curl_of(case: Case) -> tuple[list[str], dict[str, list[str]]] | None:
    """Return addresses and options of a call of curl, also of one in a pod."""
    words = case.words
    if case.kubectl is not None and case.kubectl.inner:
        words = case.kubectl.inner
    if not words or words[0].value != "curl":
        return None
    parsed = parse_options(words[1:], CURL_OPTIONS)
    return curl_urls(parsed), parsed.given
