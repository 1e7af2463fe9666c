"""Gemini's streams: read whatever they are cut into, written so that each event is an answer of its own."""

from typing import Any

import msgspec
import pytest
from tests.gemini_schema import validate

from pronghorn.convert.events import (
    Cited,
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
from pronghorn.convert.generate import dialect
from pronghorn.convert.turn import (
    Choice,
    Citation,
    Foreign,
    Json,
    Logprob,
    Media,
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

OWN = Signature("generate", "c2ln")
OTHER = Signature("messages", "EqQB")


def chunk(*parts: Json, index: int = 0, **more: Any) -> bytes:
    candidate = {"content": {"role": "model", "parts": list(parts)}, "index": index} | more
    return msgspec.json.encode({"candidates": [candidate], "modelVersion": "gemini-x", "responseId": "r1"})


def read(*chunks: bytes) -> list[Event]:
    reader = dialect.reader()
    found = [event for data in chunks for event in reader.feed(data)]
    return found + reader.end()


def write(*events: Event) -> list[Json]:
    """The answers of the stream, each valid by Google's document."""
    writer = dialect.writer(Turn(model="asked"))
    written = b"".join(writer.write([event]) for event in events)
    assert writer.write([]) == b""
    if not written:
        return []
    assert written.endswith(b"\r\n\r\n")
    answers = []
    for event in written[:-4].split(b"\r\n\r\n"):
        assert event.startswith(b"data: {")
        assert b"\n" not in event
        answers.append(msgspec.json.decode(event.removeprefix(b"data: "), type=dict[str, Any]))
        validate("GenerateContentResponse", answers[-1])
    return answers


def parts_of(answers: list[Json]) -> list[Json]:
    return [
        part for one in answers for found in one.get("candidates", ()) for part in found["content"]["parts"]
    ]


STARTED = Started("r1", "gemini-x")


def test_pieces_of_one_kind_are_one_part() -> None:
    assert read(
        chunk({"text": "Let", "thought": True}),
        chunk({"text": " me", "thought": True}, {"text": "It"}),
        chunk({"text": " is"}, {"text": ""}),
        chunk({"functionCall": {"id": "1", "name": "f", "args": {"a": 1}}, "thoughtSignature": "c2ln"}),
        chunk({"functionCall": {"id": "2", "name": "g"}}, finishReason="STOP"),
    ) == [
        STARTED,
        Opened(Thinking("")),
        Grew("Let"),
        Grew(" me"),
        Closed(),
        Opened(Text("")),
        Grew("It"),
        Grew(" is"),
        Closed(),
        Opened(ToolCall("1", "f", signature=OWN)),
        Grew('{"a":1}'),
        Closed(),
        Opened(ToolCall("2", "g")),
        Grew("{}"),
        Closed(),
        Finished("tool_calls"),
        Ended(),
    ]


def test_a_signature_may_come_last() -> None:
    late = {"text": "", "thoughtSignature": "c2ln"}
    assert read(chunk({"text": "a"}), chunk(late, finishReason="STOP"))[1:] == [
        Opened(Text("")),
        Grew("a"),
        Signed(OWN),
        Closed(),
        Finished("stop"),
        Ended(),
    ]
    assert read(chunk({"text": "a", "thought": True}), chunk(late), chunk({"text": "b"}))[3:] == [
        Closed(),
        Opened(Text("")),
        Signed(OWN),
        Closed(),
        Opened(Text("")),
        Grew("b"),
        Closed(),
    ]


def test_a_reason_with_every_event_is_told_once() -> None:
    events = read(*(chunk({"text": word}, finishReason="STOP") for word in "abc"))
    assert events.count(Finished("stop")) == 1
    assert events[-2:] == [Finished("stop"), Ended()]


def test_a_stream_without_a_reason_was_cut() -> None:
    assert read(chunk({"text": "a"})) == [STARTED, Opened(Text("")), Grew("a"), Closed()]
    assert read() == []


def test_a_blocked_prompt_is_an_end() -> None:
    feedback = {"blockReason": "PROHIBITED_CONTENT"}
    body = {"promptFeedback": feedback, "usageMetadata": {"promptTokenCount": 3}, "responseId": "r1"}
    assert read(msgspec.json.encode(body)) == [
        Started("r1", ""),
        Counted(Usage(input=3)),
        Finished("content_filter", detail=feedback),
        Ended(),
    ]


def test_counts_repeat_and_the_last_one_holds() -> None:
    def counted(tokens: int) -> bytes:
        counts = {"promptTokenCount": 5, "candidatesTokenCount": tokens}
        return msgspec.json.encode({"usageMetadata": counts})

    events = read(chunk({"text": "a"}), counted(1), counted(1), counted(2), chunk(finishReason="MAX_TOKENS"))
    assert [event.usage.output for event in events if isinstance(event, Counted)] == [1, 2]
    assert Finished("length") in events


def test_pictures_and_what_only_gemini_has_come_whole() -> None:
    code = {"executableCode": {"language": "PYTHON", "code": "1"}}
    picture = {"inlineData": {"mimeType": "image/png", "data": "aGk="}}
    assert read(chunk({"text": "a"}, code, picture, {"text": "b"}))[3:-2] == [
        Closed(),
        Opened(Foreign("generate", code)),
        Closed(),
        Opened(Media("image", "image/png", "aGk=")),
        Closed(),
        Opened(Text("")),
    ]


def test_candidates_grow_side_by_side() -> None:
    events = read(
        chunk({"text": "a"}),
        chunk({"text": "b"}, index=1),
        chunk({"text": "c"}, finishReason="STOP"),
        chunk({"text": "d"}, index=1, finishReason="MAX_TOKENS"),
    )
    collector = Collector()
    collector.take(events)
    assert collector.is_ended
    assert collector.reply.choices == [Choice([Text("ac")]), Choice([Text("bd")], "length")]


def test_citations_at_the_end_belong_to_the_open_text() -> None:
    web = {"web": {"uri": "https://a", "title": "A"}}
    support = {"segment": {"startIndex": 6, "endIndex": 11}, "groundingChunkIndices": [0]}
    again = {"groundingChunks": [], "groundingSupports": [support]}
    events = read(
        chunk({"text": "Grüße"}),
        chunk({"text": " Köln"}),
        chunk(groundingMetadata={"groundingChunks": [web], "groundingSupports": [support]}),
        chunk(groundingMetadata=again, finishReason="STOP"),
    )
    cited = Cited(Citation("https://a", "A", start=4, end=8, origin="generate", raw=web))
    assert events[4:] == [cited, Closed(), Finished("stop"), Ended()]


def test_log_probabilities_come_with_their_text() -> None:
    result = {"chosenCandidates": [{"token": "a", "logProbability": -1.0}]}
    found = [Logprob("a", -1.0, [97])]
    assert Grew("a", 0, found) in read(chunk({"text": "a"}, logprobsResult=result))
    assert Grew("", 0, found) in read(chunk({"text": "a"}), chunk(logprobsResult=result))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[DONE]",
        b"[]",
        b"3",
        b'{"error":{"code":500}}',
        b'{"candidates":[3]}',
        b'{"candidates":7}',
        b'{"candidates":[{"content":{"parts":[{"functionCall":3}]}}]}',
    ],
)
def test_nonsense_gives_nothing_and_hurts_nothing(data: bytes) -> None:
    reader = dialect.reader()
    events = reader.feed(data) + reader.feed(chunk({"text": "a"}, finishReason="STOP")) + reader.end()
    assert isinstance(events[0], Started)
    assert events[1:] == [Opened(Text("")), Grew("a"), Closed(), Finished("stop"), Ended()]


