"""Midjourney's adapters: what they ask for and how they read what servers say, by the protocol's own examples."""

from typing import Any

import pytest

from pronghorn import vendors
from pronghorn.vendors.midjourney import MidjourneyAdapter, plus
from pronghorn.vendors.task import Accepted, Ask, Declined, Parent, Progress, Submission
from pronghorn.wire.midjourney import buttons

H = "7c1d52f8-9b60-4e0a-a4f1-5f0d4f3b8e21"
OURS, THEIRS = "1761004412873000000000001", "1761004412873519"
PARENT = Parent(THEIRS, {"buttons": buttons.grid(H)})
TRUEAI: MidjourneyAdapter = vendors.load()["midjourney_trueai"].tasks["midjourney"]  # type: ignore[assignment]
NOVICEZK: MidjourneyAdapter = vendors.load()["midjourney_novicezk"].tasks["midjourney"]  # type: ignore[assignment]
ALL = [plus, TRUEAI, NOVICEZK]


def wanted(action: str, body: dict[str, Any], parent: Parent | None = None, **more: Any) -> Submission:
    return Submission(
        task_id=OURS, action=action, body=body, parent=parent, speed=more.pop("speed", "fast"), **more
    )


IMAGINE = wanted("imagine", {"prompt": "a lighthouse", "botType": "MID_JOURNEY"})
U2 = wanted("upscale", {"taskId": OURS, "customId": f"MJ::JOB::upsample::2::{H}"}, PARENT)
INPAINT = wanted("inpaint", {"taskId": OURS, "customId": f"MJ::Inpaint::1::{H}::SOLO"}, PARENT)
MODAL = wanted("modal", {"taskId": OURS, "prompt": "a straw hat"}, Parent("1761010000000301", None))


@pytest.mark.parametrize(
    ("status", "reply", "known"),
    [
        (200, {"id": THEIRS, "status": "IN_PROGRESS"}, True),
        (204, None, False),
        (400, {"description": "task_no_found ", "type": "upstream_error", "code": 4}, False),
        (404, {"description": "task_not_found", "code": 3}, False),
    ],
)
def test_a_server_without_a_list_tells_of_one_task(status: int, reply: Any, known: bool) -> None:
    assert plus.poll_one("a/b") == Ask("GET", "/mj/task/a%2Fb/fetch")
    found = plus.progress([THEIRS], status, reply)
    assert {name: progress.state for name, progress in found.items()} == (
        {THEIRS: "running"} if known else {}
    )


# What is asked for


@pytest.mark.parametrize(
    ("action", "path"),
    [
        ("imagine", "/mj/submit/imagine"),
        ("blend", "/mj/submit/blend"),
        ("describe", "/mj/submit/describe"),
        ("shorten", "/mj/submit/shorten"),
        ("edits", "/mj/submit/edits"),
        ("video", "/mj/submit/video"),
        ("upload", "/mj/submit/upload-discord-images"),
        ("swap-face", "/mj/insight-face/swap"),
        ("modal", "/mj/submit/modal"),
    ],
)
@pytest.mark.parametrize("speed", ["fast", "relax", "turbo"])
def test_a_job_is_asked_for_at_its_address_and_speed(action: str, path: str, speed: str) -> None:
    asked = plus.submit(wanted(action, {}, speed=speed))
    assert asked == Ask(
        "POST", f"/mj-{speed}{path}", {"state": OURS, "accountFilter": {"modes": [speed.upper()]}}
    )


def test_what_is_between_the_caller_and_us_never_leaves() -> None:
    body = {
        "prompt": "a lighthouse made of blue glass, fog, wide shot --ar 3:2 --turbo --v 7 --s 150",
        "botType": "MID_JOURNEY",
        "base64Array": [],
        "state": "order-7781",
        "notifyHook": "https://shop.example/hooks/mj",
        "accountFilter": {"instanceId": "1204417760023145572", "modes": ["TURBO"]},
        "noStorage": True,
    }
    asked = plus.submit(wanted("imagine", body, speed="relax", callback_url="https://gw.example/hooks/1"))
    assert asked.body == {
        "prompt": "a lighthouse made of blue glass, fog, wide shot --ar 3:2 --v 7 --s 150",
        "botType": "MID_JOURNEY",
        "base64Array": [],
        "state": OURS,
        "notifyHook": "https://gw.example/hooks/1",
        "accountFilter": {"modes": ["RELAX"]},
        "noStorage": True,
    }
    assert body["state"] == "order-7781"


