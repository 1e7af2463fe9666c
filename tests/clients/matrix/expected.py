"""What must come of every feature: all that is not named here passes, and what is named here fails in just this way.

A feature has one text for all vendors, or one for each vendor that differs.
"""

from tests.clients.matrix.playing import MODELS, NO_SUCH_OPTION, PASS, Outcomes, features

STRICT = "refused: 400, {} cannot be carried to this model's vendor"

_LACKS = "refused: 400, the model '{}' lacks the capability `embeddings` that this route needs (it has chat)"
NO_EMBEDDINGS = {
    "Anthropic": _LACKS.format("claude-sonnet-5"),
    "plain chat": _LACKS.format("deepseek-chat"),
}
"""Neither vendor has a model for it."""

_TOOLS = tuple(
    f"{name}{way}" for name in ("tool and its result", "two tools at once") for way in ("", ", streamed")
)

Losses = dict[str, str | dict[str, str]]

LOSSES: dict[str, Losses] = {
    "openai chat": {
        "several answers": {"Anthropic": "dropped: $.n"},
        "several answers, streamed": {"Anthropic": "dropped: $.n", "Gemini": "dropped: $.n"},
        "seed": {"Anthropic": "dropped: $.seed"},
        "logit_bias": {"Anthropic": "dropped: $.logit_bias", "Gemini": "dropped: $.logit_bias"},
        "strict: nothing may be dropped": dict.fromkeys(
            ("Anthropic", "Gemini"), STRICT.format("$.logit_bias")
        ),
        "logprobs": {"Anthropic": "dropped: $.logprobs, $.top_logprobs"},
        "document, text": NO_SUCH_OPTION,
        "embeddings": NO_EMBEDDINGS,
        # Gemini's files have no names.
        "document, PDF": {"Gemini": "dropped: $.messages[0].content[1].filename"},
        # Gemini signs calls and answers; of its thoughts, which nobody signs, it wants none back.
        "thinking between tools": {"Gemini": "dropped: $.messages[1].reasoning_content"},
        "thinking between tools, streamed": {"Gemini": "dropped: $.messages[1].reasoning_content"},
        "count of tokens": NO_SUCH_OPTION,
    },
    "openai responses": {
        "stop sequence": NO_SUCH_OPTION,
        "several answers": NO_SUCH_OPTION,
        "several answers, streamed": NO_SUCH_OPTION,
        "seed": NO_SUCH_OPTION,
        "logit_bias": NO_SUCH_OPTION,
        "strict: nothing may be dropped": {"Anthropic": STRICT.format("$.include, $.top_logprobs")},
        "logprobs": {"Anthropic": "dropped: $.include, $.top_logprobs"},
        "document, text": NO_SUCH_OPTION,
        "embeddings": NO_EMBEDDINGS,
        "document, PDF": {"Gemini": "dropped: $.input[0].content[1].filename"},
        "thinking between tools": {"Gemini": "dropped: $.input[1]"},
        "thinking between tools, streamed": {"Gemini": "dropped: $.input[1]"},
    },
    "anthropic": {
        # OpenAI's chat takes no thoughts back.
        "several turns": {"OpenAI": "dropped: $.messages[1].content[0]"},
        **{name: {"OpenAI": "dropped: $.messages[1].content[0]"} for name in _TOOLS},
        "several answers": NO_SUCH_OPTION,
        "several answers, streamed": NO_SUCH_OPTION,
        "seed": NO_SUCH_OPTION,
        "logit_bias": NO_SUCH_OPTION,
        "logprobs": NO_SUCH_OPTION,
        # OpenAI's chat promises no words of its thoughts.
        "strict: nothing may be dropped": {"OpenAI": STRICT.format("$.thinking")},
        "thinking, shown": {"OpenAI": "dropped: $.thinking"},
        "thinking, shown, streamed": {"OpenAI": "dropped: $.thinking"},
        "thinking between tools": {
            "OpenAI": "dropped: $.thinking, $.messages[1].content[0]",
            "Gemini": "dropped: $.messages[1].content[0]",
        },
        "thinking between tools, streamed": {
            "OpenAI": "dropped: $.thinking, $.messages[1].content[0]",
            "Gemini": "dropped: $.messages[1].content[0]",
        },
        "thinking between tools, not given back": {"OpenAI": "dropped: $.thinking"},
        "embeddings": NO_SUCH_OPTION,
    },
    "google-genai": {
        "embeddings": NO_EMBEDDINGS,
        "several turns": {"OpenAI": "dropped: $.contents[1].parts[0]"},
        **{name: {"OpenAI": "dropped: $.contents[1].parts[0]"} for name in _TOOLS},
        "several answers": {"Anthropic": "dropped: $.generationConfig.candidateCount"},
        "several answers, streamed": {
            "Anthropic": "dropped: $.generationConfig.candidateCount",
            "Gemini": "refused: 400, * GenerateContentRequest.generation_config.candidate_count: "
            "must be 1 for a streamed answer.",
        },
        "seed": {"Anthropic": "dropped: $.generationConfig.seed"},
        "logit_bias": NO_SUCH_OPTION,
        "strict: nothing may be dropped": {"Anthropic": STRICT.format("$.generationConfig.seed")},
        "logprobs": {
            "Anthropic": "dropped: $.generationConfig.responseLogprobs, $.generationConfig.logprobs"
        },
        "thinking, shown": {"OpenAI": "dropped: $.generationConfig.thinkingConfig"},
        "thinking, shown, streamed": {"OpenAI": "dropped: $.generationConfig.thinkingConfig"},
        "thinking between tools": {
            "OpenAI": "dropped: $.generationConfig.thinkingConfig, $.contents[1].parts[0]"
        },
        "thinking between tools, streamed": {
            "OpenAI": "dropped: $.generationConfig.thinkingConfig, $.contents[1].parts[0]"
        },
        "thinking between tools, not given back": {
            "OpenAI": "dropped: $.generationConfig.thinkingConfig",
            "Gemini": "refused: 400, Function call is missing a thought_signature in functionCall parts",
        },
    },
}


def expected(client: str) -> Outcomes:
    """Raises `ValueError` for a feature or vendor that is not played."""
    whole = {(name, model.vendor): PASS for name in features() for model in MODELS}
    named: Outcomes = {}
    for name, loss in LOSSES[client].items():
        by_vendor = loss if isinstance(loss, dict) else {model.vendor: loss for model in MODELS}
        named |= {(name, vendor): outcome for vendor, outcome in by_vendor.items()}
    if unknown := named.keys() - whole.keys():
        raise ValueError(f"nothing plays {sorted(unknown)}")
    return whole | named


def compared(outcomes: Outcomes, wanted: Outcomes) -> list[str]:
    return [
        f"{name}, {vendor}: {outcome!r}, expected {wanted[name, vendor]!r}"
        for (name, vendor), outcome in outcomes.items()
        if outcome != wanted[name, vendor]
    ]
