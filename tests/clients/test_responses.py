"""Responses that are remembered, asked for with OpenAI's own package."""

import time
from typing import Any

import openai
import pytest
from openai.types.responses import Response
from tests.openapi_schema import validate
from tests.process import Installation

GPT, CLAUDE = "gpt-4o-mini", "claude-sonnet-5"


@pytest.fixture(params=[GPT, CLAUDE])
def model(request: pytest.FixtureRequest) -> str:
    """One whose vendor speaks the same dialect, and one that is converted."""
    name: str = request.param
    return name


def wait_for(client: openai.OpenAI, response: Response) -> Response:
    deadline = time.monotonic() + 20
    while response.status in ("queued", "in_progress"):
        assert time.monotonic() < deadline, response
        response = client.responses.retrieve(response.id)
    return response


def test_a_conversation_goes_on_from_what_was_stored(client: openai.OpenAI, model: str) -> None:
    first = client.responses.create(model=model, input="repeat: my name is Ada")
    assert first.output_text == "my name is Ada"
    second = client.responses.create(model=model, input="say 2 words", previous_response_id=first.id)
    assert second.usage is not None and first.usage is not None
    assert second.usage.input_tokens > first.usage.input_tokens  # the first turn went in again
    items = client.responses.input_items.list(second.id, order="asc").data
    assert [item.type for item in items] == ["message"]
    third = client.responses.create(model=model, input="say 2 words", previous_response_id=second.id)
    assert third.usage is not None and third.usage.input_tokens > second.usage.input_tokens


def test_a_tools_result_finds_its_call_in_the_stored_turn(client: openai.OpenAI, model: str) -> None:
    tools: Any = [
        {
            "type": "function",
            "name": "get_weather",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string"}},
                "required": ["city"],
                "additionalProperties": False,
            },
            "strict": True,
        }
    ]
    first = client.responses.create(model=model, input="call get_weather", tools=tools)
    (call,) = (item for item in first.output if item.type == "function_call")
    second = client.responses.create(
        model=model,
        tools=tools,
        previous_response_id=first.id,
        input=[{"type": "function_call_output", "call_id": call.call_id, "output": "sunny"}],
    )
    assert "sunny" in second.output_text


def test_a_stored_response_is_shown_streamed_listed_and_deleted(client: openai.OpenAI, model: str) -> None:
    with client.responses.stream(model=model, input="repeat: seen again") as stream:
        for _ in stream:
            pass
        made = stream.get_final_response()
    shown = client.responses.retrieve(made.id)
    validate("Response", shown.model_dump(mode="json", exclude_unset=True))
    assert (shown.id, shown.output_text, shown.status) == (made.id, "seen again", "completed")
    events = list(client.responses.retrieve(made.id, stream=True))
    assert events[-1].type == "response.completed"
    assert (
        "".join(event.delta for event in events if event.type == "response.output_text.delta") == "seen again"
    )
    later = list(client.responses.retrieve(made.id, stream=True, starting_after=events[1].sequence_number))
    assert [event.type for event in later] == [event.type for event in events[2:]]
    client.responses.delete(made.id)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(made.id)
    with pytest.raises(openai.NotFoundError):
        client.responses.delete(made.id)


def test_what_is_not_to_be_stored_is_not(client: openai.OpenAI, model: str) -> None:
    made = client.responses.create(model=model, input="Hi", store=False)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(made.id)
    with pytest.raises(openai.BadRequestError) as caught:
        client.responses.create(model=model, input="Hi", previous_response_id=made.id)
    assert (caught.value.code, caught.value.param) == ("previous_response_not_found", "previous_response_id")


def test_another_account_does_not_find_it(client: openai.OpenAI, gateway: Installation) -> None:
    made = client.responses.create(model=GPT, input="Hi")
    account = gateway.manage("POST", "/accounts", {"name": "another"})
    key = gateway.manage("POST", "/keys", {"account_id": account["id"], "name": "k", "mode": "test"})
    with openai.OpenAI(base_url=f"{gateway.base_url}/v1", api_key=key["key"], max_retries=0) as stranger:
        for ask in (stranger.responses.retrieve, stranger.responses.delete, stranger.responses.cancel):
            with pytest.raises(openai.NotFoundError):
                ask(made.id)
        with pytest.raises(openai.BadRequestError):
            stranger.responses.create(model=GPT, input="Hi", previous_response_id=made.id)
    assert client.responses.retrieve(made.id).id == made.id


def test_what_runs_in_the_background_is_fetched_later_and_charged_once(
    client: openai.OpenAI, gateway: Installation, model: str
) -> None:
    raw = client.responses.with_raw_response.create(model=model, input="repeat: later", background=True)
    begun = raw.parse()
    assert begun.status == "queued"
    ended = wait_for(client, begun)
    assert (ended.status, ended.output_text, ended.background, ended.id) == (
        "completed",
        "later",
        True,
        begun.id,
    )
    row = gateway.request_row(raw.headers["x-request-id"])
    assert ended.usage is not None
    assert (row["end_reason"], row["usage"]["output"]) == ("ok", ended.usage.output_tokens)
    followed = client.responses.create(model=model, input="say 1 word", previous_response_id=begun.id)
    assert followed.usage is not None and followed.usage.input_tokens > ended.usage.input_tokens


def test_a_background_stream_can_be_followed_from_anywhere(client: openai.OpenAI, model: str) -> None:
    events = list(client.responses.create(model=model, input="say 4 words", background=True, stream=True))
    assert events[-1].type == "response.completed"
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert events[0].type == "response.created"
    assert client.responses.retrieve(events[0].response.id).output_text == "word1 word2 word3 word4"


def test_a_background_response_is_cancelled(client: openai.OpenAI, gateway: Installation, model: str) -> None:
    slow = {"x-pronghorn-simulate": "stall=6:30s"}
    raw = client.responses.with_raw_response.create(
        model=model, input="say 40 words", background=True, extra_headers=slow
    )
    begun = raw.parse()
    deadline = time.monotonic() + 10
    while client.responses.retrieve(begun.id).status == "queued":
        assert time.monotonic() < deadline
    cancelled = client.responses.cancel(begun.id)
    assert cancelled.status == "cancelled"
    assert client.responses.retrieve(begun.id).status == "cancelled"
    with pytest.raises(openai.BadRequestError):
        client.responses.create(model=model, input="Hi", previous_response_id=begun.id)
    made = client.responses.create(model=model, input="Hi")
    with pytest.raises(openai.BadRequestError):
        client.responses.cancel(made.id)


def test_a_background_response_that_fails_says_so(client: openai.OpenAI, model: str) -> None:
    broken = {"x-pronghorn-simulate": "status=500"}
    begun = client.responses.create(model=model, input="Hi", background=True, extra_headers=broken)
    ended = wait_for(client, begun)
    assert ended.status == "failed"
    assert ended.error is not None and ended.error.message


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"background": True, "store": False}, "background"),
        ({"previous_response_id": "resp_none"}, "previous_response_id"),
    ],
)
def test_what_cannot_be_is_refused_by_name(client: openai.OpenAI, fields: Any, param: str) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.responses.create(model=GPT, input="Hi", **fields)
    assert caught.value.param == param


def test_input_tokens_are_counted_for_nothing(
    client: openai.OpenAI, gateway: Installation, model: str
) -> None:
    raw = client.responses.input_tokens.with_raw_response.count(model=model, input="one two three")
    assert raw.parse().input_tokens > 2
    row = gateway.request_row(raw.headers["x-request-id"])
    assert (row["cost_usd"], row["end_reason"]) == ("0.00", "ok")
