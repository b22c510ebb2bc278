"""For operators: modes of the service, what readers are told of incidents, and backups."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from info_assistant.api.answers import json_answer
from info_assistant.api.auditing import describe_action
from info_assistant.api.openapi import problems
from info_assistant.api.requests import caller_of
from info_assistant.api.services import ApiServices
from info_assistant.api.wire_health import (
    BackupsBody,
    IncidentRequest,
    IncidentsBody,
    ModesBody,
    ModesRequest,
    backups_body,
    incident_bodies,
    mode_bodies,
)


def routes(services: ApiServices) -> APIRouter:
    """Return the routes for operators."""
    router = APIRouter(prefix="/v1/admin")
    _add_modes(router, services)
    _add_incidents(router, services)
    _add_backups(router, services)
    return router


def _add_modes(router: APIRouter, services: ApiServices) -> None:
    modes = services.modes

    @router.get(
        "/modes",
        response_model=ModesBody,
        summary="Show the modes in force",
        responses=problems(401, 403, 422, 500),
    )
    async def show_modes() -> Response:
        """Tell which modes are in force, since when, why, and who says so."""
        return json_answer(ModesBody(modes=mode_bodies(modes.in_force())))

    @router.put(
        "/modes",
        response_model=ModesBody,
        summary="Throw switches",
        responses=problems(400, 401, 403, 409, 422, 500, 503),
    )
    async def throw_switches(asked: ModesRequest, request: Request) -> Response:
        """Set or lift switches, and tell which modes are then in force; on other replicas soon."""
        order = asked.order(caller_of(request))
        values = {name: "lifted" if v is None else v for name, v in order.values.items()}
        describe_action(request, " ".join(values), reason=order.reason, **values)
        in_force = await modes.order(order)
        return json_answer(ModesBody(modes=mode_bodies(in_force)))


def _add_incidents(router: APIRouter, services: ApiServices) -> None:
    incidents = services.incidents

    def told() -> Response:
        shown = incident_bodies(incidents.shown())
        return json_answer(IncidentsBody(version=incidents.version, incidents=shown))

    @router.get(
        "/incidents",
        response_model=IncidentsBody,
        summary="Show what readers are told of incidents",
        responses=problems(401, 403, 422, 500),
    )
    async def show_incidents() -> Response:
        """Tell of what is open, and of what was resolved in the last 24 hours."""
        return told()

    @router.put(
        "/incidents",
        response_model=IncidentsBody,
        summary="Tell readers of an incident",
        responses=problems(400, 401, 403, 409, 422, 500, 503),
    )
    async def report_incident(asked: IncidentRequest, request: Request) -> Response:
        """Add an incident or replace the one of the same id, and tell what readers now see."""
        describe_action(request, asked.id, status=asked.status.value)
        await incidents.report(asked.report(caller_of(request)), version=asked.version)
        return told()


def _add_backups(router: APIRouter, services: ApiServices) -> None:
    @router.get(
        "/backups",
        response_model=BackupsBody,
        summary="Show what backups there are",
        responses=problems(401, 403, 422, 500),
    )
    async def show_backups() -> Response:
        """Tell how old backups are, what became of their verification, and what a restore takes."""
        return json_answer(backups_body(services.backups()))
