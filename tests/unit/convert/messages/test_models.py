"""What a model takes is told by its name, in each of the ways that hosts write it."""

import pytest

from pronghorn.convert.messages.models import Facts, facts


@pytest.mark.parametrize(
    ("model", "thinking", "sampling", "has_system_inside", "has_schema"),
    [
        ("claude-3-haiku-20240307", "none", "all", False, False),
        ("claude-3-5-sonnet-latest", "none", "all", False, False),
        ("claude-3-7-sonnet-20250219", "manual", "all", False, False),
        ("claude-sonnet-4-20250514", "manual", "all", False, False),
        ("claude-opus-4-1-20250805", "manual", "one", False, True),
        ("claude-sonnet-4-5-20250929", "manual", "one", False, True),
        ("claude-sonnet-4-5@20250929", "manual", "one", False, True),
        ("us.anthropic.claude-haiku-4-5-20251001-v1:0", "manual", "one", False, True),
        ("anthropic/claude-sonnet-4.5", "manual", "one", False, True),
        ("claude-opus-4-6", "adaptive", "one", False, True),
        ("claude-opus-4-7", "adaptive", "none", False, True),
        ("claude-opus-4-8", "adaptive", "none", True, True),
        ("claude-sonnet-5", "adaptive", "none", True, True),
        ("claude-fable-5-2", "adaptive", "none", True, True),
        ("claude-of-tomorrow", "adaptive", "none", True, True),
    ],
)
def test_a_claude_model(
    model: str, thinking: str, sampling: str, has_system_inside: bool, has_schema: bool
) -> None:
    found = facts(model)
    assert (found.thinking, found.sampling) == (thinking, sampling)
    assert (found.takes_system_inside, found.takes_schema) == (has_system_inside, has_schema)


@pytest.mark.parametrize("model", ["deepseek-chat", "kimi-k2", "glm-4.6"])
def test_a_model_of_another_vendor_is_asked_for_the_least(model: str) -> None:
    assert facts(model) == Facts()
