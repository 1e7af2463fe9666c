"""Udio by gateways that give songs to ask after; a task's id there is the ids of its songs."""

from collections.abc import Sequence
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from pronghorn.vendors.base import ChatVendor
from pronghorn.vendors.suno import is_success
from pronghorn.vendors.task import Accepted, Ask, Progress, Submission, TaskAdapter
from pronghorn.vendors.udio import progress_of, refused

BATCH = 10


class ProxyDialect(TaskAdapter):
    batch = BATCH
    actions = frozenset(("music",))

    def submit(self, wanted: Submission) -> Ask:
        return Ask("POST", "/udio/generate-proxy", wanted.body)

    def accepted(self, wanted: Submission, status: int, reply: Any) -> Accepted:
        """The song ids are in `track_ids`; some answer with the songs."""
        inner = (
            reply.get("data") if isinstance(reply, dict) and isinstance(reply.get("data"), dict) else reply
        )
        found = inner.get("track_ids") or inner.get("songs") if isinstance(inner, dict) else None
        ids = [
            one.get("id") if isinstance(one, dict) else one
            for one in (found if isinstance(found, list) else ())
        ]
        names = [str(one) for one in ids if one]
        is_taken = is_success(reply) or (isinstance(inner, dict) and bool(inner.get("generation_id")))
        if not 200 <= status < 300 or not (names or is_taken):
            raise refused(status, reply)
        return Accepted(",".join(names), data=[{"id": name} for name in names] or None)

    def poll(self, upstream_ids: Sequence[str]) -> Ask:
        return Ask("GET", f"/udio/query?ids={quote(','.join(upstream_ids), safe=',')}")

    def progress(self, upstream_ids: Sequence[str], status: int, reply: Any) -> dict[str, Progress]:
        """A song that is not there yet keeps its place."""
        inner = (
            reply.get("data") if isinstance(reply, dict) and isinstance(reply.get("data"), dict) else reply
        )
        songs = inner.get("songs") if isinstance(inner, dict) else None
        if status != 200 or not isinstance(songs, list):
            raise ValueError(f"no list of songs (status {status})")
        known = {str(song.get("id")): song for song in songs if isinstance(song, dict)}
        found = {}
        for upstream_id in upstream_ids:
            names = upstream_id.split(",")
            if any(name in known for name in names):
                found[upstream_id] = progress_of([known.get(name, {"id": name}) for name in names], {})
        return found


vendor = ChatVendor(
    name="udio_proxy", base_url="", root="", paths={}, tasks=MappingProxyType({"udio": ProxyDialect()})
)
