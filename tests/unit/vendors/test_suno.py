"""Suno's own protocol: what is asked, and every form of an answer that a server may give."""

import json
from typing import Any

import pytest

from pronghorn.vendors.suno import Gateway, progress_of
from pronghorn.vendors.task import Accepted, Ask, Declined, Parent, Submission

GATEWAY = Gateway()
CLIP = "b2a64f0e-0c5d-4e4f-8d43-1b2f1f0c7a55"
TASK = "5f0c9a14-58be-4f0e-9b37-6d4a4f8a2c10"


def wanted(action: str = "music", **body: Any) -> Submission:
    return Submission(task_id="ours", action=action, body=body, model="suno")


def clip(status: str, message: str | None = None) -> dict[str, Any]:
    url = f"https://cdn1.suno.ai/{CLIP}.mp3" if status == "complete" else ""
    return {"id": CLIP, "status": status, "audio_url": url, "metadata": {"error_message": message}}


SILENT = clip("complete") | {"audio_url": "", "image_url": "https://cdn2.suno.ai/a.jpeg", "text": "la"}


@pytest.mark.parametrize(
    ("action", "method", "path"),
    [
        ("music", "POST", "/suno/submit/music"),
        ("lyrics", "POST", "/suno/submit/lyrics"),
        ("concat", "POST", "/suno/submit/concat"),
        ("upload", "POST", "/suno/uploads/audio-url"),
        ("persona", "POST", "/suno/persona/create"),
        ("tags", "POST", "/suno/act/tags"),
        ("timing", "GET", f"/suno/act/timing/{CLIP}"),
        ("wav", "GET", f"/suno/act/wav/{CLIP}"),
        ("mp4", "GET", f"/suno/act/mp4/{CLIP}"),
        ("midi", "GET", f"/suno/act/midi/{CLIP}"),
        ("vox", "POST", f"/suno/act/vox/{CLIP}"),
    ],
)
def test_each_action_has_its_route(action: str, method: str, path: str) -> None:
    ask = GATEWAY.submit(wanted(action, clip_id=CLIP))
    assert (ask.method, ask.path) == (method, path)
    assert (ask.body is None) == (method == "GET")


def test_all_that_it_can_do_has_a_route() -> None:
    asks = [GATEWAY.submit(wanted(action, clip_id="c")) for action in GATEWAY.actions]
    assert len({ask.path for ask in asks}) == len(GATEWAY.actions) == 11


def test_a_clips_name_cannot_leave_its_segment() -> None:
    assert GATEWAY.submit(wanted("wav", clip_id="../x?y")).path == "/suno/act/wav/..%2Fx%3Fy"


def test_the_vendors_task_takes_the_place_of_ours() -> None:
    asked = wanted(task_id="ours", continue_clip_id=CLIP)
    asked.parent = Parent(TASK, None)
    asked.callback_url = "https://gateway.example/hooks/tasks/ours/x"
    assert GATEWAY.submit(asked) == Ask(
        "POST",
        "/suno/submit/music",
        {
            "task_id": TASK,
            "continue_clip_id": CLIP,
            "mv": "chirp-auk",
            "notify_hook": "https://gateway.example/hooks/tasks/ours/x",
        },
    )


def success(data: Any, code: Any = "success") -> dict[str, Any]:
    return {"code": code, "message": "", "data": data}


