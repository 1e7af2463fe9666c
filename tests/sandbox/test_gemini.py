"""Gemini's dialect of the sandbox: every answer is what Google's documents say, every refusal in Google's words."""

import base64
import io
import json
import math
import time
from typing import Any

import aiohttp
import pytest
from jsonschema import validate as validate_schema
from PIL import Image
from tests.gemini_schema import PREFIXES, document, validate
from yarl import URL

from pronghorn.kit import sse
from pronghorn.sandbox.gemini.fields import ENUMS, MESSAGES, VERTEX_MESSAGES
from pronghorn.sandbox.openai.speech import spoken

Shape = dict[str, Any]
FLASH, THREE = "gemini-2.5-flash", "gemini-3-pro-preview"
VERTEX = "/v1/projects/acme/locations/us-central1/publishers/google/models/"
WEATHER: Shape = {
    "name": "get_weather",
    "description": "Weather of a city",
    "parameters": {
        "type": "OBJECT",
        "properties": {"city": {"type": "STRING"}, "days": {"type": "INTEGER", "minimum": 1, "maximum": 7}},
        "required": ["city", "days"],
    },
}
CLOCK: Shape = {
    "name": "get_time",
    "description": "Time of a zone",
    "parametersJsonSchema": {
        "type": "object",
        "properties": {"zone": {"const": "CET"}},
        "required": ["zone"],
        "additionalProperties": False,
    },
}


def user(*parts: Any) -> Shape:
    return {"role": "user", "parts": [{"text": part} if isinstance(part, str) else part for part in parts]}


def body(*parts: Any, **more: Any) -> Shape:
    """A request of one turn; `config` is its generationConfig."""
    config = more.pop("config", None)
    return {"contents": [user(*parts)]} | more | ({"generationConfig": config} if config else {})


async def post(client: aiohttp.ClientSession, path: str, data: Any, **headers: str) -> tuple[int, Any]:
    async with client.post(path, json=data, headers=headers) as response:
        return response.status, await response.json()


async def ask(client: aiohttp.ClientSession, data: Shape, model: str = FLASH, **headers: str) -> Shape:
    status, answer = await post(client, f"/v1beta/models/{model}:generateContent", data, **headers)
    assert status == 200, answer
    validate("GenerateContentResponse", answer)
    found: Shape = answer
    return found


async def stream(
    client: aiohttp.ClientSession, data: Shape, model: str = FLASH, **headers: str
) -> list[Shape]:
    url = f"/v1beta/models/{model}:streamGenerateContent?alt=sse"
    async with client.post(url, json=data, headers=headers) as response:
        assert response.status == 200, await response.text()
        assert response.headers["content-type"].startswith("text/event-stream")
        found = [sse.data_of(event) for event in sse.Splitter().feed(await response.read())]
    chunks: list[Shape] = [json.loads(data) for data in found if data is not None]
    for chunk in chunks:
        validate("GenerateContentResponse", chunk)
    return chunks


async def refused(client: aiohttp.ClientSession, data: Any, model: str = FLASH) -> Shape:
    status, answer = await post(client, f"/v1beta/models/{model}:generateContent", data)
    assert status == answer["error"]["code"], answer
    assert set(answer) == {"error"}
    error: Shape = answer["error"]
    return error


def text_of(*answers: Shape) -> str:
    """What was said in the first candidate, whole or in chunks, thoughts left out."""
    parts = [part for answer in answers for part in parts_of(answer)]
    return "".join(part.get("text", "") for part in parts if not part.get("thought"))


def parts_of(answer: Shape) -> list[Shape]:
    parts: list[Shape] = answer["candidates"][0]["content"].get("parts", [])
    return parts


def calls_of(answer: Shape) -> list[Shape]:
    return [part["functionCall"] for part in parts_of(answer) if "functionCall" in part]


def png(size: tuple[int, int], colour: tuple[int, int, int]) -> Shape:
    target = io.BytesIO()
    Image.new("RGB", size, colour).save(target, "PNG")
    return {"inlineData": {"mimeType": "image/png", "data": base64.b64encode(target.getvalue()).decode()}}


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        ("repeat: 你好, wörld 🎉", "你好, wörld 🎉"),
        ("say 3 words", "word1 word2 word3"),
        ("Hi", "Hello from the sandbox! You said: Hi"),
    ],
)
@pytest.mark.parametrize("model", [FLASH, THREE])
async def test_magic_words_decide_the_text_in_all_three_forms(
    client: aiohttp.ClientSession, prompt: str, said: str, model: str
) -> None:
    whole = await ask(client, body(prompt), model)
    assert text_of(whole) == said
    assert whole["candidates"][0]["finishReason"] == "STOP"
    assert (whole["modelVersion"], bool(whole["responseId"])) == (model, True)
    chunks = await stream(client, body(prompt), model)
    assert text_of(*chunks) == said
    assert [chunk["candidates"][0].get("finishReason") for chunk in chunks] == [None] * (len(chunks) - 1) + [
        "STOP"
    ]
    assert chunks[-1]["usageMetadata"] == whole["usageMetadata"]
    assert len({chunk["responseId"] for chunk in chunks}) == 1
    status, elements = await post(client, f"/v1beta/models/{model}:streamGenerateContent", body(prompt))
    assert (status, text_of(*elements)) == (200, said)


async def test_an_array_grows_element_by_element(client: aiohttp.ClientSession) -> None:
    url = f"/v1beta/models/{FLASH}:streamGenerateContent"
    headers = {"x-pronghorn-simulate": "stall=2:30s"}
    async with client.post(url, json=body("say 9 words"), headers=headers) as response:
        assert response.headers["content-type"].startswith("application/json")
        data = b""
        while data.count(b"responseId") < 2:
            data += await response.content.readany()
    first, second = json.loads(data + b"]")
    assert data.startswith(b"[{")
    assert b"},\r\n{" in data
    assert text_of(first, second) == "word1 "


@pytest.mark.parametrize(
    "path",
    [
        "/v1beta/models/gemini-2.5-flash:generateContent",
        "/v1/models/gemini-2.5-flash:generateContent",
        "/v1/models/gemini-2.5-flash%3AgenerateContent",
        "/v1beta/models/gemini-2.5-flash%3agenerateContent",
        "/v1beta/tunedModels/mine:generateContent",
        "/v1/publishers/google/models/gemini-2.5-flash:generateContent",
        "/v1beta1/projects/p/locations/global/publishers/google/models/gemini-2.5-flash:generateContent",
    ],
)
async def test_every_address_of_a_model_answers(sandbox_url: str, path: str) -> None:
    url = URL(sandbox_url + path, encoded=True)
    headers = {"Authorization": "Bearer x"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, json=body("Hi"), headers=headers) as found,
    ):
        assert found.status == 200
        assert text_of(await found.json()).endswith("Hi")


