"""What chat can carry survives it: turns and answers of any shape, written and read again, whole or streamed."""

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from pronghorn.convert.chat import dialect
from pronghorn.convert.dialect import Losses, Target
from pronghorn.convert.events import Collector, replay
from pronghorn.convert.turn import (
    AudioOutput,
    Choice,
    Citation,
    Finish,
    Logprob,
    Media,
    Message,
    OutputFormat,
    Reasoning,
    Refusal,
    Reply,
    Signature,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
)
from pronghorn.kit import sse
from pronghorn.wire.usage import Usage

words = st.text(min_size=1, max_size=20)
names = st.from_regex(r"\A[a-zA-Z0-9_-]{1,12}\Z")
details = st.sampled_from(["", "low", "high"])
flags = st.none() | st.booleans()
caches = st.sampled_from(["", "5m", "1h"])
base64s = st.sampled_from(["iVBORw0KGgo=", "JVBERi0x", "+/+/"])
numbers = st.one_of(st.integers(-2, 2), st.floats(-2, 2))
foreign = st.builds(Signature, st.sampled_from(["messages", "responses", "generate"]), words)
signatures = st.one_of(foreign, st.builds(Signature, st.just("chat"), names))
own = st.builds(Signature, st.just("chat"), names)
objects = st.dictionaries(names, st.integers(), max_size=3)
arguments = objects.map(lambda found: msgspec.json.encode(found).decode())

texts = st.builds(Text, words, cache=caches)
media = st.one_of(
    st.builds(
        Media,
        st.just("image"),
        st.just("image/png"),
        base64s,
        detail=st.sampled_from(["", "low", "high"]),
        cache=caches,
    ),
    st.builds(Media, st.just("image"), url=names.map("https://x/{}".format)),
    st.builds(Media, st.just("document"), st.just("application/pdf"), base64s, name=names),
    st.builds(Media, st.just("document"), file_id=names),
    st.builds(Media, st.just("audio"), st.sampled_from(["audio/wav", "audio/mp3", "audio/flac"]), base64s),
    st.builds(Media, st.just("video"), st.just("video/mp4"), base64s),
)


def unique_calls(calls: list[ToolCall]) -> list[ToolCall]:
    return list({call.id: call for call in calls}.values())


function_calls = st.builds(ToolCall, names, names, arguments)
custom_calls = st.builds(ToolCall, names, names, words, st.just(True))
calls = st.lists(st.one_of(function_calls, custom_calls), max_size=3).map(unique_calls)


@st.composite
def rounds(draw: st.DrawFn) -> list[Message]:
    """Something said, perhaps a call and its results."""
    asked = Message(
        draw(st.sampled_from(["system", "developer"])), draw(st.lists(texts, min_size=1, max_size=2))
    )
    said = Message(
        "user",
        draw(st.lists(st.one_of(texts, media), min_size=1, max_size=3)),
        draw(st.sampled_from(["", "ann"])),
    )
    called = draw(calls)
    answer: list[Any] = draw(st.lists(st.builds(Thinking, words, own), max_size=2))
    answer += draw(st.lists(texts, max_size=2)) + draw(st.lists(st.builds(Refusal, words), max_size=1))
    messages = [asked, said, Message("assistant", answer + called)]
    for call in called:
        result = ToolResult(call.id, draw(st.lists(texts, max_size=2)), call.name, is_custom=call.is_custom)
        messages.append(Message("tool", [result]))
    return messages


tools = st.lists(
    st.one_of(
        st.builds(
            Tool,
            names,
            st.sampled_from(["", "Does"]),
            st.none() | objects,
            flags,
            cache=caches,
        ),
        st.builds(Tool, names, is_custom=st.just(True), format=st.just({"type": "text"})),
    ),
    min_size=1,
    max_size=3,
)
choices = st.one_of(
    st.sampled_from([ToolChoice("auto"), ToolChoice("none"), ToolChoice("required")]),
    st.builds(ToolChoice, st.just("required"), names.map(lambda name: [name])),
)
efforts = st.sampled_from(["none", "minimal", "low", "medium", "high", "xhigh", "max"])
reasonings = st.one_of(
    st.builds(Reasoning, efforts, st.none(), flags),
    st.builds(Reasoning, st.none(), st.integers(-1, 9000), flags),
)
formats = st.one_of(
    st.sampled_from([OutputFormat("text"), OutputFormat("json_object")]),
    st.builds(
        OutputFormat,
        st.just("json_schema"),
        names,
        st.sampled_from(["", "It"]),
        objects,
        flags,
    ),
)
plain_turns = st.builds(
    Turn,
    model=st.just("m"),
    messages=rounds(),
    tools=tools,
    is_stream=st.booleans(),
    tool_choice=st.none() | choices,
    parallel_tool_calls=flags,
    max_output_tokens=st.none() | st.integers(1, 9000),
    temperature=st.none() | numbers,
    top_p=st.none() | numbers,
    top_k=st.none() | st.integers(1, 99),
    stop=st.none() | st.lists(words, min_size=1, max_size=4),
    choices=st.none() | st.integers(1, 4),
    seed=st.none() | st.integers(-(2**63), 2**63),
    presence_penalty=st.none() | numbers,
    frequency_penalty=st.none() | numbers,
    logprobs=st.none() | st.just(True),
    output_format=st.none() | formats,
    reasoning=st.none() | reasonings,
    verbosity=st.none() | st.sampled_from(["low", "high"]),
    modalities=st.none() | st.just(["text", "audio"]),
    audio=st.none() | st.builds(AudioOutput, names, st.just("wav")),
    user=st.none() | words,
    metadata=st.none() | st.dictionaries(names, words, max_size=2),
    service_tier=st.none() | st.sampled_from(["auto", "default", "flex", "priority"]),
    cache_key=st.none() | names,
)
turns = plain_turns | st.builds(
    lambda turn, most: msgspec.structs.replace(turn, logprobs=True, top_logprobs=most),
    plain_turns,
    st.integers(1, 20),
)


