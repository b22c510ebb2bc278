"""Everything that keeps a backend quick under load, put together and shown in the metrics."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from info_assistant.model.traffic import Traffic
from info_assistant.observability.metrics import Metrics
from info_assistant.resilience.admission import Admission
from info_assistant.resilience.elastic import ElasticPlaces, places_to_start_with
from info_assistant.resilience.garbage import set_aside_what_stays
from info_assistant.resilience.loop_lag import LoopLag


class LoadControl:
    """Places for requests, as many as this machine bears."""

    def __init__(self, metrics: Metrics, embed: Callable[[], Awaitable[object]]) -> None:
        """Show all in `metrics`; `embed` loads the model and embeds a short question."""
        self.admission = Admission(on_refused=metrics.refused)
        self._embed = embed
        self.lag = LoopLag(on_lag=metrics.loop_lagged)
        for kind in self.admission.kinds:
            metrics.watch_places(
                kind,
                places=partial(self.admission.places, kind),
                in_use=partial(self.admission.in_use, kind),
                waiting=partial(self.admission.waiting, kind),
            )

    @property
    def tasks(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        """What runs in the background, by name."""
        return {
            "warm-up": self.warm_up,
            "event loop's lag": self.lag.run,
            "places": ElasticPlaces(self.admission, self.lag).run,
        }

    async def warm_up(self) -> None:
        """Load what the first question needs, and see how quick this machine is."""
        self.admission.resize(Traffic.QUESTION, await places_to_start_with(self._embed))
        set_aside_what_stays()
