"""Whether this process lives and takes requests, and its metrics."""

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from info_assistant.web.traffic import Traffic


class HealthPages:
    """What probes and monitoring read; none of it depends on the backend.

    A frontend without a backend still helps: it says what is wrong, and keeps the typed question.
    """

    def __init__(self, traffic: Traffic) -> None:
        """Report on `traffic`."""
        self._traffic = traffic

    async def livez(self, _request: Request) -> Response:
        """Return 200 while the process can answer at all."""
        return PlainTextResponse("ok\n")

    async def readyz(self, _request: Request) -> Response:
        """Return 200 between the end of the start and the beginning of the shutdown, else 503."""
        if self._traffic.accepting:
            return PlainTextResponse("ready\n")
        return PlainTextResponse("starting or stopping\n", status_code=503)

    async def metrics(self, _request: Request) -> Response:
        """Return this process's metrics in Prometheus' text format."""
        body = generate_latest(self._traffic.registry)
        return Response(body, headers={"Content-Type": CONTENT_TYPE_LATEST})
