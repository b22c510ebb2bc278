"""Plain text, Markdown, HTML and CSV as they are found."""

# ruff: noqa: RUF001 - typographic marks are what documents are written with.

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from info_assistant.errors import Unreadable
from info_assistant.ingestion.formats.clean import clean
from info_assistant.ingestion.formats.registry import read_file
from info_assistant.ingestion.formats.text import decode
from info_assistant.model.reading import Block, BlockKind, Reading


def read(text: str | bytes, filename: str = "page.md") -> Reading:
    """Read a page as if it had been uploaded."""
    data = text.encode() if isinstance(text, str) else text
    return read_file(data, filename=filename, media_type="")


def rows(reading: Reading) -> list[tuple[str, str]]:
    """Return the rows of a reading with their headers."""
    return [
        (block.text, block.table_header)
        for block in reading.blocks
        if block.kind is BlockKind.TABLE_ROW
    ]


def test_text_is_cleaned_of_characters_that_nobody_sees() -> None:
    """Zero-width characters, soft hyphens, ligatures and controls never reach a reading."""
    hidden = "o\u200bf\ufeff the \ufb01rst\u00a0 co\u00adop\x07\ttion\ud800"
    assert clean(hidden) == "of the first coop tion"
    assert clean("e\u0301") == "é"


@given(st.text())
def test_cleaning_twice_changes_nothing_more(text: str) -> None:
    """Cleaning is idempotent and leaves text that can be written as UTF-8 on one line."""
    once = clean(text)
    assert clean(once) == once
    assert "\n" not in once
    once.encode()


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "utf-32"]
)
def test_every_usual_encoding_gives_the_same_words(encoding: str) -> None:
    """Bytes are decoded with or without a byte-order mark, without replacement characters."""
    words = "The café’s naïve résumé – “quoted” words on procedure."
    reading = read(words.encode(encoding), "note.txt")
    assert reading.text == words


_WORDS = {
    "de": "die Behörde prüft größere Änderungen über Einsprüche wird später schließlich",
    "fr": "l’employé reporte ses congés à l’année où le délai prévu a été prolongé ça",
    "pl": "urząd może przenieść urlop na następny jeżeli źródło główny część wyrazi dzień",
    "cs": "úřad posoudí žádost příští může vedoucí souhlasí další údaje lhůtách čeština",
    "hu": "a hivatal elbírálja következő évre szabadságát ügyfél hűség bővebben időben",
    "ja": "職員は 年次休暇を 翌年に 繰り越す ことが できます。 申請は カタカナ ください。",
    "zh": "职员 可以 将年假 结转到 下一年。 申请必须 在三月三十一日 之前提交， 详细",
    "ru": "учреждение рассматривает заявление в течение десяти дней сотрудник перенести",
}
_EIGHT_BIT = [
    ("de", "cp1252"),
    ("fr", "cp1252"),
    ("pl", "iso8859-2"),
    ("cs", "iso8859-2"),
    ("hu", "iso8859-2"),
    ("pl", "cp1250"),
    ("ja", "shift_jis"),
    ("zh", "gb18030"),
]
_WIDE = [
    (language, encoding)
    for language in _WORDS
    for encoding in ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")
]


@pytest.mark.parametrize(("language", "encoding"), _EIGHT_BIT + _WIDE)
@settings(max_examples=25)
@given(chance=st.randoms(use_true_random=False), times=st.integers(3, 20))
def test_encodings_without_a_mark_are_found(
    language: str, encoding: str, chance: random.Random, times: int
) -> None:
    """Text of some length comes out as it was, whichever encoding of its language it is in."""
    words = _WORDS[language].split() * times
    chance.shuffle(words)
    text = " ".join(words)
    assert decode(text.encode(encoding)).text == text


def test_latin_1_is_read_and_said_to_be_guessed() -> None:
    """Where the encoding is not stated, the reading says so in a note."""
    reading = read("Señor Müller wohnt in Köln.".encode("latin-1"), "note.txt")
    assert reading.text == "Señor Müller wohnt in Köln."
    assert "read as Windows-1252" in reading.notes[0]


