"""The features, each written once: it asks through any SDK, and asserts what its user would rely on."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import NamedTuple

import jsonschema
from tests.clients.matrix.asking import (
    ARGUMENTS,
    PAGE_TEXT,
    TIME,
    WEATHER,
    Attachment,
    Call,
    Meal,
    NoSuchOption,
    Said,
    Sdk,
    Talk,
    Wish,
)

BOTH = (WEATHER, TIME)
MEAL = Meal.model_json_schema() | {"additionalProperties": False}
EMBEDDING_SIZE = 64
THOUGHT = "The user wants something simple, so a short answer will do."
"""What the sandbox thinks, always."""
SIGNING = ("Anthropic", "Gemini")


class Model(NamedTuple):
    """One kind of vendor's models."""

    vendor: str
    chat: str
    embedding: str
    """The vendor's model for it; its chat model where it has none."""


Feature = Callable[[Sdk, Model], Awaitable[None]]

FEATURES: dict[str, Feature] = {}
"""By the name that the page shows, in its order."""


def feature(name: str) -> Callable[[Feature], Feature]:
    def keep(function: Feature) -> Feature:
        FEATURES[name] = function
        return function

    return keep


# Words.


@feature("text")
async def text(sdk: Sdk, model: Model) -> None:
    said = await sdk.talk(model.chat, Wish()).say("repeat: 你好, frog")
    assert (said.text, said.finish) == ("你好, frog", "stop")


@feature("text, streamed")
async def text_streamed(sdk: Sdk, model: Model) -> None:
    said = await sdk.talk(model.chat, Wish(is_streamed=True)).say("say 4 words")
    assert (said.text, said.finish) == ("word1 word2 word3 word4", "stop")


@feature("system prompt")
async def system_prompt(sdk: Sdk, model: Model) -> None:
    plain = await sdk.talk(model.chat, Wish()).say("repeat: yes")
    told = await sdk.talk(model.chat, Wish(system="You are a frog. " * 20)).say("repeat: yes")
    assert told.text == "yes"
    assert told.input > plain.input + 50  # it has arrived


@feature("several turns")
async def several_turns(sdk: Sdk, model: Model) -> None:
    talk = sdk.talk(model.chat, Wish())
    first = await talk.say("repeat: one")
    second = await talk.say("repeat: two")
    assert (first.text, second.text) == ("one", "two")
    assert second.input > first.input


@feature("stop sequence")
async def stop_sequence(sdk: Sdk, model: Model) -> None:
    said = await sdk.talk(model.chat, Wish(stop="END")).say("repeat: before END after")
    assert (said.text.rstrip(), said.finish) == ("before", "stop")


@feature("output limit")
async def output_limit(sdk: Sdk, model: Model) -> None:
    said = await sdk.talk(model.chat, Wish(limit=20)).say("say 50 words")
    assert (said.finish, said.output) == ("length", 20)


@feature("output limit, streamed")
async def output_limit_streamed(sdk: Sdk, model: Model) -> None:
    said = await sdk.talk(model.chat, Wish(limit=20, is_streamed=True)).say("say 50 words")
    assert (said.finish, said.output) == ("length", 20)


@feature("refusal")
async def refusal(sdk: Sdk, model: Model) -> None:
    said = await sdk.talk(model.chat, Wish()).say("refuse")
    assert said.finish == "refusal"


@feature("refusal, streamed")
async def refusal_streamed(sdk: Sdk, model: Model) -> None:
    said = await sdk.talk(model.chat, Wish(is_streamed=True)).say("refuse")
    assert said.finish == "refusal"


# Tools.


def _check_call(call: Call, name: str) -> None:
    assert call.name == name
    jsonschema.validate(call.arguments, ARGUMENTS)


async def _one_tool(
    sdk: Sdk, model: Model, wish: Wish, between: Callable[[Talk], None] | None = None
) -> tuple[Said, Said]:
    talk = sdk.talk(model.chat, wish)
    first = await talk.say("call get_weather for Oslo")
    assert first.finish == "tool_calls"
    (call,) = first.calls
    _check_call(call, WEATHER)
    if between is not None:
        between(talk)
    second = await talk.give([(call, "4 degrees")])
    assert "4 degrees" in second.text
    assert (second.finish, second.calls) == ("stop", [])
    return first, second


@feature("tool and its result")
async def one_tool(sdk: Sdk, model: Model) -> None:
    await _one_tool(sdk, model, Wish(tools=(WEATHER,)))


@feature("tool and its result, streamed")
async def one_tool_streamed(sdk: Sdk, model: Model) -> None:
    await _one_tool(sdk, model, Wish(tools=(WEATHER,), is_streamed=True))


