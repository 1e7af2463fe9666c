"""A prompt taken apart: addresses of pictures in front, the text, and `--name value` parameters behind it."""

import re
from dataclasses import dataclass
from fractions import Fraction

LATEST = "7"
MODES = ("FAST", "RELAX", "TURBO")
MAX_RATIO = 14
MAX_TERM = 64

_PARAMETERS = re.compile(r"(?:^|\s)--(?=[a-z])")
_LINK = re.compile(r"https?://\S+")
_RATIO = re.compile(r"(\d{1,5}):(\d{1,5})")
_NUMBER = re.compile(r"\d{1,10}(\.\d{1,4})?|\.\d{1,4}")

_SHORT = {
    "aspect": "ar",
    "version": "v",
    "stylize": "s",
    "quality": "q",
    "chaos": "c",
    "weird": "w",
    "profile": "p",
}
_RANGES: dict[str, tuple[float, float]] = {
    "c": (0, 100),
    "cw": (0, 100),
    "exp": (0, 100),
    "iw": (0, 3),
    "niji": (4, 7),
    "ow": (1, 1000),
    "q": (0.25, 4),
    "s": (0, 1000),
    "seed": (0, 4_294_967_295),
    "stop": (10, 100),
    "sw": (0, 1000),
    "v": (1, 8.1),
    "w": (0, 3000),
    "zoom": (1, 2),
}
"""What a number may be; Midjourney says so after it took the job."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """`parameters` have their short names; a flag's value is empty."""

    links: tuple[str, ...]
    text: str
    parameters: dict[str, str]

    @property
    def ratio(self) -> Fraction:
        """Width to height; what is no ratio counts as square, `problem` tells of it."""
        return _ratio(self.parameters.get("ar", "1:1")) or Fraction(1)

    @property
    def seed(self) -> int | None:
        given = self.parameters.get("seed", "")
        return int(given) if given.isdecimal() else None

    @property
    def zoom(self) -> float:
        given = self.parameters.get("zoom", "")
        return float(given) if _NUMBER.fullmatch(given) else 1.0

    @property
    def mode(self) -> str:
        """Of `--fast`, `--relax` and `--turbo` the one that is there; empty if none is."""
        return next((mode for mode in MODES if mode.lower() in self.parameters), "")

    @property
    def tail(self) -> str:
        return _written(self.parameters)

    def problem(self) -> str:
        """Why Midjourney would not draw it; empty if it would."""
        given = self.parameters.get("ar")
        if given is not None and _ratio(given) is None:
            return f"[Invalid parameter] `--ar {given}` is no ratio from 1:{MAX_RATIO} to {MAX_RATIO}:1"
        for name, (low, high) in _RANGES.items():
            value = self.parameters.get(name)
            if value is not None and not (_NUMBER.fullmatch(value) and low <= float(value) <= high):
                return f"[Invalid parameter] `--{name} {value}` is not from {low:g} to {high:g}"
        return ""

    def final(self, *, is_niji: bool = False) -> str:
        """What Midjourney ran: with a version, without what only told how fast."""
        parameters = {name: self.parameters[name] for name in self.parameters if name.upper() not in MODES}
        if not parameters.keys() & {"v", "niji"}:
            parameters["niji" if is_niji else "v"] = LATEST
        if parameters.get("v", "").isdecimal():
            parameters["v"] += ".0"
        return " ".join(filter(None, (*self.links, self.text, _written(parameters))))


def parse(prompt: str) -> Prompt:
    head, *tail = _PARAMETERS.split(prompt.strip())
    words = head.split()
    count = next((at for at, word in enumerate(words) if not _LINK.fullmatch(word)), len(words))
    parameters = {}
    for piece in tail:
        name, _, value = piece.strip().partition(" ")
        parameters[_SHORT.get(name, name)] = value.strip()
    return Prompt(tuple(words[:count]), " ".join(words[count:]), parameters)


def _written(parameters: dict[str, str]) -> str:
    return " ".join(f"--{name} {value}".rstrip() for name, value in parameters.items())


def _ratio(text: str) -> Fraction | None:
    match = _RATIO.fullmatch(text)
    if match is None or not int(match[1]) or not int(match[2]):
        return None
    ratio = Fraction(int(match[1]), int(match[2]))
    # A picture has few pixels for ratios such as 1000:999.
    return ratio.limit_denominator(MAX_TERM) if 1 / MAX_RATIO <= ratio <= MAX_RATIO else None
