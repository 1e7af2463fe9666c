"""Tasks are looked at sooner than vendors would like it: nobody should wait for that here."""

from collections.abc import Iterator

import pytest

from pronghorn.tasks import family


@pytest.fixture(autouse=True, scope="session")
def short_pauses() -> Iterator[None]:
    families = family.load().values()
    with pytest.MonkeyPatch.context() as patch:
        for one in families:
            patch.setattr(type(one), "pause_s", 0.25)
        yield
