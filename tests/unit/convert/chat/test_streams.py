"""Streamed chat answers: vendors' quirks repaired on the way in, OpenAI's order kept on the way out."""

import copy
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from tests import openapi_schema

from pronghorn.convert.chat import dialect
from pronghorn.convert.events import (
    Closed,
    Collector,
    Counted,
    Ended,
    Event,
    Finished,
    Grew,
    Opened,
    Signed,
    Started,
    replay,
)
from pronghorn.convert.opaque import wrap
from pronghorn.convert.turn import (
    Choice,
    Citation,
    Logprob,
    Media,
    Part,
    Refusal,
    Reply,
    Signature,
    Text,
    Thinking,
    ToolCall,
    Turn,
)
from pronghorn.kit import sse
from pronghorn.wire.usage import Usage

PNG = "iVBORw0KGgo="
ANTHROPIC, GOOGLE = Signature("messages", "EqQB"), Signature("generate", "g==")


def payload(delta: dict[str, Any], finish: Any = None, index: int = 0, **others: Any) -> bytes:
    choice = {"index": index, "delta": delta, "finish_reason": finish}
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 7, "model": "m"}
    return msgspec.json.encode(head | {"choices": [choice]} | others)


def call(**members: Any) -> dict[str, Any]:
    return {"tool_calls": [members]}


def events_of(*payloads: bytes, is_done: bool = True) -> list[Event]:
    reader = dialect.reader()
    found = [event for data in payloads for event in reader.feed(data)]
    if is_done:
        found += reader.feed(b"[DONE]")
    return found + reader.end()


def collect(events: list[Event]) -> Reply:
    """The answer, after a check that the events keep the order that they must."""
    opened: dict[int, bool] = {}
    for number, event in enumerate(events):
        assert isinstance(event, Started) == (number == 0)
        if isinstance(event, Opened):
            assert not opened.get(event.choice)
            opened[event.choice] = True
        elif isinstance(event, Closed):
            assert opened[event.choice]
            opened[event.choice] = False
        elif isinstance(event, Grew | Signed):
            assert opened[event.choice]
        elif isinstance(event, Finished):
            assert not opened.get(event.choice)
        elif isinstance(event, Ended):
            assert number == len(events) - 1
    collector = Collector()
    collector.take(events)
    return collector.reply


def parts_of(*payloads: bytes) -> list[Part]:
    return collect(events_of(*payloads)).choices[0].parts


def test_a_text_is_read_event_by_event() -> None:
    usage = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}
    assert events_of(
        payload({"role": "assistant", "content": "", "refusal": None}, usage=None),
        payload({"content": "Hel"}),
        payload({"content": "lo"}),
        payload({}, "stop"),
        msgspec.json.encode({"id": "chatcmpl-1", "choices": [], "usage": usage}),
    ) == [
        Started("chatcmpl-1", "m", 7),
        Opened(Text("")),
        Grew("Hel"),
        Grew("lo"),
        Closed(),
        Finished("stop"),
        Counted(Usage(input=9, output=4)),
        Ended(),
    ]


QUIRKS: dict[str, list[bytes]] = {
    "as OpenAI does": [
        payload(call(index=0, id="a", type="function", function={"name": "f", "arguments": ""})),
        payload(call(index=0, function={"arguments": '{"x"'})),
        payload(call(index=0, function={"arguments": ":1}"})),
        payload(call(index=1, id="b", type="function", function={"name": "g", "arguments": "{}"})),
        payload({}, "tool_calls"),
    ],
    "interleaved": [
        payload(call(index=0, id="a", function={"name": "f", "arguments": '{"x"'})),
        payload(call(index=1, id="b", function={"name": "g", "arguments": "{"})),
        payload(call(index=0, function={"arguments": ":1}"})),
        payload(call(index=1, function={"arguments": "}"})),
        payload({}, "tool_calls"),
    ],
    "index always 0": [
        payload(call(index=0, id="a", function={"name": "f", "arguments": '{"x":1}'})),
        payload(call(index=0, id="b", function={"name": "g", "arguments": "{}"})),
        payload({}, "stop"),
    ],
    "no index": [
        payload(call(id="a", function={"name": "f", "arguments": '{"x"'})),
        payload(call(function={"arguments": ":1}"})),
        payload(call(id="b", function={"name": "g", "arguments": {}})),
        payload({}, "stop"),
    ],
    "id and name repeated": [
        payload(call(index=0, id="a", function={"name": "f", "arguments": '{"x"'})),
        payload(call(index=0, id="a", function={"name": "f", "arguments": ":1}"})),
        payload(call(index=1, id="b", function={"name": "g", "arguments": "{}"})),
        payload(call(index=1, id="b", function={"name": "g", "arguments": None})),
        payload({}, "stop"),
    ],
    "a new id with each piece": [
        payload(call(index=0, id="a", function={"name": "f", "arguments": '{"x"'})),
        payload(call(index=0, id="z1", function={"name": None, "arguments": ":1}"})),
        payload(call(index=1, id="b", function={"name": "g", "arguments": "{}"})),
        payload({}, "tool_calls"),
    ],
    "whole in one delta with the finish": [
        payload(
            {
                "tool_calls": [
                    {"index": 0, "id": "a", "function": {"name": "f", "arguments": {"x": 1}}},
                    {"index": 1, "id": "b", "function": {"name": "g", "arguments": "{}"}},
                ]
            },
            "stop",
        ),
    ],
    "id first, name later": [
        payload(call(index=0, id="a", type="function")),
        payload(call(index=0, function={"name": "f"})),
        payload(call(index=0, function={"arguments": '{"x":1}'})),
        payload(call(index=1, id="b", function={"name": "g", "arguments": "{}"})),
        payload({}, "stop"),
    ],
    "without finish": [
        payload(call(index=0, id="a", function={"name": "f", "arguments": '{"x":1}'})),
        payload(call(index=1, id="b", function={"name": "g", "arguments": "{}"})),
    ],
}


