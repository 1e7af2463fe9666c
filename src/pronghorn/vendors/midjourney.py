"""Midjourney by the protocol that proxies have in common: another gateway, or a server that knows buttons and dialogs.

Our task's id is sent along as `state`, which such servers give back: so a task is found whose answer was lost. The
caller's own `state` never leaves.
"""

import re
from collections.abc import Sequence
from types import MappingProxyType
from typing import Any, Protocol
from urllib.parse import quote

import msgspec

from pronghorn.vendors.base import ChatVendor
from pronghorn.vendors.task import (
    Accepted,
    Ask,
    Declined,
    Progress,
    State,
    Submission,
    TaskAdapter,
    neutral,
    state_of,
)
from pronghorn.wire.midjourney import buttons, prompt, words

SUBMITS = {
    "imagine": "/mj/submit/imagine",
    "blend": "/mj/submit/blend",
    "describe": "/mj/submit/describe",
    "shorten": "/mj/submit/shorten",
    "edits": "/mj/submit/edits",
    "video": "/mj/submit/video",
    "upload": "/mj/submit/upload-discord-images",
    "swap-face": "/mj/insight-face/swap",
    "modal": "/mj/submit/modal",
}
BATCH = 50
FILES = ("imageUrl", "videoUrl", "imageUrls", "videoUrls")
TEXTS = ("DESCRIBE", "SHORTEN")
"""Actions whose result is a text."""
UNKNOWN = ("task_no_found", "task_not_found")
OWN_STATES: dict[str, State] = {"MODAL": "waiting_input", "": "queued"}
_WITHHELD = frozenset(("notifyHook", "state", "accountFilter"))
"""Members that are set anew: they are between a caller and us, or say which account is to work."""
_ABOUT_ACCOUNTS = re.compile(r"account|instance|channel|账号|实例", re.IGNORECASE)


class BothHeaders(msgspec.Struct, frozen=True):
    """Gateways read the one, open servers the other."""

    def head(self, credential: str) -> bytes:
        return f"authorization: Bearer {credential}\r\nmj-api-secret: {credential}\r\n".encode("latin-1")


class MidjourneyAdapter(TaskAdapter, Protocol):
    """What else is asked of whoever has a task; it makes no task, and costs nothing."""

    def seed(self, upstream_id: str) -> Ask | None:
        """None: it cannot tell."""

    def bookmark(self, upstream_id: str, custom_id: str) -> Ask | None:
        """Presses the button that marks a task as a favourite."""


class Plus:
    batch = BATCH
    actions: frozenset[str] = frozenset(SUBMITS) | buttons.ACTIONS

    def submit(self, wanted: Submission) -> Ask:
        body = {name: value for name, value in wanted.body.items() if name not in _WITHHELD}
        body |= {"state": wanted.task_id, "accountFilter": {"modes": [wanted.speed.upper() or "FAST"]}}
        if wanted.callback_url:
            body["notifyHook"] = wanted.callback_url
        if isinstance(body.get("prompt"), str):
            body["prompt"] = prompt.without_speed(body["prompt"])
        return Ask("POST", f"/mj-{wanted.speed or 'fast'}{self._place(wanted, body)}", body)

    def _place(self, wanted: Submission, body: dict[str, Any]) -> str:
        """Where it is asked; the parent gets the name that it has there."""
        parent = wanted.parent.upstream_id if wanted.parent is not None else ""
        if "content" in body:
            body["content"] = f"{parent} {body['content'].rpartition(' ')[2]}"
            return "/mj/submit/simple-change"
        if "taskId" in body:
            body["taskId"] = parent
        if "customId" in body:
            return "/mj/submit/action"
        if wanted.action in SUBMITS:
            return SUBMITS[wanted.action]
        body["index"] = body.get("index") or 1  # some gateways demand one even where it means nothing
        return "/mj/submit/change"

    def accepted(self, wanted: Submission, status: int, reply: Any) -> Accepted:
        code, result = _code(reply), reply.get("result") if isinstance(reply, dict) else None
        if status >= 300 or code not in (words.SUCCESS, words.EXISTS, words.IN_QUEUE) or not result:
            raise self.declined(wanted, status, reply)
        said = {"code": code, "description": str(reply.get("description") or "")}
        if wanted.action == "upload":
            return _uploaded(result, said)
        properties = reply.get("properties")
        if code == words.EXISTS:
            return _existing(wanted, str(result), said, properties if isinstance(properties, dict) else {})
        said["properties"] = words.public(properties, ("numberOfQueues",))
        # A server may say for a while yet that an answered dialog waits; what runs does not go back to waiting.
        return Accepted(str(result), "running" if wanted.action == "modal" else "queued", answer=said)

    def declined(self, wanted: Submission, status: int, reply: Any) -> Declined:
        """Whose fault it is. Only what is said of the request itself is passed on."""
        if not isinstance(reply, dict) or status >= 500:
            reason = f"the vendor answered with status {status}"
            return Declined("account" if status in (401, 403) else "vendor", reason)
        said = str(reply.get("description") or "")
        code, reason = _code(reply), neutral(said)
        answer: dict[str, Any] = {"code": code, "description": reason}
        if code == words.TOO_MANY or status == 429:
            return Declined("busy", reason)
        if code == words.QUEUE_FULL:
            return Declined("busy", reason, answer, status=200)
        if code == words.BANNED:
            answer["properties"] = words.public(reply.get("properties"), ("promptEn", "bannedWord"))
            return Declined("moderated", reason, answer, status=200)
        if _is_about_us(wanted, status, code, said):
            return Declined("account", reason)
        if code in (words.NOT_FOUND, words.INVALID):
            return Declined("request", reason, answer, status=status)
        return Declined("vendor", reason or f"the vendor answered with status {status}")

    def poll(self, upstream_ids: Sequence[str]) -> Ask:
        return Ask("POST", "/mj/task/list-by-condition", {"ids": list(upstream_ids)})

    def poll_one(self, upstream_id: str) -> Ask:
        """Of servers without the list."""
        return Ask("GET", f"/mj/task/{quote(upstream_id, safe='')}/fetch")

    def progress(self, upstream_ids: Sequence[str], status: int, reply: Any) -> dict[str, Progress]:
        """A list of tasks, or the one that was asked after; what nobody knows has no body, or is an error."""
        if status == 204 or (isinstance(reply, dict) and str(reply.get("description")).startswith(UNKNOWN)):
            return {}
        tasks = [reply] if isinstance(reply, dict) and reply.get("id") else reply
        if status != 200 or not isinstance(tasks, list):
            raise ValueError(f"no list of tasks (status {status})")
        return {str(task.get("id")): self.progress_of(task) for task in tasks if isinstance(task, dict)}

    def progress_of(self, task: dict[str, Any]) -> Progress:
        percent = str(task.get("progress") or "").removesuffix("%")
        state = state_of(task.get("status") or "", OWN_STATES)
        return Progress(
            "running" if state == "succeeded" and not _has_result(task) else state,
            words.kept(task),
            int(percent) if percent.isdecimal() and percent.isascii() and len(percent) < 4 else None,
            neutral(str(task.get("failReason") or "")),
        )

    def cancel(self, upstream_id: str) -> Ask | None:
        return Ask("POST", f"/mj/task/{quote(upstream_id, safe='')}/cancel", {})

    def find(self, wanted_id: str) -> Ask | None:
        return Ask("POST", "/mj/task/query", {"pageNumber": 0, "pageSize": 10, "state": wanted_id})

    def found(self, wanted_id: str, status: int, reply: Any) -> str | None:
        listed = reply.get("content") if isinstance(reply, dict) else reply
        if status != 200 or not isinstance(listed, list):
            raise ValueError(f"no list of tasks (status {status})")
        same = (task for task in listed if isinstance(task, dict) and task.get("state") == wanted_id)
        return next((str(task["id"]) for task in same if task.get("id")), None)

    def called_back(self, reply: Any) -> str | None:
        found = reply.get("id") if isinstance(reply, dict) else None
        return str(found) if found else None

    def seed(self, upstream_id: str) -> Ask | None:
        return Ask("GET", f"/mj/task/{quote(upstream_id, safe='')}/image-seed")

    def bookmark(self, upstream_id: str, custom_id: str) -> Ask | None:
        return Ask("POST", "/mj/submit/action", {"taskId": upstream_id, "customId": custom_id})


