"""The book of media prices: each row says whose price it is and when it was read, compiles, and is of a sane size."""

import re
from typing import Any

import msgspec
import pytest

from pronghorn.kit.money import parse_decimal
from pronghorn.ledger.catalogue.media import FILE, SOURCES, MediaPrice, read_media
from pronghorn.ledger.catalogue.own import read_own
from pronghorn.ledger.prices import Price, PriceDocument
from pronghorn.wire.usage import Usage

ONE = 1_000_000
BOOK = {row.model: row for row in read_media()}
READ = "2026-11"
"""When the newest of the sources was read."""

MOST_USD = {"per_image_usd": 1, "per_second_usd": 2, "per_call_usd": 12}
LEAST_USD = {"per_image_usd": "0.001", "per_second_usd": "0.0001", "per_call_usd": "0.001"}
TRAINING = "ideogram-train"
FREE = ("fetch", "seed")
DIALOGS = ("inpaint", "custom-zoom")
"""Of Midjourney: they only open one; its answer has a price."""
FAMILIES = {
    *("ideogram", "flux", "replicate", "recraft", "kling", "runway", "luma", "minimax", "pika"),
    *("openai", "gemini", "midjourney", "suno", "udio"),
}

CENTS: list[tuple[str, Usage, int]] = [
    # In hundredths of a cent, from the tables of the sources
    ("ideogram-v3", Usage(images=2, image_kind="quality/1024x1024"), 1800),
    ("ideogram-v3", Usage(images=1, image_kind="default/1024x1024"), 600),
    ("ideogram-v3", Usage(images=1, image_kind="character/turbo"), 1000),
    ("ideogram-v3", Usage(images=1, image_kind="character/default"), 1500),
    ("flux-2-pro", Usage(images=1, image_kind="2mp"), 450),
    ("flux-2-pro", Usage(images=1, image_kind="edit/1mp"), 450),
    ("recraftv3", Usage(images=1, image_kind="vector/icon"), 800),
    ("recraftv3", Usage(images=1, image_kind="realistic_image"), 400),
    ("recraft-tools", Usage(calls=1, kind="crisp-upscale"), 40),
    ("kling-v1", Usage(seconds=5, kind="std"), 1400),
    ("kling-v1-6", Usage(seconds=10, kind="pro"), 9800),
    ("kling-v2-1-master", Usage(seconds=5, kind="pro"), 14000),
    ("kling-v2-6", Usage(seconds=10, kind="audio"), 14000),
    ("kling-v3", Usage(seconds=5, kind="1080p/silent"), 5600),
    ("kling-v3", Usage(seconds=5, kind="1080p/audio"), 8400),
    ("kling-v3", Usage(seconds=5, kind="4k/audio"), 21000),
    ("kling-tools", Usage(calls=1, kind="effects/squish"), 2800),
    ("kling-tools", Usage(calls=1, kind="effects/bloombloom"), 4900),
    ("gen4.5", Usage(seconds=10), 12000),
    ("ray-2", Usage(calls=1, kind="720p/9s"), 12700),
    ("ray-3.2", Usage(calls=1, kind="1080p/10s"), 36000),
    ("ray-3.2", Usage(seconds=8, kind="reframe/720p"), 9600),
    ("MiniMax-Hailuo-02", Usage(calls=1, kind="768p/10s"), 5600),
    ("MiniMax-Hailuo-02", Usage(calls=1, kind="1080p/6s"), 4900),
    ("pika-v2.2", Usage(calls=1, kind="scenes/1080p/10s"), 15000),
    ("sora-2", Usage(seconds=12, kind="1280x720"), 12000),
    ("sora-2-pro", Usage(seconds=12, kind="1792x1024"), 60000),
    ("veo-3.1-generate-preview", Usage(seconds=8, kind="4k"), 48000),
    ("midjourney", Usage(calls=1, kind="imagine/turbo"), 1200),
    ("midjourney", Usage(calls=1, kind="upscale/fast"), 100),
    ("midjourney", Usage(calls=1, kind="high-variation/relax"), 300),
    ("midjourney", Usage(calls=1, kind="modal/fast"), 600),
    ("midjourney", Usage(calls=1, kind="inpaint/turbo"), 0),
    ("midjourney", Usage(calls=1, kind="video/relax"), 3000),
    ("midjourney", Usage(calls=1, kind="fetch"), 0),
    ("suno", Usage(calls=1, kind="music"), 1000),
    ("suno", Usage(calls=1, kind="stems/all"), 2000),
    ("udio", Usage(calls=1, kind="lyrics"), 100),
]


