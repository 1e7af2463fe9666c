"""The catalogue's rows: a dozen checked by hand against the vendors' lists, and what holds for all of them."""

import subprocess
import sys
from datetime import date
from typing import Any

import msgspec
import pytest

from pronghorn.ledger.catalogue import CatalogueRow, fingerprint
from pronghorn.ledger.catalogue.sync import build
from pronghorn.ledger.prices import Price
from pronghorn.wire.usage import Usage

TODAY = date(2026, 11, 24)
CAPABILITIES = {
    "chat",
    "completions",
    "embeddings",
    "images",
    "speech",
    "transcription",
    "moderations",
    "rerank",
    "realtime",
    "chat_images",
}
FAMILIES = {"midjourney", "suno", "udio"}
"""Of long jobs: each is a capability of its own."""

ROWS = {row.name: row for row in build(TODAY)}


def tokens(**usd: Any) -> dict[str, Any]:
    tiers = usd.pop("tiers", None)
    prices: dict[str, Any] = {f"{part}_usd_per_million": text for part, text in usd.items()}
    return prices | ({"tiers": tiers} if tiers else {})


GPT_54_LONG = tokens(input="5", output="22.5", cache_read="0.5") | {"above_input_tokens": 272_000}
GEMINI_LONG = tokens(input="2.5", output="15", cache_read="0.25") | {"above_input_tokens": 200_000}
SONNET = tokens(input="3", output="15", cache_read="0.3", cache_write_5m="3.75", cache_write_1h="6")
SONNET_LONG = tokens(input="6", output="22.5", cache_read="0.6", cache_write_5m="7.5", cache_write_1h="12")

