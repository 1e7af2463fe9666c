"""Pictures through chat, as resellers offer them: the answer is Markdown with progress lines and an address.

`refuse` gives an apology without a picture under a status of success, as those channels do.
"""

import asyncio
from typing import TYPE_CHECKING, Any

from aiohttp import web

from pronghorn.kit.later import Later
from pronghorn.sandbox import counting
from pronghorn.sandbox.files import publish
from pronghorn.sandbox.openai import chat_prompt
from pronghorn.sandbox.openai.chat_answer import Answer

if TYPE_CHECKING:
    from pronghorn.sandbox import picture
else:
    picture = Later("pronghorn.sandbox.picture")

MODELS = ("gpt-4o-image", "sora_image")
SIZES = {"3:2": (1536, 1024), "2:3": (1024, 1536)}
"""By the aspect ratio that the prompt names."""
APOLOGY = "I'm sorry, I could not make that picture. Please try another description."


def draws(model: str) -> bool:
    return model.startswith(MODELS)


async def answer(request: web.Request, messages: list[dict[str, Any]]) -> Answer:
    prompt = chat_prompt.last_user_text(messages)
    if prompt.strip().lower() == "refuse":
        return Answer(tokens=counting.tokens(APOLOGY))
    size = next((size for ratio, size in SIZES.items() if ratio in prompt), (1024, 1024))
    data = await asyncio.to_thread(_draw, prompt, size)
    address = publish(request, data, "image/png")
    lines = ["> Queued", "> 0%", "> 50%", "> 100%", f"![{prompt[:60]}]({address})", f"[Download]({address})"]
    return Answer(tokens=counting.tokens("\n\n".join(lines)))


def _draw(prompt: str, size: tuple[int, int]) -> bytes:
    return picture.encode(picture.draw(prompt, size), picture.Format())
