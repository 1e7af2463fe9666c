"""`/media`: what tasks made, by the signed addresses that callers were given. Players and browsers have no key.

A wrong signature, an unknown task and an unknown file are answered alike.
"""

import asyncio
import contextlib
import re
from collections.abc import Callable, Coroutine
from typing import Any

from pronghorn.api.reply import Reply
from pronghorn.api.tasks.door import Handler, Open, Routes, Streamed, Visit, look_up
from pronghorn.convert import errors
from pronghorn.convert.errors import Rendered
from pronghorn.errors import BadRequest, CallerGone, NotFound, PronghornError, UpstreamError
from pronghorn.relay.incoming import Headers, Sink
from pronghorn.tasks import span
from pronghorn.tasks.media import Medium
from pronghorn.tasks.view import View

LEAST_WIDTH, MOST_WIDTH = 16, 1024
KEEP_S = 86_400
_ODD = re.compile(r"[^A-Za-z0-9._-]")


async def fetch(visit: Visit, task_id: str, name: str, signature: str) -> Streamed:
    is_signed = visit.links.is_signed(task_id, name, signature)
    view = await visit.tasks.find(task_id) if is_signed else None
    if view is None:
        raise NotFound
    return await stream(visit, view, name)


async def stream(visit: Visit, view: View, name: str) -> Streamed:
    """The file `name` of this task, as its links call it; with the range or the width that is asked for."""
    headers = visit.incoming.headers
    wanted = None if b"if-range" in headers else span.parse(headers.get(b"range", b"").decode("latin-1"))
    width = _width(visit)

    async def send(sink: Sink) -> None:
        medium = await _opened(visit.media.open(view, name, span=wanted, width=width), sink)
        await _send(sink, medium, _head(medium, view, name), with_body=visit.method != "HEAD")

    return Streamed(send)


async def _opened(opening: Coroutine[Any, Any, Medium], sink: Sink) -> Medium:
    """A caller who leaves ends the asking, too."""
    task = asyncio.get_running_loop().create_task(opening)

    def leave() -> None:
        task.cancel()

    sink.on_disconnect(leave)
    try:
        return await task
    except asyncio.CancelledError:
        me = asyncio.current_task()
        if me is not None and me.cancelling():
            raise
        raise CallerGone from None


def _width(visit: Visit) -> int:
    text = visit.query.get("width")
    if text is None:
        return 0
    width = int(text) if text.isascii() and text.isdecimal() and len(text) < 6 else 0
    if not LEAST_WIDTH <= width <= MOST_WIDTH:
        raise BadRequest(f"width must be a whole number from {LEAST_WIDTH} to {MOST_WIDTH}", param="width")
    return width


def _head(medium: Medium, view: View, name: str) -> Headers:
    """Nothing of the vendor's but type, length and range; what is still in the making is kept by nobody."""
    is_kept = view.is_over and medium.status != 416
    head = [
        (b"content-type", medium.kind.encode("latin-1")),
        (b"content-disposition", f'inline; filename="{_ODD.sub("_", f"{view.id}-{name}")}"'.encode()),
        (b"cache-control", b"private, max-age=%d" % KEEP_S if is_kept else b"no-store"),
        (b"x-content-type-options", b"nosniff"),
        (b"content-security-policy", b"default-src 'none'; sandbox"),
        (b"cross-origin-resource-policy", b"cross-origin"),
    ]
    if medium.has_parts:
        head.append((b"accept-ranges", b"bytes"))
    if medium.place:
        head.append((b"content-range", medium.place.encode("latin-1")))
    if medium.status == 416:
        head.append((b"content-length", b"0"))
    elif medium.length is not None:
        head.append((b"content-length", b"%d" % medium.length))
    return head


async def _send(sink: Sink, medium: Medium, head: Headers, *, with_body: bool) -> None:
    """Piece by piece, at the caller's pace; a caller who leaves ends the vendor's sending."""
    is_gone = False

    def leave() -> None:
        nonlocal is_gone
        is_gone = True
        medium.give_up()

    sink.on_disconnect(leave)
    try:
        await sink.start(medium.status, head)
        if with_body and medium.status != 416:
            await _pass_on(medium, _counted(sink), lambda: is_gone)
        await sink.end()
    except UpstreamError as error:
        if is_gone:
            raise CallerGone from error
        raise
    finally:
        sink.on_disconnect(None)
        await medium.close()


async def _pass_on(medium: Medium, sink: Sink, is_gone: Callable[[], bool]) -> None:
    async with contextlib.aclosing(medium.pieces) as pieces:
        async for piece in pieces:
            if is_gone():
                raise CallerGone
            await sink.write(piece)


def _counted(sink: Sink) -> Sink:
    """`Reply` writes straight to its connection, past the count of an answer that has said its length."""
    return sink.counted() if isinstance(sink, Reply) else sink


class MediaDoor:
    prefixes = ("/media",)

    def handler(self, method: str, path: str) -> tuple[Handler, tuple[str, ...]]:
        return look_up(ROUTES, method, path)

    def refusal(self, error: PronghornError, request_id: str) -> Rendered:
        found = errors.render("chat", error, request_id)
        return found._replace(headers=[*found.headers, (b"cache-control", b"no-store")])


ROUTES: Routes = {(method, "/{}/{}/{}"): Open(fetch) for method in ("GET", "HEAD")}
door = MediaDoor()