# Written.


def test_every_piece_is_an_answer_and_the_last_one_ends() -> None:
    usage = Usage(input=5, output=7, reasoning=2)
    answers = write(
        Started("r1", "gemini-x", 0, "default"),
        Opened(Thinking()),
        Grew("Hm"),
        Signed(OTHER),
        Closed(),
        Opened(Text("")),
        Grew("It "),
        Grew("is"),
        Closed(),
        Opened(ToolCall("1", "f", signature=OWN)),
        Grew('{"a"'),
        Grew(":1}"),
        Closed(),
        Counted(usage),
        Finished("tool_calls"),
        Ended(),
    )
    head = {"modelVersion": "gemini-x", "responseId": "r1"}
    signed = parts_of(answers)[1]
    assert signed.keys() == {"text", "thought", "thoughtSignature"}
    assert [part for part in parts_of(answers) if part is not signed] == [
        {"text": "Hm", "thought": True},
        {"text": "It "},
        {"text": "is"},
        {"functionCall": {"id": "1", "name": "f", "args": {"a": 1}}, "thoughtSignature": "c2ln"},
        {"text": ""},
    ]
    assert (
        answers[0]
        == {
            "candidates": [
                {"content": {"parts": [{"text": "Hm", "thought": True}], "role": "model"}, "index": 0}
            ]
        }
        | head
    )
    assert all("finishReason" not in one["candidates"][0] for one in answers[:-1])
    assert (
        answers[-1]
        == {
            "candidates": [
                {"content": {"parts": [{"text": ""}], "role": "model"}, "finishReason": "STOP", "index": 0}
            ],
            "usageMetadata": {
                "promptTokenCount": 5,
                "candidatesTokenCount": 5,
                "totalTokenCount": 12,
                "thoughtsTokenCount": 2,
                "serviceTier": "standard",
            },
        }
        | head
    )


