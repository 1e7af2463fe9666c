"""Buttons under a finished task: what the parts of a `customId` mean, and which button does what a number says.

`MJ::JOB::upsample::2::<job>` is the button `upsample` with the number 2, which enlarges the second picture of a grid.
"""

import re
from collections.abc import Iterable
from typing import Any, Literal, NamedTuple

Button = dict[str, Any]
Asks = Literal["never", "remix", "always"]

BOOKMARK, IMAGINE_ALL = "bookmark", "imagine-all"
"""Two that make no task of their own: the one marks the parent, the other stands for several."""

_NAMES: dict[str, tuple[str, Asks]] = {
    "upsample": ("upscale", "never"),
    "variation": ("variation", "remix"),
    "reroll": ("reroll", "remix"),
    "low_variation": ("low-variation", "remix"),
    "high_variation": ("high-variation", "remix"),
    "Inpaint": ("inpaint", "always"),
    "Outpaint": ("zoom", "never"),
    "CustomZoom": ("custom-zoom", "always"),
    "video": ("video", "always"),
    "video_virtual_upscale": ("upscale", "never"),
    "PicReader": ("imagine", "always"),
    "Picread": ("describe", "never"),
    "PromptAnalyzer": ("imagine", "always"),
    "BOOKMARK": (BOOKMARK, "never"),
}
_BEGINNINGS: dict[str, tuple[str, Asks]] = {
    "upsample_": ("upscale", "never"),
    "pan_": ("pan", "remix"),
    "animate_": ("video", "remix"),
}
ACTIONS = frozenset(action for action, _ in (*_NAMES.values(), *_BEGINNINGS.values())) - {BOOKMARK}

CHANGES = {"UPSCALE": "upsample", "VARIATION": "variation", "REROLL": "reroll"}
"""The old way to press a button, by action and number, and the name that the button has."""
_LETTERS = {"U": "UPSCALE", "V": "VARIATION", "R": "REROLL"}
_CONTENT = re.compile(r"(\S+) (?:([UV])([1-4])|(R))", re.IGNORECASE)


class Press(NamedTuple):
    """What a button does, in our words; 0 if it has no number."""

    action: str
    name: str
    number: int
    asks: Asks
    """Does it open a dialog: never, always, or if the account or the request asks for remix?"""


def read(custom_id: str) -> Press | None:
    """None: nobody knows such a button."""
    parts = custom_id.split("::")
    if len(parts) < 3 or parts[0] != "MJ":
        return None
    is_job = parts[1].upper() == "JOB"
    name, number = (parts[2], parts[3] if len(parts) > 3 else "") if is_job else (parts[1], parts[2])
    if name == "PicReader" and number == "all":
        return Press(IMAGINE_ALL, name, 0, "never")
    found = _NAMES.get(name) or next(
        (known for beginning, known in _BEGINNINGS.items() if name.startswith(beginning)), None
    )
    if found is None:
        return None
    action, asks = found
    return Press(action, name, int(number) if number.isdecimal() and number.isascii() else 0, asks)


class Change(NamedTuple):
    """A button by action and number instead of its id."""

    action: str
    number: int


def read_content(content: str) -> tuple[str, Change] | None:
    """`<task> U2` and the like: the task's id, and what is wanted of it. None for anything else."""
    match = _CONTENT.fullmatch(content)
    if match is None:
        return None
    letter = (match[2] or match[4]).upper()
    return match[1], Change(_LETTERS[letter], int(match[3] or 0))


def button_of(buttons: Iterable[Button], change: Change) -> str | None:
    """The id of the button that does it; None: there is none."""
    start = f"MJ::JOB::{CHANGES[change.action]}::{change.number}::"
    return next((b["customId"] for b in buttons if str(b.get("customId")).startswith(start)), None)


def grid(job: str) -> list[Button]:
    """The nine buttons under a grid, for servers that know none."""
    upscales = [_button(f"MJ::JOB::upsample::{number}::{job}", f"U{number}") for number in range(1, 5)]
    variations = [_button(f"MJ::JOB::variation::{number}::{job}", f"V{number}") for number in range(1, 5)]
    return [*upscales, _button(f"MJ::JOB::reroll::0::{job}::SOLO", "", "🔄"), *variations]


def _button(custom_id: str, label: str, emoji: str = "") -> Button:
    return {"customId": custom_id, "emoji": emoji, "label": label, "type": 2, "style": 2}
