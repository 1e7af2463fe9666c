"""The package `openai` with `chat.completions`."""

import json
from typing import Any

import openai
from openai.lib.streaming.chat import ChatCompletionStreamState
from pydantic import BaseModel
from tests.clients.matrix.asking import (
    ARGUMENTS,
    Attachment,
    Call,
    Said,
    Sdk,
    Talk,
    Wish,
    all_of,
    done,
    encoded,
    only_known,
    pdf,
    picture,
)

TYPED = {400: openai.BadRequestError, 401: openai.AuthenticationError, 404: openai.NotFoundError}
_FINISHES = {"content_filter": "refusal"}


class OpenAi(Sdk):
    """What both of the package's ways to ask have in common."""

    errors = (openai.APIError,)

    def connect(self, base_url: str, key: str) -> Any:
        client = openai.AsyncOpenAI if self.is_async else openai.OpenAI
        given: dict[str, Any] = {"http_client": self._http}
        return client(base_url=f"{base_url}/v1", api_key=key, max_retries=0, **given)

    def is_typed(self, error: Exception, status: int) -> bool:
        return isinstance(error, TYPED[status])

    async def embed(self, model: str, texts: list[str], size: int) -> list[list[float]]:
        answer = await done(self.sdk.embeddings.create(model=model, input=texts, dimensions=size))
        return [item.embedding for item in answer.data]


class Chat(OpenAi):
    name, call = "openai chat", "chat.completions"
    lossy = Wish(bias={"50256": -100})

    async def parse(self, model: str, text: str, form: type[BaseModel]) -> Any:
        asked = [{"role": "user", "content": text}]
        answer = await done(
            self.sdk.chat.completions.parse(model=model, messages=asked, response_format=form)
        )
        return answer.choices[0].message.parsed

    def talk(self, model: str, wish: Wish) -> Talk:
        return _Talk(self, model, wish)


class _Talk(Talk):
    def forget_thinking(self) -> None:
        said = self.history[-1]
        calls = [call.model_dump(include={"id", "type", "function"}) for call in said.tool_calls]
        self.history[-1] = {"role": "assistant", "content": said.content, "tool_calls": calls}

    def question(self, text: str, attached: tuple[Attachment, ...]) -> Any:
        parts = [_part(one) for one in attached]
        return {"role": "user", "content": [{"type": "text", "text": text}, *parts] if parts else text}

    async def give(self, results: list[tuple[Call, str]]) -> Said:
        self.history += [{"role": "tool", "tool_call_id": call.id, "content": text} for call, text in results]
        return await self.ask()

    async def ask(self) -> Said:
        chat = self.client.chat.completions
        fields = only_known(chat.create, self._fields())
        if self.wish.is_streamed:
            options = {"stream_options": {"include_usage": True}}
            state: ChatCompletionStreamState[Any] = ChatCompletionStreamState()
            for chunk in await all_of(await done(chat.create(**fields, **options, stream=True))):
                state.handle_chunk(chunk)
            final: Any = state.current_completion_snapshot
        else:
            final = await done(chat.create(**fields))
        self.history.append(final.choices[0].message)
        return _said(final)

    def _fields(self) -> dict[str, Any]:
        wish = self.wish
        system = [{"role": "system", "content": wish.system}] if wish.system else []
        fields: dict[str, Any] = {"model": self.model, "messages": system + self.history}
        if wish.tools:
            fields["tools"] = [
                {"type": "function", "function": {"name": name, "parameters": ARGUMENTS}}
                for name in wish.tools
            ]
        if wish.choice:
            is_word = wish.choice in ("none", "required")
            named = {"type": "function", "function": {"name": wish.choice}}
            fields["tool_choice"] = wish.choice if is_word else named
        if wish.schema is not None:
            inner = {"name": "meal", "schema": wish.schema, "strict": True}
            fields["response_format"] = {"type": "json_schema", "json_schema": inner}
        given = {
            "reasoning_effort": "low" if wish.thinks else None,
            "stop": [wish.stop] if wish.stop else None,
            "max_completion_tokens": wish.limit or None,
            "n": wish.n or None,
            "seed": wish.seed,
            "logit_bias": wish.bias,
            "logprobs": True if wish.logprobs else None,
            "top_logprobs": wish.logprobs or None,
            "extra_headers": wish.headers or None,
        }
        return fields | {name: value for name, value in given.items() if value is not None}


def _part(attachment: Attachment) -> dict[str, Any]:
    if attachment.kind == "picture":
        return {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{encoded(picture())}"}}
    data = f"data:application/pdf;base64,{encoded(pdf())}"
    return {"type": "file", "file": {"filename": "frogs.pdf", "file_data": data}}


def _said(final: Any) -> Said:
    first = final.choices[0]
    message = first.message
    details = getattr(message, "reasoning_details", None) or []
    calls = message.tool_calls or []
    signed = [getattr(call, "extra_content", None) for call in calls]
    is_refusal = message.refusal or first.finish_reason == "content_filter"
    return Said(
        texts=[choice.message.content or "" for choice in final.choices],
        finish="refusal" if is_refusal else _FINISHES.get(first.finish_reason, first.finish_reason),
        input=final.usage.prompt_tokens,
        output=final.usage.completion_tokens,
        thinking=getattr(message, "reasoning_content", None) or "",
        signatures=[detail["signature"] for detail in details if detail.get("signature")]
        + [extra["google"]["thought_signature"] for extra in signed if extra],
        calls=[Call(call.id, call.function.name, json.loads(call.function.arguments)) for call in calls],
        logprobs=len(first.logprobs.content or ()) if first.logprobs else 0,
    )