def test_nothing_ends_before_its_end() -> None:
    events: list[Event] = [
        STARTED,
        Opened(Text("")),
        Grew("a"),
        Closed(),
        Finished("stop"),
        Counted(Usage(output=1)),
    ]
    [only] = write(*events)
    assert "finishReason" not in only["candidates"][0]
    assert "usageMetadata" not in only


def test_an_answer_of_nothing_but_an_end() -> None:
    [only] = write(STARTED, Finished("length"), Ended())
    assert only["candidates"][0]["finishReason"] == "MAX_TOKENS"
    [blocked] = write(STARTED, Finished("content_filter", detail={"blockReason": "SAFETY"}), Ended())
    assert blocked["promptFeedback"] == {"blockReason": "SAFETY"}
    [bare] = write(Ended())
    assert bare["modelVersion"] == "asked"


WHOLE: list[Choice] = [
    Choice([Text("Hello, wörld")]),
    Choice([Thinking("Hm", OTHER), Text("So", signature=OWN)]),
    Choice([Thinking("Hm"), Thinking(signature=OTHER, is_redacted=True), Text("So")], "length"),
    Choice([ToolCall("1", "f", '{"a":1}', signature=OWN), ToolCall("2", "g", "{}")], "tool_calls"),
    Choice([Text("See"), Media("image", "image/png", "aGk=", signature=OWN), Text("this")]),
    Choice([], "content_filter", detail={"blockReason": "SAFETY"}),
    Choice([Text("a")], "content_filter", detail={"finishReason": "RECITATION"}),
    Choice([Text("ab")], logprobs=[Logprob("ab", -0.5, [97, 98], [Logprob("x", -1.0, [120])])]),
    Choice(
        [
            Text(
                "Grüße",
                [
                    Citation(
                        "https://0",
                        start=0,
                        end=2,
                        origin="generate",
                        raw={"web": {"uri": "https://0", "title": ""}},
                    )
                ],
            )
        ]
    ),
]


@pytest.mark.parametrize("size", [0, 1, 3])
@pytest.mark.parametrize("choice", WHOLE)
def test_what_is_written_is_read_the_same(choice: Choice, size: int) -> None:
    reply = Reply("r1", "gemini-x", [choice], Usage(input=3, output=2))
    collector = Collector()
    collector.take(read(*(msgspec.json.encode(one) for one in write(*replay(reply, size)))))
    assert collector.is_ended
    assert collector.reply == reply


def test_several_choices_are_written_side_by_side() -> None:
    reply = Reply("r1", "gemini-x", [Choice([Text("a")]), Choice([Text("b")], "length")])
    collector = Collector()
    collector.take(read(*(msgspec.json.encode(one) for one in write(*replay(reply)))))
    assert collector.reply == reply


def test_what_only_others_have_is_text_or_nothing() -> None:
    reply = Reply("r1", "m", [Choice([Refusal("no"), Foreign("messages", {"type": "x"})], "refusal")])
    answers = write(*replay(reply))
    assert parts_of(answers) == [{"text": "no"}, {"text": ""}]
    assert answers[-1]["candidates"][0]["finishReason"] == "SAFETY"


@pytest.mark.parametrize("choice", WHOLE)
def test_a_stream_may_be_cut_at_every_event(choice: Choice) -> None:
    """What came until then is the beginning of the whole answer, and nothing claims to be its end."""
    writer = dialect.writer(Turn())
    raw = writer.write(list(replay(Reply("r1", "gemini-x", [choice]), 2)))
    payloads = [data for event in sse.Splitter().feed(raw) if (data := sse.data_of(event)) is not None]
    assert len(payloads) == raw.count(b"\r\n\r\n")
    for cut in range(len(payloads)):
        collector = Collector()
        collector.take(read(*payloads[:cut]))
        assert not collector.is_ended
        for found in collector.reply.choices:
            assert found.finish == "truncated"
            for part, whole in zip(found.parts, choice.parts, strict=False):
                assert type(part) is type(whole)
                assert not isinstance(part, Text) or _text(whole).startswith(part.text)


def _text(part: Any) -> str:
    assert isinstance(part, Text)
    return part.text
