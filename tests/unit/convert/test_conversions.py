"""Between any two dialects: what both can say arrives as it was, and whatever does not arrive is named."""

import base64
import copy
import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.convert import claims, turns
from tests.unit.convert.targets import target as aimed_at

from pronghorn import convert
from pronghorn.convert import Dialect
from pronghorn.convert.conversion import Conversion
from pronghorn.convert.dialect import Target
from pronghorn.convert.events import Collector, replay
from pronghorn.convert.turn import (
    Json,
    Message,
    Part,
    Refusal,
    Reply,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
    Turn,
)
from pronghorn.kit import sse

DIALECTS = convert.load()
PAIRS = [(source, target) for source in DIALECTS.values() for target in DIALECTS.values() if source != target]
MODELS = {
    "chat": ["m"],
    "responses": ["m"],
    "messages": ["m", "claude-3-haiku", "claude-opus-4-1", "claude-sonnet-4-6", "claude-opus-4-8"],
    "generate": ["m", "gemini-2.5-flash", "gemini-3-pro"],
}
VENDORS = {"chat": ["", "openai", "groq"], "messages": ["", "bedrock"]}
MIMES = {"image": "image/png", "document": "application/pdf", "audio": "audio/wav", "video": "video/mp4"}
PICTURE = re.compile(r"!\[image\]\([^)]*\)")
"""As those that have no pictures in answers show one."""
NOW_S = 1_700_000_000

quick = settings(max_examples=40)
long = settings(quick, max_examples=5_000)


def written(turn: Turn, dialect: Dialect) -> Json:
    """As a caller of that dialect says it."""
    conversion = Conversion(dialect, dialect, copy.deepcopy(turn), Target(model="m"))
    body = as_json(conversion.request())
    body.pop("safetySettings", None)  # no caller said that
    return body


def as_json(body: Json) -> Json:
    """As it arrives at the other side."""
    found: Json = msgspec.json.decode(msgspec.json.encode(body))
    return found


def converted(asked: Turn, source: Dialect, target: Dialect, to: Target) -> tuple[Turn, list[str]]:
    """As the vendor understands it, and what was named as lost."""
    conversion = Conversion(source, target, copy.deepcopy(asked), to)
    for media in conversion.addresses():
        media.data, media.mime = (
            base64.b64encode(media.url.encode()).decode(),
            media.mime or MIMES[media.kind],
        )
        media.url = ""
    return target.read_request(as_json(conversion.request())), conversion.losses.paths


def plain(turn: Turn) -> Turn:
    """Without paths, and results each in a message of its own, as some dialects have them."""
    messages: list[Message] = []
    for message in turn.messages:
        parts = [bare(part) for part in message.parts]
        split = [[part] for part in parts] if message.role == "tool" else [parts]
        messages += [Message(message.role, found, message.name) for found in split]
    found = msgspec.structs.replace(turn, messages=messages, at={}, unknown=[])
    found.tools = [msgspec.structs.replace(tool, at="") for tool in turn.tools]
    for tool in found.tools:
        if isinstance(tool, Tool):
            tool.is_strict = tool.is_strict or None  # to be strict is the default of one dialect alone
    return found


def bare(part: Part) -> Part:
    found = msgspec.structs.replace(part, at="")
    if isinstance(found, ToolResult):
        found.parts = [msgspec.structs.replace(inner, at="") for inner in found.parts]
        found.name = ""  # which call it is of says the same
    return found


def shared(turn: Turn, source: Dialect, target: Dialect) -> Turn:
    """With the fields alone that both carry."""
    fields = {field.name: field.default for field in msgspec.structs.fields(Turn)}
    uncarried = fields.keys() - (source.carries & target.carries) - {"at", "unknown"}
    return msgspec.structs.replace(turn, **{name: fields[name] for name in uncarried})


def arrives(turn: Turn) -> None:
    for source, target in PAIRS:
        asked = source.read_request(written(shared(turn, source, target), source))
        got, lost = converted(asked, source, target, Target(model="m"))
        got.model, got.is_stream, got.wants_usage = asked.model, asked.is_stream, asked.wants_usage
        if asked.max_output_tokens is None:
            got.max_output_tokens = None  # some have to say one
        assert (plain(got), lost) == (plain(asked), []), f"{source.name} to {target.name}"


def is_lossless_or_loud(turn: Turn, choice: int) -> None:
    for source, target in PAIRS:
        asked = source.read_request(written(turn, source))
        models, vendors = MODELS[target.name], VENDORS.get(target.name, [""])
        to = aimed_at(models[choice % len(models)], vendor=vendors[choice % len(vendors)])
        got, lost = converted(asked, source, target, to)
        silent = claims.unnamed(claims.missing(asked, got), lost)
        assert silent == [], f"{source.name} to {target.name} {to.model} {to.traits}: {lost}"


@quick
@given(turns.common_turns())
def test_what_all_dialects_can_say_arrives_as_it_was(turn: Turn) -> None:
    arrives(turn)