@pytest.mark.parametrize(
    ("query", "headers", "status"),
    [
        ("", {"x-goog-api-key": "k"}, 200),
        ("?key=k", {}, 200),
        ("", {"Authorization": "Bearer k"}, 200),
        ("", {}, 403),
    ],
)
async def test_a_key_may_come_in_three_places(
    sandbox_url: str, query: str, headers: Shape, status: int
) -> None:
    url = f"{sandbox_url}/v1beta/models/{FLASH}:generateContent{query}"
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, json=body("Hi"), headers=headers) as found,
    ):
        answer = await found.json()
    assert found.status == status
    if status == 403:
        assert answer["error"]["status"] == "PERMISSION_DENIED"
        assert answer["error"]["message"].startswith("Method doesn't allow unregistered callers")


async def test_turns_and_a_system_instruction_are_read_in_either_spelling(
    client: aiohttp.ClientSession,
) -> None:
    picture = png((8, 8), (40, 80, 220))["inlineData"]
    picture["data"] = picture["data"].replace("+", "-").replace("/", "_")
    asked = {
        "system_instruction": {"parts": [{"text": "Be brief."}]},
        "contents": [
            user("repeat: first"),
            {"role": "model", "parts": [{"text": "first"}]},
            {"parts": [{"inlineData": {"mime_type": "image/png", "data": picture["data"]}}]},
        ],
        "generation_config": {"max_output_tokens": 400, "thinking_config": {"thinking_budget": 0}},
    }
    assert text_of(await ask(client, asked)) == "Picture 1 is 8x8 pixels, mostly blue."


async def test_functions_are_called_with_arguments_that_validate(client: aiohttp.ClientSession) -> None:
    tools = [{"functionDeclarations": [WEATHER, CLOCK]}]
    asked = body("use get_weather for Oslo, 3 days, and get_time", tools=tools)
    whole = await ask(client, asked)
    weather, clock = calls_of(whole)
    assert (weather["name"], clock["name"]) == ("get_weather", "get_time")
    assert weather["args"]["days"] == 3
    validate_schema(clock["args"], CLOCK["parametersJsonSchema"])
    assert weather["id"] != clock["id"]
    assert whole["candidates"][0]["finishReason"] == "STOP"
    chunks = await stream(client, asked)
    assert [call["args"] for chunk in chunks for call in calls_of(chunk)] == [weather["args"], clock["args"]]


@pytest.mark.parametrize(
    ("prompt", "config", "called"),
    [
        ("hello", {"mode": "AUTO"}, []),
        ("call get_time", {"mode": "auto"}, ["get_time"]),
        ("hello", {"mode": "ANY"}, ["get_weather"]),
        ("hello", {"mode": "ANY", "allowedFunctionNames": ["get_time"]}, ["get_time"]),
        ("call get_time", {"mode": "NONE"}, []),
        ("call get_time", {"mode": "VALIDATED"}, ["get_time"]),
    ],
)
async def test_the_mode_decides_whether_a_function_is_called(
    client: aiohttp.ClientSession, prompt: str, config: Shape, called: list[str]
) -> None:
    tools = [{"functionDeclarations": [WEATHER, CLOCK]}]
    answer = await ask(client, body(prompt, tools=tools, toolConfig={"functionCallingConfig": config}))
    assert [call["name"] for call in calls_of(answer)] == called


async def _step(client: aiohttp.ClientSession, model: str) -> list[Shape]:
    """A turn up to the answers of two parallel calls."""
    tools = [{"functionDeclarations": [WEATHER, CLOCK]}]
    answer = await ask(client, body("call get_weather and get_time", tools=tools), model)
    results = [
        {"functionResponse": {"id": call["id"], "name": call["name"], "response": {"result": f"{number} ok"}}}
        for number, call in enumerate(calls_of(answer))
    ]
    return [user("call get_weather and get_time"), answer["candidates"][0]["content"], user(*results)]


async def test_results_of_functions_are_told(client: aiohttp.ClientSession) -> None:
    contents = await _step(client, THREE)
    answer = await ask(client, {"contents": contents}, THREE)
    assert text_of(answer) == "The tool says: 0 ok; 1 ok"


async def test_only_the_first_call_of_a_step_is_signed_and_must_stay_so(
    client: aiohttp.ClientSession,
) -> None:
    contents = await _step(client, THREE)
    first, second = contents[1]["parts"]
    assert "thoughtSignature" in first
    assert "thoughtSignature" not in second
    signature = first.pop("thoughtSignature")
    error = await refused(client, {"contents": contents}, THREE)
    assert error["status"] == "INVALID_ARGUMENT"
    assert error["message"].startswith("Function call is missing a thought_signature in functionCall parts.")
    first["thoughtSignature"] = base64.b64encode(b"made up").decode()
    assert (await refused(client, {"contents": contents}, THREE))["message"] == "Corrupted thought signature."
    first["thoughtSignature"] = signature
    assert (await refused(client, {"contents": contents}, "gemini-3.5-flash"))[
        "message"
    ] == "Corrupted thought signature."
    for dummy in ("context_engineering_is_the_way_to_go", "skip_thought_signature_validator"):
        first["thoughtSignature"] = dummy
        assert text_of(await ask(client, {"contents": contents}, THREE)) == "The tool says: 0 ok; 1 ok"


async def test_earlier_turns_and_older_models_need_no_signature(client: aiohttp.ClientSession) -> None:
    contents = await _step(client, THREE)
    del contents[1]["parts"][0]["thoughtSignature"]
    past = [*contents, {"role": "model", "parts": [{"text": "ok"}]}, user("repeat: next")]
    assert text_of(await ask(client, {"contents": past}, THREE)) == "next"
    assert text_of(await ask(client, {"contents": contents}, FLASH)) == "The tool says: 0 ok; 1 ok"


async def test_a_text_of_gemini_3_ends_with_a_signature(client: aiohttp.ClientSession) -> None:
    chunks = await stream(client, body("Hi"), THREE)
    assert parts_of(chunks[-1])[0]["text"] == ""
    assert parts_of(chunks[-1])[0]["thoughtSignature"]
    (part,) = parts_of(await ask(client, body("Hi"), THREE))
    assert part["thoughtSignature"]