@pytest.mark.parametrize(
    ("asked", "path", "body"),
    [
        (U2, "/mj/submit/action", {"taskId": THEIRS, "customId": f"MJ::JOB::upsample::2::{H}"}),
        (
            wanted("variation", {"taskId": OURS, "action": "VARIATION", "index": 3}, PARENT),
            "/mj/submit/change",
            {"taskId": THEIRS, "action": "VARIATION", "index": 3},
        ),
        (
            wanted("reroll", {"taskId": OURS, "action": "REROLL"}, PARENT),
            "/mj/submit/change",
            {"taskId": THEIRS, "action": "REROLL", "index": 1},
        ),
        (
            wanted("upscale", {"content": f"{OURS} U4"}, PARENT),
            "/mj/submit/simple-change",
            {"content": f"{THEIRS} U4"},
        ),
        (MODAL, "/mj/submit/modal", {"taskId": "1761010000000301", "prompt": "a straw hat"}),
        (
            wanted("video", {"taskId": OURS, "action": "extend", "index": 0}, PARENT),
            "/mj/submit/video",
            {"taskId": THEIRS, "action": "extend", "index": 0},
        ),
        (wanted("imagine", {"prompt": "a cat"}, PARENT), "/mj/submit/imagine", {"prompt": "a cat"}),
    ],
)
def test_a_parent_has_the_name_that_it_has_there(asked: Submission, path: str, body: dict[str, Any]) -> None:
    found = plus.submit(asked)
    assert found.path == f"/mj-fast{path}"
    assert found.body == body | {"state": OURS, "accountFilter": {"modes": ["FAST"]}}


@pytest.mark.parametrize(
    ("asked", "custom_id"),
    [
        (wanted("upscale", {"content": f"{OURS} U4"}, PARENT), f"MJ::JOB::upsample::4::{H}"),
        (
            wanted("variation", {"taskId": OURS, "action": "VARIATION", "index": 3}, PARENT),
            f"MJ::JOB::variation::3::{H}",
        ),
        (wanted("reroll", {"taskId": OURS, "action": "REROLL"}, PARENT), f"MJ::JOB::reroll::0::{H}::SOLO"),
        (U2, f"MJ::JOB::upsample::2::{H}"),
    ],
)
def test_trueai_is_asked_for_changes_by_their_buttons(asked: Submission, custom_id: str) -> None:
    found = TRUEAI.submit(asked)
    assert found.path == "/mj-fast/mj/submit/action"
    assert found.body == {
        "taskId": THEIRS,
        "customId": custom_id,
        "state": OURS,
        "accountFilter": {"modes": ["FAST"]},
    }


def test_trueai_declines_a_change_without_a_button() -> None:
    with pytest.raises(Declined) as declined:
        TRUEAI.submit(wanted("upscale", {"content": f"{OURS} U4"}, Parent(THEIRS, {"buttons": []})))
    assert declined.value.fault == "request"


@pytest.mark.parametrize(
    ("asked", "path", "body"),
    [
        (IMAGINE, "/mj/submit/imagine", {"prompt": "a lighthouse", "botType": "MID_JOURNEY"}),
        (
            wanted("imagine", {"prompt": "a cat --fast"}, speed="turbo"),
            "/mj/submit/imagine",
            {"prompt": "a cat --turbo"},
        ),
        (wanted("blend", {"base64Array": ["a", "b"]}), "/mj/submit/blend", {"base64Array": ["a", "b"]}),
        (wanted("describe", {"base64": "a"}), "/mj/submit/describe", {"base64": "a"}),
        (U2, "/mj/submit/change", {"taskId": THEIRS, "action": "UPSCALE", "index": 2}),
        (
            wanted("variation", {"content": f"{OURS} V3"}, PARENT),
            "/mj/submit/change",
            {"taskId": THEIRS, "action": "VARIATION", "index": 3},
        ),
        (
            wanted("reroll", {"taskId": OURS, "customId": f"MJ::JOB::reroll::0::{H}::SOLO"}, PARENT),
            "/mj/submit/change",
            {"taskId": THEIRS, "action": "REROLL"},
        ),
        (
            wanted("variation", {"taskId": OURS, "action": "VARIATION", "index": 1}, PARENT),
            "/mj/submit/change",
            {"taskId": THEIRS, "action": "VARIATION", "index": 1},
        ),
    ],
)
def test_novicezk_is_asked_in_its_six_actions(asked: Submission, path: str, body: dict[str, Any]) -> None:
    assert asked.action in NOVICEZK.actions
    assert NOVICEZK.submit(asked) == Ask("POST", path, body | {"state": OURS})


