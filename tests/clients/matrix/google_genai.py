"""The package `google-genai`."""

from typing import Any

import httpx2
from google import genai
from google.genai import errors, types
from pydantic import BaseModel
from tests.clients.matrix.asking import (
    ARGUMENTS,
    PAGE_TEXT,
    Attachment,
    Call,
    NoSuchOption,
    Said,
    Sdk,
    Talk,
    Wish,
    all_of,
    done,
    pdf,
    picture,
)

_FINISHES = {"STOP": "stop", "MAX_TOKENS": "length", "SAFETY": "refusal", "PROHIBITED_CONTENT": "refusal"}


class Generate(Sdk):
    name, call = "google-genai", "models.generate_content"
    errors = (errors.APIError, httpx2.HTTPError)
    lossy = Wish(seed=7)

    def connect(self, base_url: str, key: str) -> Any:
        given: dict[str, Any] = {
            "httpx_async_client" if self.is_async else "httpx_client": self._http,
        }
        client = genai.Client(api_key=key, http_options=types.HttpOptions(base_url=base_url, **given))
        return client.aio if self.is_async else client

    def talk(self, model: str, wish: Wish) -> Talk:
        return _Talk(self, model, wish)

    async def parse(self, model: str, text: str, form: type[BaseModel]) -> Any:
        config = types.GenerateContentConfig(response_mime_type="application/json", response_schema=form)
        answer = await done(self.sdk.models.generate_content(model=model, contents=text, config=config))
        return answer.parsed

    async def count(self, model: str, text: str) -> int:
        counted = await done(self.sdk.models.count_tokens(model=model, contents=text))
        return int(counted.total_tokens)

    async def embed(self, model: str, texts: list[str], size: int) -> list[list[float]]:
        config = types.EmbedContentConfig(output_dimensionality=size)
        answer = await done(self.sdk.models.embed_content(model=model, contents=texts, config=config))
        return [one.values for one in answer.embeddings]

    def status_of(self, error: Exception) -> int:
        return error.code if isinstance(error, errors.APIError) else 0

    def is_typed(self, error: Exception, status: int) -> bool:
        return isinstance(error, errors.ClientError) and error.code == status


class _Talk(Talk):
    def forget_thinking(self) -> None:
        parts = [
            part.model_copy(update={"thought_signature": None})
            for part in self.history[-1].parts
            if not part.thought
        ]
        self.history[-1] = types.Content(role="model", parts=parts)

    def question(self, text: str, attached: tuple[Attachment, ...]) -> Any:
        return types.Content(role="user", parts=[*map(_part, attached), types.Part(text=text)])

    async def give(self, results: list[tuple[Call, str]]) -> Said:
        parts = [
            types.Part(
                function_response=types.FunctionResponse(
                    id=call.id or None, name=call.name, response={"result": text}
                )
            )
            for call, text in results
        ]
        self.history.append(types.Content(role="user", parts=parts))
        return await self.ask()

    async def ask(self) -> Said:
        models = self.client.models
        fields = {"model": self.model, "contents": list(self.history), "config": self._config()}
        if self.wish.is_streamed:
            chunks = await all_of(await done(models.generate_content_stream(**fields)))
        else:
            chunks = [await done(models.generate_content(**fields))]
        parts = _parts(chunks, 0)
        self.history.append(types.Content(role="model", parts=parts))
        return _said(chunks, parts)

    def _config(self) -> types.GenerateContentConfig:
        wish = self.wish
        given: dict[str, Any] = {
            "system_instruction": wish.system or None,
            "stop_sequences": [wish.stop] if wish.stop else None,
            "max_output_tokens": wish.limit or None,
            "candidate_count": wish.n or None,
            "seed": wish.seed,
            "logit_bias": wish.bias,
            "response_logprobs": True if wish.logprobs else None,
            "logprobs": wish.logprobs or None,
            "http_options": types.HttpOptions(headers=wish.headers) if wish.headers else None,
        }
        if wish.tools:
            declared = [
                types.FunctionDeclaration(name=name, parameters_json_schema=ARGUMENTS) for name in wish.tools
            ]
            given["tools"] = [types.Tool(function_declarations=declared)]
            given["automatic_function_calling"] = types.AutomaticFunctionCallingConfig(disable=True)
        if wish.choice:
            given["tool_config"] = types.ToolConfig(function_calling_config=_choice(wish.choice))
        if wish.schema is not None:
            given |= {"response_mime_type": "application/json", "response_json_schema": wish.schema}
        if wish.thinks:
            level = types.ThinkingLevel.LOW
            given["thinking_config"] = types.ThinkingConfig(include_thoughts=True, thinking_level=level)
        given = {name: value for name, value in given.items() if value is not None}
        for name in given:
            if name not in types.GenerateContentConfig.model_fields:
                raise NoSuchOption(name)
        return types.GenerateContentConfig(**given)


def _choice(choice: str) -> types.FunctionCallingConfig:
    if choice == "none":
        return types.FunctionCallingConfig(mode=types.FunctionCallingConfigMode.NONE)
    names = None if choice == "required" else [choice]
    mode = types.FunctionCallingConfigMode.ANY
    return types.FunctionCallingConfig(mode=mode, allowed_function_names=names)


def _part(attachment: Attachment) -> types.Part:
    if attachment.kind == "picture":
        return types.Part.from_bytes(data=picture(), mime_type="image/png")
    if attachment.kind == "text":
        return types.Part.from_bytes(data=PAGE_TEXT.encode(), mime_type="text/plain")
    return types.Part.from_bytes(data=pdf(), mime_type="application/pdf")


def _parts(chunks: list[Any], index: int) -> list[types.Part]:
    """Of one candidate, over all chunks."""
    return [
        part
        for chunk in chunks
        for candidate in chunk.candidates or ()
        if (candidate.index or 0) == index and candidate.content is not None
        for part in candidate.content.parts or ()
    ]


def _said(chunks: list[Any], parts: list[types.Part]) -> Said:
    usage = next(chunk.usage_metadata for chunk in reversed(chunks) if chunk.usage_metadata)
    candidates = [candidate for chunk in chunks for candidate in chunk.candidates or ()]
    reasons = [candidate.finish_reason.name for candidate in candidates if candidate.finish_reason]
    calls = [part.function_call for part in parts if part.function_call]
    finish = _FINISHES.get(reasons[-1], reasons[-1]) if reasons else "none"
    indexes = sorted({candidate.index or 0 for candidate in candidates})
    counted = [candidate.logprobs_result for candidate in candidates if candidate.logprobs_result]
    return Said(
        texts=[_text(_parts(chunks, index)) for index in indexes],
        finish="tool_calls" if calls and finish == "stop" else finish,
        input=usage.prompt_token_count or 0,
        output=(usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0),
        thinking="".join(part.text or "" for part in parts if part.thought),
        signatures=[str(part.thought_signature) for part in parts if part.thought_signature],
        calls=[Call(call.id or "", call.name or "", dict(call.args or {})) for call in calls],
        logprobs=sum(len(result.chosen_candidates or ()) for result in counted),
    )


def _text(parts: list[types.Part]) -> str:
    return "".join(part.text or "" for part in parts if not part.thought)
