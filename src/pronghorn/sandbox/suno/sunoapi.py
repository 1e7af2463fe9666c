"""The API of sunoapi.org's kind, under /sunoapi: camel case, a number for a code, records to ask after a task."""

import json
from typing import Any

from aiohttp import web

from pronghorn.sandbox.errors import SandboxError
from pronghorn.sandbox.reply import reply_json
from pronghorn.sandbox.song import uploads, words
from pronghorn.sandbox.song.fields import Shape, choice, flag, number, read_body, refusal, text, url
from pronghorn.sandbox.song.files import address
from pronghorn.sandbox.song.hooks import HOOKS
from pronghorn.sandbox.song.tasks import DESK, FIRST_DONE_AT, STREAMING_FROM, Clip, Place, Task, ending
from pronghorn.sandbox.suno import account, models, order
from pronghorn.sandbox.suno.order import SUNOAPI, Order
from pronghorn.sandbox.suno.submit import LYRICS_S, MUSIC_S

PREFIX = "/sunoapi"
_ROOT = f"{PREFIX}/api/v1"

MAX_IDEA = 500
_TITLE = {"V4": 80, "V4_5ALL": 80}
"""Characters of a title; 100 for the other models."""
_DEFAULT_TITLE = 100


def render(error: SandboxError, _request: web.Request) -> web.Response:
    body = {"code": error.status, "msg": error.message, "data": None}
    headers = {"retry-after": "1"} if error.status == 429 else {}
    return web.json_response(body, status=error.status, headers=headers)


async def generate(request: web.Request) -> web.StreamResponse:
    body = await read_body(request)
    asked = _order(body)
    if not (asked.idea or asked.lyrics or asked.is_instrumental):
        raise refusal("prompt is required", param="prompt")
    return await _begin(request, body, asked, order.songs(asked))


async def extend(request: web.Request) -> web.StreamResponse:
    """With `defaultParamFlag` false all but the source and the model stays as it was."""
    body = await read_body(request)
    source = order.source(request.app[DESK], text(body, "audioId"), "audioId")
    return await _extend(request, body, source)


async def upload_extend(request: web.Request) -> web.StreamResponse:
    body = await read_body(request)
    return await _extend(request, body, await _uploaded(request, body))


async def upload_cover(request: web.Request) -> web.StreamResponse:
    body = await read_body(request)
    asked = _order(body)
    return await _begin(request, body, asked, order.covers(asked, await _uploaded(request, body)))


async def lyrics(request: web.Request) -> web.StreamResponse:
    body = await read_body(request)
    prompt = text(body, "prompt")
    if not prompt:
        raise refusal("prompt is required", param="prompt")
    variants = [words.write(prompt, str(number)) for number in range(order.CLIPS)]
    shown = {"param": json.dumps(body), "lyrics": variants}
    hook = url(body, "callBackUrl")
    task = Task(SUNOAPI, "LYRICS", [], ending(request, prompt), hook, shown)
    request.app[HOOKS].at_end(task, lambda: _callback(task, _lyrics_data(task)))
    request.app[DESK].begin(request, task, LYRICS_S)
    return await _success(request, {"taskId": task.id})


async def record_info(request: web.Request) -> web.StreamResponse:
    task = _task(request, "MUSIC")
    songs = [_song(request, Place(task, at)) for at in range(len(task.clips))]
    status = _status(request, task)
    songs = [] if status == "PENDING" or task.ending in ("fail", "moderated") else songs
    return await _success(request, _record(request, task, {"taskId": task.id, "sunoData": songs}))


async def lyrics_record_info(request: web.Request) -> web.StreamResponse:
    task = _task(request, "LYRICS")
    is_over = task.is_over(request.app[DESK].now_s)
    data = _lyrics_data(task) if is_over and not task.ending else []
    return await _success(request, _record(request, task, {"taskId": task.id, "data": data}))


async def credit(request: web.Request) -> web.StreamResponse:
    return await _success(request, account.CREDITS["credits_left"])


def _order(body: Shape) -> Order:
    """Raises `SandboxError` for what this API requires and limits."""
    name = choice(body, "model", tuple(models.CAMEL), "")
    version = models.version(models.CAMEL[name])
    is_custom = flag(body, "customMode") or flag(body, "defaultParamFlag")
    is_instrumental = flag(body, "instrumental")
    prompt = text(body, "prompt", most=version.lyrics if is_custom else MAX_IDEA)
    asked = Order(
        idea="" if is_custom else prompt,
        lyrics=prompt if is_custom and not is_instrumental else "",
        tags=text(body, "style", most=version.tags) if is_custom else "",
        negative_tags=text(body, "negativeTags"),
        title=text(body, "title", most=_TITLE.get(name, _DEFAULT_TITLE)) if is_custom else "",
        model=models.CAMEL[name],
        is_instrumental=is_instrumental,
    )
    if flag(body, "customMode") and not (asked.tags and asked.title):
        raise refusal("style and title are required in custom mode", param="style")
    for weight in ("styleWeight", "weirdnessConstraint", "audioWeight"):
        number(body, weight, high=1.0)
    choice(body, "vocalGender", ("m", "f"), "m")
    return asked


async def _uploaded(request: web.Request, body: Shape) -> Place:
    return await uploads.take_in(request, text(body, "uploadUrl"), SUNOAPI)


