"""Keys have the form that clients check, every single typo is caught, and only a keyed hash is kept."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pronghorn.accounts import keys
from pronghorn.kit.ids import BASE62, base62_encode

MODES: tuple[keys.Mode, ...] = ("live", "test")


@pytest.mark.parametrize("mode", MODES)
def test_a_key_is_sk_and_48_base62_characters(mode: keys.Mode) -> None:
    for _ in range(200):
        key = keys.new_key(mode)
        assert re.fullmatch(r"sk-[0-9A-Za-z]{48}", key.secret)
        assert key.secret[3:7] == key.mode == mode
        assert keys.is_well_formed(key.secret)
        assert key.hint == key.secret[:11] + "…" + key.secret[-4:]


def test_the_checksum_is_the_crc32_of_the_42_characters_before_it() -> None:
    body = "live" + "0" * 38
    assert keys.checksum("123456789") == base62_encode(0xCBF43926, 6)  # the CRC32 check value
    assert keys.is_well_formed("sk-" + body + keys.checksum(body))


@pytest.mark.parametrize("position", range(3, 51))
def test_every_wrong_character_is_caught(position: int) -> None:
    secret = keys.new_key("live").secret
    for wrong in BASE62 + "-_. ,\n":
        if wrong != secret[position]:
            assert not keys.is_well_formed(secret[:position] + wrong + secret[position + 1 :])


@given(st.integers(3, 49))
@settings(max_examples=60)
def test_two_neighbours_exchanged_are_caught(position: int) -> None:
    secret = keys.new_key("test").secret
    one, two = secret[position], secret[position + 1]
    if one != two:
        assert not keys.is_well_formed(secret[:position] + two + one + secret[position + 2 :])


@pytest.mark.parametrize("change", ["{}x", "x{}", "{} ", "{}\n", "", "sk-", "sk-live", "pht-{}"])
def test_other_texts_are_no_keys(change: str) -> None:
    assert not keys.is_well_formed(change.format(keys.new_key("live").secret))


def test_letters_of_other_scripts_are_no_base62() -> None:
    secret = keys.new_key("live").secret
    assert not keys.is_well_formed(secret[:10] + "é" + secret[11:])
    assert not keys.is_well_formed(secret[:10] + "１" + secret[11:])


def test_the_hash_depends_on_the_installation_and_on_the_key() -> None:
    one, two = keys.new_key("live").secret, keys.new_key("live").secret
    hashes = {keys.keyed_hash(secret, key) for secret in (b"a" * 32, b"b" * 32) for key in (one, two)}
    assert len(hashes) == 4
    assert {len(found) for found in hashes} == {32}
    assert keys.keyed_hash(b"a" * 32, one) == keys.keyed_hash(b"a" * 32, one)


def test_a_token_is_not_a_key() -> None:
    token = keys.new_token()
    assert re.fullmatch(r"pht-[0-9A-Za-z]{44}", token)
    assert not keys.is_well_formed(token)
