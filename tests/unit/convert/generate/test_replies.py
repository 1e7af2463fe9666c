"""Whole Gemini answers, in and out: valid by Google's document, whatever the parts."""

from typing import Any

import pytest
from tests.gemini_schema import validate

from pronghorn.convert.generate import dialect, signatures
from pronghorn.convert.turn import (
    Choice,
    Citation,
    Finish,
    Foreign,
    Json,
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
from pronghorn.wire.usage import Usage

OWN = Signature("generate", "c2ln")
OTHER = Signature("messages", "EqQB")


def answer(*parts: Json, finish: str | None = "STOP", **more: Any) -> Json:
    candidate: Json = {"content": {"role": "model", "parts": list(parts)}, "finishReason": finish, "index": 0}
    return {"candidates": [candidate | more], "modelVersion": "gemini-x", "responseId": "r1"}


def read(*parts: Json, **more: Any) -> Choice:
    return dialect.read_reply(answer(*parts, **more)).choices[0]


def write(choice: Choice, **more: Any) -> Json:
    body = dialect.write_reply(Reply("r1", "gemini-x", [choice], **more), Turn())
    validate("GenerateContentResponse", body)
    return body


def candidate(*parts: Part, finish: Finish = "stop", **more: Any) -> Json:
    written: Json = write(Choice(list(parts), finish, **more))["candidates"][0]
    return written


def test_a_whole_answer() -> None:
    body = answer({"text": "Oslo."}) | {
        "usageMetadata": {
            "promptTokenCount": 10,
            "candidatesTokenCount": 3,
            "thoughtsTokenCount": 41,
            "totalTokenCount": 54,
            "serviceTier": "standard",
        }
    }
    usage = Usage(input=10, output=44, reasoning=41)
    reply = Reply("r1", "gemini-x", [Choice([Text("Oslo.")])], usage, service_tier="default")
    assert dialect.read_reply(body) == reply
    assert dialect.write_reply(reply, Turn()) == body


PARTS: list[tuple[Json, Part]] = [
    ({"text": "a"}, Text("a")),
    ({"text": "a", "thoughtSignature": "c2ln"}, Text("a", signature=OWN)),
    ({"text": "", "thoughtSignature": "c2ln"}, Text("", signature=OWN)),
    ({"text": "a", "thought": True}, Thinking("a")),
    ({"text": "a", "thought": True, "thoughtSignature": "c2ln"}, Thinking("a", OWN)),
    (
        {"functionCall": {"id": "1", "name": "f", "args": {"a": 10**30}}, "thoughtSignature": "c2ln"},
        ToolCall("1", "f", '{"a":1' + "0" * 30 + "}", signature=OWN),
    ),
    ({"inlineData": {"mimeType": "image/png", "data": "aGk="}}, Media("image", "image/png", "aGk=")),
    (
        {"inlineData": {"mimeType": "audio/L16;codec=pcm;rate=24000", "data": "aGk="}},
        Media("audio", "audio/L16;codec=pcm;rate=24000", "aGk="),
    ),
    (
        {"executableCode": {"language": "PYTHON", "code": "1"}},
        Foreign("generate", {"executableCode": {"language": "PYTHON", "code": "1"}}),
    ),
]


@pytest.mark.parametrize(("raw", "part"), PARTS)
def test_parts_both_ways(raw: Json, part: Part) -> None:
    assert read(raw).parts == [part]
    assert candidate(part)["content"] == {"parts": [raw], "role": "model"}


def test_foreign_signatures_are_wrapped_for_the_client() -> None:
    parts = candidate(
        Thinking("a", OTHER),
        Thinking(signature=OTHER, is_redacted=True),
        ToolCall("1", "f", "{}", signature=OTHER),
    )["content"]["parts"]
    turn = dialect.read_request({"contents": [{"role": "model", "parts": parts}]})
    thinking, redacted, called = turn.messages[0].parts
    assert isinstance(thinking, Thinking)
    assert isinstance(redacted, Thinking)
    assert isinstance(called, ToolCall)
    assert (thinking.text, thinking.signature, thinking.is_redacted) == ("a", OTHER, False)
    assert (redacted.text, redacted.signature, redacted.is_redacted) == ("", OTHER, True)
    assert called.signature == OTHER


def test_what_gemini_has_no_part_for() -> None:
    written = candidate(
        Refusal("no"),
        ToolCall("1", "f", "free", is_custom=True),
        Foreign("messages", {"type": "server_tool_use"}),
        Text(""),
        Thinking(),
    )
    assert written["content"]["parts"] == [
        {"text": "no"},
        {"functionCall": {"id": "1", "name": "f", "args": {"input": "free"}}},
    ]


def test_calls_without_ids_get_one() -> None:
    one, two = read({"functionCall": {"name": "f"}}, {"functionCall": {"name": "f", "args": {}}}).parts
    assert isinstance(one, ToolCall)
    assert isinstance(two, ToolCall)
    assert one.arguments == two.arguments == "{}"
    assert one.id.startswith("call_")
    assert one.id != two.id


def test_a_late_signature_belongs_to_the_text_before_it() -> None:
    found = read({"text": "a"}, {"text": "", "thoughtSignature": "c2ln"}, {"text": ""}).parts
    assert found == [Text("a", signature=OWN)]


def test_thoughts_in_pictures_are_no_answer() -> None:
    raw: Json = {"inlineData": {"mimeType": "image/png", "data": "aGk="}, "thought": True}
    assert read(raw).parts == [Foreign("generate", raw)]


# Ends.

CALL: Json = {"functionCall": {"id": "1", "name": "f", "args": {}}}
ENDS: list[tuple[str | None, Finish, Finish]] = [
    (None, "stop", "tool_calls"),
    ("STOP", "stop", "tool_calls"),
    ("MAX_TOKENS", "length", "tool_calls"),
    *((word, "content_filter", "content_filter") for word in ("SAFETY", "RECITATION", "BLOCKLIST", "SPII")),
    *((word, "content_filter", "content_filter") for word in ("PROHIBITED_CONTENT", "MODEL_ARMOR")),
    *((f"IMAGE_{word}", "content_filter", "content_filter") for word in ("SAFETY", "RECITATION")),
    ("IMAGE_PROHIBITED_CONTENT", "content_filter", "content_filter"),
    *((word, "stop", "tool_calls") for word in ("LANGUAGE", "OTHER", "IMAGE_OTHER", "NO_IMAGE", "NEW_WORD")),
    *((word, "stop", "tool_calls") for word in ("MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL")),
]


@pytest.mark.parametrize(("word", "finish", "with_call"), ENDS)
def test_reasons_to_finish(word: str | None, finish: Finish, with_call: Finish) -> None:
    assert read({"text": "a"}, finish=word).finish == finish
    assert read(CALL, finish=word).finish == with_call


def test_an_unusual_end_keeps_what_the_vendor_said_of_it() -> None:
    found = read(finish="MALFORMED_FUNCTION_CALL", finishMessage="bad call")
    assert found.detail == {"finishReason": "MALFORMED_FUNCTION_CALL", "finishMessage": "bad call"}
    written = write(found)["candidates"][0]
    assert (written["finishReason"], written["finishMessage"]) == ("MALFORMED_FUNCTION_CALL", "bad call")


@pytest.mark.parametrize(
    ("finish", "word"),
    [
        ("stop", "STOP"),
        ("tool_calls", "STOP"),
        ("pause", "STOP"),
        ("length", "MAX_TOKENS"),
        ("truncated", "MAX_TOKENS"),
        ("content_filter", "SAFETY"),
        ("refusal", "SAFETY"),
        ("error", "OTHER"),
    ],
)
def test_finishes_as_google_s_words(finish: Finish, word: str) -> None:
    assert candidate(Text("a"), finish=finish)["finishReason"] == word


def test_a_blocked_prompt() -> None:
    feedback = {"blockReason": "SAFETY", "safetyRatings": []}
    reply = dialect.read_reply({"promptFeedback": feedback, "modelVersion": "gemini-x"})
    assert reply.choices == [Choice([], "content_filter", detail=feedback)]
    written = write(reply.choices[0])
    assert written == {"promptFeedback": feedback, "modelVersion": "gemini-x", "responseId": "r1"}


def test_an_answer_without_parts() -> None:
    assert dialect.read_reply({"candidates": [{"finishReason": "MAX_TOKENS"}]}).choices == [
        Choice([], "length")
    ]
    assert dialect.read_reply({}).choices == [Choice([])]
    assert candidate(finish="length")["content"] == {"role": "model"}


def test_several_candidates_in_any_order() -> None:
    two = {
        "candidates": [
            {"index": 1, "content": {"parts": [{"text": "b"}]}},
            {"content": {"parts": [{"text": "a"}]}},
        ]
    }
    reply = dialect.read_reply(two)
    assert [choice.parts for choice in reply.choices] == [[Text("a")], [Text("b")]]
    body = dialect.write_reply(reply, Turn(model="asked"))
    assert [found["index"] for found in body["candidates"]] == [0, 1]
    assert body["modelVersion"] == "asked"
    assert body["responseId"]


def test_counts_that_make_no_sense_are_left_out() -> None:
    assert dialect.read_reply(answer() | {"usageMetadata": {"promptTokenCount": "many"}}).usage is None
    assert dialect.read_reply(answer()).usage is None
    assert dialect.read_reply(answer() | {"usageMetadata": {"promptTokenCount": "7"}}).usage == Usage(input=7)


# Citations and log probabilities.


def grounding(*segments: Json) -> Json:
    return {
        "groundingChunks": [{"web": {"uri": "https://a", "title": "A"}}],
        "groundingSupports": [{"segment": segment, "groundingChunkIndices": [0]} for segment in segments],
    }


@pytest.mark.parametrize(
    ("texts", "segment", "part", "span"),
    [
        (["Grüße aus Köln"], {"startIndex": 8, "endIndex": 17}, 0, (6, 14)),
        (["Grüße"], {"endIndex": 4}, 0, (0, 3)),
        (["Köln", "Grüße"], {"startIndex": 5, "endIndex": 12}, 1, (0, 5)),
        (["Köln", "Grüße"], {"partIndex": 1, "startIndex": 2, "endIndex": 6}, 1, (2, 4)),
        (["Köln"], {"startIndex": 2, "endIndex": 99}, 0, (1, 4)),
        (["Köln"], {"startIndex": 50, "endIndex": 99}, 0, (None, None)),
        (["Köln"], {}, 0, (None, None)),
    ],
)
def test_bytes_become_characters(
    texts: list[str], segment: Json, part: int, span: tuple[int | None, int | None]
) -> None:
    found = read(*({"text": text} for text in texts), groundingMetadata=grounding(segment)).parts[part]
    assert isinstance(found, Text)
    [citation] = found.citations
    assert (citation.url, citation.title, citation.start, citation.end) == ("https://a", "A", *span)


def test_a_chunk_that_nothing_refers_to_stands_behind_the_last_text() -> None:
    metadata = grounding() | {"searchEntryPoint": {"renderedContent": "<div>"}}
    reply = dialect.read_reply(answer({"text": "a"}, {"text": "b"}, CALL, groundingMetadata=metadata))
    first, last, _ = reply.choices[0].parts
    assert isinstance(first, Text)
    assert isinstance(last, Text)
    assert first.citations == []
    assert [citation.url for citation in last.citations] == ["https://a"]
    assert reply.unknown == ["$.candidates[0].groundingMetadata.searchEntryPoint"]


def test_recited_sources_are_citations() -> None:
    sources = {"citationSources": [{"startIndex": 2, "endIndex": 4, "uri": "https://b"}, {"endIndex": 1}]}
    [found] = read({"text": "abcd"}, citationMetadata=sources).parts
    assert found == Text("abcd", [Citation("https://b", start=2, end=4)])


def test_characters_become_bytes() -> None:
    text = "Grüße aus Köln"
    written = candidate(
        Thinking("hm"),
        Text(
            text,
            [
                Citation("https://a", "A", start=10, end=14),
                Citation("https://b", "B", start=10, end=14),
                Citation("https://a", "A", start=0, end=3),
                Citation(title="Book", quote="It is so."),
                Citation(),
            ],
        ),
    )
    assert written["groundingMetadata"] == {
        "groundingChunks": [
            {"web": {"uri": "https://a", "title": "A"}},
            {"web": {"uri": "https://b", "title": "B"}},
            {"retrievedContext": {"title": "Book", "text": "It is so."}},
        ],
        "groundingSupports": [
            {
                "segment": {"partIndex": 1, "startIndex": 12, "endIndex": 17, "text": "Köln"},
                "groundingChunkIndices": [0, 1],
            },
            {
                "segment": {"partIndex": 1, "startIndex": 0, "endIndex": 4, "text": "Grü"},
                "groundingChunkIndices": [0],
            },
        ],
    }
    found = read(*written["content"]["parts"], groundingMetadata=written["groundingMetadata"]).parts[1]
    assert isinstance(found, Text)
    assert [(one.url, one.title, one.quote, one.start, one.end) for one in found.citations] == [
        ("https://a", "A", "", 10, 14),
        ("https://b", "B", "", 10, 14),
        ("https://a", "A", "", 0, 3),
        ("", "Book", "It is so.", None, None),
    ]


def test_log_probabilities_both_ways() -> None:
    one = {"token": "é", "logProbability": -0.5}
    result = {"chosenCandidates": [one], "topCandidates": [{"candidates": [one, {"token": "e"}]}]}
    found = read({"text": "é"}, logprobsResult=result)
    chosen = Logprob("é", -0.5, [195, 169])
    assert found.logprobs == [Logprob("é", -0.5, [195, 169], [chosen, Logprob("e", 0.0, [101])])]
    written = write(found)["candidates"][0]
    assert written["avgLogprobs"] == -0.5
    assert written["logprobsResult"]["topCandidates"][0]["candidates"][0] == one


@pytest.mark.parametrize("body", [[], {"candidates": 3}, {"candidates": [{"content": {"parts": [3]}}]}])
def test_nonsense_raises_what_the_frame_catches(body: Any) -> None:
    with pytest.raises((ValueError, TypeError, KeyError, AttributeError)):
        dialect.read_reply(body)


def test_the_dummy_signature_stays_as_it_is() -> None:
    assert signatures.write(Signature("generate", signatures.DUMMY)) == signatures.DUMMY
