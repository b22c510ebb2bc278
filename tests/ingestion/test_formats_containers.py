"""E-mail messages and archives: files that hold files."""

import io
import struct
import zipfile
from collections.abc import Mapping
from email.message import EmailMessage

import pytest
from fpdf import FPDF
from hypothesis import given
from hypothesis import strategies as st

from info_assistant.errors import Unreadable
from info_assistant.ingestion.formats.conditions import Conditions, Unpacking
from info_assistant.ingestion.formats.members import shown_name
from info_assistant.ingestion.formats.registry import read_file
from info_assistant.model.reading import Block, BlockKind, Reading

RULE = "Employees may carry over 240 hours of annual leave."
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(50)


def read(data: bytes, name: str, conditions: Conditions | None = None) -> Reading:
    """Read a file."""
    return read_file(data, filename=name, media_type="", conditions=conditions)


def refused(data: bytes, name: str, conditions: Conditions | None = None) -> Unreadable:
    """Read what must be refused, and return the refusal."""
    with pytest.raises(Unreadable) as caught:
        read(data, name, conditions)
    return caught.value


def archive(members: Mapping[str, bytes | str]) -> bytes:
    """Return a ZIP of these."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in members.items():
            made.writestr(name, data)
    return out.getvalue()


def message(subject: str = "Leave", body: str = RULE) -> EmailMessage:
    """Return a message with a plain body."""
    made = EmailMessage()
    made["From"], made["To"] = "Ann Örn <ann@example.org>", "bob@example.org"
    made["Subject"], made["Date"] = subject, "Mon, 23 Nov 2026 10:00:00 +0000"
    made.set_content(body)
    return made


def pdf() -> bytes:
    """Return a PDF that says the rule on its second page."""
    made = FPDF()
    made.set_font("helvetica", size=11)
    for words in ("The first page.", RULE):
        made.add_page()
        made.multi_cell(0, 6, words)
    return bytes(made.output())


def under(reading: Reading, name: str) -> list[Block]:
    """Return the blocks that stand under a heading, up to the next one as high."""
    at = next(
        number
        for number, block in enumerate(reading.blocks)
        if block.kind is BlockKind.HEADING and block.text == name
    )
    level = reading.blocks[at].level
    found: list[Block] = []
    for block in reading.blocks[at + 1 :]:
        if block.kind is BlockKind.HEADING and block.level <= level:
            break
        found.append(block)
    return found


def test_a_message_is_its_headers_and_its_body_once() -> None:
    """Headers are rows, the subject is the title, and the body's HTML twin is not said again."""
    made = message("Grüße aus Köln", f"{RULE}\n\n- one\n- two")
    made.add_alternative(f"<p>{RULE}</p><ul><li>one<li>two</ul>", subtype="html")
    reading = read(made.as_bytes(), "a.eml")
    assert reading.title == "Grüße aus Köln"
    assert [block.text for block in reading.blocks] == [
        "From | Ann Örn <ann@example.org>",
        "To | bob@example.org",
        "Date | Mon, 23 Nov 2026 10:00:00 +0000",
        "Subject | Grüße aus Köln",
        RULE,
        "one",
        "two",
    ]


def test_html_is_the_body_where_there_is_no_plain_text() -> None:
    """A message of HTML alone, or with an empty plain part, is read from its HTML."""
    made = message(body=" \n")
    made.add_alternative(f"<h2>Part</h2><p>{RULE}</p><script>x()</script>", subtype="html")
    assert read(made.as_bytes(), "a.eml").blocks[-1].text == RULE
    assert "x()" not in read(made.as_bytes(), "a.eml").text


def test_attachments_are_sections_with_their_own_pages() -> None:
    """Each readable attachment stands under its name with its pages; the others are named."""
    inner = message("The inner one", "Inner words.")
    inner.add_attachment(b"Office,Days\nNorth,5\n", "text", "csv", filename="days.csv")
    made = message()
    made.add_attachment(pdf(), "application", "pdf", filename="règles.pdf")
    made.add_attachment(inner)
    made.add_attachment(PICTURE, "image", "png", filename="photo.png")
    reading = read(made.as_bytes(), "a.eml")
    assert [(b.text, b.page) for b in under(reading, "règles.pdf")] == [
        ("The first page.", 1),
        (RULE, 2),
    ]
    attached = under(reading, "The inner one.eml")
    assert "Inner words." in [block.text for block in attached]
    assert attached[-1] == Block(BlockKind.TABLE_ROW, "North | 5", table_header="Office | Days")
    assert reading.notes[0].startswith("photo.png was left out: This is a picture")


