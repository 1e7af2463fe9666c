"""POST /v1/chat/completions: OpenAI's chat, whole or streamed, as `chat_answer` decides it."""

import time
from typing import Any

from aiohttp import web

from pronghorn.kit.ids import new_id
from pronghorn.sandbox import counting
from pronghorn.sandbox.errors import json_body
from pronghorn.sandbox.faults import check_magic_model
from pronghorn.sandbox.openai import chat_answer, chat_audio, chat_check, chat_picture, chat_prompt
from pronghorn.sandbox.openai.chat_answer import Answer, Call
from pronghorn.sandbox.openai.chat_audio import Speech
from pronghorn.sandbox.reply import Events, reply_json

Shape = dict[str, Any]
Choice = tuple[Answer, Speech | None]


async def create(request: web.Request) -> web.StreamResponse:
    body = await json_body(request)
    messages = chat_check.check(body)
    check_magic_model(body["model"])
    written, heard_tokens = await chat_prompt.hear_recordings(messages)
    count = body.get("n") or 1
    if chat_picture.draws(body["model"]):
        answers = [await chat_picture.answer(request, written) for _ in range(count)]
    else:
        answers = [await chat_answer.answer(body, written) for _ in range(count)]
    choices = list(zip(answers, await _speeches(body, answers), strict=True))
    usage = _usage(chat_prompt.count_prompt(messages, body.get("tools")), heard_tokens, choices)
    common = {
        "id": new_id("chatcmpl"),
        "object": "chat.completion",
        "created": int(time.time()),
        "model": body["model"],
        "service_tier": "default",
        "system_fingerprint": "fp_sandbox",
    }
    if body.get("stream") is True:
        return await _stream(request, body, common, choices, usage)
    rendered = [_choice(index, answer, speech, body) for index, (answer, speech) in enumerate(choices)]
    return await reply_json(request, common | {"choices": rendered, "usage": usage})


async def _speeches(body: Shape, answers: list[Answer]) -> list[Speech | None]:
    return await chat_audio.speak(body, answers) if chat_check.wants_audio(body) else [None] * len(answers)


def _usage(text_tokens: int, heard_tokens: int, choices: list[Choice]) -> Shape:
    spoken_tokens = sum(speech.tokens for _, speech in choices if speech)
    prompt_tokens = text_tokens + heard_tokens
    completion_tokens = sum(answer.output_tokens() for answer, _ in choices) + spoken_tokens
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": heard_tokens},
        "completion_tokens_details": {
            "reasoning_tokens": sum(len(answer.reasoning) for answer, _ in choices),
            "audio_tokens": spoken_tokens,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _choice(index: int, answer: Answer, speech: Speech | None, body: Shape) -> Shape:
    has_text = not answer.calls and not answer.refusal
    message: Shape = {
        "role": "assistant",
        "content": answer.text if has_text and not speech else None,
        "refusal": answer.refusal or None,
        "annotations": [],
    }
    if speech:
        message["audio"] = chat_audio.whole(speech)
    if answer.reasoning:
        message["reasoning_content"] = "".join(answer.reasoning)
    if answer.is_legacy_call:
        message["function_call"] = {"name": answer.calls[0].name, "arguments": answer.calls[0].arguments}
    elif answer.calls:
        message["tool_calls"] = [_tool_call(call) for call in answer.calls]
    logprobs = _logprobs(answer.tokens, body) if body.get("logprobs") is True and has_text else None
    return {"index": index, "message": message, "logprobs": logprobs, "finish_reason": answer.finish}


def _tool_call(call: Call) -> Shape:
    if call.is_custom:
        return {"id": call.id, "type": "custom", "custom": {"name": call.name, "input": call.arguments}}
    return {
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": call.arguments},
    }


def _logprobs(tokens: list[str], body: Shape) -> Shape:
    """Every token is certain but for a little; the alternatives are the token in other letters."""
    top = body.get("top_logprobs") or 0
    return {"content": [_logprob(token, top) for token in tokens], "refusal": None}


def _logprob(token: str, top: int) -> Shape:
    def one(text: str, value: float) -> Shape:
        return {"token": text, "logprob": value, "bytes": list(text.encode("utf-8", "replace"))}

    alternatives = [token, token.upper(), token.lower(), token.title(), token.strip()]
    tops = [one(text, -0.01 - 2.0 * place) for place, text in enumerate(alternatives[:top])]
    return one(token, -0.01) | {"top_logprobs": tops}


async def _stream(
    request: web.Request, body: Shape, common: Shape, choices: list[Choice], usage: Shape
) -> web.StreamResponse:
    options = body.get("stream_options")
    shows_usage = isinstance(options, dict) and options.get("include_usage") is True
    chunk = common | {"object": "chat.completion.chunk"}
    if shows_usage:
        chunk |= {"usage": None}
    events = Events(request)
    await events.open()
    for index, (answer, speech) in enumerate(choices):
        for delta, logprobs in _deltas(answer, speech, body):
            choice = {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": None}
            await events.send(chunk | {"choices": [choice]})
        last = {"index": index, "delta": {}, "logprobs": None, "finish_reason": answer.finish}
        await events.send(chunk | {"choices": [last]})
    if shows_usage:
        await events.send(chunk | {"choices": [], "usage": usage})
    await events.send("[DONE]")
    return await events.close()


def _deltas(answer: Answer, speech: Speech | None, body: Shape) -> list[tuple[Shape, Shape | None]]:
    """Each delta with its logprobs; the role comes first, alone."""
    has_text = not answer.calls and not speech
    deltas: list[tuple[Shape, Shape | None]] = [
        ({"role": "assistant", "content": "" if has_text else None, "refusal": None}, None)
    ]
    deltas += [({"reasoning_content": token}, None) for token in answer.reasoning]
    if speech:
        return deltas + [({"audio": piece}, None) for piece in chat_audio.deltas(speech)]
    asks = body.get("logprobs") is True
    deltas += [({"content": token}, _logprobs([token], body) if asks else None) for token in answer.tokens]
    deltas += [({"refusal": token}, None) for token in counting.tokens(answer.refusal)]
    if answer.is_legacy_call:
        call = answer.calls[0]
        deltas.append(({"function_call": {"name": call.name, "arguments": ""}}, None))
        deltas += [({"function_call": {"arguments": piece}}, None) for piece in _pieces(call.arguments)]
    else:
        for index, call in enumerate(answer.calls):
            deltas += [({"tool_calls": [delta]}, None) for delta in _call_deltas(index, call)]
    return deltas


def _call_deltas(index: int, call: Call) -> list[Shape]:
    """Id, type and name in the first delta of a call alone; its arguments in pieces."""
    kind, field = ("custom", "input") if call.is_custom else ("function", "arguments")
    first = {"index": index, "id": call.id, "type": kind, kind: {"name": call.name, field: ""}}
    return [first] + [{"index": index, kind: {field: piece}} for piece in _pieces(call.arguments)]


def _pieces(text: str) -> list[str]:
    return [text[start : start + 12] for start in range(0, len(text), 12)]


routes = [web.post("/v1/chat/completions", create)]
