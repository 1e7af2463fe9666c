"""What is read of a prompt's parameters, and that nothing else changes."""

import time

import pytest

from pronghorn.wire.midjourney.prompt import links, numbered, repeats, speed_in, without_speed


@pytest.mark.parametrize(
    ("text", "speed", "rest"),
    [
        ("a cat --turbo", "turbo", "a cat"),
        ("a cat --ar 3:2 --relax --v 7", "relax", "a cat --ar 3:2 --v 7"),
        ("a cat --FAST", "fast", "a cat"),
        ("a cat —turbo --v 7", "turbo", "a cat --v 7"),
        ("a cat --fast --turbo", "fast", "a cat"),
        ("--fast", "fast", ""),
        ("a  fast cat, --v 7", "", "a  fast cat, --v 7"),
        ("a cat --turbocharged", "", "a cat --turbocharged"),
        ("a cat--fast", "", "a cat--fast"),
        ("a \n cat  --fast \n\t--relax , --turbo x ", "fast", "a \n cat , x "),
        ("", "", ""),
    ],
)
def test_the_speed_is_read_and_taken_out(text: str, speed: str, rest: str) -> None:
    assert speed_in(text) == speed
    assert without_speed(text) == rest


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("a cat", 1),
        ("a cat --r 4", 4),
        ("a cat --repeat 40 --v 7", 40),
        ("a cat --r 1", 1),
        ("a cat --raw", 1),
        ("a cat --style raw --r  10", 10),
        ("a cat --r 99999999999999999999", 9999),
    ],
)
def test_several_jobs_in_one_prompt_are_seen(text: str, count: int) -> None:
    assert repeats(text) == count


def test_a_text_of_several_prompts_is_taken_apart() -> None:
    told = "1️⃣ a red cat --ar 1:1\n\n2️⃣ 3 cats, oil\n\n3️⃣ cats\n\n4️⃣ a cat"
    assert numbered(told) == ["a red cat --ar 1:1", "3 cats, oil", "cats", "a cat"]
    assert numbered("a cat") == numbered("") == []


def test_addresses_in_a_prompt_are_found_wherever_they_are() -> None:
    text = "https://a.example/1.png http://10.0.0.1/2.png a cat --cref https://b.example/3.png --v 6"
    assert links(text) == ["https://a.example/1.png", "http://10.0.0.1/2.png", "https://b.example/3.png"]
    assert links("a cat") == []


def test_no_prompt_takes_long_to_read() -> None:
    """All callers wait meanwhile. A prompt may be as long as a body."""
    begun_s = time.process_time()
    for blanks in (" " * 50_000, "\n" * 50_000, "--r " * 20_000, "--fast" * 20_000):
        assert speed_in(f"x{blanks}x") == ""
        assert without_speed(f"x{blanks}x") == f"x{blanks}x"
        assert repeats(f"x{blanks}x") == 1
        assert numbered(f"x{blanks}x") == []
    assert time.process_time() - begun_s < 2
