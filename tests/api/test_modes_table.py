"""Every cell of the table in docs/modes.md: what each request answers in each mode."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.api.conftest import Backend, Start, serve
from tests.qdrant_process import QdrantProcess
from tests.redis_process import RedisProcess

from info_assistant.api.services import ApiServices
from info_assistant.model.mode import ModeName
from info_assistant.resilience.modes import Modes
from info_assistant.settings import Settings
from info_assistant.web.app import create_frontend
from info_assistant.wiring.application import build

PAGE = Path(__file__).parents[2] / "docs" / "modes.md"
TEXT = "# Records\n\nTo request records, write to the records office. It answers in thirty days.\n"
KNOWN = "How do I request records?"
MODES, INCIDENTS = "/v1/admin/modes", "/v1/admin/incidents"


def read_table() -> dict[str, dict[str, str]]:
    """Return the cells of the table as it stands in the page, by condition and request."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    begin = next(at for at, line in enumerate(lines) if line.startswith("| request |"))
    rows = [line.replace("`", "").strip("| ").split(" | ") for line in lines[begin:] if "|" in line]
    conditions, requests = rows[0][1:], rows[2:]
    return {
        condition: {row[0]: row[at] for row in requests}
        for at, condition in enumerate(conditions, 1)
    }


async def until(condition: Callable[[], Awaitable[object]], seconds: float = 60.0) -> None:
    """Return as soon as the condition holds; fail if it does not within the time."""
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110  What is awaited sets no event.
            await asyncio.sleep(0.05)


@dataclass
class Scene:
    """The product with a document in it, and the means to break what it stands on."""

    backend: Backend
    qdrant: QdrantProcess
    storage: Path
    document: str = ""
    spare: list[str] = field(default_factory=list)
    asked: int = 0
    answer_id: str = ""

    @property
    def client(self) -> httpx2.AsyncClient:
        """The way to the backend."""
        return self.backend.client

    async def upload(self) -> httpx2.Response:
        """Hand in a document that was not there before."""
        self.asked += 1
        text = f"{TEXT}Rule {self.asked}.\n"
        return await self.client.post(
            "/v1/documents", files={"file": (f"{self.asked}.md", text.encode())}
        )

    async def ready_document(self) -> str:
        """Hand in a document and return its id once it is ready."""
        taken = await self.upload()
        path = taken.json()["documents"][0]["status_url"]

        async def is_ready() -> bool:
            return bool((await self.client.get(path)).json()["state"] == "ready")

        await until(is_ready)
        return str(path.rsplit("/", 1)[-1])

    async def ask(self, *, new: bool, stream: bool = False) -> httpx2.Response:
        """Ask what is known, or the same in a way in which nobody asked before."""
        self.asked += new
        question = KNOWN + "!" * self.asked if new else KNOWN
        accept = "text/event-stream" if stream else "application/json"
        # In one document, as answers that show another are forgotten when that is removed.
        asked = {"question": question, "filters": {"document_ids": [self.document]}}
        return await self.client.post("/v1/query", json=asked, headers={"accept": accept})

    async def health(self) -> Any:  # noqa: ANN401  JSON.
        """Return what /health says."""
        return (await self.client.get("/health")).json()

    async def settled(self, down: str = "") -> None:
        """Wait until /health shows this dependency down and the others well."""

        async def shown() -> bool:
            found = (await self.health())["dependencies"]
            return all(
                found[name]["state"] == ("down" if name == down else "ok")
                for name in ("qdrant", "object_storage", "embedder", "redis")
            )

        await until(shown)


Break = Callable[[Scene], AbstractContextManager[None]]


@contextmanager
def no_qdrant(scene: Scene) -> Iterator[None]:
    """Kill Qdrant, and start it again."""
    scene.qdrant.stop()
    yield
    scene.qdrant.start()


@contextmanager
def no_storage(scene: Scene) -> Iterator[None]:
    """Put a file where object storage has its folder, for a while."""
    aside = scene.storage.with_name("aside")
    scene.storage.rename(aside)
    scene.storage.write_text("not a folder")
    yield
    scene.storage.unlink()
    aside.rename(scene.storage)


@contextmanager
def draining(scene: Scene) -> Iterator[None]:
    """Be told to end, and stay in that moment."""
    scene.backend.services.lifecycle.draining = True
    yield
    scene.backend.services.lifecycle.draining = False


@contextmanager
def nothing(_scene: Scene) -> Iterator[None]:
    """Leave all as it is."""
    yield


CONDITIONS: Mapping[str, tuple[Break, str]] = {
    "normal": (nothing, ""),
    "draining": (draining, ""),
    "Qdrant down": (no_qdrant, "qdrant"),
    "object storage down": (no_storage, "object_storage"),
}


