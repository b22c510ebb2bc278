"""Metrics that are counted in batches: right at each export, and never many behind."""

from functools import partial

from prometheus_client import Counter

from info_assistant.observability.counted_later import MOST_NOTED, CountedLater


def test_each_export_has_all_that_happened_before_it() -> None:
    """What was noted is counted once, before the export that follows."""
    registry = CountedLater()
    counter = Counter("things", "Things.", registry=registry)
    for happened in (1, 2, 3):
        registry.later(counter.inc)
        assert registry.get_sample_value("things_total") == happened
    assert registry.get_sample_value("things_total") == 3


def test_no_more_than_a_batch_waits_to_be_counted() -> None:
    """Where nobody asks for metrics, what was noted takes no more and more memory."""
    registry, counted = CountedLater(), list[int]()
    for number in range(2 * MOST_NOTED + 1):
        registry.later(partial(counted.append, number))
    assert counted == list(range(2 * MOST_NOTED))
