"""Draft: what a generator proposes, checked sentence by sentence, as it becomes an answer.

Quoted and written sentences go the same way: each is checked before it leaves, and gets numbers for
its quotes. A draft that begins anew voids what came before; once a sentence has left, readers are
told with a reset, and once only.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from info_assistant.answering.cite import check, cite
from info_assistant.errors import GenerationUnavailable
from info_assistant.model.answer import (
    AnswerMode,
    AnswerSentence,
    AnswerStatus,
    AnswerUsage,
    Citation,
    Support,
)
from info_assistant.model.events import (
    AnswerEvent,
    AnswerReset,
    CitationReleased,
    SentenceReleased,
)
from info_assistant.model.record import SentenceCheck
from info_assistant.ports import (
    DraftBegun,
    Drafted,
    DraftEnded,
    DraftSentence,
    Finding,
    Grounding,
    Likeness,
    WrittenSentence,
)

ANOTHER_PROVIDER = "provider_failed"
"""Why an answer begins anew."""

STAND_IN = "provider_fallback"
"""In `degraded` of answers by another provider than the one that is asked first."""


@dataclass(slots=True)
class Draft:
    """The answer so far. `grounding` checks what models write; None where none does.

    `asked_first` is the provider that was expected to write it; `by_fault` says that a fault has
    left its checks with less evidence than usual.
    """

    asked_first: str
    grounding: Grounding | None = None
    provider: str = ""
    model: str = ""
    sentences: list[AnswerSentence] = field(default_factory=list)
    citations: list[Citation] = field(default_factory=list)
    checks: list[SentenceCheck] = field(default_factory=list)
    usage: AnswerUsage = field(default_factory=AnswerUsage)
    prompt: str = ""
    held_back: int = 0
    resets: int = 0
    degraded: list[str] = field(default_factory=list)
    refused: bool = False
    by_fault: bool = False
    _held_back_last: bool = False

    @property
    def mode(self) -> AnswerMode:
        """Whether a model wrote it."""
        return AnswerMode.GENERATED if self.prompt else AnswerMode.EXTRACTIVE

    @property
    def status(self) -> AnswerStatus:
        """What has become of the question, as far as the draft says."""
        if self.sentences:
            whole = not self.held_back and not self.refused
            return AnswerStatus.ANSWERED if whole else AnswerStatus.PARTIAL
        if self.refused:
            return AnswerStatus.REFUSED_OUTPUT
        return AnswerStatus.NOT_SUPPORTED if self.held_back else AnswerStatus.NO_EVIDENCE

    def examined(self, sentence: WrittenSentence, likeness: Likeness | None) -> Finding:
        """Return what the check finds in a written sentence, which comes after those taken."""
        if self.grounding is None:
            return Finding(Support.UNVERIFIED)
        return self.grounding.check(
            sentence, after_held_back=self._held_back_last, likeness=likeness
        )

    def take(self, drafted: Drafted, finding: Finding | None = None) -> Iterator[AnswerEvent]:
        """Take the next thing a generator says; yield what readers see of it.

        `finding` is of a written sentence; without one it is held back. Raises
        GenerationUnavailable where an answer would begin anew for the second time.
        """
        match drafted:
            case DraftBegun(provider, model, prompt):
                yield from self.begin_anew(provider, model, prompt)
                self.degraded = [] if provider == self.asked_first else [STAND_IN]
            case DraftEnded(usage):
                self.usage = AnswerUsage(usage.input, usage.output)
            case WrittenSentence():
                yield from self._written(drafted, finding or Finding(Support.UNVERIFIED))
            case DraftSentence():
                checked = check(drafted, n=len(self.citations) + 1)
                if checked is not None:
                    yield from self._release(checked[0], (checked[1],))
                else:
                    self._hold_back(SentenceCheck(Support.REFUTED))

    def begin_anew(self, provider: str, model: str, prompt: str = "") -> Iterator[AnswerEvent]:
        """Void what was drafted so far; yield a reset if readers have seen some of it.

        `prompt` is the version of our wording, "" where no model writes.
        """
        if self.sentences:
            if self.resets:
                raise GenerationUnavailable(
                    "The services that write answers failed one after the other in the middle of "
                    "this one. What was written so far is incomplete. Please ask again in a moment."
                )
            self.resets += 1
            yield AnswerReset(ANOTHER_PROVIDER)
        self.sentences.clear()
        self.citations.clear()
        self.checks.clear()
        self.provider, self.model, self.prompt = provider, model, prompt
        self.held_back, self._held_back_last = 0, False

    def cut_short(self, reason: str) -> None:
        """End the draft where it is, because more of it may not be said."""
        self.refused = True
        self.degraded.append(reason)

    def _written(self, sentence: WrittenSentence, finding: Finding) -> Iterator[AnswerEvent]:
        reasons = tuple(map(str, finding.reasons))
        if finding.support is Support.REFUTED or not finding.evidence:
            self._hold_back(SentenceCheck(finding.support, reasons))
            return
        evidence = tuple(
            self._numbered(cite(0, each.passage, each.span.start, each.span.end))
            for each in finding.evidence
        )
        numbers = tuple(dict.fromkeys(each.n for each in evidence))
        yield from self._release(
            AnswerSentence(sentence.text, numbers, finding.support), evidence, reasons
        )

    def _numbered(self, citation: Citation) -> Citation:
        """Return the citation under its number: that of the same quote, or the next."""
        for known in self.citations:
            if (known.passage.id, known.start, known.end) == (
                citation.passage.id,
                citation.start,
                citation.end,
            ):
                return known
        numbered = citation.numbered(len(self.citations) + 1)
        self.citations.append(numbered)
        return numbered

    def _release(
        self,
        sentence: AnswerSentence,
        evidence: tuple[Citation, ...],
        reasons: tuple[str, ...] = (),
    ) -> Iterator[AnswerEvent]:
        self.sentences.append(sentence)
        self.citations += [each for each in evidence if each not in self.citations]
        self.checks.append(SentenceCheck(sentence.support, reasons))
        self._held_back_last = False
        yield SentenceReleased(sentence, evidence)
        for citation in {each.n: each for each in evidence}.values():
            yield CitationReleased(citation)

    def _hold_back(self, found: SentenceCheck) -> None:
        self.checks.append(found)
        self.held_back += 1
        self._held_back_last = True
