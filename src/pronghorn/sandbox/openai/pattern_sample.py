"""A text that a regular expression matches: groups, choices, classes, counts and anchors; no look-around."""

import re
import string

_CLASSES = {"d": "1", "w": "a", "s": " ", "D": "x", "W": "-", "S": "x", "t": "\t", "n": "\n", "r": "\r"}
_IGNORED = "bBAZz"
_COUNT = re.compile(r"\{(\d+)(?:,\d*)?\}")
_PRINTABLE = string.ascii_letters + string.digits + string.punctuation + " "
MAX_LENGTH = 1_000


def matching(pattern: str) -> str | None:
    """None for a pattern that is not understood, or that has no short match."""
    try:
        found = _Reader(pattern).alternatives()
        return found if re.search(pattern, found) else None
    except (re.error, IndexError, ValueError):
        return None


class _Reader:
    """Reads a pattern from left to right and builds the shortest text that its first choices match."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._place = 0

    def alternatives(self) -> str:
        """Up to the end or a closing bracket; the first choice counts, the others are only read over."""
        first = self._sequence()
        while self._peek() == "|":
            self._place += 1
            self._sequence()
        return first

    def _sequence(self) -> str:
        text = ""
        while self._peek() not in ("", "|", ")"):
            text += self._repeated(self._atom())
            if len(text) > MAX_LENGTH:
                raise ValueError("too long")
        return text

    def _atom(self) -> str:
        character = self._take()
        if character == "(":
            return self._group()
        if character == "[":
            return self._class()
        if character == "\\":
            return self._escaped(self._take())
        if character in "^$":
            return ""
        return "x" if character == "." else character

    def _group(self) -> str:
        if self._peek() == "?":
            start = re.compile(r"\?(:|P?<\w+>)").match(self._pattern, self._place)
            if start is None:
                raise ValueError("look-around")
            self._place = start.end()
        inside = self.alternatives()
        if self._take() != ")":
            raise ValueError("an open group")
        return inside

    def _class(self) -> str:
        start = self._place - 1
        self._place += self._peek() == "^"
        self._place += self._peek() == "]"
        while self._take() != "]":
            self._place += self._pattern[self._place - 1] == "\\"
        allowed = re.compile(self._pattern[start : self._place])
        fitting = next((c for c in _PRINTABLE if allowed.fullmatch(c)), None)
        if fitting is None:
            fitting = self._pattern[start + 1]
        return fitting

    def _escaped(self, character: str) -> str:
        if character in _IGNORED:
            return ""
        if character in "ux":
            width = 4 if character == "u" else 2
            digits = self._pattern[self._place : self._place + width]
            self._place += width
            return chr(int(digits, 16))
        if character.isdigit() or character in "pP":
            raise ValueError("a back-reference or a property")
        return _CLASSES.get(character, character)

    def _repeated(self, text: str) -> str:
        least = 1
        if self._peek() in ("*", "?"):
            self._place, least = self._place + 1, 0
        elif self._peek() == "+":
            self._place += 1
        elif match := _COUNT.match(self._pattern, self._place):
            self._place, least = match.end(), int(match[1])
        if self._peek() in ("?", "+") and self._pattern[self._place - 1] in "*+?}":
            self._place += 1
        if least * len(text) > MAX_LENGTH:
            raise ValueError("too long")
        return text * least

    def _peek(self) -> str:
        return self._pattern[self._place : self._place + 1]

    def _take(self) -> str:
        self._place += 1
        return self._pattern[self._place - 1]