def test_a_stray_byte_does_not_spoil_a_utf_8_file() -> None:
    """One byte in another encoding leaves the rest as it was."""
    reading = read("Grüße “an” alle – überall. ".encode() * 4 + b"caf\xe9", "note.txt")
    assert reading.text.startswith("Grüße “an” alle – überall.")
    assert reading.text.endswith("café")


def test_plain_text_has_headings_lists_and_joined_paragraphs() -> None:
    """Wrapped lines become one paragraph, bullets become items, underlined lines headings."""
    reading = read(
        "Leave\n=====\n\nYou may take\nleave any time.\n\n- with pay\n- without\n  pay\n", "a.txt"
    )
    assert [(b.kind, b.text) for b in reading.blocks] == [
        (BlockKind.HEADING, "Leave"),
        (BlockKind.PARAGRAPH, "You may take leave any time."),
        (BlockKind.LIST_ITEM, "with pay"),
        (BlockKind.LIST_ITEM, "without pay"),
    ]


def test_markdown_becomes_words_only() -> None:
    """Emphasis, links, images of words and code marks leave their words and nothing else."""
    reading = read(
        "# A **bold** [title](x.md)\n\nSee `code`, [*here*](http://a.b) "
        "and ![Required](badge.svg) ![image1](x.png).\nNext<br>line &mdash; <b>x</b>"
    )
    assert [block.text for block in reading.blocks] == [
        "A bold title",
        "See code, here and Required . Next line — x",
    ]
    assert reading.title == "A bold title"


def test_template_tags_are_taken_out_of_markdown() -> None:
    """Tags and variables of site generators vanish, also inside link targets; named things stay."""
    reading = read(
        '---\ntitle: "Leave types"\nredirect_from:\n  - /x/\n---\n{% alert %}\nUse the '
        '[chart]({% page "a/b/" %}) or ask in {% slack_channel "people-ops" %}.\n{% endalert %}\n'
        '{% include "step.html" x: y %}\n\nOwner {{site.name}}: [me]({{site.url}}/a "b").\n'
        "{: .note}\n\n## Scope {#scope}\n\nText[^1].\n\n[^1]: A note."
    )
    assert reading.title == "Leave types"
    assert [block.text for block in reading.blocks] == [
        "Use the chart or ask in people-ops.",
        "Owner : me.",
        "Scope",
        "Text.",
        "A note.",
    ]


_HTML_TABLE = (
    "<table><thead><tr><th>Level</th><th>Days</th></tr></thead>\n\n<tbody>"
    "<tr><td>1</td><td>5</td></tr>\n\n    <tr><td>2</td><td>7</td></tr></tbody></table>"
)


@pytest.mark.parametrize(
    "table",
    [
        "| Level | Days |\n|---|---|\n| 1 | 5 |\n| 2 | 7 |",
        "Level | Days\n------|-----\n1 | 5\n2 | 7",
        "| Level | Days |\n|:-:|---|---|---|\n| 1 | 5 |\n| 2 | 7 |",
        "Words before:\n|Level|Days|\n|---|\n|1|5|\n|2|7|",
        _HTML_TABLE,
    ],
)
def test_crooked_markdown_tables_become_rows(table: str) -> None:
    """Missing outer pipes, ill-fitting rules and HTML tables with blank lines still give rows."""
    assert rows(read(f"# T\n\n{table}\n\nAfter.")) == [
        ("Level | Days", "Level | Days"),
        ("1 | 5", "Level | Days"),
        ("2 | 7", "Level | Days"),
    ]


