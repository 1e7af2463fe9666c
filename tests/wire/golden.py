"""Golden pairs: `<dialect>/<case>.json` as a caller or a vendor of that dialect wrote it, and what becomes of it.

`<case>.<target>.json` is the same for another dialect: a request with what was lost of it, or, where the case is
called `answer_...`, the answer as a caller of that dialect gets it. `<case>.sse` are streams likewise.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from tests.unit.convert.targets import target

from pronghorn import convert
from pronghorn.convert.conversion import Conversion
from pronghorn.convert.turn import Json, Message, Text, Turn
from pronghorn.kit import sse

HERE = Path(__file__).parent
NOW_S = 1_700_000_000
MODELS = {
    "chat": target("gpt-5.1", vendor="openai", now_s=NOW_S),
    "responses": target("gpt-5.1", vendor="openai", now_s=NOW_S),
    "messages": target("claude-sonnet-4-6", vendor="anthropic", max_output_tokens=64_000, now_s=NOW_S),
    "generate": target("gemini-3-flash", vendor="gemini", now_s=NOW_S),
}
_WIDTH = 110
_FETCHED = {"image": ("image/jpeg", "/9j/4A=="), "document": ("application/pdf", "JVBERi0=")}
"""What lies at every address."""


class Case(NamedTuple):
    source: Path
    target: str

    @property
    def dialect(self) -> str:
        return self.source.parent.name

    @property
    def is_answer(self) -> bool:
        return self.source.stem.startswith("answer_")

    @property
    def golden(self) -> Path:
        return self.source.with_suffix(f".{self.target}{self.source.suffix}")

    @property
    def name(self) -> str:
        return f"{self.dialect}/{self.golden.name}"


def cases() -> Iterator[Case]:
    for source in sorted(HERE.glob("*/*")):
        if source.suffix in (".json", ".sse") and "." not in source.stem:
            yield from (Case(source, target) for target in MODELS if target != source.parent.name)


def converted(case: Case) -> bytes:
    """What the golden file has to hold."""
    raw = case.source.read_bytes()
    if case.source.suffix == ".sse":
        return converted_stream(case, raw)
    body = json.loads(raw)
    return shown(converted_answer(case, raw) if case.is_answer else converted_request(case, body))


def converted_request(case: Case, body: Json) -> Json:
    dialects = convert.load()
    source, target = dialects[case.dialect], dialects[case.target]
    conversion = Conversion(source, target, source.read_request(body), MODELS[case.target])
    for media in conversion.addresses():
        media.mime, media.data = _FETCHED[media.kind]
        media.url = ""
    written = json.loads(msgspec.json.encode(conversion.request()))
    return {"request": written, "lost": conversion.losses.paths}


def answering(case: Case) -> Conversion:
    """The vendor speaks the case's dialect, and the caller the target's."""
    dialects = convert.load()
    asked = Turn(model="m", messages=[Message("user", [Text("Hi")])], at={}, unknown=[])
    return Conversion(dialects[case.target], dialects[case.dialect], asked, MODELS[case.dialect])


def converted_answer(case: Case, raw: bytes) -> Json:
    found: Json = json.loads(answering(case).reply(raw))
    return found


def converted_stream(case: Case, raw: bytes, cut: int = 0) -> bytes:
    """`cut`: the bytes come in two pieces."""
    stream, splitter = answering(case).stream(), sse.Splitter()
    events = splitter.feed(raw[:cut]) + splitter.feed(raw[cut:])
    payloads = [data for event in events if (data := sse.data_of(event)) is not None]
    return b"".join([stream.feed(data) for data in payloads]) + stream.end()


def shown(value: Any) -> bytes:
    """JSON for the eye: what fits into a line stands in one."""
    return (_shown(value, 0) + "\n").encode()


def _shown(value: Any, indent: int) -> str:
    line = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict | list) or len(line) + indent <= _WIDTH:
        return line
    blank = "\n" + " " * (indent + 2)
    if isinstance(value, list):
        inner = ("," + blank).join(_shown(item, indent + 2) for item in value)
        return f"[{blank}{inner}\n{' ' * indent}]"
    members = (f"{json.dumps(name)}: {_shown(item, indent + 2)}" for name, item in value.items())
    return f"{{{blank}{(',' + blank).join(members)}\n{' ' * indent}}}"


def renew() -> list[str]:
    """Writes every golden file anew; the names of those that changed. What is not right must not be kept."""
    changed = []
    for case in cases():
        found = converted(case)
        if not case.golden.exists() or case.golden.read_bytes() != found:
            case.golden.write_bytes(found)
            changed.append(case.name)
    return changed
