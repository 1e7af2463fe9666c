"""Subtitles in SubRip and WebVTT."""

from collections.abc import Sequence

from pronghorn.sandbox.hearing import Span


def render(spans: Sequence[Span], kind: str) -> str:
    """`srt` or `vtt`."""
    if kind == "vtt":
        return "WEBVTT\n\n" + "".join(f"{_cue(span, '.')}\n\n" for span in spans)
    return "".join(f"{number}\n{_cue(span, ',')}\n\n" for number, span in enumerate(spans, start=1))


def _cue(span: Span, mark: str) -> str:
    text = " ".join(span.text.split())
    return f"{_clock(span.start_s, mark)} --> {_clock(span.end_s, mark)}\n{text}"


def _clock(seconds: float, mark: str) -> str:
    milliseconds = round(seconds * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{rest // 1000:02d}{mark}{rest % 1000:03d}"