def test_messages_within_messages_end_at_the_third() -> None:
    """Attached messages are opened to a depth of three; what is deeper is named in the notes."""
    made = message("Level 4", "Too deep.")
    for level in (3, 2, 1, 0):
        outer = message(f"Level {level}", f"Words {level}.")
        outer.add_attachment(made)
        made = outer
    reading = read(made.as_bytes(), "a.eml")
    assert "Words 2." in reading.text
    assert "Words 3." not in reading.text
    assert "too deep" in reading.notes[0]


def test_more_attachments_than_are_read_are_named() -> None:
    """After fifty attachments the others are left out with a note, and the notes stay few."""
    made = message()
    for number in range(80):
        made.add_attachment(f"Words {number}.", filename=f"{number}.txt")
    reading = read(made.as_bytes(), "a.eml")
    assert "Words 49." in reading.text
    assert "Words 50." not in reading.text
    assert reading.notes[0].startswith("50.txt was left out: The message holds more")
    assert reading.notes[-1] == "10 more notes are not shown."


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"Subject: =?utf-8?B?R3LDvMOfZQ==?=\n\nHello there.", "Grüße"),
        (b"Subject: x\nContent-Type: text/plain; charset=nonsense\n\ncaf\xc3\xa9", "café"),
        (b"Subject: x\nContent-Type: text/plain; charset=ascii\n\ncaf\xe9 is open", "café"),
        (b"Subject: x\nContent-Transfer-Encoding: base64\n\nSGVsbG8gdGhlcmU", "Hello there"),
        (b"Subject: x\nContent-Type: multipart/mixed\n\nNo boundary at all.", "No boundary"),
        (
            b'Subject: x\nContent-Type: multipart/mixed; boundary="b"\n\n--b\n\nNever closed.',
            "Never closed.",
        ),
        (b"Subject: x\nDate: nonsense\nFrom: <<>>@@,;\nTo: \xff\xfe\n\nStill read.", "Still read."),
        (b"Subject: x\nContent-Type: text/html\n\n<p>Only <b>HTML</b>", "Only HTML"),
    ],
)
def test_broken_messages_are_read_as_far_as_they_go(raw: bytes, words: str) -> None:
    """Wrong character sets, encodings, dates and boundaries cost little; the words stay."""
    assert words in read(raw, "a.eml").text


def test_what_is_no_message_is_refused() -> None:
    """A file that only has the name of a message, and Outlook's own format, say what to do."""
    assert refused(b"no header here\n\njust text", "a.eml").kind == "corrupt"
    outlook = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)
    outlook += "__substg1.0_0037001F".encode("utf-16-le")
    error = refused(outlook, "a.msg")
    assert (error.kind, ".eml" in error.message) == ("unsupported", True)


@given(st.binary(max_size=200), st.sampled_from([b"", b"Subject: x\n", b"From: a\n\n"]))
def test_any_bytes_of_a_message_are_read_or_refused(data: bytes, begun: bytes) -> None:
    """Whatever stands in a message, there is a reading or an Unreadable."""
    try:
        assert read(begun + data, "a.eml").blocks
    except Unreadable as error:
        assert error.message  # noqa: PT017 - either end is right.


def test_an_archive_is_one_reading_with_a_section_for_each_file() -> None:
    """Members stand under their path with their pages; leftovers are passed over in silence."""
    made = archive(
        {
            "rules/leave.md": f"# Leave\n\n## Carrying over\n\n{RULE}",
            "rules/": b"",
            "../../annex.pdf": pdf(),
            "__MACOSX/._x": b"x",
            ".DS_Store": b"x",
            "~$lock.docx": b"x",
            "photo.png": PICTURE,
            "empty.txt": b"",
        }
    )
    told: list[tuple[int, int, str]] = []
    reading = read(
        made, "a.zip", Conditions(on_progress=lambda *progress: told.append(tuple(progress)))
    )
    assert [(b.kind.value, b.level, b.page, b.text) for b in reading.blocks] == [
        ("heading", 1, None, "rules/leave.md"),
        ("heading", 2, None, "Leave"),
        ("heading", 3, None, "Carrying over"),
        ("paragraph", 0, None, RULE),
        ("heading", 1, None, "annex.pdf"),
        ("paragraph", 0, 1, "The first page."),
        ("paragraph", 0, 2, RULE),
    ]
    assert [note.split(":")[0] for note in reading.notes] == [
        "photo.png was left out",
        "empty.txt was left out",
    ]
    assert told == [(1, 4, "files"), (2, 4, "files"), (3, 4, "files"), (4, 4, "files")]