@pytest.mark.parametrize(
    ("model", "thinking", "is_shown", "is_counted"),
    [
        (FLASH, None, False, True),
        (FLASH, {"includeThoughts": True, "thinkingBudget": 1024}, True, True),
        (FLASH, {"thinkingBudget": 0}, False, False),
        ("gemini-2.5-pro", {"includeThoughts": True, "thinkingBudget": -1}, True, True),
        ("gemini-2.5-flash-lite", None, False, False),
        ("gemini-2.5-flash-lite", {"thinkingBudget": 512}, False, True),
        (THREE, {"thinkingLevel": "high", "includeThoughts": True}, True, True),
        (THREE, {"thinkingLevel": "MINIMAL"}, False, False),
        ("gemini-2.0-flash", None, False, False),
        ("my-own", {"includeThoughts": True}, True, True),
    ],
)
async def test_thoughts_are_shown_if_asked_and_counted_always(
    client: aiohttp.ClientSession, model: str, thinking: Shape | None, is_shown: bool, is_counted: bool
) -> None:
    asked = body("Hi", config={"thinkingConfig": thinking} if thinking else None)
    answer = await ask(client, asked, model)
    assert [part.get("thought", False) for part in parts_of(answer)] == ([True] if is_shown else []) + [False]
    assert ("thoughtsTokenCount" in answer["usageMetadata"]) == is_counted
    chunks = await stream(client, asked, model)
    assert any(part.get("thought") for chunk in chunks for part in parts_of(chunk)) == is_shown


async def test_schemas_of_both_kinds_decide_the_json(client: aiohttp.ClientSession) -> None:
    own = {
        "type": "object",
        "properties": {
            "city": {"type": "STRING", "enum": ["Oslo", "Rome"]},
            "rain": {"type": "NUMBER", "nullable": True},
            "tags": {"type": "ARRAY", "items": {"type": "STRING"}, "minItems": "2"},
        },
        "required": ["city", "tags", "rain"],
        "propertyOrdering": ["tags", "city", "rain"],
    }
    config: Shape = {"responseMimeType": "application/json", "responseSchema": own}
    found = json.loads(text_of(await ask(client, body("x", config=config))))
    assert list(found) == ["tags", "city", "rain"]
    assert found["city"] in ("Oslo", "Rome")
    assert len(found["tags"]) >= 2
    plain = {
        "type": "object",
        "properties": {"n": {"type": "integer", "exclusiveMinimum": 4}},
        "required": ["n"],
    }
    for name in ("responseJsonSchema", "_responseJsonSchema"):
        config = {"responseMimeType": "application/json", name: plain}
        validate_schema(json.loads(text_of(await ask(client, body("x", config=config)))), plain)
    config = {"responseMimeType": "application/json"}
    assert isinstance(json.loads(text_of(await ask(client, body("x", config=config)))), dict)
    config = {"responseFormat": {"text": {"mimeType": "APPLICATION_JSON", "schema": plain}}}
    validate_schema(json.loads(text_of(await ask(client, body("x", config=config)))), plain)


async def test_an_enum_is_answered_with_one_of_its_words(client: aiohttp.ClientSession) -> None:
    config = {
        "responseMimeType": "text/x.enum",
        "responseSchema": {"type": "STRING", "enum": ["Drums", "Flute"]},
    }
    assert text_of(await ask(client, body("I hear a flute", config=config))) == "Flute"


async def test_pictures_are_described_and_counted_by_tiles(client: aiohttp.ClientSession) -> None:
    answer = await ask(client, body("What?", png((64, 48), (220, 30, 30)), png((800, 900), (0, 0, 0))))
    assert text_of(answer) == (
        "Picture 1 is 64x48 pixels, mostly red. Picture 2 is 800x900 pixels, mostly black."
    )
    assert {"modality": "IMAGE", "tokenCount": 258 * 5} in answer["usageMetadata"]["promptTokensDetails"]


async def test_files_sound_and_documents_are_read(client: aiohttp.ClientSession) -> None:
    sound, seconds = await spoken("Hello there", voice="alloy", kind="wav")
    audio = {"inlineData": {"mimeType": "audio/wav", "data": base64.b64encode(sound).decode()}}
    heard = await ask(client, body("repeat:", audio))
    assert "Hello there" in text_of(heard)
    (tokens,) = (
        one["tokenCount"]
        for one in heard["usageMetadata"]["promptTokensDetails"]
        if one["modality"] == "AUDIO"
    )
    assert abs(tokens - seconds * 32) <= 2
    note = {"inlineData": {"mimeType": "text/plain", "data": base64.b64encode(b"a note").decode()}}
    paper = {"inlineData": {"mimeType": "application/pdf", "data": base64.b64encode(b"%PDF-1.4").decode()}}
    clip = {"fileData": {"fileUri": "https://www.youtube.com/watch?v=x"}, "videoMetadata": {"fps": 2}}
    told = await ask(client, body("repeat:", note, paper, clip))
    assert (
        text_of(told) == "a note [Document of 1 pages, 8 bytes] [video at https://www.youtube.com/watch?v=x]"
    )
    modalities = {one["modality"] for one in told["usageMetadata"]["promptTokensDetails"]}
    assert modalities == {"TEXT", "DOCUMENT", "VIDEO"}
    shown = {"fileData": {"mimeType": "image/png", "fileUri": "https://example.com/x.png"}}
    assert "does not open" in text_of(await ask(client, body("What?", shown)))


async def test_a_function_may_answer_with_a_picture(client: aiohttp.ClientSession) -> None:
    contents = await _step(client, FLASH)
    contents[2]["parts"][0]["functionResponse"]["parts"] = [png((8, 8), (220, 30, 30))]
    answer = await ask(client, {"contents": contents})
    assert {"modality": "IMAGE", "tokenCount": 258} in answer["usageMetadata"]["promptTokensDetails"]


@pytest.mark.parametrize(
    ("config", "size", "kinds"),
    [
        ({}, (1024, 1024), ["text", "inlineData"]),
        (
            {
                "responseModalities": ["IMAGE"],
                "imageConfig": {"aspectRatio": "16:9", "imageSize": "512"},
            },
            (672, 384),
            ["inlineData"],
        ),
    ],
)
async def test_image_models_draw_real_pngs(
    client: aiohttp.ClientSession, config: Shape, size: tuple[int, int], kinds: list[str]
) -> None:
    answer = await ask(client, body("A red fox", config=config), "gemini-2.5-flash-image")
    parts = parts_of(answer)
    assert [next(iter(part)) for part in parts] == kinds
    assert parts[-1]["inlineData"]["mimeType"] == "image/png"
    with Image.open(io.BytesIO(base64.b64decode(parts[-1]["inlineData"]["data"]))) as drawn:
        assert (drawn.format, drawn.size) == ("PNG", size)
    details = answer["usageMetadata"]["candidatesTokensDetails"]
    assert {"modality": "IMAGE", "tokenCount": 1290} in details


