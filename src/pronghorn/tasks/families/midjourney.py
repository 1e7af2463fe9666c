"""Midjourney: pictures, and what their buttons make of them.

A task's data are what a server says of it, but for whose account it is.
"""

import secrets
from typing import Any

from pronghorn.tasks.ending import TIMEOUT
from pronghorn.tasks.view import Link, View
from pronghorn.vendors.task import state_of
from pronghorn.wire.midjourney import words

RANDOM_DIGITS = 12


class Midjourney:
    name = model = "midjourney"
    pause_s = 4.0
    deadline_s = 3600.0

    def new_id(self, now_ms: int) -> str:
        """Milliseconds and random digits, as the open servers have them, but twelve digits instead of three.

        Of a thousand submits a second on many servers two would meet every two seconds with three, and once in
        sixty years with twelve; and nobody guesses one. Clients take ids for text: the protocol writes them as strings.
        """
        return f"{now_ms}{secrets.randbelow(10**RANDOM_DIGITS):0{RANDOM_DIGITS}}"

    def shown(self, view: View, link: Link) -> Any:
        data: dict[str, Any] = view.data if isinstance(view.data, dict) else {}
        asked = view.job.body
        prompt = str(asked.get("prompt") or data.get("prompt") or "")
        return {
            "id": view.id,
            "action": view.action.replace("-", "_").upper(),
            "customId": str(asked.get("customId") or ""),
            "botType": _bot(view, data),
            "prompt": prompt,
            "promptEn": str(data.get("promptEn") or prompt),
            "description": str(data.get("description") or "Submit success"),
            "state": view.label,
            "mode": view.job.speed.upper(),
            "proxy": "",
            "submitTime": view.created_ms,
            "startTime": view.started_ms or (view.created_ms if view.state == "succeeded" else 0),
            "finishTime": view.finished_ms or 0,
            **_media(view, data, link),
            "status": _status(view, data),
            "progress": f"{100 if view.is_over else view.percent}%",
            "failReason": _reason(view),
            "buttons": data.get("buttons") or [],
            "maskBase64": "",
            "properties": {"finalPrompt": "", "finalZhPrompt": ""} | (data.get("properties") or {}),
        }

    def parts(self, data: Any) -> list[str]:
        """Buttons name their task, so nothing needs to be found by a name of its own."""
        return []


def _bot(view: View, data: dict[str, Any]) -> str:
    if view.action == "swap-face":
        return "INSIGHT_FACE"
    return str(data.get("botType") or view.job.body.get("botType") or "")


def _status(view: View, data: dict[str, Any]) -> str:
    """The server's own word, if it means what we know; it tells the states of waiting apart."""
    word = str(data.get("status") or "")
    return word if state_of(word) == view.state else words.STATUSES[view.state]


def _reason(view: View) -> str:
    if view.state != "failed":
        return ""
    return "task timeout" if view.reason == TIMEOUT else view.reason


def _media(view: View, data: dict[str, Any], link: Link) -> dict[str, Any]:
    image, video = str(data.get("imageUrl") or ""), str(data.get("videoUrl") or "")
    image = link("image.png", image) if image else ""
    if image and not view.is_over:
        image += f"?rand={view.percent}"  # so that nobody keeps an unfinished picture
    videos = _pairs(data.get("videoUrls"), "video", "mp4", link)
    shown: dict[str, Any] = {
        "imageUrl": image,
        "imageHeight": data.get("imageHeight") or 0,
        "imageWidth": data.get("imageWidth") or 0,
        "videoUrl": videos[0]["url"] if videos else link("video.mp4", video) if video else "",
        "videoUrls": videos,
    }
    if images := _pairs(data.get("imageUrls"), "image", "png", link):
        shown["imageUrls"] = images
    return shown


def _pairs(found: Any, name: str, ending: str, link: Link) -> list[dict[str, str]]:
    """Addresses with their small pictures; some servers write an address alone."""
    pairs = []
    given = (
        [one if isinstance(one, dict) else {"url": one} for one in found] if isinstance(found, list) else []
    )
    for number, one in enumerate((one for one in given if one.get("url")), 1):
        pair = {"url": link(f"{name}-{number}.{ending}", str(one["url"]))}
        if one.get("thumbnail"):
            pair["thumbnail"] = link(f"{name}-{number}-small.png", str(one["thumbnail"]))
        pairs.append(pair)
    return pairs


family = Midjourney()
