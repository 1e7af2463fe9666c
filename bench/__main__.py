"""`python -m bench`: the gateway beside nginx in one run, on one machine, with one stub behind both."""

import argparse
import os
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench import gateway, limits, machine, points, processes, report, targets
from bench.run import Contender, Results, Run

FILES_WANTED = 8_192


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measured window (default 5)")
    parser.add_argument(
        "--quick", action="store_true", help="windows of 1 second: a look, not a figure to quote"
    )
    parser.add_argument(
        "--rounds", type=int, default=3, help="interleaved with nginx; the medians count (default 3)"
    )
    parser.add_argument("--only", default=",".join(points.GROUPS), help="comma-separated: %(default)s")
    parser.add_argument(
        "--gate", action="store_true", help="exit with 1 when a limit of bench/limits.py is broken"
    )
    parser.add_argument(
        "--profile", action="store_true", help="print how to look into the gateway with py-spy"
    )
    given = parser.parse_args()
    given.groups = [group.strip() for group in given.only.split(",")]
    if unknown := set(given.groups) - set(points.GROUPS):
        parser.error(f"--only knows {', '.join(points.GROUPS)}, not {', '.join(sorted(unknown))}")
    if given.rounds < 1 or given.seconds <= 0:
        parser.error("--rounds must be at least 1, --seconds more than 0")
    if given.quick:
        given.seconds = 1.0
    return given


def contenders(console: Console, stub_port: int, folder: Path, files: int, rounds: int) -> list[Contender]:
    """Who takes part. The stub alone runs once: it is the floor, not a rival."""
    pinned = processes.cores()
    core = pinned[0] if pinned else None
    direct = targets.Direct(stub_port)
    found = [Contender(direct, None, rounds=1)]
    if targets.nginx_path():
        nginx = targets.Nginx(stub_port, folder, core, files)
        found.append(Contender(nginx, nginx, rounds))
    else:
        console.print(f"[yellow]{targets.NGINX_MISSING}[/]")
    if why := gateway.missing():
        console.print(f"[yellow]No gateway in this run: {why}[/]", highlight=False)
    else:
        ours = gateway.Pronghorn(stub_port, folder, core, points.MODELS)
        whole = gateway.Pronghorn(stub_port, folder, core, (), sandbox=True)
        found.append(Contender(ours, whole, rounds))
    return found


def measure(console: Console, given: argparse.Namespace, folder: Path) -> tuple[Results, dict[str, str]]:
    """The whole run; the stub and every target are stopped when it returns or raises."""
    pinned = processes.cores()
    core = pinned[1] if pinned else None
    files = processes.raise_file_limit()
    if files < FILES_WANTED:
        console.print(
            f"[yellow]Only {files} open files are allowed (ulimit -Hn): fewer streams will be held.[/]"
        )
    stub = targets.Stub(folder, core)
    try:
        stub.start()
        rivals = contenders(console, stub.port, folder, files, given.rounds)
        commands = {"command": f"python -m bench {' '.join(sys.argv[1:])}".strip()}
        commands |= {each.target.name: each.target.command() for each in rivals}
        with Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
            console=console, transient=True, refresh_per_second=1,
        ) as progress:  # fmt: skip
            task = progress.add_task("")

            def begun(label: str) -> None:
                progress.update(task, description=label)

            def said(label: str, figures: dict[str, float]) -> None:
                progress.advance(task)
                console.print(f"{label}  {report.brief(figures)}", highlight=False, soft_wrap=True)

            run = Run(
                rivals, points.chosen(given.groups), given.rounds, given.seconds, core, files, begun, said
            )
            progress.update(task, total=len(run.steps()))
            return run.all(), commands
    finally:
        stub.stop()


def main() -> int:
    given = arguments()
    console = Console()
    if not console.is_terminal:
        console = Console(width=120)
    processes.interrupt_once()
    facts = machine.describe()
    if given.profile:
        console.print(
            "While a point runs: py-spy record --native --pid $(pgrep -of 'pronghorn up') --duration 20 -o profile.svg",
            soft_wrap=True,
        )
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        try:
            results, commands = measure(console, given, Path(folder))
        except KeyboardInterrupt:
            console.print("[yellow]Stopped; everything that was started is stopped too.[/]")
            return 130
        except processes.BenchError as error:
            console.print(f"[bold red]The run cannot go on:[/] {error}", highlight=False)
            return 1
    plan = points.chosen(given.groups)
    measured = {name for by in results.rounds.values() for name in by}
    names = [name for name in report.TARGETS if name in measured]
    broken = limits.broken(report.comparison(results), [point.name for point in plan]) if given.gate else []
    report.show_facts(console, facts, commands)
    console.print(report.table(plan, names, results))
    for failure in results.failures:
        console.print(f"[bold red]FAILED[/] {failure}", highlight=False, soft_wrap=True)
    for line in broken:
        console.print(f"[bold red]LIMIT BROKEN[/] {line}", highlight=False)
    console.print(f"kept in {os.path.relpath(report.save(facts, commands, results, broken))}")
    return 1 if results.failures or broken else 0


if __name__ == "__main__":
    sys.exit(main())
