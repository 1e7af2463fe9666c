"""How vendors that speak chat differ in what they take. One of which nothing is known takes all that there is."""

import msgspec

from pronghorn.convert.dialect import Target


class Manners(msgspec.Struct, frozen=True):
    is_openai: bool
    """OpenAI itself, which refuses what is not in its document, and takes all that is."""
    is_wide: bool
    """A router to other vendors: cache marks, budgets of reasoning, pictures of the assistant, films."""
    has_custom: bool
    """Knows tools that take free text; elsewhere the text is wrapped."""
    has_search: bool
    """Knows `web_search_options`."""
    takes_reasoning: bool
    """Knows `reasoning_content` in messages of the assistant; the others refuse it, or make nothing of it."""
    wants_reasoning: bool = False
    """Refuses a message of the assistant without it; an empty one will do."""
    has_switch: bool = False
    """Thinks, or does not, as a member `thinking` says."""
    has_effort: bool = True

    @property
    def is_plain(self) -> bool:
        """Neither: one of the many servers that know the well-worn part alone."""
        return not self.is_openai and not self.is_wide


_UNKNOWN = Manners(is_openai=False, is_wide=True, has_custom=True, has_search=True, takes_reasoning=True)
_SEARCH_MODELS = "-search-"
"""In the names of OpenAI's that search, such as `gpt-5-search-api`; its others refuse to be asked."""

_WANTING = ("deepseek", "kimi")
"""In the names of models that want their reasoning back."""


def of(target: Target) -> Manners:
    traits = target.traits
    if traits is None:
        return _UNKNOWN
    # A server of DeepSeek's or Kimi's is often entered as one of OpenAI's dialect, whose own models have other names.
    is_theirs = "openai" in traits and any(name in target.model.lower() for name in _WANTING)
    is_openai, is_wide = "openai" in traits and not is_theirs, "router" in traits
    wants_reasoning = is_theirs or "wants_reasoning" in traits
    return Manners(
        is_openai=is_openai,
        is_wide=is_wide,
        has_custom=is_openai,
        has_search=is_wide or "web_search" in traits or _SEARCH_MODELS in target.model,
        takes_reasoning=is_wide or wants_reasoning or "takes_reasoning" in traits,
        wants_reasoning=wants_reasoning,
        has_switch="thinking_switch" in traits,
        has_effort="no_effort" not in traits,
    )
