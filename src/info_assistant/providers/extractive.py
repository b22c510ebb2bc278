"""The generator that writes nothing: it quotes the documents, word for word."""

from collections.abc import AsyncGenerator, Sequence

from info_assistant.answering.extract import choose_extracts
from info_assistant.model.question import Question
from info_assistant.ports import DraftSentence, RankedPassage
from info_assistant.providers.bm25 import TermVectors


class ExtractiveGenerator:
    """Answers with quotes; needs no model and no network. Implements `ports.Generator`."""

    provider = "extractive"
    model = "quotes"

    def __init__(self) -> None:
        """Load the stemmer that finds the words shared by question and text."""
        self._terms = TermVectors()

    async def generate(
        self, question: Question, ranked: Sequence[RankedPassage]
    ) -> AsyncGenerator[DraftSentence]:
        """Yield up to three extracts, best first; each is its own quote."""
        for extract in choose_extracts(question.text, ranked, self._terms.terms):
            passage = extract.ranked.candidate.passage
            yield DraftSentence(extract.text, passage, extract.span.start, extract.span.end)
