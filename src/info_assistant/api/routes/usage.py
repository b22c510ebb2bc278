"""For operators: what language models cost their tenant."""

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from info_assistant.api.answers import json_answer
from info_assistant.api.openapi import problems
from info_assistant.api.requests import caller_of
from info_assistant.api.services import ApiServices
from info_assistant.api.wire import Day
from info_assistant.api.wire_usage import UsageReport, usage_csv, usage_report
from info_assistant.errors import InvalidRequest

MOST_DAYS = 366
CSV = "text/csv"

_EARLIEST, _LATEST = date(2020, 1, 1), date(2199, 12, 31)


def routes(services: ApiServices) -> APIRouter:
    """Return the route for usage."""
    router = APIRouter()

    @router.get(
        "/v1/usage",
        response_model=UsageReport,
        summary="Show what language models cost",
        responses={
            200: {
                "description": "Rows by day, provider and model; as CSV if that is asked for.",
                "content": {CSV: {"schema": {"type": "string"}}},
            },
            **problems(401, 403, 422, 429, 500, 503),
        },
    )
    async def show_usage(
        request: Request,
        *,
        first: Annotated[
            Day | None,
            Query(alias="from", description="The first day (UTC). Default: the month's first."),
        ] = None,
        last: Annotated[
            Day | None, Query(alias="to", description="The last day (UTC). Default: today.")
        ] = None,
        form: Annotated[
            Literal["json", "csv"] | None,
            Query(alias="format", description="`csv` as `Accept: text/csv`. Default: `json`."),
        ] = None,
    ) -> Response:
        """Sum up the calls that the caller's tenant caused, by day, provider and model.

        What other replicas spent is here within some seconds. `gaps` are times of which calls may
        be missing, because a process and its disk are gone.
        """
        tenant = caller_of(request).scope.tenant
        days = _days(first, last)
        lines = await services.spending.usage(tenant, *days)
        gaps = await services.spending.gaps(*days)
        report = usage_report(tenant, days, lines, services.budgets.of(tenant), gaps)
        accepted = request.headers.get("accept", "").lower()
        if form == "csv" or (form is None and CSV in accepted):
            name = f"usage-{tenant}-{days[0]}-{days[1]}.csv"
            headers = {"content-disposition": f'attachment; filename="{name}"'}
            return Response(usage_csv(report), media_type=f"{CSV}; header=present", headers=headers)
        return json_answer(report)

    return router


def _days(first: date | None, last: date | None) -> tuple[date, date]:
    """Return the days that are meant. Raises InvalidRequest."""
    end = last or datetime.now(UTC).date()
    begin = first or end.replace(day=1)
    if begin > end:
        raise InvalidRequest(f"`from` ({begin}) is after `to` ({end}). Please turn them round.")
    if begin < _EARLIEST or end > _LATEST:
        raise InvalidRequest(f"Please ask for days from {_EARLIEST} to {_LATEST}.")
    if end - begin >= timedelta(days=MOST_DAYS):
        raise InvalidRequest(f"Please ask for at most {MOST_DAYS} days at once.")
    return begin, end