async def test_a_picture_in_the_request_is_edited_and_the_stream_carries_it_whole(
    client: aiohttp.ClientSession,
) -> None:
    asked = body("add blue", png((64, 64), (220, 30, 30)))
    chunks = await stream(client, asked, "gemini-3-pro-image-preview")
    (part,) = (part for chunk in chunks for part in parts_of(chunk) if "inlineData" in part)
    assert part["thoughtSignature"]
    with Image.open(io.BytesIO(base64.b64decode(part["inlineData"]["data"]))) as edited:
        assert edited.convert("RGB").getpixel((500, 100)) == (220, 30, 30)


async def test_refused_pictures_end_with_image_safety(client: aiohttp.ClientSession) -> None:
    answer = await ask(client, body("refuse"), "gemini-2.5-flash-image")
    assert answer["candidates"][0]["finishReason"] == "IMAGE_SAFETY"
    assert parts_of(answer) == []


async def test_speech_of_a_tts_model_is_heard_again(client: aiohttp.ClientSession) -> None:
    voice = {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Puck"}}}
    config = {"responseModalities": ["AUDIO"], "speechConfig": voice}
    answer = await ask(client, body("Good day", config=config), "gemini-2.5-flash-preview-tts")
    (part,) = parts_of(answer)
    assert part["inlineData"]["mimeType"] == "audio/L16;codec=pcm;rate=24000"
    samples = base64.b64decode(part["inlineData"]["data"])
    header = b"RIFF" + (36 + len(samples)).to_bytes(4, "little") + b"WAVEfmt " + (16).to_bytes(4, "little")
    header += (
        b"\1\0\1\0" + (24_000).to_bytes(4, "little") + (48_000).to_bytes(4, "little") + b"\2\0\x10\0data"
    )
    wav = base64.b64encode(header + len(samples).to_bytes(4, "little") + samples).decode()
    heard = await ask(client, body("repeat:", {"inlineData": {"mimeType": "audio/wav", "data": wav}}))
    assert "Good day" in text_of(heard)


async def test_limits_stops_and_candidates(client: aiohttp.ClientSession) -> None:
    still = {"thinkingConfig": {"thinkingBudget": 0}}
    cut = await ask(client, body("say 50 words", config={"maxOutputTokens": 5} | still))
    assert cut["candidates"][0]["finishReason"] == "MAX_TOKENS"
    assert cut["usageMetadata"]["candidatesTokenCount"] == 5
    used_up = await ask(client, body("say 50 words", config={"maxOutputTokens": 5}))
    assert parts_of(used_up) == []
    assert used_up["candidates"][0]["finishReason"] == "MAX_TOKENS"
    stopped = await ask(client, body("say 9 words", config={"stopSequences": ["word3"], "seed": 7}))
    assert text_of(stopped) == "word1 word2 "
    several = await ask(client, body("Hi", config={"candidateCount": 3}))
    assert [one["index"] for one in several["candidates"]] == [0, 1, 2]
    usage = several["usageMetadata"]
    assert usage["candidatesTokenCount"] % 3 == 0
    assert usage["totalTokenCount"] == sum(
        usage[name] for name in ("promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount")
    )


async def test_log_probabilities_cover_the_text(client: aiohttp.ClientSession) -> None:
    asked = body("say 4 words", config={"responseLogprobs": True, "logprobs": 2})
    candidate = (await ask(client, asked))["candidates"][0]
    chosen = candidate["logprobsResult"]["chosenCandidates"]
    assert "".join(one["token"] for one in chosen) == "word1 word2 word3 word4"
    assert all(len(one["candidates"]) == 2 for one in candidate["logprobsResult"]["topCandidates"])
    assert candidate["avgLogprobs"] < 0
    chunks = await stream(client, asked)
    streamed = [
        one
        for chunk in chunks
        for one in chunk["candidates"][0].get("logprobsResult", {}).get("chosenCandidates", [])
    ]
    assert streamed == chosen


@pytest.mark.parametrize(
    ("word", "text"), [("filter", "Hello from the sandbox! You said: filter"), ("refuse", "")]
)
async def test_magic_words_end_with_safety(client: aiohttp.ClientSession, word: str, text: str) -> None:
    answer = await ask(client, body(word))
    candidate = answer["candidates"][0]
    assert (text_of(answer), candidate["finishReason"]) == (text, "SAFETY")
    assert any(rating.get("blocked") for rating in candidate["safetyRatings"])
    assert text_of(*await stream(client, body(word))) == text


async def test_a_blocked_prompt_has_no_candidates(client: aiohttp.ClientSession) -> None:
    answer = await ask(client, body("block"))
    assert answer["promptFeedback"]["blockReason"] == "SAFETY"
    assert "candidates" not in answer
    assert set(answer["usageMetadata"]) == {"promptTokenCount", "totalTokenCount", "promptTokensDetails"}
    (chunk,) = await stream(client, body("block"))
    assert chunk["promptFeedback"] == answer["promptFeedback"]


async def test_a_search_grounds_the_answer_in_bytes(client: aiohttp.ClientSession) -> None:
    asked = body("repeat: Grüße", tools=[{"googleSearch": {}}])
    answer = await ask(client, asked)
    grounding = answer["candidates"][0]["groundingMetadata"]
    segment = grounding["groundingSupports"][0]["segment"]
    assert (segment["text"], segment["endIndex"]) == ("Grüße", 7)
    assert grounding["webSearchQueries"]
    assert grounding["groundingChunks"][0]["web"]["uri"]
    usage = answer["usageMetadata"]
    assert usage["toolUsePromptTokenCount"] > 0
    assert usage["totalTokenCount"] == (
        usage["promptTokenCount"]
        + usage["toolUsePromptTokenCount"]
        + usage["candidatesTokenCount"]
        + usage["thoughtsTokenCount"]
    )
    chunks = await stream(client, asked)
    assert chunks[-1]["candidates"][0]["groundingMetadata"] == grounding


async def test_what_was_sent_before_is_cached_if_it_is_long(client: aiohttp.ClientSession) -> None:
    long = " ".join(f"w{number}" for number in range(1200))
    contents = [user(long), {"role": "model", "parts": [{"text": "ok"}]}, user("repeat: more")]
    usage = (await ask(client, {"contents": contents}))["usageMetadata"]
    assert usage["cachedContentTokenCount"] == 1400
    assert usage["cacheTokensDetails"] == [{"modality": "TEXT", "tokenCount": 1400}]
    assert usage["promptTokenCount"] > 1400
    assert "cachedContentTokenCount" not in (await ask(client, body(long)))["usageMetadata"]


async def test_tokens_are_counted_as_they_are_charged(client: aiohttp.ClientSession) -> None:
    whole = body("Hi there", systemInstruction=user("Be brief."))
    whole["tools"] = [{"functionDeclarations": [WEATHER]}]
    charged = (await ask(client, whole))["usageMetadata"]["promptTokenCount"]
    request = {"generateContentRequest": whole | {"model": f"models/{FLASH}"}}
    status, counted = await post(client, f"/v1beta/models/{FLASH}:countTokens", request)
    validate("CountTokensResponse", counted)
    assert (status, counted["totalTokens"]) == (200, charged)
    _, alone = await post(client, f"/v1beta/models/{FLASH}:countTokens", body("Hi there"))
    assert alone["totalTokens"] == 3
    status, answer = await post(client, f"/v1beta/models/{FLASH}:countTokens", {})
    assert (status, answer["error"]["message"]) == (
        400,
        "* CountTokensRequest.contents: contents is not specified",
    )


def _length(vector: list[float]) -> float:
    return math.hypot(*vector)


async def test_embeddings_come_one_by_one_and_in_batches(client: aiohttp.ClientSession) -> None:
    path = "/v1beta/models/gemini-embedding-001"
    one = {"content": {"parts": [{"text": "a red fox"}]}, "taskType": "RETRIEVAL_QUERY"}
    status, answer = await post(client, f"{path}:embedContent", one)
    assert status == 200
    validate("EmbedContentResponse", answer)
    full = answer["embedding"]["values"]
    assert (len(full), round(_length(full), 3)) == (3072, 1.0)
    assert answer["usageMetadata"]["promptTokenCount"] == 3
    short = one | {
        "model": "models/gemini-embedding-001",
        "embedContentConfig": {"outputDimensionality": 128},
    }
    status, batch = await post(client, f"{path}:batchEmbedContents", {"requests": [short, short]})
    assert status == 200
    validate("BatchEmbedContentsResponse", batch)
    assert [len(vector["values"]) for vector in batch["embeddings"]] == [128, 128]
    assert 0 < _length(batch["embeddings"][0]["values"]) < 0.9


@pytest.mark.parametrize(
    ("verb", "request_", "words"),
    [
        ("embedContent", {}, "content is not specified"),
        ("embedContent", {"content": {"parts": []}}, "must not be empty"),
        ("embedContent", body("x"), 'Unknown name "contents": Cannot find field.'),
        ("embedContent", {"content": user("x"), "outputDimensionality": 4000}, "from 1 to 3072"),
        ("embedContent", {"content": user("x"), "title": "T"}, "RETRIEVAL_DOCUMENT"),
        ("batchEmbedContents", {"requests": []}, "requests is not specified"),
        ("batchEmbedContents", {"requests": [{"content": user("x")}]}, "requests[0].model"),
        (
            "batchEmbedContents",
            {"requests": [{"model": "models/gemini-embedding-001", "content": user("x")}] * 101},
            "at most 100",
        ),
    ],
)
async def test_bad_embeddings_are_refused(
    client: aiohttp.ClientSession, verb: str, request_: Shape, words: str
) -> None:
    status, answer = await post(client, f"/v1beta/models/gemini-embedding-001:{verb}", request_)
    assert status == 400
    assert words in answer["error"]["message"]


async def test_models_are_listed_in_pages_and_one_by_one(client: aiohttp.ClientSession) -> None:
    names: list[str] = []
    query = {"pageSize": "4"}
    while True:
        async with client.get("/v1beta/models", params=query) as response:
            page = await response.json()
        validate("ListModelsResponse", page)
        names += [model["name"] for model in page["models"]]
        if "nextPageToken" not in page:
            break
        query["pageToken"] = page["nextPageToken"]
    assert len(names) == len(set(names)) > 8
    async with client.get("/v1beta/" + names[1]) as response:
        one = await response.json()
    validate("Model", one)
    assert one["name"] == names[1]
    async with client.get("/v1beta/models/none") as response:
        assert (response.status, (await response.json())["error"]["status"]) == (404, "NOT_FOUND")
    for bad in ({"pageToken": "!"}, {"pageSize": "x"}):
        async with client.get("/v1beta/models", params=bad) as response:
            assert response.status == 400


async def test_openai_still_owns_its_list_of_models(client: aiohttp.ClientSession) -> None:
    async with client.get("/v1/models") as response:
        assert (await response.json())["object"] == "list"


_CALL = {"functionCall": {"name": "f", "args": {}}}
_RESULT = {"functionResponse": {"name": "f", "response": {}}}
_GCR = "* GenerateContentRequest."


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({}, f"{_GCR}contents: contents is not specified"),
        ({"contents": []}, f"{_GCR}contents: contents is not specified"),
        ({"contents": [{"parts": []}]}, f"{_GCR}contents[0].parts: contents.parts must not be empty."),
        (
            {"contents": [user({})]},
            "parts[0].data: required oneof field 'data' must have one initialized field",
        ),
        ({"contents": [user("x") | {"role": "assistant"}]}, "Please use a valid role: user, model."),
        (
            {"contents": "Hi"},
            "Invalid value at 'contents[0]' (type.googleapis.com/google.ai.generativelanguage.v1beta.Content), "
            '"Hi"',
        ),
        (
            body("x", messages=[]),
            'Invalid JSON payload received. Unknown name "messages": Cannot find field.',
        ),
        (
            body("x", config={"max_tokens": 5}),
            "Invalid JSON payload received. Unknown name \"max_tokens\" at 'generation_config': Cannot find field.",
        ),
        (
            body("x", config={"temperature": "hot"}),
            "Invalid value at 'generation_config.temperature' (TYPE_FLOAT), \"hot\"",
        ),
        (body("x", config={"topK": 2.5}), "Invalid value at 'generation_config.top_k' (TYPE_INT32), 2.5"),
        (body("x", config={"seed": 2**31}), "'generation_config.seed' (TYPE_INT32)"),
        (body("x", systemInstruction=[user("x")]), "Proto field is not repeating, cannot start list."),
        (body("x", store="yes"), "Invalid value at 'store' (TYPE_BOOL), \"yes\""),
        (body({"text": 5}), "Invalid value at 'contents[0].parts[0].text' (TYPE_STRING), 5"),
        (
            body({"text": "x", "functionCall": {}}),
            "oneof field 'data' is already set. Cannot set 'functionCall'",
        ),
        (
            body({"inlineData": {"mimeType": "image/png", "data": "%%"}}),
            "'contents[0].parts[0].inline_data.data' (TYPE_BYTES), Base64 decoding failed",
        ),
        (
            body({"inlineData": {"mimeType": "image/png", "data": "AAAA"}}),
            "Unable to process input image.",
        ),
        (body({"inlineData": {"mimeType": "font/woff", "data": "AAAA"}}), "Unsupported MIME type: font/woff"),
        (body({"fileData": {"mimeType": "image/png"}}), "file_data.file_uri: File_uri cannot be empty."),
        (body({"functionResponse": {"response": {}}}), "function_response.name: Name cannot be empty."),
        (
            {
                "contents": [
                    user("x"),
                    {"role": "model", "parts": [{"functionCall": {"name": "f", "args": "x"}}]},
                ]
            },
            "Invalid value at 'GenerateContentRequest.contents[1].parts[0].function_call.args'",
        ),
        (
            {"contents": [user("x"), {"role": "model", "parts": [_CALL, _CALL]}, user(_RESULT)]},
            "number of function response parts is equal to the number of function call parts",
        ),
        (body(_RESULT), "function response turn comes immediately after a function call turn"),
        (
            {"contents": [{"role": "model", "parts": [_CALL]}]},
            "function call turn comes immediately after a user turn",
        ),
        (
            body("x", config={"temperature": 2.1}),
            "generation_config.temperature: must be in the range [0.0, 2.0].",
        ),
        (body("x", config={"maxOutputTokens": 0}), "max_output_tokens must be positive"),
        (body("x", config={"stopSequences": ["a"] * 6}), "at most 5 stop sequences"),
        (body("x", config={"candidateCount": 9}), "candidate_count: must be in the range [1, 8]."),
        (body("x", config={"logprobs": 3}), "only valid if response_logprobs is true"),
        (body("x", config={"responseMimeType": "text/html"}), "allowed mimetypes are `text/plain`"),
        (body("x", config={"responseSchema": {"type": "STRING"}}), "only supported with response_mime_type"),
        (
            body("x", config={"responseModalities": ["IMAGE"]}),
            "The requested combination of response modalities is not supported by the model.",
        ),
        (body("x", config={"imageConfig": {"aspectRatio": "1:1"}}), "Aspect ratio is not enabled"),
        (body("x", config={"thinkingConfig": {"thinkingLevel": "LOW"}}), "Thinking level is not supported"),
        (
            body("x", config={"thinkingConfig": {"thinkingBudget": 9, "thinkingLevel": "LOW"}}),
            "only one of thinking budget and thinking level",
        ),
        (body("x", config={"thinkingConfig": {"thinkingBudget": 99_999}}), "value between 0 and 24576"),
        (
            body("x", config={"responseMimeType": "application/json", "responseJsonSchema": {"type": 5}}),
            "generation_config.response_json_schema: must be a valid JSON Schema of draft 2020-12.",
        ),
        (
            body("x", tools=[{"functionDeclarations": [{"name": "f", "parametersJsonSchema": {"enum": 5}}]}]),
            "parameters_json_schema: must be a valid JSON Schema of draft 2020-12.",
        ),
        (body("x", cachedContent="cachedContents/x"), "CachedContent not found (or permission denied)"),
        (
            body("x", toolConfig={"functionCallingConfig": {"mode": "SOME"}}),
            "Invalid value at 'tool_config.function_calling_config.mode'",
        ),
        (body("x", toolConfig={"functionCallingConfig": {"mode": "ANY"}}), "without function_declarations"),
        (
            body("x", safetySettings=[{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "LOW"}]),
            "Invalid value at 'safety_settings[0].threshold'",
        ),
    ],
)
async def test_bad_requests_are_refused_in_googles_words(
    client: aiohttp.ClientSession, request_: Shape, words: str
) -> None:
    error = await refused(client, request_)
    assert words in error["message"]
    assert error["status"] in ("INVALID_ARGUMENT", "PERMISSION_DENIED")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"additionalProperties": False}, 'Unknown name "additionalProperties" at '),
        ({"$schema": "x"}, "Unknown name \"$schema\" at 'tools[0].function_declarations[0].parameters'"),
        ({"properties": {"a": {"const": 1}}}, "function_declarations[0].parameters.properties[0].value'"),
        ({"properties": {"a": {"type": ["string", "null"]}}}, "Proto field is not repeating"),
        ({"properties": {"a": {"type": "ARRAY"}}}, "parameters.properties[a].items: missing field."),
        ({"properties": {"a": {"type": "INTEGER", "enum": ["1"]}}}, "enum: only allowed for STRING type"),
        ({"properties": {}}, "parameters.properties: should be non-empty for OBJECT type"),
        (
            {"properties": {"a": {"type": "STRING"}}, "required": ["b"]},
            "required[0]: property is not defined",
        ),
        ({"type": "STRING"}, "parameters schema should be of type OBJECT."),
    ],
)
async def test_schemas_hold_what_googles_subset_has(
    client: aiohttp.ClientSession, change: Shape, words: str
) -> None:
    declared = {"name": "f", "description": "", "parameters": {"type": "OBJECT"} | change}
    error = await refused(client, body("x", tools=[{"functionDeclarations": [declared]}]))
    assert words in error["message"]


