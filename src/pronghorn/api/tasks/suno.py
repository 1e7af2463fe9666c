"""`/suno`: songs, lyrics and what is made of them, as Suno clients ask gateways for it."""

from typing import Any

from pronghorn.api.tasks import suno_acts
from pronghorn.api.tasks.door import Answer, Asked, Handler, Routes, look_up, take
from pronghorn.api.tasks.suno_order import FAMILY, READ, envelope, missing, order, shown
from pronghorn.api.tasks.suno_refusal import refused
from pronghorn.convert.errors import Rendered
from pronghorn.errors import BadRequest, PronghornError
from pronghorn.wire.suno import is_version, version

MOST_IDS = 1000
"""That one request may ask after."""
KINDS = {
    "extend": "extend",
    "upload_extend": "upload-extend",
    "cover": "cover",
    "infill": "infill",
    "overpainting": "overpainting",
    "underpainting": "underpainting",
}
"""What tasks are priced by; all others are songs."""
SOURCES = {
    "extend": "continue_clip_id",
    "upload_extend": "continue_clip_id",
    "infill": "continue_clip_id",
    "gen_stem": "continue_clip_id",
    "cover": "cover_clip_id",
    "overpainting": "overpainting_clip_id",
    "artist_consistency": "persona_id",
}
"""What a task cannot do without."""
WORDS = ("gpt_description_prompt", "prompt", "tags", "title")


async def submit_music(asked: Asked) -> Answer:
    body = asked.body(*READ)
    task = take(body, "task", str, "").strip().lower()  # as some server may read it
    _check_words(body)
    if task in SOURCES and not take(body, SOURCES[task], str, ""):
        raise BadRequest(f"{SOURCES[task]} is empty, and task is {task}", param=SOURCES[task])
    if not task and not any(body.get(name) for name in (*WORDS, "continue_clip_id")):
        raise BadRequest("prompt_empty: say gpt_description_prompt, prompt, tags or title", param="prompt")
    _name_version(body)
    if task != "upload_extend":
        await _name_task(asked, body)
    return envelope((await order(asked, "music", body, _kind(task, body))).id)


def _check_words(body: dict[str, Any]) -> None:
    words = {name: take(body, name, str, "") for name in WORDS}
    if words["prompt"] and words["gpt_description_prompt"]:
        raise BadRequest("prompt must be empty beside gpt_description_prompt", param="prompt")


def _name_version(body: dict[str, Any]) -> None:
    """Versions have several names, and some clients say `model` for it."""
    asked = take(body, "mv", str, "")
    other = body.get("model")
    if asked:
        body["mv"] = version(asked)
    elif isinstance(other, str) and is_version(other):
        body["mv"] = version(other)


async def _name_task(asked: Asked, body: dict[str, Any]) -> None:
    """Clients are told to name the task of a clip that they go on from, and we know it anyway."""
    clip = take(body, "continue_clip_id", str, "")
    if not clip or body.get("task_id"):
        return
    made = await asked.tasks.of_part(asked.grant, clip)
    if made is not None and made.upstream_id:
        body["task_id"] = made.id


def _kind(task: str, body: dict[str, Any]) -> str:
    if task == "gen_stem":
        words = (str(body.get(name) or "").strip().lower() for name in ("stem_task", "stem_type_group_name"))
        return "stems/all" if "twelve" in words else "stems"
    if not task and body.get("continue_clip_id"):
        return "extend"  # older servers know it by the clip alone
    return KINDS.get(task, "music")


async def submit_lyrics(asked: Asked) -> Answer:
    body = asked.body(*READ)
    if not take(body, "prompt", str, "").strip():
        raise BadRequest("prompt_empty", param="prompt")
    return envelope((await order(asked, "lyrics", body, "lyrics")).id)


async def submit_concat(asked: Asked) -> Answer:
    body = asked.body(*READ)
    if not take(body, "clip_id", str, ""):
        raise BadRequest("clip_id is empty", param="clip_id")
    return envelope((await order(asked, "concat", body, "concat")).id)


async def submit_other(asked: Asked, action: str) -> Answer:
    raise BadRequest("invalid_action: it is music, lyrics or concat", param="action")


async def fetch_one(asked: Asked, task_id: str) -> Answer:
    view = await asked.task(task_id, FAMILY)
    if view is None:
        raise missing()
    return envelope(shown(asked, view))


async def fetch_many(asked: Asked) -> Answer:
    """In the order asked for; what nobody here has asked for is left out."""
    ids = list(dict.fromkeys(str(one) for one in take(asked.body(), "ids", list, [])))
    if len(ids) > MOST_IDS:
        raise BadRequest(f"ids may be {MOST_IDS} at most", param="ids")
    return envelope([shown(asked, view) async for view in asked.several(ids, FAMILY)])


ROUTES: Routes = {
    ("POST", "/submit/music"): submit_music,
    ("POST", "/submit/lyrics"): submit_lyrics,
    ("POST", "/submit/concat"): submit_concat,
    ("POST", "/submit/{}"): submit_other,
    ("POST", "/fetch"): fetch_many,
    ("GET", "/fetch/{}"): fetch_one,
    **suno_acts.ROUTES,
}


class SunoDoor:
    prefixes = ("/suno",)

    def handler(self, method: str, path: str) -> tuple[Handler, tuple[str, ...]]:
        # Gateways write the action in capitals.
        lowered = path.lower() if path.lower().startswith("/submit/") else path
        return look_up(ROUTES, method, lowered.rstrip("/") or "/")

    def refusal(self, error: PronghornError, request_id: str) -> Rendered:
        return refused(error, request_id, FAMILY)


door = SunoDoor()