@pytest.mark.parametrize(
    "asked",
    [
        wanted("upscale", {"customId": f"MJ::JOB::upsample_v7_2x_subtle::1::{H}::SOLO"}, PARENT),
        wanted("describe", {"link": "https://a.example/b.png"}),
    ],
)
def test_novicezk_declines_what_it_has_no_words_for(asked: Submission) -> None:
    with pytest.raises(Declined, match="not supported by this channel") as declined:
        NOVICEZK.submit(asked)
    assert declined.value.fault == "request"


def test_what_an_adapter_can_do() -> None:
    assert (
        TRUEAI.actions
        == plus.actions
        >= {"imagine", "modal", "pan", "video", "upload", "swap-face", "inpaint"}
    )
    assert NOVICEZK.actions == {"imagine", "blend", "describe", "upscale", "variation", "reroll"}


# What is answered


@pytest.mark.parametrize("adapter", ALL)
@pytest.mark.parametrize("result", [THEIRS, int(THEIRS)])
def test_what_was_taken_is_known_by_its_id(adapter: MidjourneyAdapter, result: Any) -> None:
    reply = {
        "code": 1,
        "description": "Submit success",
        "result": result,
        "properties": {
            "discordInstanceId": "1204417760023145572",
            "discordChannelId": "1204417760023145572",
        },
    }
    said = {"code": 1, "description": "Submit success", "properties": {}}
    assert adapter.accepted(IMAGINE, 200, reply) == Accepted(THEIRS, "queued", answer=said)


def test_a_place_in_the_queue_is_told() -> None:
    reply = {
        "code": 22,
        "description": "In queue, 3 tasks are ahead",
        "result": THEIRS,
        "properties": {"numberOfQueues": 3, "discordInstanceId": "1"},
    }
    said = {"code": 22, "description": "In queue, 3 tasks are ahead", "properties": {"numberOfQueues": 3}}
    assert plus.accepted(IMAGINE, 200, reply) == Accepted(THEIRS, "queued", answer=said)


def test_a_dialog_waits_for_its_answer() -> None:
    reply = {
        "code": 21,
        "description": "Waiting for window confirm",
        "result": "1761010000000301",
        "properties": {"finalPrompt": "red bicycle --v 7.0", "remix": True, "discordInstanceId": "1"},
    }
    found = plus.accepted(INPAINT, 200, reply)
    assert (found.upstream_id, found.state) == ("1761010000000301", "waiting_input")
    assert found.answer["properties"] == {"finalPrompt": "red bicycle --v 7.0", "remix": True}
    assert found.data["properties"] == {"finalPrompt": "red bicycle --v 7.0"}


def test_an_answered_dialog_runs_whatever_its_server_still_says() -> None:
    assert plus.accepted(MODAL, 200, {"code": 1, "result": "1761010000000301"}).state == "running"


def test_an_upscale_that_exists_is_there_at_once() -> None:
    reply = {
        "code": 21,
        "description": "task exists",
        "result": THEIRS,
        "properties": {"status": "SUCCESS", "imageUrl": "https://cdn.example/a.png"},
    }
    found = NOVICEZK.accepted(U2, 200, reply)
    assert (found.upstream_id, found.state) == (THEIRS, "succeeded")
    assert found.data["imageUrl"] == "https://cdn.example/a.png"
    reply["properties"] = {"status": "IN_PROGRESS", "imageUrl": ""}
    assert NOVICEZK.accepted(U2, 200, reply).state == "queued"
    assert plus.accepted(U2, 200, {"code": 21, "result": THEIRS}).state == "queued"


def test_uploads_are_over_at_once_and_told_as_they_are() -> None:
    urls = [
        "https://cdn.discordapp.com/attachments/1/2/a.png",
        "https://cdn.discordapp.com/attachments/1/2/b.png",
    ]
    reply = {"code": 1, "description": "Submit success", "result": urls}
    found = plus.accepted(UPLOAD, 200, reply)
    assert (found.upstream_id, found.state) == ("", "succeeded")
    assert found.answer == {
        "code": 1,
        "description": "Submit success",
        "result": urls,
        "properties": {},
    }


