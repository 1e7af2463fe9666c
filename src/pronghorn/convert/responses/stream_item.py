"""One output item of a stream as far as it has come: deltas grow it, whole texts fill in what they left out."""

from typing import Any

from pronghorn.convert.events import Cited, Closed, Event, Grew, Opened, Signed
from pronghorn.convert.responses import citations, logprobs, signatures
from pronghorn.convert.responses.reply_in import read_item
from pronghorn.convert.responses.signatures import Carried
from pronghorn.convert.turn import Json, Logprob, Part, Refusal, Signature, Text, Thinking, ToolCall

TEXT, REFUSAL, THINKING, CALL = "text", "refusal", "thinking", "call"


class Known:
    """What the items of one stream know of each other."""

    def __init__(self) -> None:
        self.has_calls = False
        self.has_refusal = False
        self._carried: Signature | None = None

    def note(self, part: Part) -> None:
        self.has_calls |= isinstance(part, ToolCall)
        self.has_refusal |= isinstance(part, Refusal)

    def carry(self, signature: Signature | None) -> Signature | None:
        """Keeps a signature for the next part that can have it; gives the one that was kept."""
        kept, self._carried = self._carried, signature
        return kept


def part_index(event: Json) -> int:
    """Of the content part, or of the part of a summary."""
    for name in ("content_index", "summary_index"):
        found = event.get(name)
        if isinstance(found, int):
            return found
    return 0


class Item:
    """An output item as far as it has come. Its events wait in `events`."""

    def __init__(self, known: Known) -> None:
        self._known = known
        self.events: list[Event] = []
        self.is_done = False
        self.id = ""
        self._open = ""
        """Kind of the open part, and its index."""
        self._index = 0
        self._base = 0
        """Characters of the open part that came before its open piece: a summary has several of them."""
        self._grown = 0
        self._citations = 0
        self._seen: set[int] = set()
        """Indexes of the content that was opened."""
        self._source = ""
        """Which of the two kinds of reasoning is told."""
        self._has_signature = False

    def announce(self, item: Json) -> None:
        self.id = str(item.get("id") or "")
        if item.get("type") in ("function_call", "custom_tool_call") and item.get("name"):
            self._open_call(item)
        elif item.get("type") == "reasoning" and isinstance(signatures.read_item(item), Carried):
            self.finish(item)  # before the part that it belongs to begins

    def _open_part(self, kind: str, index: int, part: Part) -> None:
        self._close()
        self._known.note(part)
        self.events.append(Opened(part))
        self._open, self._index, self._base, self._grown, self._citations = kind, index, 0, 0, 0
        self._seen.add(index)

    def _close(self) -> None:
        if self._open:
            self._open = ""
            self.events.append(Closed())

    def _open_call(self, item: Json) -> None:
        whole = read_item(item)[0]
        assert isinstance(whole, ToolCall)
        part = ToolCall(whole.id, whole.name, "", whole.is_custom, self._known.carry(None))
        self._open_part(CALL, 0, part)

    def _reach(self, kind: str, index: int) -> bool:
        """The part of that kind and index is open now. False if it can't be."""
        if self._open == kind:
            if index == self._index:
                return True
            if kind == THINKING:
                self._append("\n\n", None)
                self._index, self._base = index, self._grown
                return True
        if kind == CALL or (index in self._seen and kind != THINKING):
            return False  # a call whose name did not come yet: it will come whole
        if kind == THINKING:
            if self._seen:
                return False
            self._open_part(kind, index, Thinking(id=self.id))
        elif kind == REFUSAL:
            self._open_part(kind, index, Refusal(""))
        else:
            self._open_part(kind, index, Text("", signature=self._known.carry(None)))
        return True

    def _append(self, text: str, chances: list[Logprob] | None) -> None:
        if text:
            self.events.append(Grew(text, 0, chances))
            self._grown += len(text)

    def _is_other_reasoning(self, kind: str, event: Json) -> bool:
        """A model may tell its reasoning and a summary of it: the first to come is taken."""
        if kind != THINKING:
            return False
        source = "summary" if "summary_index" in event or "summary" in str(event.get("type")) else "content"
        self._source = self._source or source
        return source != self._source

    def grow(self, kind: str, index: int, text: str, event: Json) -> None:
        if text and not self._is_other_reasoning(kind, event) and self._reach(kind, index):
            found = event.get("logprobs")
            self._append(text, logprobs.read(found) if found else None)

    def settle(self, kind: str, index: int, text: str, event: Json) -> None:
        """The open piece is whole now: what of it did not come yet comes."""
        if self._is_other_reasoning(kind, event) or (not text and self._open != kind):
            return
        if self._reach(kind, index):
            come = self._grown - self._base
            chances = None if come else logprobs.read(event.get("logprobs"))
            self._append(text[come:], chances)

    def open_content(self, part: Json, index: int) -> None:
        kind = _content_kind(part)
        if kind:
            self._reach(kind, index)

    def settle_content(self, part: Json, index: int) -> None:
        kind = _content_kind(part)
        text = part.get("refusal" if kind == REFUSAL else "text")
        if not kind or not isinstance(text, str):
            return
        if not self._reach(kind, index):
            return
        chances = None if self._grown else logprobs.read(part.get("logprobs"))
        self._append(text[self._grown :], chances)
        annotations = part.get("annotations")
        for annotation in (annotations if isinstance(annotations, list) else [])[self._citations :]:
            self.cite(annotation)
        self._close()

    def cite(self, annotation: Any) -> None:
        if self._open == TEXT:
            self._citations += 1
            citation = citations.read(annotation)
            if citation is not None:
                self.events.append(Cited(citation))

    def finish(self, item: Json) -> None:
        """The item is done. `item` is all of it, or nothing where it was cut."""
        kind = item.get("type")
        if kind == "message":
            content = item.get("content")
            for index, part in enumerate(content if isinstance(content, list) else ()):
                if isinstance(part, dict) and (index not in self._seen or index == self._index):
                    self.settle_content(part, index)
        elif kind in ("function_call", "custom_tool_call"):
            self._finish_call(item)
        elif kind == "reasoning":
            self._finish_reasoning(item)
        elif kind:
            for found in read_item(item):
                if not isinstance(found, Carried):
                    self._open_part("", 0, found)
                    self.events.append(Closed())
        self._close()
        self.is_done = True

    def _finish_call(self, item: Json) -> None:
        if self._open != CALL:
            if not item.get("name"):
                return
            self._open_call(item)
        whole = read_item(item)[0]
        assert isinstance(whole, ToolCall)
        self._append(whole.arguments[self._grown :], None)

    def _finish_reasoning(self, item: Json) -> None:
        found = signatures.read_item(item)
        if found is None:
            return
        if isinstance(found, Carried):
            self._carry(found)
            return
        if self._open != THINKING:
            if found.is_redacted:
                self._open_part("", 0, found)
                self.events.append(Closed())
                return
            self._open_part(THINKING, 0, Thinking(id=found.id))
        self._append(found.text[self._grown :], None)
        if found.signature is not None:
            self.events.append(Signed(found.signature))

    def _carry(self, found: Carried) -> None:
        kept = self._known.carry(found.signature if found.is_of_next else None)
        alone = [kept] if found.is_of_next else [kept, found.signature]
        for signature in alone:
            if signature is not None:
                self._open_part("", 0, Text("", signature=signature))
                self.events.append(Closed())


def _content_kind(part: Json) -> str:
    """Empty for a kind that is told by events of its own."""
    kind = part.get("type")
    return REFUSAL if kind == "refusal" else TEXT if kind in ("output_text", "text") else ""