@pytest.mark.parametrize(
    ("asked", "reply", "accepted"),
    [
        (wanted(), success(TASK), Accepted(TASK)),
        (wanted(), success(TASK, 1), Accepted(TASK)),
        (wanted(), success(TASK, 200), Accepted(TASK)),
        (wanted(), success(TASK, "200"), Accepted(TASK)),
        (wanted(), success(TASK, "SUCCESS"), Accepted(TASK)),
        (wanted(), success({"task_id": TASK}), Accepted(TASK)),
        (wanted(), success([{"task_id": TASK}]), Accepted(TASK)),
        (wanted(), success(4711), Accepted("4711")),
        (wanted(), {"data": [{"task_id": TASK}]}, Accepted(TASK)),
        (wanted("lyrics"), {"task_id": TASK, "status": "queued"}, Accepted(TASK)),
        # Taken, and nobody knows as what.
        (wanted(), success(None), Accepted("")),
        (wanted(), success(0), Accepted("")),
        (wanted(), success(True), Accepted("")),
        (wanted(), success({}), Accepted("")),
        (
            wanted(),
            {"id": TASK, "clips": [clip("submitted"), "odd"], "metadata": {}},
            Accepted(TASK, data=[clip("submitted")]),
        ),
        (wanted("wav", clip_id=CLIP), success(TASK), Accepted(TASK)),
        (
            wanted("upload", url="https://files.example/demo.mp3"),
            success(CLIP),
            Accepted(
                "",
                "succeeded",
                [{"id": CLIP, "status": "complete", "title": "", "metadata": {"type": "upload"}}],
            ),
        ),
        (
            wanted("upload", url="https://files.example/demo.mp3"),
            success({"task_id": TASK, "clip_id": CLIP}),
            Accepted(
                "",
                "succeeded",
                [{"id": CLIP, "status": "complete", "title": "", "metadata": {"type": "upload"}}],
            ),
        ),
        (
            wanted("persona"),
            {"id": "p", "root_clip_id": CLIP},
            Accepted("", "succeeded", {"id": "p", "root_clip_id": CLIP}),
        ),
        (
            wanted("tags", original_tags="x"),
            {"upsampled_tags": "x, y", "request_id": "r"},
            Accepted(
                "",
                "succeeded",
                {"act": "tags", "clip_id": "", "answer": {"upsampled_tags": "x, y", "request_id": "r"}},
            ),
        ),
        (
            wanted("wav", clip_id=CLIP),
            {"wav_file_url": "https://cdn1.suno.ai/a.wav"},
            Accepted(
                "",
                "succeeded",
                {"act": "wav", "clip_id": CLIP, "answer": {"wav_file_url": "https://cdn1.suno.ai/a.wav"}},
            ),
        ),
        (
            wanted("mp4", clip_id=CLIP),
            success({"video_url": "https://cdn1.suno.ai/a.mp4"}),
            Accepted(
                "",
                "succeeded",
                {"act": "mp4", "clip_id": CLIP, "answer": {"video_url": "https://cdn1.suno.ai/a.mp4"}},
            ),
        ),
    ],
)
@pytest.mark.parametrize("status", [200, 202])
def test_what_was_accepted(asked: Submission, status: int, reply: Any, accepted: Accepted) -> None:
    assert GATEWAY.accepted(asked, status, reply) == accepted


@pytest.mark.parametrize(
    ("action", "status", "reply", "fault"),
    [
        ("music", 200, {"code": "internal_error", "message": "x"}, "vendor"),
        ("music", 200, None, "vendor"),
        ("music", 200, [], "vendor"),
        ("music", 200, {"clips": "none"}, "vendor"),
        ("music", 200, {"error": "no", "data": "x"}, "vendor"),
        ("music", 301, {"message": "moved"}, "vendor"),
        ("music", 400, {"code": "invalid_request", "message": "x"}, "request"),
        ("concat", 400, {"code": "invalid_request", "message": "invalid_action"}, "unable"),
        ("tags", 404, {"error": {"message": "Invalid URL"}}, "unable"),
        ("music", 401, {"code": "invalid_request"}, "account"),
        ("music", 402, {}, "account"),
        ("music", 403, {"code": "quota_not_enough"}, "account"),
        ("music", 429, {}, "busy"),
        ("music", 503, {"code": "provider_not_found"}, "vendor"),
        ("upload", 200, {"code": "success", "data": {}}, "vendor"),
        ("persona", 200, {"name": "without an id"}, "vendor"),
        ("midi", 200, {"state": "error", "error_message": "x"}, "vendor"),
    ],
)
def test_what_was_declined(action: str, status: int, reply: Any, fault: str) -> None:
    with pytest.raises(Declined) as refusal:
        GATEWAY.accepted(wanted(action, clip_id=CLIP), status, reply)
    assert refusal.value.fault == fault