def without_paths(value: Any) -> Any:
    """As plain data, and no word of where it was read."""
    if isinstance(value, dict):
        return {key: without_paths(inner) for key, inner in value.items() if key != "at"}
    return [without_paths(inner) for inner in value] if isinstance(value, list) else value


@given(turns)
def test_a_turn_is_read_as_it_was_written(turn: Turn) -> None:
    turn.wants_usage = turn.is_stream
    losses = Losses()
    body = dialect.write_request(turn, Target(model="m"), losses)
    again = dialect.read_request(msgspec.json.decode(msgspec.json.encode(body)))
    assert losses.paths == []
    assert without_paths(msgspec.to_builtins(again)) == without_paths(msgspec.to_builtins(turn))


cited = st.builds(
    Citation, names.map("https://x/{}".format), words, st.just(""), st.integers(0, 5), st.integers(5, 9)
)
pictures = st.builds(Media, st.just("image"), st.just("image/png"), base64s, signature=st.none() | own)
signed_calls = st.builds(ToolCall, names, names, arguments, signature=st.none() | own)
thoughts = st.one_of(
    st.builds(Thinking, words, signatures), st.builds(Thinking, st.just(""), signatures, st.just(True))
)


@st.composite
def answers(draw: st.DrawFn) -> Choice:
    """In chat's own order: reasoning, text, refusal, pictures, calls."""
    parts: list[Any] = draw(st.lists(thoughts, max_size=3)) or draw(
        st.lists(st.builds(Thinking, words), max_size=1)
    )
    parts += draw(st.lists(st.builds(Text, words, st.lists(cited, max_size=2), st.none() | own), max_size=1))
    refused = draw(st.lists(st.builds(Refusal, words), max_size=1))
    called = draw(st.lists(st.one_of(signed_calls, custom_calls), max_size=3).map(unique_calls))
    parts += refused + draw(st.lists(pictures, max_size=2)) + called
    clean: Finish = "tool_calls" if called else "refusal" if refused else "stop"
    return Choice(parts, draw(st.sampled_from([clean, "length", "content_filter"])))


logprobs = st.lists(
    st.builds(
        Logprob,
        words,
        st.floats(-9, 0),
        st.none() | st.lists(st.integers(0, 255), max_size=3),
        st.lists(st.builds(Logprob, words, st.floats(-9, 0)), max_size=2),
    ),
    min_size=1,
    max_size=3,
)
counts = st.builds(
    Usage,
    input=st.integers(50, 99),
    output=st.integers(50, 99),
    cache_read=st.integers(0, 9),
    cache_write_5m=st.integers(0, 9),
    audio_input=st.integers(0, 9),
    image_input=st.integers(0, 9),
    reasoning=st.integers(0, 9),
    audio_output=st.integers(0, 9),
    image_output=st.integers(0, 9),
)


@st.composite
def replies(draw: st.DrawFn) -> Reply:
    found = draw(st.lists(answers(), min_size=1, max_size=2))
    for choice in found:
        if any(isinstance(part, Text) for part in choice.parts):
            choice.logprobs = draw(st.none() | logprobs)
    tier = draw(st.sampled_from(["", "flex"]))
    return Reply(
        f"chatcmpl-{draw(names)}",
        draw(names),
        found,
        draw(st.none() | counts),
        draw(st.integers(0, 2**31)),
        tier,
    )


@given(replies())
def test_an_answer_is_read_as_it_was_written(reply: Reply) -> None:
    body = msgspec.json.encode(dialect.write_reply(reply, Turn()))
    assert dialect.read_reply(msgspec.json.decode(body)) == reply


@given(replies(), st.integers(0, 4))
def test_a_stream_is_read_as_it_was_written(reply: Reply, size: int) -> None:
    writer, reader, collector = dialect.writer(Turn()), dialect.reader(), Collector()
    for event in replay(reply, size):
        for raw in sse.Splitter().feed(writer.write([event])):
            data = sse.data_of(raw)
            assert data is not None
            collector.take(reader.feed(data))
    collector.take(reader.end())
    assert collector.is_ended
    assert collector.reply == reply
