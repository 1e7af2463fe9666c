"""One task: what was ordered, and from that and the time alone what is to be said of it."""

import asyncio
import uuid
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from pronghorn.sandbox.midjourney import buttons, prompt
from pronghorn.sandbox.midjourney.pressed import Dialog
from pronghorn.sandbox.midjourney.work import Kind, Work

Shape = dict[str, Any]

ACCOUNT = "1204417760023145572"
"""The account that draws, which plus-like servers show to who asks."""

SUBMITTED_PART = 0.1
"""Of the time of a task passes before Midjourney begins to draw."""
STUCK_PART = 0.5
DRAWING_S = {"FAST": 20.0, "RELAX": 40.0, "TURBO": 8.0}
QUICK_S = 3.0
QUICK_ACTIONS = ("UPSCALE", "UPSCALE_HD", "DESCRIBE", "SHORTEN")
DEFAULT_SPEED = 10.0
"""Without `speed=` a newcomer waits two seconds for a grid."""

FAILED = "[Internal Server Error] The sandbox was asked to fail."
MODERATED = "Sorry! Our AI moderator thinks this prompt is probably against our community standards."

_JOBS = uuid.UUID("0d9c5b1e-6f0a-4f57-9c39-4a5d2b7e1f60")


@dataclass(frozen=True, slots=True)
class Order:
    """What a task is to do, as its client said it."""

    action: str
    prompt: str = ""
    mode: str = "FAST"
    bot_type: str = "MID_JOURNEY"
    state: str = ""
    notify_hook: str = ""
    parent_id: str = ""
    custom_id: str = ""
    fate: str = ""
    """How it ends, if not well: `fail`, `stuck` or `moderated`."""
    speed: float = 0.0
    is_queued: bool = False

    @property
    def is_niji(self) -> bool:
        return self.bot_type == "NIJI_JOURNEY"

    def child_of(self, parent_id: str) -> "Order":
        return replace(self, parent_id=parent_id)

    def by_bot(self, bot_type: str) -> "Order":
        return replace(self, bot_type=bot_type)

    @property
    def takes_s(self) -> float:
        whole_s = QUICK_S if self.action in QUICK_ACTIONS else DRAWING_S[self.mode]
        return whole_s / (self.speed or DEFAULT_SPEED)


class State(NamedTuple):
    """Status, and how much of the work is done: from 0 to 1."""

    status: str
    part: float = 0.0


