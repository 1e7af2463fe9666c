"""The grammar of the stub's model names, and the bytes on both sides."""

import msgspec
import pytest
from bench import chat, points


@pytest.mark.parametrize(
    ("name", "script"),
    [
        ("stub-1kb", chat.Script(answer_bytes=1024)),
        ("stub-1mb", chat.Script(answer_bytes=1024 * 1024)),
        ("stub-20x250ms", chat.Script(chunks=20, gap_s=0.25)),
        ("stub-500x0ms", chat.Script(chunks=500, gap_s=0.0)),
    ],
)
def test_a_name_is_a_script(name: str, script: chat.Script) -> None:
    assert chat.parse_model(name) == script


@pytest.mark.parametrize(
    "name", ["stub", "stub-0kb", "stub-0x5ms", "stub-3x5s", "stub-1gb", "gpt-5", "stub-1kb "]
)
def test_any_other_name_is_refused_with_the_grammar(name: str) -> None:
    with pytest.raises(ValueError, match="neither stub-<N>kb"):
        chat.parse_model(name)


def test_a_stream_lasts_as_long_as_its_gaps() -> None:
    assert chat.parse_model("stub-100x20ms").stream_s == pytest.approx(1.98)


@pytest.mark.parametrize("length", [1024, 32 * 1024])
@pytest.mark.parametrize("stream", [False, True])
def test_a_request_is_exactly_as_long_as_asked(length: int, stream: bool) -> None:
    body = chat.request_body("stub-1kb", length, stream=stream)
    assert len(body) == length
    assert msgspec.json.decode(body).get("stream", False) is stream


@pytest.mark.parametrize("model", ["stub-1kb", "stub-32kb", "stub-1mb"])
def test_an_answer_is_exactly_as_long_as_asked_and_has_usage(model: str) -> None:
    body = chat.answer_body(model)
    assert len(body) == chat.parse_model(model).answer_bytes
    assert msgspec.json.decode(body)["usage"]["completion_tokens"] == chat.OUTPUT_TOKENS


def test_every_point_asks_for_a_model_that_the_stub_knows() -> None:
    for model in points.MODELS:
        chat.parse_model(model)
