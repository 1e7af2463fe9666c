"""Midjourney's task object as callers read it: the protocol's own example, and each state."""

from typing import Any

import pytest
from tests.unit.vendors.test_midjourney import TASK, H

from pronghorn.tasks.families.midjourney import family
from pronghorn.tasks.job import Bill, Job
from pronghorn.tasks.links import addresses
from pronghorn.tasks.view import View
from pronghorn.vendors.midjourney import plus

BILL = Bill(0, [], 1_000_000, "imagine/fast", "default", "midjourney", "midjourney", "")
ID = "1761004412873519"


def view_of(**more: Any) -> View:
    body = more.pop("body", {"prompt": "a lighthouse made of blue glass --ar 3:2 --v 7"})
    values: dict[str, Any] = {
        "id": ID,
        "family": "midjourney",
        "action": "imagine",
        "account_id": "acc_1",
        "mode": "live",
        "key_id": "key_1",
        "model": "midjourney",
        "request_id": "req_1",
        "channel_id": "chn_1",
        "credential": "",
        "upstream_id": "1",
        "parent_id": None,
        "label": "order-7781",
        "state": "queued",
        "percent": 0,
        "reason": "",
        "job": Job(body, BILL, "fast"),
        "data": None,
        "cost": 0,
        "created_ms": 1761004412873,
        "started_ms": None,
        "finished_ms": None,
        "deadline_ms": 1761008012873,
        "fence": 0,
        "polls": 0,
        "attempts": [],
    }
    return View(**values | more)


def link(name: str, url: str) -> str:
    return f"https://gw.example/{name}" if url else ""


def shown(view: View) -> dict[str, Any]:
    found: dict[str, Any] = family.shown(view, link)
    return found


def test_a_finished_grid_looks_as_the_protocol_says() -> None:
    view = view_of(
        state="succeeded",
        percent=100,
        started_ms=1761004414020,
        finished_ms=1761004461877,
        data=plus.progress_of(TASK).data,
    )
    assert shown(view) == {
        "id": ID,
        "action": "IMAGINE",
        "customId": "",
        "botType": "MID_JOURNEY",
        "prompt": "a lighthouse made of blue glass --ar 3:2 --v 7",
        "promptEn": "a lighthouse made of blue glass --ar 3:2 --v 7",
        "description": "Submit success",
        "state": "order-7781",
        "mode": "FAST",
        "proxy": "",
        "submitTime": 1761004412873,
        "startTime": 1761004414020,
        "finishTime": 1761004461877,
        "imageUrl": "https://gw.example/image.png",
        "imageHeight": 1792,
        "imageWidth": 2688,
        "videoUrl": "",
        "videoUrls": [],
        "status": "SUCCESS",
        "progress": "100%",
        "failReason": "",
        "buttons": [
            {
                "customId": f"MJ::JOB::upsample::1::{H}",
                "emoji": "",
                "label": "U1",
                "type": 2,
                "style": 2,
            }
        ],
        "maskBase64": "",
        "properties": {
            "finalPrompt": "a lighthouse made of blue glass --ar 3:2 --v 7.0",
            "finalZhPrompt": "",
        },
    }


@pytest.mark.parametrize(
    ("state", "said", "status"),
    [
        ("queued", None, "NOT_START"),
        ("queued", "SUBMITTED", "SUBMITTED"),
        ("queued", "NOT_START", "NOT_START"),
        ("queued", "", "NOT_START"),
        ("waiting_input", "MODAL", "MODAL"),
        ("running", "IN_PROGRESS", "IN_PROGRESS"),
        ("running", "MODAL", "IN_PROGRESS"),
        ("succeeded", "SUCCESS", "SUCCESS"),
        ("failed", "FAILURE", "FAILURE"),
        ("failed", "IN_PROGRESS", "FAILURE"),
        ("cancelled", "IN_PROGRESS", "CANCEL"),
    ],
)
def test_each_state_has_its_status(state: str, said: str | None, status: str) -> None:
    assert shown(view_of(state=state, data={"status": said}))["status"] == status


