"""Shown: tables as text, as wide as the terminal; for a pipe each row is one line."""

import io
import shutil
import sys

from rich.console import Console
from rich.table import Table

_PIPE_WIDTH = 10_000


def text(table: Table) -> str:
    output = io.StringIO()
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else _PIPE_WIDTH
    Console(file=output, width=width).print(table, crop=False)
    return output.getvalue()
