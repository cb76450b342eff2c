"""A comparison in plain sentences: what would change for whom, and only what is more than luck."""

from collections.abc import Iterator, Mapping
from typing import Any

MOST_PEOPLE = 6
_MONTH = 30.4


def sentences(found: Mapping[str, Any]) -> list[str]:
    """For a stored comparison ({whole, agents, days, ...} as core.routing.rehearsal.asking keeps it)."""
    whole = found["whole"]
    told = [text for text in (_touch(whole), _late(whole), _fair(whole), _wins(whole), _waits(whole)) if text]
    people = list(_people(found))
    if not told and not people:
        return ["Nothing differs by more than luck."]
    return [*told, *people]


def _sure(one: Mapping[str, Any]) -> bool:
    """Whether the range of the change leaves 0 out."""
    if not one["change"]:
        return False
    return one["low"] is None or one["low"] > 0 or one["high"] < 0


def _touch(whole: Mapping[str, Any]) -> str:
    one = whole["median_minutes"]
    if not _sure(one) or abs(one["change"]) < max(1.0, one["before"] / 20):
        return ""
    return (
        f"Half of the alerts would be answered within {span(one['after'])}, now {span(one['before'])}: "
        f"{span(abs(one['change']))} {'sooner' if one['change'] < 0 else 'later'}."
    )


def _late(whole: Mapping[str, Any]) -> str:
    one = whole["late"]
    if not _sure(one) or abs(one["change"]) < 0.5:
        return ""
    return f"{_number(abs(one['change']))} {'fewer' if one['change'] < 0 else 'more'} alerts would miss their time."


def _fair(whole: Mapping[str, Any]) -> str:
    one = whole["gini"]
    if not _sure(one) or abs(one["change"]) < 0.01:
        return ""
    how = "more evenly" if one["change"] < 0 else "less evenly"
    return f"Alerts would be spread {how} (Gini {one['after']:.2f} instead of {one['before']:.2f})."


def _wins(whole: Mapping[str, Any]) -> str:
    one = whole["expected"]
    if not _sure(one) or abs(one["change"]) < 0.05:
        return ""
    more = "more" if one["change"] > 0 else "fewer"
    return f"{_number(abs(one['change']))} {more} conversions are to be expected, of {_number(one['before'])}."


def _waits(whole: Mapping[str, Any]) -> str:
    one = whole["waited"]
    if not _sure(one) or abs(one["change"]) < 0.5:
        return ""
    return f"{_number(abs(one['change']))} {'fewer' if one['change'] < 0 else 'more'} alerts would wait in the pool."


def _people(found: Mapping[str, Any]) -> Iterator[str]:
    """Those for whom most changes: "Tom would get 31 more alerts a month and answer 12 minutes sooner; two more ..."."""
    monthly = found["days"] >= _MONTH / 2
    months, when = (found["days"] / _MONTH, "a month") if monthly else (1.0, "in these days")
    rows = sorted(found["agents"], key=lambda row: -abs(row["figures"]["alerts"]["change"] or 0))
    for row in rows[:MOST_PEOPLE]:
        figures = row["figures"]
        if not _sure(figures["alerts"]) or abs(figures["alerts"]["change"]) < 0.5:
            continue
        change = figures["alerts"]["change"] / months
        text = f"{row['name']} would get {_number(abs(change))} {'more' if change > 0 else 'fewer'} alerts {when}"
        touch = figures["median_minutes"]
        if _sure(touch) and abs(touch["change"]) >= 1:
            text += f" and answer {span(abs(touch['change']))} {'sooner' if touch['change'] < 0 else 'later'}"
        late = figures["late"]
        if _sure(late) and abs(late["change"]) >= 0.5:
            text += f"; {_number(abs(late['change']) / months)} {'fewer' if late['change'] < 0 else 'more'} would miss their time"
        yield f"{text}."


def span(minutes: float) -> str:
    """12 minutes, 3.5 hours, 2.1 days."""
    if minutes < 1.5:
        return f"{max(minutes * 60, 1):.0f} seconds"
    if minutes < 90:
        return f"{minutes:.0f} minutes"
    return f"{minutes / 60:.1f} hours" if minutes < 48 * 60 else f"{minutes / 1440:.1f} days"


def _number(value: float) -> str:
    return f"{value:.1f}" if value < 2 and abs(value - round(value)) > 0.05 else f"{value:,.0f}"
