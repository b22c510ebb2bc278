"""Options of commands: which are known, which take a value, and what is left."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from info_assistant.runbooks.shell.words import Word


@dataclass(frozen=True, slots=True)
class Options:
    """The options that a command is known to take; `values` are those followed by a value."""

    switches: frozenset[str] = frozenset()
    values: frozenset[str] = frozenset()

    def __or__(self, other: "Options") -> "Options":
        """Return the options of both."""
        return Options(self.switches | other.switches, self.values | other.values)


def options(switches: str = "", values: str = "") -> Options:
    """Return the options that are written in two lists with spaces."""
    return Options(frozenset(switches.split()), frozenset(values.split()))


@dataclass(slots=True)
class Parsed:
    """Words of a command, sorted."""

    given: dict[str, list[str]] = field(default_factory=dict)
    """Each option with its values; a switch has the value `true`."""
    rest: list[Word] = field(default_factory=list)
    """Words that are no options."""
    after: list[Word] | None = None
    """Words behind `--`, if there is one."""
    strange: list[str] = field(default_factory=list)
    """Options that are not known."""

    def value(self, *names: str) -> str | None:
        """Return the last value of an option under any of its names."""
        return next((self.given[name][-1] for name in names if name in self.given), None)

    def has(self, *names: str) -> bool:
        """Return whether a switch is on under any of its names."""
        return any(self.given.get(name, ["false"])[-1] != "false" for name in names)

    @property
    def sure(self) -> bool:
        """Whether every option is known."""
        return not self.strange


def parse_options(words: Sequence[Word], known: Options, *, stop_at_first: bool = False) -> Parsed:
    """Sort `words`; with `stop_at_first` all from the first one that is no option are `rest`."""
    parsed = Parsed()
    queue = list(words)
    while queue:
        word = queue.pop(0)
        text = word.value
        if text == "--":
            parsed.after = queue
            break
        if not text.startswith("-") or text == "-":
            parsed.rest.append(word)
            if stop_at_first:
                parsed.rest += queue
                break
        elif text.startswith("--") or text in known.values | known.switches:
            _long(text, known, queue, parsed)
        else:
            _short(text, known, queue, parsed)
    return parsed


def _long(text: str, known: Options, queue: list[Word], parsed: Parsed) -> None:
    name, equals, value = text.partition("=")
    if name in known.values:
        if not equals:
            if not queue:
                parsed.strange.append(text)
                return
            value = queue.pop(0).value
        parsed.given.setdefault(name, []).append(value)
    elif name in known.switches and (not equals or value in {"true", "false"}):
        parsed.given.setdefault(name, []).append(value or "true")
    else:
        parsed.strange.append(text)


def _short(text: str, known: Options, queue: list[Word], parsed: Parsed) -> None:
    """Sort letters that stand together, such as `-it` or `-n5`; `-#` stands for any number."""
    if text[1:].isdigit() and "-#" in known.switches:
        parsed.given.setdefault("-#", []).append(text[1:])
        return
    for at in range(1, len(text)):
        name = f"-{text[at]}"
        if name in known.values:
            value = text[at + 1 :].removeprefix("=")
            if not value:
                if not queue:
                    parsed.strange.append(text)
                    return
                value = queue.pop(0).value
            parsed.given.setdefault(name, []).append(value)
            return
        if name not in known.switches:
            parsed.strange.append(text)
            return
        parsed.given.setdefault(name, []).append("true")


Table = Mapping[str, Options]
