"""`doctor providers`: what each key is good for, found out with calls that cost nothing."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from info_assistant.cli.checks import Health
from info_assistant.cli.provider_checks import check_providers
from info_assistant.drills.provider_faults import Behaviour
from info_assistant.drills.providers import ProviderStandIn, running_providers
from info_assistant.settings import Settings

if TYPE_CHECKING:
    from tests.cli.conftest import Run

KEYS = {"OPENAI_API_KEY": "right-key", "ANTHROPIC_API_KEY": "right-key"}


@pytest.fixture
def stand_ins() -> Iterator[dict[str, ProviderStandIn]]:
    """Return a stand-in for each provider that knows one key."""
    both = {name: ProviderStandIn(name, api_key="right-key") for name in ("openai", "anthropic")}
    with running_providers(*both.values()):
        yield both


def settings_for(stand_ins: dict[str, ProviderStandIn]) -> Settings:
    """Return the settings with which the stand-ins are asked."""
    urls = {f"{name.upper()}_BASE_URL": each.url for name, each in stand_ins.items()}
    return Settings.from_environment(KEYS | urls)


def test_without_keys_answers_are_quotes(run_cli: "Callable[..., Run]") -> None:
    """A missing key is said, and is nothing wrong."""
    run = run_cli("doctor", "providers")
    assert run.code == 0
    assert "OPENAI_API_KEY is not set" in run.out
    assert "ANTHROPIC_API_KEY is not set" in run.out
    assert "answers quote the documents" in run.out


async def test_good_keys_are_good_and_cost_nothing(stand_ins: dict[str, ProviderStandIn]) -> None:
    """Each provider is asked for its list once and for no answer; its limits are shown."""
    for finding in await check_providers(settings_for(stand_ins)):
        assert finding.health is Health.GOOD
        assert "the key is valid" in finding.words
        assert "remaining" in finding.words
    for each in stand_ins.values():
        assert (each.tally.lists, each.tally.calls) == (1, [])


@pytest.mark.parametrize(
    ("behaviour", "words", "health"),
    [
        (Behaviour.WRONG_KEY, "copy the key again", Health.WRONG),
        (Behaviour.NOT_PAID, "over quota or not paid", Health.WRONG),
        (Behaviour.RATE_LIMITED, "rate-limited now", Health.WARNING),
        (Behaviour.STATUS_503, "status page", Health.WARNING),
    ],
)
async def test_what_is_wrong_with_a_key_is_told_with_the_remedy(
    stand_ins: dict[str, ProviderStandIn], behaviour: Behaviour, words: str, health: Health
) -> None:
    """Invalid, used up, too busy and broken are told apart, and the key is not repeated."""
    stand_ins["anthropic"].behaviour = behaviour
    openai, anthropic = await check_providers(settings_for(stand_ins))
    assert openai.health is Health.GOOD
    assert anthropic.health is health
    assert words in anthropic.remedy
    assert "right-key" not in anthropic.words + anthropic.remedy


def test_a_wrong_key_is_an_exit_code(
    run_cli: "Callable[..., Run]", stand_ins: dict[str, ProviderStandIn]
) -> None:
    """Scripts can tell that something is wrong."""
    settings = {"OPENAI_API_KEY": "another-key", "OPENAI_BASE_URL": stand_ins["openai"].url}
    run = run_cli("doctor", "providers", timeout=60, **settings)
    assert run.code == 1, run.out
    assert "WRONG OpenAI" in run.out
    assert "another-key" not in run.out
