"""Cells of a CSV file that no spreadsheet takes for a formula: other people's words stay words (OWASP, CSV injection)."""

import re

_STARTS = ("=", "+", "-", "@", "|", "%", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_NUMBER = re.compile(r"[+-]?\d[\d ().,-]*")
"""A number, or a phone number: nothing in it can call anything, and an apostrophe would spoil it."""


def cell(value: object) -> object:
    """As it goes into the file: numbers stay numbers, text that would be run gets an apostrophe in front, None is empty."""
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, str) and value.lstrip(" ")[:1] in _STARTS and not _NUMBER.fullmatch(value.strip(" ")):
        return "'" + value
    return "" if value is None else value
