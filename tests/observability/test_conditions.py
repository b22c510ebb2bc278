"""Gauges that are looked up at each export."""

from pathlib import Path

from info_assistant.observability.metrics import Metrics


def test_all_is_well_until_something_is_watched() -> None:
    """Alerts find every series from the start, and none of them fires."""
    value = Metrics().registry.get_sample_value
    for name in ("qdrant", "redis", "object_storage", "openai", "anthropic", "embedder"):
        assert value("dependency_down", {"dependency": name}) == 0
    assert value("limiter_mode", {"mode": "shared"}) == 0
    assert value("data_disk_used_ratio", {}) == 0


def test_they_follow_what_they_watch(tmp_path: Path) -> None:
    """Each export says how things stand at that moment; a degraded dependency is not down."""
    metrics, states = Metrics(), {"qdrant": "down", "redis": "degraded"}
    metrics.conditions.watch_dependencies(lambda: states)
    metrics.conditions.watch_limiter(lambda: "local")
    metrics.conditions.watch_budgets(lambda: {"tenant": 0.85})
    metrics.conditions.watch_disk(tmp_path / "not" / "there" / "yet")
    value = metrics.registry.get_sample_value
    assert value("dependency_down", {"dependency": "qdrant"}) == 1
    assert value("dependency_down", {"dependency": "redis"}) == 0
    states["qdrant"] = "ok"
    assert value("dependency_down", {"dependency": "qdrant"}) == 0
    assert value("limiter_mode", {"mode": "local"}) == 1
    assert value("limiter_mode", {"mode": "shared"}) == 0
    assert value("tenant_budget_spent_ratio", {"tenant": "tenant"}) == 0.85
    assert 0 < (value("data_disk_used_ratio", {}) or 0) < 1
