"""OpenAI's own Python package, with nothing changed but the base URL."""

import base64
import io
import json
import time
from decimal import ROUND_UP, Decimal
from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam
from PIL import Image
from pydantic import BaseModel
from tests.process import Installation

MODEL = "gpt-4o-mini"
WEATHER: ChatCompletionToolParam = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


def say(text: str) -> list[ChatCompletionMessageParam]:
    return [{"role": "user", "content": text}]


def picture(colour: tuple[int, int, int] = (220, 30, 30), size: tuple[int, int] = (64, 48)) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", size, colour).save(data, "PNG")
    return data.getvalue()


def test_chat(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model=MODEL, messages=say("repeat: four"))
    assert answer.choices[0].message.content == "four"
    assert answer.usage is not None and answer.usage.total_tokens > 0
    assert answer._request_id is not None and answer._request_id.startswith("req_")


async def test_chat_async_and_streamed(gateway: Installation) -> None:
    async with openai.AsyncOpenAI(
        base_url=f"{gateway.base_url}/v1", api_key=gateway.first["test_key"]
    ) as client:
        answer = await client.chat.completions.create(model=MODEL, messages=say("repeat: 你好"))
        assert answer.choices[0].message.content == "你好"
        stream = await client.chat.completions.create(model=MODEL, messages=say("say 5 words"), stream=True)
        text = "".join([chunk.choices[0].delta.content or "" async for chunk in stream])
        assert text == "word1 word2 word3 word4 word5"


@pytest.mark.parametrize("asks_for_usage", [True, False])
def test_usage_is_shown_in_a_stream_only_if_asked_for(client: openai.OpenAI, asks_for_usage: bool) -> None:
    options: Any = {"stream_options": {"include_usage": True}} if asks_for_usage else {}
    stream = client.chat.completions.create(model=MODEL, messages=say("Hi"), stream=True, **options)
    chunks = list(stream)
    assert [bool(chunk.usage) for chunk in chunks[-2:]] == [False, asks_for_usage]
    assert all(chunk.choices for chunk in chunks[: -1 if asks_for_usage else None])


def test_tools_over_two_turns(client: openai.OpenAI) -> None:
    messages = say("call get_weather for Oslo")
    first = client.chat.completions.create(model=MODEL, messages=messages, tools=[WEATHER])
    call = (first.choices[0].message.tool_calls or [])[0]
    assert call.type == "function" and call.function.name == "get_weather"
    assert set(json.loads(call.function.arguments)) == {"city"}
    assert first.choices[0].finish_reason == "tool_calls"
    reply: Any = first.choices[0].message.model_dump(exclude_none=True)
    tool: ChatCompletionMessageParam = {"role": "tool", "tool_call_id": call.id, "content": "4 degrees"}
    second = client.chat.completions.create(model=MODEL, messages=[*messages, reply, tool], tools=[WEATHER])
    assert "4 degrees" in (second.choices[0].message.content or "")


def test_streamed_tool_calls_come_together(client: openai.OpenAI) -> None:
    with client.chat.completions.stream(
        model=MODEL, messages=say("call get_weather for Oslo"), tools=[WEATHER]
    ) as stream:
        final = stream.get_final_completion()
    call = (final.choices[0].message.tool_calls or [])[0]
    assert json.loads(call.function.arguments).keys() == {"city"}


class Meal(BaseModel):
    name: str
    calories: int
    vegan: bool


def test_structured_output(client: openai.OpenAI) -> None:
    answer = client.chat.completions.parse(model=MODEL, messages=say("a meal"), response_format=Meal)
    assert isinstance(answer.choices[0].message.parsed, Meal)


def test_vision(client: openai.OpenAI) -> None:
    url = "data:image/png;base64," + base64.b64encode(picture()).decode()
    content: Any = [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": url}}]
    answer = client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": content}])
    assert answer.choices[0].message.content == "Picture 1 is 64x48 pixels, mostly red."


def test_legacy_completions(client: openai.OpenAI) -> None:
    answer = client.completions.create(model="gpt-3.5-turbo-instruct", prompt="repeat: one two", max_tokens=9)
    assert answer.choices[0].text == "one two"
    stream = client.completions.create(model="gpt-3.5-turbo-instruct", prompt="repeat: abc", stream=True)
    assert "".join(part.choices[0].text for part in stream) == "abc"


def test_embeddings(client: openai.OpenAI) -> None:
    answer = client.embeddings.create(model="text-embedding-3-small", input=["a cat", "a dog"], dimensions=64)
    assert [len(item.embedding) for item in answer.data] == [64, 64]
    assert abs(sum(value**2 for value in answer.data[0].embedding) - 1) < 1e-5


def test_moderations_and_models(client: openai.OpenAI) -> None:
    assert client.moderations.create(input="I will attack").results[0].categories.violence
    names = [model.id for model in client.models.list()]
    assert MODEL in names
    assert client.models.retrieve(MODEL).id == MODEL


@pytest.mark.parametrize(
    ("simulate", "error"),
    [
        ("status=429", openai.RateLimitError),
        ("status=500", openai.InternalServerError),
        ("status=400", openai.BadRequestError),
        ("cut-after=3", openai.APIError),
        ("end-after=3", openai.APIError),
        ("malformed=3", openai.APIError),
    ],
)
def test_failures_are_the_sdks_own_exceptions(
    client: openai.OpenAI, simulate: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        list(
            client.chat.completions.create(
                model=MODEL,
                messages=say("say 9 words"),
                stream=True,
                extra_headers={"x-pronghorn-simulate": simulate},
            )
        )


def test_wrong_key_unknown_model_and_bad_body(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="did you mean gpt-4o-mini"):
        client.chat.completions.create(model="gpt-4o-minii", messages=say("Hi"))
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(model=MODEL, messages=say("Hi"), max_tokens=-1)
    assert refused.value.param == "max_tokens"
    with (
        openai.OpenAI(base_url=client.base_url, api_key="sk-wrong", max_retries=0) as stranger,
        pytest.raises(openai.AuthenticationError),
    ):
        stranger.models.list()


def test_the_sdks_own_retry_repairs_a_passing_fault(gateway: Installation) -> None:
    with openai.OpenAI(base_url=f"{gateway.base_url}/v1", api_key=gateway.first["test_key"]) as client:
        answer = client.chat.completions.create(
            model=MODEL,
            messages=say(f"repeat: {time.time_ns()}"),
            extra_headers={"x-pronghorn-simulate": "status=503/1"},
        )
    assert answer.choices[0].finish_reason == "stop"


def test_every_call_is_in_the_log_once_and_its_price_adds_up(
    gateway: Installation, client: openai.OpenAI
) -> None:
    answer = client.chat.completions.create(model=MODEL, messages=say("say 20 words"))
    assert answer.usage is not None
    deadline = time.monotonic() + 5
    rows: list[dict[str, Any]] = []
    while not rows and time.monotonic() < deadline:
        rows = [row for row in gateway.all_requests(mode="test") if row["id"] == answer._request_id]
    (row,) = rows
    assert row["usage"]["input"] == answer.usage.prompt_tokens
    assert row["usage"]["output"] == answer.usage.completion_tokens
    exact = sum(
        line["units"] * Decimal(line["unit_usd"]) * Decimal(line["factor"]) for line in row["explain"]
    )
    assert Decimal(row["cost_usd"]) == Decimal(exact).quantize(Decimal("1e-9"), ROUND_UP) > 0
    assert row["end_reason"] == "ok"
