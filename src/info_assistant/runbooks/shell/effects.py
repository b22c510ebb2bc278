"""What a command may change, from nothing to what cannot be taken back."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from info_assistant.runbooks.shell.words import Word


class Effect(StrEnum):
    """Classes of commands, in the order of what they may do; unknown commands count as mutating."""

    READ_ONLY = "read-only"
    LOCAL = "local"
    """Changes files or settings of the machine where it is typed, and nothing else."""
    INTERACTIVE = "interactive"
    """Opens a prompt or an editor: what is typed there decides."""
    MUTATING = "mutating"
    EXTERNAL = "external"
    """Changes something outside the cluster that others see, such as DNS or a status page."""
    DESTRUCTIVE = "destructive"

    @property
    def rank(self) -> int:
        """How grave it is; the gravest part of a command is the command's own class."""
        return list(Effect).index(self)


@dataclass(frozen=True, slots=True)
class Judgement:
    """The class of a command, why, and whether it ends by itself."""

    effect: Effect
    why: str
    endless: bool = False
    """It watches or follows until somebody stops it."""

    def at_least(self, effect: Effect, why: str) -> "Judgement":
        """Return this judgement, or `effect` for the reason `why` where that is graver."""
        return replace(self, effect=effect, why=why) if effect.rank > self.effect.rank else self

    def beside(self, other: "Judgement") -> "Judgement":
        """Return the judgement of both together."""
        graver = other if other.effect.rank > self.effect.rank else self
        return replace(graver, endless=self.endless or other.endless)


def reads(why: str, *, endless: bool = False) -> Judgement:
    """Return that a command changes nothing."""
    return Judgement(Effect.READ_ONLY, why, endless)


def unsure(why: str) -> Judgement:
    """Return that a command counts as mutating, because nobody can say that it is not."""
    return Judgement(Effect.MUTATING, why)


@dataclass(frozen=True, slots=True)
class Call:
    """The words behind a program's name, and the means to judge commands within the command."""

    program: str
    words: tuple[Word, ...]
    fed: bool
    """Something is piped or redirected into it."""
    judge_words: Callable[[Sequence[Word], bool], Judgement]
    """Judges a command given as words, such as that behind `sudo`; the flag says it is fed."""
    judge_script: Callable[[str], Judgement]
    """Judges a command that is given as one text, such as that of `sh -c`."""


Judge = Callable[[Call], Judgement]
