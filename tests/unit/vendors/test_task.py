"""What vendors say of themselves is kept from callers."""

import pytest

from pronghorn.vendors.task import neutral, without_whereabouts

NEUTRAL = "the vendor's own request failed"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ('Post "https://studio.example/api": dial tcp 10.0.0.7:443', NEUTRAL),
        ("see http://studio.example", NEUTRAL),
        ("cannot connect to wss://studio.example", NEUTRAL),
        ("connection refused: /10.0.0.7:8080", NEUTRAL),
        ("Incorrect API key provided: sk-proj-12345678", NEUTRAL),
        ("your prompt was postponed", "your prompt was postponed"),
        ("[Invalid parameter] --v 6.1 and --ar 3:2", "[Invalid parameter] --v 6.1 and --ar 3:2"),
        ("", ""),
    ],
)
def test_addresses_and_keys_do_not_leak(said: str, told: str) -> None:
    assert neutral(said) == told


def test_of_an_answer_the_rest_is_told() -> None:
    answer = {"state": "running", "clip": {"url": "https://cdn.example/a"}, "queue": 3, "url": ""}
    assert without_whereabouts(answer) == {"state": "running", "queue": 3, "url": ""}
