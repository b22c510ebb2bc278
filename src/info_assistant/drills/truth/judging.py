"""The judge: messages are cut into sentences, and each is held against what was seen."""

import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from info_assistant.drills.truth.seen import Happening, Message, Sample, Seen, Tolerance
from info_assistant.drills.truth.table import TABLE, Rule, Said

_LINK = re.compile(r"<(https?://[^|>\s]+)(?:\|([^>]*))?>")
_MENTION = re.compile(r"<[@!#][^>]*>")
_TAG = re.compile(r"</?[a-zA-Z][^>]*>")
_TICKED = re.compile(r"^\s*(?:[-*\u2022]\s*)?(?:\[[xX]\]|\u2611)\s*")
_OPEN = re.compile(r"^\s*(?:[-*\u2022]\s*)?(?:\[ \]|\u2610)\s*")
_BULLET = re.compile(r"^\s*[-*\u2022#]+\s+")
_MARKS = re.compile(r"(?<!\w)[*_~`]+|[*_~`]+(?!\w)")
_SIGNS = re.compile(r"^[^\w\[\"'(+-]+")
_DRILL = re.compile(r"^DRILL, not a real incident\.\s*")
_EVIDENCE = re.compile(r"(alert .+ is (firing|resolved)|diagnosed):")
"""A line of other people's words, which stay together."""
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z\"'(])")


@dataclass(frozen=True, slots=True)
class Verdict:
    """A sentence that somebody was told. `agrees` is None where it was not judged."""

    message: Message
    sentence: str
    rule: str
    """The name of its rule; empty for a sentence that the table does not know."""
    agrees: bool | None
    why: str


@dataclass(frozen=True, slots=True)
class Report:
    """All sentences of a drill."""

    verdicts: Sequence[Verdict] = field(default_factory=tuple)

    @property
    def true(self) -> list[Verdict]:
        """Sentences with which the probe agrees."""
        return [each for each in self.verdicts if each.agrees is True]

    @property
    def untrue(self) -> list[Verdict]:
        """Sentences with which the probe does not agree."""
        return [each for each in self.verdicts if each.agrees is False]

    @property
    def not_judged(self) -> list[Verdict]:
        """Sentences that nobody could judge; `why` says why."""
        return [each for each in self.verdicts if each.agrees is None]

    @property
    def unknown(self) -> list[Verdict]:
        """Those not judged because the table does not know them."""
        return [each for each in self.verdicts if not each.rule]

    def data(self) -> dict[str, Any]:
        """Return it for a report: counts, untrue and unknown sentences, reasons with counts."""
        reasons: dict[str, int] = {}
        for each in self.not_judged:
            reasons[each.why] = reasons.get(each.why, 0) + 1
        return {
            "sentences": len(self.verdicts),
            "true": len(self.true),
            "untrue": [_data(each) for each in self.untrue],
            "not_judged": len(self.not_judged),
            "unknown": [_data(each) for each in self.unknown],
            "reasons": reasons,
        }


def judge(
    samples: Sequence[Sample],
    happenings: Sequence[Happening],
    messages: Sequence[Message],
    tolerance: Tolerance | None = None,
) -> Report:
    """Return of every sentence that was told whether the probe agrees with it.

    All times have a time zone. Give samples from before the first fault too (what is slow is judged
    by them), and go on for some time after the last message (promises are judged by what follows).
    """
    seen = Seen(samples, happenings, messages, tolerance or Tolerance())
    return Report(
        tuple(
            _verdict(message, sentence, seen)
            for message in seen.messages
            for sentence in sentences_of(message.text)
        )
    )


def sentences_of(text: str) -> Iterator[str]:
    """Yield the sentences of a message without marks: a box that is ticked begins with [x]."""
    text = _LINK.sub(lambda found: found[2] or found[1], text)
    text = html.unescape(_TAG.sub("\n", _MENTION.sub("", text)))
    for line in text.split("\n"):
        box = "[x] " if _TICKED.match(line) else "[ ] " if _OPEN.match(line) else ""
        bare = _TICKED.sub("", line) if box == "[x] " else _OPEN.sub("", line)
        bare = _DRILL.sub("", _MARKS.sub("", _BULLET.sub("", bare)))
        bare = _SIGNS.sub("", bare).strip()
        for sentence in [bare] if _EVIDENCE.match(bare) else _SENTENCE.split(bare):
            if re.search(r"\w", sentence):
                yield box + sentence.strip()


def rule_of(sentence: str) -> tuple[Rule, re.Match[str]] | None:
    """Return the first rule that knows a sentence, and what it found; None if none does."""
    for rule in TABLE:
        found = rule.pattern.search(sentence)
        if found:
            return rule, found
    return None


def _verdict(message: Message, sentence: str, seen: Seen) -> Verdict:
    known = rule_of(sentence)
    if known is None:
        return Verdict(message, sentence, "", None, "the table does not know it")
    rule, found = known
    if rule.check is None:
        return Verdict(message, sentence, rule.name, None, rule.why)
    agrees = rule.check(seen, Said(message, found))
    if agrees is None:
        return Verdict(message, sentence, rule.name, None, f"nothing was seen: {rule.why}")
    return Verdict(message, sentence, rule.name, agrees, rule.why)


def _data(verdict: Verdict) -> dict[str, str]:
    return {
        "at": verdict.message.at.isoformat(timespec="seconds"),
        "receiver": verdict.message.receiver,
        "sentence": verdict.sentence,
        "rule": verdict.rule,
        "needs": verdict.why,
    }
