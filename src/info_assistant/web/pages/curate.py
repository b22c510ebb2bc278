"""Looking after documents: handing in, holding back, trying again, saying what they are."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from info_assistant.errors import InvalidRequest
from info_assistant.web.backend import Backend
from info_assistant.web.curation import DAYS, ID, Curation
from info_assistant.web.forms import check_csrf, check_origin, read_form
from info_assistant.web.languages import N_
from info_assistant.web.listing import MOST_FOLLOWED, Wanted
from info_assistant.web.rendering import Renderer
from info_assistant.web.sign_in import Doorkeeper
from info_assistant.web.visits import Visit

_SEE_OTHER, _CONFLICT, _INVALID = 303, 409, 422
_TICKED, _MOST_FIELDS = "id:", 70
_WITH_REASON, _WITHOUT_REASON = {"withdraw", "quarantine"}, {"restore", "retry"}
_LONGEST_REASON = 500
_DATES = ("effective", "superseded", "review_by")


@dataclass(frozen=True, slots=True)
class CuratePages:
    """The pages for contributors; the backend decides who is one."""

    backend: Backend
    renderer: Renderer
    door: Doorkeeper

    async def add(self, request: Request) -> Response:
        """Return the form for handing in, or take what it sends.

        Raises CrossSite, FormOutdated, SignInNeeded, and what `Backend.upload` does.
        """
        visit = self.door.require(request)
        if request.method != "POST":
            return self.renderer.page("add.html", {"here": "documents", "source": ""}, visit=visit)
        check_origin(request)
        # The mark is in the address: the body is passed on unread, however large it is.
        check_csrf(request.query_params, visit.csrf)
        kind = request.headers.get("content-type", "")
        if not kind.startswith("multipart/form-data"):
            raise InvalidRequest("The form holds no files.")
        taken = await self.backend.upload(kind, request.stream(), visit)
        ids = [each.id for each in taken.documents]
        # Of some files the next page follows each; many are found in the list of all.
        followed = dict.fromkeys(ids) if len(ids) <= MOST_FOLLOWED else ()
        address = urlencode([("added", len(ids)), *(("id", each) for each in followed)])
        return RedirectResponse(f"/documents?{address}", _SEE_OTHER)

    async def visit(self, request: Request) -> Response:
        """Return what is said about a document, where it is quoted, what can be done; or do that.

        Raises CrossSite, FormOutdated, SignInNeeded, InvalidRequest, and what the backend says.
        """
        if request.method != "POST":
            return await self._page(request, self.door.require(request))
        check_origin(request)
        form = await read_form(request)
        visit = self.door.require(request)
        check_csrf(form, visit.csrf)
        document_id = str(request.path_params["document_id"])
        action, reason = form.get("action", ""), form.get("reason", "").strip()[:_LONGEST_REASON]
        if action in _WITH_REASON and not reason:
            mistake = N_("Say why; readers of the document see it")
            return await self._page(request, visit, mistake=mistake)
        if action in _WITH_REASON | _WITHOUT_REASON:
            await self.backend.act(
                document_id, action, reason if action in _WITH_REASON else "", visit
            )
        elif action == "change":
            await self.backend.change(document_id, _change(form), visit)
        else:
            raise InvalidRequest("The form asks for nothing that is known.")
        return RedirectResponse(f"/documents/{document_id}/curate?done=yes", _SEE_OTHER)

    async def change_several(self, request: Request) -> Response:
        """Make one change to all documents that are ticked; tell of those that refuse it.

        Raises CrossSite, FormOutdated, SignInNeeded, InvalidRequest, and what the backend says.
        """
        check_origin(request)
        form = await read_form(request, most_fields=_MOST_FIELDS)
        visit = self.door.require(request)
        check_csrf(form, visit.csrf)
        ids = [each for name in form if (each := name.removeprefix(_TICKED)) != name]
        # What is left empty stays as it is: several documents have nothing in common to show.
        change = {name: value for name, value in _change(form).items() if value is not None}
        if not ids or not change:
            raise InvalidRequest("No document is ticked, or nothing is said about them.")
        outcomes = await self.backend.change_several(ids, change, visit)
        refused = [each for each in outcomes.documents if not each.done]
        back = Wanted.of(dict(parse_qsl(form.get("list", "")))).address()
        if not refused:
            leading = "&" if "?" in back else "?"
            return RedirectResponse(f"{back}{leading}changed={len(ids)}", _SEE_OTHER)
        context = {
            "here": "documents",
            "refused": refused,
            "changed": len(outcomes.documents) - len(refused),
            "back": back,
        }
        return self.renderer.page("changed.html", context, visit=visit, status=_CONFLICT)

    async def _page(self, request: Request, visit: Visit, *, mistake: str = "") -> HTMLResponse:
        document_id = str(request.path_params["document_id"])
        document = await self.backend.document(document_id, visit)
        before = request.query_params.get("before", "")
        quoted = await self.backend.quoted_by(
            document_id, before if ID.fullmatch(before) else "", visit
        )
        read = await Curation(self.backend).readers(document_id, visit)
        first = request.query_params.get("passage", "")
        number = int(first) if first.isascii() and first.isdecimal() and len(first) < 9 else 0  # noqa: PLR2004
        passages = await self.backend.passages(document_id, number, visit)
        context = {
            "here": "documents",
            "document": document,
            "passages": passages,
            "testable": document.state == "ready",
            "quoted": quoted,
            "quoted_later": bool(before),
            "read": read,
            "days": DAYS,
            "today": datetime.now(UTC).date(),
            "mistake": mistake,
            "done": request.query_params.get("done") == "yes",
        }
        status = _INVALID if mistake else 200
        return self.renderer.page("curate.html", context, visit=visit, status=status)


def _change(form: Mapping[str, str]) -> dict[str, object]:
    """Return what the form says about a document; an empty field empties what was known."""
    groups = [each.strip() for each in form.get("access", "").split(",") if each.strip()]
    change: dict[str, object] = {name: form.get(name, "").strip() or None for name in _DATES}
    change["marking"] = form.get("marking", "").strip()[:100] or None
    if groups:
        change["access"] = groups
    if title := form.get("title", "").strip()[:300]:
        change["title"] = title
    return change