UPLOAD = wanted("upload", {"base64Array": ["a", "b"]})
LEAK = 'Post "http://10.9.8.7:8080/mj/submit/imagine?key=sk-up": dial tcp 10.9.8.7:8080: i/o timeout'
NEUTRAL = "the vendor's own request failed"
NO_ACCOUNT = {"code": 3, "description": "No available account instance"}
BANNED = {
    "code": 24,
    "description": "may contain sensitive words",
    "properties": {"promptEn": "a bannedword", "bannedWord": "bannedword", "discordInstanceId": "1"},
}

REFUSALS: list[tuple[Submission, int, Any, str, Any]] = [
    # The submission, status and body; whose fault it is, and what the caller is told of it.
    (
        IMAGINE,
        200,
        {"code": 23, "description": "queue is full", "properties": {"discordInstanceId": "1"}},
        "busy",
        {"code": 23, "description": "queue is full"},
    ),
    (
        IMAGINE,
        200,
        BANNED,
        "moderated",
        {**BANNED, "properties": {"promptEn": "a bannedword", "bannedWord": "bannedword"}},
    ),
    (IMAGINE, 200, NO_ACCOUNT, "account", None),
    (IMAGINE, 404, NO_ACCOUNT, "account", None),
    (U2, 404, {"code": 3, "description": "gone"}, "request", {"code": 3, "description": "gone"}),
    (U2, 200, {"code": 3, "description": "账号不可用"}, "account", None),
    (IMAGINE, 200, {"code": 4, "description": "bad"}, "request", {"code": 4, "description": "bad"}),
    (
        IMAGINE,
        400,
        {"description": "prompt_is_required ", "type": "upstream_error", "code": 4},
        "request",
        {"code": 4, "description": "prompt_is_required "},
    ),
    (
        IMAGINE,
        400,
        {"description": "quota_not_enough ", "type": "upstream_error", "code": 4},
        "account",
        None,
    ),
    (IMAGINE, 401, {"description": "no key", "type": "new_api_error", "code": 4}, "account", None),
    (IMAGINE, 403, {"description": "no", "type": "new_api_error", "code": 4}, "account", None),
    (IMAGINE, 401, None, "account", None),
    (IMAGINE, 503, {"description": "no channel", "type": "new_api_error", "code": 4}, "vendor", None),
    (IMAGINE, 500, {"code": 5, "description": "do_request_failed "}, "vendor", None),
    (IMAGINE, 200, {"code": 5, "description": "do_request_failed "}, "vendor", None),
    (IMAGINE, 400, {"code": 5, "description": f"do_request_failed {LEAK}"}, "vendor", None),
    (IMAGINE, 429, {"description": "saturated", "type": "upstream_error", "code": 30}, "busy", None),
    (IMAGINE, 200, {"code": 30, "description": "saturated"}, "busy", None),
    (
        IMAGINE,
        400,
        {"code": 4, "description": f"do_request_failed {LEAK}"},
        "request",
        {"code": 4, "description": NEUTRAL},
    ),
    (UPLOAD, 200, {"code": 1, "description": "Submit success", "result": [""]}, "vendor", None),
    (IMAGINE, 200, {"code": 9, "description": "internal error"}, "vendor", None),
    (IMAGINE, 200, {"code": "9", "description": "internal error"}, "vendor", None),
    (IMAGINE, 200, {"code": 1, "description": "Submit success"}, "vendor", None),
    (IMAGINE, 200, {"code": 1, "description": "Submit success", "result": ""}, "vendor", None),
    (IMAGINE, 200, None, "vendor", None),
    (IMAGINE, 204, None, "vendor", None),
    (IMAGINE, 502, None, "vendor", None),
    (IMAGINE, 200, [], "vendor", None),
    (IMAGINE, 200, "a page", "vendor", None),
]


@pytest.mark.parametrize(("asked", "status", "reply", "fault", "answer"), REFUSALS)
def test_a_refusal_says_whose_fault_it_is(
    asked: Submission, status: int, reply: Any, fault: str, answer: Any
) -> None:
    with pytest.raises(Declined) as declined:
        plus.accepted(asked, status, reply)
    assert (declined.value.fault, declined.value.answer) == (fault, answer)
    assert "10.9.8.7" not in declined.value.reason
    if answer is not None and fault != "request":
        assert declined.value.status == 200


def test_trueai_calls_a_full_queue_a_failure() -> None:
    with pytest.raises(Declined) as declined:
        TRUEAI.accepted(IMAGINE, 200, {"code": 9, "description": "queue is full"})
    assert (declined.value.fault, declined.value.answer) == ("busy", None)


# What becomes of a task

