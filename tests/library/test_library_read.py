"""Every file of the shared library is read, and no word of its PDFs is lost."""

import asyncio
import re
import unicodedata
from collections import Counter
from pathlib import Path

import pypdf
import pytest

from info_assistant.errors import Unreadable
from info_assistant.ingestion.formats.registry import read_file
from info_assistant.ingestion.read import SubprocessReader
from info_assistant.model.reading import Reading

LIBRARY = Path(__file__).parents[3] / "shared" / "library"
FOLDERS = ("nist-sp800-63-4", "cisa-scuba-baselines", "tts-handbook", "fedramp")
POLICIES = "tts-handbook/general-information-and-resources"
WITHOUT_WORDS = {
    "nist-sp800-63-4/sp800-63/frontmatter.md",
    "nist-sp800-63-4/sp800-63a/frontmatter.md",
    "nist-sp800-63-4/sp800-63b/frontmatter.md",
    "nist-sp800-63-4/sp800-63c/frontmatter.md",
    f"{POLICIES}/business-and-ops-policies/billing_policy.md",
    f"{POLICIES}/tech-policies/open-source.md",
}
# (file, page): why pypdf finds words there that we do not.
PAGES_BELOW: dict[tuple[str, int], str] = {}
_LINE_END = re.compile(r"[-\u2010\u00ad]\s*\n\s*")

pytestmark = [
    pytest.mark.library,
    pytest.mark.skipif(not LIBRARY.is_dir(), reason="../shared/library is not there to be read."),
]


def library_files() -> list[Path]:
    """Return every document of the library."""
    return [
        path
        for folder in FOLDERS
        for path in sorted((LIBRARY / folder).rglob("*"))
        if path.is_file()
    ]


async def test_every_file_is_read_but_those_without_words() -> None:
    """All formats are read; exactly the empty and redirect-only files are refused."""
    refused: dict[str, str] = {}
    readings: dict[str, Reading] = {}

    async with SubprocessReader() as reader:

        async def read(path: Path, data: bytes) -> None:
            name = path.relative_to(LIBRARY).as_posix()
            try:
                readings[name] = await reader.read(data, filename=path.name, media_type="")
            except Unreadable as error:
                refused[name] = error.kind

        async with asyncio.TaskGroup() as group:
            for path in library_files():
                group.create_task(read(path, path.read_bytes()))
    assert refused == dict.fromkeys(WITHOUT_WORDS, "empty")
    assert len(readings) > 150
    for name, reading in readings.items():
        text = reading.text
        assert "\ufffd" not in text, name
        assert "{%" not in text, name
        assert not re.search("[\u200b\ufeff\ufb00-\ufb06\u00ad]", text), name


def words(text: str) -> Counter[str]:
    """Return a bag of words: letters and digits only, words broken at line ends made whole."""
    text = unicodedata.normalize("NFKC", _LINE_END.sub("", text))
    found = ("".join(filter(str.isalnum, word)).lower() for word in text.split())
    return Counter(word for word in found if word)


@pytest.mark.parametrize(
    "path", [path for path in library_files() if path.suffix == ".pdf"], ids=lambda path: path.name
)
def test_no_page_of_a_pdf_loses_words(path: Path) -> None:
    """At least 0.99 of the words that pypdf finds on a page are on that page of the reading."""
    reading = read_file(path.read_bytes(), filename=path.name, media_type="")
    below = {}
    for number, page in enumerate(pypdf.PdfReader(path).pages, 1):
        theirs = words(page.extract_text())
        ours = words("\n".join(b.text for b in reading.blocks if b.page == number))
        share = (theirs & ours).total() / max(1, theirs.total())
        if share < 0.99:
            below[number] = share
    assert {(path.name, number) for number in below} == {
        key for key in PAGES_BELOW if key[0] == path.name
    }, below
