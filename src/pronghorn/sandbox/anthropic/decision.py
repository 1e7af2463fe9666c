"""Deciding what the sandbox says as Claude: content blocks and the reason to stop.

The magic words are those of the OpenAI chat. Beside them, as the whole prompt: `filter` refuses after a text,
`pause_turn` stops while a search runs, `model_context_window_exceeded` stops for that reason, `overloaded` breaks
off. Anthropic's own magic strings for a refusal and for redacted thinking work too; `redact` asks for the latter.
"""

import json
from dataclasses import dataclass, field
from typing import Any

from pronghorn.kit.ids import random_base62
from pronghorn.sandbox import counting
from pronghorn.sandbox.anthropic import plain, search
from pronghorn.sandbox.anthropic.attachments import Attachments
from pronghorn.sandbox.anthropic.seal import Seal
from pronghorn.sandbox.anthropic.turns import Turn, is_paused
from pronghorn.sandbox.openai import chat_answer

GREETING = "Hello from the sandbox!"
REFUSAL = "ANTHROPIC_MAGIC_STRING_TRIGGER_REFUSAL_"
REDACTION = "ANTHROPIC_MAGIC_STRING_TRIGGER_REDACTED_THINKING_"
OVERLOAD = "overloaded"

Shape = dict[str, Any]


@dataclass(slots=True)
class Answer:
    content: list[Shape] = field(default_factory=list)
    stop_reason: str = "end_turn"
    stop_sequence: str | None = None
    stop_details: Shape | None = None
    output_tokens: int = 0
    thinking_tokens: int = 0
    searches: int = 0

    def end(self, reason: str, sequence: str | None = None) -> None:
        """Another reason to stop than was thought at first."""
        self.stop_reason, self.stop_sequence, self.stop_details = reason, sequence, None


async def decide(body: Shape, turns: list[Turn], seen: Attachments, seal: Seal, *, thinks: bool) -> Answer:
    prompt = plain.last_words(turns)
    if is_paused(turns[-1]):
        decided = Answer(search.answer(turns[-1].blocks[-1][1], body, seal), searches=1)
    else:
        decided = await _say(body, turns, seen, seal, prompt)
    if thinks and not is_paused(turns[-1]):
        is_redacted = REDACTION in prompt or "redact" in prompt.lower()
        kind = "redacted_thinking" if is_redacted else "thinking"
        decided.content.insert(0, {"type": kind, "thinking": chat_answer.REASONING})
    _stop(decided, body.get("stop_sequences") or [])
    _limit(decided, body["max_tokens"])
    _seal_thinking(decided, seal, is_hidden=(body.get("thinking") or {}).get("display") == "omitted")
    return decided


async def _say(body: Shape, turns: list[Turn], seen: Attachments, seal: Seal, prompt: str) -> Answer:
    word = prompt.strip().lower()
    chat = await chat_answer.answer(plain.body(body), plain.messages(turns))
    if chat.refusal or REFUSAL in prompt:
        return _refused("", "cyber")
    if chat.finish == "content_filter":
        return _refused(chat.text, None)
    if word == "pause_turn":
        return Answer([_text("Let me search for that."), search.call(prompt)], "pause_turn")
    if chat.calls:
        return _calling(body, chat.calls)
    if search.is_wanted(body, prompt) and turns[-1].text():
        called = search.call(prompt)
        return Answer([called, *search.answer(called, body, seal)], searches=1)
    said = Answer([_answer_text(turns, seen, chat.text)])
    if word == "model_context_window_exceeded":
        said.stop_reason = word
    return said


def _answer_text(turns: list[Turn], seen: Attachments, text: str) -> Shape:
    """Where the chat would only greet, what was attached is described instead, and cited."""
    if seen.sentences and text.startswith(GREETING):
        return _text(" ".join(seen.sentences)) | {"citations": seen.citations or None}
    begun = turns[-1].text() if turns[-1].role == "assistant" else ""
    return _text(text.removeprefix(begun))


def _text(text: str) -> Shape:
    return {"type": "text", "text": text, "citations": None}


def _refused(text: str, category: str | None) -> Answer:
    explanation = "The sandbox was asked to refuse."
    details = {"type": "refusal", "category": category, "explanation": explanation}
    return Answer([_text(text)] if text else [], "refusal", stop_details=details)


def _calling(body: Shape, calls: list[chat_answer.Call]) -> Answer:
    """Who calls freely says so first; a forced call comes alone."""
    is_forced = (body.get("tool_choice") or {}).get("type") in ("any", "tool")
    names = " and ".join(dict.fromkeys(call.name for call in calls))
    said = [] if is_forced else [_text(f"I'll use {names}.")]
    used = [
        {
            "type": "tool_use",
            "id": f"toolu_{random_base62(24)}",
            "name": call.name,
            "input": json.loads(call.arguments),
            "caller": {"type": "direct"},
        }
        for call in calls
    ]
    return Answer([*said, *used], "tool_use")


def _stop(decided: Answer, sequences: list[str]) -> None:
    """Cut before the first stop sequence in a text; what would have followed is not said."""
    for index, block in enumerate(decided.content):
        if block["type"] != "text":
            continue
        found = {block["text"].find(one): one for one in sequences if one in block["text"]}
        if found:
            end = min(found)
            decided.end("stop_sequence", found[end])
            decided.content = [*decided.content[:index], block | {"text": block["text"][:end]}]
            break
    decided.content = [block for block in decided.content if block.get("text") != ""]


def _limit(decided: Answer, limit: int) -> None:
    """Keep what fits: texts and thinking are cut, a call that does not fit is left out with all that follows."""
    kept: list[Shape] = []
    for block in decided.content:
        tokens = _tokens(block)
        left = limit - decided.output_tokens
        fitting = block if len(tokens) <= left else _cut(block, tokens[:left])
        if fitting is not None:
            kept.append(fitting)
            decided.output_tokens += min(left, len(tokens))
            if "thinking" in fitting:
                decided.thinking_tokens += min(left, len(tokens))
        if fitting is not block:
            decided.end("max_tokens")
            break
    if not limit:
        decided.end("max_tokens")
    decided.content = kept


def _tokens(block: Shape) -> list[str]:
    if "input" in block:
        return counting.tokens(block["name"] + json.dumps(block["input"], ensure_ascii=False))
    return counting.tokens(block.get("thinking") or block.get("text") or "")


def _cut(block: Shape, tokens: list[str]) -> Shape | None:
    name = next((name for name in ("thinking", "text") if name in block), None)
    return block | {name: "".join(tokens)} if name and tokens else None


def _seal_thinking(decided: Answer, seal: Seal, *, is_hidden: bool) -> None:
    for index, block in enumerate(decided.content):
        if block["type"] == "redacted_thinking":
            sealed = {"type": "redacted_thinking", "data": seal.wrap("redacted", block["thinking"])}
        elif block["type"] == "thinking":
            shown = "" if is_hidden else block["thinking"]
            sealed = {"type": "thinking", "thinking": shown, "signature": seal.sign("thinking", shown)}
        else:
            continue
        decided.content[index] = sealed
