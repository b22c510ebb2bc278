"""Uploads, removals and sweeps in any interleaving, at every call of storage: no bytes are lost."""

import json
import types
from collections.abc import AsyncIterator, Coroutine, Generator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from tests.clocks import HandClock

from info_assistant.errors import InfoAssistantError, NotFound
from info_assistant.ingestion.intake import Intake, Receipt, Upload
from info_assistant.ingestion.library import Library
from info_assistant.ingestion.needs import Stores
from info_assistant.ingestion.originals import original_key
from info_assistant.ingestion.visibility import VisibilityOverlay
from info_assistant.model.document import Document, document_id
from info_assistant.model.identity import LOCAL_OPERATOR
from info_assistant.ports import Blobs, Payload
from info_assistant.stores.catalogue import BlobCatalogue
from info_assistant.stores.document_json import document_from

TENANT = LOCAL_OPERATOR.scope.tenant
SOURCES = ("a.txt", "b.txt")
TEXTS = (b"Shared words.", b"Other words.")


@types.coroutine
def turn() -> Generator[None, None, None]:
    """Wait until the machine lets this coroutine go on."""
    yield


class SteppedBlobs:
    """Object storage in memory, whose every call happens when the machine lets it."""

    def __init__(self) -> None:
        """Begin empty."""
        self.objects: dict[str, bytes] = {}

    async def put_new(self, key: str, data: Payload) -> bool:
        """Store under a new name."""
        await turn()
        assert isinstance(data, bytes)
        if key in self.objects:
            return False
        self.objects[key] = data
        return True

    async def put(self, key: str, data: bytes) -> None:
        """Store or replace."""
        await turn()
        self.objects[key] = data

    async def get(self, key: str) -> bytes:
        """Return bytes."""
        await turn()
        if key not in self.objects:
            raise NotFound("There is no stored object of that name.")
        return self.objects[key]

    async def get_range(self, key: str, start: int, end: int) -> bytes:
        """Return a part of the bytes, if they are there."""
        return (await self.get(key))[start:end]

    def file(self, key: str) -> AbstractAsyncContextManager[Path]:
        """Give nothing: no machine reads a file here."""
        raise NotImplementedError(key)

    async def delete(self, key: str) -> None:
        """Remove a name."""
        await turn()
        self.objects.pop(key, None)

    async def keys(self, prefix: str) -> AsyncIterator[str]:
        """Yield names; whatever happens meanwhile is not seen."""
        await turn()
        for key in [each for each in self.objects if each.startswith(f"{prefix}/")]:
            yield key
            await turn()

    async def folders(self, prefix: str) -> list[str]:
        """Return the tenants."""
        await turn()
        assert prefix == ""
        return sorted({key.split("/")[0] for key in self.objects})


class Nothing:
    """A projection that knows nothing and takes everything; also a feed that nobody reads."""

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  Any method of a projection.
        async def done(*_: object, **__: object) -> None:
            return None

        return (lambda: None) if name == "require_room" else done


@dataclass
class Call:
    """Something under way in one process."""

    coroutine: Coroutine[Any, Any, Any]
    accepted: list[Receipt] = field(default_factory=list)

    def step(self) -> bool:
        """Let it make one call of storage; return whether it goes on."""
        try:
            self.coroutine.send(None)
        except StopIteration as end:
            if isinstance(end.value, Receipt):
                self.accepted.append(end.value)
            return False
        except InfoAssistantError:
            return False
        return True


