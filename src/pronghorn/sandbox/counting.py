"""Tokens of the sandbox: a simple rule, the same everywhere, so that usage adds up and can be foretold.

A run of letters and digits is one token for each four bytes begun, any other character but a blank is one.
Of a long text only the beginning is counted, and the rest in proportion: whoever sends megabytes keeps nobody
else waiting.
"""

import re

EXACT_CHARACTERS = 8 * 1024

_ONE, _TWO = "[A-Za-z0-9]", r"[^\W_\x00-\x7f\u0800-\U0010ffff]"
_THREE, _FOUR = r"[^\W_\x00-\u07ff\U00010000-\U0010ffff]", r"[^\W_\x00-\uffff]"
"""Letters and digits by the bytes that UTF-8 writes them in."""
_TOKEN = re.compile(
    rf"(?:{_ONE}(?:{_ONE}(?:{_ONE}{_ONE}?|{_TWO})?|{_TWO}{_ONE}?|{_THREE})?"
    rf"|{_TWO}(?:{_ONE}{_ONE}?|{_TWO})?|{_THREE}{_ONE}?|{_FOUR}"
    r"|[^\w\s]|_)\s*|\s+"
)


def tokens(text: str) -> list[str]:
    """The text cut into tokens; joined again they are the text: blanks belong to the token before them."""
    return _TOKEN.findall(text)


def count(text: str) -> int:
    beginning = len(tokens(text[:EXACT_CHARACTERS]))
    return beginning if len(text) <= EXACT_CHARACTERS else beginning * len(text) // EXACT_CHARACTERS
