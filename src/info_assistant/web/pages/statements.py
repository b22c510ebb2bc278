"""What the service says about itself: accessibility, privacy, cookies.

Ours are templates, in every language; the operator's own, in Markdown, stand in their place.
"""

from markdown_it import MarkdownIt
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from info_assistant.web.rendering import Renderer
from info_assistant.web.sign_in import Doorkeeper

STATEMENTS = ("accessibility", "privacy", "cookies")
"""The statements, by the last part of their address."""


class StatementPages:
    """Everybody may read these, signed in or not."""

    def __init__(self, renderer: Renderer, door: Doorkeeper) -> None:
        """Show with `renderer`."""
        self._renderer = renderer
        self._door = door
        # Without raw HTML: what an operator pastes cannot break the page or its policy.
        self._markdown = MarkdownIt("commonmark", {"html": False})

    async def show(self, request: Request) -> HTMLResponse:
        """Return the statement that the address names."""
        name = request.url.path.strip("/")
        visit = self._door.visit(request)
        own = self._renderer.brand.statement(name, visit.language.code)
        if own:
            # The renderer of Markdown escapes everything that is not its own.
            body = Markup(self._markdown.render(own))  # noqa: S704
            context = {"here": name, "body": body}
            return self._renderer.page("own_statement.html", context, visit=visit)
        return self._renderer.page(f"{name}.html", {"here": name}, visit=visit)
