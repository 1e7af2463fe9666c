"""`bench` is a folder of the repository, not an installed package: put the repository on the path."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
