"""A canonical turn as a Gemini request, for one model. Vertex AI has the same dialect, without ids and tiers."""

from pronghorn.convert.dialect import Losses, Target
from pronghorn.convert.generate import models
from pronghorn.convert.generate.config_out import Config
from pronghorn.convert.generate.contents_out import Contents
from pronghorn.convert.generate.media import is_known_to_google
from pronghorn.convert.generate.tools_out import write_tools
from pronghorn.convert.turn import Json, Media, Turn

_CATEGORIES = ("HARASSMENT", "HATE_SPEECH", "SEXUALLY_EXPLICIT", "DANGEROUS_CONTENT")
_UNBLOCKED = [{"category": f"HARM_CATEGORY_{name}", "threshold": "BLOCK_NONE"} for name in _CATEGORIES]
_TIERS = {"default": "standard", "flex": "flex", "priority": "priority"}


def takes_url(media: Media, target: Target) -> bool:
    """Other addresses some models take, but not all of their kinds: what is fetched for them always works."""
    return is_known_to_google(media.url)


def write_request(turn: Turn, target: Target, lost: Losses) -> Json:
    model = models.facts(target.model)
    contents = Contents(turn.messages, model, lost)
    config = Config(turn, target, model, lost)
    if turn.output_format is not None:
        config.write_format(turn.output_format, has_tools=bool(turn.tools))
    system = contents.system + ([{"text": config.told}] if config.told else [])
    is_vertex = "vertex" in (target.traits or ())
    body: Json = {"contents": contents.write(has_ids=not is_vertex)}
    if system:
        body["systemInstruction"] = {"parts": system}
    write_tools(body, turn, model, lost)
    if config.written:
        body["generationConfig"] = config.written
    body["safetySettings"] = _UNBLOCKED
    if turn.service_tier in _TIERS and not is_vertex:
        body["serviceTier"] = _TIERS[turn.service_tier]
    elif turn.service_tier not in (None, "auto", "default"):
        lost.add(turn.at.get("service_tier", ""))
    return body
