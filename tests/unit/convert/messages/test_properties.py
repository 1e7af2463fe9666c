"""Whatever this dialect carries comes back the same: requests, answers, and answers told as streams."""

from itertools import pairwise
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.anthropic_schema import is_valid, validate

from pronghorn.convert.dialect import Losses, Target
from pronghorn.convert.events import Collector, replay
from pronghorn.convert.messages import dialect
from pronghorn.convert.turn import (
    Choice,
    Citation,
    Foreign,
    HostedTool,
    Media,
    Message,
    OutputFormat,
    Part,
    Reasoning,
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

words = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S"]), min_size=1, max_size=12)
ids = st.from_regex(r"[a-zA-Z0-9_-]{1,20}", fullmatch=True)
caches = st.sampled_from(["", "", "", "5m", "1h"])
ours = words.map(lambda data: Signature("messages", data))
theirs = st.builds(Signature, st.sampled_from(["generate", "responses", "chat"]), words)
objects: st.SearchStrategy[str] = st.dictionaries(
    words, st.none() | st.booleans() | st.integers(-(2**63), 2**63) | words | st.floats(-1e9, 1e9), max_size=3
).map(lambda value: msgspec.json.encode(value).decode())

texts = st.builds(Text, words)
pictures = st.builds(Media, st.just("image"), st.sampled_from(["image/png", "image/gif"]), st.just("aGk="))
addresses = st.builds(lambda word: Media("image", url=f"https://a/{word}"), ids)
documents = st.builds(
    lambda name, cites: Media("document", "application/pdf", "aGk=", name=name, wants_citations=cites),
    words,
    st.booleans(),
)
media = pictures | addresses | documents
thoughts = st.builds(Thinking, words, ours) | st.builds(
    lambda data: Thinking(signature=data, is_redacted=True), ours
)
hosted = st.builds(
    lambda query: Foreign(
        "messages",
        {
            "type": "server_tool_use",
            "id": "srvtoolu_1",
            "name": "web_search",
            "input": {"query": query},
            "caller": {"type": "direct"},
        },
    ),
    words,
)


@st.composite
def conversations(draw: st.DrawFn) -> list[Message]:
    """A user's words and an answer in turns; calls of tools have their results after them."""
    messages: list[Message] = []
    if draw(st.booleans()):
        messages.append(Message("system", draw(st.lists(texts, min_size=1, max_size=2))))
    for _ in range(draw(st.integers(0, 3))):
        messages.append(Message("user", draw(st.lists(texts | media, min_size=1, max_size=3))))
        calls = draw(
            st.lists(st.builds(ToolCall, ids, ids, objects), max_size=2, unique_by=lambda call: call.id)
        )
        said: list[Part] = [
            *draw(st.lists(thoughts, max_size=1)),
            *draw(st.lists(texts | hosted, max_size=2)),
        ]
        messages.append(Message("assistant", [*said, *calls] or [Text("a")]))
        if calls:
            results: list[Part] = [
                ToolResult(call.id, draw(st.lists(texts | media, max_size=2)), is_error=draw(st.booleans()))
                for call in calls
            ]
            messages.append(Message("tool", results))
    messages.append(Message("user", [draw(texts)]))
    cached = draw(
        st.lists(st.sampled_from([part for message in messages for part in message.parts]), max_size=4)
    )
    for part in cached:
        if isinstance(part, Text | Media | ToolCall | ToolResult):
            part.cache = "5m"
    return messages


schemas = st.dictionaries(ids, st.just({"type": "string"}), max_size=2).map(
    lambda properties: {"type": "object", "properties": properties}
)
tools = st.lists(
    st.builds(
        Tool,
        ids,
        words,
        schemas,
        st.sampled_from([None, True]),
    )
    | st.just(HostedTool("other", "messages", {"type": "bash_20250124", "name": "bash"})),
    min_size=1,
    max_size=3,
)
efforts = st.sampled_from([None, "none", "low", "max"])
formats = schemas.map(lambda schema: OutputFormat("json_schema", schema=schema))


@st.composite
def turns(draw: st.DrawFn) -> Turn:
    def maybe(strategy: st.SearchStrategy[Any]) -> Any:
        return draw(st.none() | strategy)

    turn = Turn(
        model="claude-sonnet-4-5",
        messages=draw(conversations()),
        is_stream=draw(st.booleans()),
        max_output_tokens=draw(st.integers(1, 64000)),
        temperature=maybe(st.floats(0, 1)),
        top_k=maybe(st.integers(1, 100)),
        stop=maybe(st.lists(words, min_size=1, max_size=3)),
        output_format=maybe(formats),
        user=maybe(ids),
        service_tier=maybe(st.sampled_from(["auto", "default"])),
        at={},
        unknown=[],
    )
    if draw(st.booleans()):
        turn.tools = draw(tools)
        turn.tool_choice = maybe(
            st.sampled_from([ToolChoice("auto"), ToolChoice("required"), ToolChoice("required", ["f"])])
        )
        if turn.tool_choice is not None:
            turn.parallel_tool_calls = maybe(st.booleans())
    turn.reasoning = maybe(st.just(Reasoning("none")))
    return turn


def bare(turn: Turn) -> Turn:
    """Without the places that things were read from."""
    for message in turn.messages:
        message.at = ""
        for part in message.parts:
            part.at = ""
            for inner in part.parts if isinstance(part, ToolResult) else ():
                inner.at = ""
    for tool in turn.tools:
        tool.at = ""
    turn.at = {}
    return turn


@quick
@given(turns())
def test_a_request_comes_back_the_same(turn: Turn) -> None:
    lost = Losses()
    body = dialect.write_request(turn, Target(model=turn.model), lost)
    assert lost.paths == []
    validate("CreateMessageParams", body)
    again = dialect.read_request(msgspec.json.decode(msgspec.json.encode(body)))
    assert bare(again) == turn
    assert again.unknown == []


@quick
@given(turns(), st.sampled_from(["claude-opus-4-8", "claude-3-haiku-20240307", "deepseek-chat"]), st.data())
def test_any_turn_is_a_request_that_the_document_allows(turn: Turn, model: str, data: st.DataObject) -> None:
    for message in turn.messages:
        message.parts = data.draw(st.permutations(message.parts))
    turn.messages = data.draw(st.lists(st.sampled_from(turn.messages), max_size=5))
    turn.reasoning = data.draw(st.builds(Reasoning, efforts, st.sampled_from([None, 0, 9])))
    body = dialect.write_request(turn, Target(model=model), Losses())
    assert is_valid("CreateMessageParams", body)
    roles = [message["role"] for message in body["messages"]]
    assert roles[0] == "user"
    assert all(role != next_role for role, next_role in pairwise(roles))
    assert all(message["content"] for message in body["messages"])


citations = st.builds(
    lambda url, title, quote: Citation(
        url,
        title,
        quote,
        origin="messages",
        raw={
            "type": "web_search_result_location",
            "url": url,
            "title": title,
            "cited_text": quote,
            "encrypted_index": "e",
        },
    ),
    words,
    words,
    words,
)
answered = (
    st.builds(Text, words, st.lists(citations, max_size=2))
    | st.builds(Thinking, words, st.none() | ours | theirs)
    | st.builds(lambda data: Thinking(signature=data, is_redacted=True), ours | theirs)
    | st.builds(
        ToolCall, ids, ids, objects, signature=st.none() | words.map(lambda data: Signature("generate", data))
    )
    | hosted
)
counts = st.integers(0, 10**9)


@st.composite
def replies(draw: st.DrawFn) -> Reply:
    parts: list[Part] = [*draw(st.lists(answered, max_size=5))]
    has_call = any(isinstance(part, ToolCall) for part in parts)
    choice = Choice(
        parts, "tool_calls" if has_call else draw(st.sampled_from(["stop", "length", "pause", "refusal"]))
    )
    if choice.finish == "stop":
        choice.stop_sequence = draw(st.just("") | words)
    read, written, more, output = draw(st.tuples(counts, counts, counts, counts))
    usage = Usage(read + written + more, output, read, written, reasoning=output // 2)
    return Reply(
        f"msg_{draw(ids)}", draw(words), [choice], usage, service_tier=draw(st.sampled_from(["", "default"]))
    )


@quick
@given(replies())
def test_an_answer_comes_back_the_same(reply: Reply) -> None:
    message = dialect.write_reply(reply, Turn())
    validate("Message", message)
    assert dialect.read_reply(msgspec.json.decode(msgspec.json.encode(message))) == reply


@quick
@given(replies(), st.integers(0, 4))
def test_a_stream_comes_back_the_same_and_says_what_the_whole_answer_says(reply: Reply, size: int) -> None:
    writer, reader, collector = dialect.writer(Turn()), dialect.reader(), Collector()
    for event in replay(reply, size):
        for raw in sse.Splitter().feed(writer.write([event])):
            collector.take(reader.feed(sse.data_of(raw) or b""))
    collector.take(reader.end())
    assert collector.is_ended
    assert collector.reply == reply
