"""The sets that the check of written sentences is judged by, as sentences with their passages.

Sentences are our own words. What they are about is kept as a document's path, the hash of its bytes
and offsets in its reading, so that no text of the library is copied. A document that was altered
since, or is read otherwise now, is refused rather than judged.
"""

import hashlib
import json
import mimetypes
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from info_assistant.ingestion.read import SubprocessReader
from info_assistant.ingestion.split import TokenCounter, split
from info_assistant.model.document import Content, Document, document_id
from info_assistant.model.passage import Passage, Span

ROOT = Path(__file__).parents[2]
SETS = ROOT / "tests" / "answering" / "grounding" / "sets"
SAMPLES = ROOT / "samples" / "documents"
LIBRARY = ROOT.parent / "shared" / "library"

OWN_TEXTS = ("harbour-and-others", "museum-and-others")
"""Sets that bring texts of their own."""

_WRONG = 3

_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Case:
    """A sentence as a model might write it, the passages it cites, and what kind of case it is."""

    id: str
    kind: str
    sentence: str
    cited: tuple[Passage, ...]


def rows(name: str) -> list[dict[str, Any]]:
    """Return the rows of one set."""
    return [json.loads(line) for line in (SETS / name).read_text().splitlines()]


class Documents:
    """Documents of a folder as passages, each read once."""

    def __init__(self, root: Path, reader: SubprocessReader, counter: TokenCounter) -> None:
        """Read below `root`; `counter` counts word pieces as the splitter wants it."""
        self._root = root
        self._reader = reader
        self._counter = counter
        self._read: dict[str, list[Passage]] = {}
        self._texts: dict[str, str] = {}

    async def passages(self, row: Mapping[str, Any]) -> list[Passage]:
        """Return the passages of a row's document, after checking that it is the one meant."""
        name = row["document"]
        if name not in self._read:
            path = self._root / name
            data = path.read_bytes()
            digest = hashlib.sha256(data).hexdigest()
            assert digest == row["sha256"], f"{name} is not the document that was meant"
            kind = mimetypes.guess_type(name)[0] or "text/markdown"
            reading = await self._reader.read(data, filename=path.name, media_type=kind)
            now = datetime.now(UTC)
            document = Document(
                id=document_id("default", name),
                tenant="default",
                source=name,
                title=reading.title or path.stem,
                revision=1,
                content=Content(1, digest, len(data), kind),
                access=("everyone",),
                created_at=now,
                updated_at=now,
            )
            self._read[name] = split(document, reading, self._counter)
            self._texts[name] = reading.text
        return self._read[name]

    def quote(self, row: Mapping[str, Any]) -> str:
        """Return the text between a row's offsets; its document has been read before."""
        return self._texts[row["document"]][row["start"] : row["end"]]


def word_overlap(sentence: str, quote: str) -> float:
    """Return the share of a sentence's distinct words, of all lengths, that its quote has."""
    own, theirs = (set(_WORD.findall(text.lower())) for text in (sentence, quote))
    return len(own & theirs) / len(own)


async def paraphrases(name: str, documents: Documents) -> list[Case]:
    """Return the true sentences of a set, each with the passage it puts in other words."""
    cases = []
    for row in rows(name):
        passages = await documents.passages(row)
        quote = documents.quote(row)
        digest = hashlib.sha256(quote.encode()).hexdigest()
        assert digest == row["quote_sha256"], f"{row['id']}: the document is read otherwise now"
        assert word_overlap(row["sentence"], quote) <= 0.5, f"{row['id']} is no paraphrase"  # noqa: PLR2004
        cases.append(Case(row["id"], "paraphrase", row["sentence"], (_at(passages, row),)))
    return cases


async def wrong_passages(name: str, documents: Documents) -> list[Case]:
    """Return each true sentence of a set with three other passages of its document, one at a time.

    Some of them say the same by chance; most are about the same and do not.
    """
    choice = random.Random(7)  # noqa: S311 - which passages, no secret.
    cases = []
    for row in rows(name):
        passages = await documents.passages(row)
        right = _at(passages, row)
        others = [p for p in passages if p.id != right.id and right.text not in p.text]
        cases += [
            Case(f"{row['id']}-wrong", "wrong passage", row["sentence"], (other,))
            for other in choice.sample(others, min(_WRONG, len(others)))
        ]
    return cases


async def samples(name: str, documents: Documents) -> list[Case]:
    """Return the cases of a set over our own documents, citing one passage, and then two."""
    cases = []
    for row in rows(name):
        if "passage" in row:
            cited: tuple[Passage, ...] = (made_passage(row["passage"]),)
            cases.append(Case(row["id"], row["kind"], row["sentence"], cited))
            continue
        passages = await documents.passages(row)
        first = _at(passages, row)
        if "also" not in row or "also_document" in row:
            cited = () if row["kind"] == "no citation" else (first, *await _second(row, documents))
            cases.append(Case(row["id"], row["kind"], row["sentence"], cited))
            continue
        second = next(passage for passage in passages if passage.start == row["also"])
        cases += [
            Case(f"{row['id']}.1", row["kind"], row["sentence"], (first,)),
            Case(f"{row['id']}.2", row["kind"], row["sentence"], (first, second)),
        ]
    return cases


