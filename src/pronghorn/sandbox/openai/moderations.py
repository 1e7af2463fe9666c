"""POST /v1/moderations: categories by short lists of words, so that a test knows what will be flagged.

`kill` and `attack` are violence, `blood` is graphic, `hate` is hate, `threaten` makes harassment a threat, `idiot`
is harassment, `suicide` is self-harm, `porn` is sexual, `bomb` is illicit and violent, `drugs` is illicit.
"""

from typing import Any

from aiohttp import web

from pronghorn.kit.ids import new_id
from pronghorn.sandbox.errors import SandboxError, json_body
from pronghorn.sandbox.faults import check_magic_model
from pronghorn.sandbox.reply import reply_json

WORDS: dict[str, tuple[str, ...]] = {
    "harassment": ("idiot", "threaten"),
    "harassment/threatening": ("threaten",),
    "hate": ("hate",),
    "hate/threatening": (),
    "illicit": ("bomb", "drugs"),
    "illicit/violent": ("bomb",),
    "self-harm": ("suicide",),
    "self-harm/intent": (),
    "self-harm/instructions": (),
    "sexual": ("porn",),
    "sexual/minors": (),
    "violence": ("kill", "attack"),
    "violence/graphic": ("blood",),
}
_FOR_IMAGES = frozenset(
    ("self-harm", "self-harm/intent", "self-harm/instructions", "sexual", "violence", "violence/graphic")
)


async def create(request: web.Request) -> web.StreamResponse:
    body = await json_body(request)
    model = str(body.get("model") or "omni-moderation-latest")
    check_magic_model(model)
    results = [_result(texts, has_image) for texts, has_image in _inputs(body.get("input"))]
    return await reply_json(request, {"id": new_id("modr"), "model": model, "results": results})


def _inputs(given: Any) -> list[tuple[str, bool]]:
    """What is judged together: text, and whether a picture is with it."""
    if isinstance(given, str):
        return [(given, False)]
    if isinstance(given, list) and given and all(isinstance(item, str) for item in given):
        return [(item, False) for item in given]
    if isinstance(given, list) and given and all(isinstance(item, dict) for item in given):
        texts = " ".join(str(item.get("text", "")) for item in given if item.get("type") == "text")
        return [(texts, any(item.get("type") == "image_url" for item in given))]
    raise SandboxError("'input' must be a string, an array of strings, or an array of parts", param="input")


def _result(text: str, has_image: bool) -> dict[str, Any]:
    lowered = text.lower()
    flags = {name: any(word in lowered for word in words) for name, words in WORDS.items()}
    types = {name: ["text", "image"] if has_image and name in _FOR_IMAGES else ["text"] for name in WORDS}
    return {
        "flagged": any(flags.values()),
        "categories": flags,
        "category_scores": {name: 0.97 if flag else 0.0001 for name, flag in flags.items()},
        "category_applied_input_types": types,
    }


routes = [web.post("/v1/moderations", create)]