@pytest.mark.parametrize(
    ("action", "reply"),
    [
        ("midi", {"state": "running"}),
        ("wav", {}),
        ("mp4", {"video_url": ""}),
        ("mp4", {"status": "pending", "video_url": ""}),
        ("vox", {"status": "complete", "vocal_audio_url": ""}),
    ],
)
def test_what_is_not_ready_is_told_with_a_good_status(action: str, reply: Any) -> None:
    with pytest.raises(Declined) as refusal:
        GATEWAY.accepted(wanted(action, clip_id=CLIP), 200, reply)
    assert (refusal.value.status, refusal.value.answer, refusal.value.fault) == (200, reply, "request")


@pytest.mark.parametrize(
    ("action", "reply", "told"),
    [
        ("wav", {"state": "running", "url": "https://cdn.example/a.wav"}, {"state": "running"}),
        ("mp4", {"video_url": "", "audio_url": "https://cdn.example/a.mp3"}, {"video_url": ""}),
        ("midi", {"state": "running", "clip": {"audio_url": "https://cdn.example/a"}}, {"state": "running"}),
    ],
)
def test_what_is_not_ready_gives_no_address_away(action: str, reply: Any, told: Any) -> None:
    with pytest.raises(Declined) as refusal:
        GATEWAY.accepted(wanted(action, clip_id=CLIP), 200, reply)
    assert refusal.value.answer == told


@pytest.mark.parametrize("member", ["wavUrl", "audio_url", "url", "wav_url_hd", "wav_file_url"])
def test_a_file_is_ready_by_whatever_name(member: str) -> None:
    accepted = GATEWAY.accepted(wanted("wav", clip_id=CLIP), 200, {member: "https://cdn.example/a.wav"})
    assert accepted.state == "succeeded"


@pytest.mark.parametrize(
    "reply", [{"detail": "see http://10.0.0.7"}, {"code": "x", "error": "dial tcp 10.0.0.7"}]
)
def test_a_refusal_gives_no_address_away(reply: Any) -> None:
    with pytest.raises(Declined) as refusal:
        GATEWAY.accepted(wanted(), 400, reply)
    assert "10.0.0.7" not in str((refusal.value.reason, refusal.value.answer))