@pytest.mark.parametrize("quirk", QUIRKS)
def test_two_calls_are_read_whatever_the_vendors_manner(quirk: str) -> None:
    reply = collect(events_of(*QUIRKS[quirk]))
    assert reply.choices == [Choice([ToolCall("a", "f", '{"x":1}'), ToolCall("b", "g", "{}")], "tool_calls")]


def test_calls_of_one_id_are_apart_by_their_index() -> None:
    assert parts_of(
        payload(call(index=0, id="a", function={"name": "f", "arguments": '{"x"'})),
        payload(call(index=1, id="a", function={"name": "f", "arguments": '{"y"'})),
        payload(call(index=0, id="a", function={"arguments": ":1}"})),
        payload(call(index=1, id="a", function={"arguments": ":2}"})),
        payload({}, "tool_calls"),
    ) == [ToolCall("a", "f", '{"x":1}'), ToolCall("a", "f", '{"y":2}')]


@pytest.mark.parametrize("is_late", [False, True])
def test_sources_beside_the_choices_are_citations(is_late: bool) -> None:
    found = [{"title": "T", "url": "https://x", "snippet": "s", "date": "2026-01-01"}, {"url": None}, 7]
    beside: dict[str, Any] = {"citations": ["https://x"], "search_results": found}
    nothing: dict[str, Any] = {}
    early, late = (nothing, beside) if is_late else (beside, nothing)
    assert parts_of(payload({"content": "a"}, **early), payload({"content": "b"}, "stop", **late)) == [
        Text("ab", [Citation("https://x", "T", "s")])
    ]


def test_a_text_with_citations_of_its_own_has_no_others() -> None:
    own = {"type": "url_citation", "url_citation": {"url": "https://own", "start_index": 0, "end_index": 1}}
    parts = parts_of(
        payload({"content": "a"}, citations=["https://x"]),
        payload({"annotations": [own]}),
        payload({}, "stop"),
    )
    assert parts == [Text("a", [Citation("https://own", start=0, end=1)])]


def test_probabilities_of_words_behind_a_call_are_kept() -> None:
    def chances(token: str) -> dict[str, Any]:
        return {"content": [{"token": token, "logprob": -1, "bytes": None, "top_logprobs": []}]}

    def said(token: str) -> bytes:
        choice = {"index": 0, "delta": {"content": token}, "logprobs": chances(token)}
        return msgspec.json.encode({"id": "a", "choices": [choice]})

    called = payload(call(index=0, id="a", function={"name": "f", "arguments": "{}"}))
    choice = collect(events_of(called, said("b"), said("c"), payload({}, "stop"))).choices[0]
    assert [one.token for one in choice.logprobs or ()] == ["b", "c"]


def test_the_first_call_streams_as_it_comes() -> None:
    reader = dialect.reader()
    found = [reader.feed(data) for data in QUIRKS["interleaved"]]
    assert found[0][1:] == [Opened(ToolCall("a", "f")), Grew('{"x"')]
    assert (found[1], found[2]) == ([], [Grew(":1}")])


