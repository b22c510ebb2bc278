"""The table of sentences: what has to be seen for each to be so, or why nobody outside can tell.

The first rule whose pattern is found in a sentence is the sentence's.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from info_assistant.drills.truth.seen import (
    FAILED,
    QUESTIONS,
    SERVED,
    UNREACHED,
    Asked,
    Message,
    Outcome,
    Seen,
    both,
    either,
    opposite,
)


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence in its message: what the rule's pattern found in it."""

    message: Message
    found: re.Match[str]

    @property
    def at(self) -> datetime:
        """When it was said."""
        return self.message.at


Check = Callable[[Seen, Said], bool | None]


@dataclass(frozen=True, slots=True)
class Rule:
    """Sentences with `pattern`; without a `check` nobody can judge them, and `why` says why."""

    name: str
    pattern: re.Pattern[str]
    why: str
    check: Check | None = None


_STAMP = r"(?P<stamp>\d{4}-\d\d-\d\d \d\d:\d\d) UTC"
_SPAN = r"(?:(?P<hours>\d+) h )?(?:(?P<minutes>\d+) min|(?P<seconds>\d+) s)"
_FAST_S = 1.0


def _stamp(said: Said) -> datetime:
    return datetime.strptime(said.found["stamp"], "%Y-%m-%d %H:%M").replace(tzinfo=UTC)


def _span(said: Said) -> timedelta:
    found = said.found.groupdict()
    return timedelta(
        hours=int(found["hours"] or 0),
        minutes=int(found["minutes"] or 0),
        seconds=int(found["seconds"] or 0),
    )


def _unreached(seen: Seen, said: Said) -> bool | None:
    return seen.outcome(said.at, UNREACHED, *QUESTIONS)


def _served(seen: Seen, said: Said) -> bool | None:
    return seen.outcome(said.at, SERVED, *QUESTIONS)


def _reports(seen: Seen, said: Said) -> bool | None:
    # Each kind by itself: new questions may fail in a row between known ones that are answered.
    kinds = [asked for asked in QUESTIONS if any(each.asked is asked for each in seen.samples)]
    return either(*(seen.since_fault(said.at, seen.worse, asked) for asked in kinds))


def _cannot_search(seen: Seen, said: Said) -> bool | None:
    questions = seen.outcome(said.at, FAILED, Asked.NEW)
    if "documents cannot" in said.found.string.lower():
        return both(questions, seen.outcome(said.at, FAILED, Asked.UPLOAD))
    return questions


def _known(seen: Seen, said: Said) -> bool | None:
    return seen.outcome(said.at, SERVED, Asked.KNOWN)


def _known_fast(seen: Seen, said: Said) -> bool | None:
    return seen.sustained(
        said.at, lambda e: e.outcome in SERVED and e.latency_s <= _FAST_S, Asked.KNOWN
    )


def _new_may_fail(seen: Seen, said: Said) -> bool | None:
    return seen.sustained(said.at, seen.worse, Asked.NEW)


def _provider(seen: Seen, said: Said) -> bool | None:
    return both(
        seen.active(said.at, "openai", "anthropic"), seen.sustained(said.at, seen.worse, Asked.NEW)
    )


def _another_writes(seen: Seen, said: Said) -> bool | None:
    return both(
        seen.active(said.at, "openai", "anthropic"),
        seen.outcome(said.at, frozenset({Outcome.ANSWERED}), Asked.NEW),
        opposite(seen.outcome(said.at, FAILED, Asked.NEW)),
    )


def _openai(seen: Seen, said: Said) -> bool | None:
    return seen.active(said.at, "openai")


def _promise_at(seen: Seen, said: Said) -> bool | None:
    promised = _stamp(said)
    if promised + timedelta(seconds=seen.tolerance.stamp_s) < said.at:
        return False
    return seen.kept(promised, said.message)


def _promise_every(seen: Seen, said: Said) -> bool | None:
    return seen.kept(said.at + timedelta(minutes=int(said.found["every"])), said.message)


def _began(seen: Seen, said: Said) -> bool | None:
    if seen.began is None:
        return None
    allowed = seen.tolerance.began_s + seen.tolerance.stamp_s
    return abs((_stamp(said) - seen.began).total_seconds()) <= allowed


def _as_of(seen: Seen, said: Said) -> bool | None:
    allowed = seen.tolerance.stamp_s + seen.tolerance.state_s
    return abs((_stamp(said) - said.at).total_seconds()) <= allowed


def _before(seen: Seen, said: Said) -> bool | None:
    return _stamp(said) <= said.at + timedelta(seconds=seen.tolerance.state_s)


