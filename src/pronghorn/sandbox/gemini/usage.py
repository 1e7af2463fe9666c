"""What a call used, as Google counts: thoughts beside the candidates, what tools found beside the prompt, no zeros."""

from typing import Any

from pronghorn.sandbox.gemini.answer import Candidate
from pronghorn.sandbox.gemini.turn import Turn

Shape = dict[str, Any]


def details(tokens: dict[str, int]) -> list[Shape]:
    return [{"modality": modality, "tokenCount": count} for modality, count in tokens.items() if count]


def metadata(turn: Turn, candidates: list[Candidate], found_tokens: int, traffic: str) -> Shape:
    output: dict[str, int] = {}
    for candidate in candidates:
        for modality, count in candidate.tokens.items():
            output[modality] = output.get(modality, 0) + count
    prompt, thoughts = sum(turn.tokens.values()), sum(candidate.thoughts for candidate in candidates)
    said = sum(output.values())
    found = {
        "promptTokenCount": prompt,
        "cachedContentTokenCount": sum(turn.cached.values()),
        "candidatesTokenCount": said,
        "toolUsePromptTokenCount": found_tokens,
        "thoughtsTokenCount": thoughts,
        "totalTokenCount": prompt + said + found_tokens + thoughts,
        "promptTokensDetails": details(turn.tokens),
        "cacheTokensDetails": details(turn.cached),
        "candidatesTokensDetails": details(output),
        "toolUsePromptTokensDetails": details({"TEXT": found_tokens}),
        "trafficType": traffic,
    }
    return {name: value for name, value in found.items() if value}
