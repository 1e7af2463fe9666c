"""Whatever this dialect carries comes back the same: requests, answers, and answers told as streams."""

from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.gemini_schema import validate

from pronghorn.convert.dialect import Losses, Target
from pronghorn.convert.events import Collector, replay
from pronghorn.convert.generate import dialect
from pronghorn.convert.turn import (
    AudioOutput,
    Choice,
    Citation,
    Foreign,
    HostedTool,
    Logprob,
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
plain_words = words.filter(lambda text: not text.startswith("{"))
ids = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_-]{0,20}", fullmatch=True)
proofs = st.binary(min_size=1, max_size=9).map(
    lambda raw: msgspec.json.decode(msgspec.json.encode(raw), type=str)
)
own = proofs.map(lambda data: Signature("generate", data))
theirs = st.builds(Signature, st.sampled_from(["messages", "responses", "chat"]), words)
objects: st.SearchStrategy[str] = st.dictionaries(
    words, st.none() | st.booleans() | st.integers(-(2**80), 2**80) | words | st.floats(-1e9, 1e9), max_size=3
).map(lambda value: msgspec.json.encode(value).decode())

texts = st.builds(Text, words)
pictures = st.builds(Media, st.just("image"), st.sampled_from(["image/png", "image/webp"]), st.just("aGk="))
sounds = st.just(Media("audio", "audio/wav", "aGk="))
films = st.just(Media("video", "video/mp4", url="https://youtu.be/x"))
files = st.just(Media("document", "application/pdf", file_id="gs://bucket/file.pdf"))
media = pictures | sounds | films | files
code = st.just(Foreign("generate", {"executableCode": {"language": "PYTHON", "code": "1"}}))


def said(signatures: st.SearchStrategy[Signature]) -> st.SearchStrategy[list[Part]]:
    """What a model says, in parts that do not run into each other."""
    proven = st.none() | signatures
    return st.tuples(
        st.lists(st.builds(Thinking, words, signatures), max_size=2),
        st.lists(st.builds(Text, words, signature=proven), max_size=1),
        st.lists(
            code | st.builds(Media, st.just("image"), st.just("image/png"), st.just("aGk="), signature=proven)
        ),
        st.lists(
            st.builds(ToolCall, ids, ids, objects, signature=proven),
            max_size=2,
            unique_by=lambda call: call.id,
        ),
    ).map(lambda groups: [part for group in groups for part in group] or [Text("a")])


@st.composite
def conversations(draw: st.DrawFn) -> list[Message]:
    messages: list[Message] = []
    if draw(st.booleans()):
        messages.append(Message("system", draw(st.lists(texts, min_size=1, max_size=2))))
    for _ in range(draw(st.integers(0, 3))):
        messages.append(Message("user", draw(st.lists(texts | media, min_size=1, max_size=3))))
        parts = draw(said(own))
        messages.append(Message("assistant", parts))
        results: list[Part] = [
            ToolResult(
                part.id,
                [Text(draw(plain_words)), *draw(st.lists(pictures, max_size=2))],
                part.name,
                draw(st.booleans()),
            )
            for part in parts
            if isinstance(part, ToolCall)
        ]
        if results:
            messages.append(Message("tool", results))
    messages.append(Message("user", [draw(texts)]))
    return messages


schemas = st.none() | st.dictionaries(ids, st.just({"type": "string"}), min_size=1, max_size=2).map(
    lambda properties: {"type": "object", "properties": properties}
)
functions = st.lists(st.builds(Tool, ids, words, schemas), max_size=3, unique_by=lambda tool: tool.name)
hosted = st.sampled_from(
    [
        HostedTool("web_search", "generate", {"googleSearch": {}}),
        HostedTool("other", "generate", {"codeExecution": {}}),
    ]
)
formats = st.just(OutputFormat("json_object")) | st.builds(
    lambda word: OutputFormat("json_schema", schema={"type": "string", "description": word}), words
)
levels: Any = st.sampled_from(["minimal", "low", "medium", "high"])