TASK = {
    "id": THEIRS,
    "action": "IMAGINE",
    "customId": "",
    "botType": "MID_JOURNEY",
    "prompt": "a lighthouse made of blue glass --ar 3:2 --v 7",
    "promptEn": "a lighthouse made of blue glass --ar 3:2 --v 7",
    "description": "Submit success",
    "state": OURS,
    "submitTime": 1761004412873,
    "startTime": 1761004414020,
    "finishTime": 1761004461877,
    "imageUrl": f"https://gw.example/mj/image/{THEIRS}",
    "imageHeight": 1792,
    "imageWidth": 2688,
    "videoUrl": "",
    "videoUrls": [],
    "status": "SUCCESS",
    "progress": "100%",
    "failReason": "",
    "buttons": [{**buttons.grid(H)[0], "internal": 1}, "odd"],
    "maskBase64": "",
    "properties": {
        "finalPrompt": "a lighthouse made of blue glass --ar 3:2 --v 7.0",
        "finalZhPrompt": "",
        "notifyHook": "https://gw.example/hooks/1",
        "messageHash": H,
        "discordInstanceId": "1204417760023145572",
    },
    "instanceId": "1204417760023145572",
    "clientIp": "10.0.0.1",
}


def test_of_a_task_is_kept_what_is_nobodys_account() -> None:
    progress = plus.progress([THEIRS], 200, [TASK])[THEIRS]
    assert (progress.state, progress.percent, progress.reason) == ("succeeded", 100, "")
    assert progress.data == {
        "status": "SUCCESS",
        "botType": "MID_JOURNEY",
        "prompt": "a lighthouse made of blue glass --ar 3:2 --v 7",
        "promptEn": "a lighthouse made of blue glass --ar 3:2 --v 7",
        "description": "Submit success",
        "imageUrl": f"https://gw.example/mj/image/{THEIRS}",
        "imageHeight": 1792,
        "imageWidth": 2688,
        "buttons": [buttons.grid(H)[0]],
        "properties": {
            "finalPrompt": "a lighthouse made of blue glass --ar 3:2 --v 7.0",
            "finalZhPrompt": "",
        },
    }


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("", "queued"),
        (None, "queued"),
        ("NOT_START", "queued"),
        ("SUBMITTED", "queued"),
        ("MODAL", "waiting_input"),
        ("IN_PROGRESS", "running"),
        ("SUCCESS", "succeeded"),
        ("FAILURE", "failed"),
        ("CANCEL", "cancelled"),
        ("DREAMING_OF_SHEEP", None),
    ],
)
def test_each_status_means_a_state(status: Any, state: Any) -> None:
    assert (
        plus.progress_of({"id": "1", "status": status, "imageUrl": "https://cdn.example/a.png"}).state
        == state
    )


NO_PICTURE = {"id": "1", "status": "SUCCESS", "imageUrl": "", "videoUrl": "", "videoUrls": []}


@pytest.mark.parametrize(
    ("task", "state"),
    [
        ({}, "running"),
        (
            {"action": "VIDEO", "videoUrls": [{"url": "", "thumbnail": "https://cdn.example/a.png"}]},
            "running",
        ),
        ({"action": "UPSCALE", "imageUrls": ["https://cdn.example/a.png"]}, "succeeded"),
        ({"action": "IMAGINE", "promptEn": "a cat", "properties": {"finalPrompt": "a cat"}}, "running"),
        ({"action": "VIDEO", "videoUrl": "https://cdn.example/a.mp4"}, "succeeded"),
        ({"action": "VIDEO", "videoUrls": [{"url": "https://cdn.example/a.mp4"}]}, "succeeded"),
        ({"action": "UPSCALE", "imageUrls": [{"url": "https://cdn.example/a.png"}]}, "succeeded"),
        ({"action": "SHORTEN", "promptEn": "1. a cat"}, "succeeded"),
        ({"action": "DESCRIBE", "properties": {"finalPrompt": "1. a cat"}}, "succeeded"),
        ({"action": "SHORTEN", "promptEn": "", "properties": None}, "running"),
    ],
)
def test_nothing_has_succeeded_without_its_result(task: dict[str, Any], state: str) -> None:
    for adapter in ALL:
        assert adapter.progress(["1"], 200, [NO_PICTURE | task])["1"].state == state


@pytest.mark.parametrize(
    ("progress", "percent"),
    [
        ("45%", 45),
        ("0%", 0),
        ("100%", 100),
        ("", None),
        (None, None),
        ("Waiting to start", None),
        ("²%", None),
    ],
)
def test_progress_is_a_number_or_nothing(progress: Any, percent: int | None) -> None:
    assert plus.progress_of({"id": "1", "status": "IN_PROGRESS", "progress": progress}).percent == percent


