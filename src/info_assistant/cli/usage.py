"""`usage`: what language models cost."""

import asyncio
import csv
import json
import sys
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import click

from info_assistant.cli.backend import connect
from info_assistant.cli.output import print_rows, say
from info_assistant.settings import Settings

_ADDRESS = "/v1/usage"
_SHOWN = ("day", "provider", "model", "calls", "input_tokens", "output_tokens", "cost_usd")
_DAY = click.DateTime(["%Y-%m-%d"])


@click.command(short_help="Show what language models cost, by day and model, and the budget.")
@click.option("--from", "first", type=_DAY, help="The first day (UTC). Default: the month's first.")
@click.option("--to", "last", type=_DAY, help="The last day (UTC). Default: today.")
@click.option("--json", "as_json", is_flag=True, help="Print the whole report as JSON.")
@click.option("--csv", "as_csv", is_flag=True, help="Print the rows as CSV.")
def usage(first: datetime | None, last: datetime | None, *, as_json: bool, as_csv: bool) -> None:
    """Show what language models cost your tenant, by day, provider and model, and its budget.

    \b
    Examples:
      info-assistant usage
      info-assistant usage --from 2026-10-01 --to 2026-10-31 --csv > october.csv
    """  # noqa: D301  For click, the mark keeps the lines.
    days = {"from": first, "to": last}
    report = asyncio.run(
        _report({name: f"{day:%Y-%m-%d}" for name, day in days.items() if day is not None})
    )
    if as_json:
        click.echo(json.dumps(report, ensure_ascii=False))
    elif as_csv:
        _print_csv(report)
    else:
        _show(report)


async def _report(days: Mapping[str, str]) -> Mapping[str, Any]:
    settings = Settings.from_environment()
    async with connect(settings.backend_url, settings.api_key) as backend:
        found: Mapping[str, Any] = await backend.call("GET", _ADDRESS, params=days)
    return found


def _print_csv(report: Mapping[str, Any]) -> None:
    rows = report["rows"]
    if rows:
        table = csv.DictWriter(sys.stdout, list(rows[0]))
        table.writeheader()
        table.writerows(rows)


def _show(report: Mapping[str, Any]) -> None:
    if report["rows"]:
        print_rows(_SHOWN, [[str(row[name]) for name in _SHOWN] for row in report["rows"]])
    estimated = sum(row["estimated_cost_usd"] for row in report["rows"])
    say(
        f"{report['first']} to {report['last']}: {report['total']['cost_usd']:.6f} USD for "
        f"{report['total']['calls']} calls, of which {estimated:.6f} USD are estimates."
    )
    if any(row["assumed_price"] for row in report["rows"]):
        say("The price of a model is not known and was set high; see LLM_PRICES.")
    for gap in report.get("gaps", ()):
        say(
            f"A process vanished with its disk ({gap['writer']}): calls between {gap['since']} and "
            f"{gap['until']} may be missing, for at most {gap['at_most_usd']:.2f} USD."
        )
    budget = report["budget"]
    if budget:
        say(
            f"Budget of {budget['month']}: {budget['spent_usd']:.2f} of {budget['limit_usd']:.2f} "
            f"USD ({budget['state']})."
        )