@st.composite
def turns(draw: st.DrawFn) -> Turn:
    """One that has all it asks for within what Gemini 3 can say."""

    def maybe(strategy: st.SearchStrategy[Any]) -> Any:
        return draw(st.none() | strategy)

    tools = draw(functions)
    names = [tool.name for tool in tools]
    turn = Turn(
        messages=draw(conversations()),
        tools=[*tools, *draw(st.lists(hosted, max_size=1))],
        max_output_tokens=maybe(st.integers(1, 10**6)),
        temperature=maybe(st.floats(0, 2)),
        top_p=maybe(st.floats(0, 1)),
        top_k=maybe(st.integers(1, 100)),
        stop=maybe(st.lists(words, min_size=1, max_size=5)),
        choices=maybe(st.integers(2, 8)),
        seed=maybe(st.integers(-(2**31), 2**31 - 1)),
        presence_penalty=maybe(st.floats(-2, 1.9)),
        frequency_penalty=maybe(st.floats(-2, 1.9)),
        logprobs=maybe(st.just(True)),
        output_format=maybe(formats),
        reasoning=maybe(st.builds(Reasoning, levels, is_shown=st.booleans())),
        modalities=maybe(st.sampled_from([["image"], ["text", "image"], ["audio"]])),
        audio=maybe(st.just(AudioOutput("Kore"))),
        service_tier=maybe(st.sampled_from(["default", "flex", "priority"])),
    )
    if turn.logprobs:
        turn.top_logprobs = maybe(st.integers(1, 20))
    if names:
        some = st.lists(st.sampled_from(names), unique=True)
        turn.tool_choice = maybe(st.builds(ToolChoice, st.sampled_from(["auto", "required"]), some))
    return turn


def without_places(turn: Turn) -> Any:
    """As plain values, without what says where they come from."""
    turn = msgspec.structs.replace(turn, at={})

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: plain(inner) for name, inner in value.items() if name != "at"}
        return [plain(inner) for inner in value] if isinstance(value, list) else value

    return plain(msgspec.to_builtins(turn))


@quick
@given(turns())
def test_requests(turn: Turn) -> None:
    expected = without_places(turn)
    lost = Losses()
    body = dialect.write_request(turn, Target(model="gemini-3-pro-preview"), lost)
    validate("GenerateContentRequest", body)
    assert body.pop("safetySettings")
    found = dialect.read_request(msgspec.json.decode(msgspec.json.encode(body)))
    assert found.unknown == []
    assert without_places(found) == expected
    assert set(found.at) == {
        name
        for name in dialect.carries - {"model", "messages", "tools", "is_stream", "wants_usage"}
        if getattr(turn, name) is not None
    }


@st.composite
def cited(draw: st.DrawFn) -> Text:
    text = draw(words)
    start = draw(st.integers(0, len(text) - 1))
    end = draw(st.integers(start + 1, len(text)))
    address = draw(ids.map(lambda word: f"https://a/{word}"))
    raw = {"web": {"uri": address, "title": "A"}}
    return Text(text, [Citation(address, "A", start=start, end=end, origin="generate", raw=raw)])


usages = st.builds(
    lambda into, out, thought: Usage(input=into, output=out + thought, reasoning=thought),
    st.integers(1, 10**6),
    st.integers(0, 10**6),
    st.integers(0, 10**6),
)
logprobs = st.builds(
    lambda word, number: [Logprob(word, number, list(word.encode()))], words, st.floats(-20, 0)
)


@st.composite
def choices(draw: st.DrawFn) -> Choice:
    parts: list[Part] = [draw(cited())] if draw(st.booleans()) else draw(said(own | theirs))
    if any(isinstance(part, ToolCall) for part in parts):
        return Choice(parts, "tool_calls")
    has_text = isinstance(parts[-1], Text)
    return Choice(
        parts,
        draw(st.sampled_from(["stop", "length"])),
        logprobs=draw(st.none() | logprobs) if has_text else None,
    )


replies = st.builds(
    lambda choice, usage: Reply("r1", "gemini-x", [choice], usage), choices(), st.none() | usages
)


@quick
@given(replies)
def test_answers(reply: Reply) -> None:
    body = dialect.write_reply(reply, Turn())
    validate("GenerateContentResponse", body)
    assert dialect.read_reply(msgspec.json.decode(msgspec.json.encode(body))) == reply


@quick
@given(replies, st.integers(0, 4))
def test_streams(reply: Reply, size: int) -> None:
    writer = dialect.writer(Turn())
    raw = b"".join(writer.write([event]) for event in replay(reply, size))
    reader, collector = dialect.reader(), Collector()
    for event in sse.Splitter().feed(raw):
        data = sse.data_of(event)
        assert data is not None
        validate("GenerateContentResponse", msgspec.json.decode(data))
        collector.take(reader.feed(data))
    collector.take(reader.end())
    assert collector.is_ended
    assert collector.reply == reply