@quick
@given(turns.any_turns(), st.integers(0, 29))
def test_what_does_not_arrive_is_named(turn: Turn, choice: int) -> None:
    is_lossless_or_loud(turn, choice)


# Answers, whole and streamed.


def conversions() -> Iterator[Conversion]:
    asked = Turn(model="m", messages=[Message("user", [Text("a")])], at={}, unknown=[])
    for source, target in PAIRS:
        yield Conversion(source, target, copy.deepcopy(asked), Target(model="m", now_s=NOW_S))


def answered(reply: Reply, conversion: Conversion) -> Reply:
    """As the caller understands a vendor's whole answer."""
    body = msgspec.json.encode(conversion.target.write_reply(reply, conversion.turn))
    return conversion.source.read_reply(msgspec.json.decode(conversion.reply(body)))


def streamed(reply: Reply, conversion: Conversion, size: int) -> Reply:
    """As the caller understands the vendor's stream of the same."""
    vendor, stream = conversion.target.writer(conversion.turn), conversion.stream()
    out = b"".join(stream.feed(data) for event in replay(reply, size) for data in told(vendor.write([event])))
    return collected(conversion.source, out + stream.end())


def told(raw: bytes) -> list[bytes]:
    splitter = sse.Splitter()
    found = [sse.data_of(event) for event in splitter.feed(raw)]
    assert splitter.end() == b""
    return [data for data in found if data is not None]


def collected(dialect: Dialect, raw: bytes) -> Reply:
    reader, collector = dialect.reader(), Collector()
    for data in told(raw):
        collector.take(reader.feed(data))
    collector.take(reader.end())
    assert collector.is_ended
    return collector.reply


def marked(reply: Reply) -> Reply:
    """Without what each dialect says in its own way: ids, when, and that nothing out of the ordinary was paid."""
    tier = reply.service_tier.replace("default", "")
    found = msgspec.structs.replace(reply, id="", created_s=0, service_tier=tier, unknown=[])
    found.choices = [msgspec.structs.replace(choice) for choice in reply.choices]
    for choice in found.choices:
        choice.parts = [
            msgspec.structs.replace(part, id="") if isinstance(part, Thinking) else part
            for part in choice.parts
        ]
    return found


def said(reply: Reply) -> Any:
    """What must arrive of an answer, whatever it is: words, thoughts and calls. One choice is all that some have."""
    parts = reply.choices[0].parts
    text = PICTURE.sub("", "".join(part.text for part in parts if isinstance(part, Text | Refusal)))
    thoughts = "".join(part.text for part in parts if isinstance(part, Thinking))
    return text, thoughts, [claims.called(part) for part in parts if isinstance(part, ToolCall)]


def is_answered(reply: Reply, size: int) -> None:
    for dialect in DIALECTS.values():
        body = msgspec.json.encode(dialect.write_reply(reply, Turn()))
        assert marked(dialect.read_reply(msgspec.json.decode(body))) == marked(reply), dialect.name
        raw = dialect.writer(Turn()).write(list(replay(reply, size)))
        assert marked(collected(dialect, raw)) == marked(reply), f"{dialect.name} streamed"
    for conversion in conversions():
        pair = f"{conversion.source.name} of {conversion.target.name}"
        assert marked(answered(reply, conversion)) == marked(reply), pair
        assert marked(streamed(reply, conversion, size)) == marked(reply), f"{pair} streamed"


def arrives_anyhow(reply: Reply, size: int) -> None:
    for conversion in conversions():
        pair = f"{conversion.source.name} of {conversion.target.name}"
        whole = answered(reply, conversion)
        assert said(whole) == said(reply), pair
        assert said(streamed(reply, conversion, size)) == said(whole), f"{pair} streamed"


@quick
@given(turns.common_replies(), st.integers(0, 5))
def test_an_answer_arrives_as_it_was_whole_and_streamed(reply: Reply, size: int) -> None:
    is_answered(reply, size)


@quick
@given(turns.any_replies(), st.integers(0, 5))
def test_words_thoughts_and_calls_arrive_whatever_comes_with_them(reply: Reply, size: int) -> None:
    arrives_anyhow(reply, size)


# The same, many times.


@pytest.mark.nightly
@long
@given(turns.common_turns())
def test_what_all_dialects_can_say_arrives_as_it_was_many_times(turn: Turn) -> None:
    arrives(turn)


@pytest.mark.nightly
@long
@given(turns.any_turns(), st.integers(0, 29))
def test_what_does_not_arrive_is_named_many_times(turn: Turn, choice: int) -> None:
    is_lossless_or_loud(turn, choice)


@pytest.mark.nightly
@long
@given(turns.common_replies(), st.integers(0, 5))
def test_an_answer_arrives_as_it_was_whole_and_streamed_many_times(reply: Reply, size: int) -> None:
    is_answered(reply, size)


@pytest.mark.nightly
@long
@given(turns.any_replies(), st.integers(0, 5))
def test_words_thoughts_and_calls_arrive_many_times(reply: Reply, size: int) -> None:
    arrives_anyhow(reply, size)