@pytest.mark.parametrize(
    ("task", "state", "reason"),
    [
        ({"status": "NOT_START"}, "queued", ""),
        ({"status": "SUBMITTED", "data": [clip("submitted")]}, "queued", ""),
        ({"status": "QUEUED", "data": []}, "queued", ""),
        ({"status": "IN_PROGRESS", "data": [clip("streaming"), clip("complete")]}, "running", ""),
        ({"status": "SUCCESS", "data": [clip("complete"), clip("complete")]}, "succeeded", ""),
        ({"status": "SUCCESS", "data": [clip("error", "oops"), clip("error", "oops")]}, "failed", "oops"),
        ({"status": "SUCCESS", "data": None}, "running", ""),
        # Gateways take a task with a reason for one that has failed.
        ({"status": "SUCCESS", "fail_reason": "ok", "data": [clip("complete")]}, "succeeded", ""),
        (
            {"status": "SUCCESS", "fail_reason": "https://cdn1.suno.ai/a.mp3", "data": [clip("complete")]},
            "succeeded",
            "",
        ),
        ({"status": "SUCCESS", "data": {"status": "complete", "text": "la"}}, "succeeded", ""),
        ({"status": "FAILURE", "data": [clip("error", "oops"), clip("complete")]}, "succeeded", "oops"),
        ({"status": "FAILURE", "fail_reason": "banned", "data": None}, "failed", "banned"),
        ({"status": "FAILURE", "data": [clip("error", "oops")]}, "failed", "oops"),
        ({"status": "UNKNOWN"}, "failed", ""),
        ({"status": "SINGING"}, None, ""),
        ({"data": [clip("complete"), clip("error", "oops")]}, "succeeded", "oops"),
        ({"data": [clip("complete"), clip("streaming")]}, "running", ""),
        ({"data": [clip("humming")]}, None, ""),
        ({"status": "SUCCESS", "data": json.dumps([clip("complete")])}, "succeeded", ""),
        ({"status": "SUCCESS", "data": '{"status": "complete", "text": "la"}'}, "succeeded", ""),
        ({"status": "SUCCESS", "data": "https://cdn1.suno.ai/a.mp3"}, "running", ""),
        # A success without what was asked for is none.
        ({"status": "SUCCESS", "data": [SILENT]}, "running", ""),
        ({"status": "SUCCESS", "data": [SILENT, clip("complete")]}, "succeeded", ""),
        (
            {"status": "SUCCESS", "data": [SILENT | {"video_url": "https://cdn1.suno.ai/a.mp4"}]},
            "succeeded",
            "",
        ),
        (
            {"status": "SUCCESS", "data": [SILENT, clip("complete", "oops") | {"status": "error"}]},
            "running",
            "oops",
        ),
        ({"status": "FAILURE", "fail_reason": "banned", "data": [SILENT]}, "failed", "banned"),
        ({"data": [SILENT]}, "running", ""),
        ({"status": "SUCCESS", "data": {"status": "complete", "text": ""}}, "running", ""),
        ({"status": "SUCCESS", "data": {"wav_file_url": ""}}, "running", ""),
        ({"status": "SUCCESS", "data": {"wav_file_url": "https://cdn1.suno.ai/a.wav"}}, "succeeded", ""),
        ({"status": "SUCCESS", "data": {"instruments": [{"name": "bass"}]}}, "succeeded", ""),
    ],
)
def test_how_a_task_goes(task: dict[str, Any], state: str | None, reason: str) -> None:
    found = progress_of(task)
    assert (found.state, found.reason) == (state, reason)


def test_lyrics_may_come_in_a_list() -> None:
    lyrics = {"id": "l", "status": "complete", "title": "t", "text": "la"}
    assert progress_of({"status": "SUCCESS", "data": [lyrics]}).data == lyrics


@pytest.mark.parametrize(
    ("text", "percent"), [("45%", 45), (45, 45), ("", None), (None, None), ("half", None)]
)
def test_progress_may_be_missing(text: Any, percent: int | None) -> None:
    assert progress_of({"status": "IN_PROGRESS", "progress": text}).percent == percent


def test_several_tasks_are_told_apart() -> None:
    tasks = [
        {"task_id": "a", "status": "SUCCESS", "data": [clip("complete")]},
        {"task_id": "b", "status": "QUEUED"},
    ]
    found = GATEWAY.progress(["a", "b", "c"], 200, success([*tasks, None], "200"))
    assert {name: one.state for name, one in found.items()} == {"a": "succeeded", "b": "queued"}


@pytest.mark.parametrize(
    ("status", "reply"),
    [
        (500, None),
        (200, []),
        (200, {"code": "internal_error"}),
        (429, {}),
        (200, {"code": "success", "data": "in a while"}),
    ],
)
def test_no_list_is_no_answer(status: int, reply: Any) -> None:
    with pytest.raises(ValueError):
        GATEWAY.progress(["a"], status, reply)


def test_a_callback_says_which_task_it_is_of() -> None:
    assert GATEWAY.called_back({"task_id": TASK, "status": "SUCCESS"}) == TASK
    others: list[Any] = [{}, [], None, {"task_id": 7}]
    assert [GATEWAY.called_back(body) for body in others] == [None] * 4
