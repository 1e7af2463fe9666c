"""Suno's task object as callers read it: none of its addresses is the vendor's."""

from typing import Any

import pytest
from tests.unit.tasks.test_midjourney_family import link, view_of

from pronghorn.tasks.families.suno import family
from pronghorn.tasks.links import addresses
from pronghorn.wire.suno import made_of_clip

CLIP = {
    "id": "b2a64f0e",
    "status": "complete",
    "title": "https://a.title.example",
    "audio_url": "https://vendor.example/a.mp3",
    "video_url": "",
    "image_url": None,
    "cover_url": "https://vendor.example/c.png",
    "MP3_URL": "HTTPS://vendor.example/a.mp3",
    "odd/Url": "https://vendor.example/odd",
    "share_url": "none yet",
}


def view(data: Any) -> Any:
    return view_of(family="suno", action="music", state="succeeded", data=data)


def test_every_address_of_a_clip_is_a_link() -> None:
    (clip,) = family.shown(view([CLIP]), link)["data"]
    assert clip == CLIP | {
        "audio_url": "https://gw.example/0.mp3",
        "cover_url": "https://gw.example/0.cover_url",
        "MP3_URL": "https://gw.example/0.MP3_URL",
        "odd/Url": "https://gw.example/0.odd_Url",
    }
    assert addresses(family, view([CLIP]))["0.cover_url"] == "https://vendor.example/c.png"


def test_so_is_one_that_lies_deeper() -> None:
    deep: dict[str, Any] = {
        "metadata": {
            "tags": "x",
            "video_cover_url": "https://vendor.example/v.mp4",
            "history": [{"id": "c"}],
        },
        "media_urls": [{"url": "https://vendor.example/m.m4a", "type": "audio/mp4"}, 7],
        "image_urls": ["https://vendor.example/1.png", "none"],
        "persona": {"id": "p", "user_image_url": "https://vendor.example/account.png"},
        "prompt": "https://a.prompt.example",
    }
    (clip,) = family.shown(view([CLIP | deep]), link)["data"]
    assert {name: clip[name] for name in deep} == {
        "metadata": deep["metadata"] | {"video_cover_url": "https://gw.example/0.metadata.video_cover_url"},
        "media_urls": [{"url": "https://gw.example/0.media_urls.0.url", "type": "audio/mp4"}, 7],
        "image_urls": ["https://gw.example/0.image_urls.0", "none"],
        "persona": {"id": "p", "user_image_url": ""},
        "prompt": "https://a.prompt.example",
    }
    found = addresses(family, view([CLIP | deep]))
    assert found["0.media_urls.0.url"] == "https://vendor.example/m.m4a"


@pytest.mark.parametrize("member", ["wavUrl", "url", "wav_url_hd"])
def test_so_is_that_of_a_file(member: str) -> None:
    data = made_of_clip("wav", "b2a64f0e", {member: "https://vendor.example/x.wav"})
    assert family.shown(view(data), link)["data"] == {member: f"https://gw.example/0.{member}"}


def test_whose_account_made_a_persona_has_no_link() -> None:
    persona = {"id": "p", "root_clip_id": "b2a64f0e", "user_image_url": "https://vendor.example/account.png"}
    assert family.shown(view(persona), link)["data"] == persona | {"user_image_url": ""}
    assert not any(addresses(family, view(persona)).values())


def test_what_a_vendor_says_of_a_failure_gives_no_address_away() -> None:
    said = 'Post "http://10.0.0.7/x": dial tcp'
    lost = {"id": "c", "status": "error", "msg": said, "metadata": {"error_message": said, "prompt": said}}
    (clip,) = family.shown(view_of(family="suno", action="music", state="failed", data=[lost]), link)["data"]
    told = "the vendor's own request failed"
    assert (clip["msg"], clip["metadata"]) == (told, {"error_message": told, "prompt": said})