def test_a_failure_has_its_reason() -> None:
    reason = "[Banned prompt detected] Sorry! Our AI moderator..."
    task = {
        "id": 7,
        "status": "FAILURE",
        "progress": "",
        "failReason": reason,
        "buttons": None,
        "properties": None,
    }
    found = plus.progress(["7"], 200, [task, "odd"])
    assert found == {
        "7": Progress("failed", {"status": "FAILURE", "buttons": [], "properties": {}}, None, reason)
    }


def test_why_it_failed_gives_no_address_away() -> None:
    assert plus.progress_of({"id": "7", "status": "FAILURE", "failReason": LEAK}).reason == NEUTRAL


@pytest.mark.parametrize(
    ("status", "reply"), [(200, None), (500, []), (404, {"error": 1}), (200, {"code": 4})]
)
def test_no_list_says_nothing_of_any_task(status: int, reply: Any) -> None:
    with pytest.raises(ValueError, match="no list"):
        plus.progress(["1"], status, reply)
    with pytest.raises(ValueError, match="no list"):
        plus.found(OURS, status, reply)


def test_an_unknown_task_is_missing_from_the_list() -> None:
    assert plus.progress(["1"], 200, []) == {}
    assert plus.poll(["1", "2"]) == Ask("POST", "/mj/task/list-by-condition", {"ids": ["1", "2"]})


@pytest.mark.parametrize("action", ["IMAGINE", "VARIATION", "REROLL", "BLEND"])
def test_novicezk_gets_the_buttons_of_a_grid(action: str) -> None:
    task = {**TASK, "action": action, "buttons": None}
    assert NOVICEZK.progress([THEIRS], 200, [task])[THEIRS].data["buttons"] == buttons.grid(H)
    task["properties"] = None
    assert NOVICEZK.progress([THEIRS], 200, [task])[THEIRS].data["buttons"] == buttons.grid(THEIRS)


@pytest.mark.parametrize("task", [{**TASK, "action": "UPSCALE"}, {**TASK, "status": "IN_PROGRESS"}])
def test_novicezk_gets_no_others(task: dict[str, Any]) -> None:
    task = {**task, "buttons": None}
    assert NOVICEZK.progress([THEIRS], 200, [task])[THEIRS].data["buttons"] == []


# What else is asked


def test_a_task_whose_answer_was_lost_is_found_by_our_id() -> None:
    page = {"content": [{"id": "1", "state": "another"}, {"id": THEIRS, "state": OURS}], "totalElements": 2}
    assert plus.find(OURS) == Ask("POST", "/mj/task/query", {"pageNumber": 0, "pageSize": 10, "state": OURS})
    assert plus.found(OURS, 200, page) == THEIRS
    assert plus.found("another one", 200, page) is None
    for adapter in (TRUEAI, NOVICEZK):
        assert adapter.find(OURS) == Ask("GET", "/mj/task/list")
        assert adapter.found(OURS, 200, page["content"]) == THEIRS


def test_what_costs_nothing_is_asked_by_their_id() -> None:
    for adapter in (plus, TRUEAI):
        assert adapter.seed(THEIRS) == Ask("GET", f"/mj/task/{THEIRS}/image-seed")
        assert adapter.cancel(THEIRS) == Ask("POST", f"/mj/task/{THEIRS}/cancel", {})
        assert adapter.bookmark(THEIRS, "MJ::BOOKMARK::h") == Ask(
            "POST", "/mj/submit/action", {"taskId": THEIRS, "customId": "MJ::BOOKMARK::h"}
        )
    assert plus.seed("../account/1") == Ask("GET", "/mj/task/..%2Faccount%2F1/image-seed")
    assert NOVICEZK.seed("1") is NOVICEZK.cancel("1") is NOVICEZK.bookmark("1", "2") is None


def test_a_callback_names_its_task() -> None:
    assert plus.called_back(TASK) == THEIRS
    assert plus.called_back({"id": int(THEIRS)}) == THEIRS
    assert plus.called_back({}) is plus.called_back([]) is plus.called_back(None) is None


@pytest.mark.parametrize("name", ["newapi", "pronghorn"])
def test_other_gateways_offer_it_too(name: str) -> None:
    assert vendors.load()[name].tasks["midjourney"] is plus
