"""Whether the passages that a written sentence cites say it (docs/decisions/0017).

For each sentence the statements of its passages are ordered by how much they share with it; the
rules compare it with those that come first. What a rule refutes is held back. What no rule refutes
is supported if enough of it is in the quote, and unverified otherwise.
"""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from info_assistant.answering.grounding import rules
from info_assistant.answering.grounding.binding import competing
from info_assistant.answering.grounding.characters import (
    look_alikes,
    mixed_scripts,
    strange_characters,
)
from info_assistant.answering.grounding.instructions import orders_a_model
from info_assistant.answering.grounding.leaning import leans_on_previous
from info_assistant.answering.grounding.reasons import Reason
from info_assistant.answering.grounding.statements import (
    MOST_STATEMENTS,
    Facts,
    Quote,
    Statements,
)
from info_assistant.answering.grounding.words import Terms
from info_assistant.model.answer import Support
from info_assistant.model.passage import Passage, Span
from info_assistant.ports import Evidence, Finding, Likeness, WrittenSentence

MOST_CHARACTERS = 400
"""No quote is longer."""

NEAR_BEST = 0.08
"""Statements whose score is this close to the best one's may carry a sentence instead of it."""

ENOUGH_SHARED = 0.85
"""With this share of its meaningful words in the quote a sentence is supported."""

ENOUGH_ALIKE = 0.5
"""So it is with this likeness; see docs/decisions for what it costs to ask for more or less."""

SHARED_WEIGHT = 0.2
"""Weight of the share in the score that orders statements."""

TOO_LITTLE = 0.3
"""Below this sum the quote has nothing to do with the sentence."""

DECISIVE = 0.5
"""A statement with this share of a sentence's words is what the sentence is about."""

CLOSER = 0.06
"""A statement with another number that is more alike by this is the one the sentence is about."""

_CLOSEST = 3
_KEPT = 64


class Grounder:
    """Checks written sentences; implements `ports.Grounding`. For one thread at a time."""

    def __init__(self, terms: Terms) -> None:
        """Take the function that stems words, as `providers.bm25.TermVectors.terms` does."""
        self._terms = terms
        self._known: OrderedDict[str, Statements] = OrderedDict()

    def check(
        self,
        sentence: WrittenSentence,
        *,
        after_held_back: bool = False,
        likeness: Likeness | None = None,
    ) -> Finding:
        """Return what was found; see `ports.Grounding`. Never raises."""
        if not sentence.passages:
            return refuted(Reason.NO_CITATION)
        if after_held_back and leans_on_previous(sentence.text):
            return refuted(Reason.LEANS_ON_HELD_BACK)
        held = [self._statements(passage) for passage in dict.fromkeys(sentence.passages)]
        verbatim = _verbatim(sentence.text, held)
        if verbatim is not None:
            return Finding(Support.SUPPORTED, (), (verbatim,))
        facts = Facts(sentence.text, self._terms)
        reason = _disguised(sentence.text, facts, held)
        if reason is not None:
            return refuted(reason)
        return _best(_findings(facts, held, likeness or {}))

    def _statements(self, passage: Passage) -> Statements:
        known = self._known.pop(passage.id, None)
        if known is None or known.passage is not passage:
            if known is not None:
                known.let_go()
            known = Statements(passage, self._terms)
        self._known[passage.id] = known
        if len(self._known) > _KEPT:
            self._known.popitem(last=False)[1].let_go()
        return known


def refuted(*reasons: Reason) -> Finding:
    """Return the finding of a sentence that is held back."""
    return Finding(Support.REFUTED, tuple(reasons))


@dataclass(frozen=True, slots=True)
class _Scored:
    """A quote with the share of the sentence's terms that it has, and its likeness."""

    quote: Quote
    shared: float
    alike: float

    @property
    def score(self) -> float:
        return self.alike + SHARED_WEIGHT * self.shared


def _verbatim(text: str, held: Sequence[Statements]) -> Evidence | None:
    """Return the whole statements that a sentence repeats word for word, or None."""
    wanted = text.strip()
    for each in held:
        at = each.passage.text.find(wanted) if 0 < len(wanted) <= MOST_CHARACTERS else -1
        while at >= 0:
            end = at + len(wanted)
            inside = [
                place
                for place, span in enumerate(each.passage.statements)
                if span.start < end and at < span.end
            ]
            if inside and _whole(each, inside, Span(at, end)):
                return Evidence(each.passage, Span(at, end))
            at = each.passage.text.find(wanted, at + 1)
    return None


