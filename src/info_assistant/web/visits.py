"""Who is on the other side: a visit to the page, and the session of somebody who has signed in."""

from dataclasses import dataclass, field
from typing import Literal

from starlette.requests import Request

from info_assistant.web.attempts import own_path
from info_assistant.web.languages import ENGLISH, Language

_CURATORS = {"contributor", "operator"}


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who has signed in, until `expires_at` (seconds since 1970).

    `credential` is what the backend knows them by: an access token or an API key. `csrf` is what
    their forms carry, to show that we made them. `id_token` is only for signing out.
    """

    method: Literal["keys", "oidc"]
    credential: str = field(repr=False)
    subject: str
    name: str
    organisation: str
    expires_at: float
    csrf: str = field(default="", repr=False)
    id_token: str = field(default="", repr=False)
    role: str = ""


@dataclass(frozen=True, slots=True)
class Visit:
    """One request of a reader. `session` is None for somebody who is not signed in.

    `past` is their session if it has ended. `path` is where they are, with its query, if one can
    come back to it. `open_to_all` says that nobody needs to sign in.
    """

    request_id: str = ""
    session: Session | None = None
    past: Session | None = None
    language: Language = ENGLISH
    path: str = "/"
    open_to_all: bool = False

    @property
    def curates(self) -> bool:
        """Whether they look after documents; the backend decides what they may really do."""
        return self.open_to_all or (self.session is not None and self.session.role in _CURATORS)

    @property
    def csrf(self) -> str:
        """What the forms of the page carry; empty where nobody is signed in."""
        return self.session.csrf if self.session else ""

    @property
    def headers(self) -> dict[str, str]:
        """What the backend is told: the request's id and who asks."""
        headers = {"X-Request-ID": self.request_id, "Accept": "application/json"}
        if self.session is not None:
            headers["Authorization"] = f"Bearer {self.session.credential}"
        return headers


NOBODY = Visit()
"""The visit of somebody about whom nothing is known."""


def stranger(request: Request) -> Visit:
    """Return the visit of whoever sent the request, before anybody looks who they are."""
    state, url = request.state, request.url
    here = url.path + (f"?{url.query}" if url.query else "")
    path = own_path(here) if request.method in {"GET", "HEAD"} else "/"
    return Visit(state.request_id, language=state.language, path=path)


class SignInNeeded(Exception):
    """The page is for those who have signed in. `question` is what they had typed."""

    def __init__(self, *, question: str = "", refused: bool = False) -> None:
        """Keep what they had typed; `refused` says that the backend takes their session no more."""
        super().__init__()
        self.question = question
        self.refused = refused
