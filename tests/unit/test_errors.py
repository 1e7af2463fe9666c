"""The tree in the docstring is the tree of the classes, and each class says all that a door needs."""

import re
from collections.abc import Iterator

import pytest

from pronghorn import errors
from pronghorn.errors import PronghornError


def walk(kind: type[PronghornError], depth: int = 0) -> Iterator[tuple[int, type[PronghornError]]]:
    yield depth, kind
    for below in kind.__subclasses__():
        if below.__module__ == errors.__name__:
            yield from walk(below, depth + 1)


CLASSES = [kind for _, kind in walk(PronghornError)]


def drawn() -> dict[str, tuple[int, str]]:
    """Name to depth and the status beside it."""
    found = {}
    for line in (errors.__doc__ or "").splitlines():
        match = re.match(r"^([│ ]*(?:[├└]── )?)([A-Z]\w+)(?:\s+(\d\d\d|4xx))?(?:\s|$)", line)
        if match and ("──" in match[1] or match[2] == PronghornError.__name__):
            found[match[2]] = (len(match[1]) // 4, match[3] or "")
    return found


def test_the_docstring_draws_the_tree() -> None:
    assert {name: depth for name, (depth, _) in drawn().items()} == {
        kind.__name__: depth for depth, kind in walk(PronghornError)
    }


@pytest.mark.parametrize("kind", CLASSES)
def test_the_drawn_status_is_that_of_the_class(kind: type[PronghornError]) -> None:
    status = drawn()[kind.__name__][1]
    if status.isdigit():
        assert kind.status == int(status)


@pytest.mark.parametrize("kind", CLASSES)
def test_a_class_says_what_a_door_needs(kind: type[PronghornError]) -> None:
    assert (kind.__doc__ or "").strip().endswith(".")
    assert 400 <= kind.status < 600
    assert kind.code == kind.code.lower()
    assert kind.end_reason in {
        "ok",
        "client_gone",
        "client_error",
        "no_credit",
        "limited",
        "no_route",
        "upstream_error",
        "upstream_timeout",
        "upstream_truncated",
        "refused_strict",
        "overload",
        "shutdown",
        "bug",
    }


def test_an_instance_says_the_facts_or_its_class_does() -> None:
    assert errors.NoCredit().message == errors.NoCredit.__doc__
    made = errors.LimitReached("slow down", param="n", code="odd", retry_after_s=3, detail={"limit": 1})
    assert (str(made), made.param, made.code_word, made.retry_after_s) == ("slow down", "n", "odd", 3)
    assert made.detail == {"limit": 1}
    assert errors.LimitReached().code_word == "rate_limit_exceeded"
