"""The stand-ins for providers: what they write, and that they count what they read and wrote."""

import pytest
from tests.providers.models import PROVIDERS, hear, model_before

from info_assistant.drills.provider_formats import Asked
from info_assistant.drills.providers import ProviderStandIn, running_providers
from info_assistant.drills.scripted_answers import passages_in, quoting
from info_assistant.model.prompt import TokenUsage

PROMPT = """<passage id="K12" title="Leave" section="Rules &gt; Days">
Days
Employees may carry over five days of annual leave. They lapse in March.
</passage>

<passage id="K77" title="Files">
Smith &amp; Sons keep all files for ten years after closing.
</passage>

<question>How many days?</question>"""


def test_answers_quote_the_passages_and_name_them() -> None:
    """Each passage gives its first whole sentence, with its id before the full stop."""
    asked = Asked("drill", "You quote.", (("user", PROMPT),), 100, wants_usage=True)
    assert [each.id for each in passages_in(asked)] == ["K12", "K77"]
    assert quoting(asked) == (
        "Employees may carry over five days of annual leave [K12]. "
        "Smith & Sons keep all files for ten years after closing [K77]."
    )


def test_without_passages_there_is_no_answer() -> None:
    """What the prompt asks for where nothing fits."""
    asked = Asked("drill", "You quote.", (("user", "Hello?"),), 100, wants_usage=True)
    assert quoting(asked) == "NO_ANSWER"


def test_other_questions_of_the_product_have_their_answers() -> None:
    """A follow-up is joined to the question before it, and a sentence to be judged confirmed."""
    talk = """<turn who="user">What about Smith &amp; Sons?</turn>
<turn who="assistant">Ten years.</turn>
<question>And since when?</question>"""
    asked = Asked("drill", "You rewrite.", (("user", talk),), 100, wants_usage=True)
    assert quoting(asked) == "What about Smith & Sons? And since when?"
    judged = Asked(
        "drill", "You check.", (("user", "<sentence>A.</sentence>"),), 9, wants_usage=True
    )
    assert quoting(judged) == "CONFIRMED"


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_what_is_counted_is_what_is_told(provider: str) -> None:
    """The usage that a client hears is the stand-in's own count, call by call."""
    stand_in = ProviderStandIn(provider)
    with running_providers(stand_in):
        model = model_before(stand_in)
        heard = [await hear(model) for _ in range(3)]
        await model.wire.close()
    assert stand_in.tally.connections == 1
    for each, call in zip(heard, stand_in.tally.calls, strict=True):
        assert each.finished is not None
        assert each.finished.usage == TokenUsage(call.input, call.output)
        assert call.complete
