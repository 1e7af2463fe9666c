"""Write docs/en/matrix.md from a run of its own: `python -m tests.clients.matrix`.

Prints every cell that is not as expected, and then writes nothing.
"""

import asyncio
import sys
import tempfile
from pathlib import Path

from tests.clients.matrix.expected import compared, expected
from tests.clients.matrix.page import PAGE, page
from tests.clients.matrix.playing import CLIENTS, clients, play
from tests.process import Installation


async def differences(gateway: Installation) -> list[str]:
    found = []
    for client, is_async in clients():
        outcomes = await play(client, gateway, is_async=is_async)
        found += [f"{client.name}, {line}" for line in compared(outcomes, expected(client.name))]
    return found


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        gateway = Installation(Path(folder)).start()
        try:
            found = asyncio.run(differences(gateway))
        finally:
            gateway.close()
    if found:
        print("\n".join(found))
        return 1
    text = page({client.name: expected(client.name) for client in CLIENTS})
    PAGE.write_text(text, "utf-8")
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
