"""Items of a Responses conversation: checked as OpenAI does, given ids, and turned into the messages of a chat.

The chat's decision engine then answers them, so that magic words and pictures work the same on both surfaces.
"""

import base64
import binascii
from collections.abc import Callable, Iterable
from typing import Any

from pronghorn.kit.ids import new_id
from pronghorn.sandbox.errors import SandboxError
from pronghorn.sandbox.hearing import hear
from pronghorn.sandbox.openai.responses_refusal import missing, not_among, wrong_type
from pronghorn.sandbox.openai.responses_seal import unseal

Shape = dict[str, Any]

CALLS = {"function_call": "function_call_output", "custom_tool_call": "custom_tool_call_output"}
_ROLES = ("user", "assistant", "system", "developer")
_INPUT_PARTS = ("input_text", "input_image", "input_file", "input_audio")
_OUTPUT_PARTS = ("output_text", "refusal")
_PART_DEFAULTS: dict[str, Shape] = {
    "output_text": {"annotations": [], "logprobs": []},
    "input_image": {"detail": "auto"},
}
_NEEDED = {
    "message": ("role", "content"),
    "function_call": ("call_id", "name", "arguments"),
    "function_call_output": ("call_id", "output"),
    "custom_tool_call": ("call_id", "name", "input"),
    "custom_tool_call_output": ("call_id", "output"),
    "reasoning": ("summary",),
    "web_search_call": (),
    "compaction": ("encrypted_content",),
    "item_reference": ("id",),
}
_PREFIXES = {
    "message": "msg",
    "function_call": "fc",
    "function_call_output": "fco",
    "custom_tool_call": "ctc",
    "custom_tool_call_output": "ctco",
    "reasoning": "rs",
    "web_search_call": "ws",
    "compaction": "cmp",
}
_CHECKED_PREFIXES = ("message", "function_call", "custom_tool_call", "reasoning", "web_search_call")


def read(given: Any, find: Callable[[str], Shape | None]) -> list[Shape]:
    """`input` as items, each with its type and an id. `find` knows the items that were kept.

    Raises `SandboxError` that names the place.
    """
    if isinstance(given, str):
        given = [{"role": "user", "content": given}]
    if not isinstance(given, list):
        raise wrong_type("input", "a string or an array")
    return [_item(item, f"input[{index}]", find) for index, item in enumerate(given)]


def check_pairs(items: list[Shape]) -> None:
    """Every call has its output and every output its call, or `SandboxError`."""
    called = [item["call_id"] for item in items if item["type"] in CALLS]
    answered = [item["call_id"] for item in items if item["type"] in CALLS.values()]
    for call_id in answered:
        if call_id not in called:
            refusal = f"No tool call found for function call output with call_id {call_id}."
            raise SandboxError(refusal, param="input")
    for call_id in called:
        if call_id not in answered:
            raise SandboxError(f"No tool output found for function call {call_id}.", param="input")


def _item(item: Any, place: str, find: Callable[[str], Shape | None]) -> Shape:
    if not isinstance(item, dict):
        raise wrong_type(place, "an object")
    kind = item.get("type") or ("message" if "role" in item else "item_reference" if "id" in item else None)
    if kind not in tuple(_NEEDED):
        raise not_among(f"{place}.type" if "type" in item else place, kind, _NEEDED)
    for name in _NEEDED[kind]:
        if item.get(name) is None:
            raise missing(f"{place}.{name}")
    if kind == "item_reference":
        return _referred(item["id"], find)
    read = item | {"type": kind, "id": _item_id(item, kind, place)}
    if kind == "message":
        return _message(read, place)
    if kind in CALLS.values():
        return read | {"status": "completed", "output": _tool_output(item["output"], f"{place}.output")}
    if kind in CALLS:
        return _call(read, place)
    if kind in ("reasoning", "compaction"):
        _check_seal(item, kind)
    return read


def _item_id(item: Shape, kind: str, place: str) -> str:
    given = item.get("id")
    if given is None:
        return new_id(_PREFIXES[kind])
    if not isinstance(given, str):
        raise wrong_type(f"{place}.id", "a string")
    if kind in _CHECKED_PREFIXES and not given.startswith(_PREFIXES[kind]):
        raise SandboxError(
            f"Invalid '{place}.id': '{given[:64]}'. Expected an ID that begins with '{_PREFIXES[kind]}'.",
            param=f"{place}.id",
            code="invalid_value",
        )
    return given


def _referred(item_id: Any, find: Callable[[str], Shape | None]) -> Shape:
    found = find(item_id) if isinstance(item_id, str) else None
    if found is None:
        raise SandboxError(
            f"Item with id '{item_id}' not found. Items are not persisted when `store` is set to false. "
            "Try again with `store` set to true, or remove this item from your input.",
            status=404,
            param="input",
        )
    return found


