"""`doctor providers`: what each key is good for, found out with calls that cost nothing."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from info_assistant.drills.provider_faults import Behaviour
from info_assistant.drills.providers import ProviderStandIn, running_providers

if TYPE_CHECKING:
    from tests.cli.conftest import Run

KEYS = {"OPENAI_API_KEY": "right-key", "ANTHROPIC_API_KEY": "right-key"}


@pytest.fixture
def stand_ins() -> Iterator[dict[str, ProviderStandIn]]:
    """Return a stand-in for each provider that knows one key."""
    both = {name: ProviderStandIn(name, api_key="right-key") for name in ("openai", "anthropic")}
    with running_providers(*both.values()):
        yield both


def settings_for(stand_ins: dict[str, ProviderStandIn]) -> dict[str, str]:
    """Return the settings with which the stand-ins are asked."""
    urls = {f"{name.upper()}_BASE_URL": each.url for name, each in stand_ins.items()}
    return KEYS | urls


def test_without_keys_answers_are_quotes(run_cli: "Callable[..., Run]") -> None:
    """A missing key is said, and is nothing wrong."""
    run = run_cli("doctor", "providers")
    assert run.code == 0
    assert "OPENAI_API_KEY is not set" in run.out
    assert "ANTHROPIC_API_KEY is not set" in run.out
    assert "answers quote the documents" in run.out


def test_good_keys_are_good_and_cost_nothing(
    run_cli: "Callable[..., Run]", stand_ins: dict[str, ProviderStandIn]
) -> None:
    """Each provider is asked for its list once and for no answer; its limits are shown."""
    run = run_cli("doctor", "providers", **settings_for(stand_ins))
    assert run.code == 0, run.out
    assert run.out.count("the key is valid") == 2
    assert "remaining" in run.out
    for each in stand_ins.values():
        assert (each.tally.lists, each.tally.calls) == (1, [])


@pytest.mark.parametrize(
    ("behaviour", "words", "code"),
    [
        (Behaviour.WRONG_KEY, "copy the key again", 1),
        (Behaviour.NOT_PAID, "over quota or not paid", 1),
        (Behaviour.RATE_LIMITED, "rate-limited now", 0),
        (Behaviour.STATUS_503, "status page", 0),
    ],
)
def test_what_is_wrong_with_a_key_is_told_with_the_remedy(
    run_cli: "Callable[..., Run]",
    stand_ins: dict[str, ProviderStandIn],
    behaviour: Behaviour,
    words: str,
    code: int,
) -> None:
    """Invalid, used up, too busy and broken are told apart, and the key is not repeated."""
    stand_ins["anthropic"].behaviour = behaviour
    run = run_cli("doctor", "providers", **settings_for(stand_ins))
    assert run.code == code, run.out
    assert words in run.out
    assert "the key is valid; " in run.out
    assert "right-key" not in run.out
