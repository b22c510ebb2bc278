"""How the service is: for everybody at /status, and for operators, with its switches, at /watch."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from info_assistant.web import condition_words
from info_assistant.web.backend import Backend
from info_assistant.web.condition import ConditionWatch
from info_assistant.web.forms import check_csrf, check_origin, read_form
from info_assistant.web.languages import N_
from info_assistant.web.rendering import Renderer
from info_assistant.web.sign_in import Doorkeeper
from info_assistant.web.spend_chart import HEIGHT, WIDTH, bars

_SEE_OTHER, _INVALID = 303, 422
_DAYS = 30
_LONGEST_REASON = 500
_LONGEST_MINUTES = 30 * 24 * 60


@dataclass(frozen=True, slots=True)
class WatchPages:
    """The pages about the service itself."""

    backend: Backend
    renderer: Renderer
    door: Doorkeeper
    condition: ConditionWatch

    async def status(self, request: Request) -> HTMLResponse:
        """Return how the service is, in plain words; nobody needs to sign in for it."""
        context = {
            "here": "status",
            "health": self.condition.health,
            "condition_words": condition_words,
            "now": datetime.now(UTC),
        }
        return self.renderer.page("status.html", context, visit=self.door.visit(request))

    async def watch(self, request: Request) -> Response:
        """Return switches, dependencies and spend. Raises SignInNeeded, and what `Backend` does."""
        return await self._page(request)

    async def switch(self, request: Request) -> Response:
        """Throw or release a switch, and lead back.

        Raises CrossSite, FormOutdated, SignInNeeded, and what `Backend.throw` does.
        """
        check_origin(request)
        form = await read_form(request)
        visit = self.door.require(request)
        check_csrf(form, visit.csrf)
        order, mistake = _order(form)
        if mistake:
            return await self._page(request, mistake=mistake, typed=form)
        await self.backend.throw(order, visit)
        return RedirectResponse("/watch?done=switched", _SEE_OTHER)

    async def _page(
        self, request: Request, *, mistake: str = "", typed: Mapping[str, str] | None = None
    ) -> Response:
        visit = self.door.require(request)
        modes = await self.backend.modes(visit)
        today = datetime.now(UTC).date()
        usage = await self.backend.usage(today - timedelta(days=_DAYS - 1), today, visit)
        context = {
            "here": "watch",
            "modes": modes.modes,
            "health": self.condition.health,
            "condition_words": condition_words,
            "backups": await self.backend.backups(visit),
            "usage": usage,
            "bars": bars(usage),
            "chart": {"width": WIDTH, "height": HEIGHT},
            "mistake": mistake,
            "typed": typed or {},
            "switched": request.query_params.get("done") == "switched",
        }
        status = _INVALID if mistake else 200
        return self.renderer.page("watch.html", context, visit=visit, status=status)


def _order(form: Mapping[str, str]) -> tuple[dict[str, object], str]:
    """Return what the API is told to do, and what is wrong about the form, "" if nothing is."""
    name, _, value = form.get("switch", "").partition("=")
    if f"{name}={value}" not in condition_words.SWITCHES and name not in condition_words.MODES:
        return {}, N_("Choose a switch")
    reason = form.get("reason", "").strip()[:_LONGEST_REASON]
    if not reason:
        return {}, N_("Say why; everybody who works here reads it")
    order: dict[str, object] = {name: _value(value), "reason": reason}
    if name == "MAINTENANCE_MODE" and value and form.get("message", "").strip():
        order["MAINTENANCE_MESSAGE"] = form["message"].strip()[:_LONGEST_REASON]
    minutes = form.get("minutes", "").strip()
    if minutes:
        if not (
            minutes.isascii() and minutes.isdecimal() and 0 < int(minutes[:9]) <= _LONGEST_MINUTES
        ):
            return {}, N_("Give the minutes as a whole number, or leave the field empty")
        order["expires_in"] = int(minutes) * 60
    return order, ""


def _value(value: str) -> object:
    """Return a switch's value as the API takes it; none releases it."""
    return {"": None, "true": True, "false": False}.get(value, value)
