"""Templates to pages: everything that comes from documents or people is escaped."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse

from info_assistant.web import standing, words
from info_assistant.web.visits import NOBODY, Visit

STATIC = Path(__file__).parent / "static"
"""The folder of the stylesheet and the icon."""


class Renderer:
    """Turns templates into responses."""

    def __init__(self) -> None:
        """Load the templates, and name the stylesheet by its content."""
        self._environment = Environment(
            loader=PackageLoader("info_assistant.web"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.filters["moment"] = _moment
        self._environment.globals["words"] = words
        self._environment.globals["counts"] = standing
        self._environment.globals["assets"] = {
            name: f"/static/{name}?v={_digest(name)}" for name in ("style.css", "icon.svg")
        }

    def page(
        self,
        template: str,
        context: Mapping[str, object],
        *,
        visit: Visit = NOBODY,
        status: int = 200,
        retry_after_s: float | None = None,
    ) -> HTMLResponse:
        """Return `template` filled with `context`, asking to come back after `retry_after_s`.

        The page names whoever has signed in for `visit`, and lets them sign out.
        """
        html = self._environment.get_template(template).render(visit=visit, **context)
        headers = (
            {} if retry_after_s is None else {"Retry-After": str(max(round(retry_after_s), 1))}
        )
        return HTMLResponse(html, status_code=status, headers=headers)


def _digest(name: str) -> str:
    """Return a mark of a file's content: with it in the address, browsers may keep it for good."""
    return hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]


def _moment(at: datetime) -> str:
    """Return a date and time for people, in UTC: '23 November 2026, 13:22 UTC'."""
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    return f"{at.day} {at:%B %Y, %H:%M} UTC"
