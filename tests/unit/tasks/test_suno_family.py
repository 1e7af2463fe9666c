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


@pytest.mark.parametrize("member", ["wavUrl", "url", "wav_url_hd"])
def test_so_is_that_of_a_file(member: str) -> None:
    data = made_of_clip("wav", "b2a64f0e", {member: "https://vendor.example/x.wav"})
    assert family.shown(view(data), link)["data"] == {member: f"https://gw.example/0.{member}"}


def test_whose_account_made_a_persona_has_no_link() -> None:
    persona = {"id": "p", "root_clip_id": "b2a64f0e", "user_image_url": "https://vendor.example/account.png"}
    assert family.shown(view(persona), link)["data"] == persona | {"user_image_url": ""}
    assert not any(addresses(family, view(persona)).values())
