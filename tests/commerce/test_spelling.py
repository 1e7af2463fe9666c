"""How codes are written: whatever way they are typed they are the same, and a typing error is noticed."""

import re

import pytest

from pronghorn.commerce import spelling
from pronghorn.errors import BadRequest


def test_codes_look_alike_and_no_two_are_the_same() -> None:
    made = {spelling.new_code() for _ in range(2_000)}
    assert len(made) == 2_000
    assert all(re.fullmatch(r"PH(-[2-9A-HJKMNP-Z]{4}){4}", code) for code in made)
    assert not set("01ILO") & set(spelling.ALPHABET)


def test_there_are_more_codes_than_can_be_tried() -> None:
    assert len(spelling.ALPHABET) ** 15 >= 2**70
    assert len({spelling.new_code()[:-1] for _ in range(2_000)}) == 2_000


@pytest.mark.parametrize(
    "typed",
    [
        lambda code: code,
        lambda code: code.lower(),
        lambda code: code.replace("-", ""),
        lambda code: code.replace("-", " "),
        lambda code: f"  {code}\r\n",
        lambda code: code.replace("-", "–"),
        lambda code: code.replace("-", "\u200b"),
        lambda code: code.removeprefix("PH-"),
        lambda code: code.removeprefix("PH-").replace("-", "").lower(),
        lambda code: "".join(chr(ord(each) + 0xFEE0) if each != "-" else each for each in code),
    ],
    ids=[
        "shown",
        "small",
        "bare",
        "blanks",
        "pasted",
        "dashes",
        "invisible",
        "headless",
        "short",
        "full-width",
    ],
)
def test_a_code_is_read_however_it_is_typed(typed: object) -> None:
    assert callable(typed)
    for code in (spelling.new_code() for _ in range(50)):
        assert spelling.read_code(typed(code)) == code


def test_a_code_that_begins_like_the_prefix_is_read() -> None:
    code = next(code for code in iter(spelling.new_code, None) if code.startswith("PH-P"))
    assert spelling.read_code(code.removeprefix("PH-")) == code


def test_every_wrong_character_is_noticed() -> None:
    code = spelling.new_code()
    places = [place for place, each in enumerate(code) if place > 2 and each != "-"]
    wrong = [
        code[:place] + other + code[place + 1 :]
        for place in places
        for other in spelling.ALPHABET
        if other != code[place]
    ]
    assert len(wrong) == 16 * 30
    for each in wrong:
        with pytest.raises(BadRequest, match="typing error"):
            spelling.read_code(each)


def test_every_swap_of_two_characters_is_noticed() -> None:
    code = spelling.plain(spelling.new_code())[2:]
    for first in range(16):
        for second in range(first + 1, 16):
            swapped = list(code)
            swapped[first], swapped[second] = swapped[second], swapped[first]
            if code[first] != code[second]:
                with pytest.raises(BadRequest, match="typing error"):
                    spelling.read_code("".join(swapped))


@pytest.mark.parametrize(
    "typed",
    ["", "PH", "hello", "PH-1234", "0" * 16, "PH-OOOO-OOOO-OOOO-OOOO", "é" * 16, "A" * 10_000, "\x00" * 16],
)
def test_what_cannot_be_a_code_is_refused_and_not_repeated(typed: str) -> None:
    with pytest.raises(BadRequest) as refused:
        spelling.read_code(typed)
    assert (refused.value.param, refused.value.code_word) == ("code", "code_mistyped")
    assert refused.value.message.startswith("code: ")
    assert len(typed) < 4 or typed not in refused.value.message


def test_a_mistyped_code_is_not_repeated_either() -> None:
    code = spelling.new_code()
    with pytest.raises(BadRequest) as refused:
        spelling.read_code(code[:-1] + ("2" if code[-1] != "2" else "3"))
    assert code[3:7] not in refused.value.message
