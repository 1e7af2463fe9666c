"""POST /suno/submit/{action}: orders for songs, lyrics, and songs joined with their continuations."""

import uuid
from collections.abc import Callable

from aiohttp import web

from pronghorn.sandbox.faults import check_magic_model
from pronghorn.sandbox.reply import reply_json
from pronghorn.sandbox.song import band, envelope, words
from pronghorn.sandbox.song.fields import Shape, choice, flag, number, read_body, refusal, text, url
from pronghorn.sandbox.song.hooks import HOOKS
from pronghorn.sandbox.song.tasks import DESK, Clip, Desk, Place, Task, ending
from pronghorn.sandbox.suno import models, order
from pronghorn.sandbox.suno.order import VENDOR, Order
from pronghorn.sandbox.suno.shape import clip_object, task_object

MUSIC_S, LYRICS_S, CONCAT_S = 20.0, 4.0, 5.0

_NEEDS_TASK_ID = ("", "extend", "gen_stem")
"""Tasks that continue a clip and have to say of which task it is."""


async def submit(request: web.Request) -> web.StreamResponse:
    action = request.match_info["action"].upper()
    if action not in _ACTIONS:
        raise refusal("invalid_action")
    body = await read_body(request)
    task = _ACTIONS[action](request, body)
    if text(body, "stem_task") == "twelve":
        return await reply_json(request, _raw(request, task))
    return await envelope.reply(request, task.id)


def begin(request: web.Request, task: Task, seconds: float) -> Task:
    """Start it, and see to its callback, which looks at the clock only later."""
    request.app[HOOKS].at_end(task, lambda: task_object(request, task))
    return request.app[DESK].begin(request, task, seconds)


def _music(request: web.Request, body: Shape) -> Task:
    asked = read_order(body)
    check_magic_model(asked.model)
    kind = text(body, "task")
    if kind not in _TASKS:
        raise refusal(f"task must be one of {', '.join(filter(None, _TASKS))}", param="task")
    desk = request.app[DESK]
    _check_parent(desk, body, kind)
    clips = _TASKS[kind](desk, asked, body)
    ends = ending(request, asked.idea, asked.lyrics)
    return begin(request, Task(VENDOR, "MUSIC", clips, ends, url(body, "notify_hook")), MUSIC_S)


def _lyrics(request: web.Request, body: Shape) -> Task:
    prompt = text(body, "prompt")
    if not prompt.strip():
        raise refusal("prompt_empty", param="prompt")
    written = words.write(prompt)
    shown = {
        "id": str(uuid.uuid4()),
        "title": written.title,
        "text": written.text,
        "tags": words.tags(prompt).split(", "),
    }
    task = Task(VENDOR, "LYRICS", [], ending(request, prompt), url(body, "notify_hook"), shown)
    return begin(request, task, LYRICS_S)


def _concat(request: web.Request, body: Shape) -> Task:
    flag(body, "is_infill")
    source = order.source(request.app[DESK], text(body, "clip_id"), "clip_id")
    clips = [order.joined(source)]
    task = Task(VENDOR, "CONCAT", clips, ending(request), url(body, "notify_hook"))
    return begin(request, task, CONCAT_S)


_ACTIONS: dict[str, Callable[[web.Request, Shape], Task]] = {
    "MUSIC": _music,
    "LYRICS": _lyrics,
    "CONCAT": _concat,
}


def read_order(body: Shape) -> Order:
    """Raises `SandboxError` for what the version does not take, and for nothing at all."""
    model = text(body, "mv") or models.DEFAULT
    limits = models.version(model)
    asked = Order(
        idea=text(body, "gpt_description_prompt", most=limits.lyrics),
        lyrics=text(body, "prompt", most=limits.lyrics),
        tags=text(body, "tags", most=limits.tags),
        negative_tags=text(body, "negative_tags", most=limits.tags),
        title=text(body, "title"),
        model=model,
        is_instrumental=flag(body, "make_instrumental"),
    )
    if asked.idea and asked.lyrics:
        raise refusal("prompt must be empty beside gpt_description_prompt", param="prompt")
    return asked


