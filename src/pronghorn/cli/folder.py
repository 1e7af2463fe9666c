"""The data folder: secret, database and journal are in it, so it is made for its owner alone."""

from pathlib import Path

from pronghorn.settings import SettingsError


def make_data_folder(data: Path) -> None:
    """One that is there stays as it is. Raises `SettingsError`."""
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise unusable(data, error) from error


def unusable(data: Path, error: OSError) -> SettingsError:
    return SettingsError(
        f"data: {data} cannot be used as a folder for data ({error.strerror}: {error.filename}); "
        "give it to the user who runs Pronghorn, or choose another one with --data"
    )
