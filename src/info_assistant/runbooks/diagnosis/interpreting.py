"""From what was seen to symptoms: what each observation means, and how far it is believed.

Two witnesses tell of a dependency: we, who ask it ourselves, and the backend. Where they differ,
one of them stands in the wrong place. What we cannot reach while the backend has just reached it is
only doubted, and so is what a backend tells that hardly runs itself while we find the dependency
well.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from info_assistant.runbooks.diagnosis.dependencies import (
    ANTHROPIC,
    OPENAI,
    QDRANT,
    REACH_WORDS,
    REDIS,
    Dependency,
    asked,
    time,
)
from info_assistant.runbooks.diagnosis.observations import (
    PROVIDER_SLOW_S,
    SLOW_S,
    Looks,
    Observations,
    Reach,
    Sampled,
)
from info_assistant.runbooks.diagnosis.symptoms import Symptom
from info_assistant.runbooks.diagnosis.verdict import Evidence, Finding

STALLED_SHARE = 0.6
"""A backend whose loop was late for this share of the time between two looks hardly runs."""

FAILING_SHARE = 0.5
LEAST_REQUESTS = 4
"""Of this many requests between two looks this share failed: then requests fail."""

_OWN_ROUTES = ("/health", "/metrics", "/livez", "/readyz")
_OURS_REFUSED = {401, 403, 429}
"""Our key, or our own limit: it says little of the service's."""
_KEY_REFUSED = {401, 403}

_ALARMING = {Reach.REFUSED, Reach.SILENT, Reach.FAILING}


_LOGGED = {
    "Qdrant connection error": (Symptom.QDRANT_LOGGED, QDRANT),
    "Redis connection failed": (Symptom.REDIS_LOGGED, REDIS),
    "OpenAI API error": (Symptom.PROVIDER_LOGGED, OPENAI),
}


def evidence_of(seen: Observations) -> Evidence:
    """Return all symptoms in what was seen, what is well, and what could not be looked at."""
    reached, unreached = _believed(seen.reached)
    reading = _Reading(replace(seen, reached=reached))
    findings = tuple(reading.findings())
    missing = [f"{name}: {reason}" for name, reason in {**seen.missing, **unreached}.items()]
    well, besides = tuple(reading.well()), tuple(reading.besides())
    return Evidence(findings, well, tuple(missing), reading.proof(), besides)


def _believed(
    reached: Mapping[str, Sampled],
) -> tuple[Mapping[str, Sampled], Mapping[str, str]]:
    """Return what tells of the service, and why the rest only tells of this machine.

    An address that was merely assumed counts once another assumed one shows that the service is
    on this machine. Where nothing far away answers at all, this machine may be cut off.
    """
    here = any(
        not each.stated and each.reach() in {Reach.WELL, Reach.SLOW, Reach.FAILING, Reach.SILENT}
        for each in reached.values()
    )
    far = [each for each in reached.values() if not each.near]
    cut_off = bool(far) and all(each.reach() in {Reach.SILENT, Reach.UNREACHABLE} for each in far)
    kept, left = {}, {}
    for name, each in reached.items():
        if each.reach() is Reach.UNREACHABLE:
            left[name] = f"there is no way to {each.address} from here"
        elif not each.stated and not here:
            left[name] = f"nothing at {each.address}, which was only assumed"
        elif cut_off and not each.near:
            left[name] = (
                f"{each.address} is silent, as is all that is not on this machine, which may be "
                "cut off"
            )
        else:
            kept[name] = each
    return kept, left


