"""The sample library is what its sources say, and its questions are about what it says."""

import csv
import importlib.util
import io
import json
import sys
import zipfile
from collections import Counter
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import docx
import pypdf
import pytest
from selectolax.lexbor import LexborHTMLParser

SAMPLES = Path(__file__).parents[2] / "samples"
DOCUMENTS = SAMPLES / "documents"
FILES = sorted(path for path in DOCUMENTS.rglob("*") if path.is_file())
BINARY = {".pdf", ".docx"}
MEBIBYTE = 1024 * 1024


def _script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("samples_build", SAMPLES / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their module up while it is being executed.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def rebuilt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the binary documents built afresh."""
    target = tmp_path_factory.mktemp("samples")
    _script().build(target)
    return target


@cache
def _pages(path: Path) -> tuple[str, ...]:
    """Return the text of each page, read by libraries that the product does not read with."""
    match path.suffix:
        case ".pdf":
            return tuple(page.extract_text() for page in pypdf.PdfReader(path).pages)
        case ".docx":
            document = docx.Document(str(path))
            rows = [row for table in document.tables for row in table.rows]
            return (
                "\n".join(
                    [paragraph.text for paragraph in document.paragraphs]
                    + [" ".join(cell.text for cell in row.cells) for row in rows]
                ),
            )
        case ".html":
            body = LexborHTMLParser(path.read_bytes()).body
            assert body is not None
            return (body.text(separator=" "),)
        case _:
            return (path.read_text(encoding="utf-8"),)


def _plain(text: str) -> str:
    """Keep letters and digits only, since extractors differ in blanks and in table rules."""
    return "".join(character for character in text.casefold() if character.isalnum())


def _lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (SAMPLES / name).read_text("utf-8").splitlines()]


QUESTIONS = _lines("questions.jsonl")
CALIBRATION = _lines("calibration.jsonl")
EVERY = QUESTIONS + CALIBRATION


def _name(question: dict[str, Any]) -> str:
    return str(question["id"])


def test_binary_documents_are_what_the_script_builds(rebuilt: Path) -> None:
    """Building again gives every PDF and DOCX that is kept, and the same bytes."""
    fresh = {path.relative_to(rebuilt): path.read_bytes() for path in rebuilt.rglob("*.*")}
    kept = {
        path.relative_to(DOCUMENTS): path.read_bytes() for path in FILES if path.suffix in BINARY
    }
    assert fresh.keys() == kept.keys()
    assert [str(name) for name in kept if fresh[name] != kept[name]] == []


def test_library_is_small_and_has_every_format() -> None:
    """The library stays small enough for a wheel, with several documents of each kind."""
    counts = Counter(path.suffix for path in FILES)
    assert counts == {".md": 6, ".html": 4, ".pdf": 3, ".docx": 2, ".csv": 2}
    assert sum(path.stat().st_size for path in FILES) < 1.5 * MEBIBYTE


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_documents_are_long_enough_to_be_searched(path: Path) -> None:
    """A document has several hundred words, except tables, and never more than a short manual."""
    words = len(" ".join(_pages(path)).split())
    least = 100 if path.suffix == ".csv" else 550
    assert least <= words <= 2000


def test_pdfs_have_pages_with_running_header_and_footer() -> None:
    """Each PDF page carries the header and its number, as readers have to cope with both."""
    for path in FILES:
        if path.suffix == ".pdf":
            pages = _pages(path)
            headers = {page.splitlines()[0] for page in pages}
            assert len(pages) >= 3
            assert len(headers) == 1
            assert all(
                f"Page {number} of {len(pages)}" in page for number, page in enumerate(pages, 1)
            )


def test_word_documents_have_page_breaks_and_tables() -> None:
    """Each DOCX has a page break, a table and lists whose numbers start again."""
    for path in FILES:
        if path.suffix == ".docx":
            with zipfile.ZipFile(path) as archive:
                body = archive.read("word/document.xml").decode()
            assert '<w:br w:type="page"/>' in body
            assert "<w:tbl>" in body
            assert "<w:numId " in body


def test_csv_rows_have_as_many_cells_as_the_header() -> None:
    """No comma inside a cell shifts the columns of a table."""
    for path in FILES:
        if path.suffix == ".csv":
            rows = list(csv.reader(io.StringIO(path.read_text("utf-8"))))
            assert {len(row) for row in rows} == {len(rows[0])}


def test_numbers_of_questions() -> None:
    """The samples hold 25 and the calibration set 60 questions, with the agreed shares."""
    assert Counter(question["answerable"] for question in QUESTIONS) == {True: 20, False: 5}
    assert Counter(question["answerable"] for question in CALIBRATION) == {True: 40, False: 20}
    assert len({question["id"] for question in EVERY}) == len(EVERY)
    assert len({question["question"].casefold() for question in EVERY}) == len(EVERY)


def test_calibration_asks_about_every_document() -> None:
    """Thresholds see all documents, so no format or subject decides alone."""
    asked = {gold["document"] for question in CALIBRATION for gold in question["gold"]}
    assert asked == {path.relative_to(DOCUMENTS).as_posix() for path in FILES}


@pytest.mark.parametrize("question", EVERY, ids=_name)
def test_gold_is_in_the_named_document_and_page(question: dict[str, Any]) -> None:
    """A gold quote stands word for word in its document, and for PDFs on its page."""
    assert bool(question["gold"]) == question["answerable"]
    for gold in question["gold"]:
        path = DOCUMENTS / gold["document"]
        pages = _pages(path)
        assert (gold["page"] is not None) == (path.suffix == ".pdf")
        assert _plain(gold["quote"]) in _plain(pages[(gold["page"] or 1) - 1])


@pytest.mark.parametrize("question", EVERY, ids=_name)
def test_gold_holds_what_the_answer_must_contain(question: dict[str, Any]) -> None:
    """An answer that quotes the gold passages contains all it must and nothing it must not."""
    answer = " ".join(gold["quote"] for gold in question["gold"]).casefold()
    missing = [part for part in question["answer_must_contain"] if part.casefold() not in answer]
    assert missing == []
    assert bool(question["answer_must_contain"]) == question["answerable"]
    if question["answerable"]:
        assert not any(part.casefold() in answer for part in question["answer_must_not_contain"])


@pytest.mark.parametrize("question", EVERY, ids=_name)
def test_questions_name_their_kind_and_format(question: dict[str, Any]) -> None:
    """The kind and format of a question agree with its gold, so that reports can group by them."""
    kinds = {"number", "fact", "yesno", "table", "procedure", "who", "multi"}
    if question["answerable"]:
        assert question["kind"] in kinds
        assert (question["kind"] == "multi") == (len(question["gold"]) > 1)
        assert question["format"] == question["gold"][0]["document"].rsplit(".", 1)[1]
    else:
        assert (question["kind"], question["format"]) == ("unanswerable", None)


@pytest.mark.library
def test_questions_are_not_those_of_the_shared_evaluation() -> None:
    """No question is shared with the set that only measures, so thresholds never see it."""
    shared = SAMPLES.parents[1] / "shared" / "evaluation" / "questions.jsonl"
    if not shared.exists():
        pytest.skip("../shared/evaluation is not here, so there is nothing to compare with")
    theirs = {_plain(json.loads(line)["question"]) for line in shared.read_text().splitlines()}
    assert theirs.isdisjoint(_plain(question["question"]) for question in EVERY)