@pytest.mark.parametrize(
    ("declared", "words"),
    [
        ([{"name": "1f"}], "Invalid function name."),
        ([{"name": "f"}, {"name": "f"}], "Duplicate function declaration found: f"),
        (
            [{"name": "f", "parameters": {"type": "OBJECT"}, "parametersJsonSchema": {}}],
            "only one of parameters",
        ),
    ],
)
async def test_declarations_are_checked(
    client: aiohttp.ClientSession, declared: list[Shape], words: str
) -> None:
    error = await refused(client, body("x", tools=[{"functionDeclarations": declared}]))
    assert words in error["message"]


async def test_models_differ_in_what_goes_together(client: aiohttp.ClientSession) -> None:
    mixed = body("Hi", tools=[{"functionDeclarations": [WEATHER]}, {"googleSearch": {}}])
    assert "cannot be combined" in (await refused(client, mixed))["message"]
    assert text_of(await ask(client, mixed, THREE))
    config = {"responseMimeType": "application/json"}
    both = body("Hi", tools=[{"functionDeclarations": [WEATHER]}], config=config)
    assert "is unsupported" in (await refused(client, both))["message"]
    assert text_of(await ask(client, both, THREE))
    off = body("x", config={"thinkingConfig": {"thinkingBudget": 0}})
    assert "only works in thinking mode" in (await refused(client, off, "gemini-2.5-pro"))["message"]
    assert "not enabled" in (await refused(client, off, "gemini-2.0-flash"))["message"]


