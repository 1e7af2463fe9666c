"""Which text has a picture in it, so that it is worth its price."""

import time

import pytest

from pronghorn.relay.measuring import has_picture


@pytest.mark.parametrize(
    "text",
    [
        "Here: ![a cat](https://a.example/cat)",
        "![](x)",
        "[a](b) ![a [b](c)",
        "see https://a.example/cat.png",
        "(HTTP://a.example/cat.JPEG?x=1)",
        "http://a http://b.example/c.webp",
        '<img src="data:image/png;base64,AAAA">',
    ],
)
def test_a_picture_is_seen_however_it_is_given(text: str) -> None:
    assert has_picture(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "I am sorry.",
        "![a] (b)",
        "[a](b)",
        "![a [b] c](d)",
        "https://a.example/ cat.png",
        "https://.png",
        "cat.png",
    ],
)
def test_an_apology_has_none(text: str) -> None:
    assert not has_picture(text)


@pytest.mark.parametrize("text", ["![" * 200_000, "http://" * 100_000, "https://x." * 50_000, "](" * 200_000])
def test_no_text_takes_long_to_look_at(text: str) -> None:
    """Callers can ask a model for it, and all others wait meanwhile."""
    begun_s = time.process_time()
    assert not has_picture(text)
    assert time.process_time() - begun_s < 1