async def _two_tools(sdk: Sdk, model: Model, wish: Wish) -> None:
    talk = sdk.talk(model.chat, wish)
    first = await talk.say("call get_weather and get_time for Oslo")
    assert first.finish == "tool_calls"
    weather, time = first.calls
    _check_call(weather, WEATHER)
    _check_call(time, TIME)
    second = await talk.give([(weather, "4 degrees"), (time, "half past nine")])
    assert "4 degrees" in second.text and "half past nine" in second.text


@feature("two tools at once")
async def two_tools(sdk: Sdk, model: Model) -> None:
    await _two_tools(sdk, model, Wish(tools=BOTH))


@feature("two tools at once, streamed")
async def two_tools_streamed(sdk: Sdk, model: Model) -> None:
    await _two_tools(sdk, model, Wish(tools=BOTH, is_streamed=True))


@feature("a tool demanded")
async def tool_demanded(sdk: Sdk, model: Model) -> None:
    by_name = await sdk.talk(model.chat, Wish(tools=BOTH, choice=TIME)).say("Oslo")
    (call,) = by_name.calls
    _check_call(call, TIME)
    some = await sdk.talk(model.chat, Wish(tools=BOTH, choice="required")).say("Oslo")
    assert [one.name for one in some.calls] == [WEATHER]


@feature("tools forbidden")
async def tools_forbidden(sdk: Sdk, model: Model) -> None:
    said = await sdk.talk(model.chat, Wish(tools=BOTH, choice="none")).say("call get_weather for Oslo")
    assert (said.calls, said.finish) == ([], "stop")
    assert said.text


# The form of the answer.


async def _meal(sdk: Sdk, model: Model, wish: Wish) -> None:
    said = await sdk.talk(model.chat, wish).say("a meal")
    jsonschema.validate(json.loads(said.text), MEAL)


@feature("JSON by a schema")
async def by_schema(sdk: Sdk, model: Model) -> None:
    await _meal(sdk, model, Wish(schema=MEAL))


@feature("JSON by a schema, streamed")
async def by_schema_streamed(sdk: Sdk, model: Model) -> None:
    await _meal(sdk, model, Wish(schema=MEAL, is_streamed=True))


@feature("JSON as an object of the SDK")
async def parsed(sdk: Sdk, model: Model) -> None:
    assert isinstance(await sdk.parse(model.chat, "a meal", Meal), Meal)


@feature("several answers")
async def several_answers(sdk: Sdk, model: Model) -> None:
    said = await sdk.talk(model.chat, Wish(n=2)).say("repeat: yes")
    assert said.texts == ["yes"] * (1 if sdk.ear.dropped() else 2)


@feature("several answers, streamed")
async def several_answers_streamed(sdk: Sdk, model: Model) -> None:
    said = await sdk.talk(model.chat, Wish(n=2, is_streamed=True)).say("repeat: yes")
    assert said.texts == ["yes"] * (1 if sdk.ear.dropped() else 2)


@feature("seed")
async def seed(sdk: Sdk, model: Model) -> None:
    assert (await sdk.talk(model.chat, Wish(seed=7)).say("repeat: yes")).text == "yes"


@feature("logit_bias")
async def logit_bias(sdk: Sdk, model: Model) -> None:
    assert (await sdk.talk(model.chat, Wish(bias={"50256": -100})).say("repeat: yes")).text == "yes"


@feature("strict: nothing may be dropped")
async def strict(sdk: Sdk, model: Model) -> None:
    wish = replace(sdk.lossy, headers={"x-pronghorn-strict": "1"})
    assert (await sdk.talk(model.chat, wish).say("repeat: yes")).text == "yes"
    assert sdk.ear.dropped() == []


@feature("logprobs")
async def logprobs(sdk: Sdk, model: Model) -> None:
    said = await sdk.talk(model.chat, Wish(logprobs=2)).say("say 3 words")
    assert bool(said.logprobs) is not bool(sdk.ear.dropped())


# Pictures and documents.


@feature("picture")
async def vision(sdk: Sdk, model: Model) -> None:
    said = await sdk.talk(model.chat, Wish()).say("What is it?", Attachment("picture"))
    assert "64x48 pixels, mostly red" in said.text


@feature("document, PDF")
async def document(sdk: Sdk, model: Model) -> None:
    said = await sdk.talk(model.chat, Wish()).say("What is it?", Attachment("pdf"))
    if model.vendor == "Anthropic":
        assert f"1 page and says: {PAGE_TEXT}" in said.text
    elif model.vendor == "Gemini":
        assert "[Document of 1 pages" in said.text
    else:
        assert "What is it?" in said.text  # the sandbox opens none as these


