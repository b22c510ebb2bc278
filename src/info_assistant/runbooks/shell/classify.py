"""What a statement of a script may change: the gravest of all that it runs.

Read-only is said only of what is known in every part: program, verb, options, words. Anything else
counts as mutating, because a mistake in that direction costs a question and no data.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from info_assistant.runbooks.shell.effects import Call, Effect, Judge, Judgement, reads, unsure
from info_assistant.runbooks.shell.programs import kubectl, machine, network, stores
from info_assistant.runbooks.shell.scripts import parse_script
from info_assistant.runbooks.shell.words import Redirect, Simple, Statement, Word

_JUDGES: Mapping[str, Judge] = {
    **machine.JUDGES,
    "kubectl": kubectl.judge_kubectl,
    "oc": kubectl.judge_kubectl,
    "redis-cli": stores.judge_redis,
    "valkey-cli": stores.judge_redis,
    "psql": stores.judge_sql,
    "mysql": stores.judge_sql,
    "curl": network.judge_curl,
    "wget": network.judge_wget,
    "aws": network.judge_aws,
    "gcloud": network.judge_cloud,
    "az": network.judge_cloud,
}
KNOWN_PROGRAMS = frozenset(_JUDGES) | machine.DESTROYERS | machine.LOCALS | machine.PROMPTS
_TRUSTED_FOLDERS = {".", "/bin", "/usr/bin", "/usr/local/bin", "/usr/sbin", "/sbin"}
_HARMLESS_VARIABLES = {
    "KUBECONFIG", "AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "REDISCLI_AUTH", "PGPASSWORD",
    "PGHOST", "PGUSER", "PGDATABASE", "LANG", "LC_ALL", "TZ", "NO_COLOR",
}  # fmt: skip
_SAYS_THAT_IT_DESTROYS = re.compile(
    r"restore|wipe|purge|drop|delete|destroy|truncate|reset|format|erase|clean", re.IGNORECASE
)
_MISLEADING = {"Pd", "Cf", "Zs", "Cc", "Zl", "Zp"}
"""Dashes, characters without a shape, spaces and controls, as Unicode classes them."""
_DEEPEST = 6
_OPEN_ALREADY = {"0", "1", "2", "-"}


def classify(statement: Statement) -> Judgement:
    """Return what a statement may change, and why."""
    return _Classifier(0).statement(statement)


def classify_script(text: str) -> Judgement:
    """Return what all statements of a script together may change."""
    return _Classifier(0).script(text)


def look_alikes(text: str) -> Sequence[str]:
    """Return characters that look like others or like none: dashes, spaces, invisible ones."""
    return [
        char
        for char in text
        if (char in "\u2212\u02d7\u2043" or unicodedata.category(char) in _MISLEADING)
        and char not in "-\t\n "
    ]


class _Classifier:
    def __init__(self, depth: int) -> None:
        self._depth = depth

    def script(self, text: str) -> Judgement:
        statements = parse_script(text)
        if self._depth > _DEEPEST or not statements:
            return unsure("a script within a script is empty, or too deep to follow")
        found = [_Classifier(self._depth + 1).statement(each) for each in statements]
        total = found[0]
        for each in found[1:]:
            total = total.beside(each)
        return total

    def statement(self, statement: Statement) -> Judgement:
        if not statement.simples:
            return unsure("there is nothing in it that is understood")
        total = self._simple(statement.simples[0])
        for simple in statement.simples[1:]:
            total = total.beside(self._simple(simple))
        if statement.unclear:
            total = total.at_least(Effect.MUTATING, statement.unclear[0])
        if statement.background:
            total = total.at_least(Effect.LOCAL, "it goes on in the background")
        odd = look_alikes(statement.text)
        if odd:
            name = unicodedata.name(odd[0], f"U+{ord(odd[0]):04X}")
            total = total.at_least(Effect.MUTATING, f"it has a misleading character: {name}")
        return total

    def _simple(self, simple: Simple) -> Judgement:
        fed = simple.reads_pipe or any(
            each.operator.lstrip("0").startswith("<") for each in simple.redirects
        )
        total = self.words(simple.words, fed) if simple.words else self._assignment()
        for name, _value in simple.assignments if simple.words else ():
            if name not in _HARMLESS_VARIABLES:
                total = total.at_least(Effect.MUTATING, f"{name}= may change what it does")
        for redirect in simple.redirects:
            total = total.beside(self._redirect(redirect))
        words = [*simple.words, *(value for _, value in simple.assignments)]
        if any(word.opaque for word in words):
            total = total.at_least(Effect.MUTATING, "part of it is only known when it runs")
        for script in self._substitutions(simple):
            inner = self.script(script)
            alone = not simple.words and inner.effect is Effect.READ_ONLY
            floor = Effect.LOCAL if alone else Effect.MUTATING
            total = total.beside(inner).at_least(floor, "part of it is only known when it runs")
        return total

    @staticmethod
    def _assignment() -> Judgement:
        return Judgement(Effect.LOCAL, "it sets a value, or opens a file, here")

    @staticmethod
    def _substitutions(simple: Simple) -> list[str]:
        words = [*simple.words, *(value for _, value in simple.assignments)]
        words += [each.target for each in simple.redirects]
        return [script for word in words for script in word.substitutions]

    @staticmethod
    def _redirect(redirect: Redirect) -> Judgement:
        operator = redirect.operator.lstrip("0123456789")
        target = redirect.target
        if redirect.body is not None:
            if redirect.expands and re.search(r"[$`]", redirect.body):
                return unsure("a here-document in which the shell expands something")
            return reads("it is fed a text")
        if operator == "<<<":
            return (
                reads("it is fed a text") if target.plain else unsure("it is fed what is not known")
            )
        if not target.plain or "{" in redirect.operator:
            return unsure("the file of a redirection is not certain")
        nowhere = target.value == "/dev/null" or (
            operator in {">&", "<&"} and target.value in _OPEN_ALREADY
        )
        if nowhere and operator != "<>":
            return reads("it is shown, or thrown away")
        if operator == "<" and not target.value.startswith("/dev/"):
            return reads("it reads a file")
        if operator in {">", ">>", ">|", "&>", "&>>"} and not target.value.startswith("/dev/"):
            return Judgement(Effect.LOCAL, f"it writes the file {target.value}")
        return unsure("a redirection that is not known to be harmless")

    def words(self, words: Sequence[Word], fed: bool) -> Judgement:  # noqa: FBT001  As Call says.
        """Judge one command that is given as words; `fed` says whether something goes into it."""
        if self._depth > _DEEPEST:
            return unsure("too deep to follow")
        rest = list(words)
        while rest and re.match(r"[A-Za-z_]\w*=", rest[0].value):
            if rest[0].value.split("=")[0] not in _HARMLESS_VARIABLES:
                return unsure("a variable before the command may change what it does")
            rest.pop(0)  # As `env` takes it.
        if not rest or not rest[0].plain:
            return unsure("the program is not certain")
        path = PurePosixPath(rest[0].value)
        if str(path.parent) in _TRUSTED_FOLDERS and not rest[0].value.startswith("./"):
            below = _Classifier(self._depth + 1)
            call = Call(path.name, tuple(rest[1:]), fed, below.words, below.script)
            judge = _JUDGES.get(path.name, self._program)
            return judge(call)
        return self._program(Call(path.name, (), fed, self.words, self.script), known=False)

    @staticmethod
    def _program(call: Call, *, known: bool = True) -> Judgement:
        """Judge a program by its name alone."""
        name = call.program
        if known and name in machine.PROMPTS:
            return Judgement(Effect.INTERACTIVE, f"{name} waits for what is typed")
        if known and name in machine.LOCALS:
            return Judgement(Effect.LOCAL, f"{name} changes only this machine")
        if name.split(".")[0] in machine.DESTROYERS:
            return Judgement(Effect.DESTRUCTIVE, f"{name} destroys")
        if _SAYS_THAT_IT_DESTROYS.search(name):
            return Judgement(Effect.DESTRUCTIVE, f"{name} says of itself that it replaces data")
        return unsure(f"{name} is not known here")