def _has_result(task: dict[str, Any]) -> bool:
    """A picture or a film; what is told of one, or of a prompt, is a text. A file may be there a little later."""
    if any(_has_address(task.get(name)) for name in FILES):
        return True
    properties = task.get("properties")
    text = task.get("promptEn") or (properties.get("finalPrompt") if isinstance(properties, dict) else "")
    return bool(text) and str(task.get("action")).upper() in TEXTS


def _has_address(file: Any) -> bool:
    """One, or a list of such, which are objects at some."""
    if isinstance(file, list):
        return any(_has_address(one) for one in file)
    return bool(file.get("url") if isinstance(file, dict) else file)


def _code(reply: Any) -> int | None:
    """Some servers write numbers as strings."""
    code = reply.get("code") if isinstance(reply, dict) else None
    if isinstance(code, str) and code.isdecimal() and code.isascii():
        return int(code)
    return code if isinstance(code, int) and not isinstance(code, bool) else None


def _uploaded(result: Any, said: dict[str, Any]) -> Accepted:
    """It is over at once. The addresses are told as they are: later prompts bring them back to this server."""
    urls = [str(url) for url in (result if isinstance(result, list) else [result]) if url]
    if not urls:
        raise Declined("vendor", "the vendor gave no address of what was uploaded")
    answer = said | {"result": urls, "properties": {}}
    return Accepted("", "succeeded", {"status": "SUCCESS", "imageUrl": urls[0]}, answer)


def _existing(
    wanted: Submission, upstream_id: str, said: dict[str, Any], properties: dict[str, Any]
) -> Accepted:
    """A dialog; or, of a button that opens none, a task that was there before and may have ended."""
    press = buttons.read(str(wanted.body.get("customId") or ""))
    if properties.get("status") or properties.get("imageUrl"):
        is_done = properties.get("status") == "SUCCESS" and bool(properties.get("imageUrl"))
        data = words.kept(properties) if is_done else None
        return Accepted(upstream_id, "succeeded" if is_done else "queued", data, said)
    if press is None or press.asks == "never":
        return Accepted(upstream_id, "queued", answer=said)
    said["properties"] = words.public(properties, ("finalPrompt", "remix"))
    data = {
        "status": "MODAL",
        "description": said["description"],
        "properties": words.public(properties, words.PUBLIC_PROPERTIES),
    }
    return Accepted(upstream_id, "waiting_input", data, said)


def _is_about_us(wanted: Submission, status: int, code: int | None, reason: str) -> bool:
    """Our key, our money or our account there. A server that misses a task's parent says 3, too."""
    if status in (401, 402, 403) or reason.startswith("quota_not_enough"):
        return True
    return code == words.NOT_FOUND and (wanted.parent is None or _ABOUT_ACCOUNTS.search(reason) is not None)


plus = Plus()
vendor = ChatVendor(
    name="midjourney",
    base_url="",
    root="",
    auth=BothHeaders(),
    paths={},
    tasks=MappingProxyType({"midjourney": plus}),
)
