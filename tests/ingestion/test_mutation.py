"""Damaged files of each format through the real sandboxed reader; `make mutate` tries many more."""

import pytest
from benchmarks.mutation import LIMITS, damaged, originals, try_format

from info_assistant.ingestion.read import SubprocessReader

EACH = 60


@pytest.mark.parametrize("name", sorted(originals()))
async def test_damaged_files_end_as_a_reading_or_a_refusal(name: str) -> None:
    """No damage hangs, crashes the parser or ends in anything but a reading or words."""
    async with SubprocessReader(LIMITS) as reader:
        outcome = await try_format(name, EACH, reader)
    assert outcome.read + sum(outcome.refused.values()) == EACH
    assert outcome.zygote_lost == 0
    assert outcome.slowest_s < LIMITS.wall_seconds


def test_damage_is_damage_and_can_be_repeated() -> None:
    """The same seed makes the same file, and hardly any file stays whole."""
    files = originals()
    others = list(files.values())
    for name, data in files.items():
        made = [damaged(data, f"{name} {number}", others) for number in range(EACH)]
        assert made == [damaged(data, f"{name} {number}", others) for number in range(EACH)]
        assert sum(each != data for each in made) > EACH * 0.9