class ReferencesMachine(RuleBasedStateMachine):
    """Two sources, two texts, any number of processes that may die at any moment."""

    def __init__(self) -> None:
        """Begin with nothing stored."""
        super().__init__()
        self.blobs = SteppedBlobs()
        nothing = cast("Any", Nothing())
        catalogue = BlobCatalogue(self.blobs)
        self.stores = Stores(cast("Blobs", self.blobs), catalogue, nothing, nothing)
        overlay = cast("VisibilityOverlay", nothing)
        self.intake = Intake(self.stores, overlay, HandClock())
        self.library = Library(self.stores, overlay, HandClock())
        self.calls: list[Call] = []
        self.crashed = False

    @rule(source=st.sampled_from(SOURCES), text=st.sampled_from(TEXTS))
    def upload(self, source: str, text: bytes) -> None:
        """Begin to upload."""
        self.calls.append(Call(self.intake.accept(LOCAL_OPERATOR, Upload(text, source))))

    @rule(source=st.sampled_from(SOURCES))
    def remove(self, source: str) -> None:
        """Begin to remove a document."""
        removal = self.library.remove(LOCAL_OPERATOR, document_id(TENANT, source))
        self.calls.append(Call(removal))

    @rule()
    def sweep(self) -> None:
        """Begin to sweep up what removals have left."""
        self.calls.append(Call(self._sweep()))

    async def _sweep(self) -> None:
        async for tenant, document, up_to in self.stores.catalogue.unswept():
            await self.library.sweep(tenant, document, up_to)

    @precondition(lambda self: self.calls)
    @rule(which=st.integers(0, 99), steps=st.sampled_from((1, 2, 3, 5, 8, 99)))
    def go_on(self, which: int, steps: int) -> None:
        """Let one process do some calls of storage."""
        call = self.calls[which % len(self.calls)]
        for _ in range(steps):
            if not call.step():
                self._ended(call)
                return

    @precondition(lambda self: self.calls)
    @rule(which=st.integers(0, 99))
    def crash(self, which: int) -> None:
        """Let one process die between two calls of storage."""
        call = self.calls.pop(which % len(self.calls))
        call.coroutine.close()
        self.crashed = True

    def _ended(self, call: Call) -> None:
        self.calls.remove(call)
        for receipt in call.accepted:
            document = receipt.status.document
            buried = self._buried().get(document.id, 0)
            assert document.id in self.living() or document.content.version <= buried

    @invariant()
    def every_living_document_has_its_bytes(self) -> None:
        """Committed, acknowledged or not: the bytes are there until a tombstone says otherwise."""
        for documents in self.living().values():
            for document in documents:
                assert original_key(document) in self.blobs.objects

    def teardown(self) -> None:
        """Let all end and remove everything: nothing is left of it, unless a process died."""
        for call in self.calls:
            while call.step():
                pass
        for source in SOURCES:
            removal = Call(self.library.remove(LOCAL_OPERATOR, document_id(TENANT, source)))
            while removal.step():
                pass
        sweep = Call(self._sweep())
        while sweep.step():
            pass
        self.every_living_document_has_its_bytes()
        if not self.crashed:
            kinds = {key.split("/")[1] for key in self.blobs.objects}
            assert kinds <= {"tombstones", "retired"}

    def _buried(self) -> dict[str, int]:
        buried: dict[str, int] = {}
        for key in self.blobs.objects:
            if "/tombstones/" in key:
                _, _, document, name = key.split("/")
                buried[document] = max(buried.get(document, 0), int(name.removesuffix(".json")))
        return buried

    def living(self) -> dict[str, list[Document]]:
        """Return what the catalogue has, without what is buried, by document id."""
        living: dict[str, list[Document]] = {}
        buried = self._buried()
        for key, data in self.blobs.objects.items():
            if "/documents/" in key:
                document = document_from(json.loads(data))
                if document.content.version > buried.get(document.id, 0):
                    living.setdefault(document.id, []).append(document)
        return living


TestReferences = ReferencesMachine.TestCase
TestReferences.settings = settings(max_examples=300, stateful_step_count=40, deadline=None)


def _ready(*uploaded: str) -> ReferencesMachine:
    """Return a machine where the same bytes were uploaded under some sources."""
    machine = ReferencesMachine()
    for source in uploaded:
        machine.upload(source, TEXTS[0])
        _finish(machine)
    return machine


def _finish(machine: ReferencesMachine) -> None:
    while machine.calls:
        machine.go_on(0, 999)
        machine.every_living_document_has_its_bytes()


def test_an_upload_that_came_too_late_leaves_no_bytes() -> None:
    """However far it was when another took its number and a sharer of its bytes went."""
    switches = 0
    for before in range(60):
        machine = ReferencesMachine()
        machine.upload("b.txt", TEXTS[0])
        late = machine.calls.pop()
        if not all(late.step() for _ in range(before)):
            break
        machine.upload("b.txt", TEXTS[1])
        _finish(machine)
        machine.upload("a.txt", TEXTS[0])
        _finish(machine)
        machine.remove("a.txt")
        _finish(machine)
        machine.calls.append(late)
        machine.teardown()
        switches += 1
    assert switches > 5


@pytest.mark.parametrize("dies", [False, True])
def test_no_two_switches_lose_bytes(dies: bool) -> None:  # noqa: FBT001  A parameter of the test.
    """Each upload beside each removal of the same bytes, switched at every pair of calls."""
    rounds = 0
    for before in range(60):
        for between in range(60):
            machine = _ready("a.txt")
            machine.remove("a.txt")
            removal = machine.calls[0]
            machine.upload("b.txt", TEXTS[0])
            upload = machine.calls[1]
            if not all(removal.step() for _ in range(before)):
                upload.coroutine.close()
                assert rounds > 100
                return
            if not all(upload.step() for _ in range(between)):
                removal.coroutine.close()
                break
            if dies:
                machine.calls.remove(removal)
                removal.coroutine.close()
                machine.sweep()
                machine.calls.reverse()
            _finish(machine)
            assert document_id(TENANT, "b.txt") in machine.living()
            rounds += 1
    raise AssertionError("a removal has no end")
