"""Looking: what a vendor says of tasks: of many at once, or one by one where a channel's server has no list."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from pronghorn.kit.clock import Clock
from pronghorn.routing import Channel
from pronghorn.tasks import asking
from pronghorn.upstream import Client
from pronghorn.vendors.task import Ask, Progress

NO_LIST = (404, 405)
NO_LIST_FOR_S = 600.0
"""Then the list is tried again: what was missing for a moment must not cost a request for each task for ever."""


@runtime_checkable
class OneByOne(Protocol):
    """An adapter that some servers can be asked by in one way only."""

    def poll_one(self, upstream_id: str) -> Ask: ...


class Looking:
    def __init__(self, client: Client, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._no_list_until_s: dict[tuple[str, str], float] = {}
        """By channel and family."""

    def batch(self, channel: Channel, family: str) -> int:
        """After how many tasks one request may ask."""
        return 1 if self._has_no_list(channel, family) else channel.vendor.tasks[family].batch

    async def progress(
        self, channel: Channel, place: int, family: str, upstream_ids: Sequence[str]
    ) -> dict[str, Progress]:
        """As the adapter's. Raises `ValueError` or an `UpstreamError` if there is no answer."""
        adapter = channel.vendor.tasks[family]
        if not self._has_no_list(channel, family):
            asked = adapter.poll(upstream_ids)
            status, reply = await asking.ask(self._client, channel, place, asked, asking.LOOKING)
            if status not in NO_LIST or not isinstance(adapter, OneByOne):
                return adapter.progress(upstream_ids, status, reply)
            self._no_list_until_s[channel.id, family] = self._clock.monotonic() + NO_LIST_FOR_S
        assert isinstance(adapter, OneByOne)
        found: dict[str, Progress] = {}
        for upstream_id in upstream_ids:
            asked = adapter.poll_one(upstream_id)
            status, reply = await asking.ask(self._client, channel, place, asked, asking.LOOKING)
            found |= adapter.progress([upstream_id], status, reply)
        return found

    def _has_no_list(self, channel: Channel, family: str) -> bool:
        return self._no_list_until_s.get((channel.id, family), 0.0) > self._clock.monotonic()