def _better_as_of(seen: Seen, said: Said) -> bool | None:
    return both(_as_of(seen, said), _over(seen, said))


def _over(seen: Seen, said: Said) -> bool | None:
    """All is as before: served, and neither failing nor out of reach."""
    return both(
        _served(seen, said),
        seen.sustained(said.at, lambda each: each.outcome not in FAILED, Asked.NEW),
    )


def _over_since(seen: Seen, said: Said) -> bool | None:
    """Since the minute that is named everything was answered, as far as it lies in the record."""
    since = _stamp(said) + timedelta(seconds=seen.tolerance.stamp_s + seen.tolerance.state_s)
    later = seen.ever(since, said.at, lambda each: each.outcome in FAILED)
    return both(_over(seen, said), opposite(later) if later is not None else True)


def _lasted(seen: Seen, said: Said) -> bool | None:
    began = seen.began
    if began is None:
        return None
    near = timedelta(seconds=seen.tolerance.began_s + seen.tolerance.stamp_s)
    over = seen.recovered(said.at) or said.at
    return over - began - near <= _span(said) <= said.at - began + near


def _lasts(seen: Seen, said: Said) -> bool | None:
    if seen.began is None:
        return None
    near = timedelta(seconds=seen.tolerance.began_s + seen.tolerance.stamp_s)
    return abs(said.at - seen.began - _span(said)) <= near


def _cared(seen: Seen, said: Said) -> bool | None:
    return seen.cared_for(said.at)


def _waited(seen: Seen, said: Said) -> bool | None:
    before = said.at - timedelta(seconds=2 * seen.tolerance.state_s)
    return both(not seen.cared_for(before), _lasts_no_longer(seen, said))


def _lasts_no_longer(seen: Seen, said: Said) -> bool | None:
    if seen.began is None:
        return None
    near = timedelta(seconds=seen.tolerance.began_s)
    return _span(said) <= said.at - seen.began + near


def _acted(seen: Seen, said: Said) -> bool | None:
    return seen.done(said.at, lambda _what: True)


def _did(pattern: str) -> Check:
    wanted = re.compile(pattern, re.IGNORECASE)
    return lambda seen, said: seen.done(said.at, wanted.search)


def _ever(worse: Callable[[Seen], Callable[..., bool]], *asked: Asked) -> Check:
    return lambda seen, said: seen.since_fault(said.at, worse(seen), *asked)


def _saved_affected(seen: Seen, said: Said) -> bool | None:
    known = Asked.KNOWN in seen.usually_saved
    return seen.since_fault(said.at, seen.worse, Asked.KNOWN) if known else None


def _anew(seen: Seen, said: Said) -> bool | None:
    known = Asked.KNOWN in seen.usually_saved
    return seen.sustained(said.at, seen.anew, Asked.KNOWN) if known else None


def _rule(name: str, pattern: str, why: str, check: Check | None = None) -> Rule:
    return Rule(name, re.compile(pattern, re.IGNORECASE), why, check)


_PEOPLE = "what people do or are to do is not seen from outside"
_RECORD = "it is about the record, not about the service"
_QUOTED = "it quotes what others said"

_WORDS: Sequence[Rule] = (
    _rule("open box", r"^\[ \]", _PEOPLE),
    _rule("ticked: looked", r"^\[x\] infrastructure",
          "somebody looked at the infrastructure",
          _did(r"get (nodes|pods|events)|describe|diagnose")),
    _rule("ticked: dependencies", r"^\[x\] dependenc", "somebody looked at the dependencies",
          _did(r"qdrant|redis|readyz|ping|diagnose")),
    _rule("ticked: rollback", r"^\[x\] roll ?back", "a release was taken back",
          _did(r"rollout undo|roll.?back")),
    _rule("ticked", r"^\[x\]", _PEOPLE),
    _rule("evidence", r"^(alert .+ is (firing|resolved)|diagnosed:)", _QUOTED),
    _rule("how to go on", r"^(acknowledge|letter to customers): ", _PEOPLE),
    _rule("nobody cares", rf"^nobody has acknowledged for {_SPAN}",
          "nobody had acknowledged", _waited),
    _rule("handed over", r"^handed over to .+ has not acknowledged",
          "nobody had acknowledged", lambda seen, said: not seen.cared_for(said.at)),
    _rule("nobody cares yet", r"^taken care of by: (nobody yet|.+ has not acknowledged)",
          "nobody had acknowledged", lambda seen, said: not seen.cared_for(said.at)),
    _rule("somebody cares", r"takes care of it|^taken care of by: ",
          "somebody had acknowledged", _cared),
    _rule("of the record", r"^(chosen way|changes to take back afterwards): ", _RECORD),
    _rule("alerts over", r"^all alerts are over", _QUOTED),
    _rule("list", r"^(still open: )?[\w -]+ \(within .+\)|^actions taken|^while .+ is down:$",
          "it is the head of a list"),
    _rule("ask to resolve", r"if it is over, say so|incident resolve", _PEOPLE),
    _rule("letter", r"^dear customer|^we (write again|will send you)|^we are sorry", _PEOPLE),
    _rule("name", r"^(?:Brief: )?P\d\b(?! incident -)|^service degradation$",
          "it names the incident by what it was called"),
    _rule("loss", r"no data (?:was|is|has been) lost",
          "a probe that asks does not see what is stored"),
    _rule("limits", r"^limits count|rate limiting|gateway", "nobody goes beyond limits in a drill"),
    _rule("spend", r"^spend is counted|cost tracking", "spend is not seen from outside"),
)  # fmt: skip

