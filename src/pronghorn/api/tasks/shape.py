"""Shape: a task as `/v1/tasks` shows it, whatever its vendor."""

from typing import Any

from pronghorn.kit.clock import iso
from pronghorn.kit.money import format_usd
from pronghorn.tasks.ending import TIMEOUT
from pronghorn.tasks.family import Family
from pronghorn.tasks.links import addresses
from pronghorn.tasks.view import Link, View


def shown(view: View, family: Family, link: Link) -> dict[str, Any]:
    return {
        "id": view.id,
        "object": "task",
        "vendor": view.family,
        "action": view.action,
        "model": view.model,
        "status": view.state,
        "progress": view.percent,
        "created_at": iso(view.created_ms / 1000),
        "started_at": _moment(view.started_ms),
        "finished_at": _moment(view.finished_ms),
        "cost_usd": format_usd(view.cost),
        "parent_id": view.parent_id,
        "label": view.label or None,
        "output": [
            {"name": name, "url": link(name, url)} for name, url in addresses(family, view).items() if url
        ],
        "error": _error(view),
    }


def _moment(millis: int | None) -> str | None:
    return None if millis is None else iso(millis / 1000)


def _error(view: View) -> dict[str, str] | None:
    """Of what failed alone: that a task was cancelled is no error."""
    if view.state != "failed":
        return None
    if view.reason == TIMEOUT:
        return {"code": "timeout", "message": "the vendor did not end it in time; nothing was charged"}
    return {"code": "task_failed", "message": view.reason or "the vendor did not say why"}
