"""A wiped and rebuilt index answers as before; the whole comparison is `make rebuild`."""

from benchmarks.rebuild import measured


async def test_answers_are_the_same_after_a_rebuild() -> None:
    """Questions over some samples get the same answers, citations and passages in order."""
    found = await measured(12, documents=6)
    assert found["documents"] == 6
    assert found["answered"] > 0
    assert found["differing"] == []
