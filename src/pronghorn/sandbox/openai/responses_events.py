"""The events of a streamed response, in OpenAI's order, made from the response as it is in the end.

They are numbered from 0. A failure breaks off in the middle: `error` if the prompt was refused, else
`response.failed`; either is the last event.
"""

from collections.abc import Iterator
from typing import Any

from pronghorn.sandbox import counting

Shape = dict[str, Any]

_ARGUMENT_CHARACTERS = 12
_EMPTY_TEXT: Shape = {"text": "", "annotations": [], "logprobs": []}
_EMPTY_REFUSAL: Shape = {"refusal": ""}


def of(final: Shape) -> list[Shape]:
    begun: list[Shape] = []
    first = "queued" if final["background"] else "in_progress"
    begun.append({"type": "response.created", "response": unfinished(final, first)})
    if final["background"]:
        begun.append({"type": "response.queued", "response": unfinished(final, "queued")})
    begun.append({"type": "response.in_progress", "response": unfinished(final, "in_progress")})
    made = [
        event
        for index, item in enumerate(final["output"])
        for event in _item_events(item, {"item_id": item["id"], "output_index": index})
    ]
    events = [*begun, *made, {"type": f"response.{final['status']}", "response": final}]
    if final["status"] == "failed":
        events = [*begun, *made[: len(made) // 2], _failure(final)]
    return [event | {"sequence_number": number} for number, event in enumerate(events)]


def unfinished(final: Shape, status: str) -> Shape:
    """The response before it has an end."""
    begun = {name: value for name, value in final.items() if name != "usage"}
    return begun | {
        "status": status,
        "completed_at": None,
        "error": None,
        "incomplete_details": None,
        "output": [],
    }


def _failure(final: Shape) -> Shape:
    error = final["error"]
    if error["code"] == "invalid_prompt":
        return {"type": "error", "code": error["code"], "message": error["message"], "param": None}
    return {"type": "response.failed", "response": final | {"output": []}}


def _item_events(item: Shape, place: Shape) -> Iterator[Shape]:
    """From `added` to `done`."""
    empty = {"status": "in_progress", **_EMPTY[item["type"]]} if "status" in item else _EMPTY[item["type"]]
    index = {"output_index": place["output_index"]}
    yield {"type": "response.output_item.added", **index, "item": item | empty}
    yield from _INSIDE[item["type"]](item, place)
    yield {"type": "response.output_item.done", **index, "item": item}


def _message(item: Shape, place: Shape) -> Iterator[Shape]:
    for index, part in enumerate(item["content"]):
        here = place | {"content_index": index}
        is_refusal = part["type"] == "refusal"
        empty = _EMPTY_REFUSAL if is_refusal else _EMPTY_TEXT
        yield {"type": "response.content_part.added", **here, "part": part | empty}
        yield from _refusal(part, here) if is_refusal else _text(part, here)
        yield {"type": "response.content_part.done", **here, "part": part}


def _text(part: Shape, here: Shape) -> Iterator[Shape]:
    logprobs = [_event_logprob(logprob) for logprob in part["logprobs"]]
    for index, token in enumerate(counting.tokens(part["text"])):
        certain = logprobs[index : index + 1]
        yield {"type": "response.output_text.delta", **here, "delta": token, "logprobs": certain}
    for index, annotation in enumerate(part["annotations"]):
        added = {"annotation_index": index, "annotation": annotation}
        yield {"type": "response.output_text.annotation.added", **here, **added}
    yield {"type": "response.output_text.done", **here, "text": part["text"], "logprobs": logprobs}


def _event_logprob(logprob: Shape) -> Shape:
    """Events have no bytes in their logprobs, parts do."""
    tops = [{"token": top["token"], "logprob": top["logprob"]} for top in logprob["top_logprobs"]]
    return {"token": logprob["token"], "logprob": logprob["logprob"], "top_logprobs": tops}


def _refusal(part: Shape, here: Shape) -> Iterator[Shape]:
    for token in counting.tokens(part["refusal"]):
        yield {"type": "response.refusal.delta", **here, "delta": token}
    yield {"type": "response.refusal.done", **here, "refusal": part["refusal"]}


def _reasoning(item: Shape, place: Shape) -> Iterator[Shape]:
    for index, part in enumerate(item["summary"]):
        here = place | {"summary_index": index}
        yield {"type": "response.reasoning_summary_part.added", **here, "part": part | {"text": ""}}
        for token in counting.tokens(part["text"]):
            yield {"type": "response.reasoning_summary_text.delta", **here, "delta": token}
        yield {"type": "response.reasoning_summary_text.done", **here, "text": part["text"]}
        yield {"type": "response.reasoning_summary_part.done", **here, "part": part}


def _function_call(item: Shape, place: Shape) -> Iterator[Shape]:
    for piece in _pieces(item["arguments"]):
        yield {"type": "response.function_call_arguments.delta", **place, "delta": piece}
    told = {"name": item["name"], "arguments": item["arguments"]}
    yield {"type": "response.function_call_arguments.done", **place, **told}


def _custom_tool_call(item: Shape, place: Shape) -> Iterator[Shape]:
    for piece in _pieces(item["input"]):
        yield {"type": "response.custom_tool_call_input.delta", **place, "delta": piece}
    yield {"type": "response.custom_tool_call_input.done", **place, "input": item["input"]}


def _web_search_call(item: Shape, place: Shape) -> Iterator[Shape]:
    for state in ("in_progress", "searching", "completed"):
        yield {"type": f"response.web_search_call.{state}", **place}


def _pieces(text: str) -> Iterator[str]:
    for start in range(0, len(text), _ARGUMENT_CHARACTERS):
        yield text[start : start + _ARGUMENT_CHARACTERS]


_INSIDE = {
    "message": _message,
    "reasoning": _reasoning,
    "function_call": _function_call,
    "custom_tool_call": _custom_tool_call,
    "web_search_call": _web_search_call,
}
_EMPTY: dict[str, Shape] = {
    "message": {"content": []},
    "reasoning": {"summary": []},
    "function_call": {"arguments": ""},
    "custom_tool_call": {"input": ""},
    "web_search_call": {},
}
"""What an item does not have yet when it is added."""
