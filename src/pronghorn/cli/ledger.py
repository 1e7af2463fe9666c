"""`pronghorn ledger`: recount the ledger."""

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from pronghorn.cli.command import Ended, command, group
from pronghorn.cli.installation import Installation
from pronghorn.manage.services import ledger

app = group("The ledger, recounted.")


@command(app, "audit")
async def audit(on: Installation) -> Ended:
    """Count everything again and name each difference; the exit code is 1 if there is one."""
    columns = (SpinnerColumn(), TextColumn("{task.completed:,.0f} requests recomputed"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("audit", total=None)
        async with on.read() as tx:
            report = await ledger.report(tx, lambda count: progress.update(task, completed=count))
    return Ended(report, 0 if report.clean else 1)