def test_calls_without_ids_or_indexes_are_apart() -> None:
    first, second = parts_of(
        payload(call(function={"name": "f", "arguments": "{}"})),
        payload(call(function={"name": "f", "arguments": "{}"})),
    )
    assert isinstance(first, ToolCall)
    assert isinstance(second, ToolCall)
    assert first.id != second.id


def test_the_old_function_call_is_a_call() -> None:
    reply = collect(
        events_of(
            payload({"function_call": {"name": "f", "arguments": ""}}),
            payload({"function_call": {"arguments": "{}"}}),
            payload({}, "function_call"),
        )
    )
    part = reply.choices[0].parts[0]
    assert isinstance(part, ToolCall)
    assert (part.name, part.arguments, reply.choices[0].finish) == ("f", "{}", "tool_calls")


def test_text_before_and_after_calls_is_not_lost() -> None:
    assert parts_of(
        payload({"content": "Let me see."}),
        payload(call(index=0, id="a", function={"name": "f", "arguments": "{"})),
        payload({"content": "Wai"}),
        payload({"content": "ting"}),
        payload(call(index=0, function={"arguments": "}"})),
        payload({}, "stop"),
    ) == [Text("Let me see."), ToolCall("a", "f", "{}"), Text("Waiting")]


@pytest.mark.parametrize(
    "deltas",
    [
        [
            {"reasoning_content": "h"},
            {"reasoning_content": "m", "content": ""},
            {"content": "a", "reasoning": None},
        ],
        [{"reasoning": "h"}, {"reasoning": "m", "content": None}, {"reasoning": "", "content": "a"}],
        [{"reasoning_content": "h", "reasoning": "h"}, {"reasoning_content": "m"}, {"content": "a"}],
        [{"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}]}, {"content": "a"}],
        [{"reasoning_content": "hm", "content": "a"}],
    ],
)
def test_reasoning_by_any_name_comes_before_the_text(deltas: list[dict[str, Any]]) -> None:
    assert parts_of(*map(payload, deltas)) == [Thinking("hm"), Text("a")]


def test_a_routers_details_are_read_once_and_signed() -> None:
    def detail(**members: Any) -> dict[str, Any]:
        return {"reasoning": members.get("text"), "reasoning_details": [members]}

    assert parts_of(
        payload(detail(type="reasoning.text", text="h", index=0)),
        payload(detail(type="reasoning.text", text="m", index=0)),
        payload(detail(type="reasoning.text", signature="s", index=0)),
        payload(detail(type="reasoning.text", text="two", index=1)),
        payload(detail(type="reasoning.encrypted", data="d", index=2)),
        payload({"content": "a"}),
    ) == [
        Thinking("hm", Signature("chat", "s")),
        Thinking("two"),
        Thinking("", Signature("chat", "d"), True),
        Text("a"),
    ]


def test_choices_that_interleave_are_kept_apart() -> None:
    reply = collect(
        events_of(
            payload({"content": "a"}),
            payload({"content": "x"}, index=1),
            payload({"content": "b"}),
            payload({}, "stop"),
            payload({}, "length", index=1),
        )
    )
    assert reply.choices == [Choice([Text("ab")], "stop"), Choice([Text("x")], "length")]


def test_pieces_of_a_sound_become_one() -> None:
    assert parts_of(
        payload({"audio": {"id": "audio_1", "transcript": "H"}}),
        payload({"audio": {"transcript": "i"}}),
        payload({"audio": {"data": "UklGRg=="}}),
        payload({"audio": {"data": "AAAA"}}),
        payload({"audio": {"expires_at": 1}}),
        payload({}, "stop"),
    ) == [Media("audio", "audio/wav", "UklGRgAAAA==", transcript="Hi")]


def test_pictures_refusals_citations_and_odds_are_read() -> None:
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}
    cited = {"type": "url_citation", "url_citation": {"url": "https://x", "start_index": 0, "end_index": 2}}
    found = {"content": [{"token": "ab", "logprob": -0.1, "bytes": None, "top_logprobs": []}]}
    first = msgspec.json.encode(
        {"id": "i", "choices": [{"index": 0, "delta": {"content": "ab"}, "logprobs": found}]}
    )
    reply = collect(
        events_of(
            first,
            payload({"annotations": [cited]}),
            payload({"images": [image]}),
            payload({"refusal": "No."}),
        )
    )
    assert reply.choices == [
        Choice(
            [
                Text("ab", [Citation("https://x", start=0, end=2)]),
                Media("image", "image/png", PNG),
                Refusal("No."),
            ],
            "refusal",
            logprobs=[Logprob("ab", -0.1)],
        )
    ]


def test_usage_is_found_in_all_its_places_and_the_last_holds() -> None:
    one, two = ({"prompt_tokens": 1, "completion_tokens": count} for count in (1, 2))
    moonshot = {"index": 0, "delta": {}, "finish_reason": "stop", "usage": two}
    for last in (payload({}, "stop", usage=two), msgspec.json.encode({"choices": [moonshot]})):
        assert collect(events_of(payload({"content": "a"}, usage=one), last)).usage == Usage(
            input=1, output=2
        )


def test_an_end_is_told_from_a_cut() -> None:
    start, finish = payload({"content": "a"}), payload({}, "stop")
    assert isinstance(events_of(start, finish, is_done=False)[-1], Ended)  # some vendors say no more
    cut = events_of(start, is_done=False)
    assert cut[-1] == Closed()
    assert not any(isinstance(event, Ended | Finished) for event in cut)
    waiting = events_of(*QUIRKS["interleaved"][:2], is_done=False)
    assert collect(waiting).choices[0].parts[1] == ToolCall("b", "g", "{")


ODD = [
    b"",
    b"{",
    b"[]",
    b"null",
    b"\xff",
    b'{"choices":1}',
    b'{"choices":[1]}',
    b'{"choices":[{"index":-1}]}',
    b'{"choices":[{"delta":{"tool_calls":[7],"content":7,"audio":1,"images":[1],"annotations":[2]}}]}',
    b'{"choices":[{"delta":{"reasoning_details":[1,{}],"reasoning":{},"extra_content":3}}]}',
    b'{"error":{"message":"no"}}',
    b'{"choices":[],"usage":{"prompt_tokens":-1}}',
]


@pytest.mark.parametrize("data", ODD)
def test_odd_input_raises_nothing(data: bytes) -> None:
    events = events_of(payload({"content": "a"}), data, payload({"content": "b"}))
    texts = [part.text for part in collect(events).choices[0].parts if isinstance(part, Text)]
    assert "".join(texts) == "ab"


def test_events_after_the_end_give_nothing() -> None:
    reader = dialect.reader()
    reader.feed(payload({"content": "a"}, "stop"))
    assert isinstance(reader.feed(b"[DONE]")[-1], Ended)
    assert reader.feed(b"[DONE]") == reader.feed(payload({"content": "x"})) == reader.end() == []


def written(reply: Reply, turn: Turn | None = None, size: int = 3) -> list[bytes]:
    """The payloads of the stream, each judged by OpenAI's document."""
    writer = dialect.writer(turn or Turn(wants_usage=True))
    stream = b"".join(writer.write([event]) for event in replay(reply, size))
    payloads = [data for event in sse.Splitter().feed(stream) if (data := sse.data_of(event)) is not None]
    for data in payloads[:-1]:
        openapi_schema.validate("CreateChatCompletionStreamResponse", plain(msgspec.json.decode(data)))
    assert payloads[-1] == b"[DONE]"
    return payloads


def plain(chunk: dict[str, Any]) -> dict[str, Any]:
    """Without what chat's imitators have and OpenAI's document has not."""
    chunk = copy.deepcopy(chunk)
    for choice in chunk["choices"]:
        for name in ("reasoning_details", "extra_content", "images", "audio", "annotations"):
            choice["delta"].pop(name, None)
        calls = choice["delta"].get("tool_calls", [])
        calls[:] = [
            entry for entry in calls if "custom" not in entry
        ]  # the document has them only unstreamed
        for entry in calls:
            entry.pop("extra_content", None)
    return chunk


def deltas_of(payloads: list[bytes]) -> Iterator[dict[str, Any]]:
    for data in payloads[:-1]:
        for choice in msgspec.json.decode(data)["choices"]:
            yield choice["delta"]


def test_a_text_is_written_in_openais_order() -> None:
    reply = Reply("msg_1", "m", [Choice([Text("Hello")])], Usage(input=2, output=1), 7, "default")
    chunks = [msgspec.json.decode(data) for data in written(reply)[:-1]]
    assert [chunk["choices"][0]["delta"] for chunk in chunks[:-1]] == [
        {"role": "assistant", "content": "", "refusal": None},
        {"content": "Hel"},
        {"content": "lo"},
        {},
    ]
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks[:-1]] == [None, None, None, "stop"]
    assert [chunk["usage"] for chunk in chunks[:-1]] == [None] * 4
    assert (chunks[-1]["choices"], chunks[-1]["usage"]["total_tokens"]) == ([], 3)
    assert {(chunk["id"], chunk["created"], chunk["model"], chunk["service_tier"]) for chunk in chunks} == {
        ("chatcmpl-msg_1", 7, "m", "default")
    }


