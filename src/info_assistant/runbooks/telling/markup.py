"""Markdown as others write it: Slack's mrkdwn, plain text, and HTML."""

import html
import re
from collections.abc import Callable, Mapping

_FENCE = re.compile(r"(```.*?```|`[^`\n]+`)", re.DOTALL)
_BOLD = re.compile(r"\*\*(?=\S)(.+?)(?<=\S)\*\*")
_STRUCK = re.compile(r"~~(?=\S)(.+?)(?<=\S)~~")
_LINK = re.compile(r"\[([^\]\n]+)\]\((https?://[^\s)]+)\)")
_HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*#*$", re.MULTILINE)
_OPEN_BOX = re.compile(r"^(\s*)[-*] \[ \] ", re.MULTILINE)
_TICKED_BOX = re.compile(r"^(\s*)[-*] \[[xX]\] ", re.MULTILINE)
_BULLET = re.compile(r"^(\s*)[-*] (?=\S)", re.MULTILINE)
_HANDLE = re.compile(r"(?<![\w@.])@[A-Za-z][\w-]*")
_SLACK_ID = re.compile(r"[UW][A-Z0-9]{2,}|S[A-Z0-9]{2,}")


def slack(text: str, ids: Mapping[str, str]) -> str:
    """Return Markdown as Slack's mrkdwn; handles become mentions that ping, where `ids` has them.

    A text that is mrkdwn already, with *one* asterisk for bold, stays as it is.
    """
    return _outside_code(text, lambda part: _slack_part(part, ids), _escaped)


def _slack_part(text: str, ids: Mapping[str, str]) -> str:
    text = _escaped(text)
    text = _HEADING.sub(r"*\1*", text)
    text = _boxes(text)
    text = _BULLET.sub("\\1\u2022 ", text)
    text = _BOLD.sub(r"*\1*", text)
    text = _STRUCK.sub(r"~\1~", text)
    text = _LINK.sub(r"<\2|\1>", text)
    return _HANDLE.sub(lambda found: mention(found[0], ids), text)


def mention(handle: str, ids: Mapping[str, str]) -> str:
    """Return what pings the person or group behind a handle; the handle itself if nobody knows."""
    known = ids.get(handle, "")
    if not _SLACK_ID.fullmatch(known):
        return handle
    return f"<!subteam^{known}>" if known.startswith("S") else f"<@{known}>"


def plain(text: str) -> str:
    """Return Markdown as a text without marks."""
    text = _HEADING.sub(r"\1", _boxes(text))
    text = _STRUCK.sub(r"\1", _BOLD.sub(r"\1", text))
    text = re.sub(r"(?<![\w*])\*(?=\S)([^*\n]+?)(?<=\S)\*(?![\w*])", r"\1", text)
    return _LINK.sub(r"\1 (\2)", text)


def page(text: str) -> str:
    """Return Markdown as paragraphs of HTML; no markup of the text itself is taken over."""
    parts = [part.strip() for part in plain(text).split("\n\n") if part.strip()]
    return "\n".join(f"<p>{html.escape(part).replace(chr(10), '<br>')}</p>" for part in parts)


def _boxes(text: str) -> str:
    return _OPEN_BOX.sub("\\1\u2610 ", _TICKED_BOX.sub("\\1\u2611 ", text))


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _outside_code(text: str, prose: Callable[[str], str], code: Callable[[str], str]) -> str:
    parts = _FENCE.split(text)
    return "".join(code(part) if at % 2 else prose(part) for at, part in enumerate(parts))