@feature("document, text")
async def written_document(sdk: Sdk, model: Model) -> None:
    if sdk.name.startswith("openai"):
        raise NoSuchOption("text/plain")  # its files are PDF
    said = await sdk.talk(model.chat, Wish()).say("What is it?", Attachment("text"))
    assert PAGE_TEXT in said.text


# Thinking.


async def _thinks(sdk: Sdk, model: Model, wish: Wish) -> None:
    said = await sdk.talk(model.chat, wish).say("repeat: yes")
    assert said.text == "yes"
    assert said.thinking == THOUGHT


@feature("thinking, shown")
async def thinking(sdk: Sdk, model: Model) -> None:
    await _thinks(sdk, model, Wish(thinks=True))


@feature("thinking, shown, streamed")
async def thinking_streamed(sdk: Sdk, model: Model) -> None:
    await _thinks(sdk, model, Wish(thinks=True, is_streamed=True))


async def _thinks_between_tools(sdk: Sdk, model: Model, *, is_streamed: bool) -> None:
    """The second turn comes from another account, for which the gateway has kept nothing: all that the vendor wants
    back is in the SDK's own objects, and a sandbox that signs its thoughts refuses what is not as it was."""
    wish = Wish(tools=(WEATHER,), thinks=True, is_streamed=is_streamed)
    first, second = await _one_tool(sdk, model, wish, lambda talk: talk.move(sdk))
    assert (first.thinking, second.thinking) == (THOUGHT, THOUGHT)
    if model.vendor in SIGNING:
        assert first.signatures


@feature("thinking between tools")
async def thinking_tools(sdk: Sdk, model: Model) -> None:
    await _thinks_between_tools(sdk, model, is_streamed=False)


@feature("thinking between tools, streamed")
async def thinking_tools_streamed(sdk: Sdk, model: Model) -> None:
    await _thinks_between_tools(sdk, model, is_streamed=True)


@feature("thinking between tools, not given back")
async def thinking_forgotten(sdk: Sdk, model: Model) -> None:
    wish = Wish(tools=(WEATHER,), thinks=True)
    _, second = await _one_tool(sdk, model, wish, lambda talk: talk.forget_thinking())
    is_off = model.vendor == "Anthropic" and sdk.ear.dropped()
    assert second.thinking == ("" if is_off else THOUGHT)


# Numbers.


@feature("count of tokens")
async def count(sdk: Sdk, model: Model) -> None:
    short = await sdk.count(model.chat, "one frog")
    long = await sdk.count(model.chat, "one frog " * 50)
    assert 0 < short < 20
    assert 100 <= long <= 400


@feature("embeddings")
async def embeddings(sdk: Sdk, model: Model) -> None:
    vectors = await sdk.embed(model.embedding, ["a cat", "a dog"], EMBEDDING_SIZE)
    assert [len(vector) for vector in vectors] == [EMBEDDING_SIZE] * 2
    assert vectors[0] != vectors[1]


# Failures.


async def _fails(sdk: Sdk, model: str, status: int) -> None:
    try:
        await sdk.talk(model, Wish()).say("repeat: yes")
    except sdk.errors as error:
        assert sdk.is_typed(error, status), repr(error)
    else:
        raise AssertionError("it answered")


@feature("unknown model")
async def unknown_model(sdk: Sdk, model: Model) -> None:
    await _fails(sdk, f"{model.chat}-gone", 404)


@feature("wrong key")
async def wrong_key(sdk: Sdk, model: Model) -> None:
    stranger = type(sdk)(sdk.base_url, "sk-wrong", is_async=sdk.is_async)
    try:
        await _fails(stranger, model.chat, 401)
    finally:
        await stranger.close()


@feature("stream that breaks off")
async def cut(sdk: Sdk, model: Model) -> None:
    for fault in ("cut-after=3", "end-after=3"):
        wish = Wish(is_streamed=True, headers={"x-pronghorn-simulate": fault})
        try:
            said = await sdk.talk(model.chat, wish).say("say 90 words")
        except sdk.errors:
            continue
        raise AssertionError(f"{fault} looked complete: {said}")


@feature("answer that breaks off")
async def cut_whole(sdk: Sdk, model: Model) -> None:
    wish = Wish(headers={"x-pronghorn-simulate": "cut-after=3"})
    try:
        said = await sdk.talk(model.chat, wish).say("say 90 words")
    except sdk.errors as error:
        assert sdk.status_of(error) == 502, repr(error)
    else:
        raise AssertionError(f"it looked complete: {said}")
