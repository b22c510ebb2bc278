"""Made-up passages and questions with the shape of real ones, the same from every run.

Words follow Zipf's law around topics; dense vectors lie in clusters, one for each topic; each word
has a token vector of its own. So a question finds passages of its topic by all three, as a real
one would, and neither a model nor a document is needed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from info_assistant.model.document import document_id
from info_assistant.model.identity import DEFAULT_TENANT, EVERYONE
from info_assistant.model.passage import (
    IndexedPassage,
    Passage,
    PassageVectors,
    QuestionVectors,
    Span,
    SparseVector,
    passage_id,
)
from info_assistant.model.vectors import Floats

DIMENSION, TOKEN_DIMENSION = 384, 128
IDENTITY = "seeded@1"
PASSAGES_IN_DOCUMENT = 100
_TOPICS, _TOPIC_WORDS = 200, 60
_VOCABULARY, _STOP_WORDS = 20_000, 60
_ASKED_ABOUT = 400
_WORDS, _SENTENCE_WORDS = (85, 128), (8, 20)
_ON_TOPIC = 0.45
_DENSE_NOISE, _QUESTION_NOISE, _TOKEN_NOISE = 0.7, 0.4, 0.35
_SYLLABLES = ("ka", "re", "mo", "ti", "sun", "ber", "la", "ve", "dor", "min", "po", "gra", "is")

_Words = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class MadeQuestion:
    """A question with its vectors."""

    text: str
    vectors: QuestionVectors


class SeededWorld:
    """Makes passages and questions; `seed` decides about everything."""

    def __init__(self, seed: int = 1) -> None:
        """Make the vocabulary and the topics."""
        random = np.random.default_rng(seed)
        self._seed = seed
        self._names = [_name(number) for number in range(_VOCABULARY)]
        frequency = 1 / np.arange(1, _VOCABULARY + 1)
        self._cumulative = np.cumsum(frequency / frequency.sum())
        self._topics = random.integers(_STOP_WORDS, _VOCABULARY, (_TOPICS, _TOPIC_WORDS))
        self._centres = _unit(random.standard_normal((_TOPICS, DIMENSION)))
        self._tokens = _unit(random.standard_normal((_VOCABULARY, TOKEN_DIMENSION)))

    def passages(self, count: int) -> Iterator[IndexedPassage]:
        """Yield `count` passages, each document's in its order."""
        for number in range(count):
            yield self.passage(number)

    def passage(self, number: int) -> IndexedPassage:
        """Return passage `number` of the library."""
        random = np.random.default_rng((self._seed, 1, number))
        words = self._passage_words(random, number)
        text, statements, spans = self._text(random, words)
        noise = random.standard_normal(DIMENSION) / np.sqrt(DIMENSION)
        vectors = PassageVectors(
            dense=_unit(self._centres[number % _TOPICS] + _DENSE_NOISE * noise),
            sparse=_sparse(words),
            tokens=np.rint(self._token_vectors(random, words) * 127).astype(np.int8),
            token_spans=spans,
        )
        return IndexedPassage(_passage(number, text, statements), vectors)

    def question(self, number: int) -> MadeQuestion:
        """Return question `number`: words of one of the passages that every library has."""
        about = number % _ASKED_ABOUT
        theirs = self._passage_words(np.random.default_rng((self._seed, 1, about)), about)
        random = np.random.default_rng((self._seed, 2, number))
        words = random.choice(np.unique(theirs), 10, replace=False)
        dense = self.passage(about).vectors.dense
        noise = random.standard_normal(DIMENSION) / np.sqrt(DIMENSION)
        vectors = QuestionVectors(
            dense=_unit(dense + _QUESTION_NOISE * noise),
            sparse=_sparse(words),
            tokens=self._token_vectors(random, words),
        )
        return MadeQuestion(f"{number} {' '.join(self._names[word] for word in words)}?", vectors)

    def _passage_words(self, random: np.random.Generator, number: int) -> _Words:
        return self._words(random, number % _TOPICS, int(random.integers(*_WORDS)))

    def _words(self, random: np.random.Generator, topic: int, count: int) -> _Words:
        common = np.searchsorted(self._cumulative, random.random(count))
        own = random.choice(self._topics[topic], count)
        return np.where(random.random(count) < _ON_TOPIC, own, common.clip(max=_VOCABULARY - 1))

    def _token_vectors(self, random: np.random.Generator, words: _Words) -> Floats:
        shape = (len(words), TOKEN_DIMENSION)
        noise = random.standard_normal(shape, np.float32) / np.float32(np.sqrt(TOKEN_DIMENSION))
        return _unit(self._tokens[words] + np.float32(_TOKEN_NOISE) * noise)

    def _text(
        self, random: np.random.Generator, words: _Words
    ) -> tuple[str, tuple[Span, ...], tuple[Span, ...]]:
        """Return the text, its sentences in characters and the same in tokens."""
        sentences: list[str] = []
        statements: list[Span] = []
        spans: list[Span] = []
        at = place = 0
        while place < len(words):
            end = min(len(words), place + int(random.integers(*_SENTENCE_WORDS)))
            sentence = " ".join(self._names[word] for word in words[place:end]).capitalize() + "."
            sentences.append(sentence)
            statements.append(Span(at, at + len(sentence)))
            spans.append(Span(place, end))
            at, place = at + len(sentence) + 1, end
        return " ".join(sentences), tuple(statements), tuple(spans)


def _passage(number: int, text: str, statements: Sequence[Span]) -> Passage:
    place, ordinal = divmod(number, PASSAGES_IN_DOCUMENT)
    source = f"seeded/{place:05d}.txt"
    identity = document_id(DEFAULT_TENANT, source)
    return Passage(
        id=passage_id(identity, 1, ordinal),
        tenant=DEFAULT_TENANT,
        document_id=identity,
        version=1,
        ordinal=ordinal,
        title=f"Seeded document {place}",
        source=source,
        access=(EVERYONE,),
        heading_path=("A part of the document", f"Section {ordinal // 4}"),
        table_header="",
        page=1 + ordinal // 3,
        text=text,
        start=ordinal * 1000,
        end=ordinal * 1000 + len(text),
        statements=tuple(statements),
    )


def _name(number: int) -> str:
    """Return a word that can be pronounced, another for each number."""
    parts = []
    left = number + len(_SYLLABLES)
    while left:
        left, syllable = divmod(left, len(_SYLLABLES))
        parts.append(_SYLLABLES[syllable])
    return "".join(parts)


def _sparse(words: _Words) -> SparseVector:
    """Return the words' weights, the most frequent words left out as stop words are."""
    ids, counts = np.unique(words[words >= _STOP_WORDS], return_counts=True)
    weights = counts * 2.2 / (counts + 1.2)
    return SparseVector(tuple(ids.tolist()), tuple(weights.tolist()))


def _unit(vectors: npt.NDArray[np.floating]) -> Floats:
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    unit: Floats = (vectors / lengths).astype(np.float32)
    return unit
