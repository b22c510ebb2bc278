"""What may be shown while the index is behind: the changes of this replica and of the others."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from tests.clocks import HandClock, HandTime
from tests.stores.conftest import indexed_passage
from tests.stores.failing_blobs import FailingBlobs

from info_assistant.errors import ObjectStorageUnavailable, VectorStoreUnavailable
from info_assistant.ingestion import visibility as module
from info_assistant.ingestion.visibility import STALE_S, VisibilityOverlay
from info_assistant.model.identity import AccessScope
from info_assistant.model.passage import Passage
from info_assistant.model.visibility import ChangeKind, VisibilityChange
from info_assistant.stores.changes import BlobChangeFeed

STAFF = AccessScope("default", frozenset({"everyone", "staff"}))
BOARD = AccessScope("default", frozenset({"everyone", "board"}))
STRANGER = AccessScope("other", frozenset({"everyone", "staff", "board"}))
TODAY = datetime(2026, 11, 23, tzinfo=UTC)
PASSAGE = indexed_passage(access=("staff",)).passage._replace(version=3, access_revision=3)


def opened(revision: int, *groups: str, document: str = PASSAGE.document_id) -> VisibilityChange:
    """Return the word that the document is open to these groups."""
    return VisibilityChange("default", document, ChangeKind.ACCESS, revision, groups)


def removed(up_to: int) -> VisibilityChange:
    """Return the word that the document is gone."""
    return VisibilityChange("default", PASSAGE.document_id, ChangeKind.REMOVED, up_to)


@dataclass
class Replica:
    """A replica's overlay and what it stands on."""

    overlay: VisibilityOverlay
    blobs: FailingBlobs
    clock: HandClock
    time: HandTime

    def shows(self, passage: Passage = PASSAGE) -> tuple[bool, ...]:
        """Return whether staff, board and a stranger see the passage."""
        return tuple(self.overlay.may_show(scope, passage) for scope in (STAFF, BOARD, STRANGER))


Make = Callable[[], Replica]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Return a maker of replicas on one object storage."""

    def made() -> Replica:
        blobs, clock, time = FailingBlobs(str(tmp_path)), HandClock(TODAY), HandTime(0.0)
        feed = BlobChangeFeed(blobs, clock)
        overlay = VisibilityOverlay(feed, clock, monotonic=time)
        return Replica(overlay, blobs, clock, time)

    return made


async def test_the_index_counts_until_something_changes(make: Make) -> None:
    """Without a change a passage is open to the groups that it carries, in its tenant alone."""
    assert make().shows() == (True, False, False)


async def test_a_change_counts_here_at_once_and_elsewhere_after_a_look(
    make: Make,
) -> None:
    """Narrowed, widened, removed: this replica knows at once, another with its next look."""
    one, two = make(), make()
    for change, expected in (
        (opened(4, "board"), (False, True, False)),
        (opened(5, "board", "staff"), (True, True, False)),
        (removed(5), (False, False, False)),
    ):
        before = two.shows()
        telling = asyncio.ensure_future(one.overlay.announce(change))
        await asyncio.sleep(0)
        assert one.shows() == expected
        await telling
        assert two.shows() == before
        await two.overlay.refresh()
        assert two.shows() == one.shows() == expected
    late = make()
    await late.overlay.refresh()
    assert late.shows() == (False, False, False)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2), (2, 0, 1)])
async def test_revisions_count_and_not_the_order_of_arrival(
    make: Make, order: Sequence[int]
) -> None:
    """Whichever word arrives last, the highest revision is in force."""
    changes = (opened(4, "board"), opened(5, "staff", "board"), opened(6, "board"))
    replica = make()
    for at in order:
        await replica.overlay.announce(changes[at])
    assert replica.shows() == (False, True, False)


async def test_what_the_index_knows_already_is_not_undone(make: Make) -> None:
    """A passage that carries a later revision's groups, or came after a removal, is as it says."""
    replica = make()
    await replica.overlay.announce(opened(4, "board"))
    assert replica.shows(PASSAGE._replace(access_revision=5)) == (True, False, False)
    await replica.overlay.announce(removed(5))
    assert replica.shows(PASSAGE._replace(version=6, access_revision=6)) == (True, False, False)