async def test_several_faults_are_named_at_once(client: aiohttp.ClientSession) -> None:
    error = await refused(client, body("x", foo=1, config={"bar": 2}))
    assert len(error["message"].split("\n")) == 2
    (detail,) = error["details"]
    assert detail["@type"] == "type.googleapis.com/google.rpc.BadRequest"
    assert [violation["description"] for violation in detail["fieldViolations"]] == error["message"].split(
        "\n"
    )


async def test_broken_and_bottomless_json_is_refused(client: aiohttp.ClientSession) -> None:
    deep = '{"contents":[{"parts":[{"text":"x"}]}],"generationConfig":{"responseSchema":'
    deep += '{"items":' * 300 + "{}" + "}" * 302
    for data in ("{", "[" * 100_000, "[]", deep):
        async with client.post(f"/v1beta/models/{FLASH}:generateContent", data=data) as response:
            answer = await response.json()
        assert (response.status, answer["error"]["status"]) == (400, "INVALID_ARGUMENT")


_FULL: Shape = {
    "systemInstruction": {"parts": [{"text": "Be brief."}]},
    "contents": [
        user(
            "call f",
            {"inlineData": {"mimeType": "text/plain", "data": "YQ=="}},
            {"fileData": {"fileUri": "x"}},
        ),
        {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {"a": 1}}}]},
        user(
            {
                "functionResponse": {
                    "name": "f",
                    "response": {"result": "x"},
                    "parts": [{"inlineData": {"mimeType": "text/plain", "data": "YQ=="}}],
                }
            }
        ),
    ],
    "tools": [{"functionDeclarations": [WEATHER, CLOCK]}, {"googleSearch": {}}],
    "toolConfig": {"functionCallingConfig": {"mode": "AUTO", "allowedFunctionNames": ["get_time"]}},
    "generationConfig": {
        "temperature": 1,
        "maxOutputTokens": 50,
        "stopSequences": ["x"],
        "responseMimeType": "application/json",
        "responseSchema": {
            "type": "OBJECT",
            "properties": {"q": {"type": "ARRAY", "items": {"type": "STRING"}}},
        },
        "thinkingConfig": {"includeThoughts": True},
        "responseLogprobs": True,
        "logprobs": 2,
    },
    "labels": {"team": "a"},
}


