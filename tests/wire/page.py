"""The tables in docs/en/conversion.md: between its markers stands what the code says."""

import re
from pathlib import Path

from tests.wire import fields

from pronghorn.convert import table

PAGE = Path(__file__).parents[2] / "docs" / "en" / "conversion.md"
TABLES = {
    "fields": table.fields_table,
    "parts": table.parts_table,
    "limits": table.limits_table,
    "outcomes": fields.outcomes_table,
}
_PLACE = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", re.S)


def renewed(text: str) -> str:
    return _PLACE.sub(lambda found: f"{found[1]}{TABLES[found[2]]()}{found[3]}", text)


def renew() -> list[str]:
    before = PAGE.read_text("utf-8")
    after = renewed(before)
    if before == after:
        return []
    PAGE.write_text(after, "utf-8")
    return ["docs/en/conversion.md"]
