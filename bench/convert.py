"""`python -m bench.convert`: what one conversion costs, of a request with its answer and of an event of a stream."""

import json
import time
from collections.abc import Callable

import msgspec
from rich.console import Console
from rich.table import Table

from pronghorn import convert
from pronghorn.convert import Dialect
from pronghorn.convert.conversion import Conversion
from pronghorn.convert.dialect import Target
from pronghorn.convert.events import replay
from pronghorn.convert.turn import Choice, Json, Message, Reply, Text, Tool, ToolCall, ToolResult, Turn
from pronghorn.kit import sse
from pronghorn.wire.usage import Usage

BODY_LIMIT_US = 100.0
EVENT_LIMIT_US = 15.0
BODY_BYTES = 4_096
PIECES = 200
ROUNDS = 15
_TO = Target(model="m", now_s=1_700_000_000)
_SENTENCE = "The quick brown fox jumps over the lazy dog. "
_SCHEMA: Json = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


def asked() -> Turn:
    """A conversation with a tool, about 4 KB of JSON."""
    call = ToolCall("call_1", "get_weather", '{"city":"Oslo"}')
    return Turn(
        model="m",
        messages=[
            Message("system", [Text("Be brief. " + _SENTENCE * 20)]),
            Message("user", [Text(_SENTENCE * 20)]),
            Message("assistant", [Text("Let me see."), call]),
            Message("tool", [ToolResult("call_1", [Text("-3")], "get_weather")]),
            Message("assistant", [Text(_SENTENCE * 20)]),
            Message("user", [Text(_SENTENCE * 10)]),
        ],
        tools=[Tool("get_weather", "Weather of a city.", _SCHEMA)],
        max_output_tokens=500,
        temperature=0.5,
        at={},
        unknown=[],
    )


def told() -> Reply:
    usage = Usage(input=900, output=900, cache_read=500)
    return Reply("id1", "m", [Choice([Text(_SENTENCE * (BODY_BYTES // len(_SENTENCE)))])], usage)


def converted(body: Json, source: Dialect, target: Dialect) -> Conversion:
    return Conversion(source, target, source.read_request(body), _TO)


def request_us(source: Dialect, target: Dialect) -> float:
    """A request to the vendor's words, both with their JSON."""
    body = msgspec.json.encode(Conversion(source, source, asked(), _TO).request())

    def once() -> None:
        msgspec.json.encode(converted(msgspec.json.decode(body), source, target).request())

    return best_us(once, 200)


def answer_us(source: Dialect, target: Dialect) -> float:
    """A vendor's whole answer to the caller's words, both with their JSON."""
    body = msgspec.to_builtins(Conversion(source, source, asked(), _TO).request())
    conversion = converted(body, source, target)
    answer = msgspec.json.encode(target.write_reply(told(), Turn()))
    return best_us(lambda: conversion.reply(answer), 200)


def event_us(source: Dialect, target: Dialect) -> float:
    """One vendor event of a stream of many to what the caller gets of it."""
    body = Conversion(source, source, asked(), _TO).request()
    text = told()
    raw = target.writer(Turn()).write(list(replay(text, BODY_BYTES // PIECES)))
    payloads = [data for event in sse.Splitter().feed(raw) if (data := sse.data_of(event)) is not None]
    conversion = converted(json.loads(msgspec.json.encode(body)), source, target)

    def once() -> None:
        stream = conversion.stream()
        for data in payloads:
            stream.feed(data)
        stream.end()

    return best_us(once, 5) / len(payloads)


def best_us(once: Callable[[], object], times: int) -> float:
    """Of several rounds the quickest: what it costs where nothing else runs."""
    found = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        for _ in range(times):
            once()
        found.append((time.perf_counter() - begun) / times * 1e6)
    return min(found)


def main() -> None:
    table = Table("caller", "vendor", "request, µs", "answer, µs", "event, µs", title="Conversion of 4 KB")
    dialects = convert.load()
    for source in dialects.values():
        for target in dialects.values():
            if source is not target:
                row = [
                    shown(request_us(source, target), BODY_LIMIT_US),
                    shown(answer_us(source, target), BODY_LIMIT_US),
                    shown(event_us(source, target), EVENT_LIMIT_US),
                ]
                table.add_row(source.name, target.name, *row)
    Console().print(table)


def shown(us: float, limit_us: float) -> str:
    return f"{us:.1f}" if us <= limit_us else f"[red]{us:.1f}[/]"


if __name__ == "__main__":
    main()