async def _second(row: Mapping[str, Any], documents: Documents) -> Sequence[Passage]:
    """Return the passage of another document that a row cites too, if it does."""
    if "also_document" not in row:
        return ()
    other = {"document": row["also_document"], "sha256": row["also_sha256"]}
    return [p for p in await documents.passages(other) if p.start == row["also"]]


def written(name: str) -> list[Case]:
    """Return the cases, true and false, of a set that brings its own texts."""
    texts = {
        key: made_passage(
            text["statements"],
            title=text["title"],
            headings=text["headings"],
            table_header=text["table_header"],
            joint=text["joint"],
        )
        for key, text in json.loads((SETS / f"{name}-texts.json").read_text()).items()
    }
    return [
        Case(
            row["id"],
            row["kind"],
            row["sentence"],
            (made_passage(row["passage"]),)
            if "passage" in row
            else tuple(texts[key] for key in row["texts"]),
        )
        for row in rows(f"{name}.jsonl")
    ]


def made_passage(
    statements: Sequence[str],
    *,
    title: str = "Notice",
    headings: Sequence[str] = (),
    table_header: str = "",
    joint: str = " ",
) -> Passage:
    """Return a passage of these statements, one after the other."""
    spans, text = [], ""
    for statement in statements:
        text += joint if text else ""
        spans.append(Span(len(text), len(text) + len(statement)))
        text += statement
    key = hashlib.sha256(text.encode()).hexdigest()[:12]
    return Passage(
        id=key,
        tenant="default",
        document_id=key,
        version=1,
        ordinal=0,
        title=title,
        source="notice.txt",
        access=("everyone",),
        heading_path=tuple(headings),
        table_header=table_header,
        page=None,
        text=text,
        start=0,
        end=len(text),
        statements=tuple(spans),
    )


def _at(passages: Sequence[Passage], row: Mapping[str, Any]) -> Passage:
    return next(p for p in passages if p.start <= row["start"] and row["end"] <= p.end)


_NUMBER = re.compile(r"(?<![\w.,-])\d{1,3}(?:,\d{3})*(?![\w,-]|\.\d)")
_MONTHS = ["January", "March", "April", "May", "June", "July", "August", "October", "December"]
_MONTH = re.compile(rf"\b({'|'.join(_MONTHS)})\b(?=[ ,]|\.?$)")
_UNITS = {
    "working days": "working weeks",
    "calendar days": "calendar months",
    "days": "hours",
    "weeks": "months",
    "months": "weeks",
    "years": "months",
    "hours": "days",
    "per cent": "dollars",
    "minutes": "hours",
    "business days": "weeks",
    "a month": "a day",
    "points": "pages",
    "pages": "points",
    "a year": "a month",
    "km": "miles",
}
_CYRILLIC = str.maketrans("aeocp", "\u0430\u0435\u043e\u0441\u0440")


def mutations(true: Sequence[Case]) -> Iterator[Case]:
    """Yield false sentences made of true ones: each changes one thing, in every way that fits."""
    for case in true:
        for kind, sentence in _mutated(case.sentence):
            yield Case(f"{case.id}-{kind}", kind, sentence, case.cited)
        yield Case(f"{case.id}-none", "no citation", case.sentence, ())


def _mutated(sentence: str) -> Iterator[tuple[str, str]]:
    number = _NUMBER.search(sentence)
    if number is not None:
        start, end = number.span()
        for other in (str(int(number[0].replace(",", "")) + 7), f"{number[0]}5"):
            yield "number", sentence[:start] + other + sentence[end:]
    unit = next((unit for unit in _UNITS if re.search(rf"\d\)? {unit}\b", sentence)), None)
    if unit is not None:
        yield "unit", re.sub(rf"(\d\)?) {unit}\b", rf"\1 {_UNITS[unit]}", sentence, count=1)
    if "$" in sentence:
        yield "unit", sentence.replace("$", "\N{EURO SIGN}", 1)
    month = _MONTH.search(sentence)
    if month is not None:
        yield "date", sentence[: month.start()] + "November" + sentence[month.end() :]
        yield "date", re.sub(r"\b([12]?\d)(?= [A-Z][a-z]+|, \d{4})", "23", sentence, count=1)
    ending = sentence.rstrip(".")
    yield "date", f"{ending} from 3 February 2019."
    for reference in ("form QX-771", "section 91(4)", "case TR/2209/18"):
        yield "foreign id", f"{ending}, as {reference} says."
    for name in ("Professor Ilse Vandermeer", "the Corbett Institute", "Ravenholm"):
        yield "invented name", f"{ending}, according to {name}."
    yield "look-alike characters", sentence.translate(_CYRILLIC)
    middle = len(sentence) // 2
    yield "look-alike characters", f"{sentence[:middle]}\u200b{sentence[middle:]}"
    if number is not None:
        styled = "".join(chr(0xFF10 + int(c)) if c.isdigit() else c for c in sentence)
        yield "look-alike characters", styled
