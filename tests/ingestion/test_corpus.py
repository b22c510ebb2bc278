"""Which tenants' documents have changed since when."""

from datetime import UTC, datetime

from info_assistant.ingestion.corpus import CorpusPositions
from info_assistant.model.visibility import ChangeBatch, ChangeKind, VisibilityChange

WHEN = datetime(2026, 11, 23, tzinfo=UTC)


def change(tenant: str = "a") -> VisibilityChange:
    """Return a change of a tenant."""
    return VisibilityChange(tenant, "document", ChangeKind.CONTENT, 2)


def batch(number: int, *tenants: str) -> ChangeBatch:
    """Return an entry of the feed about these tenants."""
    return ChangeBatch(number, WHEN, tuple(map(change, tenants)))


def test_a_change_is_of_its_tenant_alone() -> None:
    """What changes for one tenant leaves the others' answers as they are."""
    corpus = CorpusPositions()
    corpus.note(batch(1, "a"))
    before = corpus.position
    corpus.note(batch(2, "b"))
    assert corpus.unchanged_since("a", before)
    assert not corpus.unchanged_since("b", before)
    assert corpus.unchanged_since("b", corpus.position)


def test_what_was_not_read_may_have_been_anything() -> None:
    """Entries that were gone, or that cannot be understood, count as changes of everybody."""
    corpus = CorpusPositions()
    corpus.note(batch(7, "a"))
    assert not corpus.unchanged_since("b", 5)
    assert corpus.unchanged_since("b", 6)
    corpus.note(batch(8))
    assert not corpus.unchanged_since("b", 7)
    assert corpus.unchanged_since("b", 8)
    corpus.note(batch(11, "a"))
    assert not corpus.unchanged_since("b", 8)
    assert corpus.unchanged_since("b", 10)


def test_what_was_changed_here_counts_before_it_is_read_back() -> None:
    """Until then nothing of the tenant is known to be unchanged."""
    corpus = CorpusPositions()
    corpus.expect([change()])
    assert not corpus.unchanged_since("a", corpus.position)
    assert corpus.unchanged_since("b", corpus.position)
    corpus.heard([change()])
    corpus.note(batch(1, "a"))
    assert corpus.unchanged_since("a", corpus.position)
