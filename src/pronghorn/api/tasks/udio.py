"""`/udio`: songs in both dialects of Udio's clients: by task, and by the songs that a call makes."""

import re
from typing import Any

from pronghorn.api.tasks.door import Answer, Asked, Handler, Routes, look_up, take, take_callback
from pronghorn.api.tasks.suno_refusal import envelope as told
from pronghorn.api.tasks.suno_refusal import refused
from pronghorn.convert.errors import Rendered
from pronghorn.errors import BadRequest, ModelNotFound, NoChannel, PronghornError
from pronghorn.tasks.draft import Wanted
from pronghorn.tasks.families.udio import song_count, song_of
from pronghorn.tasks.view import View
from pronghorn.wire.udio import place_of, song_id_of

FAMILY = "udio"
MOST_IDS = 200
"""That one request may ask after."""
KINDS = {"precede": "extend", "continue": "extend", "inpaint": "inpaint", "remix": "remix"}
"""What the modes are priced by; all others are new songs."""
PARTS_OF_ONE = (
    "song_section_start",
    "song_section_end",
    "lyrics_placement_start",
    "lyrics_placement_end",
    "prompt_strength",
    "lyrics_strength",
    "clarity_strength",
    "generation_quality",
)
"""Numbers from 0 to 1."""

READ = (
    *("gen_params", "prompt", "lyrics", "lyrics_type", "model_type", "config", "mode", "source", "song_id"),
    *PARTS_OF_ONE,
)
"""All members that something depends on."""
_LENGTH = re.compile(r"\s*udio(\d{1,4})\b", re.ASCII | re.IGNORECASE)


async def submit_music(asked: Asked) -> Answer:
    return _success((await _order(asked)).id)


async def fetch(asked: Asked, task_id: str) -> Answer:
    view = await asked.task(task_id, FAMILY)
    if view is None:
        raise BadRequest("task_not_exist", param="task_id", code="task_not_exist")
    return _success(asked.tasks.families[FAMILY].shown(view, asked.link(view)))


async def generate_proxy(asked: Asked) -> Answer:
    view = await _order(asked)
    ids = [song_id_of(view.id, number) for number in range(song_count(view))]
    return Answer({"message": "success", "generation_id": view.id, "track_ids": ids})


async def query(asked: Asked) -> Answer:
    """Songs by their ids; a task's id stands for all of its songs. What is not there is left out."""
    ids = [one.strip() for one in asked.query.get("ids", "").split(",") if one.strip()]
    if not ids:
        raise BadRequest("ids is empty", param="ids")
    if len(ids) > MOST_IDS:
        raise BadRequest(f"ids may be {MOST_IDS} at most", param="ids")
    places = [place_of(one) for one in dict.fromkeys(ids)]
    found = {view.id: view async for view in asked.several((task_id for task_id, _ in places), FAMILY)}
    songs = []
    for task_id, number in places:
        view = found.get(task_id)
        if view is not None:
            numbers = range(song_count(view)) if number is None else (number,)
            songs += [song_of(view, one, asked.link(view)) for one in numbers]
    return Answer({"songs": [song for song in songs if song is not None]})


async def _order(asked: Asked) -> View:
    body = asked.body(*READ)
    callback = take_callback(body)
    params = take(body, "gen_params", dict, {})
    if not params:
        # Some clients send the members at the top.
        params = {name: value for name, value in body.items() if name != "gen_params"}
        body = {}
    callback = take_callback(params) or callback
    _check(params)
    mode, parent = await _source(asked, params)
    kind = KINDS.get(mode, "music")
    if length := _LENGTH.match(take(params, "model_type", str, "")):
        kind += f"/{length[1]}s"
    body = body | {"gen_params": params}
    wanted = Wanted(family=FAMILY, action="music", kind=kind, body=body, callback=callback, parent=parent)
    return await asked.tasks.submit(asked.incoming, asked.grant, wanted)


def _check(params: dict[str, Any]) -> None:
    """Raises `BadRequest` that names the field."""
    if not take(params, "prompt", str, "").strip():
        raise BadRequest("prompt_empty", param="prompt")
    if take(params, "lyrics_type", str, "") == "user" and not take(params, "lyrics", str, ""):
        raise BadRequest("lyrics are empty, and lyrics_type is user", param="lyrics")
    for name in PARTS_OF_ONE:
        value = params.get(name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            raise BadRequest(f"{name} must be a number from 0 to 1", param=name)


async def _source(asked: Asked, params: dict[str, Any]) -> tuple[str, View | None]:
    """The mode, and the task of the song that it goes on from, whose id at the vendor takes the place of ours."""
    config = take(params, "config", dict, {})
    mode = take(config, "mode", str, "regular").strip().lower()  # as some server may read it
    source = take(config, "source", dict, {})
    song_id = take(source, "song_id", str, "")
    if not song_id:
        if mode in KINDS:
            raise BadRequest(f"config.source.song_id is required for the mode {mode}", param="config")
        return mode, None
    task_id, number = place_of(song_id)
    view = await asked.task(task_id, FAMILY)
    if view is None or number is None or number >= song_count(view):
        raise BadRequest(f"config.source.song_id: there is no song {song_id[:100]!r}", param="config")
    song = view.data[number] if isinstance(view.data, list) and number < len(view.data) else {}
    if not song.get("finished") or not song.get("id"):
        raise BadRequest("config.source.song_id: this song is not finished", param="config")
    params["config"] = config | {"source": source | {"song_id": song["id"]}}
    return mode, view


def _success(data: Any) -> Answer:
    return Answer({"code": "success", "message": "", "data": data})


ROUTES: Routes = {
    ("POST", "/submit/music"): submit_music,
    ("GET", "/fetch/{}"): fetch,
    ("POST", "/generate-proxy"): generate_proxy,
    ("GET", "/query"): query,
}


class UdioDoor:
    prefixes = ("/udio",)

    def handler(self, method: str, path: str) -> tuple[Handler, tuple[str, ...]]:
        return look_up(ROUTES, method, path.rstrip("/") or "/")

    def refusal(self, error: PronghornError, request_id: str) -> Rendered:
        if isinstance(error, NoChannel | ModelNotFound):
            return told(error, 503, "channel_unavailable", "udio is not available", request_id)
        return refused(error, request_id, FAMILY)


door = UdioDoor()
