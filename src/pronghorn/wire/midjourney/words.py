"""Codes of a submit, and the members of a task that are anybody's business."""

from typing import Any

SUCCESS, NOT_FOUND, INVALID, UNKNOWN, FAILURE = 1, 3, 4, 5, 9
EXISTS, IN_QUEUE, QUEUE_FULL, BANNED, TOO_MANY = 21, 22, 23, 24, 30

STATUSES = {
    "queued": "NOT_START",
    "waiting_input": "MODAL",
    "running": "IN_PROGRESS",
    "succeeded": "SUCCESS",
    "failed": "FAILURE",
    "cancelled": "CANCEL",
}
"""Ours to theirs."""

PUBLIC_PROPERTIES = ("finalPrompt", "finalZhPrompt")
"""All others say whose account it is, or how a server works inside."""
_KEPT = (
    *("status", "botType", "prompt", "promptEn", "description", "imageUrl", "imageWidth", "imageHeight"),
    *("imageUrls", "videoUrl", "videoUrls", "buttons"),
)
_BUTTON = ("customId", "emoji", "label", "type", "style")


def kept(task: dict[str, Any]) -> dict[str, Any]:
    """What is remembered of a server's task object."""
    found = {name: task[name] for name in _KEPT if task.get(name)}
    found["buttons"] = [
        {name: button.get(name) for name in _BUTTON if name in button}
        for button in _objects(task.get("buttons"))
    ]
    found["properties"] = public(task.get("properties"), PUBLIC_PROPERTIES)
    return found


def public(properties: Any, names: tuple[str, ...]) -> dict[str, Any]:
    return (
        {name: properties[name] for name in names if name in properties}
        if isinstance(properties, dict)
        else {}
    )


def _objects(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def buttons_of(data: Any) -> list[dict[str, Any]]:
    """Those of what was kept of a task."""
    return _objects(data.get("buttons")) if isinstance(data, dict) else []
