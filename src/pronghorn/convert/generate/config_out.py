"""How to answer, as `generationConfig` for one model: what it cannot have is left out and named as lost."""

from typing import Any

import msgspec

from pronghorn.convert.dialect import Losses, Target
from pronghorn.convert.generate.models import Facts
from pronghorn.convert.turn import Json, OutputFormat, Reasoning, Turn

_MAX_STOPS = 5
_MAX_CANDIDATES = 8
_MAX_LOGPROBS = 20
_MAX_PENALTY = 1.99
_BUDGETS = {"minimal": 512, "low": 1024, "medium": 8192, "high": 24_576}
_LEVELS = {
    "none": "MINIMAL",
    "minimal": "MINIMAL",
    "low": "LOW",
    "medium": "MEDIUM",
    "high": "HIGH",
    "xhigh": "HIGH",
    "max": "HIGH",
}
_FOREIGN_VOICES = frozenset(
    {"alloy", "ash", "ballad", "cedar", "coral", "echo", "fable"}
    | {"marin", "nova", "onyx", "sage", "shimmer", "verse"}
)
"""Of OpenAI's models."""
_OWN_SOUND = ("", "pcm", "pcm16")


class Config:
    """Builds the object `written`; what a model is told in words instead is in `told`."""

    def __init__(self, turn: Turn, target: Target, model: Facts, lost: Losses) -> None:
        self._turn = turn
        self._model = model
        self._lost = lost
        self.written: Json = {}
        self.told = ""
        self._write_sampling()
        self._write_amounts(target)
        self._write_sound()
        if turn.reasoning is not None:
            self._write_thinking(turn.reasoning)

    def _lose(self, name: str, suffix: str = "") -> None:
        at = self._turn.at.get(name, "")
        self._lost.add(at and at + suffix)

    def _put(self, field: str, name: str, value: Any, asked: Any) -> None:
        """`value` is the nearest to what was `asked` that can be had."""
        self.written[field] = value
        if value != asked:
            self._lose(name)

    def _write_sampling(self) -> None:
        turn = self._turn
        if turn.temperature is not None:
            self._put("temperature", "temperature", min(max(turn.temperature, 0), 2), turn.temperature)
        if turn.top_p is not None:
            self._put("topP", "top_p", turn.top_p, turn.top_p)
        if turn.top_k is not None:
            self._put("topK", "top_k", turn.top_k, turn.top_k)
        if turn.presence_penalty is not None:
            penalty = min(turn.presence_penalty, _MAX_PENALTY)
            self._put("presencePenalty", "presence_penalty", penalty, turn.presence_penalty)
        if turn.frequency_penalty is not None:
            penalty = min(turn.frequency_penalty, _MAX_PENALTY)
            self._put("frequencyPenalty", "frequency_penalty", penalty, turn.frequency_penalty)
        if turn.seed is not None:
            if -(2**31) <= turn.seed < 2**31:
                self.written["seed"] = turn.seed
            else:
                self._lose("seed")
        if turn.logprobs:
            self.written["responseLogprobs"] = True
            if turn.top_logprobs:
                most = min(turn.top_logprobs, _MAX_LOGPROBS)
                self._put("logprobs", "top_logprobs", most, turn.top_logprobs)

    def _write_amounts(self, target: Target) -> None:
        turn = self._turn
        if turn.max_output_tokens is not None:
            most = target.max_output_tokens or turn.max_output_tokens
            self.written["maxOutputTokens"] = min(turn.max_output_tokens, most)
        if turn.stop is not None:
            stops = [stop for stop in turn.stop if stop]
            if stops:
                self._put("stopSequences", "stop", stops[:_MAX_STOPS], stops)
        if turn.choices is not None and turn.choices > 1:
            if turn.is_stream:
                self._lose("choices")
            else:
                self._put("candidateCount", "choices", min(turn.choices, _MAX_CANDIDATES), turn.choices)

    def write_format(self, wanted: OutputFormat, *, has_tools: bool) -> None:
        """Older models do not take tools beside it: they are told in words."""
        if wanted.kind == "text":
            return
        if wanted.description:
            self._lost.add(wanted.at and f"{wanted.at}.description")
        schema = wanted.schema if wanted.kind == "json_schema" else None
        if not has_tools or self._model.mixes_tools:
            self.written["responseMimeType"] = "application/json"
            if schema is not None:
                self.written["responseJsonSchema"] = schema
            return
        if wanted.is_strict:  # elsewhere the schema holds without the word
            self._lost.add(wanted.at and f"{wanted.at}.strict")
        self.told = "Answer with one JSON object and nothing else: no explanation, no Markdown."
        if schema is not None:
            self.told += f" It must be valid by this JSON Schema:\n{msgspec.json.encode(schema).decode()}"

    def _write_sound(self) -> None:
        turn = self._turn
        if turn.modalities and turn.modalities != ["text"]:
            wanted = ["audio"] if "audio" in turn.modalities else turn.modalities
            self.written["responseModalities"] = [name.upper() for name in wanted]
            if wanted != turn.modalities:
                self._lose("modalities")  # a model that speaks does nothing else
        if turn.audio is None:
            return
        if turn.audio.format not in _OWN_SOUND:
            self._lose("audio", ".format")
        if turn.audio.voice.lower() in _FOREIGN_VOICES:
            self._lose("audio", ".voice")
        elif turn.audio.voice:
            voice = {"prebuiltVoiceConfig": {"voiceName": turn.audio.voice}}
            self.written["speechConfig"] = {"voiceConfig": voice}

    # Thinking.

    def _write_thinking(self, asked: Reasoning) -> None:
        is_off = asked.effort == "none" or asked.budget == 0
        is_measured = asked.effort is not None or asked.budget is not None
        if self._model.thinking == "none":
            if not is_off:
                self._lose("reasoning")
            return
        config = self._budget(asked, is_off) if self._model.thinking == "budget" else _level(asked, is_off)
        is_shown = asked.is_shown
        if is_shown is None and is_measured and not is_off:
            is_shown = True
        if is_shown is not None and not (is_off and is_shown):
            config["includeThoughts"] = is_shown
        if config:
            self.written["thinkingConfig"] = config

    def _budget(self, asked: Reasoning, is_off: bool) -> Json:
        model = self._model
        if is_off:
            if model.can_stop_thinking:
                return {"thinkingBudget": 0}
            self._lose("reasoning")
            return {"thinkingBudget": model.least_budget}
        if asked.budget is None:
            if asked.effort is None:
                return {}
            budget = _BUDGETS.get(asked.effort, model.largest_budget)
            return {"thinkingBudget": max(budget, model.least_budget)}
        if asked.budget < 0:
            return {"thinkingBudget": -1}
        budget = min(max(asked.budget, model.least_budget), model.largest_budget)
        if budget != asked.budget:
            self._lose("reasoning")
        return {"thinkingBudget": budget}


def _level(asked: Reasoning, is_off: bool) -> Json:
    if is_off or asked.effort is not None:
        return {"thinkingLevel": _LEVELS[asked.effort or "none"]}
    if asked.budget is None or asked.budget < 0:
        return {}
    return {"thinkingLevel": "LOW" if asked.budget < 2048 else "MEDIUM" if asked.budget < 16_384 else "HIGH"}
