"""The package `openai` with `responses`, which keep nothing at the gateway here: the items are given back."""

import json
from typing import Any

from pydantic import BaseModel
from tests.clients.matrix.asking import (
    ARGUMENTS,
    Attachment,
    Call,
    Said,
    Talk,
    Wish,
    done,
    encoded,
    only_known,
    pdf,
    picture,
    through,
)
from tests.clients.matrix.openai_chat import OpenAi

_REASONS = {"max_output_tokens": "length", "content_filter": "refusal"}


class Responses(OpenAi):
    name, call = "openai responses", "responses"
    lossy = Wish(logprobs=2)

    def talk(self, model: str, wish: Wish) -> Talk:
        return _Talk(self, model, wish)

    async def parse(self, model: str, text: str, form: type[BaseModel]) -> Any:
        answer = await done(self.sdk.responses.parse(model=model, input=text, text_format=form, store=False))
        return answer.output_parsed

    async def count(self, model: str, text: str) -> int:
        counted = await done(self.sdk.responses.input_tokens.count(model=model, input=text))
        return int(counted.input_tokens)


class _Talk(Talk):
    def forget_thinking(self) -> None:
        self.history = [item for item in self.history if getattr(item, "type", "") != "reasoning"]

    def question(self, text: str, attached: tuple[Attachment, ...]) -> Any:
        parts = [_part(one) for one in attached]
        return {"role": "user", "content": [{"type": "input_text", "text": text}, *parts] if parts else text}

    async def give(self, results: list[tuple[Call, str]]) -> Said:
        self.history += [
            {"type": "function_call_output", "call_id": call.id, "output": text} for call, text in results
        ]
        return await self.ask()

    async def ask(self) -> Said:
        responses = self.client.responses
        fields = only_known(responses.create, self._fields())
        if self.wish.is_streamed:
            # `get_final_response` knows of no end but `response.completed`.
            final = (await through(responses.stream(**fields)))[-1].response
        else:
            final = await done(responses.create(**fields))
        self.history += final.output
        return _said(final)

    def _fields(self) -> dict[str, Any]:
        wish = self.wish
        fields: dict[str, Any] = {"model": self.model, "input": list(self.history), "store": False}
        if wish.tools:
            fields["tools"] = [
                {"type": "function", "name": name, "parameters": ARGUMENTS, "strict": False}
                for name in wish.tools
            ]
        if wish.choice:
            is_word = wish.choice in ("none", "required")
            fields["tool_choice"] = wish.choice if is_word else {"type": "function", "name": wish.choice}
        if wish.schema is not None:
            form = {"type": "json_schema", "name": "meal", "schema": wish.schema, "strict": True}
            fields["text"] = {"format": form}
        if wish.thinks:
            fields["reasoning"] = {"effort": "low", "summary": "auto"}
            fields["include"] = ["reasoning.encrypted_content"]
        if wish.logprobs:
            fields["include"] = ["message.output_text.logprobs"]
        given = {
            "instructions": wish.system or None,
            "stop": [wish.stop] if wish.stop else None,
            "max_output_tokens": wish.limit or None,
            "n": wish.n or None,
            "seed": wish.seed,
            "logit_bias": wish.bias,
            "top_logprobs": wish.logprobs or None,
            "extra_headers": wish.headers or None,
        }
        return fields | {name: value for name, value in given.items() if value is not None}


def _part(attachment: Attachment) -> dict[str, Any]:
    if attachment.kind == "picture":
        return {"type": "input_image", "image_url": f"data:image/png;base64,{encoded(picture())}"}
    data = f"data:application/pdf;base64,{encoded(pdf())}"
    return {"type": "input_file", "filename": "frogs.pdf", "file_data": data}


def _said(final: Any) -> Said:
    thoughts = [item for item in final.output if item.type == "reasoning"]
    calls = [item for item in final.output if item.type == "function_call"]
    parts = [part for item in final.output if item.type == "message" for part in item.content]
    finish = "tool_calls" if calls else "stop"
    if final.status == "incomplete":
        finish = _REASONS.get(final.incomplete_details.reason, final.incomplete_details.reason)
    elif any(part.type == "refusal" for part in parts):
        finish = "refusal"
    elif final.status != "completed":
        finish = final.status
    return Said(
        texts=[final.output_text],
        finish=finish,
        input=final.usage.input_tokens,
        output=final.usage.output_tokens,
        thinking="".join(part.text for item in thoughts for part in item.summary),
        signatures=[item.encrypted_content for item in thoughts if item.encrypted_content],
        calls=[Call(item.call_id, item.name, json.loads(item.arguments)) for item in calls],
        logprobs=sum(len(part.logprobs or ()) for part in parts if part.type == "output_text"),
    )