class _Reading:
    """Reads one set of observations."""

    def __init__(self, seen: Observations) -> None:
        self._seen = seen
        backend = seen.reached.get("backend")
        self._stalled = _stalled(seen.metrics)
        self._hardly_runs = self._stalled >= STALLED_SHARE or (
            backend is not None and backend.reach() is Reach.SLOW
        )

    def findings(self) -> Iterator[Finding]:
        """Yield every symptom, in the order of the scenarios."""
        yield from self._whole()
        yield from self._traffic()
        for each in (QDRANT, REDIS, OPENAI):
            yield from self._dependency(each)
        yield from self._fallback()
        yield from self._around()

    def well(self) -> Iterator[str]:
        """Yield what was found in order."""
        for name, each in self._seen.reached.items():
            slow = PROVIDER_SLOW_S if name in {"openai", "anthropic"} else SLOW_S
            if each.reach(slow) is Reach.WELL:
                yield f"{name} answers at {each.address} in {time(each.seconds)}"
        for name, said in self._said_all().items():
            if said["state"] == "ok":
                yield f"/health says that {name} is ok"
        for name, numbers in self._seen.pods.items():
            if numbers[1] and numbers[0] == numbers[1]:
                yield f"{numbers[0]} of {numbers[1]} pods of {name} are ready"

    def besides(self) -> Iterator[str]:
        """Yield what is not as usual, and no scenario is about."""
        ours = {each.name for each in (QDRANT, REDIS, OPENAI, ANTHROPIC)}
        for name, said in self._said_all().items():
            if name not in ours and said["state"] != "ok":
                yield f"/health says that {name} is {said['state']} since {said.get('since')}"
        for mode in (self._seen.health or {}).get("modes") or ():
            yield f"{mode['name']}={mode['value']} is in force, from {mode['source']}"

    def proof(self) -> bool:
        """Whether so much is well that the service may be called healthy."""
        health, backend = self._seen.health, self._seen.reached.get("backend")
        if health is None or backend is None or backend.reach() is not Reach.WELL:
            return False
        states = {each["state"] for each in self._said_all().values()}
        return bool(states) and states <= {"ok", "off"}

    def _said_all(self) -> Mapping[str, Mapping[str, Any]]:
        return (self._seen.health or {}).get("dependencies") or {}

    def _said(self, name: str) -> str:
        """Return the state of a dependency as the backend tells it."""
        return str(self._said_all().get(name, {}).get("state", ""))

    def _whole(self) -> Iterator[Finding]:
        ends = {
            Reach.REFUSED: (Symptom.BACKEND_REFUSES, "refuses connections"),
            Reach.SILENT: (Symptom.BACKEND_SILENT, "accepts, and answers nothing"),
            Reach.FAILING: (Symptom.BACKEND_FAILING, "answers with errors"),
            Reach.SLOW: (Symptom.BACKEND_SLOW, "answers slowly"),
        }
        backend = self._seen.reached.get("backend")
        if backend is not None and (reach := backend.reach()) in ends:
            symptom, words = ends[reach]
            yield Finding(symptom, f"The backend {words}: {asked(backend)}")
        if self._stalled >= STALLED_SHARE:
            words = f"The backend's event loop was late for {self._stalled:.0%} of the time"
            yield Finding(Symptom.LOOP_STALLS, words)
        for name, gone, amiss in (
            ("frontend", Symptom.FRONTEND_GONE, Symptom.FRONTEND_SLOW),
            ("public", Symptom.PUBLIC_GONE, Symptom.PUBLIC_FAILING),
        ):
            each = self._seen.reached.get(name)
            reach = each.reach() if each else Reach.WELL
            if each and reach in {Reach.REFUSED, Reach.SILENT}:
                yield Finding(gone, f"The {name} address does not answer: {asked(each)}")
            elif each and reach is Reach.FAILING:
                failing = gone if name == "frontend" else amiss
                yield Finding(failing, f"The {name} address answers with errors: {asked(each)}")
            elif each and reach is Reach.SLOW and name == "frontend":
                yield Finding(amiss, f"The {name} answers slowly: {asked(each)}")
        if self._seen.health and self._seen.health.get("status") == "down":
            words = f"/health says down, with HTTP {self._seen.health.get('http')}"
            yield Finding(Symptom.HEALTH_DOWN, words)

    def _traffic(self) -> Iterator[Finding]:
        looks = self._seen.metrics
        if looks is None:
            return
        spell = f"within {looks.seconds:.0f} s"
        routes = _requests(looks)
        total, failed = sum(routes.values()), sum(n for code, n in routes.items() if code >= 500)  # noqa: PLR2004  HTTP.
        meant = looks.after.get('mode_active{mode="MAINTENANCE_MODE"}', 0.0) > 0
        if total == 0:
            yield Finding(Symptom.NO_REQUESTS, f"No request of a reader {spell}")
        if total >= LEAST_REQUESTS and failed >= FAILING_SHARE * total and not meant:
            words = f"{failed:.0f} of {total:.0f} requests ended with 5xx {spell}"
            yield Finding(Symptom.REQUESTS_FAIL, words)
        refused = looks.rise("requests_refused_total", 'traffic="question"')
        if refused >= LEAST_REQUESTS:
            words = f"{refused:.0f} questions were refused for lack of a place {spell}"
            yield Finding(Symptom.OVERLOADED, words)
        for name, symptom, words in (
            ("vector_store_unavailable", Symptom.ANSWERS_LACK_QDRANT, "for want of Qdrant"),
            ("generation_unavailable", Symptom.ANSWERS_LACK_PROVIDER, "for want of a provider"),
        ):
            count = looks.rise("answers_failed_total", f'code="{name}"')
            if count > 0:
                yield Finding(symptom, f"{count:.0f} answers failed {words} {spell}")
        yield from self._told_by_counters(looks, spell)

    def _told_by_counters(self, looks: Looks, spell: str) -> Iterator[Finding]:
        for dependency, symptom in (
            (QDRANT, Symptom.QDRANT_ERRORS_RISE),
            (REDIS, Symptom.REDIS_ERRORS_RISE),
        ):
            name = f"{dependency.name}_connection_errors_total"
            if (count := looks.rise(name)) > 0:
                words = f"The backend counted {count:.0f} {name} {spell}"
                yield self._told(dependency, symptom, words)
        failed = looks.rise("llm_errors_total", 'provider="openai"')
        failed -= looks.rise("llm_errors_total", 'provider="openai"', 'kind="cancelled"')
        failed -= looks.rise("llm_errors_total", 'provider="openai"', 'kind="content_filtered"')
        if failed > 0:
            words = f"{failed:.0f} calls to OpenAI failed {spell}"
            yield self._told(OPENAI, Symptom.PROVIDER_ERRORS_RISE, words)
        if looks.rise("llm_errors_total", 'provider="openai"', 'kind="quota"') > 0:
            yield Finding(Symptom.QUOTA_USED_UP, "OpenAI says that the account's quota is used up")
        if looks.rise("llm_errors_total", 'provider="openai"', 'kind="refused"') > 0:
            words = "OpenAI refuses the backend's calls: is its key valid, and the model's name?"
            yield Finding(Symptom.KEY_REFUSED, words)
        hits = {
            result: looks.rise("cache_requests_total", f'result="{result}"')
            for result in ("hit", "miss", "bypass")
        }
        if (total := sum(hits.values())) >= LEAST_REQUESTS and hits["bypass"] == total:
            words = f"All {total:.0f} questions went past the cache {spell}"
            yield Finding(Symptom.CACHE_BYPASSED, words)

    def _dependency(self, about: Dependency) -> Iterator[Finding]:
        """Yield what we and the backend found of one dependency."""
        for each in self._reached(about.name):
            reach = each.reach(about.slow_s)
            words = f"{about.title} {REACH_WORDS[reach]}: {asked(each)}"
            if reach in _ALARMING and self._said(about.name) == "ok":
                yield Finding(about.doubted, f"{words}; but the backend has just reached it")
            elif reach in {Reach.REFUSED, Reach.SILENT}:
                yield Finding(about.gone, words)
            elif reach is Reach.FAILING:
                yield Finding(about.failing, words)
            elif reach is Reach.SLOW:
                yield Finding(about.slow, words)
        said = self._said_all().get(about.name)
        if said is not None:
            yield from self._said_findings(about, said)
        if about is REDIS:
            yield from self._redis_more(said)
        if about is OPENAI:
            yield from self._provider_more()

    def _said_findings(self, about: Dependency, said: Mapping[str, Any]) -> Iterator[Finding]:
        words = f"/health says that {about.name} is {said['state']} since {said.get('since')}"
        if said.get("detail"):
            words += f": {said['detail']}"
        if said["state"] == "down":
            yield self._told(about, about.said_down, words)
        elif said["state"] == "degraded":
            yield self._told(about, about.said_slow, words)

    def _redis_more(self, said: Mapping[str, Any] | None) -> Iterator[Finding]:
        servers = [
            each for each in self._reached("redis") if each.reach() in {Reach.WELL, Reach.SLOW}
        ]
        if servers and all(each.role == "slave" for each in servers):
            words = f"No master of Redis answers; {len(servers)} that answer are replicas"
            yield Finding(Symptom.REDIS_NO_MASTER, words)
        if said is None or said["state"] == "off":
            return
        if (self._seen.health or {}).get("limiter") == "local":
            words = "/health says `limiter: local`: limits are not shared through Redis"
            yield self._told(REDIS, Symptom.LIMITER_LOCAL, words)
        if said.get("breaker") not in {None, "", "closed"}:
            words = f"The backend's breaker before Redis is {said['breaker']}"
            yield self._told(REDIS, Symptom.REDIS_BREAKER_OPEN, words)

    def _provider_more(self) -> Iterator[Finding]:
        own = self._seen.reached.get("openai")
        if own and own.reach(PROVIDER_SLOW_S) is Reach.WELL:
            status = own.samples[-1].status
            if status == 429 and self._said("openai") != "ok":  # noqa: PLR2004  HTTP.
                yield Finding(Symptom.QUOTA_USED_UP, f"OpenAI refuses for its limits: {asked(own)}")
            elif status in _KEY_REFUSED and self._said("openai") != "ok":
                words = f"OpenAI does not take the key that is set here: {asked(own)}"
                yield Finding(Symptom.KEY_REFUSED, words)
            elif status in _OURS_REFUSED:
                yield Finding(Symptom.PROVIDER_DOUBTED, f"OpenAI refuses us: {asked(own)}")
        said = self._said_all().get("openai")
        if said is None or said["state"] == "off":
            return
        limits = said.get("rate_limits") or {}
        for name, left in limits.items() if isinstance(limits, Mapping) else ():
            if "remaining" in name.lower() and str(left) == "0":
                yield Finding(Symptom.LIMITS_REACHED, f"OpenAI told the backend last: {name}: 0")
        if said.get("breaker") not in {None, "", "closed"}:
            words = f"The backend's breaker before OpenAI is {said['breaker']}"
            yield self._told(OPENAI, Symptom.PROVIDER_BREAKER_OPEN, words)

    def _fallback(self) -> Iterator[Finding]:
        """Yield what is amiss with Anthropic: that counts fully only where it is the only one."""
        found = list(self._dependency(ANTHROPIC))
        only = self._said("openai") == "off" and "openai" not in self._seen.reached
        for each in found:
            symptom = each.symptom if only else Symptom.FALLBACK_AMISS
            yield Finding(symptom, each.words)

    def _around(self) -> Iterator[Finding]:
        """Yield what logs, cluster and Prometheus tell."""
        for event, count in self._seen.logs.items():
            if count and event in _LOGGED:
                symptom, about = _LOGGED[event]
                words = f'The log has "{event}" {count} times within a minute'
                yield self._told(about, symptom, words)
        for component, fewest, symptom in (
            ("backend", 1, Symptom.NO_BACKEND_PODS),
            ("frontend", 1, Symptom.FRONTEND_GONE),
            ("qdrant", 2, Symptom.QDRANT_PODS_MISSING),
            ("redis", 1, Symptom.REDIS_PODS_MISSING),
        ):
            ready, wanted = self._seen.pods.get(component, (0, 0))
            if wanted and ready < min(fewest, wanted):
                yield Finding(symptom, f"{ready} of {wanted} pods of {component} are ready")
        yield from self._told_by_prometheus()

    def _told_by_prometheus(self) -> Iterator[Finding]:
        values = self._seen.prometheus
        for name, fewest, symptom in (
            ("backends", 1, Symptom.BACKENDS_UNSEEN),
            ("qdrant", 1, Symptom.QDRANT_UNSEEN),
            ("redis", 1, Symptom.REDIS_UNSEEN),
        ):
            if name in values and values[name] < fewest:
                words = f"Prometheus sees {values[name]:.0f} of {name} up"
                yield Finding(symptom, words)
        if values.get("requests") == 0:
            yield Finding(Symptom.NO_REQUESTS, "Prometheus counts no request within 2 min")
        if values.get("no_generation", 0) >= 1:
            words = f"Prometheus counts {values['no_generation']:.0f} answers without a provider"
            yield Finding(Symptom.ANSWERS_LACK_PROVIDER, f"{words} within 2 min")

    def _told(self, about: Dependency, symptom: Symptom, words: str) -> Finding:
        """Return what the backend tells, doubted where it hardly runs and we find otherwise.

        Without a look of our own its word is doubted as well: its clock ran on while it stood.
        """
        own = self._reached(about.name)
        ill = any(each.reach(about.slow_s) is not Reach.WELL or each.error for each in own)
        if self._hardly_runs and not ill:
            return Finding(about.doubted, f"{words}; but the backend itself hardly runs")
        return Finding(symptom, words)

    def _reached(self, name: str) -> Sequence[Sampled]:
        return [each for key, each in self._seen.reached.items() if key.split(" ")[0] == name]


def _stalled(looks: Looks | None) -> float:
    """Return for which share of the time between two looks the backend's loop was late."""
    if looks is None or looks.seconds <= 0:
        return 0.0
    return min(1.0, looks.rise("event_loop_lag_seconds_sum") / looks.seconds)


def _requests(looks: Looks) -> dict[int, float]:
    """Return how many requests of readers ended with which code."""
    found: dict[int, float] = {}
    for series in looks.after:
        own = any(f'route="{route}"' in series for route in _OWN_ROUTES)
        if series.startswith("http_requests_total{") and not own:
            code = series.partition('status="')[2].partition('"')[0]
            rise = looks.rise("http_requests_total", series.partition("{")[2])
            found[int(code)] = found.get(int(code), 0.0) + rise
    return found
