"""How a run is shown and kept: a table for people, a JSON file for later comparison."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from bench import processes, stats
from bench.limits import LIMITS, By, compare
from bench.points import FIGURES, Figure, Point
from bench.run import Results

OURS, YARDSTICK = "pronghorn", "nginx"
TARGETS = ("direct", YARDSTICK, OURS)
"""Left to right."""
FOLDER = processes.ROOT / "bench" / "results"
Comparison = Mapping[str, Mapping[tuple[str, By], float]]


def comparison(results: Results) -> Comparison:
    """The gateway's figures by point, each by all the ways it can be judged."""
    return {name: compare(by.get(OURS, []), by.get(YARDSTICK, [])) for name, by in results.rounds.items()}


def number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:,.{digits}f}"


def brief(figures: Mapping[str, float]) -> str:
    """One line of a round, as it comes."""
    parts = [
        f"{each.title} {number(figures[each.name], each.digits)}" for each in FIGURES if each.name in figures
    ]
    return ", ".join(parts) or "-"


def table(plan: Sequence[Point], targets: Sequence[str], results: Results) -> Table:
    shown = Table(title="Medians of the rounds", title_justify="left")
    shown.add_column("point")
    shown.add_column("figure")
    for name in targets:
        shown.add_column(name, justify="right")
    shown.add_column("against nginx", justify="right")
    shown.add_column("limit")
    found = comparison(results)
    for point in plan:
        medians = {name: stats.medians(results.rounds.get(point.name, {}).get(name, [])) for name in targets}
        title = point.title
        for figure in FIGURES:
            if not any(figure.name in each for each in medians.values()):
                continue
            cells = [number(medians[name].get(figure.name), figure.digits) for name in targets]
            judged = found.get(point.name, {})
            shown.add_row(
                title, figure.title, *cells, _against(figure, judged), _verdict(point, figure, judged)
            )
            title = ""
        shown.add_section()
    return shown


def _against(figure: Figure, judged: Mapping[tuple[str, By], float]) -> str:
    if figure.against is None or (figure.name, figure.against) not in judged:
        return ""
    value = judged[figure.name, figure.against]
    return f"{value:.2f} x" if figure.against == "ratio" else f"{value:+.2f}"


def _verdict(point: Point, figure: Figure, judged: Mapping[tuple[str, By], float]) -> str:
    for limit in LIMITS:
        if (limit.point, limit.figure) == (point.name, figure.name):
            value = judged.get((figure.name, limit.by))
            if value is None:
                return str(limit)
            return f"{limit} [green]holds[/]" if value <= limit.most else f"{limit} [bold red]broken[/]"
    return ""


def show_facts(console: Console, facts: Mapping[str, str], commands: Mapping[str, str]) -> None:
    for name, value in [*facts.items(), *commands.items()]:
        console.print(f"[bold]{name}[/]  {value}", soft_wrap=True, highlight=False)


def save(
    facts: Mapping[str, str],
    commands: Mapping[str, str],
    results: Results,
    broken: Sequence[str],
    folder: Path = FOLDER,
) -> Path:
    """Everything that was measured, round by round."""
    folder.mkdir(exist_ok=True)
    now = datetime.now(UTC)
    document = {
        "time": now.isoformat(timespec="seconds"),
        "machine": facts,
        "commands": commands,
        "rounds": results.rounds,
        "medians": {
            point: {name: stats.medians(rounds) for name, rounds in by.items()}
            for point, by in results.rounds.items()
        },
        "against_nginx": {
            point: {f"{figure}.{by}": value for (figure, by), value in found.items() if by != "value"}
            for point, found in comparison(results).items()
        },
        "failures": results.failures,
        "broken_limits": list(broken),
    }
    path = folder / f"{now:%Y%m%dT%H%M%SZ}.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(document), indent=2))
    return path
