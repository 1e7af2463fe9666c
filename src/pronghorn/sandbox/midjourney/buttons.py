"""The buttons under a finished job, and what a pressed one means.

`MJ::JOB::upsample::2::<job>` is the button `upsample` with the number `2`.
"""

from dataclasses import dataclass
from typing import Any

from pronghorn.sandbox.midjourney.prompt import LATEST, Prompt
from pronghorn.sandbox.midjourney.work import Kind, Work, keycap

Shape = dict[str, Any]

PLAIN, PRESSED = 2, 1
"""Discord's styles: grey, and blue once it was pressed."""

_UPSCALERS: dict[str, tuple[str, ...]] = {
    "5": ("upsample_v5_2x", "upsample_v5_4x"),
    "6": ("upsample_v6_2x_subtle", "upsample_v6_2x_creative"),
    "6.1": ("upsample_v6r1_2x_subtle", "upsample_v6r1_2x_creative"),
    "7": ("upsample_v7_2x_subtle", "upsample_v7_2x_creative"),
}
_UPSCALER_LABELS = {
    "2x": "Upscale (2x)",
    "4x": "Upscale (4x)",
    "subtle": "Upscale (Subtle)",
    "creative": "Upscale (Creative)",
}
_ARROWS = {"left": "⬅️", "right": "➡️", "up": "⬆️", "down": "⬇️"}
_REROLL, _WAND, _BRUSH, _LENS, _HEART, _PARTY = "🔄", "🪄", "🖌️", "🔍", "❤️", "🎉"

ALWAYS_DIALOGS = ("Inpaint", "CustomZoom", "PicReader", "PromptAnalyzer")
REMIX_DIALOGS = ("variation", "reroll", "low_variation", "high_variation", "animate_high", "animate_low")
"""Open a dialog if the request or the account asks for remix; so do the pans."""


@dataclass(frozen=True, slots=True)
class Press:
    """A button's name with its number, which some have none of."""

    name: str
    number: str

    @property
    def index(self) -> int:
        return int(self.number) if self.number.isdecimal() else 0

    def opens_dialog(self, *, is_remix: bool) -> bool:
        if self.name == "PicReader" and self.number == "all":
            return False
        can_remix = (
            self.name in REMIX_DIALOGS or self.name.startswith("pan_") or self.name.endswith("_extend")
        )
        return self.name in ALWAYS_DIALOGS or (is_remix and can_remix)


def read(custom_id: str) -> Press:
    parts = [*custom_id.split("::"), "", "", ""]
    return Press(parts[2], parts[3]) if parts[1].upper() == "JOB" else Press(parts[1], parts[2])


def under(work: Work, prompt: Prompt, job: str, *, is_niji: bool = False) -> list[Shape]:
    """All buttons of a finished job, in Midjourney's order."""
    if work.kind is Kind.GRID:
        return _grid(job)
    if work.kind in (Kind.SINGLE, Kind.LARGE):
        return _single(job, _version(prompt, is_niji), is_large=work.kind is Kind.LARGE)
    if work.kind is Kind.DESCRIPTION:
        return _description(len(work.texts))
    if work.kind is Kind.SHORTENING:
        return [_numbered("PromptAnalyzer", number) for number in range(1, len(work.texts) + 1)]
    if work.kind is Kind.CLIPS:
        picks = [_pick(number) for number in range(1, work.clip_count + 1)]
        return [*picks, _reroll(job)]
    return _clip(job) if work.kind is Kind.CLIP else []


def _version(prompt: Prompt, is_niji: bool) -> str:
    """Which of Midjourney's generations drew it; a niji has the upscalers of the model it came with."""
    if niji := prompt.parameters.get("niji", LATEST if is_niji else ""):
        return niji
    return prompt.parameters.get("v", LATEST)


def _grid(job: str) -> list[Shape]:
    upscales = [_button(f"MJ::JOB::upsample::{n}::{job}", f"U{n}") for n in range(1, 5)]
    variations = [_button(f"MJ::JOB::variation::{n}::{job}", f"V{n}") for n in range(1, 5)]
    return [*upscales, _reroll(job), *variations]


def _single(job: str, version: str, *, is_large: bool) -> list[Shape]:
    """Zoom, pan and repainting came with version 5, and went into the editor with version 8."""
    generation = version.partition(".")[0]
    upscalers = () if is_large else _UPSCALERS.get(version) or _UPSCALERS.get(generation, ())
    found = [_solo(name, job, _UPSCALER_LABELS[name.rpartition("_")[2]]) for name in upscalers]
    found.append(_solo("low_variation", job, "Vary (Subtle)", _WAND))
    found.append(_solo("high_variation", job, "Vary (Strong)", _WAND))
    if generation in ("5", "6", "7"):
        found += _canvas(job)
    found.append(_solo("animate_high", job, "Animate (High motion)"))
    found.append(_solo("animate_low", job, "Animate (Low motion)"))
    return [*found, _favourite(job)]


def _canvas(job: str) -> list[Shape]:
    return [
        _button(f"MJ::Inpaint::1::{job}::SOLO", "Vary (Region)", _BRUSH),
        _button(f"MJ::Outpaint::50::1::{job}::SOLO", "Zoom Out 2x", _LENS),
        _button(f"MJ::Outpaint::75::1::{job}::SOLO", "Zoom Out 1.5x", _LENS),
        _button(f"MJ::CustomZoom::{job}", "Custom Zoom", _LENS),
        *(_solo(f"pan_{way}", job, "", arrow) for way, arrow in _ARROWS.items()),
    ]


def _description(count: int) -> list[Shape]:
    found = [_numbered("PicReader", number) for number in range(1, count + 1)]
    found.append(_button("MJ::Picread::Retry", "", _REROLL))
    return [*found, _button("MJ::Job::PicReader::all", "Imagine all", _PARTY)]


def _clip(job: str) -> list[Shape]:
    return [
        _solo("animate_high_extend", job, "Extend (High motion)"),
        _solo("animate_low_extend", job, "Extend (Low motion)"),
        _favourite(job),
    ]


def _pick(number: int) -> Shape:
    return _button(f"MJ::JOB::video_virtual_upscale::{number}", f"U{number}")


def _numbered(name: str, number: int) -> Shape:
    return _button(f"MJ::Job::{name}::{number}", str(number), keycap(number))


def _reroll(job: str) -> Shape:
    return _button(f"MJ::JOB::reroll::0::{job}::SOLO", "", _REROLL)


def _favourite(job: str) -> Shape:
    return _button(f"MJ::BOOKMARK::{job}", "", _HEART)


def _solo(name: str, job: str, label: str, emoji: str = "") -> Shape:
    return _button(f"MJ::JOB::{name}::1::{job}::SOLO", label, emoji)


def _button(custom_id: str, label: str, emoji: str = "") -> Shape:
    return {"customId": custom_id, "emoji": emoji, "label": label, "type": 2, "style": PLAIN}
