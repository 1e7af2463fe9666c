"""The page about conversion says what the code does."""

from tests.wire import page

from pronghorn import convert
from pronghorn.convert import table


def test_tables_of_the_page_are_those_of_the_code() -> None:
    text = page.PAGE.read_text("utf-8")
    assert page.renewed(text) == text, "renew it: python -m tests.wire"
    assert [name for name in page.TABLES if f"<!-- table: {name} -->" not in text] == []


def test_every_field_and_part_has_a_row() -> None:
    fields, parts = table.fields_table(), table.parts_table()
    for dialect in convert.load().values():
        assert dialect.fields.keys() >= dialect.carries
        assert [name for name in dialect.carries if f"| `{name}` |" not in fields] == []
        assert [name for name in dialect.parts - table.OWN if f"| `{name}` |" not in parts] == []
        assert dialect.name in table.ORDER


def test_what_a_dialect_has_no_word_for_is_called_dropped() -> None:
    [row] = [line for line in table.fields_table().splitlines() if line.startswith("| `seed` |")]
    assert row == "| `seed` | `seed` | dropped | dropped | `generationConfig.seed` |"
