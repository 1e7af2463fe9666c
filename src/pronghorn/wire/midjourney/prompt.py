"""Prompts: what is read of the parameters behind the text. Everything else stays byte for byte as it was."""

import re

SPEEDS = ("fast", "relax", "turbo")

# Prompts are as long as callers like: each of these looks at a character once, however many blanks there are.
# Some keyboards make one dash of two, and Midjourney takes it for both.
_SPEED = re.compile(r"(?<!\S)(?:--|—)(fast|relax|turbo)(?!\S)", re.IGNORECASE)
_REPEAT = re.compile(r"(?:^|\s)(?:--|—)(?:r|repeat)\s+(\d+)(?=\s|$)", re.IGNORECASE)
_LINK = re.compile(r"https?://\S+", re.IGNORECASE)
_NUMBERED = re.compile(
    r"^[^\S\n]*\d\N{VARIATION SELECTOR-16}?\N{COMBINING ENCLOSING KEYCAP}\s*", re.MULTILINE
)


def speed_in(prompt: str) -> str:
    """Empty if it says none."""
    match = _SPEED.search(prompt)
    return match[1].lower() if match is not None else ""


def without_speed(prompt: str) -> str:
    """The speed is said, and paid for, in another place."""
    *pieces, last = _SPEED.split(prompt)[::2]
    return "".join([*(piece.rstrip() for piece in pieces), last])


def repeats(prompt: str) -> int:
    """How many jobs one prompt asks for."""
    match = _REPEAT.search(prompt)
    return int(match[1][:4]) if match is not None else 1


def links(prompt: str) -> list[str]:
    """Addresses of pictures: those that it begins with, and those of `--cref` and its like."""
    return _LINK.findall(prompt)


def numbered(text: str) -> list[str]:
    """The prompts of a text that has several, each behind the picture of a key with its number."""
    return [piece.strip() for piece in _NUMBERED.split(text)[1:] if piece.strip()]