GOLDEN: dict[str, tuple[str, list[str], int | None, int | None, dict[str, Any]]] = {
    "gpt-4o": ("openai", ["chat"], 128_000, 16_384, tokens(input="2.5", output="10", cache_read="1.25")),
    "gpt-4o-2024-05-13": ("openai", ["chat"], 128_000, 4_096, tokens(input="5", output="15")),
    "gpt-4o-mini": (
        "openai",
        ["chat"],
        128_000,
        16_384,
        tokens(input="0.15", output="0.6", cache_read="0.075"),
    ),
    "gpt-5.4": (
        "openai",
        ["chat"],
        1_050_000,
        128_000,
        tokens(input="2.5", output="15", cache_read="0.25", tiers=[GPT_54_LONG]),
    ),
    "claude-sonnet-4-6": ("anthropic", ["chat"], 1_000_000, 64_000, SONNET),
    "claude-sonnet-4-5-20250929": (
        "anthropic",
        ["chat"],
        200_000,
        64_000,
        SONNET | {"tiers": [SONNET_LONG | {"above_input_tokens": 200_000}]},
    ),
    "gemini-2.5-pro": (
        "gemini",
        ["chat"],
        None,
        65_536,
        tokens(input="1.25", output="10", cache_read="0.125", tiers=[GEMINI_LONG]),
    ),
    "deepseek-chat": (
        "deepseek",
        ["chat"],
        64_000,
        8_192,
        tokens(input="0.27", output="1.1", cache_read="0.07"),
    ),
    "text-embedding-3-small": ("openai", ["embeddings"], 8_192, None, tokens(input="0.02")),
    "whisper-1": ("openai", ["transcription"], None, None, {"per_second_usd": "0.0001"}),
    "gpt-4o-transcribe": (
        "openai",
        ["transcription"],
        16_000,
        2_000,
        tokens(input="2.5", output="10", audio_input="6"),
    ),
    "tts-1": ("openai", ["speech"], None, None, tokens(character="15")),
    "gpt-image-1": (
        "openai",
        ["images"],
        None,
        None,
        tokens(input="5", output="40", cache_read="1.25", image_input="10", image_output="40"),
    ),
    "sonar": (
        "perplexity",
        ["chat"],
        128_000,
        None,
        tokens(input="1", output="1") | {"per_call_usd": "0.012"},
    ),
    "omni-moderation-latest": ("openai", ["moderations"], None, None, {"per_call_usd": "0"}),
    "glm-4.6": ("zhipu", ["chat"], None, None, tokens(input="0.6", output="2.2", cache_read="0.11")),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_row_is_as_the_vendor_lists_it(name: str) -> None:
    vendor, capabilities, context, output, price = GOLDEN[name]
    row = ROWS[name]
    assert (row.vendor, list(row.capabilities)) == (vendor, capabilities)
    assert (row.context_tokens, row.max_output_tokens) == (context, output)
    assert row.price is not None
    assert msgspec.to_builtins(row.price) == price
    assert row.price_note


def test_pictures_of_dall_e_3_are_priced_by_quality_and_size() -> None:
    row = ROWS["dall-e-3"]
    assert row.is_retired
    assert row.price is not None
    price = Price(row.price)
    for kind, cents in {"hd/1024x1792": 12, "hd/1024x1024": 8, "standard/1024x1024": 4, "": 4}.items():
        assert price.charge(Usage(images=1, image_kind=kind), 1_000_000).nano == cents * 10_000_000


def test_tiers_hold_from_the_token_after_their_threshold() -> None:
    document = ROWS["gpt-5.4"].price
    assert document is not None
    price = Price(document)
    assert price.charge(Usage(input=272_000), 1_000_000).nano == 272_000 * 2_500
    assert price.charge(Usage(input=272_001), 1_000_000).nano == 272_001 * 5_000


def test_names_are_unique_whatever_their_case_and_have_no_blanks() -> None:
    rows = build(TODAY)
    assert len({row.name.lower() for row in rows}) == len(rows) > 500
    assert [row.name for row in rows if not row.name or row.name != "".join(row.name.split())] == []
    assert [row.name for row in rows if row.name.endswith("-") or ":" in row.name] == []
    assert [row.name for row in rows if len(row.name) > 200 or len(row.display_name) > 200] == []


def test_resold_models_do_not_take_a_vendor_s_name() -> None:
    assert {row.vendor for row in ROWS.values() if row.name.startswith("claude-")} == {"anthropic"}
    assert {row.vendor for row in ROWS.values() if row.name.startswith("gpt-")} == {"openai"}
    assert {row.vendor for row in ROWS.values() if "/" in row.name} == {"groq"}


@pytest.mark.parametrize("row", ROWS.values(), ids=lambda row: row.name)
def test_row_is_sound(row: CatalogueRow) -> None:
    assert set(row.capabilities) <= CAPABILITIES | FAMILIES
    assert row.capabilities
    assert row.vendor
    assert row.display_name
    assert row.price_note
    if row.price is None:
        assert "no list price known" in row.price_note
        return
    Price(row.price)
    prices = amounts(msgspec.to_builtins(row.price))
    assert prices
    if not {"moderations", *FAMILIES} & set(row.capabilities):
        assert "0" not in prices


def amounts(price: Any) -> list[str]:
    if isinstance(price, str):
        return [price]
    parts = price.values() if isinstance(price, dict) else price if isinstance(price, list) else ()
    return [text for part in parts for text in amounts(part)]


def test_models_without_a_known_price_are_listed() -> None:
    assert ROWS["gpt-4o-image"].price is None
    assert ROWS["bge-reranker-v2-m3"].price is None
    assert ROWS["gemma-4-31b-it"].price is None


def test_what_cannot_be_charged_is_named() -> None:
    assert "not charged: storage_searches_kcount, web_searches_kcount" in ROWS["gpt-4o"].price_note
    assert "peak price" in ROWS["deepseek-chat"].price_note
    assert "rounded up" in ROWS["whisper-large-v3"].price_note


def test_a_price_changes_on_its_day() -> None:
    def input_price(today: date) -> str | None:
        price = next(row.price for row in build(today) if row.name == "gemini-4-argon")
        return price.input_usd_per_million if price else None

    assert input_price(date(2026, 11, 30)) == "2"
    assert input_price(date(2026, 12, 1)) == "4"


def test_fingerprint_is_stable_within_a_month_and_needs_no_price_data() -> None:
    assert fingerprint(TODAY) == fingerprint(date(2026, 11, 1)) != fingerprint(date(2026, 12, 1))
    code = (
        "import sys, datetime, pronghorn.ledger.catalogue as c; c.fingerprint(datetime.date(2026, 11, 24)); "
        "sys.exit('genai_prices' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