def test_usage_is_written_only_when_it_was_asked_for() -> None:
    reply = Reply("1", "m", [Choice([Text("a")])], Usage(input=2, output=1))
    assert not any(b'"usage"' in data for data in written(reply, Turn(wants_usage=False)))


def test_calls_are_written_with_indexes_of_their_own() -> None:
    reply = Reply(
        "1",
        "m",
        [Choice([Thinking("hm"), ToolCall("a", "f", '{"x":1}'), ToolCall("b", "g", "")], "tool_calls")],
    )
    found = [delta["tool_calls"][0] for delta in deltas_of(written(reply, size=4)) if "tool_calls" in delta]
    assert found == [
        {"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": ""}},
        {"index": 0, "function": {"arguments": '{"x"'}},
        {"index": 0, "function": {"arguments": ":1}"}},
        {"index": 1, "id": "b", "type": "function", "function": {"name": "g", "arguments": ""}},
        {"index": 1, "function": {"arguments": "{}"}},
    ]


def test_an_answer_of_calls_alone_begins_without_content() -> None:
    first = next(deltas_of(written(Reply("1", "m", [Choice([ToolCall("a", "f", "{}")], "stop")]))))
    assert (first["role"], first["content"]) == ("assistant", None)


def test_a_clean_end_after_calls_is_the_calls() -> None:
    payloads = written(Reply("1", "m", [Choice([ToolCall("a", "f", "{}")], "stop")]))
    assert b'"finish_reason":"tool_calls"' in payloads[-2]


