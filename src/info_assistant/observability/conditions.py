"""How things stand, looked at whenever the metrics are exported; nothing keeps these up to date.

What is not watched in a process is exported as if all were well, so that alerts find the series.
"""

import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

DEPENDENCIES = ("qdrant", "redis", "object_storage", "embedder", "openai", "anthropic")
"""What `dependency_down` names from the start."""

LIMITERS = ("shared", "local", "off")
"""How rate limits may be counted: by all replicas together, by each alone, not at all."""


class Conditions(Collector):
    """The gauges of one process that are looked up rather than counted."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Export in `registry`; what is to be looked at is named by the `watch_…` methods."""
        self._states: Callable[[], Mapping[str, str]] = dict
        self._limiter: Callable[[], str] | None = None
        self._budgets: Callable[[], Mapping[str, float]] = dict
        self._folder: Path | None = None
        registry.register(self)

    def watch_dependencies(self, states: Callable[[], Mapping[str, str]]) -> None:
        """Show which dependencies are down; `states` gives the words of /health by name."""
        self._states = states

    def watch_limiter(self, kind: Callable[[], str]) -> None:
        """Show how rate limits are counted; `kind` gives one of `LIMITERS`."""
        self._limiter = kind

    def watch_budgets(self, spent: Callable[[], Mapping[str, float]]) -> None:
        """Show what share of its budget for this month each tenant has spent, 0 … 1 and beyond."""
        self._budgets = spent

    def watch_disk(self, folder: Path) -> None:
        """Show how full the disk is that `folder` lies on."""
        self._folder = folder

    def collect(self) -> Iterable[Metric]:
        """Yield every gauge as it stands now."""
        down = GaugeMetricFamily(
            "dependency_down",
            "1 while /health calls a dependency down.",
            labels=["dependency"],
        )
        states = {**dict.fromkeys(DEPENDENCIES, "unknown"), **self._states()}
        for name, state in states.items():
            down.add_metric([name], float(state == "down"))
        yield down
        limiter = GaugeMetricFamily(
            "limiter_mode", "1 for the way in which rate limits are counted now.", labels=["mode"]
        )
        used = None if self._limiter is None else self._limiter()
        for mode in LIMITERS:
            limiter.add_metric([mode], float(mode == used))
        yield limiter
        budgets = GaugeMetricFamily(
            "tenant_budget_spent_ratio",
            "What share of its budget for this month a tenant has spent.",
            labels=["tenant"],
        )
        for tenant, ratio in self._budgets().items():
            budgets.add_metric([tenant], ratio)
        yield budgets
        yield GaugeMetricFamily(
            "data_disk_used_ratio",
            "How full the disk with DATA_DIR is, 0 … 1.",
            value=0.0 if self._folder is None else _used(self._folder),
        )


def _used(folder: Path) -> float:
    """Return the part of a disk that is in use, as people without special rights see it."""
    existing = next(each for each in (folder, *folder.parents) if each.exists())
    usage = shutil.disk_usage(existing)
    return usage.used / max(1, usage.used + usage.free)
