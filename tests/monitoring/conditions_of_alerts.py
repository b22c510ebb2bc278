"""For every alert: series with which it fires, and series close to those with which it does not.

Values are Prometheus' notation for tests: `0+3x40` is 0, 3, 6, … each a step after the one before.
"""

from collections.abc import Mapping
from dataclasses import dataclass

Series = dict[str, str]


@dataclass(frozen=True)
class Conditions:
    """What is there when an alert fires, and when it is silent; both looked at after `minutes`.

    `step` is the time between two values, in minutes.
    """

    fires: Series
    silent: Series
    minutes: int = 15
    step: int = 1


def _ups(job: str, *values: str) -> Series:
    return {f'up{{job="{job}",instance="{job}-{n}"}}': value for n, value in enumerate(values)}


def _down(dependency: str, *values: str) -> Series:
    return {
        f'dependency_down{{job="backend",instance="b{n}",dependency="{dependency}"}}': value
        for n, value in enumerate(values)
    }


def _asked(status: int, values: str, route: str = "/v1/query") -> Series:
    name = 'http_requests_total{job="backend",method="POST"'
    return {f'{name},route="{route}",status="{status}"}}': values}


def _failed(code: str, values: str) -> Series:
    return {f'answers_failed_total{{job="backend",code="{code}"}}': values}


def _one(series: str, fires: str, silent: str, minutes: int = 15) -> Conditions:
    return Conditions({series: fires}, {series: silent}, minutes)


_PVC = 'namespace="n",persistentvolumeclaim="qdrant-storage-qdrant-0"'
_USED, _ROOM = (f"kubelet_volume_stats_{kind}_bytes{{{_PVC}}}" for kind in ("used", "capacity"))
_DAY = 24 * 60
_BAD = _asked(200, "0+90x900") | _asked(500, "0+10x900")
_GOOD = _asked(200, "0+1000x900") | _asked(500, "0+1x900")
_OVER = _asked(200, "0+90x400 36000+100x100") | _asked(500, "0+10x400 4000+0x100")
"""An outage of hours that is over: the long ranges still hold it, the short ones do not."""