_STATES: Sequence[Rule] = (
    _rule("said at", rf"^(?:opened|update|mitigated) {_STAMP}",
          "it is the time of the message", _as_of),
    _rule("written at", rf"^written at {_STAMP}, delivered late",
          "that minute is over", _before),
    _rule("resolved at", rf"^(?:resolved|closed)(?: at)? {_STAMP}",
          "questions are answered, and it is the time of the message", _better_as_of),
    _rule("over since", rf"over since {_STAMP}",
          "everything is answered since that minute", _over_since),
    _rule("lasted", rf"it lasted {_SPAN}", "so long was it from the fault to its end", _lasted),
    _rule("lasts", rf"^lasts: {_SPAN}", "so long ago the fault was made", _lasts),
    _rule("began", rf"^(?:since|started):? {_STAMP}", "the fault was made at that time", _began),
    _rule("next update", rf"next update:? {_STAMP}",
          "a further word reaches the same receiver by then", _promise_at),
    _rule("updates every", r"updates? every (?P<every>\d+) ?min",
          "a further word reaches the same receiver within that time", _promise_every),
    _rule("status resolved", r"^status: resolved", "questions are answered", _over),
    _rule("status monitoring", r"^status: monitoring|^we have acted",
          "somebody did something", _acted),
    _rule("status", r"^status: (investigating|identified)", _PEOPLE),
    _rule("reports", r"^we (?:look into|are investigating) reports|look into a problem",
          "something went otherwise than before", _reports),
    _rule("again", r"reach the (?:service|system) again|answers again",
          "questions are answered", _served),
    _rule("may be unreachable", r"may not be reachable",
          "the probe was refused or nobody was reached", _ever(lambda _seen: _is(FAILED))),
    _rule("unreachable", r"system outage|"
          r"(?:users?|anyone) (?:are )?(?:unable|cannot|can not|can't).*(?:access|reach)|"
          r"cannot be reached", "nobody is reached", _unreached),
    _rule("cannot search", r"questions cannot be (?:answered|searched)",
          "new questions, and uploads where they are named, fail", _cannot_search),
    _rule("affected", r"questions and documents are affected",
          "new questions failed or were slower", _ever(lambda seen: seen.worse, Asked.NEW)),
    _rule("new affected", r"new answers are affected",
          "new questions went otherwise than before", _ever(lambda seen: seen.worse, Asked.NEW)),
    _rule("saved affected", r"saved answers are affected",
          "known questions went otherwise than before", _saved_affected),
    _rule("anew", r"answered anew", "known questions are answered without a saved answer", _anew),
    _rule("slower", r"answers are slower|queries will be slower",
          "answers take longer than before", lambda seen, said: seen.slower(said.at)),
    _rule("known and fast", r"(?:cached|saved).+ fast", "known questions are answered within 1 s",
          _known_fast),
    _rule("known", r"answered before still|use cached|cached queries|known answers",
          "known questions are answered", _known),
    _rule("provider", r"(?:provider|language model) outage",
          "a provider's fault lasts, and new questions go otherwise than before", _provider),
    _rule("openai", r"waiting for openai", "OpenAI's fault lasts", _openai),
    _rule("another writes", r"answers are written by another provider",
          "a provider's fault lasts, and new questions are answered with nothing less than usual",
          _another_writes),
    _rule("new may fail", r"(?:queries|questions) may (?:be slow|fail)",
          "new questions fail or are slower", _new_may_fail),
)  # fmt: skip


def _is(outcomes: frozenset[Outcome]) -> Callable[..., bool]:
    return lambda sample: sample.outcome in outcomes


TABLE: Sequence[Rule] = (*_WORDS, *_STATES)
"""All rules, in the order in which they are asked."""