def _check_parent(desk: Desk, body: Shape, kind: str) -> None:
    """A clip is continued only beside the id of its task; a task that is named has to be there."""
    task_id = text(body, "task_id")
    if text(body, "continue_clip_id") and not task_id and kind in _NEEDS_TASK_ID:
        raise refusal("task id is empty", param="task_id")
    if task_id and desk.task(task_id, VENDOR) is None:
        raise refusal("task not exist", param="task_id", code="task_not_exist")


def _source(desk: Desk, body: Shape, name: str = "continue_clip_id") -> Place:
    return order.source(desk, text(body, name), name)


def _plain(desk: Desk, asked: Order, body: Shape) -> list[Clip]:
    if text(body, "continue_clip_id"):
        return _extend(desk, asked, body)
    if not (asked.idea or asked.lyrics or asked.tags or asked.title):
        raise refusal("prompt_empty", param="prompt")
    return order.songs(asked)


def _extend(desk: Desk, asked: Order, body: Shape) -> list[Clip]:
    kind = text(body, "task") or "extend"
    return order.continuations(asked, _source(desk, body), number(body, "continue_at"), kind)


def _infill(desk: Desk, asked: Order, body: Shape) -> list[Clip]:
    start_s, end_s = number(body, "infill_start_s"), number(body, "infill_end_s")
    if start_s is None or end_s is None:
        raise refusal("infill_start_s and infill_end_s are both needed", param="infill_start_s")
    return order.replacements(asked, _source(desk, body), start_s, end_s)


def _cover(desk: Desk, asked: Order, body: Shape) -> list[Clip]:
    return order.covers(asked, _source(desk, body, "cover_clip_id"))


def _overpaint(desk: Desk, asked: Order, body: Shape) -> list[Clip]:
    return order.covers(asked, _source(desk, body, "overpainting_clip_id"), "overpainting", band.VOCALS)


def _underpaint(desk: Desk, asked: Order, body: Shape) -> list[Clip]:
    return order.covers(
        asked, _source(desk, body, "underpainting_clip_id"), "underpainting", band.INSTRUMENTS
    )


def _persona(desk: Desk, asked: Order, body: Shape) -> list[Clip]:
    persona_id = text(body, "persona_id")
    if persona_id not in desk.personas:
        raise refusal("persona_id: there is no such persona", param="persona_id")
    source = _source(desk, body, "artist_clip_id")
    if source.clip.id != desk.personas[persona_id]["root_clip_id"]:
        raise refusal("artist_clip_id is not the clip of the persona", param="artist_clip_id")
    shown = {"persona_id": persona_id, "artist_clip_id": source.clip.id, "task": "artist_consistency"}
    return order.songs(asked, voice=persona_id, **shown)


def _stems(desk: Desk, asked: Order, body: Shape) -> list[Clip]:
    kind = choice(body, "stem_task", tuple(order.STEMS), "two")
    names = ("stem_task", "stem_type_id", "stem_type_group_name")
    shown = {name: body[name] for name in names if name in body}
    return order.stems(asked, _source(desk, body), kind, **shown)


_TASKS: dict[str, Callable[[Desk, Order, Shape], list[Clip]]] = {
    "": _plain,
    "extend": _extend,
    "upload_extend": _extend,
    "cover": _cover,
    "infill": _infill,
    "artist_consistency": _persona,
    "gen_stem": _stems,
    "overpainting": _overpaint,
    "underpainting": _underpaint,
}


def _raw(request: web.Request, task: Task) -> Shape:
    """The vendor's own object, which gateways pass on for all stems at once."""
    clips = [clip_object(request, Place(task, number)) for number in range(len(task.clips))]
    return {"id": task.id, "clips": clips, "metadata": clips[0]["metadata"], "batch_size": len(clips)}


routes = [web.post("/suno/submit/{action}", submit)]