def _places(value: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place] * bool(place) + [found for key, one in inner for found in _places(one, (*place, key))]


async def test_no_odd_value_in_any_place_makes_it_stumble(client: aiohttp.ClientSession) -> None:
    statuses = set()
    odd_values: tuple[Any, ...] = (None, {}, [None], 10**400, "\ud800")
    for place in _places(_FULL):
        for odd in odd_values:
            asked = json.loads(json.dumps(_FULL))
            holder = asked
            for key in place[:-1]:
                holder = holder[key]
            holder[place[-1]] = odd
            async with client.post(f"{VERTEX}my-own:generateContent", json=asked) as response:
                assert response.status in (200, 400), (place, odd)
                statuses.add(response.status)
    assert statuses == {200, 400}


@pytest.mark.parametrize(
    ("status", "name"),
    [
        (400, "INVALID_ARGUMENT"),
        (401, "UNAUTHENTICATED"),
        (404, "NOT_FOUND"),
        (500, "INTERNAL"),
        (503, "UNAVAILABLE"),
    ],
)
async def test_failures_on_demand_have_googles_shape(
    client: aiohttp.ClientSession, status: int, name: str
) -> None:
    headers = {"x-pronghorn-simulate": f"status={status}"}
    found, answer = await post(client, f"/v1beta/models/{FLASH}:generateContent", body("x"), **headers)
    assert (found, answer["error"]["code"], answer["error"]["status"]) == (status, status, name)


async def test_quota_errors_say_when_to_come_back_and_arrays_wrap_errors(
    client: aiohttp.ClientSession,
) -> None:
    path = "/v1beta/models/sandbox-429:streamGenerateContent"
    _, wrapped = await post(client, path, body("x"))
    status, plain = await post(client, f"{path}?alt=sse", body("x"))
    assert wrapped == [plain]
    assert (status, plain["error"]["status"]) == (429, "RESOURCE_EXHAUSTED")
    assert plain["error"]["details"][-1]["retryDelay"] == "1s"


async def test_an_unknown_verb_is_not_found(client: aiohttp.ClientSession) -> None:
    status, answer = await post(client, f"/v1beta/models/{FLASH}:sing", body("x"))
    assert (status, answer["error"]["status"]) == (404, "NOT_FOUND")
    assert "is not supported for sing" in answer["error"]["message"]


async def test_faults_are_played_in_both_forms_of_a_stream(client: aiohttp.ClientSession) -> None:
    def simulate(what: str) -> dict[str, str]:
        return {"x-pronghorn-simulate": what}

    assert len(await stream(client, body("say 9 words"), **simulate("end-after=2"))) == 2
    path = f"/v1beta/models/{FLASH}:streamGenerateContent"
    _, elements = await post(client, path, body("say 9 words"), **simulate("end-after=3,drip=90000/s"))
    assert len(elements) == 3
    for url in (path, f"{path}?alt=sse"):
        with pytest.raises(aiohttp.ClientPayloadError):
            async with client.post(
                url, json=body("say 9 words"), headers=simulate("cut-after=3")
            ) as response:
                await response.read()
    with pytest.raises(json.JSONDecodeError):
        await stream(client, body("Hi"), **simulate("malformed=2"))