async def _extend(request: web.Request, body: Shape, source: Place) -> web.StreamResponse:
    asked = _order(body)
    at_s, length_s = number(body, "continueAt"), source.clip.take.length_s
    if at_s is not None and not 0 < at_s < length_s:
        raise refusal(f"continueAt must be above 0 and below {length_s:g}", param="continueAt")
    if not asked.lyrics and not asked.is_instrumental:
        asked = Order(asked.idea, source.clip.lyrics, model=asked.model)
    return await _begin(request, body, asked, order.continuations(asked, source, at_s))


async def _begin(request: web.Request, body: Shape, asked: Order, clips: list[Clip]) -> web.StreamResponse:
    ends = ending(request, asked.idea, asked.lyrics)
    shown = {"param": json.dumps(body)}
    task = Task(SUNOAPI, "MUSIC", clips, ends, url(body, "callBackUrl"), shown)
    request.app[HOOKS].at_end(task, lambda: _callback(task, _called_back(request, task)))
    request.app[DESK].begin(request, task, MUSIC_S)
    return await _success(request, {"taskId": task.id})


def _task(request: web.Request, action: str) -> Task:
    task = request.app[DESK].task(request.query.get("taskId", ""), SUNOAPI)
    if task is None or task.action != action:
        raise SandboxError("taskId: there is no such task", status=404, param="taskId")
    return task


def _status(request: web.Request, task: Task) -> str:
    part, is_over = task.part(request.app[DESK].now_s), task.is_over(request.app[DESK].now_s)
    if is_over and task.ending == "moderated":
        return "SENSITIVE_WORD_ERROR"
    if is_over and task.ending == "fail":
        return "GENERATE_AUDIO_FAILED" if task.clips else "GENERATE_LYRICS_FAILED"
    if is_over:
        return "SUCCESS"
    if not task.clips or part < STREAMING_FROM:
        return "PENDING"
    return "FIRST_SUCCESS" if part >= FIRST_DONE_AT else "TEXT_SUCCESS"


def _record(request: web.Request, task: Task, response: Shape) -> Shape:
    has_failed = bool(task.ending in ("fail", "moderated") and task.is_over(request.app[DESK].now_s))
    return {
        "taskId": task.id,
        "parentMusicId": task.clips[0].shown.get("audio_prompt_id") or "" if task.clips else "",
        "param": task.shown["param"],
        "response": response,
        "status": _status(request, task),
        "type": "GENERATE" if task.clips else "LYRICS",
        "errorCode": (400 if task.ending == "moderated" else 500) if has_failed else None,
        "errorMessage": task.message if has_failed else None,
    }


def _song(request: web.Request, place: Place) -> Shape:
    clip, stage = place.clip, place.stage(request.app[DESK].now_s)
    can_be_heard = stage in ("streaming", "complete")
    return {
        "id": clip.id,
        "audioUrl": address(request, clip, "mp3") if stage == "complete" else "",
        "streamAudioUrl": address(request, clip, "stream") if can_be_heard else "",
        "imageUrl": address(request, clip, "image") if can_be_heard else "",
        "prompt": clip.lyrics,
        "modelName": clip.model,
        "title": clip.title,
        "tags": clip.tags,
        "createTime": int(place.task.submitted_at * 1000),
        "duration": round(clip.take.length_s, 2) if stage == "complete" else None,
    }


def _called_back(request: web.Request, task: Task) -> list[Shape]:
    """Finished songs as callbacks have them: in snake case, and with the addresses at their source."""
    found = []
    for at in range(len(task.clips)):
        song = _song(request, Place(task, at))
        item: dict[str, Any] = {
            "id": song["id"],
            "audio_url": song["audioUrl"],
            "source_audio_url": song["audioUrl"],
            "stream_audio_url": song["streamAudioUrl"],
            "source_stream_audio_url": song["streamAudioUrl"],
            "image_url": song["imageUrl"],
            "source_image_url": song["imageUrl"],
            "prompt": song["prompt"],
            "model_name": song["modelName"],
            "title": song["title"],
            "tags": song["tags"],
            "createTime": song["createTime"],
            "duration": song["duration"],
        }
        found.append(item)
    return found


def _lyrics_data(task: Task) -> list[Shape]:
    return [
        {"text": written.text, "title": written.title, "status": "complete", "errorMessage": ""}
        for written in task.shown["lyrics"]
    ]


def _callback(task: Task, data: list[Shape]) -> Shape:
    if task.ending in ("fail", "moderated"):
        code = 400 if task.ending == "moderated" else 500
        return {
            "code": code,
            "msg": task.message,
            "data": {"callbackType": "error", "task_id": task.id, "data": None},
        }
    found = {"callbackType": "complete", "task_id": task.id, "data": data}
    return {"code": 200, "msg": "All generated successfully.", "data": found}


async def _success(request: web.Request, data: Any) -> web.StreamResponse:
    return await reply_json(request, {"code": 200, "msg": "success", "data": data})


routes = [
    web.post(f"{_ROOT}/generate", generate),
    web.post(f"{_ROOT}/generate/extend", extend),
    web.post(f"{_ROOT}/generate/upload-cover", upload_cover),
    web.post(f"{_ROOT}/generate/upload-extend", upload_extend),
    web.get(f"{_ROOT}/generate/record-info", record_info),
    web.get(f"{_ROOT}/generate/credit", credit),
    web.post(f"{_ROOT}/lyrics", lyrics),
    web.get(f"{_ROOT}/lyrics/record-info", lyrics_record_info),
]