def _whole(held: Statements, inside: Sequence[int], found: Span) -> bool:
    """Whether a stretch begins and ends with statements, at most three, and none gives orders."""
    spans = held.passage.statements
    first, last = spans[inside[0]], spans[inside[-1]]
    return (
        len(inside) <= MOST_STATEMENTS
        and not any(held.tainted[place] for place in inside)
        and not held.passage.text[first.start : found.start].strip()
        and not held.passage.text[found.end : last.end].strip(" .!?;:,\n")
        and not held.hangs_on(inside[0]).rstrip().endswith(":")
    )


def _disguised(text: str, facts: Facts, held: Sequence[Statements]) -> Reason | None:
    """Return why a sentence is held back whatever its passages say."""
    passages = "".join(each.passage.text + each.passage.title for each in held)
    if strange_characters(text, passages):
        return Reason.LOOK_ALIKE
    known = frozenset().union(*(each.whole.known | each.context.known for each in held))
    lower = [word.lower for word in facts.words.words]
    if mixed_scripts(lower, known) or look_alikes(lower, known):
        return Reason.LOOK_ALIKE
    return Reason.INSTRUCTION if orders_a_model(facts.words.text) else None


def _scored(facts: Facts, held: Sequence[Statements], likeness: Likeness) -> list[_Scored]:
    terms = facts.words.terms
    found = []
    for each in held:
        shares = [len(terms & quote.words.terms) / max(1, len(terms)) for quote in each.single]
        # Without vectors, words have to do.
        alike = list(likeness.get(each.passage.id, ()))[: len(shares)]
        alike += [0.75 * shared for shared in shares[len(alike) :]]
        found += [
            _Scored(quote, shared, own)
            for quote, shared, own in zip(each.single, shares, alike, strict=True)
        ]
    return sorted(found, key=lambda one: -one.score)


def _findings(facts: Facts, held: Sequence[Statements], likeness: Likeness) -> Iterator[Finding]:
    """Yield what comes of comparing a sentence with each of the best statements."""
    scored = _scored(facts, held, likeness)
    if not scored or scored[0].score < TOO_LITTLE:
        yield refuted(Reason.NO_EVIDENCE)
        return
    decisive = scored[0].shared >= DECISIVE
    # A number belongs to the statement that is closest to the sentence, where that has one too.
    rival = max(
        (one.alike for one in scored[:_CLOSEST] if competing(facts, one.quote)), default=0.0
    )
    for at, one in enumerate(scored):
        if one.score < scored[0].score - NEAR_BEST:
            break
        finding = _finding(facts, one, held)
        if rival > one.alike + CLOSER and finding.support is not Support.REFUTED:
            finding = refuted(Reason.QUANTITY)
        yield finding
        if (
            at == 0
            and decisive
            and finding.support is Support.REFUTED
            and _SAYS_OTHERWISE.intersection(finding.reasons)
        ):
            # The statement that the sentence is about says otherwise; no other makes up for it.
            break


def _finding(facts: Facts, one: _Scored, held: Sequence[Statements]) -> Finding:
    if one.quote.held.tainted[one.quote.first]:
        return refuted(Reason.INSTRUCTION)
    quote = rules.with_missing_facts(facts, one.quote, MOST_CHARACTERS)
    reasons = rules.contradictions(facts, quote, held)
    if reasons:
        return refuted(*reasons)
    evidence = (Evidence(quote.held.passage, _short(quote)),)
    doubts = rules.doubts(facts, quote, held)
    if doubts:
        return Finding(Support.UNVERIFIED, tuple(doubts), evidence)
    shared = len(facts.words.terms & quote.words.terms) / max(1, len(facts.words.terms))
    if shared >= ENOUGH_SHARED or one.alike >= ENOUGH_ALIKE:
        return Finding(Support.SUPPORTED, (), evidence)
    return Finding(Support.UNVERIFIED, (Reason.LITTLE_SHARED,), evidence)


def _short(quote: Quote) -> Span:
    """Return the quote's span, cut at a word where one statement alone is too long."""
    start, end = quote.span
    if end - start <= MOST_CHARACTERS:
        return quote.span
    cut = quote.held.passage.text.rfind(" ", start, start + MOST_CHARACTERS)
    return Span(start, cut if cut > start else start + MOST_CHARACTERS)


_ORDER = (Support.SUPPORTED, Support.UNVERIFIED, Support.REFUTED)
_OPPOSITE = frozenset({Reason.NEGATION, Reason.MODALITY})
_SAYS_OTHERWISE = _OPPOSITE | {Reason.EXCEPTION}


def _best(findings: Iterator[Finding]) -> Finding:
    """Return the most favourable finding, the first among equals.

    A doubtful one does not count where a statement that is as close says the opposite.
    """
    found = list(findings)
    best = min(found, key=lambda finding: _ORDER.index(finding.support))
    opposed = next((one for one in found if _OPPOSITE.intersection(one.reasons)), None)
    if best.support is Support.UNVERIFIED and opposed is not None:
        return opposed
    return best
