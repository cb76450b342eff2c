"""What is exported is read by a spreadsheet as what it is, and never run."""

import csv
import io
import re
from pathlib import Path

import pytest

from core import spreadsheets

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    "name",
    [
        "=cmd|' /C calc'!A0",
        "=1+1",
        "+cmd|' /C calc'!A0",
        "-2+3+cmd|' /C calc'!A0",
        "@SUM(1+1)*cmd|' /C calc'!A0",
        '=HYPERLINK("https://evil.example","click")',
        "  =1+1",
        "\t=1+1",
        "\r\n=1+1",
        "＝1+1",
        "%0A=1+1",
    ],
)
def test_a_hostile_name_is_text_and_can_still_be_read(name: str) -> None:
    out = io.StringIO()
    csv.writer(out).writerow([spreadsheets.cell(name), "next"])
    ((first, second),) = csv.reader(io.StringIO(out.getvalue(), newline=""))
    assert first == f"'{name}"
    assert second == "next"


@pytest.mark.parametrize(
    "value", ["Rosa Diaz", "-5", "+1 312 555 0142", "+13125550142", "-2.5", "O'Brien", "a=b", "12-3", "", 5, -3, True]
)
def test_what_is_harmless_stays_as_it_is(value: object) -> None:
    assert spreadsheets.cell(value) == value


def test_numbers_and_gaps_are_written_plainly() -> None:
    assert spreadsheets.cell(-0.25) == "-0.25"
    assert spreadsheets.cell(1 / 3) == "0.333333"
    assert spreadsheets.cell(None) == ""


def test_whatever_writes_a_csv_file_for_people_goes_through_the_guard() -> None:
    writers = {
        path.relative_to(ROOT).as_posix()
        for folder in ("core", "app", "jobs", "pages")
        for path in (ROOT / folder).rglob("*.py")
        if re.search(r"csv\.(writer|DictWriter)|\.to_csv\(", (text := path.read_text()))
        and "fair_audit.to_csv" not in text
        and "spreadsheets.cell(" not in text
    }
    assert not writers, "use core.spreadsheets.cell"
