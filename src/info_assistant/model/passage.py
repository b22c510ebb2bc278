"""Passages: the pieces of documents that are searched, ranked and quoted."""

import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Final, NamedTuple, overload

if TYPE_CHECKING:
    from info_assistant.model.vectors import Bytes, Floats, TermIds

_NAMESPACE = uuid.UUID("0a4c8c0e-4b0b-5d5e-8a55-5b7f4b2f8c11")


def passage_id(document_id: str, version: int, ordinal: int) -> str:
    """Return the UUID of a passage; indexing the same version again writes the same points."""
    return str(uuid.uuid5(_NAMESPACE, f"{document_id}\0{version}\0{ordinal}"))


class Span(NamedTuple):
    """A half-open range of characters, [start, end)."""

    start: int
    end: int


class Spans(Sequence[Span]):
    """Spans behind the row of their edges, [start, end, start, end, …], as they are stored.

    A search finds hundreds of spans and an answer looks at a few: each is made when looked at.
    """

    __slots__ = ("edges",)

    def __init__(self, edges: Iterable[int]) -> None:
        """Take the edges. Raises TypeError where there are none to take."""
        self.edges: Final = tuple(edges)

    def __len__(self) -> int:
        """Return how many spans there are."""
        return len(self.edges) // 2

    @overload
    def __getitem__(self, at: int) -> Span: ...

    @overload
    def __getitem__(self, at: slice) -> Sequence[Span]: ...

    def __getitem__(self, at: int | slice) -> Span | Sequence[Span]:
        """Return one span, or several."""
        if isinstance(at, slice):
            return tuple(self)[at]
        place = range(len(self))[at] * 2
        return Span(self.edges[place], self.edges[place + 1])

    def __iter__(self) -> Iterator[Span]:
        """Yield every span."""
        edges = iter(self.edges)
        return map(Span, edges, edges)

    def __eq__(self, other: object) -> bool:
        """Whether the same spans are in another sequence."""
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        """Return the hash of a tuple of the same spans."""
        return hash(tuple(self))


def edges_of(spans: Sequence[Span]) -> Sequence[int]:
    """Return the row of the edges of some spans, [start, end, start, end, …]."""
    if isinstance(spans, Spans):
        return spans.edges
    return [edge for span in spans for edge in span]


class Passage(NamedTuple):
    """A contiguous stretch of one document version: `text` is `reading.text[start:end]`.

    A tuple, because a search finds dozens of them, and a frozen dataclass takes three times as
    long to make.

    `statements` are the spans, relative to `text`, that can be quoted by themselves: a sentence,
    a list item, a table row. `table_header` and `heading_path` are context that lies elsewhere in
    the document; `page` is the physical page from 1. `access` names the groups that may find it;
    `access_revision` is the revision of the catalogue's entry that this, and the document's dates
    and marking, were taken from; 0 where that is not known. `language` is a tag of BCP 47, as the
    document's owner or the file states it, else as its words tell; None where that is not known.
    """

    id: str
    tenant: str
    document_id: str
    version: int
    ordinal: int
    title: str
    source: str
    access: tuple[str, ...]
    heading_path: tuple[str, ...]
    table_header: str
    page: int | None
    text: str
    start: int
    end: int
    statements: Sequence[Span]
    access_revision: int = 0
    effective: date | None = None
    superseded: date | None = None
    marking: str | None = None
    language: str | None = None

    @property
    def embedded_context(self) -> str:
        """The words that stand before the text when the passage is embedded and counted."""
        return embedded_context(self.title, self.heading_path, self.table_header, self.text)


def embedded_context(title: str, headings: Sequence[str], table_header: str, text: str) -> str:
    """Return title, headings and table header, without the headings that open `text` itself."""
    opening = text[: sum(len(heading) + 2 for heading in headings)]
    elsewhere = [heading for heading in headings if heading not in opening]
    parts = [" > ".join(dict.fromkeys((title, *elsewhere))), table_header]
    return "\n".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class SparseVector:
    """Term weights by term id, as Qdrant takes them; ids ascend."""

    indices: tuple[int, ...]
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class PassageVectors:
    """A passage in the embedder's space.

    `dense` is float32 [dimension], of unit length. `tokens` is int8 [n, token_dimension]: one
    vector of length about 127 for each word piece, context first. `token_spans` gives
    each statement's range of rows in `tokens`.
    """

    dense: "Floats"
    sparse: SparseVector
    tokens: "Bytes"
    token_spans: Sequence[Span]


@dataclass(frozen=True, slots=True)
class QuestionVectors:
    """A question in the embedder's space; `tokens` is float32 [n, token_dimension], unit rows."""

    dense: "Floats"
    sparse: SparseVector
    tokens: "Floats"


@dataclass(frozen=True, slots=True)
class IndexedPassage:
    """A passage with its vectors, ready to be written to the index."""

    passage: Passage
    vectors: PassageVectors


class Candidate(NamedTuple):
    """A passage that retrieval found, with its fused score and what the ranking needs of it.

    `terms` are the ids of its terms, ascending (the indices of its sparse vector). `token_edges`
    gives each statement's range of rows in `tokens`, one behind the other, as `edges_of` does.
    `unpack` returns `tokens`, `token_count` rows of them. A search finds dozens of candidates:
    unpacked all at once they would push each other out of the processor's cache.
    """

    passage: Passage
    retrieval_score: float
    terms: "TermIds"
    token_count: int
    unpack: "Callable[[], Bytes]"
    token_edges: Sequence[int]

    @property
    def tokens(self) -> "Bytes":
        """Its word pieces as in `PassageVectors`, unpacked anew each time.

        Raises StoredDataInvalid.
        """
        return self.unpack()
