"""The command line as a person types it: words in, exit code and output out."""

import contextlib
import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

from pronghorn import cli


class Ended(NamedTuple):
    code: int
    out: str
    err: str


class Cli:
    """Runs commands on one data folder, in this process, through the entry point of `pronghorn`."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.shown: list[str] = []
        """All that was ever printed."""

    def run(self, *words: str, stdin: str = "") -> Ended:
        """`words` begin with a noun and a verb; the data folder is added."""
        ended = typed(*words, "--data", str(self.data), stdin=stdin)
        self.shown += [ended.out, ended.err]
        return ended

    def json(self, *words: str, stdin: str = "") -> Any:
        ended = self.run(*words, "--json", stdin=stdin)
        assert (ended.code, ended.err) == (0, ""), ended
        return json.loads(ended.out)

    def table(self, *words: str, stdin: str = "") -> str:
        ended = self.run(*words, stdin=stdin)
        assert (ended.code, ended.err) == (0, ""), ended
        return ended.out

    def refused(self, *words: str, stdin: str = "") -> str:
        """The message of a command that must fail."""
        ended = self.run(*words, stdin=stdin)
        assert ended.code == 1, ended
        assert ended.err.startswith("Error: ")
        assert "Traceback" not in ended.err
        assert ended.out == ""
        return ended.err


def typed(*words: str, stdin: str = "") -> Ended:
    with _standing_in(words, stdin) as (out, err):
        try:
            cli.main()
            code: Any = 0
        except SystemExit as end:
            code = end.code or 0
    return Ended(code, out.getvalue(), err.getvalue())


@contextlib.contextmanager
def _standing_in(words: tuple[str, ...], stdin: str) -> Iterator[tuple[io.StringIO, io.StringIO]]:
    """A process's own arguments and streams."""
    out, err = io.StringIO(), io.StringIO()
    with (
        mock.patch.object(sys, "argv", ["pronghorn", *words]),
        mock.patch.object(sys, "stdin", io.StringIO(stdin)),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        yield out, err
