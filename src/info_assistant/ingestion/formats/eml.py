"""E-mail messages: the header lines people look at, the body once, and the attachments."""

from collections.abc import Iterator
from email import policy
from email.message import EmailMessage, MIMEPart
from email.parser import BytesParser

from info_assistant.errors import Unreadable
from info_assistant.ingestion.formats.blocks import BlockList
from info_assistant.ingestion.formats.clean import clean
from info_assistant.ingestion.formats.conditions import Conditions
from info_assistant.ingestion.formats.damage import damaged_as
from info_assistant.ingestion.formats.html_page import read_html
from info_assistant.ingestion.formats.members import Members, ReadMember
from info_assistant.ingestion.formats.text import decode, read_text
from info_assistant.model.reading import Block, Reading

_SHOWN = ("From", "To", "Cc", "Date", "Subject")
_LONGEST_HEADER = 2_000
_MOST_ATTACHMENTS = 50
_MESSAGE = "message/rfc822"
_DAMAGED = "This e-mail message is damaged. Save it again from your mail program and resend it."


def read_eml(data: bytes, conditions: Conditions, read: ReadMember) -> Reading:
    """Read a message with its attachments. Raises Unreadable (corrupt, limits, …)."""
    members = Members("eml", conditions, read)
    if members.too_deep:
        raise Unreadable(
            "limits",
            "Messages are attached to messages here, too deep to be read. Send the inner one by "
            "itself.",
        )
    with damaged_as(_DAMAGED):
        message = BytesParser(policy=policy.default).parsebytes(data)
        headers = {name: text for name in _SHOWN if (text := _header(message, name))}
        if not headers:
            raise Unreadable("corrupt", _DAMAGED)
        body, attachments = _parts(message)
        blocks = _header_rows(headers) + _body_blocks(body)
        _add_attachments(members, attachments, blocks)
    blocks += members.blocks
    return Reading(tuple(blocks), title=headers.get("Subject"), notes=members.told())


def _header(message: MIMEPart, name: str) -> str:
    """Return a header in readable form; one that is broken beyond that counts as not there."""
    try:
        values = [str(value) for value in message.get_all(name, [])]
    except (ValueError, LookupError, IndexError, AttributeError, TypeError):
        # The standard library's parser of addresses and dates trips over some broken ones.
        return ""
    return clean("; ".join(values))[:_LONGEST_HEADER]


def _header_rows(headers: dict[str, str]) -> list[Block]:
    out = BlockList()
    out.add_table(list(headers.items()), header=False)
    return out.blocks


def _parts(message: EmailMessage) -> tuple[MIMEPart | None, list[MIMEPart]]:
    """Return the part that is the body, plain text before HTML, and the attachments."""
    leaves = list(_leaves(message))
    inline = [part for part in leaves if not _is_attached(part)]
    body = next(
        (
            part
            for kind in ("text/plain", "text/html")
            for part in inline
            if _kind(part) == kind and _payload(part).strip()
        ),
        None,
    )
    # The other forms of the body say the same once more, and inline pictures are decoration.
    return body, [part for part in leaves if part is not body and _is_attached(part)]


def _leaves(message: MIMEPart) -> Iterator[MIMEPart]:
    """Yield the parts that hold something; an attached message is one of them, unopened."""
    stack: list[MIMEPart] = [message]
    while stack:
        part = stack.pop()
        if part.get_content_type() != _MESSAGE and part.is_multipart():
            inner = part.get_payload()
            stack += [each for each in reversed(list(inner)) if isinstance(each, MIMEPart)]
        else:
            yield part


def _kind(part: MIMEPart) -> str:
    """Return a part's media type; parts without their boundary are one piece of text."""
    return "text/plain" if part.get_content_maintype() == "multipart" else part.get_content_type()


def _is_attached(part: MIMEPart) -> bool:
    if part.get_content_type() == _MESSAGE or part.get_content_disposition() == "attachment":
        return True
    return bool(part.get_filename()) and part.get_content_maintype() != "image"


def _payload(part: MIMEPart) -> bytes:
    """Return a part's bytes; a broken transfer encoding gives what can be decoded of it."""
    if part.get_content_type() == _MESSAGE and part.is_multipart():
        inner = part.get_payload(0)
        return inner.as_bytes(policy=policy.compat32) if isinstance(inner, MIMEPart) else b""
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _body_blocks(body: MIMEPart | None) -> list[Block]:
    if body is None:
        return []
    text = _text(body)
    reading = read_html(text) if body.get_content_type() == "text/html" else read_text(text)
    return list(reading.blocks)


def _text(part: MIMEPart) -> str:
    """Decode by the stated character set, or by the bytes where that is missing or wrong."""
    payload = _payload(part)
    try:
        return payload.decode(part.get_content_charset() or "ascii")
    except (LookupError, UnicodeDecodeError):
        return decode(payload).text


def _add_attachments(members: Members, attachments: list[MIMEPart], before: list[Block]) -> None:
    """Read the attachments within the limits; `before` are the message's own blocks."""
    members.characters = sum(len(block.text) for block in before)
    told = members.conditions.on_progress
    for number, part in enumerate(attachments, 1):
        name = _name(part, number)
        data = _payload(part)
        room = members.conditions.unpacking
        if number > _MOST_ATTACHMENTS or not room.members_left or len(data) > room.bytes_left:
            members.leave_out(
                name,
                Unreadable("limits", "The message holds more attachments than are read with it."),
            )
            continue
        room.members_left -= 1
        room.bytes_left -= len(data)
        members.add(name, data, part.get_content_type())
        told(number, len(attachments), "attachments")


def _name(part: MIMEPart, number: int) -> str:
    """Return an attachment's file name; a message without one is named by its subject."""
    try:
        stated = clean(part.get_filename() or "")
    except (ValueError, LookupError, IndexError, AttributeError, TypeError):
        stated = ""
    if stated:
        return stated
    if part.get_content_type() == _MESSAGE and part.is_multipart():
        inner = part.get_payload(0)
        subject = _header(inner, "Subject") if isinstance(inner, MIMEPart) else ""
        return f"{subject or f'message {number}'}.eml"
    return f"attachment {number}"
