"""How many requests are taken at one time."""

import resource

import pytest

from pronghorn.errors import Unavailable
from pronghorn.relay.crowd import FILES_OF_OUR_OWN, FILES_PER_REQUEST, Crowd, most_by_files


@pytest.mark.parametrize(
    ("limits", "most"),
    [
        ((256, 1_000), (1_000 - FILES_OF_OUR_OWN) // FILES_PER_REQUEST),
        ((1_000, 1_000), (1_000 - FILES_OF_OUR_OWN) // FILES_PER_REQUEST),
        ((20, 20), 8),
        ((1_024, resource.RLIM_INFINITY), (2**20 - FILES_OF_OUR_OWN) // FILES_PER_REQUEST),
    ],
)
def test_the_limit_of_open_files_leaves_some_for_us(
    monkeypatch: pytest.MonkeyPatch, limits: tuple[int, int], most: int
) -> None:
    raised: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits)
    monkeypatch.setattr(resource, "setrlimit", lambda _, wanted: raised.append(wanted))
    assert most_by_files() == most
    assert raised == ([(limits[1], limits[1])] if limits[0] != limits[1] else [])


def test_who_is_refused_is_not_counted() -> None:
    crowd = Crowd(2)
    crowd.enter()
    crowd.enter()
    with pytest.raises(Unavailable) as refused:
        crowd.enter()
    assert (crowd.open, refused.value.retry_after_s) == (2, 1.0)
    crowd.open -= 1
    crowd.enter()
