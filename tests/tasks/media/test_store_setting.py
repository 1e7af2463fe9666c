"""Where copies may be kept: what is no place for them is said when the gateway starts."""

from pathlib import Path

import pytest

from pronghorn import settings
from pronghorn.settings import SettingsError


@pytest.mark.parametrize(
    "place", ["", "/var/lib/media", "media", "s3://bucket/a", "gs://bucket", "az://container"]
)
def test_a_folder_or_an_object_store_is_one(place: str) -> None:
    assert settings.load(media_store=place).media_store == place


@pytest.mark.parametrize("place", ["http://host/x", "ftp://host", "file:///x", "memory:///"])
def test_anything_else_is_refused_by_name(place: str) -> None:
    with pytest.raises(SettingsError, match="media_store"):
        settings.load(media_store=place)


@pytest.mark.parametrize("line", ["media_keep_days = -1", "media_max_bytes = 0", "media_keep_days = 1.5"])
def test_so_is_a_number_that_is_none(tmp_path: Path, line: str) -> None:
    config = tmp_path / "pronghorn.toml"
    config.write_text(line)
    with pytest.raises(SettingsError, match=line.partition(" ")[0]):
        settings.load(config)
