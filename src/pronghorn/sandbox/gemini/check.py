"""Whether a request makes sense, in Google's words where it does not."""

import re
from typing import Any

from pronghorn.sandbox.errors import SandboxError
from pronghorn.sandbox.gemini import config_check, models, schema
from pronghorn.sandbox.gemini.proto import DATA, fault, snake

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,127}")

Shape = dict[str, Any]
ROOT = "GenerateContentRequest"


def check(body: Shape, model: str, *, is_streamed: bool = False) -> None:
    """Raises `SandboxError` for what `proto` lets through and Google would not."""
    check_prompt(body, model)
    if "cachedContent" in body:
        raise SandboxError("CachedContent not found (or permission denied)", status=403)
    config_check.check(body, model, is_streamed=is_streamed)


def check_prompt(body: Shape, model: str, root: str = ROOT) -> None:
    """What counts as input: contents, system instruction, tools."""
    _check_contents(body.get("contents"), root)
    if "systemInstruction" in body:
        _check_parts(body["systemInstruction"], f"{root}.system_instruction")
    _check_tools(body, model)


def _check_contents(contents: Any, root: str) -> None:
    if not contents:
        raise fault("contents", "contents is not specified", root)
    for index, content in enumerate(contents):
        _check_parts(content, f"{root}.contents[{index}]")
        if content.get("role", "user") not in ("user", "model", "function", ""):
            raise SandboxError("Please use a valid role: user, model.", param=f"contents[{index}].role")
    _check_turns(contents)


def _check_parts(content: Shape, place: str) -> None:
    if not content.get("parts"):
        raise SandboxError(f"* {place}.parts: contents.parts must not be empty.", param=f"{place}.parts")
    for index, part in enumerate(content["parts"]):
        _check_part(part, f"{place}.parts[{index}]")


def _check_part(part: Shape, place: str) -> None:
    kind = next((name for name in DATA if name in part), "")
    if not kind:
        why = "required oneof field 'data' must have one initialized field"
        raise SandboxError(f"* {place}.data: {why}", param=f"{place}.data")
    for index, inner in enumerate(part.get("functionResponse", {}).get("parts", ())):
        _check_part(inner, f"{place}.function_response.parts[{index}]")
    needed = {
        "functionCall": ("name",),
        "functionResponse": ("name", "response"),
        "inlineData": ("mimeType", "data"),
        "fileData": ("fileUri",),
    }
    for name in needed.get(kind, ()):
        if not part[kind].get(name) and part[kind].get(name) != {}:
            field = f"{place}.{snake(kind)}.{snake(name)}"
            raise SandboxError(f"* {field}: {snake(name).capitalize()} cannot be empty.", param=field)
    for name in ("args", "response"):
        if kind.startswith("function") and not isinstance(part[kind].get(name, {}), dict):
            field = f"{place}.{snake(kind)}.{name}"
            raise SandboxError(
                f"Invalid value at '{field}' (type.googleapis.com/google.protobuf.Struct)", param=field
            )


def _check_turns(contents: list[Shape]) -> None:
    """Every call is answered in the very next turn, once, and nothing is answered that was not called."""
    waiting = 0
    for index, content in enumerate(contents):
        answered = sum("functionResponse" in part for part in content["parts"])
        called = sum("functionCall" in part for part in content["parts"])
        if waiting and answered != waiting:
            raise SandboxError(
                "Please ensure that the number of function response parts is equal to the number of function call "
                "parts of the function call turn.",
                param=f"contents[{index}]",
            )
        if answered and not waiting:
            raise SandboxError(
                "Please ensure that function response turn comes immediately after a function call turn.",
                param=f"contents[{index}]",
            )
        if called and (index == 0 or contents[index - 1].get("role") == "model"):
            raise SandboxError(
                "Please ensure that function call turn comes immediately after a user turn or after a function "
                "response turn.",
                param=f"contents[{index}]",
            )
        waiting = called


def _check_tools(body: Shape, model: str) -> None:
    names: list[str] = []
    builtin: list[str] = []
    for number, tool in enumerate(body.get("tools", ())):
        builtin += [name for name in tool if name != "functionDeclarations"]
        for index, declared in enumerate(tool.get("functionDeclarations", ())):
            _check_function(declared, f"tools[{number}].function_declarations[{index}]")
            if declared["name"] in names:
                raise SandboxError(f"Duplicate function declaration found: {declared['name']}", param="tools")
            names.append(declared["name"])
    if names and builtin and models.version(model) in ((1, 5), (2, 0), (2, 5)):
        raise SandboxError(
            f"Built-in tools ({{{snake(builtin[0])}}}) and Function Calling cannot be combined in the same request.",
            param="tools",
        )
    config = body.get("toolConfig", {}).get("functionCallingConfig", {})
    if config.get("mode") == "ANY" and not names:
        raise SandboxError(
            "Function calling config is set without function_declarations.",
            param="tool_config.function_calling_config",
        )
    for name in config.get("allowedFunctionNames", ()):
        if name not in names:
            raise fault(
                "tool_config.function_calling_config.allowed_function_names",
                f"`allowed_function_names` contains `{name}`, which is not in `function_declarations`.",
            )


def _check_function(declared: Shape, place: str) -> None:
    if not _NAME.fullmatch(declared.get("name", "")):
        raise fault(
            f"{place}.name",
            "Invalid function name. Must start with a letter or an underscore. Must be alphanumeric (a-z, A-Z, 0-9), "
            "underscores (_), dots (.), colons (:), or dashes (-), with a maximum length of 128.",
        )
    if "parameters" in declared and "parametersJsonSchema" in declared:
        raise fault(f"{place}.parameters", "only one of parameters and parameters_json_schema may be set.")
    if "parametersJsonSchema" in declared:
        schema.check_json(declared["parametersJsonSchema"], f"{place}.parameters_json_schema")
    if "parameters" in declared:
        if declared["parameters"].get("type", "OBJECT") != "OBJECT":
            raise fault(f"{place}.parameters", "parameters schema should be of type OBJECT.")
        schema.check(declared["parameters"], f"{ROOT}.{place}.parameters")