def test_archives_in_archives_are_opened_twice() -> None:
    """An archive in an archive is read, one more in that is named in the notes."""
    innermost = archive({"c.txt": "Too deep."})
    made = archive(
        {"a.zip": archive({"b.zip": innermost, "b.txt": "Deep enough."}), "a.txt": "Top."}
    )
    reading = read(made, "x.zip")
    assert "Deep enough." in reading.text
    assert "Too deep." not in reading.text
    assert reading.notes[0].startswith("a.zip: b.zip was left out: Archives lie in archives")


def test_bombs_are_refused_before_anything_is_unpacked() -> None:
    """Too high a ratio, too many bytes or files, also in nested archives, end as limits."""
    bomb = archive({"a.txt": bytes(150_000_000)})
    assert len(bomb) < 200_000
    assert "100 times its size" in refused(bomb, "a.zip").message
    assert (
        "100 times its size" in refused(archive({"word/document.xml": bytes(10**8)}), "a").message
    )
    many = archive({f"{number}.txt": "Words." for number in range(501)})
    assert "501 files" in refused(many, "a.zip").message
    tight = Conditions(unpacking=Unpacking(bytes_left=1_000))
    assert refused(archive({"a.txt": "word " * 201}), "a.zip", tight).kind == "limits"
    shared = archive({"a.txt": "word " * 150})
    tight = Conditions(unpacking=Unpacking(bytes_left=1_500))
    reading = read(archive({"a.zip": shared, "b.zip": shared}), "a.zip", tight)
    assert [note.split(":")[0] for note in reading.notes] == ["b.zip was left out"]


def test_members_under_a_password_are_named() -> None:
    """An archive of locked files is refused as encrypted, one with open files is read."""
    made = bytearray(archive({"open.txt": "Open words.", "locked.txt": "Locked words."}))
    entry = made.rindex(b"PK\x01\x02")
    made[entry + 8] |= 1
    reading = read(bytes(made), "a.zip")
    assert reading.blocks[-1].text == "Open words."
    assert reading.notes == (
        "locked.txt was left out: It is protected by a password. Send it without one.",
    )
    made[made.index(b"PK\x01\x02") + 8] |= 1
    assert refused(bytes(made), "a.zip").kind == "encrypted"


def test_an_archive_that_declares_less_than_it_holds_gives_no_more() -> None:
    """A lie about a member's size ends at the declared size and leaves the member out."""
    made = bytearray(archive({"a.txt": b"word " * 100_000, "b.txt": "Fine."}))
    entry = made.index(b"PK\x01\x02")
    made[entry + 24 : entry + 28] = (10).to_bytes(4, "little")
    reading = read(bytes(made), "a.zip")
    assert [block.text for block in reading.blocks] == ["b.txt", "Fine."]
    assert reading.notes[0].startswith("a.txt was left out")


def test_a_member_without_a_name_is_read() -> None:
    """An archive whose directory lost a name loses nothing else."""
    made = bytearray(archive({"x": "Words."}))
    entry, end = made.index(b"PK\x01\x02"), made.index(b"PK\x05\x06")
    made[end + 12 : end + 20] = struct.pack("<LL", end - entry - 1, entry - 1)
    for at, length, name in ((entry, 28, 46), (0, 26, 30)):
        made[at + length : at + length + 2] = bytes(2)
        del made[at + name]
    blocks = read(bytes(made), "a.zip").blocks
    assert [block.text for block in blocks] == ["file without a name", "Words."]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../etc/passwd", "etc/passwd"),
        ("C:\\a\\b.txt", "a/b.txt"),
        ("/x//y/./z", "x/y/z"),
        ("a\u202eb\nc", "ab c"),
        ("..", "file without a name"),
    ],
)
def test_names_from_inside_are_shown_clean(name: str, shown: str) -> None:
    """Names lose ways out of the folder, drives and invisible characters."""
    assert shown_name(name) == shown


def test_names_in_unmarked_utf_8_are_understood() -> None:
    """Programs that write UTF-8 without saying so are read as they meant."""
    made = archive({"xyz.txt": "Words."}).replace(b"xyz.txt", "ü.txt".encode() + b"t")
    assert read(made, "a.zip").blocks[0].text == "ü.txtt"
