"""CSV that no spreadsheet takes for formulas, and that every reader reads back."""

import csv
import io

import pytest

from pronghorn.kit.sheet import cell, sheet

FORMULAS = ["=1", "+1", "-1", "@SUM(A1)", "\t1", "\r1", "\n=1", "＝1", "＋1", "－1", "＠SUM(A1)"]


@pytest.mark.parametrize("value", [*FORMULAS, '=cmd|"/c calc"!A1', "-"])
def test_what_would_be_a_formula_is_text(value: str) -> None:
    assert cell(value) == f"'{value}"


@pytest.mark.parametrize("value", ["", "5.00", "PH-2222", "a=b", " =1", "'=1", "团队"])
def test_everything_else_stays_as_it_is(value: str) -> None:
    assert cell(value) == value


def test_a_sheet_is_read_back_as_it_was() -> None:
    rows = [['a, "b"', "two\nlines", "x"], ["", "é", "PH-2222-2222"]]
    text = sheet(["first", "second", "third"], rows)
    assert list(csv.reader(io.StringIO(text, newline=""))) == [["first", "second", "third"], *rows]
    assert text.startswith("first,second,third\r\n")


def test_no_cell_of_a_sheet_begins_a_formula() -> None:
    text = sheet(["a"], [[value] for value in FORMULAS])
    cells = [row[0] for row in csv.reader(io.StringIO(text, newline=""))]
    assert cells == ["a", *(f"'{value}" for value in FORMULAS)]
