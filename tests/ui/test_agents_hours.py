"""Working hours are read as people write them."""

import pytest

from app.ui.agents_hours import in_words, read, written


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("off", []),
        ("9-17", [["09:00", "17:00"]]),
        ("9:00–12:30, 13.30-18", [["09:00", "12:30"], ["13:30", "18:00"]]),
        ("9am-12:30pm and 1pm - 5:30 PM", [["09:00", "12:30"], ["13:00", "17:30"]]),
        ("8:30am-12:30pm, 1-5pm", [["08:30", "12:30"], ["13:00", "17:00"]]),
        ("9-5pm", [["09:00", "17:00"]]),
        ("9-5", [["09:00", "17:00"]]),
        ("6-8, 10-2", [["06:00", "08:00"], ["10:00", "14:00"]]),
        ("22-24", [["22:00", "24:00"]]),
        ("8pm to 12am", [["20:00", "24:00"]]),
        ("0800-1200", [["08:00", "12:00"]]),
    ],
)
def test_hours_are_read(text: str, expected: list[list[str]]) -> None:
    assert read(text) == expected
    assert read(written(expected)) == expected


@pytest.mark.parametrize(
    "text", ["9", "17-9", "9-25", "13pm-15", "9am-9am", "9-12-15", "9-12, 11-15", "morning", "9:75-12"]
)
def test_what_are_no_hours_is_said(text: str) -> None:
    with pytest.raises(ValueError, match="“"):
        read(text)


def test_a_week_is_told_in_few_words() -> None:
    office = [["09:00", "12:30"], ["13:30", "18:00"]]
    week = {"mon": office, "tue": office, "wed": office, "sat": [["10:00", "14:00"]]}
    assert in_words(week) == "Mon–Wed 09:00-12:30, 13:30-18:00; Sat 10:00-14:00"
    assert in_words({}) == "always on duty"
