"""Metrics: each name once, each there from the start, in a registry of its own."""

from dataclasses import replace
from datetime import UTC, datetime

from prometheus_client.parser import text_string_to_metric_families

from info_assistant.errors import InfoAssistantError
from info_assistant.model.answer import Answer, AnswerMode, AnswerStatus, ServedBy
from info_assistant.model.prompt import TokenUsage
from info_assistant.model.spend import ModelCall, SpendEvent, SpendState
from info_assistant.observability.metrics import Metrics

ANSWER = Answer(
    id="a",
    status=AnswerStatus.ANSWERED,
    mode=AnswerMode.EXTRACTIVE,
    sentences=(),
    citations=(),
    see_also=(),
    served_by=ServedBy("extractive", "extractive"),
    documents_as_of=datetime(2026, 1, 1, tzinfo=UTC),
    timings_ms={"retrieve": 5.0, "total": 20.0},
)


def test_two_registries_do_not_meet() -> None:
    """What one object counts, another does not see."""
    one, other = Metrics(), Metrics()
    one.failed("overloaded")
    sample = ("answers_failed_total", {"code": "overloaded"})
    assert one.registry.get_sample_value(*sample) == 1
    assert other.registry.get_sample_value(*sample) == 0


def test_output_is_valid_and_names_are_unique() -> None:
    """The export parses, and no family comes twice."""
    metrics = Metrics()
    metrics.request_answered("GET", "/x", 200, 0.01)
    names = [each.name for each in text_string_to_metric_families(metrics.render().decode())]
    assert len(names) == len(set(names)) > 10


def test_answers_are_counted_with_their_stages() -> None:
    """A finished answer counts by status and mode, each stage by its time, the cache by result."""
    metrics = Metrics()
    metrics.answered(ANSWER)
    metrics.answered(replace(ANSWER, served_by=ServedBy("extractive", "e", cache="hit")))
    value = metrics.registry.get_sample_value
    counted = {"status": "answered", "answer_mode": "extractive"}
    assert value("answers_total", counted) == 2
    assert value("answer_duration_seconds_sum", {"stage": "total"}) == 0.04
    assert value("cache_requests_total", {"result": "bypass"}) == 1
    assert value("cache_requests_total", {"result": "hit"}) == 1


def test_every_code_is_there_from_the_start() -> None:
    """An alert on a code that never occurred finds a 0."""
    metrics = Metrics()
    for kind in InfoAssistantError.__subclasses__():
        assert metrics.registry.get_sample_value("answers_failed_total", {"code": kind.code}) == 0


def test_what_models_take_is_counted_by_provider() -> None:
    """Tokens by kind and dollars, both there at 0 from the start."""
    metrics = Metrics()
    value = metrics.registry.get_sample_value
    for provider in ("openai", "anthropic"):
        assert value("llm_cost_usd_total", {"provider": provider}) == 0
        assert value("llm_tokens_total", {"provider": provider, "kind": "output"}) == 0
    assert value("spend_events_pending") == 0
    metrics.spent(
        SpendEvent(
            "e",
            datetime(2026, 1, 1, tzinfo=UTC),
            ModelCall("default", "r"),
            "openai",
            "m",
            SpendState.COMPLETED,
            TokenUsage(100, 20, 60),
            1234,
            "p",
        )
    )
    assert value("llm_cost_usd_total", {"provider": "openai"}) == 0.001234
    for kind, tokens in (("input", 100), ("cached_input", 60), ("output", 20)):
        assert value("llm_tokens_total", {"provider": "openai", "kind": kind}) == tokens
