"""trueai-org/midjourney-proxy: the protocol of `midjourney`, without the old ways to press a button.

It compares an `Authorization` header as it stands, so it gets only `mj-api-secret`; and has no search by `state`.
"""

from types import MappingProxyType
from typing import Any

from pronghorn.vendors.base import ChatVendor, Header
from pronghorn.vendors.midjourney import Plus
from pronghorn.vendors.task import Ask, Declined, Submission
from pronghorn.wire.midjourney import buttons, words


class TrueAi(Plus):
    def submit(self, wanted: Submission) -> Ask:
        asked = super().submit(wanted)
        if not asked.path.endswith(("/change", "/simple-change")) or wanted.parent is None:
            return asked
        found = buttons.button_of(words.buttons_of(wanted.parent.data), _change(asked.body))
        if found is None:
            raise Declined("request", "the task has no such button")
        others = ("action", "index", "content")
        body = {name: value for name, value in asked.body.items() if name not in others}
        body |= {"taskId": wanted.parent.upstream_id, "customId": found}
        return Ask("POST", f"/mj-{wanted.speed or 'fast'}/mj/submit/action", body)

    def declined(self, wanted: Submission, status: int, reply: Any) -> Declined:
        """It calls a full queue a failure."""
        declined = super().declined(wanted, status, reply)
        if isinstance(reply, dict) and reply.get("code") == words.FAILURE and not reply.get("result"):
            return Declined("busy", declined.reason)
        return declined

    def find(self, wanted_id: str) -> Ask | None:
        """The newest hundred."""
        return Ask("GET", "/mj/task/list")


def _change(body: dict[str, Any]) -> buttons.Change:
    read = buttons.read_content(body["content"]) if "content" in body else None
    if read is not None:
        return read[1]
    return buttons.Change(body["action"], 0 if body["action"] == "REROLL" else body["index"])


vendor = ChatVendor(
    name="midjourney_trueai",
    base_url="",
    root="",
    auth=Header("mj-api-secret"),
    paths={},
    tasks=MappingProxyType({"midjourney": TrueAi()}),
)
