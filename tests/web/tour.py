"""Every route of the page and every state that it can be in, for tests that go through them all.

A state arranges what the backend replies, and says how a reader comes there. Words of documents and
people are `text` everywhere, so that a test can choose what it looks for.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote

import httpx2
from starlette.responses import JSONResponse, Response
from tests.web.arranging import Arrange, missing, read_by
from tests.web.conftest import (
    ANSWER,
    DOCUMENT,
    ScriptedBackend,
    answer,
    citation,
    document,
    events,
    problem,
)

from info_assistant.model.answer import AnswerStatus
from info_assistant.model.document import DocumentState
from info_assistant.model.reading import Block, BlockKind, Reading
from info_assistant.web import listing, troubles, words

TALK = "talk-1"
FORM = {"Sec-Fetch-Site": "same-origin"}
ONE, TALK_ROUTE = "/answers/{answer_id:uuid}", "/conversations/{conversation_id}"
SOURCE = "/documents/{document_id:uuid}"


@dataclass(frozen=True)
class State:
    """What a reader can see: `path` is where it is, `question` what they ask there, if anything.

    `send` is a form that is sent to `path` instead. `status` is what they get in the end. `first`
    is where they have been before.
    """

    name: str
    route: str
    path: str
    arrange: Arrange = lambda _backend: None
    question: str | None = None
    send: dict[str, str] | None = None
    status: int = 200
    first: str = ""

    async def visit(self, browser: httpx2.AsyncClient) -> httpx2.Response:
        """Go there as a browser does, and where that leads."""
        if self.first:
            await browser.get(self.first)
        if self.question is None and self.send is None:
            return await browser.get(self.path)
        form = {"question": self.question} if self.question is not None else self.send
        sent = await browser.post(self.path, data=form, headers=FORM)
        if sent.is_redirect and self.question is not None:
            return await browser.get(sent.headers["location"])
        return sent


def states(text: str) -> Iterator[State]:
    """Yield every state, its documents and people saying `text`."""
    yield from _asking(text)
    yield from _answers(text)
    yield from _failures(text)
    yield from _conversations(text)
    yield from _documents(text)
    yield from _watching(text)
    yield State(
        "feedback",
        f"{ONE}/feedback",
        f"/answers/{ANSWER}/feedback",
        _judged,
        send={"judgement": "wrong", "comment": text},
        status=303,
    )
    yield State("stop", f"{ONE}/stop", f"/answers/{ANSWER}/stop", send={}, status=303)
    for name in ("accessibility", "privacy", "cookies"):
        yield State(name, f"/{name}", f"/{name}?x={quote(text)}")
    leading = f"/language/en?return_to={quote(text)}"
    yield State("language", "/language/{code}", leading, status=303)
    yield State("another language", "/language/{code}", "/language/xx", status=404)
    yield State("nowhere", "none", f"/{quote(text, safe='')}", status=404)
    yield State("a method that is not there", "/documents", "/documents", send={}, status=405)
    for name in ("style.css", "icon.svg", "page.js"):
        yield State(name, "/static/{name}", f"/static/{name}")
    for probe in ("/livez", "/readyz", "/metrics"):
        yield State(probe, probe, probe)


def _asking(text: str) -> Iterator[State]:
    yield State("the form", "/", "/")
    yield State("an empty question", "/", "/", question="  ", status=422)
    yield State("a long question", "/", "/", question="?" * 2001, status=422)
    objection = problem(422, "invalid_request", detail=text)
    yield State(
        "a question that is refused", "/", "/", lambda b: b.fails(objection), "?", status=422
    )


def _answers(text: str) -> Iterator[State]:
    for status in (*AnswerStatus, text):
        reply = rich_answer(text, status=status)
        yield State(f"answer {status}", ONE, "/", _answering(reply), question=text)
    quoted = rich_answer(text, answer_mode="extractive", see_also=[])
    yield State("answer quoted", ONE, "/", _answering(quoted), question=text)
    served = {"provider": text, "model": text, "cache": "hit", "switch": None}
    given = {"given_at": "2026-11-22T08:00:00Z", "documents_changed_since": True}
    saved = rich_answer(text, served_by=served, **given)
    yield State("answer saved", ONE, "/", _answering(saved), question=text)
    for code in (*words._DEGRADED, text):
        degraded = rich_answer(text, degraded=[code])
        yield State(f"degraded {code}", ONE, "/", _answering(degraded), question=text)
    bare: dict[str, object] = {"status": "answered"}
    yield State("answer of another version", ONE, f"/answers/{ANSWER}", _answering(bare))
    thanks = f"/answers/{ANSWER}?said=thanks"
    yield State("answer with thanks", ONE, thanks, _answering(rich_answer(text)))
    yield State("answer under way elsewhere", ONE, f"/answers/{ANSWER}", _elsewhere)
    yield State("events", f"{ONE}/events", f"/answers/{ANSWER}/events", _answering(bare))
    cut = events(("status", {"stage": "generate"}))
    yield State("answer cut off", ONE, "/", lambda b: b.streams(cut), text, status=410)
    yield State("no such answer", ONE, f"/answers/{ANSWER}", status=404)


def _failures(text: str) -> Iterator[State]:
    known = {code: status for status, code in troubles._BY_STATUS.items()}
    for code in (*troubles._TROUBLES, text):
        status = known.get(code, 503)
        if status == 422:
            continue

        def fails(backend: ScriptedBackend, code: str = code, status: int = status) -> None:
            backend.replies["POST /v1/query"] = failing(status, code, text)
            backend.replies["GET /v1/documents"] = failing(status, code, text)

        yield State(f"asking fails: {code}", "/", "/", fails, text, status=status)
        yield State(f"a page fails: {code}", "/documents", "/documents", fails, status=status)


def failing(status: int, code: str, text: str) -> Response:
    """Return an error with passages, to be waited for."""
    body = {"code": code, "detail": text, "request_id": "7", "passages": [citation_of(text, 1)]}
    body |= {"saved_questions": [text, text]}
    return JSONResponse(body, status, {"Retry-After": "90"})


def _conversations(text: str) -> Iterator[State]:
    yield State("no conversations", "/conversations", "/conversations", _conversing([]))
    yield State("a conversation", TALK_ROUTE, f"/conversations/{TALK}", _talking(text))
    listed = [
        {"id": text, "title": text, "turns": 1},
        {"id": TALK, "title": "", "turns": 9, "updated_at": "2026-11-23T13:06:00Z"},
    ]
    path = "/conversations?done=deleted"
    yield State("conversations", "/conversations", path, _conversing(listed, text))
    older = f"/conversations?before={ANSWER}"
    yield State("older conversations", "/conversations", older, _conversing(listed, ANSWER))
    yield State("no older conversations", "/conversations", older, _conversing([]))
    yield State("a conversation that is not there", TALK_ROUTE, "/conversations/x", status=404)
    strange = f"/conversations/{quote(text, safe='')}"
    yield State("a conversation that cannot be", TALK_ROUTE, strange, status=404)
    deleting = f"{TALK_ROUTE}/delete"
    path = f"/conversations/{TALK}/delete"
    yield State("its end", deleting, path, _talking(text), send={}, status=303)


def _documents(text: str) -> Iterator[State]:
    listing = f"/documents?q={quote(text)}&after={quote(text)}"
    yield State("no documents", "/documents", "/documents", _listing([]))
    yield State("no documents found", "/documents", f"/documents?q={quote(text)}", _listing([]))
    yield State("no more documents", "/documents", "/documents?after=7", _listing([]))
    entries = [
        document(id=f'"><script>{DOCUMENT}', title=text, source=text, detail=text, **fields)
        for fields in (
            *({"state": state} for state in (*DocumentState, text)),
            {"state": "reading", "progress": {"done": 2, "total": 9, "unit": "pages"}},
            {"state": "indexing", "progress": {"done": 2, "total": 9, "unit": "passages"}},
            {"state": "reading", "progress": {"done": 2, "total": 9, "unit": text}},
            {"hold": {"kind": "withdrawn", "reason": text}},
            {"hold": {"kind": "quarantined", "reason": text}},
            {"hold": {"kind": text, "reason": text}},
            {"superseded": "2020-01-31", "marking": text, "review_by": "2019-05-01"},
            {"effective": "2999-01-01"},
        )
    ]
    entries.append(document(title="", source=""))
    yield State("documents", "/documents", listing, _listing(entries, text))
    path = f"/documents/{DOCUMENT}"
    for name, query in (
        ("source", "?start=3&end=9&v=3"),
        ("source changed", "?start=3&end=9&v=2"),
        ("source part", "?part=2"),
    ):
        yield State(name, SOURCE, path + query, _holding(text))
    unmarked = _holding(text, highlights=False)
    yield State("source unmarked", SOURCE, f"{path}?start=3&end=9&v=3", unmarked)
    yield State("source without text", SOURCE, path, _empty(text))
    yield State("source not there", SOURCE, path, status=404)
    yield from _curating(text)
    yield from _unanswered(text)
    yield State("original", f"{SOURCE}/original", f"{path}/original", _holding(text))


def _curating(text: str) -> Iterator[State]:
    yield State("documents added", "/documents", "/documents?added=2", _listing([]))
    yield State("documents failed", "/documents", "/documents?state=failed", _listing([]))
    yield State("documents changed", "/documents", "/documents?changed=2", _listing([]))
    alone = f"/documents?added=1&id={DOCUMENT}"
    yield State("documents followed", "/documents", alone, _holding(text))
    many = [document(title=f"{text} {n}", source=text) for n in range(60)]
    found = f"access={quote(text)}&review_before=2026-12-01"
    for order in listing.ORDERS:
        path = f"/documents?sort={order}&{found}&start=5"
        yield State(f"documents by {order}", "/documents", path, _listing(many, "7"))
    yield from _changing_several(text)
    yield State("adding", "/documents/add", "/documents/add")
    yield State("adding no file", "/documents/add", "/documents/add", send={}, status=422)
    route, path = f"{SOURCE}/curate", f"/documents/{DOCUMENT}/curate"
    held = {"kind": "withdrawn", "reason": text}
    reading = {"state": "reading", "progress": {"done": 2, "total": 9, "unit": "pages"}}
    for name, fields in (
        ("ready", {}),
        ("failed", {"state": "failed"}),
        ("held", {"state": "withdrawn", "hold": held}),
        ("being read", reading),
    ):
        yield State(f"curate {name}", route, f"{path}?done=yes", _curated(text, **fields))
    earlier = f"{path}?before={ANSWER}"
    yield State("curate: unread", route, earlier, _curated(text, unread=True))
    withdrawn = {"action": "withdraw", "reason": text}
    yield State("curate: withdrawn", route, path, _curated(text), send=withdrawn, status=303)
    silent = {"action": "withdraw", "reason": " "}
    yield State("curate: no reason", route, path, _curated(text), send=silent, status=422)
    yield State("curate: nonsense", route, path, send={"action": text}, status=422)


def _unanswered(text: str) -> Iterator[State]:
    path = "/unanswered"
    yield State("unanswered", path, path, missing(text))
    yield State("handled", path, f"{path}?show=handled&done=open", missing(text))
    yield State("no unanswered questions", path, f"{path}?done=handled", missing(text, groups=[]))
    nothing = missing(text, groups=[], handled=0, left_out=0)
    yield State("nothing handled", path, f"{path}?show=handled", nothing)
    mark = {"action": "handled", "question": ANSWER, "until": ANSWER}
    yield State("unanswered: marked", path, path, missing(text), send=mark, status=303)
    nonsense = {"action": "handled", "question": text}
    yield State("unanswered: nonsense", path, path, send=nonsense, status=422)
    refused = problem(403, "forbidden")
    yield State(
        "unanswered of a reader",
        path,
        path,
        lambda b: b.replies.update({"GET /v1/unanswered": refused}),
        status=403,
    )


def _changing_several(text: str) -> Iterator[State]:
    path = "/documents/change"
    form = {f"id:{DOCUMENT}": "yes", "access": text, "list": f"q={quote(text)}"}

    def replies(*outcomes: str) -> Arrange:
        body = {"documents": [{"id": text, "outcome": each, "detail": text} for each in outcomes]}
        return lambda backend: backend.replies.update({"PATCH /v1/documents": JSONResponse(body)})

    yield State("several: changed", path, path, replies("done"), send=form, status=303)
    refusing = replies("done", "forbidden", text)
    yield State("several: refused", path, path, refusing, send=form, status=409)
    yield State("several: none", path, path, send={"access": text}, status=422)
    nothing = {f"id:{DOCUMENT}": "yes"}
    yield State("several: nothing", path, path, send=nothing, status=422)


def _curated(text: str, *, unread: bool = False, **fields: object) -> Arrange:
    entry = document(title=text, source=text, detail=text, access=[text], marking=text, **fields)
    at = "2026-11-23T13:06:00Z"
    pieces = [{"number": n, "heading_path": [text] * n, "text": text} for n in range(2)]
    passages = {"total": 9, "passages": pieces, "next": 2}
    quoted = [{"id": ANSWER, "at": at, "question": text}, {"id": ANSWER, "at": at}]

    def arrange(backend: ScriptedBackend) -> None:
        address = f"/v1/documents/{DOCUMENT}"
        backend.replies[f"GET {address}"] = JSONResponse(entry)
        backend.replies[f"GET {address}/passages"] = JSONResponse(passages)
        found = {} if unread else {"answers": quoted, "next": ANSWER}
        backend.replies[f"GET {address}/citations"] = JSONResponse(found)
        backend.replies[f"GET {address}/readers"] = JSONResponse({} if unread else read_by(text))
        for action in ("withdraw", "quarantine", "restore", "retry"):
            backend.replies[f"POST {address}/{action}"] = JSONResponse(entry)
        backend.replies[f"PATCH {address}"] = JSONResponse(entry)

    return arrange


def _watching(text: str) -> Iterator[State]:
    yield State("banners", "/", "/", unwell(text))
    yield State("status unwell", "/status", "/status", unwell(text), first="/")
    yield State("status", "/status", "/status", well, first="/")
    yield State("status unknown", "/status", "/status", first="/")
    yield State("watch unwell", "/watch", "/watch", unwell(text), first="/")
    yield State("watch", "/watch", "/watch?done=switched", well, first="/")
    yield State("watch without a backup", "/watch", "/watch", unsaved, first="/")
    refused = problem(403, "forbidden")
    yield State(
        "watch of a reader",
        "/watch",
        "/watch",
        lambda b: b.replies.update({"GET /v1/admin/modes": refused}),
        status=403,
    )
    path, switch = "/watch/switch", {"switch": "CACHE_ONLY_MODE=true", "reason": text}
    yield State("a switch", path, path, well, send=switch, status=303)
    for name, wrong in (
        ("unnamed", {"switch": text}),
        ("without reason", {"reason": " "}),
        ("for ever", {"minutes": "-1"}),
    ):
        form = switch | wrong
        yield State(f"a switch {name}", path, path, well, send=form, status=422)
    for code in ("mode_set_by_environment", "contradictory_modes"):
        kept = problem(409, code, detail=text)

        def refuses(backend: ScriptedBackend, kept: Response = kept) -> None:
            backend.replies["PUT /v1/admin/modes"] = kept

        yield State(f"a switch: {code}", path, path, refuses, send=switch, status=409)


def well(backend: ScriptedBackend) -> None:
    """Let the service be well, and nothing be spent."""
    days = {"first": "2026-11-01", "last": "2026-11-30"}
    backend.replies["GET /health"] = JSONResponse({"status": "ok"})
    backend.replies["GET /v1/admin/modes"] = JSONResponse({"modes": []})
    backend.replies["PUT /v1/admin/modes"] = JSONResponse({"modes": []})
    backend.replies["GET /v1/usage"] = JSONResponse({**days, "rows": []})
    backend.replies["GET /v1/admin/backups"] = JSONResponse({"looked_at": None, "backups": []})


def unsaved(backend: ScriptedBackend) -> None:
    """Let the service be well without any backup."""
    well(backend)
    body = {"looked_at": "2026-11-23T13:06:00Z", "backups": []}
    backend.replies["GET /v1/admin/backups"] = JSONResponse(body)


def unwell(text: str) -> Arrange:
    """Return what makes everything be switched or down, but for maintenance."""
    at = "2026-11-23T13:06:00Z"
    who = {"source": "switch", "actor": text, "on_behalf_of": text, "reason": text, "since": at}
    names = ("CACHE_ONLY_MODE", "INGESTION_PAUSED", "REDIS_ENABLED", "LLM_PROVIDER", text)
    modes = [{"name": name, "value": True, "expires_at": at, **who} for name in names]
    modes.append({"name": "LLM_PROVIDER", "value": "extractive", "source": "environment"})
    parts = ("qdrant", "redis", "object_storage", "openai", "anthropic", "identity_provider", text)
    down = {"state": "down", "since": at, "last_success": at, "detail": text, "breaker": text}
    limited = {"rate_limits": {text: text}}
    states = {f"{text}{state}": {"state": state} for state in ("ok", "degraded", "off", "unknown")}
    incidents = [
        {"id": "1", "title": text, "status": status, "message": text, "updated_at": at}
        for status in ("investigating", "identified", "monitoring", "resolved", text)
    ]
    health = {
        "status": "down",
        "modes": modes,
        "dependencies": dict.fromkeys(parts, down | limited) | states,
        "incidents": incidents,
    }
    rows = [{"day": f"2026-11-0{day}", "calls": day, "cost_usd": day / 7} for day in range(1, 9)]
    usage = {
        "first": "2026-11-01",
        "last": "2026-11-30",
        "rows": rows,
        "budget": {"month": "2026-11", "limit_usd": 100, "spent_usd": 81.5},
    }

    whole = {"began_at": at, "size_bytes": 106_582_219, "verified_at": at, "restore_s": 21.1}
    states_of_backups = ("good", "unverified", "bad", "incomplete", text)
    made = [{"id": text, "state": each, "detail": text, **whole} for each in states_of_backups]
    backups = {"looked_at": at, "backups": [*made, {"id": text, "state": "incomplete"}]}

    def arrange(backend: ScriptedBackend) -> None:
        backend.replies["GET /health"] = JSONResponse(health, 503)
        backend.replies["GET /v1/admin/modes"] = JSONResponse({"modes": modes})
        backend.replies["GET /v1/usage"] = JSONResponse(usage)
        backend.replies["GET /v1/admin/backups"] = JSONResponse(backups)

    return arrange


def citation_of(text: str, n: int, **fields: object) -> dict[str, object]:
    """Return a citation that says `text` wherever a document may say something."""
    said = {"title": text, "source": text, "heading_path": [text, text], "quote": text}
    return citation(n, **{**said, "marking": text, "superseded": "2020-01-31", **fields})


def _side(text: str, **fields: object) -> dict[str, object]:
    said = {"n": 1, "value": text, "title": text, "quote": text, "document_id": DOCUMENT}
    return said | {"version": 2, "page": None, "start": 3, "end": 9} | fields


def rich_answer(text: str, **fields: object) -> dict[str, object]:
    """Return an answer that has everything an answer can have."""
    said: dict[str, object] = {
        "id": ANSWER,
        "answer_mode": "generated",
        "sentences": [
            {"text": text, "citations": [1], "support": "supported"},
            {"text": text, "citations": [], "support": "unverified"},
        ],
        "citations": [citation_of(text, 1)],
        "see_also": [
            citation_of(text, 2, document_id='javascript:alert(3)//" onclick=x'),
            citation_of(text, 3, title="", source="", page=None),
        ],
        "served_by": {"provider": text, "model": text, "cache": "off", "switch": None},
        "notices": [text, *words.FROM_THE_BACKEND],
        "follow_ups": [text],
        "conflicts": [
            {"kind": kind, "sides": [_side(text), _side(text, **fields)]}
            for kind, fields in (
                ("duration", {"effective": "2024-05-01", "page": 7}),
                ("yes_no", {"value": "", "title": "", "document_id": '"><script>'}),
                (text, {}),
            )
        ],
    }
    return answer(**(said | fields))


def _answering(reply: dict[str, object]) -> Arrange:
    return lambda backend: backend.answers(reply)


def _elsewhere(backend: ScriptedBackend) -> None:
    backend.replies[f"GET /v1/answers/{ANSWER}/events"] = problem(409, "resume_elsewhere")


def _judged(backend: ScriptedBackend) -> None:
    backend.replies[f"POST /v1/answers/{ANSWER}/feedback"] = JSONResponse({}, 201)


def _talking(text: str) -> Arrange:
    record = {"id": ANSWER, "at": "2026-11-23T13:06:00Z", "question": text}
    turns = [
        {"id": ANSWER, "question": text, "answer": record | {"answer": rich_answer(text)}},
        {"id": ANSWER, "question": text, "answer": None},
    ]

    def arrange(backend: ScriptedBackend) -> None:
        address = f"/v1/conversations/{TALK}"
        backend.replies[f"GET {address}"] = JSONResponse({"id": TALK, "turns": turns})
        backend.replies[f"DELETE {address}"] = JSONResponse({"id": TALK, "turns": 2})

    return arrange


def _conversing(entries: list[dict[str, object]], following: str | None = None) -> Arrange:
    page = JSONResponse({"conversations": entries, "next": following})
    return lambda backend: backend.replies.update({"GET /v1/conversations": page})


def _listing(entries: list[dict[str, object]], following: str | None = None) -> Arrange:
    page = JSONResponse({"documents": entries, "next": following})
    return lambda backend: backend.replies.update({"GET /v1/documents": page})


def _empty(text: str) -> Arrange:
    return lambda backend: backend.holds(Reading(()), title=text, source=text)


def _holding(text: str, *, highlights: bool = True) -> Arrange:
    blocks = tuple(
        Block(
            kind,
            text * (15_000 // len(text) if kind is BlockKind.PARAGRAPH else 1),
            page=1,
            level=1,
            table_header=text,
        )
        for _ in range(3)
        for kind in BlockKind
    )
    reading = Reading(blocks, notes=(text,))

    def arrange(backend: ScriptedBackend) -> None:
        backend.holds(reading, highlights=highlights, title=text, source=text)
        backend.replies[f"GET /v1/documents/{DOCUMENT}"] = JSONResponse(
            document(title=text, source=text)
        )
        backend.replies[f"GET /v1/documents/{DOCUMENT}/original"] = Response(text)

    return arrange
