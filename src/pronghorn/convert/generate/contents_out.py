"""Canonical messages as contents: a user's, a model's and the results of functions, each kind merged and in order.

Results stand right behind their calls and apart from what the user says, so that it stays visible where a turn began.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import Literal

from pronghorn.convert.dialect import Losses
from pronghorn.convert.generate.models import Facts
from pronghorn.convert.generate.parts_out import Parts
from pronghorn.convert.generate.signatures import DUMMY
from pronghorn.convert.turn import Json, Message, Text, ToolCall, ToolResult

_SYSTEM = ("system", "developer")
_NOTHING: Json = {"text": "."}


class _Content:
    __slots__ = ("kind", "parts", "said")

    def __init__(self, kind: Literal["user", "model", "results"]) -> None:
        self.kind = kind
        self.parts: list[Json] = []
        self.said: list[Message] = []
        """What `parts` are made of, but for results."""


class Contents:
    """`system` is the system instruction, `write` gives the contents."""

    def __init__(self, messages: list[Message], model: Facts, lost: Losses) -> None:
        self._parts = Parts(model, lost)
        self._model = model
        self._lost = lost
        self._contents: list[_Content] = []
        start = next((i for i, message in enumerate(messages) if message.role not in _SYSTEM), len(messages))
        self.system = [part for message in messages[:start] for part in self._written(message)]
        for message in messages[start:]:
            self._add(message)

    def write(self, *, has_ids: bool) -> list[Json]:
        """`has_ids`: calls and results know each other by their ids, not by name and order alone."""
        contents = self._contents
        if not contents or contents[0].kind != "user":
            first = _Content("user")
            contents.insert(0, first)
        for content in contents:
            if not content.parts:
                content.parts.append(dict(_NOTHING))
        if self._model.is_new:
            self._sign()
        for before, content in pairwise(contents):
            if content.kind == "results" and len(content.parts) > 1:
                content.parts.sort(key=_order(before.parts))
        if not has_ids:
            self._forget_ids()
        return [
            {"role": "model" if content.kind == "model" else "user", "parts": content.parts}
            for content in contents
        ]

    def _written(self, message: Message) -> list[Json]:
        if message.name:
            self._lost.add(f"{message.at}.name")
        return self._parts.write(message.parts)

    def _add(self, message: Message) -> None:
        role = message.role
        if role == "tool":
            self._add_results(message)
            return
        parts = self._written(message)
        if role in _SYSTEM:
            for part in parts:
                part["text"] = f"<system>\n{part['text']}\n</system>"
        if not parts and role != "user":
            return
        content = self._last("model" if role == "assistant" else "user")
        content.parts += parts
        content.said.append(message)

    def _last(self, kind: Literal["user", "model"]) -> _Content:
        if not self._contents or self._contents[-1].kind != kind:
            self._contents.append(_Content(kind))
        return self._contents[-1]

    def _add_results(self, message: Message) -> None:
        content = self._results()
        for part in message.parts:
            if type(part) is ToolResult:
                response, after = self._parts.result(part)
                content.parts.append(response)
                if after:
                    self._last("user").parts += after
            elif type(part) is Text:
                self._last("user").parts += [{"text": part.text}] if part.text else []

    def _results(self) -> _Content:
        """What was said between a call and its results comes after them."""
        contents = self._contents
        place = len(contents) - 1 if contents and contents[-1].kind == "user" else len(contents)
        if place and contents[place - 1].kind == "results":
            return contents[place - 1]
        if place and contents[place - 1].kind == "user":
            place = len(contents)
        content = _Content("results")
        contents.insert(place, content)
        return content

    def _sign(self) -> None:
        """The first call of every step since the user spoke; another model's calls have no signature to show."""
        start = max(i for i, content in enumerate(self._contents) if content.kind == "user")
        for content in self._contents[start:]:
            call = next((part for part in content.parts if "functionCall" in part), None)
            if call is not None and "thoughtSignature" not in call:
                call["thoughtSignature"] = DUMMY
                self._lost.add(_first_call(content.said))

    def _forget_ids(self) -> None:
        for content in self._contents:
            for part in content.parts:
                for name in ("functionCall", "functionResponse"):
                    if name in part:
                        del part[name]["id"]


def _order(parts: list[Json]) -> Callable[[Json], int]:
    """Of results: that of their calls."""
    places = {part["functionCall"]["id"]: i for i, part in enumerate(parts) if "functionCall" in part}
    return lambda part: places.get(part["functionResponse"]["id"], len(parts))


def _first_call(said: list[Message]) -> str:
    """Where it comes from."""
    return next((part.at for message in said for part in message.parts if type(part) is ToolCall), "")
