"""Tokens of the sandbox: a simple rule, the same everywhere, so that usage adds up and can be foretold.

A run of letters and digits is one token for each four bytes begun, any other character but a blank is one.
"""

import re

_PIECE = re.compile(r"[^\W_]+|[^\w\s]|_")


def tokens(text: str) -> list[str]:
    """The text cut into tokens; joined again they are the text: blanks belong to the token before them."""
    cut: list[str] = []
    end = 0
    for match in _PIECE.finditer(text):
        if cut:
            cut[-1] += text[end : match.start()]
        elif match.start():
            cut.append(text[: match.start()])
        cut += _quarters(match[0])
        end = match.end()
    if end < len(text):
        if cut:
            cut[-1] += text[end:]
        else:
            cut.append(text)
    return cut


def count(text: str) -> int:
    return len(tokens(text))


def _quarters(word: str) -> list[str]:
    parts: list[str] = []
    size = 4
    for character in word:
        width = len(character.encode("utf-8", "replace"))
        if size + width > 4:
            parts.append("")
            size = 0
        parts[-1] += character
        size += width
    return parts
