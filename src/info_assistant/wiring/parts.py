"""The shape that the parts of the product share: what each does of its own accord."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field

from info_assistant.ports import Probe
from info_assistant.resilience.health import Watched

Step = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What a part of the product does while the process runs, besides answering calls.

    `tasks` run in the background, by name; `probes` look after what the part depends on, by the
    dependency's name. `starters` are run before the first request, `closers` after the last one,
    each in its order.
    """

    tasks: Mapping[str, Step] = field(default_factory=dict)
    probes: Mapping[str, Probe | Watched] = field(default_factory=dict)
    starters: tuple[Step, ...] = ()
    closers: tuple[Step, ...] = ()


def together(parts: Iterable[Part]) -> Part:
    """Return several parts as one, in their order."""
    each = tuple(parts)
    return Part(
        tasks={name: run for part in each for name, run in part.tasks.items()},
        probes={name: probe for part in each for name, probe in part.probes.items()},
        starters=tuple(start for part in each for start in part.starters),
        closers=tuple(close for part in each for close in part.closers),
    )


def in_turn(parts: Iterable[Part]) -> Step:
    """Return the starters of parts as one step: each needs what those before it have found."""
    steps = together(parts).starters

    async def one_after_the_other() -> None:
        for step in steps:
            await step()

    return one_after_the_other
