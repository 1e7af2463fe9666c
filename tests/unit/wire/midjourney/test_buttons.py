"""What each button of the protocol does, as its ids say it."""

import pytest

from pronghorn.wire.midjourney import buttons
from pronghorn.wire.midjourney.buttons import Change, Press, button_of, grid, read, read_content

H = "7c1d52f8-9b60-4e0a-a4f1-5f0d4f3b8e21"

KNOWN = [
    *((f"MJ::JOB::upsample::{n}::{H}", "upscale", n, "never") for n in (1, 2, 3, 4)),
    *((f"MJ::JOB::variation::{n}::{H}", "variation", n, "remix") for n in (1, 2, 3, 4)),
    (f"MJ::JOB::reroll::0::{H}::SOLO", "reroll", 0, "remix"),
    (f"MJ::JOB::low_variation::1::{H}::SOLO", "low-variation", 1, "remix"),
    (f"MJ::JOB::high_variation::1::{H}::SOLO", "high-variation", 1, "remix"),
    (f"MJ::Inpaint::1::{H}::SOLO", "inpaint", 1, "always"),
    (f"MJ::Outpaint::50::1::{H}::SOLO", "zoom", 50, "never"),
    (f"MJ::Outpaint::75::1::{H}::SOLO", "zoom", 75, "never"),
    (f"MJ::Outpaint::100::1::{H}::SOLO", "zoom", 100, "never"),
    (f"MJ::CustomZoom::{H}", "custom-zoom", 0, "always"),
    (f"MJ::CustomZoom::1::{H}", "custom-zoom", 1, "always"),
    *((f"MJ::JOB::pan_{way}::1::{H}::SOLO", "pan", 1, "remix") for way in ("left", "right", "up", "down")),
    *(
        (f"MJ::JOB::upsample_{which}::1::{H}::SOLO", "upscale", 1, "never")
        for which in (
            *("v5_2x", "v5_4x", "v6_2x_subtle", "v6_2x_creative"),
            *("v6r1_2x_subtle", "v6r1_2x_creative", "v7_2x_subtle", "v7_2x_creative"),
        )
    ),
    (f"MJ::JOB::animate_high::1::{H}::SOLO", "video", 1, "remix"),
    (f"MJ::JOB::animate_low::1::{H}::SOLO", "video", 1, "remix"),
    (f"MJ::JOB::animate_high_extend::1::{H}::SOLO", "video", 1, "remix"),
    (f"MJ::JOB::video::1::{H}::SOLO::manual", "video", 1, "always"),
    ("MJ::JOB::video_virtual_upscale::3", "upscale", 3, "never"),
    *((f"MJ::Job::PicReader::{n}", "imagine", n, "always") for n in (1, 2, 3, 4)),
    ("MJ::Job::PicReader::all", "imagine-all", 0, "never"),
    ("MJ::Picread::Retry", "describe", 0, "never"),
    ("MJ::Job::PromptAnalyzer::5", "imagine", 5, "always"),
    (f"MJ::BOOKMARK::{H}", "bookmark", 0, "never"),
]


@pytest.mark.parametrize(("custom_id", "action", "number", "asks"), KNOWN)
def test_a_button_does_what_its_id_says(custom_id: str, action: str, number: int, asks: str) -> None:
    press = read(custom_id)
    assert press is not None
    assert (press.action, press.number, press.asks) == (action, number, asks)


@pytest.mark.parametrize(
    "custom_id",
    [
        *("", "MJ", "MJ::JOB", "MJ::Inpaint", "::", "::::", "MJ::::", "MJ::JOB::::", "XX::JOB::upsample::1"),
        *("MJ::JOB::nothing::1::h", "MJ::Nothing::1::h", "upsample::1", "mj::job::upsample::1::h"),
    ],
)
def test_what_nobody_knows_is_no_button(custom_id: str) -> None:
    assert read(custom_id) is None


def test_odd_numbers_are_none() -> None:
    assert read("MJ::JOB::upsample") == Press("upscale", "upsample", 0, "never")
    assert read("MJ::JOB::upsample::²::h") == Press("upscale", "upsample", 0, "never")


@pytest.mark.parametrize(
    ("content", "change"),
    [
        ("1761004412873519 U4", Change("UPSCALE", 4)),
        ("1761004412873519 v1", Change("VARIATION", 1)),
        ("1761004412873519 r", Change("REROLL", 0)),
    ],
)
def test_a_change_is_read_from_one_string(content: str, change: Change) -> None:
    assert read_content(content) == ("1761004412873519", change)


@pytest.mark.parametrize(
    "content", ["", "1 U5", "1 U0", "1 U", "1  U1", "1 U1 ", "U1", "1 R1", "1 X1", "1\nU1"]
)
def test_any_other_string_is_no_change(content: str) -> None:
    assert read_content(content) is None


def test_a_grid_has_its_nine_buttons_in_order() -> None:
    found = grid(H)
    assert [b["label"] or b["emoji"] for b in found] == ["U1", "U2", "U3", "U4", "🔄", "V1", "V2", "V3", "V4"]
    assert found[0] == {
        "customId": f"MJ::JOB::upsample::1::{H}",
        "emoji": "",
        "label": "U1",
        "type": 2,
        "style": 2,
    }
    assert found[4] == {
        "customId": f"MJ::JOB::reroll::0::{H}::SOLO",
        "emoji": "🔄",
        "label": "",
        "type": 2,
        "style": 2,
    }
    assert {read(b["customId"]).action for b in found} == {"upscale", "reroll", "variation"}  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("change", "custom_id"),
    [
        (Change("UPSCALE", 2), f"MJ::JOB::upsample::2::{H}"),
        (Change("VARIATION", 4), f"MJ::JOB::variation::4::{H}"),
        (Change("REROLL", 0), f"MJ::JOB::reroll::0::{H}::SOLO"),
    ],
)
def test_the_button_of_a_change_is_found(change: Change, custom_id: str) -> None:
    assert button_of(grid(H), change) == custom_id
    assert button_of([{"label": "no id"}], change) is None
    assert button_of([], change) is None


def test_every_action_of_a_button_has_a_name_of_ours() -> None:
    assert {action for _, action, _, _ in KNOWN} == buttons.ACTIONS | {buttons.BOOKMARK, buttons.IMAGINE_ALL}
