"""Canonical messages as Anthropic's: roles alternate, results come first, and none is empty."""

from pronghorn.convert.dialect import Losses
from pronghorn.convert.messages.blocks_out import Blocks
from pronghorn.convert.messages.models import Facts
from pronghorn.convert.turn import Json, Message

_SYSTEM = ("system", "developer")
_NOTHING: Json = {"type": "text", "text": "."}


def write_messages(
    messages: list[Message], model: Facts, blocks: Blocks, lost: Losses
) -> tuple[list[Json], list[Json]]:
    """The blocks of the system prompt, and the messages after it."""
    for message in messages:
        if message.name:
            lost.add(f"{message.at}.name")
    start = next((i for i, message in enumerate(messages) if message.role not in _SYSTEM), len(messages))
    system = [block for message in messages[:start] for block in blocks.write(message.parts, "system")]
    written: list[Json] = []
    for message in messages[start:]:
        content = blocks.write(message.parts, message.role)
        role = "assistant" if message.role == "assistant" else "user"
        if message.role in _SYSTEM:
            if not content:
                continue
            if model.takes_system_inside and written and written[-1]["role"] != "assistant":
                role = "system"
            else:
                for block in content:
                    block["text"] = f"<system>\n{block['text']}\n</system>"
        if written and written[-1]["role"] == role:
            written[-1]["content"] += content
        else:
            written.append({"role": role, "content": content})
    return system, _finished(written)


def _finished(written: list[Json]) -> list[Json]:
    last = written[-1] if written else None
    if last is not None and last["role"] == "assistant":
        _trim(last["content"])
        if not last["content"]:
            written.pop()
    if not written or written[0]["role"] != "user":
        written.insert(0, {"role": "user", "content": []})
    for message in written:
        content = message["content"]
        if not content:
            content.append(dict(_NOTHING))
        elif message["role"] == "user" and len(content) > 1:
            content.sort(key=lambda block: block["type"] != "tool_result")
    return written


def _trim(content: list[Json]) -> None:
    """The beginning of an answer, which the model is to go on from, must not end in white space."""
    if content and content[-1]["type"] == "text":
        content[-1]["text"] = content[-1]["text"].rstrip()
