"""Span: the part of a file that a `Range` header asks for. Players ask so; more than one part at once nobody gets."""

import re
from typing import NamedTuple

_ONE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})\Z")


class Span(NamedTuple):
    """From `first` to `last`, both included; without `first` the last `last` bytes."""

    first: int | None
    last: int | None

    @property
    def header(self) -> str:
        first, last = ("" if end is None else str(end) for end in self)
        return f"bytes={first}-{last}"

    def of(self, size: int) -> tuple[int, int] | None:
        """Where it begins and ends, the end not included, in a file of `size` bytes; None: there is nothing there."""
        if self.first is None:
            start, stop = max(size - (self.last or 0), 0), size
        else:
            start, stop = self.first, size if self.last is None else min(self.last + 1, size)
        return (start, stop) if start < stop else None


def parse(text: str) -> Span | None:
    """None: the whole file, also where the header is none that is understood."""
    found = _ONE.match(text.replace(" ", ""))
    if found is None or found[0] == "bytes=-":
        return None
    first, last = (int(digits) if digits else None for digits in found.groups())
    return None if first is not None and last is not None and last < first else Span(first, last)
