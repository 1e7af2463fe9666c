"""POST /v1/completions: the legacy text completion, which code editors and some frameworks still use."""

import time
from typing import Any

from aiohttp import web

from pronghorn.kit.ids import new_id
from pronghorn.sandbox.errors import SandboxError, json_body
from pronghorn.sandbox.faults import check_magic_model
from pronghorn.sandbox.openai import chat_answer
from pronghorn.sandbox.openai.embeddings import read_inputs
from pronghorn.sandbox.reply import Events, reply_json

DEFAULT_MAX_TOKENS = 16
MAX_CHOICES = 128

Shape = dict[str, Any]


async def create(request: web.Request) -> web.StreamResponse:
    body = await json_body(request)
    if not isinstance(body.get("model"), str) or not body["model"]:
        raise SandboxError("you must provide a model parameter", param="model")
    check_magic_model(str(body["model"]))
    prompts = read_inputs(body.get("prompt") or "Hello")
    count = body.get("n") or 1
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= MAX_CHOICES:
        raise SandboxError(f"'n' must be from 1 to {MAX_CHOICES}", param="n")
    choices = [
        await _choice(body, prompt, place * count + number)
        for place, (prompt, _) in enumerate(prompts)
        for number in range(count)
    ]
    prompt_tokens = sum(tokens for _, tokens in prompts)
    output = sum(len(tokens) for tokens, _ in choices)
    usage = {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": output,
        "total_tokens": prompt_tokens + output,
    }
    common: Shape = {
        "id": new_id("cmpl"),
        "object": "text_completion",
        "created": int(time.time()),
        "model": body["model"],
        "system_fingerprint": "fp_sandbox",
    }
    if body.get("stream") is True:
        return await _stream(request, body, common, choices, usage)
    whole = [choice | {"text": choice["text"] + "".join(tokens)} for tokens, choice in choices]
    return await reply_json(request, common | {"choices": whole, "usage": usage})


async def _choice(body: Shape, prompt: str, index: int) -> tuple[list[str], Shape]:
    """The tokens that are produced, and the choice around them; `text` begins with the prompt if it is echoed."""
    limit = body.get("max_tokens")
    asked = {
        "model": "text",
        "stop": body.get("stop"),
        "max_tokens": DEFAULT_MAX_TOKENS if limit is None else limit,
    }
    answer = await chat_answer.answer(asked, [{"role": "user", "content": prompt}])
    logprobs = _logprobs(answer.tokens) if isinstance(body.get("logprobs"), int) else None
    choice = {
        "text": prompt if body.get("echo") is True else "",
        "index": index,
        "logprobs": logprobs,
        "finish_reason": answer.finish,
    }
    return answer.tokens, choice


def _logprobs(tokens: list[str]) -> Shape:
    offsets, position = [], 0
    for token in tokens:
        offsets.append(position)
        position += len(token)
    return {
        "tokens": tokens,
        "token_logprobs": [-0.01] * len(tokens),
        "top_logprobs": [{token: -0.01} for token in tokens],
        "text_offset": offsets,
    }


async def _stream(
    request: web.Request, body: Shape, common: Shape, choices: list[tuple[list[str], Shape]], usage: Shape
) -> web.StreamResponse:
    options = body.get("stream_options")
    shows_usage = isinstance(options, dict) and options.get("include_usage") is True
    chunk = common | {"usage": None} if shows_usage else common
    events = Events(request)
    await events.open()
    for tokens, choice in choices:
        for text in ([choice["text"]] if choice["text"] else []) + tokens:
            part = {"text": text, "index": choice["index"], "logprobs": None, "finish_reason": None}
            await events.send(chunk | {"choices": [part]})
        last = {
            "text": "",
            "index": choice["index"],
            "logprobs": None,
            "finish_reason": choice["finish_reason"],
        }
        await events.send(chunk | {"choices": [last]})
    if shows_usage:
        await events.send(chunk | {"choices": [], "usage": usage})
    await events.send("[DONE]")
    return await events.close()


routes = [web.post("/v1/completions", create)]
