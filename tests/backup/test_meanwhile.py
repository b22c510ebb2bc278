"""Who asks during a restore finds the old documents or the restored ones, all of them."""

import asyncio
from itertools import pairwise

import pytest
from tests.backup.conftest import BackedUp
from tests.backup.installation import FILES, Installation, silently

from info_assistant.wiring.application import Application, build
from info_assistant.wiring.backup import RestoreOrder, restore_backup, shelf_of

pytestmark = pytest.mark.model
_OLD = {"old.md": b"# Old\n\nThe old rule was here before anything was restored.\n"}


async def watched(application: Application, done: asyncio.Event) -> list[set[str]]:
    """Return what was findable at each look until `done`, by the documents' ids."""
    seen: list[set[str]] = []
    while not done.is_set():
        seen.append(set(await application.stores.passages.counts()))
        await asyncio.sleep(0.02)
    return seen


def test_old_or_new_whole(backed_up: BackedUp, empty: Installation) -> None:
    """With a backend running throughout, what is found changes once, from all old to all new."""
    del backed_up
    empty.take_in(_OLD)

    async def run() -> tuple[list[set[str]], set[str]]:
        application, done = build(empty.settings), asyncio.Event()
        async with application.running(), asyncio.TaskGroup() as tasks:
            looking = tasks.create_task(watched(application, done))
            order = RestoreOrder(settle_s=2.0)
            await restore_backup(empty.settings, shelf_of(empty.settings), order, silently)
            after = set(await application.stores.passages.counts())
            done.set()
        return looking.result(), after

    seen, after = asyncio.run(run())
    assert len(after) == len(FILES) + len(_OLD)
    changes = [
        seen[0],
        *(now for before, now in pairwise(seen) if now != before),
    ]
    assert len(changes[0]) == len(_OLD)
    assert changes in ([changes[0]], [changes[0], after])


def test_workers_wait_while_a_restore_is_half_done(empty: Installation) -> None:
    """A restore that was killed leaves its mark, and a backend that starts then indexes nothing."""

    async def run() -> bool:
        shelf = shelf_of(empty.settings)
        application = build(empty.settings)
        order = RestoreOrder(settle_s=60)
        async with application.running(), asyncio.timeout(60), asyncio.TaskGroup() as tasks:
            killed = tasks.create_task(restore_backup(empty.settings, shelf, order, silently))
            while not application.worker.held():  # noqa: ASYNC110  It is polled each second.
                await asyncio.sleep(0.05)
            killed.cancel()
        await restore_backup(empty.settings, shelf, RestoreOrder(settle_s=0), silently)
        after = build(empty.settings)
        async with after.running():
            return after.worker.held()

    assert asyncio.run(run()) is False
    assert set(empty.searchable()) == set(FILES)
