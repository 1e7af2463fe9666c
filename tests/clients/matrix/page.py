"""The matrix as a page of the documents, made from what is expected, which the tests hold against what happens."""

from collections.abc import Mapping
from pathlib import Path

from tests.clients.matrix.playing import CLIENTS, MODELS, Outcomes, features

PAGE = Path(__file__).parents[3] / "docs" / "en" / "matrix.md"

_HEAD = """\
# Clients and models

Vendors' own packages, with nothing changed but the base URL and the key, against a model of each kind of vendor. The
test suite plays every cell, blocking and async, through a running gateway against its sandbox; this page is written by
`python -m tests.clients.matrix`, and a test fails when it is not what happens.

| column | model |
| --- | --- |
"""

_WORDS = """
| word | meaning |
| --- | --- |
| pass | it does what its user relies on |
| dropped | it works, but for the field of the request that is named here and in the header `x-pronghorn-dropped` |
| refused | the package raises its own exception, with this status and these words |
| not in the SDK | the package has no such call or option |
"""


def page(outcomes: Mapping[str, Outcomes]) -> str:
    """`outcomes` by the client's name."""
    columns = "".join(f"| {model.vendor} | `{model.chat}` |\n" for model in MODELS)
    parts = [_HEAD, columns, _WORDS]
    for client in CLIENTS:
        parts += [f"\n## {client.name}\n\n`{client.call}`\n\n", table(outcomes[client.name])]
    return "".join(parts)


def table(outcomes: Outcomes) -> str:
    vendors = [model.vendor for model in MODELS]
    lines = [f"| feature | {' | '.join(vendors)} |", "| --- |" + " --- |" * len(vendors)]
    for name in features():
        cells = [_cell(outcomes[name, vendor]) for vendor in vendors]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cell(outcome: str) -> str:
    """Paths and words of errors as code, which no markdown is read in."""
    kind, colon, rest = outcome.partition(": ")
    return f"{kind} `{rest.replace('|', '/')}`" if colon else outcome
