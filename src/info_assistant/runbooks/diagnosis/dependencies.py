"""The dependencies that scenarios are about: their symptoms, and how what was asked is told."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from info_assistant.runbooks.diagnosis.observations import (
    PROVIDER_SLOW_S,
    SLOW_S,
    Reach,
    Sampled,
)
from info_assistant.runbooks.diagnosis.symptoms import Symptom


@dataclass(frozen=True, slots=True)
class Dependency:
    """The symptoms of one dependency, by what shows them; slow is it from `slow_s` on."""

    name: str
    title: str
    gone: Symptom
    failing: Symptom
    slow: Symptom
    said_down: Symptom
    said_slow: Symptom
    doubted: Symptom
    slow_s: float = SLOW_S


QDRANT = Dependency(
    "qdrant", "Qdrant", Symptom.QDRANT_GONE, Symptom.QDRANT_FAILING, Symptom.QDRANT_SLOW,
    Symptom.QDRANT_SAID_DOWN, Symptom.QDRANT_SAID_SLOW, Symptom.QDRANT_DOUBTED,
)  # fmt: skip
REDIS = Dependency(
    "redis", "Redis", Symptom.REDIS_GONE, Symptom.REDIS_FAILING, Symptom.REDIS_SLOW,
    Symptom.REDIS_SAID_DOWN, Symptom.REDIS_SAID_SLOW, Symptom.REDIS_DOUBTED,
)  # fmt: skip
OPENAI = Dependency(
    "openai", "OpenAI", Symptom.PROVIDER_GONE, Symptom.PROVIDER_FAILING, Symptom.PROVIDER_SLOW,
    Symptom.PROVIDER_SAID_DOWN, Symptom.PROVIDER_SAID_SLOW, Symptom.PROVIDER_DOUBTED,
    PROVIDER_SLOW_S,
)  # fmt: skip
ANTHROPIC = replace(OPENAI, name="anthropic", title="Anthropic")

REACH_WORDS: Mapping[Reach, str] = {
    Reach.WELL: "answers",
    Reach.SLOW: "answers slowly",
    Reach.FAILING: "answers with errors",
    Reach.REFUSED: "refuses connections",
    Reach.SILENT: "does not answer",
    Reach.UNREACHABLE: "cannot be reached from here",
}


def asked(each: Sampled) -> str:
    """Return what was asked, how often and what came of it, in words."""
    codes = [str(one.status) for one in each.samples if one.status]
    ends = [str(one.outcome) for one in each.samples if not one.status]
    text = f"{each.address} asked {len(each.samples)} times"
    if each.error:
        return f"{text}, says {each.error}"
    if codes and "redis" not in each.address and "unix:" not in each.address:
        text += f", HTTP {'/'.join(dict.fromkeys(codes))}"
    if ends:
        text += f", {len(ends)} times {'/'.join(dict.fromkeys(ends))}"
    return f"{text}, {time(each.seconds)} each"


def time(seconds: float) -> str:
    """Return a duration in words."""
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
