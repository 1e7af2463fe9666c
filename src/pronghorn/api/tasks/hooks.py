"""`/hooks/tasks`: a vendor says that there is news of a task. It needs no key and is not believed: we look ourselves.

Each task has an address of its own, signed, that its vendor alone was told.
"""

import msgspec

from pronghorn.api.tasks.door import Answer, Handler, Open, Routes, Visit, look_up
from pronghorn.convert import errors
from pronghorn.convert.errors import Rendered
from pronghorn.errors import NotFound, PronghornError
from pronghorn.tasks.view import View

MAX_BODY_BYTES = 1024 * 1024
LONGEST_ID = 400


async def called_back(visit: Visit, task_id: str, signature: str) -> Answer:
    """The same empty answer whatever it says, and whether anything came of it."""
    # No medium has an empty name, so no link of a caller is the address of a hook.
    is_signed = visit.links.is_signed(task_id, "", signature)
    view = await visit.tasks.find(task_id) if is_signed else None
    if view is None:
        raise NotFound
    if not view.is_over:
        await visit.tasks.wake(view, _upstream_id(visit, view))
    return Answer({})


def _upstream_id(visit: Visit, view: View) -> str | None:
    """The vendor's id of it, if what it says has one and ours is unknown."""
    where = visit.tasks.channel_of(view) if view.upstream_id is None else None
    if where is None:
        return None
    try:
        said = msgspec.json.decode(visit.incoming.body or b"null")
    except (ValueError, RecursionError):
        return None
    found = where[0].vendor.tasks[view.family].called_back(said)
    return found if found and len(found) <= LONGEST_ID and found.isprintable() else None


class HooksDoor:
    prefixes = ("/hooks",)

    def handler(self, method: str, path: str) -> tuple[Handler, tuple[str, ...]]:
        return look_up(ROUTES, method, path)

    def refusal(self, error: PronghornError, request_id: str) -> Rendered:
        return errors.render("chat", error, request_id)


ROUTES: Routes = {("POST", "/tasks/{}/{}"): Open(called_back, MAX_BODY_BYTES)}
door = HooksDoor()