@asynccontextmanager
async def condition(scene: Scene, name: str) -> AsyncIterator[None]:
    """Bring about the condition of a column until the block is left."""
    if name in CONDITIONS:
        make, down = CONDITIONS[name]
        with make(scene):
            await scene.settled(down)
            yield
        await scene.settled()
        return
    mode, _, value = name.partition("=")
    thrown = {mode: value or True, "reason": "A drill.", "expires_in": 600}
    assert (await scene.client.put(MODES, json=thrown)).is_success
    assert [each["name"] for each in (await scene.health())["modes"]] == [mode]
    await scene.client.get("/metrics")
    assert scene.backend.count("mode_active", mode=mode) == 1
    yield
    lifted = await scene.client.put(MODES, json={mode: None, "reason": "It is over."})
    assert lifted.json() == {"modes": []}


def told(response: httpx2.Response) -> str:
    """Return the status and the word of a JSON answer: its code, status or state."""
    if not response.headers.get("content-type", "").endswith("json"):
        return str(response.status_code)
    body = response.json()
    if response.status_code == 202:
        (body,) = body["documents"]
    words = (body.get(name) for name in ("code", "status", "state"))
    # A problem repeats its HTTP status as a number.
    word = next((each for each in words if isinstance(each, str)), "")
    return f"{response.status_code} {word}".strip()


async def stream(scene: Scene) -> str:
    """Ask as a stream; its last event says how it ended."""
    return streamed(await scene.ask(new=True, stream=True))


def streamed(response: httpx2.Response) -> str:
    """Return the status and the word of the last event of a stream."""
    if "event-stream" not in response.headers["content-type"]:
        return told(response)
    last = response.text.strip().rsplit("data: ", 1)[-1]
    return f"{response.status_code} {json.loads(last)['status']}"


async def last_answer(scene: Scene) -> str:
    """Look at the answer given just now, or, where none is given, at the one before."""
    given = await scene.ask(new=False)
    scene.answer_id = given.json()["id"] if given.is_success else scene.answer_id
    return told(await scene.client.get(f"/v1/answers/{scene.answer_id}"))


async def last_events(scene: Scene) -> str:
    """Read that answer once more as a stream."""
    return streamed(await scene.client.get(f"/v1/answers/{scene.answer_id}/events"))


async def judgement(scene: Scene) -> str:
    """Say that the answer helped."""
    path = f"/v1/answers/{scene.answer_id}/feedback"
    return told(await scene.client.post(path, json={"judgement": "helpful"}))


async def handled(scene: Scene) -> str:
    """Say of a question that nobody asked that it is handled."""
    return told(await scene.client.post(f"/v1/unanswered/{scene.document}/handled", json={}))


async def conversation(scene: Scene) -> str:
    """Look at a conversation."""
    return told(await scene.client.get("/v1/conversations/talk"))


async def chat(scene: Scene) -> str:
    """Ask what nobody asked before as a chat completion, in all documents."""
    scene.asked += 1
    asked = {"messages": [{"role": "user", "content": KNOWN + "!" * scene.asked}]}
    return told(await scene.client.post("/v1/chat/completions", json=asked))


async def page(scene: Scene) -> str:
    """Open the page of a frontend that has just started."""
    frontend = create_frontend(scene.backend.url)
    transport = httpx2.ASGITransport(frontend)
    async with (
        frontend.router.lifespan_context(frontend),
        httpx2.AsyncClient(transport=transport, base_url="http://page") as client,
    ):
        return str((await client.get("/")).status_code)


async def switches(scene: Scene) -> str:
    """Lift a switch that nobody threw."""
    order = {"MAINTENANCE_MESSAGE": None, "reason": "A drill."}
    return told(await scene.client.put(MODES, json=order))


async def incident(scene: Scene) -> str:
    """Tell readers of an incident that is over."""
    report = {"id": "drill", "title": "A drill", "status": "resolved"}
    return told(await scene.client.put(INCIDENTS, json=report))


async def served_mode(scene: Scene) -> str:
    """Look at the header that every answer has."""
    return str((await scene.client.get("/livez")).headers["x-served-mode"])


async def question(scene: Scene) -> str:
    """Ask what nobody asked before."""
    return told(await scene.ask(new=True))


async def known_question(scene: Scene) -> str:
    """Ask what was asked before."""
    return told(await scene.ask(new=False))


async def upload(scene: Scene) -> str:
    """Hand in a document."""
    return told(await scene.upload())


async def open_to_all(scene: Scene) -> str:
    """Open the document to the groups that it is open to."""
    path = f"/v1/documents/{scene.document}"
    return told(await scene.client.patch(path, json={"access": ["everyone"]}))


async def edit_several(scene: Scene) -> str:
    """Say of a document what was said of it before."""
    body = {"ids": [scene.document], "change": {"marking": "OFFICIAL"}}
    return told(await scene.client.patch("/v1/documents", json=body))


async def withdraw(scene: Scene) -> str:
    """Take a document out of answers that nothing else needs."""
    path = f"/v1/documents/{scene.spare[0]}/withdraw"
    return told(await scene.client.post(path, json={"reason": "A drill."}))


