"""How vendors that speak chat differ in what they take. One of which nothing is known takes all that there is."""

import msgspec


class Manners(msgspec.Struct, frozen=True):
    is_openai: bool
    """OpenAI itself, which refuses what is not in its document, and takes all that is."""
    is_wide: bool
    """A router to other vendors: cache marks, budgets of reasoning, pictures of the assistant, films."""
    has_custom: bool
    """Knows tools that take free text; elsewhere the text is wrapped."""
    has_switch: bool = False
    """Thinks, or does not, as a member `thinking` says."""

    @property
    def is_plain(self) -> bool:
        """Neither: one of the many servers that know the well-worn part alone."""
        return not self.is_openai and not self.is_wide


_UNKNOWN = Manners(is_openai=False, is_wide=True, has_custom=True)


def of(traits: frozenset[str] | None) -> Manners:
    if traits is None:
        return _UNKNOWN
    is_openai = "openai" in traits
    return Manners(
        is_openai=is_openai,
        is_wide="router" in traits,
        has_custom=is_openai,
        has_switch="thinking_switch" in traits,
    )
