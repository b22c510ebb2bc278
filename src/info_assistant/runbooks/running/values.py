"""Values for what stands for something in a command: given, from the environment, or observed."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from info_assistant.runbooks.errors import StepRefused
from info_assistant.runbooks.running.shell import Shell
from info_assistant.runbooks.shell.placeholders import Placeholder, find_placeholders
from info_assistant.runbooks.shell.scripts import parse_script

_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+=,%-]*")
"""A value of these characters is one word to a shell, and never an option."""

_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|([A-Za-z_]\w*))")
_PREFIX = re.compile(r"(?<![\w-])(?P<owner>[a-z0-9][a-z0-9-]*-)$")
_OWN_DOLLARS = {"awk", "jq", "sed", "grep", "egrep"}
_OBSERVE_S = 15.0


@dataclass(frozen=True, slots=True)
class Resolved:
    """A command with its values; `values` tells which by the placeholder's name, for the record."""

    text: str
    values: Mapping[str, str]


class Values:
    """Knows what operators gave, and what can be looked up."""

    def __init__(
        self, given: Mapping[str, str], variables: Mapping[str, str], shell: Shell
    ) -> None:
        """Take `given` by the placeholder's name, such as POD-ID, whatever its brackets."""
        self._given = {_plain(name): value for name, value in given.items()}
        self._variables = variables
        self._shell = shell

    def resolve(self, text: str, scope: str, *, observe: bool = True) -> Resolved:
        """Return the command with every placeholder replaced. Raises StepRefused where one is left.

        `scope` is kubectl's option for the namespace; without `observe` nothing is looked up.
        """
        used: dict[str, str] = {}
        pieces, at = [], 0
        for hole in find_placeholders(text):
            value = self._given.get(_plain(hole.name))
            if value is None and observe:
                value = self._pod(text, hole, scope)
            if value is None:
                raise StepRefused(
                    f"{hole.text} stands for a value that nobody gave. Give it with "
                    f"--set {_plain(hole.name)}=VALUE."
                )
            _check(hole.text, value)
            used[_plain(hole.name)] = value
            pieces += [text[at : hole.start], value]
            at = hole.end
        whole = "".join(pieces) + text[at:]
        for match in _VARIABLE.finditer(_without_programs(whole)):
            self._check_variable(match[1] or match[2])
        return Resolved(whole, used)

    def _check_variable(self, name: str) -> None:
        value = self._variables.get(name)
        if value is None:
            raise StepRefused(f"The variable {name} is not set. Set it, and run this again.")
        _check(f"${name}", value)

    def _pod(self, text: str, hole: Placeholder, scope: str) -> str | None:
        """Look for a pod that is ready, where a pod's name ends with a placeholder."""
        owner = _PREFIX.search(text[: hole.start])
        if owner is None or not re.match(r"pod", _plain(hole.name), re.IGNORECASE):
            return None
        command = f"kubectl get pods {scope} --no-headers" if scope else "kubectl get pods"
        listed = self._shell.run(command, _OBSERVE_S)
        for line in listed.output.split("\n") if listed.exit_code == 0 else ():
            columns = line.split()
            ready = re.fullmatch(r"(\d+)/\1", columns[1]) if len(columns) > 1 else None
            if ready and columns[0].startswith(owner["owner"]) and "Running" in columns:
                return columns[0].removeprefix(owner["owner"])
        raise StepRefused(
            f"{hole.text}: no pod of {owner['owner'].rstrip('-')} is ready, or the cluster does "
            f"not answer ({listed.output.strip()[:200] or 'no pod is listed'})."
        )


def _without_programs(text: str) -> str:
    """Return a command without quoted words in which a dollar is a language's own, as in awk."""
    for statement in parse_script(text):
        for simple in statement.simples:
            if simple.words and simple.words[0].value in _OWN_DOLLARS:
                for word in simple.words[1:]:
                    if word.text.startswith("'"):
                        text = text.replace(word.text, "")
    return text


def _plain(name: str) -> str:
    return name.strip("[]<>{} $").upper().replace("_", "-")


def _check(name: str, value: str) -> None:
    if not _SAFE.fullmatch(value):
        raise StepRefused(
            f"The value of {name} is empty, or has characters that a shell might understand "
            "otherwise. Type this command yourself."
        )