def test_cells_beyond_the_header_are_kept() -> None:
    """A row wider than its header loses nothing, and an empty first cell repeats the one above."""
    reading = read("| A | B |\n|---|---|\n| x | y | z |\n| | q |")
    assert [text for text, _ in rows(reading)] == ["A | B", "x | y | z", "x | q"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("---\ntitle: Gone\nredirect_to: /new-place/\n---\n", "/new-place/"),
        ('---\ntitle: x\n---\n{% include "redirect.html" %}\n', "template tags"),
        ("", "empty"),
        ("\ufeff \n\n", "empty"),
    ],
)
def test_files_without_words_say_why(content: str, words: str) -> None:
    """Redirect pages and empty files are refused as empty, with what to do."""
    with pytest.raises(Unreadable, match=words) as caught:
        read(content)
    assert caught.value.kind == "empty"


def test_html_keeps_structure_and_skips_what_is_not_text() -> None:
    """Headings, nested lists and tables with spans are read; scripts and menus are not."""
    reading = read(
        "<!doctype html><html><head><title>The report</title><style>x{}</style></head><body>"
        "<nav>menu</nav><h2>Part</h2><p>One <b>bo</b>ld.<br>Two.</p><ul><li>a<ul><li>b</li></ul>"
        "</li></ul><table><caption>Cap</caption><tr><th>K</th><th>V</th></tr><tr><td rowspan=2>k"
        "</td><td><p>1</p><p>2</p></td></tr><tr><td>3</td></tr></table><script>evil()</script>"
        "<pre>if x:\n    y</pre></body></html>",
        "report.html",
    )
    assert reading.title == "The report"
    assert [(b.kind, b.text, b.level) for b in reading.blocks] == [
        (BlockKind.HEADING, "Part", 2),
        (BlockKind.PARAGRAPH, "One bold. Two.", 0),
        (BlockKind.LIST_ITEM, "a", 1),
        (BlockKind.LIST_ITEM, "b", 2),
        (BlockKind.PARAGRAPH, "Cap", 0),
        (BlockKind.TABLE_ROW, "K | V", 0),
        (BlockKind.TABLE_ROW, "k | 1; 2", 0),
        (BlockKind.TABLE_ROW, "k | 3", 0),
        (BlockKind.CODE, "if x:\n    y", 0),
    ]


def test_deeply_nested_html_is_read() -> None:
    """Nesting far beyond what recursion would bear neither crashes nor loses the text."""
    reading = read("<div>" * 10_000 + "deep" + "</div>" * 10_000, "x.html")
    assert reading.text == "deep"


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv_cells_with_markup_and_line_breaks_become_readable_rows(delimiter: str) -> None:
    """The delimiter is found, HTML in cells becomes words, line breaks in cells become spaces."""
    lines = [
        ["Id", "Rule", "Owner"],
        ["1", "\"Use <a href='x'>MFA</a>.<br>Always\"", '"two\nlines"'],
        ["2", "None, yet" if delimiter != "," else "None yet", "me"],
    ]
    text = "\ufeff" + "\r\n".join(delimiter.join(line) for line in lines)
    found = rows(read(text, "plan.csv"))
    assert found[0] == ("Id | Rule | Owner", "Id | Rule | Owner")
    assert found[1] == ("1 | Use MFA. Always | two lines", "Id | Rule | Owner")
    assert found[2][0].startswith("2 | None")


def test_a_csv_of_numbers_has_no_header() -> None:
    """A first row of data is not taken for the names of columns."""
    assert rows(read("1,2\n3,4\n", "n.csv")) == [("1 | 2", ""), ("3 | 4", "")]


@given(st.text(max_size=300), st.sampled_from(["a.md", "a.html", "a.csv", "a.txt"]))
def test_any_text_is_read_or_refused(text: str, name: str) -> None:
    """Whatever the characters, there is a reading without invisible ones, or an Unreadable."""
    try:
        reading = read(text.encode("utf-8", "surrogatepass"), name)
    except Unreadable:
        return
    assert reading.blocks
    assert all(isinstance(block, Block) and block.text.strip() for block in reading.blocks)
    assert "\u200b" not in reading.text