CONDITIONS: Mapping[str, Conditions] = {
    "BackendGone": Conditions(_ups("backend", "0x20", "0x20"), _ups("backend", "0x20", "1x20")),
    "FrontendGone": Conditions({}, _ups("frontend", "1x20")),
    "MostRequestsFail": Conditions(
        _asked(200, "0+4x20") | _asked(503, "0+6x20"),
        _asked(200, "0+4x20")
        | _asked(503, "0+6x20")
        | {'mode_active{mode="MAINTENANCE_MODE"}': "1x20"},
    ),
    "HealthFailsEverywhere": Conditions(
        _down("qdrant", "1x20", "1x20"), _down("qdrant", "1x20", "0x20")
    ),
    "NoTraffic": Conditions(
        _asked(200, "0+30x130 3900+0x20"), _asked(200, "0+30x150"), minutes=152
    ),
    "QdrantDown": Conditions(
        _ups("qdrant", "1x20", "0x20", "0x20"), _ups("qdrant", "1x20", "1x20", "0x20")
    ),
    "QdrantUnreachable": Conditions(
        _down("qdrant", "1x20", "1x20"), _down("qdrant", "1x20", "0x20")
    ),
    "QuestionsAnswer500": Conditions(
        _asked(200, "0+9x20")
        | _asked(500, "0+1x20")
        | _failed("vector_store_unavailable", "0+1x20"),
        _asked(200, "0+9x20")
        | _asked(500, "0+1x20")
        | _failed("vector_store_unavailable", "5+0x20"),
    ),
    "UploadsAnswer500": Conditions(
        _asked(500, "0+1x20", "/v1/documents"), _asked(500, "0+1x20", "/v1/query")
    ),
    "QdrantConnectionErrors": _one("qdrant_connection_errors_total", "0+1x20", "7+0x20"),
    "QdrantPeerDown": Conditions(
        _ups("qdrant", "1x20", "1x20", "0x20"), _ups("qdrant", "1x20", "1x20", "1x20")
    ),
    "RedisDown": Conditions(_down("redis", "1x20", "1x20"), _down("redis", "1x20", "0x20")),
    "RedisConnectionErrors": _one("redis_connection_errors_total", "0+1x20", "7+0x20"),
    "LimitsNotShared": Conditions(
        {'limiter_mode{job="backend",mode="local"}': "1x20"},
        {
            'limiter_mode{job="backend",mode="local"}': "1x20",
            'mode_active{mode="REDIS_ENABLED"}': "1x20",
        },
    ),
    "CacheBypassed": Conditions(
        {
            'cache_requests_total{job="backend",result="bypass"}': "0+20x20",
            'cache_requests_total{job="backend",result="hit"}': "0+1x20",
        },
        {
            'cache_requests_total{job="backend",result="bypass"}': "0+20x20",
            'cache_requests_total{job="backend",result="hit"}': "0+9x20",
        },
    ),
    "NoProviderAnswers": Conditions(
        _down("openai", "1x20") | {'provider_status{job="backend",provider="openai"}': "0x20"},
        # The other provider answers.
        _down("openai", "1x20")
        | {
            'provider_status{job="backend",provider="openai"}': "0x20",
            'provider_status{job="backend",provider="anthropic"}': "1x20",
        },
    ),
    "QuestionsAnswer503": Conditions(
        _asked(200, "0+9x20") | _asked(503, "0+1x20") | _failed("generation_unavailable", "0+1x20"),
        # Refused for want of a place, which is another matter.
        _asked(200, "0+9x20") | _asked(503, "0+1x20") | _failed("overloaded", "0+1x20"),
    ),
    "ProviderDown": Conditions(_down("openai", "1x20"), _down("redis", "1x20")),
    "ProviderErrors": Conditions(
        {'llm_errors_total{job="backend",provider="openai",kind="timeout"}': "0+3x20"},
        {'llm_errors_total{job="backend",provider="openai",kind="cancelled"}': "0+3x20"},
    ),
    "ErrorBudgetBurnsFast": Conditions(_BAD, _OVER, minutes=500),
    "ErrorBudgetBurns": Conditions(_BAD, _OVER, minutes=500),
    "ErrorBudgetBurnsSlowly": Conditions(_BAD, _GOOD, minutes=3 * _DAY, step=5),
    "AnswersAreSlow": Conditions(
        {
            'answer_duration_seconds_bucket{job="backend",stage="total",le="10.0"}': "0+9x60",
            'answer_duration_seconds_count{job="backend",stage="total"}': "0+10x60",
        },
        {
            'answer_duration_seconds_bucket{job="backend",stage="total",le="10.0"}': "0+98x60",
            'answer_duration_seconds_count{job="backend",stage="total"}': "0+100x60",
        },
        minutes=50,
    ),
    "QuestionsTurnedAway": _one(
        'requests_refused_total{job="backend",traffic="question",reason="full"}', "0+9x30", "0+1x30"
    ),
    "ObjectStorageDown": Conditions(_down("object_storage", "1x20"), _down("redis", "1x20")),
    # Time begins at 0 in these tests: a backup made at 1 s, and one made just now.
    "BackupTooOld": _one("backup_last_success_timestamp_seconds", "1x300", "1+60x300", 250),
    "BackupNeverMade": _one("backup_last_success_timestamp_seconds", "0x200", "1x200", 150),
    "RecordsNotShipped": _one(
        'records_pending{job="backend",instance="b"}', "0+2x90", " ".join(["5 90 60"] * 30), 80
    ),
    "AuditEventsLost": Conditions(
        {"audit_append_failures_total": "0+1x20", "answer_record_failures_total": "0x20"},
        {"audit_append_failures_total": "3x20", "answer_record_failures_total": "0x20"},
    ),
    "DiskFilling": Conditions({_USED: "85x20", _ROOM: "100x20"}, {_USED: "79x20", _ROOM: "100x20"}),
    "DiskAlmostFull": Conditions(
        {_USED: "95x20", _ROOM: "100x20"}, {_USED: "85x20", _ROOM: "100x20"}
    ),
    "DataDiskFilling": _one('data_disk_used_ratio{instance="b"}', "0.85x20", "0.79x20"),
    "DocumentsStuck": Conditions(
        {'documents{state="reading"}': "2x90", "ingestion_duration_seconds_count": "7+0x90"},
        {'documents{state="reading"}': "2x90", "ingestion_duration_seconds_count": "7+1x90"},
        minutes=80,
    ),
    "DocumentsFail": _one('documents{state="failed"}', "0+1x90", "50+0x90", 80),
    "VisibilityStale": _one('visibility_stale{instance="b"}', "1x20", "0x20"),
    "TenantBudgetNearlySpent": _one('tenant_budget_spent_ratio{tenant="t"}', "0.9x20", "0.7x20"),
    # A hundred dollars in the last hour, after a day of cents and after one as dear.
    "SpendUnusual": Conditions(
        {'llm_cost_usd_total{provider="openai"}': "0+0.01x288 3+8x30"},
        {'llm_cost_usd_total{provider="openai"}': "0+8x320"},
        minutes=_DAY + 75,
        step=5,
    ),
    "SpendNotShipped": _one(
        'spend_events_pending{job="backend",instance="b"}', "0+2x90", "40x90", 80
    ),
    "ModeLeftOn": _one('mode_active{mode="CACHE_ONLY_MODE"}', "1x300", "1x100 0 1x199", 250),
    "BreakerOpen": _one('breaker_state{dependency="openai"}', "2x50", "1x50", 40),
    "ProcessRestarts": _one(
        'process_start_time_seconds{job="backend",instance="b"}', "0+60x20", "5x10 600x10"
    ),
    "BackgroundTasksFail": _one('background_failures_total{task="census"}', "0+1x20", "1+0x20"),
    "EventLoopLate": Conditions(
        {
            'event_loop_lag_seconds_bucket{job="backend",instance="b",le="0.25"}': "0+9x30",
            'event_loop_lag_seconds_bucket{job="backend",instance="b",le="1.0"}': "0+10x30",
            'event_loop_lag_seconds_bucket{job="backend",instance="b",le="+Inf"}': "0+10x30",
        },
        {
            'event_loop_lag_seconds_bucket{job="backend",instance="b",le="0.25"}': "0+10x30",
            'event_loop_lag_seconds_bucket{job="backend",instance="b",le="1.0"}': "0+10x30",
            'event_loop_lag_seconds_bucket{job="backend",instance="b",le="+Inf"}': "0+10x30",
        },
        minutes=25,
    ),
    "TargetDown": Conditions(_ups("worker", "0x20"), _ups("qdrant", "0x20")),
    "MetricsMissing": Conditions(
        _ups("backend", "1x20"),
        _ups("backend", "1x20") | _asked(200, "0x20") | _down("redis", "0x20"),
    ),
    "WorkersNotWatched": Conditions({}, _ups("worker", "1x40"), 30),
    "IncidentServiceDown": Conditions(_ups("incident", "0x20"), _ups("incident", "1x20")),
    "AlertsNotDelivered": _one("alertmanager_notifications_failed_total", "0+1x20", "9+0x20"),
    "AlertmanagerMissing": Conditions(
        _ups("alertmanager", "1x20")
        | {"prometheus_notifications_alertmanagers_discovered": "0x20"},
        _ups("alertmanager", "1x20")
        | {"prometheus_notifications_alertmanagers_discovered": "1x20"},
    ),
    "RulesFail": _one("prometheus_rule_evaluation_failures_total", "0+1x20", "9+0x20"),
}
"""By the alert's name."""

ALWAYS = frozenset({"Watchdog"})
"""What fires whatever happens."""
