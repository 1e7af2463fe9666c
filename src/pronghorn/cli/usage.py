"""`pronghorn usage`: what was asked for, what it took and what it cost."""

from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from pronghorn.cli import shown
from pronghorn.cli.account import TestMode
from pronghorn.cli.command import Printed, command
from pronghorn.cli.installation import Installation
from pronghorn.commerce import timespan
from pronghorn.commerce.timespan import By
from pronghorn.commerce.usage import Filter, Split
from pronghorn.manage.services import usage
from pronghorn.manage.services.usage import UsageCounts, UsageReport

app = typer.Typer(add_completion=False)

From = Annotated[
    str | None, typer.Option("--from", help="A day or a time in ISO 8601, from which on to look.")
]
To = Annotated[str | None, typer.Option(help="A day or a time in ISO 8601, before which to look.")]
TimeZone = Annotated[str, typer.Option(help="Whose hours and days, such as Asia/Shanghai.")]
Only = Annotated[str | None, typer.Option(help="Exactly this one only.")]


@command(app, "usage")
async def show(
    on: Installation,
    from_: From = None,
    to: To = None,
    by: Annotated[By, typer.Option(help="An hour or a day a line.")] = "day",
    group_by: Annotated[Split, typer.Option(help="What to split it into.")] = "none",
    account_id: Only = None,
    key_id: Only = None,
    model: Only = None,
    time_zone: TimeZone = "UTC",
    test: TestMode = False,
) -> Printed:
    """Report usage: the last 30 days by the day, or the last 24 hours by the hour."""
    asked = timespan.asked(from_, to, by, time_zone, on.act.now_ms)
    only = Filter("test" if test else "live", account_id, key_id, model)
    async with on.read() as tx:
        report = await usage.report(tx, asked, by, group_by, only)
    return Printed(report, shown.text(_table(report)))


def _table(report: UsageReport) -> Table:
    names = {group.group: group.name for group in report.groups}
    is_split = report.group_by != "none"
    table = Table(*(["from"] + [report.group_by] * is_split), show_footer=False)
    for column in ("requests", "errors", "input", "output", "cost_usd"):
        table.add_column(column, justify="right")
    for item in report.items:
        part = [escape(names.get(item.group) or item.group or "-")] if is_split else []
        table.add_row(item.start_at, *part, *_counts(item))
    table.add_section()
    table.add_row("total", *[""] * is_split, *_counts(report.total))
    return table


def _counts(counts: UsageCounts) -> list[str]:
    numbers = (counts.requests, counts.errors, counts.input, counts.output)
    return [*(str(number) for number in numbers), counts.cost_usd]