def test_a_preview_has_an_address_that_changes() -> None:
    data = {"status": "IN_PROGRESS", "imageUrl": "https://up.example/mj/image/1?rand=3"}
    found = shown(view_of(state="running", percent=45, data=data))
    assert (found["progress"], found["imageUrl"]) == ("45%", "https://gw.example/image.png?rand=45")
    assert addresses(family, view_of(state="running", data=data)) == {
        "image.png": "https://up.example/mj/image/1?rand=3"
    }


def test_clips_and_single_pictures_are_given_through_the_gateway() -> None:
    data = {
        "videoUrl": "https://up.example/0.mp4",
        "videoUrls": [
            {"url": "https://up.example/0.mp4", "thumbnail": "https://up.example/0.png"},
            {"url": "https://up.example/1.mp4"},
        ],
        "imageUrls": [{"url": "https://up.example/a.png", "thumbnail": "https://up.example/a.webp"}],
    }
    found = shown(view_of(state="succeeded", action="video", data=data))
    assert found["videoUrl"] == "https://gw.example/video-1.mp4"
    assert found["videoUrls"] == [
        {"url": "https://gw.example/video-1.mp4", "thumbnail": "https://gw.example/video-1-small.png"},
        {"url": "https://gw.example/video-2.mp4"},
    ]
    assert found["imageUrls"] == [
        {"url": "https://gw.example/image-1.png", "thumbnail": "https://gw.example/image-1-small.png"}
    ]
    assert "imageUrls" not in shown(view_of())
    assert (
        shown(view_of(data={"videoUrl": "https://up.example/0.mp4"}))["videoUrl"]
        == "https://gw.example/video.mp4"
    )


def test_addresses_alone_are_clips_too() -> None:
    found = shown(view_of(state="succeeded", data={"videoUrls": ["https://up.example/0.mp4", None]}))
    assert found["videoUrls"] == [{"url": "https://gw.example/video-1.mp4"}]


@pytest.mark.parametrize(
    ("action", "body", "told"),
    [
        ("low-variation", {"customId": f"MJ::JOB::low_variation::1::{H}::SOLO"}, "LOW_VARIATION"),
        ("custom-zoom", {"customId": f"MJ::CustomZoom::{H}"}, "CUSTOM_ZOOM"),
        ("swap-face", {}, "SWAP_FACE"),
    ],
)
def test_an_action_has_the_protocols_name(action: str, body: dict[str, Any], told: str) -> None:
    found = shown(view_of(action=action, body=body, data={"prompt": "the parent's"}))
    assert (found["action"], found["customId"]) == (told, body.get("customId", ""))
    assert (found["prompt"], found["promptEn"]) == ("the parent's", "the parent's")
    assert found["botType"] == ("INSIGHT_FACE" if action == "swap-face" else "")


@pytest.mark.parametrize(
    ("state", "reason", "told"),
    [
        ("failed", "timeout", "task timeout"),
        ("failed", "[Banned prompt detected] no", "[Banned prompt detected] no"),
        ("cancelled", "", ""),
        ("running", "", ""),
    ],
)
def test_only_a_failure_has_a_reason(state: str, reason: str, told: str) -> None:
    found = shown(view_of(state=state, reason=reason))
    assert found["failReason"] == told
    assert found["progress"] == ("0%" if state == "running" else "100%")


def test_ids_are_digits_and_never_the_same_twice() -> None:
    ids = {family.new_id(1761004412873) for _ in range(20_000)}
    assert len(ids) == 20_000
    assert all(id.isdecimal() and len(id) == 25 and id.startswith("1761004412873") for id in ids)


def test_odd_data_break_nothing() -> None:
    odd: list[Any] = [
        None,
        [],
        "text",
        {"buttons": None, "properties": None, "imageUrl": None, "videoUrls": "x"},
    ]
    for data in odd:
        found = shown(view_of(data=data))
        assert (found["buttons"], found["imageUrl"], found["videoUrls"]) == ([], "", [])
        assert found["properties"] == {"finalPrompt": "", "finalZhPrompt": ""}