async def restore(scene: Scene) -> str:
    """Let that document into answers again."""
    return told(await scene.client.post(f"/v1/documents/{scene.spare[0]}/restore"))


async def retry(scene: Scene) -> str:
    """Try a document again that is ready."""
    return told(await scene.client.post(f"/v1/documents/{scene.document}/retry"))


async def remove(scene: Scene) -> str:
    """Remove a document that nothing else needs."""
    return told(await scene.client.delete(f"/v1/documents/{scene.spare.pop()}"))


ACTIONS: Mapping[str, Callable[[Scene], Awaitable[str]]] = {
    "POST /v1/query, new": question,
    "POST /v1/query, known": known_question,
    "POST /v1/query, stream": stream,
    "GET /v1/answers/{id}, just given": last_answer,
    "GET /v1/answers/{id}/events, just given": last_events,
    "POST /v1/answers/{id}/feedback": judgement,
    "GET /v1/conversations/{id}": conversation,
    "POST /v1/unanswered/{id}/handled": handled,
    "POST /v1/chat/completions": chat,
    "POST /v1/documents": upload,
    "PATCH /v1/documents/{id}": open_to_all,
    "PATCH /v1/documents": edit_several,
    "POST /v1/documents/{id}/withdraw": withdraw,
    "POST /v1/documents/{id}/restore": restore,
    "POST /v1/documents/{id}/retry": retry,
    "DELETE /v1/documents/{id}": remove,
    "GET / of the page": page,
    "PUT /v1/admin/modes": switches,
    "PUT /v1/admin/incidents": incident,
    "header X-Served-Mode": served_mode,
}
"""What each request of the table is; any other is a plain GET."""


async def outcome(scene: Scene, request: str) -> str:
    """Return what a request answers now."""
    if request in ACTIONS:
        return await ACTIONS[request](scene)
    method, path = request.split(" ", 1)
    assert method == "GET"
    return told(await scene.client.get(path.replace("{id}", scene.document)))


def differs(found: str, expected: str) -> bool:
    """Whether an outcome is another one; a status without a word leaves the word open."""
    return found != expected and found.split(" ", maxsplit=1)[0] != expected


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    """Return the whole product, with a cache, a document, and more documents to remove."""
    qdrant, storage = QdrantProcess(tmp_path / "qdrant"), tmp_path / "storage"
    redis = RedisProcess(tmp_path / "redis")
    qdrant.start()
    redis.start()
    environment = {
        "DATA_DIR": str(tmp_path),
        "QDRANT_URL": qdrant.url,
        "BLOB_URL": str(storage),
        "REDIS_URL": redis.url,
    }
    made = build(Settings.from_environment(environment))
    try:
        async with serve(made.services) as backend:
            scene = Scene(backend, qdrant, storage)
            await scene.settled()
            scene.document = await scene.ready_document()
            scene.spare = [await scene.ready_document() for _ in (*read_table(), "kept")]
            asked = {"question": KNOWN, "conversation_id": "talk"}
            talked = await backend.client.post("/v1/query", json=asked)
            assert talked.json()["status"] == "answered"
            assert (await scene.ask(new=False)).json()["status"] == "answered"
            yield scene
    finally:
        qdrant.stop()
        redis.stop()


@pytest.mark.stack
@pytest.mark.model
async def test_every_cell(scene: Scene) -> None:
    """Each request answers in each condition what the table says, and all is well afterwards."""
    wrong, run = [], 0
    for name, cells in read_table().items():
        async with condition(scene, name):
            for request, expected in cells.items():
                found = await outcome(scene, request)
                run += 1
                if differs(found, expected):
                    wrong.append(f"{name}: {request}: {found}, not {expected}")
    assert wrong == []
    assert run == 9 * 42


@pytest.mark.parametrize("name", [each for each in read_table() if each not in CONDITIONS])
async def test_the_environment_does_what_a_switch_does(
    services: ApiServices, start: Start, name: str
) -> None:
    """Each column of a mode holds as well if the environment of the backend set it."""
    mode, _, value = name.partition("=")
    modes = Modes({ModeName(mode): value or "true"})
    cells = read_table()[name]
    async with start(replace(services, modes=modes)) as backend:
        asked = await backend.ask()
        assert asked.headers["x-served-mode"] == cells["header X-Served-Mode"]
        for path in ("/health", "/health?strict=1", "/livez", "/readyz"):
            assert told(await backend.client.get(path)) == cells[f"GET {path}"]
        assert told(await backend.client.get("/v1/me")).split()[0] == cells["GET /v1/me"].split()[0]
        files = {"file": ("a.md", b"# A")}
        taken = await backend.client.post("/v1/documents", files=files)
        # What becomes of an accepted document is the business of other tests.
        assert told(taken).replace("ready", "accepted") == cells["POST /v1/documents"]
