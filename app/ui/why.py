"""Why an alert is where it is: what speaks for and against, how the number is made, what would lower it, and machines."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from app.ui import charts, layout, words
from core.errors import Invalid
from core.scoring.why import described
from core.signals import definitions
from core.views import intervals
from core.views.detail import AlertDetail
from core.views.recount import Recount

_MOST_BARS = 10
_SET_RIGHT = {
    "none": "as it is: nothing had to be set right",
    "intercept": "its level set right by what came of earlier scores",
    "platt": "its level and steepness set right by what came of earlier scores",
    "isotonic": "set right range by range by what came of earlier scores",
}
_DOCUMENTED = "by the curve Doorbell comes with, until your outcomes say otherwise"
_UNBROKEN = "\u00a0"
_SMALL = 0.05
"""Log-odds; a reason below this moves the odds by less than a twentieth."""
_SIGNALS = frozenset(f"signal_{definition.type.lower()}" for definition in definitions())
_MOVED = 0.005
"""Confidences closer than this look the same on the screen."""


def render(found: AlertDetail) -> None:
    explanation = found.explanation
    if explanation.get("text"):
        st.markdown(layout.plain(str(explanation["text"])))
    rows = [row for row in explanation.get("contributions", []) if abs(row.get("contribution", 0.0)) > 1e-9]
    if rows:
        _contributions([told(row) for row in sorted(rows, key=lambda row: -abs(row["contribution"]))])
    else:
        st.caption("No single fact stands out.")
    _lowering(found)
    _number(found)
    st.markdown(f"**Machines:** {machines(found.recount, shown=found.card.confidence)}")


def _contributions(rows: Sequence[Mapping[str, Any]]) -> None:
    large = [row for row in rows if abs(row["contribution"]) >= _SMALL] or rows[:1]
    st.plotly_chart(charts.contributions(large[:_MOST_BARS]), key="why-chart", config=charts.CONFIG)
    with st.expander(f"All {words.plural(len(rows), 'reason')} as a table"):
        st.caption("Each line multiplies or divides the odds; together with where everybody starts they are the score.")
        st.table(pd.DataFrame(table(rows)).set_index("What"))


def table(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """The reasons as rows; the small ones in one, so that together they are still the score."""
    large = [row for row in rows if abs(row["contribution"]) >= _SMALL]
    shown = [{"What": row["label"], "Here": row["here"], "Odds": _factor(row["contribution"])} for row in large]
    if rest := [row["contribution"] for row in rows if abs(row["contribution"]) < _SMALL]:
        what = words.plural(len(rest), "smaller reason") + (" together" if len(rest) > 1 else "")
        shown.append({"What": what, "Here": "", "Odds": _factor(sum(rest))})
    return shown


def _factor(contribution: float) -> str:
    return words.odds(contribution).removeprefix("odds ").replace(" ", _UNBROKEN)


def _lowering(found: AlertDetail) -> None:
    lowering = found.recount.lowering
    if not lowering:
        return
    st.markdown("**What would lower it**")
    before = words.percent(found.recount.confidence)
    st.table(
        pd.DataFrame(
            [
                {
                    "One change": f"{one.text[:1].upper()}{one.text[1:]}",
                    "Confidence": f"{before}{_UNBROKEN}→{_UNBROKEN}{words.percent(one.confidence)}",
                }
                for one in lowering
            ]
        ).set_index("One change")
    )


def _number(found: AlertDetail) -> None:
    """From the sum to the two numbers, the calibrator as its own step."""
    explanation = found.explanation
    calibrator = explanation.get("calibrator") or {}
    if calibrator:
        with st.expander("How the number is made"):
            documented = explanation.get("evidence", {}).get("source") != "outcomes"
            st.table(
                pd.DataFrame(steps(explanation, words.chance(found.card.alert_type), documented=documented)).set_index(
                    "Step"
                )
            )
    if sentence := evidence(explanation.get("evidence") or {}):
        st.markdown(f"**Evidence:** {sentence}")


def steps(explanation: Mapping[str, Any], chance: str, *, documented: bool) -> list[dict[str, str]]:
    """The way from a usual contact to the two numbers, as rows."""
    calibrator = explanation["calibrator"]
    rows = [
        {"Step": "Where everybody starts", "Then": words.chance_of(explanation["base"])},
        {"Step": "With all reasons for and against", "Then": words.chance_of(explanation["logOdds"])},
    ]
    for name, label in (("confidence", "Confidence that the alert is right"), ("probability", chance)):
        step = calibrator[name]
        how = _SET_RIGHT["none"] if step["kind"] == "none" else _DOCUMENTED if documented else _SET_RIGHT[step["kind"]]
        rows.append({"Step": f"{label}: {how}", "Then": words.percent(step["after"])})
    return rows


def evidence(of: Mapping[str, Any]) -> str:
    """What stands behind a score like this, in a sentence."""
    if not of:
        return ""
    rows, positives = of.get("rows"), of.get("positives")
    if of.get("source") == "belief":
        return (
            "none of your own yet. The number is what the author of this alert type believes, until outcomes come in."
        )
    if of.get("source") != "outcomes" or rows is None or positives is None:
        return "none of your own yet. Until outcomes come in, the number rests on what Doorbell comes with."
    if not rows:
        return "no earlier case had a score like this."
    share = intervals.share(positives, rows)
    likely = words.percent_range(share.low, share.high)
    if positives in (0, rows):
        likely = f"above {words.percent(share.low)}" if positives else f"below {words.percent(share.high)}"
    return (
        f"of {words.plural(rows, 'earlier case')} with a score like this, {positives:,} came true "
        f"(the true share is likely {likely})."
    )


def machines(of: Recount, *, shown: float) -> str:
    """How much of what was seen a machine made, and what that does to the score."""
    seen = words.plural(of.events, "event")
    if not of.machine and not of.doubtful:
        return (
            f"none of the {seen} of the last {of.window_days} days looks machine-made." if of.events else "no events."
        )
    parts = []
    if of.machine:
        parts.append(
            f"{of.machine:,} of the {seen} of the last {of.window_days} days look machine-made and do not count"
        )
    if of.doubtful:
        more = "more " if of.machine else f"of the {seen} of the last {of.window_days} days "
        parts.append(
            f"{of.doubtful:,} {more}{'is in doubt and counts' if of.doubtful == 1 else 'are in doubt and count'}"
        )
    text = ", ".join(parts) + "."
    if of.confidence is None or of.without_doubtful is None or of.with_machines is None:
        return text
    told = [f"Confidence as it is: {words.percent(of.confidence)}"]
    if of.doubtful:
        told.append(f"without those in doubt: {words.percent(of.without_doubtful)}")
    if of.machine:
        told.append(f"had machines counted: {words.percent(of.with_machines)}")
    text += f" {'; '.join(told)}."
    if abs(of.confidence - shown) > _MOVED:
        text += f" (The alert says {words.percent(shown)}: events that came late are counted here.)"
    return text


def told(row: Mapping[str, Any]) -> dict[str, Any]:
    """A contribution with its label and value as a person reads them: signals are told from the counts they are made of."""
    label = str(row["label"])
    if row["feature"] in _SIGNALS:
        label = f"Signal: {label[:1].lower()}{label[1:]}"
    return {**row, "label": label, "here": here(row)}


def here(row: Mapping[str, Any]) -> str:
    """The value of a line with its unit; of two features that count together, both."""
    names, values = row.get("features"), row.get("values")
    if names and values:
        return " and ".join(_valued(name, value) for name, value in zip(names, values, strict=True))
    return _valued(str(row["feature"]), row.get("value"))


def _valued(name: str, value: float | None) -> str:
    try:
        unit = described(name).unit
    except Invalid:  # a line of a rule, which is no feature
        unit = ""
    if value is None or unit not in _UNITS:
        return words.number(value)
    return _UNITS[unit](value)


_UNITS: Mapping[str, Callable[[float], str]] = {
    "share": words.percent,
    "strength": lambda value: words.percent(value) if value <= 1 else words.number(value),
    "USD": words.money,
    "hour": lambda value: f"{value:02.0f}:00 UTC",
    "times": lambda value: words.plural(round(value), "time"),
    "days": lambda value: words.plural(round(value), "day"),
    "years": lambda value: f"{value:.1f} years",
    "minutes": lambda value: f"{value:.0f} min",
}
