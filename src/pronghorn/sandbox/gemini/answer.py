"""Deciding what a Gemini of the sandbox says: the words of `openai.chat_answer`, rendered as parts.

Beside its magic words `block` blocks the prompt; `refuse` and `filter` end with SAFETY, the first without a word.
"""

import json
from dataclasses import dataclass, field
from typing import Any

from pronghorn.kit.ids import random_base62
from pronghorn.sandbox import counting
from pronghorn.sandbox.gemini import grounding, media_answer, signature
from pronghorn.sandbox.gemini.config_check import modalities
from pronghorn.sandbox.gemini.turn import Turn, json_schema
from pronghorn.sandbox.openai import chat_answer
from pronghorn.sandbox.openai.chat_answer import Answer

Shape = dict[str, Any]
FINISHES = {"stop": "STOP", "tool_calls": "STOP", "length": "MAX_TOKENS", "content_filter": "SAFETY"}
CATEGORIES = ("HARASSMENT", "HATE_SPEECH", "SEXUALLY_EXPLICIT", "DANGEROUS_CONTENT")


@dataclass(slots=True)
class Candidate:
    """One answer as the parts in which it is streamed. Text and thoughts come token by token."""

    pieces: list[Shape] = field(default_factory=list)
    finish: str = "STOP"
    tokens: dict[str, int] = field(default_factory=dict)
    """Modality to tokens, thoughts left out."""
    thoughts: int = 0
    more: Shape = field(default_factory=dict)
    """Further fields of the last chunk."""

    @property
    def text(self) -> str:
        return "".join(piece.get("text", "") for piece in self.pieces if not piece.get("thought"))


def is_blocked(turn: Turn) -> bool:
    return _word(turn) == "block"


def _word(turn: Turn) -> str:
    return turn.prompt.strip().lower()


def ratings() -> list[Shape]:
    """The last category is the one to blame."""
    found: list[Shape] = [
        {"category": f"HARM_CATEGORY_{name}", "probability": "NEGLIGIBLE"} for name in CATEGORIES
    ]
    found[-1] |= {"probability": "HIGH", "blocked": True}
    return found


async def decide(turn: Turn, body: Shape, *, number: int, has_call_ids: bool) -> Candidate:
    """Candidate `number`. Raises `SandboxError` for what a vendor would refuse."""
    wanted = modalities(turn.config, turn.model)
    if wanted != {"TEXT"} and _word(turn) in ("refuse", "filter"):
        return Candidate(finish="IMAGE_SAFETY" if "IMAGE" in wanted else "SAFETY")
    if "IMAGE" in wanted:
        return _with_media(turn, *await media_answer.painted(turn, number), has_text="TEXT" in wanted)
    if "AUDIO" in wanted:
        return _with_media(turn, *await media_answer.spoken(turn), has_text=False)
    decided = await chat_answer.answer(turn.body, _messages(turn))
    return _spoken(turn, body, decided, has_call_ids=has_call_ids)


def _messages(turn: Turn) -> list[Shape]:
    """An enum is a choice among words: the decided one is given to be repeated."""
    if turn.config.get("responseMimeType") != "text/x.enum" or _word(turn) in ("refuse", "filter"):
        return turn.messages
    schema = json_schema(turn.config)
    options = [str(one) for one in (schema or {}).get("enum", ())]
    named = [one for one in options if one.lower() in turn.prompt.lower()]
    chosen = (named or options or ["unknown"])[0]
    return [*turn.messages[:-1], {"role": "user", "content": f"repeat:{chosen}"}]


def _with_media(turn: Turn, part: Shape, modality: str, tokens: int, *, has_text: bool) -> Candidate:
    made = Candidate(tokens={modality: tokens})
    if has_text:
        words = counting.tokens("Here is your picture.")
        made.pieces += [{"text": word} for word in words]
        made.tokens["TEXT"] = len(words)
    if signature.is_strict(turn.model):
        part = part | {"thoughtSignature": signature.sign(turn.model, "")}
    made.pieces.append(part)
    return made


def _spoken(turn: Turn, body: Shape, decided: Answer, *, has_call_ids: bool) -> Candidate:
    thinking = turn.config.get("thinkingConfig", {})
    made = Candidate(finish=FINISHES[decided.finish], thoughts=len(decided.reasoning))
    if thinking.get("includeThoughts"):
        made.pieces += [{"text": token, "thought": True} for token in decided.reasoning]
    if decided.refusal:
        made.finish, made.more = "SAFETY", {"safetyRatings": ratings()}
        return made
    if made.finish == "SAFETY":
        made.more["safetyRatings"] = ratings()
    made.pieces += [{"text": token} for token in decided.tokens]
    made.pieces += _calls(turn, decided, has_ids=has_call_ids)
    if output := decided.output_tokens() - made.thoughts:
        made.tokens["TEXT"] = output
    if decided.tokens and signature.is_strict(turn.model):
        made.pieces.append({"text": "", "thoughtSignature": signature.sign(turn.model, "")})
    if decided.tokens and grounding.is_asked(body):
        made.more["groundingMetadata"] = grounding.metadata(turn.prompt, made.text)
    return made


def _calls(turn: Turn, decided: Answer, *, has_ids: bool) -> list[Shape]:
    """Calls of one step; only the first of them is signed."""
    parts: list[Shape] = []
    for call in decided.calls:
        called: Shape = {"name": call.name, "args": json.loads(call.arguments)}
        if has_ids:
            called["id"] = random_base62(8).lower()
        parts.append({"functionCall": called})
    if parts and (decided.reasoning or signature.is_strict(turn.model)):
        parts[0]["thoughtSignature"] = signature.sign(turn.model, decided.calls[0].name)
    return parts
