"""The one table of the diagnosis: which symptom speaks for which scenario, and how strongly."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

NAMED = 3
"""A scenario is named from this weight on: one strong symptom, or two that agree."""

WELL_BELOW = 2
"""Below this weight a symptom is none to worry about, where everything else is well."""

OUTAGE = "P0-1"
"""The scenario that is named for what no dependency explains."""

TITLES: Mapping[str, str] = {
    "P0-1": "the whole service is out",
    "P0-2": "Qdrant is unavailable",
    "P0-3": "Redis is unavailable",
    "P0-4": "the language model's provider is out",
}


class Symptom(StrEnum):
    """What can be seen. The values are stable: records of incidents carry them."""

    BACKEND_REFUSES = "backend_refuses"
    BACKEND_SILENT = "backend_silent"
    BACKEND_FAILING = "backend_failing"
    BACKEND_SLOW = "backend_slow"
    LOOP_STALLS = "loop_stalls"
    OVERLOADED = "overloaded"
    FRONTEND_GONE = "frontend_gone"
    FRONTEND_SLOW = "frontend_slow"
    PUBLIC_GONE = "public_gone"
    PUBLIC_FAILING = "public_failing"
    NO_BACKEND_PODS = "no_backend_pods"
    BACKENDS_UNSEEN = "backends_unseen"
    NO_REQUESTS = "no_requests"
    HEALTH_DOWN = "health_down"
    REQUESTS_FAIL = "requests_fail"

    QDRANT_GONE = "qdrant_gone"
    QDRANT_FAILING = "qdrant_failing"
    QDRANT_SLOW = "qdrant_slow"
    QDRANT_SAID_DOWN = "qdrant_said_down"
    QDRANT_SAID_SLOW = "qdrant_said_slow"
    QDRANT_ERRORS_RISE = "qdrant_errors_rise"
    ANSWERS_LACK_QDRANT = "answers_lack_qdrant"
    QDRANT_LOGGED = "qdrant_logged"
    QDRANT_PODS_MISSING = "qdrant_pods_missing"
    QDRANT_UNSEEN = "qdrant_unseen"
    QDRANT_DOUBTED = "qdrant_doubted"

    REDIS_GONE = "redis_gone"
    REDIS_FAILING = "redis_failing"
    REDIS_NO_MASTER = "redis_no_master"
    REDIS_SLOW = "redis_slow"
    REDIS_SAID_DOWN = "redis_said_down"
    REDIS_SAID_SLOW = "redis_said_slow"
    REDIS_ERRORS_RISE = "redis_errors_rise"
    REDIS_BREAKER_OPEN = "redis_breaker_open"
    LIMITER_LOCAL = "limiter_local"
    CACHE_BYPASSED = "cache_bypassed"
    REDIS_LOGGED = "redis_logged"
    REDIS_PODS_MISSING = "redis_pods_missing"
    REDIS_UNSEEN = "redis_unseen"
    REDIS_DOUBTED = "redis_doubted"

    PROVIDER_GONE = "provider_gone"
    PROVIDER_FAILING = "provider_failing"
    PROVIDER_SLOW = "provider_slow"
    PROVIDER_SAID_DOWN = "provider_said_down"
    PROVIDER_SAID_SLOW = "provider_said_slow"
    PROVIDER_BREAKER_OPEN = "provider_breaker_open"
    PROVIDER_ERRORS_RISE = "provider_errors_rise"
    QUOTA_USED_UP = "quota_used_up"
    LIMITS_REACHED = "limits_reached"
    KEY_REFUSED = "key_refused"
    ANSWERS_LACK_PROVIDER = "answers_lack_provider"
    PROVIDER_LOGGED = "provider_logged"
    FALLBACK_AMISS = "fallback_amiss"
    PROVIDER_DOUBTED = "provider_doubted"


@dataclass(frozen=True, slots=True)
class Rule:
    """How strongly a symptom speaks for a scenario.

    `follows` says that an outage of a dependency brings it about as well: it counts for P0-1 only
    where no dependency is named.
    """

    scenario: str
    weight: int
    follows: bool = False


RULES: Mapping[Symptom, Rule] = {
    Symptom.BACKEND_REFUSES: Rule("P0-1", 4),
    Symptom.BACKEND_SILENT: Rule("P0-1", 4),
    Symptom.BACKEND_FAILING: Rule("P0-1", 3),
    Symptom.BACKEND_SLOW: Rule("P0-1", 2),
    Symptom.LOOP_STALLS: Rule("P0-1", 2),
    Symptom.OVERLOADED: Rule("P0-1", 2, follows=True),
    Symptom.FRONTEND_GONE: Rule("P0-1", 3),
    Symptom.FRONTEND_SLOW: Rule("P0-1", 1),
    Symptom.PUBLIC_GONE: Rule("P0-1", 3),
    Symptom.PUBLIC_FAILING: Rule("P0-1", 3, follows=True),
    Symptom.NO_BACKEND_PODS: Rule("P0-1", 3),
    Symptom.BACKENDS_UNSEEN: Rule("P0-1", 3),
    Symptom.NO_REQUESTS: Rule("P0-1", 1, follows=True),
    Symptom.HEALTH_DOWN: Rule("P0-1", 2, follows=True),
    Symptom.REQUESTS_FAIL: Rule("P0-1", 3, follows=True),
    Symptom.QDRANT_GONE: Rule("P0-2", 3),
    Symptom.QDRANT_FAILING: Rule("P0-2", 3),
    Symptom.QDRANT_SLOW: Rule("P0-2", 2),
    Symptom.QDRANT_SAID_DOWN: Rule("P0-2", 3),
    Symptom.QDRANT_SAID_SLOW: Rule("P0-2", 2),
    Symptom.QDRANT_ERRORS_RISE: Rule("P0-2", 2),
    Symptom.ANSWERS_LACK_QDRANT: Rule("P0-2", 3),
    Symptom.QDRANT_LOGGED: Rule("P0-2", 1),
    Symptom.QDRANT_PODS_MISSING: Rule("P0-2", 3),
    Symptom.QDRANT_UNSEEN: Rule("P0-2", 3),
    Symptom.QDRANT_DOUBTED: Rule("P0-2", 1),
    Symptom.REDIS_GONE: Rule("P0-3", 3),
    Symptom.REDIS_FAILING: Rule("P0-3", 3),
    Symptom.REDIS_NO_MASTER: Rule("P0-3", 3),
    Symptom.REDIS_SLOW: Rule("P0-3", 2),
    Symptom.REDIS_SAID_DOWN: Rule("P0-3", 3),
    Symptom.REDIS_SAID_SLOW: Rule("P0-3", 2),
    Symptom.REDIS_ERRORS_RISE: Rule("P0-3", 2),
    Symptom.REDIS_BREAKER_OPEN: Rule("P0-3", 2),
    Symptom.LIMITER_LOCAL: Rule("P0-3", 2),
    Symptom.CACHE_BYPASSED: Rule("P0-3", 1),
    Symptom.REDIS_LOGGED: Rule("P0-3", 1),
    Symptom.REDIS_PODS_MISSING: Rule("P0-3", 3),
    Symptom.REDIS_UNSEEN: Rule("P0-3", 3),
    Symptom.REDIS_DOUBTED: Rule("P0-3", 1),
    Symptom.PROVIDER_GONE: Rule("P0-4", 3),
    Symptom.PROVIDER_FAILING: Rule("P0-4", 3),
    Symptom.PROVIDER_SLOW: Rule("P0-4", 2),
    Symptom.PROVIDER_SAID_DOWN: Rule("P0-4", 3),
    Symptom.PROVIDER_SAID_SLOW: Rule("P0-4", 2),
    Symptom.PROVIDER_BREAKER_OPEN: Rule("P0-4", 2),
    Symptom.PROVIDER_ERRORS_RISE: Rule("P0-4", 2),
    Symptom.QUOTA_USED_UP: Rule("P0-4", 3),
    Symptom.LIMITS_REACHED: Rule("P0-4", 1),
    Symptom.KEY_REFUSED: Rule("P0-4", 1),
    Symptom.ANSWERS_LACK_PROVIDER: Rule("P0-4", 3),
    Symptom.PROVIDER_LOGGED: Rule("P0-4", 1),
    Symptom.FALLBACK_AMISS: Rule("P0-4", 1),
    Symptom.PROVIDER_DOUBTED: Rule("P0-4", 1),
}


def scores(symptoms: Iterable[Symptom]) -> dict[str, int]:
    """Return the weight of each scenario; a symptom counts once however often it is seen."""
    found = set(symptoms)
    total = dict.fromkeys(TITLES, 0)
    for each in found:
        if not RULES[each].follows:
            total[RULES[each].scenario] += RULES[each].weight
    if not any(total[code] >= NAMED for code in total if code != OUTAGE):
        for each in found:
            if RULES[each].follows:
                total[RULES[each].scenario] += RULES[each].weight
    return total
