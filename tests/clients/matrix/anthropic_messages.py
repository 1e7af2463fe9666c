"""The package `anthropic`."""

from typing import Any

import anthropic
from pydantic import BaseModel
from tests.clients.matrix.asking import (
    ARGUMENTS,
    PAGE_TEXT,
    Attachment,
    Call,
    Said,
    Sdk,
    Talk,
    Wish,
    done,
    encoded,
    only_known,
    pdf,
    picture,
    through,
)

TYPED = {400: anthropic.BadRequestError, 401: anthropic.AuthenticationError, 404: anthropic.NotFoundError}
_FINISHES = {"end_turn": "stop", "stop_sequence": "stop", "max_tokens": "length", "tool_use": "tool_calls"}
_LIMIT = 2000


class Messages(Sdk):
    name, call = "anthropic", "messages"
    errors = (anthropic.APIError,)
    lossy = Wish(thinks=True)

    def connect(self, base_url: str, key: str) -> Any:
        client = anthropic.AsyncAnthropic if self.is_async else anthropic.Anthropic
        given: dict[str, Any] = {"http_client": self._http}
        return client(base_url=base_url, api_key=key, max_retries=0, **given)

    def talk(self, model: str, wish: Wish) -> Talk:
        return _Talk(self, model, wish)

    async def parse(self, model: str, text: str, form: type[BaseModel]) -> Any:
        asked = [{"role": "user", "content": text}]
        answer = await done(
            self.sdk.messages.parse(model=model, messages=asked, max_tokens=_LIMIT, output_format=form)
        )
        return answer.parsed_output

    async def count(self, model: str, text: str) -> int:
        asked = {"role": "user", "content": text}
        counted = await done(self.sdk.messages.count_tokens(model=model, messages=[asked]))
        return int(counted.input_tokens)

    def is_typed(self, error: Exception, status: int) -> bool:
        return isinstance(error, TYPED[status])


class _Talk(Talk):
    def forget_thinking(self) -> None:
        blocks = [block for block in self.history[-1]["content"] if block.type != "thinking"]
        self.history[-1] = {"role": "assistant", "content": blocks}

    def question(self, text: str, attached: tuple[Attachment, ...]) -> Any:
        parts = [_part(one) for one in attached]
        return {"role": "user", "content": [*parts, {"type": "text", "text": text}] if parts else text}

    async def give(self, results: list[tuple[Call, str]]) -> Said:
        blocks = [{"type": "tool_result", "tool_use_id": call.id, "content": text} for call, text in results]
        self.history.append({"role": "user", "content": blocks})
        return await self.ask()

    async def ask(self) -> Said:
        messages = self.client.messages
        fields = only_known(messages.create, self._fields())
        if self.wish.is_streamed:
            final = await through(messages.stream(**fields), lambda stream: stream.get_final_message())
        else:
            final = await done(messages.create(**fields))
        self.history.append({"role": final.role, "content": final.content})
        return _said(final)

    def _fields(self) -> dict[str, Any]:
        wish = self.wish
        fields: dict[str, Any] = {"model": self.model, "messages": list(self.history)}
        fields["max_tokens"] = wish.limit or _LIMIT
        if wish.tools:
            fields["tools"] = [{"name": name, "input_schema": ARGUMENTS} for name in wish.tools]
        if wish.choice:
            words = {"none": {"type": "none"}, "required": {"type": "any"}}
            fields["tool_choice"] = words.get(wish.choice, {"type": "tool", "name": wish.choice})
        if wish.schema is not None:
            fields["output_config"] = {"format": {"type": "json_schema", "schema": wish.schema}}
        if wish.thinks:
            fields["thinking"] = {"type": "adaptive", "display": "summarized"}
            fields["output_config"] = {"effort": "low"}
        given = {
            "system": wish.system or None,
            "stop_sequences": [wish.stop] if wish.stop else None,
            "n": wish.n or None,
            "seed": wish.seed,
            "logit_bias": wish.bias,
            "logprobs": wish.logprobs or None,
            "extra_headers": wish.headers or None,
        }
        return fields | {name: value for name, value in given.items() if value is not None}


def _part(attachment: Attachment) -> dict[str, Any]:
    if attachment.kind == "picture":
        source = {"type": "base64", "media_type": "image/png", "data": encoded(picture())}
        return {"type": "image", "source": source}
    if attachment.kind == "text":
        return {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": PAGE_TEXT}}
    source = {"type": "base64", "media_type": "application/pdf", "data": encoded(pdf())}
    return {"type": "document", "source": source}


def _said(final: Any) -> Said:
    blocks = final.content
    usage = final.usage
    cached = (usage.cache_read_input_tokens or 0) + (usage.cache_creation_input_tokens or 0)
    return Said(
        texts=["".join(block.text for block in blocks if block.type == "text")],
        finish=_FINISHES.get(final.stop_reason, final.stop_reason),
        input=usage.input_tokens + cached,
        output=usage.output_tokens,
        thinking="".join(block.thinking for block in blocks if block.type == "thinking"),
        signatures=[block.signature for block in blocks if block.type == "thinking" and block.signature],
        calls=[Call(block.id, block.name, block.input) for block in blocks if block.type == "tool_use"],
    )
