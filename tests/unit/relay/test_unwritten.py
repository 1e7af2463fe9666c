"""What a vendor counts beyond the bytes: pictures one by one, and all that a body only names."""

from typing import Any

import msgspec
import pytest
from tests.unit.relay.making import peek
from tests.unit.routing.making import model

from pronghorn.relay.endpoints import BY_NAME
from pronghorn.relay.unwritten import CONTEXT_TOKENS, PICTURE_TOKENS, unwritten

INLINE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA"}}
ADDRESS = {"type": "image_url", "image_url": {"url": "https://a.test/b.png"}}
KEPT = {"type": "file", "file": {"file_id": "file-1"}}
SENT = {"type": "file", "file": {"file_data": "AA", "filename": "a.pdf"}}
FUNCTION = {"type": "function", "function": {"name": "f"}}


def says(*parts: Any, **more: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": list(parts)}]} | more


def item(*parts: Any) -> dict[str, Any]:
    return {"input": [{"role": "user", "content": list(parts)}]}


def result(*parts: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": "a", "content": list(parts)}


def generates(*parts: Any, **more: Any) -> dict[str, Any]:
    return {"contents": [{"parts": list(parts)}]} | more


@pytest.mark.parametrize(
    ("endpoint", "body", "pictures", "is_named"),
    [
        ("chat", {"messages": [{"role": "user", "content": 'the "type" of image_url'}]}, 0, False),
        ("chat", says({"type": "text", "text": "a"}, tools=[FUNCTION]), 0, False),
        ("chat", says(ADDRESS, {"type": "text", "text": "a"}, ADDRESS), 2, False),
        ("chat", says({"image_url": "https://a.test/b.png"}), 1, False),
        ("chat", says(SENT), 0, False),
        ("chat", says(KEPT), 0, True),
        ("chat", says({"type": "video_url", "video_url": {"url": "https://a.test/b.mp4"}}), 0, True),
        ("chat", {"messages": [], "web_search_options": {}}, 0, True),
        ("chat", {"messages": [{"role": "user", "content": "[a] [b]"}]}, 0, False),
        ("chat", {"messages": [{"role": "user", "content": "caf\u00e9"}]}, 0, False),
        ("messages", says(INLINE, result(INLINE, {"type": "text", "text": "a"})), 2, False),
        ("messages", says({"type": "document", "source": {"type": "text", "data": "a"}}), 0, False),
        ("messages", says({"type": "document", "source": {"type": "file", "file_id": "a"}}), 0, True),
        ("messages", {"messages": [], "system": [{"type": "text", "text": "a"}]}, 0, False),
        ("messages", {"messages": [], "tools": [{"type": "bash_20250124", "name": "bash"}]}, 0, False),
        ("messages", {"messages": [], "tools": [{"type": "web_fetch_20250910"}]}, 0, True),
        ("responses", item({"type": "input_image", "image_url": "https://a.test/b.png"}), 1, False),
        ("responses", item({"type": "input_image", "file_id": "file-1"}), 1, False),
        ("responses", item({"type": "input_file", "file_id": "file-1"}), 0, True),
        ("responses", {"input": "a", "tools": [{"type": "file_search"}]}, 0, True),
        ("responses", {"input": [{"type": "function_call_output", "output": "a"}]}, 0, False),
        ("generate", generates({"text": "a"}), 0, False),
        ("generate", generates({"inlineData": {}}, {"inline_data": {}}), 2, False),
        ("generate", generates({"file_data": {"file_uri": "a"}}), 0, True),
        ("generate", generates({"text": "a"}, cachedContent="a"), 0, True),
        ("generate", generates({"text": "a"}, tools=[{"functionDeclarations": []}]), 0, False),
        ("generate", generates({"text": "a"}, tools=[{"googleSearch": {}}]), 0, True),
    ],
)
def test_what_is_in_a_body_and_what_it_names(
    endpoint: str, body: dict[str, Any], pictures: int, is_named: bool
) -> None:
    data = msgspec.json.encode(body)
    found = unwritten(BY_NAME[endpoint], BY_NAME[endpoint].peek(data), data, model())
    assert found == (pictures * PICTURE_TOKENS, is_named * CONTEXT_TOKENS)


@pytest.mark.parametrize("body", [b'{"messages":[[', b'{"messages":[1],"tools":[]}', b"[" * 100_000])
def test_a_body_in_another_shape_may_name_anything(body: bytes) -> None:
    assert unwritten(BY_NAME["chat"], peek({}), body, model(context_tokens=8_000)) == (0, 8_000)


def test_pictures_of_a_small_model_may_count_for_more() -> None:
    body = msgspec.json.encode(says(ADDRESS))
    assert unwritten(BY_NAME["chat"], peek({}), body, model(name="gpt-4o-mini-2024-07-18")).pictures == 49_000
