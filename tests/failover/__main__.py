"""`python -m tests.failover` plays all scenarios and renews the tables in docs/en/failover.md. It fails if one did."""

import asyncio
import sys
import tempfile
from pathlib import Path

from tests.failover import page
from tests.failover.scenarios import in_playing_order, name_of
from tests.failover.suite import Suite


async def _play_all(folder: Path) -> page.Results:
    suite = Suite(folder)
    results = {name_of(scenario): await suite.play(scenario) for scenario in in_playing_order()}
    await suite.close()
    return results


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        results = asyncio.run(_play_all(Path(folder)))
    page.renew(results)
    failed = [
        f"{name}, {way}: {error}" for name, ways in results.items() for way, error in ways.items() if error
    ]
    print("\n".join(failed) or "all passed")
    return len(failed) > 0


if __name__ == "__main__":
    sys.exit(main())