async def test_what_could_not_be_told_is_told_later(make: Make) -> None:
    """Object storage fails in the middle of a change: in force here, told once it is back."""
    one, two = make(), make()
    await one.overlay.refresh()
    one.blobs.down = True
    with pytest.raises(ObjectStorageUnavailable):
        await one.overlay.announce(opened(4, "board"))
    assert one.shows() == (False, True, False)
    await one.overlay.refresh()
    one.blobs.down = False
    await one.overlay.refresh()
    await two.overlay.refresh()
    assert two.shows() == (False, True, False)


async def test_who_hears_nothing_says_so(make: Make) -> None:
    """Without a look for 30 s a replica counts as stale, says so once, and recovers."""
    replica = make()
    assert replica.overlay.stale
    await replica.overlay.refresh()
    assert not replica.overlay.stale
    replica.blobs.down = True
    replica.time.now += STALE_S + 1
    with capture_logs() as logs:
        assert replica.overlay.stale
        await replica.overlay.refresh()
        await replica.overlay.refresh()
        replica.blobs.down = False
        await replica.overlay.refresh()
    assert not replica.overlay.stale
    assert [each["event"] for each in logs] == [
        "Visibility changes cannot be read",
        "Visibility changes are read again",
    ]


async def test_the_feed_is_cleared_only_of_what_the_index_has(make: Make) -> None:
    """Old changes are carried into the index once more, in order, before they are forgotten."""
    replica, projected = make(), list[str]()
    overlay = replica.overlay
    for name in "abcde":
        await overlay.announce(opened(4, "board", document=name))
    await overlay.refresh()

    async def project(change: VisibilityChange) -> None:
        projected.append(change.document_id)

    async def failing(change: VisibilityChange) -> None:
        if change.document_id == "c":
            raise VectorStoreUnavailable(change.document_id)
        await project(change)

    await overlay.settle(project)
    assert projected == []  # They are not old enough.
    replica.clock.move(minutes=11)
    with pytest.raises(VectorStoreUnavailable):
        await overlay.settle(failing)
    assert projected == ["a", "b"]
    replica.time.now += 31
    await overlay.refresh()
    assert overlay.documents == 3
    await overlay.settle(project)
    replica.time.now += 31
    await overlay.refresh()
    assert projected == ["a", "b", "c", "d"]
    assert overlay.documents == 1  # The newest entry stays on the feed.
    late = make()
    await late.overlay.refresh()
    assert late.overlay.documents == 1


async def test_a_change_under_way_survives_forgetting(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Clearing the feed forgets nothing that is in force here and not on the feed yet."""
    replica = make()
    for name in "ab":
        await replica.overlay.announce(opened(4, "board", document=name))
    await replica.overlay.refresh()
    replica.clock.move(minutes=11)

    async def project(change: VisibilityChange) -> None:
        """Carry nothing: there is no index."""

    await replica.overlay.settle(project)
    replica.blobs.down = True
    with pytest.raises(ObjectStorageUnavailable):
        await replica.overlay.announce(opened(4, "board"))
    replica.blobs.down = False
    monkeypatch.setattr(replica.overlay, "_untold", [])  # As if the telling hung.
    replica.time.now += 31
    await replica.overlay.refresh()
    assert replica.overlay.documents == 2
    assert replica.shows() == (False, True, False)


async def test_changes_are_refused_before_memory_runs_out(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond the number of documents that are held, a change is refused and says why."""
    monkeypatch.setattr(module, "MOST_DOCUMENTS", 2)
    replica = make()
    for name in "ab":
        replica.overlay.require_room()
        await replica.overlay.announce(opened(4, "board", document=name))
    with pytest.raises(VectorStoreUnavailable):
        replica.overlay.require_room()
