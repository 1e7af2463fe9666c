"""A whole answer, written as a chat completion."""

from pronghorn.convert import usage
from pronghorn.convert.chat import citations, finishes, logprobs, media, reasoning
from pronghorn.convert.events import new_call_id
from pronghorn.convert.turn import Choice, Json, Media, Part, Refusal, Reply, Text, Thinking, ToolCall, Turn

SOUND_LIVES_S = 3600
"""As long as OpenAI keeps a sound that it made; ours is gone with the answer."""


def write_reply(reply: Reply, turn: Turn) -> Json:
    body: Json = {
        "id": completion_id(reply.id),
        "object": "chat.completion",
        "created": reply.created_s,
        "model": reply.model,
        "choices": [_choice(choice, index, reply) for index, choice in enumerate(reply.choices)],
    }
    if reply.service_tier:
        body["service_tier"] = reply.service_tier
    if reply.usage is not None:
        body["usage"] = usage.to_chat(reply.usage)
    return body


def completion_id(found: str) -> str:
    return found if found.startswith("chatcmpl-") else f"chatcmpl-{found}"


def _choice(choice: Choice, index: int, reply: Reply) -> Json:
    message = _message(choice.parts, reply)
    has_calls, has_refusal = "tool_calls" in message, message["refusal"] is not None
    return {
        "index": index,
        "message": message,
        "logprobs": logprobs.write(choice.logprobs),
        "finish_reason": finishes.write(choice.finish, has_calls=has_calls, has_refusal=has_refusal),
    }


def _message(parts: list[Part], reply: Reply) -> Json:
    message: Json = {"role": "assistant", "content": None, "refusal": None}
    thoughts: list[Thinking] = []
    for part in parts:
        if isinstance(part, Text):
            _text(message, part)
        elif isinstance(part, Thinking):
            thoughts.append(part)
        elif isinstance(part, ToolCall):
            message.setdefault("tool_calls", []).append(write_call(part))
        elif isinstance(part, Refusal):
            message["refusal"] = (message["refusal"] or "") + part.text
        elif isinstance(part, Media):
            _made(message, part, reply)
    if thoughts:
        _thinking(message, thoughts)
    return message


def _text(message: Json, part: Text) -> None:
    before = message["content"] or ""
    if part.text or not part.signature:
        message["content"] = before + part.text
    if part.citations:
        found = citations.write(part.citations, len(before), len(part.text))
        message.setdefault("annotations", []).extend(found)
    if part.signature is not None:
        message["extra_content"] = reasoning.write_thought(part.signature)


def _thinking(message: Json, thoughts: list[Thinking]) -> None:
    text = "".join(part.text for part in thoughts)
    if text:
        message["reasoning_content"] = text
    if any(part.signature for part in thoughts):
        message["reasoning_details"] = [
            reasoning.write_detail(part, index) for index, part in enumerate(thoughts)
        ]


def write_call(call: ToolCall) -> Json:
    if call.is_custom:
        inner: Json = {"name": call.name, "input": call.arguments}
    else:
        inner = {"name": call.name, "arguments": call.arguments or "{}"}
    kind = "custom" if call.is_custom else "function"
    found: Json = {"id": call.id or new_call_id(), "type": kind, kind: inner}
    if call.signature is not None:
        found["extra_content"] = reasoning.write_thought(call.signature)
    return found


def _made(message: Json, part: Media, reply: Reply) -> None:
    if part.kind == "audio" and part.data:
        message["audio"] = {
            "id": sound_id(reply.id),
            "data": part.data,
            "transcript": part.transcript,
            "expires_at": reply.created_s + SOUND_LIVES_S,
        }
    elif part.kind == "image" and not part.file_id:
        message.setdefault("images", []).append(write_image(part))


def sound_id(reply_id: str) -> str:
    return f"audio_{reply_id.removeprefix('chatcmpl-')}"


def write_image(part: Media) -> Json:
    image = media.write_answer_image(part)
    if part.signature is not None:
        image["extra_content"] = reasoning.write_thought(part.signature)
    return image