def test_thinking_is_written_plain_and_then_signed() -> None:
    reply = Reply("1", "m", [Choice([Thinking("hm", ANTHROPIC), Text("a")])])
    found = list(deltas_of(written(reply)))
    assert found[1]["reasoning_content"] == "hm"
    signed = found[2]["reasoning_details"][0]
    assert (signed["index"], signed["signature"]) == (0, wrap(ANTHROPIC, "chat"))


def test_nothing_final_is_written_before_the_end() -> None:
    writer = dialect.writer(Turn())
    stream = writer.write([Started("1", "m"), Opened(Text("")), Grew("a"), Counted(Usage(1, 1)), Closed()])
    assert b"[DONE]" not in stream
    assert b'"finish_reason":"' not in stream
    assert writer.write([Finished("stop")]).count(b"data: ") == 1
    assert writer.write([Ended()]).endswith(b"data: [DONE]\n\n")


ANSWERS: list[list[Part]] = [
    [],
    [Text("Hello, world")],
    [Thinking("Let me think", ANTHROPIC), Thinking("", ANTHROPIC, True), Text("ok")],
    [
        Thinking("Hmm"),
        ToolCall("a", "f", '{"x":1}'),
        ToolCall("b", "g", "{}"),
        ToolCall("c", "h", "ls", True),
    ],
    [
        Text("see", [Citation("https://x", "X", "", 0, 2)]),
        ToolCall("a", "f", "{}", signature=Signature("chat", "s")),
    ],
    [Text("look", signature=Signature("chat", "t")), Media("image", "image/png", PNG)],
    [Media("audio", "audio/wav", "UklGRg==", transcript="Hi")],
    [Refusal("I can't.")],
]


@pytest.mark.parametrize("size", [0, 1, 5])
@pytest.mark.parametrize("parts", ANSWERS, ids=str)
def test_what_is_written_is_read_back(parts: list[Part], size: int) -> None:
    has_calls = any(isinstance(part, ToolCall) for part in parts)
    has_refusal = any(isinstance(part, Refusal) for part in parts)
    choice = Choice(parts, "tool_calls" if has_calls else "refusal" if has_refusal else "stop")
    reply = Reply("chatcmpl-1", "m", [choice, Choice([Text("two")], "length")], Usage(3, 2), 7)
    assert collect(events_of(*written(reply, size=size), is_done=False)) == reply


def test_a_signature_of_gemini_travels_as_it_is() -> None:
    reply = Reply(
        "1", "m", [Choice([Text("t", signature=GOOGLE), ToolCall("a", "f", "{}", signature=GOOGLE)])]
    )
    found = [
        delta for delta in deltas_of(written(reply)) if b"thought_signature" in msgspec.json.encode(delta)
    ]
    raw = {"google": {"thought_signature": "g=="}}
    assert [found[0]["extra_content"], found[1]["tool_calls"][0]["extra_content"]] == [raw, raw]
