"""novicezk/midjourney-proxy: six actions, no buttons. Those of a grid are made here, and pressed by their number."""

from types import MappingProxyType
from typing import Any

from pronghorn.vendors.base import ChatVendor, Header
from pronghorn.vendors.midjourney import Plus
from pronghorn.vendors.task import Ask, Declined, Progress, Submission
from pronghorn.wire.midjourney import buttons

GRIDS = ("IMAGINE", "VARIATION", "REROLL", "BLEND")
UNSUPPORTED = "not supported by this channel"
_BUTTONS = {name: action for action, name in buttons.CHANGES.items()}
_OTHERS_WORDS = ("accountFilter", "customId", "content")


class Novicezk(Plus):
    actions = frozenset(("imagine", "blend", "describe", "upscale", "variation", "reroll"))

    def submit(self, wanted: Submission) -> Ask:
        asked = super().submit(wanted)
        body = {name: value for name, value in asked.body.items() if name not in _OTHERS_WORDS}
        if wanted.parent is not None:
            change = _change(wanted.body)
            body |= {"taskId": wanted.parent.upstream_id, "action": change.action}
            if change.number:
                body["index"] = change.number
            return Ask("POST", "/mj/submit/change", body)
        if wanted.action == "describe" and not body.get("base64"):
            raise Declined("request", f"link: {UNSUPPORTED}; send base64")
        if "prompt" in body and wanted.speed not in ("", "fast"):
            body["prompt"] = f"{body['prompt']} --{wanted.speed}"  # nothing else says it there
        return Ask("POST", f"/mj/submit/{wanted.action}", body)

    def progress_of(self, task: dict[str, Any]) -> Progress:
        progress = super().progress_of(task)
        if progress.state == "succeeded" and task.get("action") in GRIDS:
            properties = task.get("properties")
            job = properties.get("messageHash") if isinstance(properties, dict) else None
            progress.data["buttons"] = buttons.grid(str(job or task.get("id")))
        return progress

    def cancel(self, upstream_id: str) -> Ask | None:
        return None

    def find(self, wanted_id: str) -> Ask | None:
        return Ask("GET", "/mj/task/list")

    def seed(self, upstream_id: str) -> Ask | None:
        return None

    def bookmark(self, upstream_id: str, custom_id: str) -> Ask | None:
        return None


def _change(body: dict[str, Any]) -> buttons.Change:
    """Whichever way the caller pressed."""
    if "content" in body and (read := buttons.read_content(body["content"])) is not None:
        return read[1]
    if "customId" not in body:
        action = str(body["action"])
        return buttons.Change(action, 0 if action == "REROLL" else int(body["index"]))
    press = buttons.read(str(body["customId"]))
    if press is None or press.name not in _BUTTONS:
        raise Declined("request", UNSUPPORTED)
    return buttons.Change(_BUTTONS[press.name], press.number)


vendor = ChatVendor(
    name="midjourney_novicezk",
    base_url="",
    root="",
    auth=Header("mj-api-secret"),
    paths={},
    tasks=MappingProxyType({"midjourney": Novicezk()}),
)
