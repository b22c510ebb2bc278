"""What a browser remembers in the open: the language chosen, and which conversations are one's own.

Neither is a secret: a conversation's id opens nothing to anybody but its asker.
"""

import re
from collections.abc import Sequence
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import Response

MOST_CONVERSATIONS = 20
"""How many conversations a browser remembers."""

_YEAR_S = 365 * 24 * 3600
_CONVERSATION = re.compile(r"[A-Za-z0-9_-]{1,64}")
_LANGUAGE_COOKIE = "info-assistant-language"
_CONVERSATIONS_COOKIE = "info-assistant-conversations"


def chosen_language(request: Request) -> str:
    """Return the code of the language that was chosen here, which may be any text; "" for none."""
    return request.cookies.get(_LANGUAGE_COOKIE, "")


def keep_language(request: Request, response: Response, code: str) -> None:
    """Remember a language for a year."""
    _set(request, response, _LANGUAGE_COOKIE, code, _YEAR_S)


def new_conversation() -> str:
    """Return an id for a new conversation."""
    return uuid4().hex


def is_conversation(name: str) -> bool:
    """Whether `name` can be the id of a conversation."""
    return _CONVERSATION.fullmatch(name) is not None


def conversations(request: Request) -> Sequence[str]:
    """Return the ids of the conversations that were begun in this browser, the newest first."""
    names = request.cookies.get(_CONVERSATIONS_COOKIE, "").split(".")
    return [name for name in dict.fromkeys(names) if is_conversation(name)][:MOST_CONVERSATIONS]


def keep_conversation(request: Request, response: Response, name: str) -> None:
    """Remember a conversation as the newest."""
    others = [each for each in conversations(request) if each != name]
    _keep(request, response, [name, *others][:MOST_CONVERSATIONS])


def drop_conversation(request: Request, response: Response, name: str) -> None:
    """Forget a conversation."""
    _keep(request, response, [each for each in conversations(request) if each != name])


def drop_conversations(request: Request, response: Response) -> None:
    """Forget all conversations."""
    if _CONVERSATIONS_COOKIE in request.cookies:
        _set(request, response, _CONVERSATIONS_COOKIE, "", 0)


def _keep(request: Request, response: Response, names: Sequence[str]) -> None:
    value = ".".join(names)
    _set(request, response, _CONVERSATIONS_COOKIE, value, _YEAR_S if value else 0)


def _set(request: Request, response: Response, name: str, value: str, max_age_s: int) -> None:
    response.set_cookie(
        name,
        value,
        max_age=max_age_s,
        path="/",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="lax",
    )