@dataclass(slots=True)
class Task:
    """`work` is None while a dialog waits for its answer."""

    id: str
    order: Order
    work: Work | None
    submitted_s: float
    dialog: Dialog | None = None
    began_s: float = 0.0
    """When it began to run: as it was submitted, or as its dialog was answered."""
    parsed: prompt.Prompt = field(init=False)
    cancelled_s: float | None = None
    pressed: set[str] = field(default_factory=set)
    picture: bytes | None = field(default=None, repr=False)
    clips: dict[int, bytes] = field(default_factory=dict, repr=False)
    drawing: asyncio.Lock = field(default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        self.began_s = self.submitted_s
        self.parsed = prompt.parse(self.order.prompt)

    def answer(self, order: Order, work: Work, now_s: float) -> None:
        """The dialog was answered: now it runs."""
        self.order, self.work, self.dialog, self.began_s = order, work, None, now_s
        self.parsed = prompt.parse(order.prompt)

    @property
    def job(self) -> str:
        return str(uuid.uuid5(_JOBS, self.id))

    @property
    def fail_reason(self) -> str:
        if self.order.fate == "moderated":
            return MODERATED
        return FAILED if self.order.fate == "fail" else self.parsed.problem()

    @property
    def weight_bytes(self) -> int:
        """What it keeps in memory."""
        made = len(self.picture or b"") + sum(map(len, self.clips.values()))
        needed = self.work or self.dialog
        return made + (needed.weight_bytes if needed else 0) + 4 * len(self.order.prompt)

    @property
    def drawing_from_s(self) -> float:
        return self._accepted_s + SUBMITTED_PART * self.order.takes_s

    @property
    def ends_s(self) -> float:
        return self._accepted_s + self.order.takes_s

    @property
    def _accepted_s(self) -> float:
        """One that was queued waits as long as Midjourney takes to begin."""
        return self.began_s + (SUBMITTED_PART * self.order.takes_s if self.order.is_queued else 0.0)

    def at(self, now_s: float) -> State:
        if self.cancelled_s is not None:
            return State("CANCEL")
        if self.work is None:
            return State("MODAL")
        if now_s < self._accepted_s:
            return State("NOT_START")
        part = (now_s - self._accepted_s) / self.order.takes_s
        if part < SUBMITTED_PART:
            return State("SUBMITTED")
        if self.order.fate == "stuck":
            return State("IN_PROGRESS", min(part, STUCK_PART))
        if part < 1:
            return State("IN_PROGRESS", part)
        return State("FAILURE" if self.fail_reason else "SUCCESS", 1.0)

    def told(self, now_s: float, origin: str) -> Shape:
        """The task object."""
        status, part = self.at(now_s)
        is_done, is_over = status == "SUCCESS", status in ("SUCCESS", "FAILURE", "CANCEL")
        has_begun = now_s >= self.drawing_from_s and self.work is not None
        text = self._text(is_done)
        return {
            "id": self.id,
            "action": self.order.action,
            "customId": self.order.custom_id,
            "botType": self.order.bot_type,
            "prompt": self.order.prompt,
            "promptEn": text or self.order.prompt,
            "description": self._description(status),
            "state": self.order.state,
            "mode": self.order.mode,
            "proxy": "",
            "submitTime": _ms(self.submitted_s),
            "startTime": _ms(self.drawing_from_s) if has_begun else 0,
            "finishTime": _ms(self._finish_s) if is_over else 0,
            "imageUrl": self._image_url(origin, now_s, status),
            **self._dimensions(is_done),
            **self._videos(origin, is_done),
            "status": status,
            "progress": "100%" if is_done else "" if is_over else f"{int(part * 100)}%",
            "failReason": self.fail_reason if status == "FAILURE" else "" if is_done else None,
            "buttons": self.buttons() if is_done else [],
            "maskBase64": "",
            "properties": self._properties(text),
            "parentId": self.order.parent_id,
            "instanceId": ACCOUNT,
            "jobId": self.job if is_done else None,
        }

    def buttons(self) -> list[Shape]:
        """Those of the finished task; a pressed one is blue."""
        if self.work is None:
            return []
        found = buttons.under(self.work, self.parsed, self.job, is_niji=self.order.is_niji)
        for button in found:
            if button["customId"] in self.pressed:
                button["style"] = buttons.PRESSED
        return found

    @property
    def _finish_s(self) -> float:
        return self.cancelled_s if self.cancelled_s is not None else self.ends_s

    def _text(self, is_done: bool) -> str:
        return self.work.text if self.work is not None and is_done else ""

    def _description(self, status: str) -> str:
        if status == "SUCCESS" and self.work is not None and self.work.kind is Kind.SHORTENING:
            return f"Shortened prompts\n\n{self.work.text}"
        return "Waiting for window confirm" if status == "MODAL" else "Submit success"

    def _image_url(self, origin: str, now_s: float, status: str) -> str:
        """While it is drawn the address changes, so that nobody keeps an unfinished picture."""
        if self.work is None or self.work.paint is None or status not in ("IN_PROGRESS", "SUCCESS"):
            return ""
        fresh = f"?rand={int(now_s * 1e9)}" if status == "IN_PROGRESS" else ""
        return f"{origin}/mj/image/{self.id}{fresh}"

    def _dimensions(self, is_done: bool) -> Shape:
        has_picture = is_done and self.work is not None and self.work.paint is not None
        width, height = self.work.size if self.work is not None and has_picture else (0, 0)
        return {"imageHeight": height, "imageWidth": width}

    def _videos(self, origin: str, is_done: bool) -> Shape:
        count = self.work.clip_count if self.work is not None and is_done else 0
        thumbnail = f"{origin}/mj/image/{self.id}"
        clips = [
            {"url": f"{origin}/mj/video/{self.id}/{index}.mp4", "thumbnail": thumbnail}
            for index in range(count)
        ]
        return {"videoUrl": clips[0]["url"] if clips else "", "videoUrls": clips}

    def _properties(self, text: str) -> Shape:
        """More than clients should see: hiding accounts is the business of who stands in front."""
        final = self.dialog.suggested if self.dialog is not None else text
        if not final and self.order.prompt:
            final = self.parsed.final(is_niji=self.order.is_niji)
        return {
            "finalPrompt": final,
            "finalZhPrompt": "",
            "notifyHook": self.order.notify_hook,
            "botType": self.order.bot_type,
            "discordInstanceId": ACCOUNT,
            "discordChannelId": ACCOUNT,
            "messageId": f"13{self.id}0",
            "messageHash": self.job,
            "nonce": f"14{self.id}1",
            "flags": 0,
        }


def _ms(seconds: float) -> int:
    return int(seconds * 1000)
