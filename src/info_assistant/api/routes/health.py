"""How the service is: for probes, for monitoring, for people; and the description of the API."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from starlette.responses import HTMLResponse, Response

from info_assistant.api.answers import json_answer
from info_assistant.api.openapi import problems, render_docs
from info_assistant.api.services import ApiServices
from info_assistant.api.wire import StateBody
from info_assistant.api.wire_health import (
    HealthBody,
    dependency_bodies,
    incident_bodies,
    mode_bodies,
)
from info_assistant.observability.metrics import CONTENT_TYPE
from info_assistant.resilience.health import DependencyHealth, DependencyState

_WELL = {DependencyState.OK, DependencyState.OFF}
_DOCS_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def routes(services: ApiServices, description: Callable[[], dict[str, Any]]) -> APIRouter:
    """Return the routes about the service itself."""
    router = APIRouter()
    _add_health(router, services)
    _add_probes(router, services)
    _add_metrics(router, services)

    @router.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return HTMLResponse(
            render_docs(description()), headers={"Content-Security-Policy": _DOCS_POLICY}
        )

    return router


def _add_health(router: APIRouter, services: ApiServices) -> None:
    @router.get(
        "/health",
        response_model=HealthBody,
        summary="State of the service and of all it depends on",
        responses={
            503: {
                "model": HealthBody,
                "description": "Nothing can be answered; with `strict`, anything is amiss.",
            },
            **problems(422),
        },
    )
    async def health(
        *,
        strict: Annotated[bool, Query(description="503 also when merely degraded.")] = False,
    ) -> Response:
        """Tell what is known; dependencies are watched in the background, not by this request."""
        known, modes = services.health.snapshot(), services.modes
        status = overall(known, services.essential, restricted=modes.restricting)
        body = HealthBody(
            status=status,
            dependencies=dependency_bodies(known),
            modes=mode_bodies(modes.in_force()),
            incidents=incident_bodies(services.incidents.shown()),
            limiter=services.limiter_kind(),
        )
        # In maintenance nothing may restart what people are mending, whatever is down.
        failing = status != "ok" if strict else status == "down" and not modes.maintenance
        return json_answer(body, 503 if failing else 200)


def overall(
    known: Mapping[str, DependencyHealth], essential: frozenset[str], *, restricted: bool
) -> Literal["ok", "degraded", "down"]:
    """Return the state of the whole: down when something is, without which nothing is answered.

    `restricted` says that a mode gives readers less than usual.
    """
    if any(known[name].state is DependencyState.DOWN for name in essential & known.keys()):
        return "down"
    well = all(each.state in _WELL for each in known.values())
    return "ok" if well and not restricted else "degraded"


def _add_probes(router: APIRouter, services: ApiServices) -> None:
    @router.get("/livez", response_model=StateBody, summary="Whether the process is alive")
    async def livez() -> Response:
        """Answer; a process that cannot is to be restarted."""
        return json_answer(StateBody(status="ok"))

    @router.get(
        "/readyz",
        response_model=StateBody,
        summary="Whether new requests are welcome",
        responses={503: {"model": StateBody, "description": "Starting or ending."}},
    )
    async def readyz() -> Response:
        """Tell whether to send requests here; a dependency that is down does not change that."""
        life = services.lifecycle
        if life.ready:
            return json_answer(StateBody(status="ok"))
        return json_answer(StateBody(status="draining" if life.draining else "starting"), 503)


def _add_metrics(router: APIRouter, services: ApiServices) -> None:
    @router.get(
        "/metrics",
        response_class=Response,
        summary="Metrics for Prometheus",
        responses={200: {"description": "All metrics.", "content": {"text/plain": {}}}},
    )
    async def metrics() -> Response:
        """Give every metric in Prometheus' text format."""
        active = [mode.name for mode in services.modes.in_force()]
        services.metrics.show_modes(active, services.incidents.open_count())
        return Response(services.metrics.render(), media_type=CONTENT_TYPE)
