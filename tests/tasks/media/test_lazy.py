"""What media need is loaded when media are asked for: an idle server keeps its memory."""

import subprocess
import sys

LOADED = """
import sys
import pronghorn.app, pronghorn.api.tasks, pronghorn.api.tasks.media, pronghorn.tasks.mirror
from pronghorn.tasks.shelf import Shelf
from pronghorn.settings import Settings
Shelf(Settings())
print([name for name in ("obstore", "PIL") if name in sys.modules])
"""


def test_neither_store_nor_pictures_are_loaded_before_they_are_used() -> None:
    found = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
