"""What a browser remembers in the open: the language chosen."""

from starlette.requests import Request
from starlette.responses import Response

_YEAR_S = 365 * 24 * 3600
_LANGUAGE_COOKIE = "info-assistant-language"


def chosen_language(request: Request) -> str:
    """Return the code of the language that was chosen here, which may be any text; "" for none."""
    return request.cookies.get(_LANGUAGE_COOKIE, "")


def keep_language(request: Request, response: Response, code: str) -> None:
    """Remember a language for a year."""
    _set(request, response, _LANGUAGE_COOKIE, code, _YEAR_S)


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
