"""Logs: one event a line on standard error, for people on a terminal, as JSON elsewhere."""

import logging
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TextIO, cast

import structlog


class _Forgiving:
    """What cannot be written, on a full disk or into a closed pipe, is lost; the work it tells of goes on."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        with suppress(OSError):
            self._stream.write(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._stream.flush()


def configure(level: str = "INFO") -> None:
    """Call it once, before anything is logged."""
    if sys.stderr is None:
        # Closed by whoever started us: what is opened next would stand in its place, and be written to as a log.
        sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115 - for as long as the process lives
    is_terminal = sys.stderr.isatty()
    renderer: structlog.types.Processor = (
        structlog.dev.ConsoleRenderer(colors=True) if is_terminal else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", _Forgiving(sys.stderr))),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s %(message)s")
