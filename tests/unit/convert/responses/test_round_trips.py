"""What Responses can carry survives it: turns and answers of any shape, written and read again, whole or streamed."""

from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from pronghorn.convert.dialect import Losses, Target
from pronghorn.convert.events import Collector, replay
from pronghorn.convert.responses import dialect
from pronghorn.convert.turn import (
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

quick = settings(max_examples=40)

words = st.text(min_size=1, max_size=20)
names = st.from_regex(r"\A[a-zA-Z0-9_-]{1,12}\Z")
base64s = st.sampled_from(["iVBORw0KGgo=", "JVBERi0x", "+/+/"])
objects = st.dictionaries(names, st.integers(), max_size=3)
arguments = objects.map(lambda found: msgspec.json.encode(found).decode())
addresses = names.map("https://x/{}".format)
item_ids = names.map("rs_{}".format)

texts = st.builds(Text, words)
media = st.one_of(
    st.builds(
        Media,
        st.just("image"),
        st.just("image/png"),
        base64s,
        detail=st.sampled_from(["", "low", "high", "original"]),
    ),
    st.builds(Media, st.just("image"), url=addresses),
    st.builds(Media, st.just("image"), file_id=names),
    st.builds(Media, st.just("document"), st.just("application/pdf"), base64s, name=names),
    st.builds(Media, st.just("document"), file_id=names),
    st.builds(Media, st.just("document"), url=addresses),
)


def unique_calls(calls: list[ToolCall]) -> list[ToolCall]:
    return list({call.id: call for call in calls}.values())


function_calls = st.builds(ToolCall, names, names, arguments)
custom_calls = st.builds(ToolCall, names, names, words, st.just(True))
calls = st.lists(st.one_of(function_calls, custom_calls), max_size=3).map(unique_calls)


@st.composite
def own_thoughts(draw: st.DrawFn) -> Thinking:
    """As the vendor gave it: with the id of its item inside of its proof."""
    item_id, text = draw(item_ids), draw(st.none() | words)
    proof = Signature("responses", f"{item_id}\n{draw(names)}")
    return Thinking(text or "", proof, is_redacted=text is None, id=item_id)


cited = st.builds(Citation, addresses, words, st.just(""), st.integers(0, 5), st.integers(5, 9))
cited_texts = st.builds(Text, words, st.lists(cited, max_size=2))


@st.composite
def rounds(draw: st.DrawFn) -> list[Message]:
    """Something said, perhaps calls and their results."""
    asked = Message(
        draw(st.sampled_from(["system", "developer"])), draw(st.lists(texts, min_size=1, max_size=1))
    )
    said = Message("user", draw(st.lists(st.one_of(texts, media), min_size=1, max_size=3)))
    called = draw(calls)
    answer: list[Any] = draw(st.lists(own_thoughts(), max_size=2))
    answer += draw(st.lists(cited_texts, max_size=2)) + draw(st.lists(st.builds(Refusal, words), max_size=1))
    messages = [asked, said, Message("assistant", answer + called)]
    if not messages[-1].parts:
        messages.pop()
    results: list[Any] = [
        ToolResult(call.id, draw(st.lists(st.one_of(texts, media), max_size=2)), is_custom=call.is_custom)
        for call in called
    ]
    return [*messages, Message("tool", results)] if results else messages


tools = st.lists(
    st.one_of(
        st.builds(Tool, names, st.sampled_from(["", "Does"]), objects, st.booleans()),
        st.builds(Tool, names, is_custom=st.just(True), format=st.just({"type": "text"})),
    ),
    min_size=1,
    max_size=3,
)
choices = st.one_of(
    st.sampled_from([ToolChoice("auto"), ToolChoice("none"), ToolChoice("required")]),
    st.builds(ToolChoice, st.sampled_from(["auto", "required"]), st.lists(names, min_size=1, max_size=2)),
)
efforts = st.sampled_from(["none", "minimal", "low", "medium", "high", "xhigh"])
reasonings = st.one_of(
    st.builds(Reasoning, efforts),
    st.builds(Reasoning, st.sampled_from([None, "low"]), st.none(), st.just(True)),
)
formats = st.one_of(
    st.sampled_from([OutputFormat("text"), OutputFormat("json_object")]),
    st.builds(
        OutputFormat,
        st.just("json_schema"),
        names,
        st.sampled_from(["", "It"]),
        objects,
        st.none() | st.booleans(),
    ),
)
plain_turns = st.builds(
    Turn,
    model=st.just("m"),
    messages=rounds(),
    tools=tools,
    is_stream=st.booleans(),
    tool_choice=st.none() | choices,
    parallel_tool_calls=st.none() | st.booleans(),
    max_output_tokens=st.none() | st.integers(16, 9000),
    temperature=st.none() | st.integers(0, 2) | st.floats(0, 2),
    top_p=st.none() | st.floats(0, 1),
    logprobs=st.none() | st.just(True),
    output_format=st.none() | formats,
    reasoning=st.none() | reasonings,
    verbosity=st.none() | st.sampled_from(["low", "high"]),
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


@quick
@given(turns)
def test_a_turn_is_read_as_it_was_written(turn: Turn) -> None:
    losses = Losses()
    body = msgspec.json.decode(msgspec.json.encode(dialect.write_request(turn, Target(model="m"), losses)))
    again = dialect.read_request(body)
    assert losses.paths == []
    assert without_paths(msgspec.to_builtins(again)) == without_paths(msgspec.to_builtins(turn))


foreign = st.builds(Signature, st.sampled_from(["messages", "chat"]), words)
carried = st.none() | st.builds(Signature, st.sampled_from(["chat", "generate"]), words)
thoughts = st.one_of(
    st.builds(Thinking, st.text(max_size=9), foreign | st.none()),
    st.builds(Thinking, st.just(""), foreign, st.just(True)),
)
pictures = st.builds(Media, st.just("image"), st.just("image/png"), st.just("iVBORw0KGgo="))
signed_calls = st.builds(ToolCall, names, names, arguments, signature=carried)
said = st.builds(Text, words, st.lists(cited, max_size=2), carried)
parts = st.one_of(thoughts, said, st.builds(Refusal, words), pictures, signed_calls, custom_calls)


@st.composite
def answers(draw: st.DrawFn) -> Choice:
    found: list[Any] = draw(st.lists(parts, max_size=6))
    kinds = {type(part) for part in found}
    clean: Finish = "tool_calls" if ToolCall in kinds else "refusal" if Refusal in kinds else "stop"
    return Choice(found, draw(st.sampled_from([clean, "length", "content_filter"])))


tokens = st.builds(Logprob, words, st.floats(-9, 0), st.lists(st.integers(0, 255), max_size=3))
logprobs = st.lists(
    st.builds(
        Logprob,
        words,
        st.floats(-9, 0),
        st.lists(st.integers(0, 255), max_size=3),
        st.lists(tokens, max_size=2),
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
    reasoning=st.integers(0, 9),
)


@st.composite
def replies(draw: st.DrawFn) -> Reply:
    choice = draw(answers())
    if any(isinstance(part, Text) for part in choice.parts):
        choice.logprobs = draw(st.none() | logprobs)
    return Reply(
        f"resp_a{draw(names)}",
        draw(names),
        [choice],
        draw(st.none() | counts),
        draw(st.integers(0, 2**31)),
        draw(st.sampled_from(["default", "flex"])),
    )


def without_ids(choice: Choice) -> Choice:
    """Thinking has the id of its item, once it was one."""
    for part in choice.parts:
        if isinstance(part, Thinking):
            part.id = ""
    return choice


@quick
@given(replies())
def test_an_answer_is_read_as_it_was_written(reply: Reply) -> None:
    body = msgspec.json.decode(msgspec.json.encode(dialect.write_reply(reply, Turn())))
    again = dialect.read_reply(body)
    without_ids(again.choices[0])
    assert again == reply


def without_bytes(found: list[Logprob] | None) -> list[Logprob] | None:
    """Deltas have none."""
    return found and [Logprob(one.token, one.logprob, None, without_bytes(one.top) or []) for one in found]


@quick
@given(replies(), st.integers(0, 4))
def test_a_stream_is_read_as_it_was_written(reply: Reply, size: int) -> None:
    for part in reply.choices[0].parts:
        if isinstance(part, Text):
            part.signature = None  # it would come too late for the text that is told already
    writer, reader, collector = dialect.writer(Turn()), dialect.reader(), Collector()
    for event in replay(reply, size):
        for raw in sse.Splitter().feed(writer.write([event])):
            data = sse.data_of(raw)
            assert data is not None
            collector.take(reader.feed(data))
    collector.take(reader.end())
    choice = reply.choices[0]
    choice.logprobs = without_bytes(choice.logprobs)
    without_ids(collector.reply.choices[0])
    assert collector.is_ended
    assert collector.reply == reply


@quick
@given(replies(), st.integers(0, 4))
def test_a_stream_ends_with_the_object_that_a_whole_answer_is(reply: Reply, size: int) -> None:
    for part in reply.choices[0].parts:
        if isinstance(part, Text):
            part.signature = None
    written = dialect.writer(Turn()).write(list(replay(reply, size)))
    last = sse.data_of(sse.Splitter().feed(written)[-1])
    assert last is not None
    assert msgspec.json.decode(last)["response"] == msgspec.json.decode(
        msgspec.json.encode(dialect.write_reply(reply, Turn()))
    )


# Without the end of a content part nobody could tell, before the next one begins, what of it did not come.
EVENTS = [
    "output_item.added",
    "output_item.done",
    "content_part.added",
    "output_text.delta",
    "output_text.done",
    "output_text.annotation.added",
    "refusal.delta",
    "refusal.done",
    "reasoning_summary_part.added",
    "reasoning_summary_text.delta",
    "reasoning_summary_text.done",
    "reasoning_summary_part.done",
    "function_call_arguments.delta",
    "function_call_arguments.done",
    "custom_tool_call_input.delta",
    "custom_tool_call_input.done",
    "in_progress",
    "created",
]


@quick
@given(replies(), st.sets(st.sampled_from(EVENTS)))
def test_kinds_of_events_that_a_server_never_sends_are_not_missed(reply: Reply, missing: set[str]) -> None:
    for part in reply.choices[0].parts:
        if isinstance(part, Text):
            part.signature = None
    if "output_item.added" in missing:
        missing.discard("output_item.done")  # an item without either would come after those that grow
    reader, collector = dialect.reader(), Collector()
    for raw in sse.Splitter().feed(dialect.writer(Turn()).write(list(replay(reply, 2)))):
        data = sse.data_of(raw)
        assert data is not None
        event = msgspec.json.decode(data)
        if event["type"].removeprefix("response.") not in missing:
            collector.take(reader.feed(data))
    choice, found = reply.choices[0], collector.reply.choices[0]
    choice.logprobs, found.logprobs = without_bytes(choice.logprobs), without_bytes(found.logprobs)
    assert collector.is_ended
    assert without_ids(found) == choice


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=5)
    | st.sampled_from(["message", "reasoning"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["type", "text", "id", "name", "summary", "content"]), inner, max_size=4
        )
    ),
    max_leaves=8,
)


@quick
@given(replies(), st.data())
def test_no_damage_to_an_event_breaks_the_reader(reply: Reply, data: st.DataObject) -> None:
    reader = dialect.reader()
    for raw in sse.Splitter().feed(dialect.writer(Turn()).write(list(replay(reply, 2)))):
        payload = sse.data_of(raw)
        assert payload is not None
        event = msgspec.json.decode(payload)
        if data.draw(st.booleans()):
            event[data.draw(st.sampled_from(sorted(event)))] = data.draw(values)
        reader.feed(msgspec.json.encode(event))
    reader.end()