async def test_usage_may_be_missing_or_absurd(client: aiohttp.ClientSession) -> None:
    headers = {"x-pronghorn-simulate": "usage=none"}
    assert "usageMetadata" not in await ask(client, body("Hi"), **headers)
    assert not any("usageMetadata" in chunk for chunk in await stream(client, body("Hi"), **headers))
    headers = {"x-pronghorn-simulate": "usage=absurd"}
    _, answer = await post(client, f"/v1beta/models/{FLASH}:generateContent", body("Hi"), **headers)
    assert answer["usageMetadata"]["promptTokenCount"] == -1
    assert answer["usageMetadata"]["totalTokenCount"] is None


async def test_vertex_answers_as_its_own_document_says(client: aiohttp.ClientSession) -> None:
    asked = body("call get_weather", tools=[{"functionDeclarations": [WEATHER]}], labels={"team": "a"})
    status, answer = await post(client, f"{VERTEX}{THREE}:generateContent", asked)
    assert status == 200, answer
    validate("GenerateContentResponse", answer, "vertex")
    assert answer["usageMetadata"]["trafficType"] == "ON_DEMAND"
    assert "id" not in calls_of(answer)[0]
    assert parts_of(answer)[0]["thoughtSignature"]
    config = {"responseLogprobs": True, "logprobs": 1}
    for prompt in ("Hi", "block", "filter"):
        _, chunks = await post(client, f"{VERTEX}{FLASH}:streamGenerateContent", body(prompt, config=config))
        for chunk in chunks:
            validate("GenerateContentResponse", chunk, "vertex")
    counting = body("Hi there", systemInstruction=user("Be brief."))
    _, counted = await post(client, f"{VERTEX}{FLASH}:countTokens", counting)
    validate("CountTokensResponse", counted, "vertex")
    assert counted["totalBillableCharacters"] == 7
    assert counted["totalTokens"] == 7
    status, _ = await post(client, f"{VERTEX}{FLASH}:embedContent", {"content": user("x")})
    assert status == 404


async def test_vertex_wants_a_token_not_a_key(sandbox_url: str) -> None:
    url = f"{sandbox_url}{VERTEX}{FLASH}:generateContent?key=k"
    async with aiohttp.ClientSession() as session, session.post(url, json=body("Hi")) as response:
        answer = await response.json()
    assert (response.status, answer["error"]["status"]) == (401, "UNAUTHENTICATED")


def _assertion(signature_bytes: int = 256, alg: str = "RS256", **change: Any) -> str:
    now = int(time.time())
    claims = {
        "iss": "robot@acme.iam.gserviceaccount.com",
        "scope": "https://www.googleapis.com/auth/cloud-platform",
        "aud": "https://oauth2.googleapis.com/token",
        "iat": now,
        "exp": now + 3600,
    }
    parts = [json.dumps({"alg": alg, "typ": "JWT"}), json.dumps(claims | change), "s" * signature_bytes]
    return ".".join(base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in parts)


_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


async def test_an_assertion_is_traded_for_a_token_that_vertex_takes(sandbox_url: str) -> None:
    form = {"grant_type": _GRANT, "assertion": _assertion()}
    async with aiohttp.ClientSession(sandbox_url) as session:
        async with session.post("/token", data=form) as response:
            token = await response.json()
        assert response.status == 200
        assert (token["expires_in"], token["token_type"]) == (3600, "Bearer")
        headers = {"Authorization": f"Bearer {token['access_token']}"}
        async with session.post(
            f"{VERTEX}{FLASH}:generateContent", json=body("Hi"), headers=headers
        ) as response:
            assert response.status == 200


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({}, "unsupported_grant_type"),
        ({"grant_type": _GRANT, "assertion": "a.b"}, "invalid_grant"),
        ({"grant_type": _GRANT, "assertion": "W10.W10.W10"}, "invalid_grant"),
        ({"grant_type": _GRANT, "assertion": _assertion(alg="HS256")}, "invalid_grant"),
        ({"grant_type": _GRANT, "assertion": _assertion(64)}, "invalid_grant"),
        ({"grant_type": _GRANT, "assertion": _assertion(exp=1, iat=0)}, "invalid_grant"),
        ({"grant_type": _GRANT, "assertion": _assertion(exp=2**40)}, "invalid_grant"),
        ({"grant_type": _GRANT, "assertion": _assertion(aud="elsewhere")}, "invalid_grant"),
        ({"grant_type": _GRANT, "assertion": _assertion(scope="")}, "invalid_scope"),
    ],
)
async def test_a_bad_assertion_is_refused_in_oauths_shape(
    client: aiohttp.ClientSession, form: dict[str, str], error: str
) -> None:
    async with client.post("/token", data=form) as response:
        answer = await response.json()
    assert (response.status, answer["error"]) == (400, error)
    assert set(answer) == {"error", "error_description"}


def _pairs(schemas: Shape, table: dict[str, dict[str, str]], *roots: tuple[str, str]) -> set[tuple[str, str]]:
    """Each message of the table with the document's schema for the same place, from `roots` down."""
    found: set[tuple[str, str]] = set()
    waiting = list(roots)
    while waiting:
        name, described = waiting.pop()
        if name not in table or described not in schemas or (name, described) in found:
            continue
        found.add((name, described))
        for field, schema in schemas[described].get("properties", {}).items():
            inner = schema.get("items") or schema.get("additionalProperties") or schema
            if "$ref" in inner and field in table[name]:
                waiting.append((table[name][field].rstrip("[]{}"), inner["$ref"]))
    return found


@pytest.mark.parametrize(
    ("vendor", "table", "roots"),
    [
        ("gemini", MESSAGES, ["GenerateContentRequest", "CountTokensRequest", "BatchEmbedContentsRequest"]),
        ("vertex", VERTEX_MESSAGES, ["GenerateContentRequest", "CountTokensRequest"]),
    ],
)
def test_the_table_of_fields_has_all_that_googles_documents_have(
    vendor: str, table: dict[str, dict[str, str]], roots: list[str]
) -> None:
    schemas = document(vendor)["schemas"]
    pairs = _pairs(schemas, table, *((root, PREFIXES[vendor] + root) for root in roots))
    assert len(pairs) > 30
    for name, described in pairs:
        fields = schemas[described].get("properties", {})
        missing = {field for field in fields if not fields[field].get("readOnly")} - set(table[name])
        assert not missing, (name, missing)
        for field, schema in fields.items():
            enum = (schema.get("items") or schema).get("enum")
            known = ENUMS.get(table[name].get(field, "").rstrip("[]"))
            if enum and known:
                assert {value.upper() for value in enum} <= set(known), (name, field)
