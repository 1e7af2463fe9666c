"""Whether the generationConfig of a request makes sense for its model, in Google's words where it does not."""

from typing import Any

from pronghorn.sandbox.errors import SandboxError
from pronghorn.sandbox.gemini import models, schema
from pronghorn.sandbox.gemini.proto import fault, snake

MAX_STOPS = 5
MAX_CANDIDATES = 8
MIME_TYPES = ("text/plain", "application/json", "application/xml", "application/yaml", "text/x.enum")

_RANGES = {
    "temperature": (0.0, 2.0),
    "topP": (0.0, 1.0),
    "presencePenalty": (-2.0, 2.0),
    "frequencyPenalty": (-2.0, 2.0),
    "logprobs": (0, 20),
    "candidateCount": (1, MAX_CANDIDATES),
}
_BUDGETS = (("2.5-pro", 128, 32_768), ("2.5-flash-lite", 512, 24_576), ("2.5-flash", 0, 24_576))
"""Part of a name, least and largest budget; zero and -1 have their own rules."""

Shape = dict[str, Any]


def check(body: Shape, model: str, *, is_streamed: bool) -> None:
    """Raises `SandboxError`."""
    config = body.get("generationConfig", {})
    _check_config(config, model)
    _check_format(config, body, model)
    _check_modalities(config, model)
    _check_thinking(config.get("thinkingConfig"), model)
    if is_streamed and config.get("candidateCount", 1) > 1:
        raise fault("generation_config.candidate_count", "must be 1 for a streamed answer.")


def _check_config(config: Shape, model: str) -> None:
    for name, (low, high) in _RANGES.items():
        if name in config and not low <= config[name] <= high:
            raise fault(f"generation_config.{snake(name)}", f"must be in the range [{low}, {high}].")
    if config.get("maxOutputTokens", 1) < 1:
        raise fault("generation_config.max_output_tokens", "max_output_tokens must be positive.")
    if len(config.get("stopSequences", ())) > MAX_STOPS:
        raise fault("generation_config.stop_sequences", f"must have at most {MAX_STOPS} stop sequences.")
    if "" in config.get("stopSequences", ()):
        raise fault("generation_config.stop_sequences", "must not have an empty stop sequence.")
    if "logprobs" in config and not config.get("responseLogprobs"):
        raise fault("generation_config.logprobs", "logprobs is only valid if response_logprobs is true.")
    if "imageConfig" in config and not models.makes_pictures(model):
        raise SandboxError(
            "Aspect ratio is not enabled for this model", param="generation_config.image_config"
        )


def _check_format(config: Shape, body: Shape, model: str) -> None:
    mime = config.get("responseMimeType", "text/plain")
    if mime not in MIME_TYPES:
        allowed = ", ".join(f"`{known}`" for known in MIME_TYPES)
        raise fault("generation_config.response_mime_type", f"allowed mimetypes are {allowed}.")
    given = [
        name for name in ("responseSchema", "responseJsonSchema", "_responseJsonSchema") if name in config
    ]
    if len(given) > 1:
        raise fault("generation_config.response_schema", "only one kind of response schema may be set.")
    if given and mime not in ("application/json", "text/x.enum"):
        raise fault(
            f"generation_config.{snake(given[0].strip('_'))}",
            "only supported with response_mime_type `application/json` or `text/x.enum`.",
        )
    if "responseSchema" in config:
        schema.check(config["responseSchema"], "GenerateContentRequest.generation_config.response_schema")
    for name in ("responseJsonSchema", "_responseJsonSchema"):
        if name in config:
            schema.check_json(config[name], "generation_config.response_json_schema")
    if (wanted := config.get("responseFormat", {}).get("text", {}).get("schema")) is not None:
        schema.check_json(wanted, "generation_config.response_format.text.schema")
    has_functions = any("functionDeclarations" in tool for tool in body.get("tools", ()))
    if has_functions and mime == "application/json" and models.version(model) in ((1, 5), (2, 0), (2, 5)):
        raise SandboxError(
            "Function calling with a response mime type: 'application/json' is unsupported",
            param="generation_config.response_mime_type",
        )


def modalities(config: Shape, model: str) -> set[str]:
    """What the answer shall be made of."""
    usual = (
        {"TEXT", "IMAGE"} if models.makes_pictures(model) else {"AUDIO"} if models.speaks(model) else {"TEXT"}
    )
    return set(config.get("responseModalities") or usual)


def _check_modalities(config: Shape, model: str) -> None:
    if models.makes_pictures(model):
        allowed = [{"IMAGE"}, {"TEXT", "IMAGE"}]
    else:
        allowed = [{"AUDIO"}] if models.speaks(model) else [{"TEXT"}]
    if modalities(config, model) not in allowed:
        listed = "\n".join(f"* {', '.join(sorted(one))}" for one in allowed)
        raise SandboxError(
            "The requested combination of response modalities is not supported by the model. "
            f"models/{model} accepts the following combination of response modalities:\n{listed}"
        )


def _check_thinking(config: Shape | None, model: str) -> None:
    if config is None:
        return
    place = "generation_config.thinking_config"
    if not models.can_think(model):
        raise SandboxError("Thinking is not enabled for this model.", param=place)
    if "thinkingBudget" in config and "thinkingLevel" in config:
        raise SandboxError("You can only set only one of thinking budget and thinking level.", param=place)
    if "thinkingLevel" in config and models.version(model) == (2, 5):
        raise SandboxError("Thinking level is not supported for this model.", param=place)
    budget = config.get("thinkingBudget", -1)
    if budget == 0 and config.get("includeThoughts"):
        raise SandboxError(
            "Unable to submit request because Thinking_config.include_thoughts is only enabled when thinking is "
            "enabled.",
            param=place,
        )
    for name, low, high in _BUDGETS:
        if name in model:
            if budget == 0 and name == "2.5-pro":
                raise SandboxError(
                    "Budget 0 is invalid. This model only works in thinking mode.", param=place
                )
            if budget not in (0, -1) and not low <= budget <= high:
                raise SandboxError(
                    f"The thinking budget {budget} is invalid. Please choose a value between {low} and {high}.",
                    param=place,
                )
            return