def amounts(row: MediaPrice) -> list[tuple[str, str, str]]:
    """Field, kind, price."""
    document: dict[str, Any] = msgspec.to_builtins(row.usd)
    return [
        (field, kind, text)
        for field, value in document.items()
        for kind, text in (value if isinstance(value, dict) else {"": value}).items()
    ]


def a_thousand(field: str, kind: str) -> Usage:
    if field == "per_image_usd":
        return Usage(images=1000, image_kind=kind)
    return Usage(seconds=1000, kind=kind) if field == "per_second_usd" else Usage(calls=1000, kind=kind)


def test_every_family_has_prices_and_no_name_is_there_twice() -> None:
    assert {row.vendor for row in BOOK.values()} == FAMILIES
    assert len(BOOK) == len(read_media()) > 90


def test_no_name_has_a_price_in_the_other_books_too() -> None:
    own = {model.name for model in read_own().model if model.price is not None or model.is_free}
    assert own & BOOK.keys() == set()


@pytest.mark.parametrize("row", BOOK.values(), ids=lambda row: row.model)
def test_a_row_compiles_and_says_whose_price_it_is(row: MediaPrice) -> None:
    Price(row.usd)
    assert re.fullmatch(r"20\d\d(-[01]\d(-[0-3]\d)?)?", row.date)
    assert "2024" < row.date[:7] <= READ
    assert row.price_note.startswith(SOURCES[row.source])
    assert row.date in row.price_note
    assert row.note.strip() == row.note


@pytest.mark.parametrize("row", BOOK.values(), ids=lambda row: row.model)
def test_units_are_sane(row: MediaPrice) -> None:
    """A price by the thousand, in cents or of another unit would stand out."""
    for field, kind, text in amounts(row):
        pico = parse_decimal(text, decimals=12)
        if kind in FREE or (row.model == "midjourney" and kind in DIALOGS):
            assert pico == 0, (row.model, kind)
        elif row.model != TRAINING:
            least = parse_decimal(LEAST_USD[field], decimals=12)
            assert least <= pico <= MOST_USD[field] * 10**12, (row.model, field, kind)
        assert kind == kind.lower() == kind.strip("/ "), (row.model, kind)


@pytest.mark.parametrize("row", BOOK.values(), ids=lambda row: row.model)
def test_a_finer_kind_is_reachable_and_the_unknown_is_never_the_cheapest(row: MediaPrice) -> None:
    price = Price(row.usd)
    for field, kind, text in amounts(row):
        nano = price.charge(a_thousand(field, kind), ONE).nano
        assert nano == parse_decimal(text, decimals=12)  # a thousand units: pico is nano
        assert nano <= price.bound(a_thousand(field, kind), ONE)
    for field, kinds in msgspec.to_builtins(row.usd).items():
        if isinstance(kinds, dict) and "default" not in kinds:
            dearest = max(parse_decimal(text, decimals=12) for text in kinds.values())
            assert price.charge(a_thousand(field, ""), ONE).nano == dearest


@pytest.mark.parametrize(("model", "used", "hundredths"), CENTS)
def test_what_is_made_costs_what_the_source_says(model: str, used: Usage, hundredths: int) -> None:
    assert Price(BOOK[model].usd).charge(used, ONE).nano == hundredths * 100_000


def test_what_nobody_sells_is_called_a_proposal() -> None:
    assert {row.source for row in BOOK.values() if row.vendor in ("suno", "udio", "midjourney")} == {
        "proposal"
    }
    assert "unverified" not in FILE.read_text()


def test_a_document_that_was_stored_before_there_were_kinds_is_read() -> None:
    old = {"per_call_usd": "0.01", "per_second_usd": "0.0001", "per_image_usd": {"hd/1x1": "0.1"}}
    document = msgspec.convert(old, PriceDocument)
    assert msgspec.to_builtins(document) == old
    assert Price(document).charge(Usage(calls=1, seconds=10), ONE).nano == 11_000_000