def _check_seal(item: Shape, kind: str) -> None:
    """Encrypted content is our own, and of this very item if the item has an id."""
    token = item.get("encrypted_content")
    if token is None:
        return
    named = item.get("id") or "without an id"
    try:
        sealed_id = unseal(kind, token)["id"]
    except ValueError as error:
        raise SandboxError(
            f"The encrypted content for item {named} could not be verified. "
            "Reason: Encrypted content could not be decrypted or parsed.",
            code="invalid_encrypted_content",
        ) from error
    if item.get("id") not in (None, sealed_id):
        raise SandboxError(
            f"The encrypted content for item {named} could not be verified. "
            "Reason: Encrypted content item_id did not match the target item id.",
            code="invalid_encrypted_content",
        )


def _message(item: Shape, place: str) -> Shape:
    role, content = item["role"], item["content"]
    if role not in _ROLES:
        raise not_among(f"{place}.role", role, _ROLES)
    kinds = _OUTPUT_PARTS if role == "assistant" else _INPUT_PARTS
    if isinstance(content, str):
        content = [{"type": kinds[0], "text": content}]
    parts = _parts(content, kinds, f"{place}.content")
    return item | {"status": item.get("status") or "completed", "content": parts}


def _call(item: Shape, place: str) -> Shape:
    for name in _NEEDED[item["type"]]:
        if not isinstance(item[name], str):
            raise wrong_type(f"{place}.{name}", "a string")
    return item | {"status": item.get("status") or "completed"}


def _tool_output(output: Any, place: str) -> Any:
    return output if isinstance(output, str) else _parts(output, _INPUT_PARTS, place)


def _parts(content: Any, kinds: tuple[str, ...], place: str) -> list[Shape]:
    if not isinstance(content, list):
        raise wrong_type(place, "a string or an array")
    return [_part(part, kinds, f"{place}[{index}]") for index, part in enumerate(content)]


def _part(part: Any, kinds: tuple[str, ...], place: str) -> Shape:
    kind = part.get("type") if isinstance(part, dict) else None
    if kind not in kinds:
        raise not_among(place, kind, kinds)
    if kind in ("input_text", "output_text", "refusal"):
        name = "refusal" if kind == "refusal" else "text"
        if not isinstance(part.get(name), str):
            raise missing(f"{place}.{name}")
    if kind == "input_image" and not (part.get("image_url") or part.get("file_id")):
        raise missing(f"{place}.image_url")
    if kind == "input_file" and not any(part.get(name) for name in ("file_id", "file_url", "file_data")):
        raise missing(f"{place}.file_id")
    if kind == "input_audio" and not isinstance(part.get("input_audio"), dict):
        raise missing(f"{place}.input_audio")
    return _PART_DEFAULTS.get(kind, {}) | {name: value for name, value in part.items() if value is not None}


async def messages(items: Iterable[Shape]) -> list[Shape]:
    """Items as a chat has them; what says nothing to a reader, such as reasoning, is left out."""
    found = []
    for item in items:
        kind = item["type"]
        if kind == "message":
            found.append({"role": item["role"], "content": await _chat_parts(item["content"])})
        elif kind in CALLS:
            called = {"name": item["name"], "arguments": item.get("arguments", item.get("input"))}
            call = {"id": item["call_id"], "type": "function", "function": called}
            found.append({"role": "assistant", "content": None, "tool_calls": [call]})
        elif kind in CALLS.values():
            output = item["output"]
            said = output if isinstance(output, str) else await _chat_parts(output)
            found.append({"role": "tool", "tool_call_id": item["call_id"], "content": said})
        elif kind == "compaction":
            found.append({"role": "system", "content": unseal(kind, item["encrypted_content"])["text"]})
    return found


async def _chat_parts(parts: list[Shape]) -> list[Shape]:
    return [await _chat_part(part) for part in parts]


async def _chat_part(part: Shape) -> Shape:
    kind = part["type"]
    if kind == "input_image":
        return {"type": "image_url", "image_url": {"url": part.get("image_url") or part["file_id"]}}
    if kind == "input_file":
        return {"type": "file", "file": part}
    if kind == "input_audio":
        return {"type": "text", "text": (await hear(_sound(part), "input")).text}
    return {"type": "text", "text": part.get("text") or part.get("refusal", "")}


def _sound(part: Shape) -> bytes:
    try:
        return base64.b64decode(part["input_audio"].get("data") or "", validate=True)
    except (binascii.Error, ValueError, TypeError) as error:
        raise SandboxError("The audio is not valid base64.", param="input", code="invalid_value") from error
