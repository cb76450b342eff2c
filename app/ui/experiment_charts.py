"""Differences with their intervals, as a picture: what lies across the line in the middle is not proven."""

import textwrap
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import plotly.graph_objects as go

from app.ui import experiment_words as speak
from app.ui import words
from core.experiments.definition import Metric

_POINT, _BAR = "#0f8a78", "#8a9894"
_UNIT = {
    Metric.TRANSACTED: ("Difference (points)", 100.0),
    Metric.RIGHT_SHARE: ("Difference (points)", 100.0),
    Metric.CONVERSION: ("Difference (points)", 100.0),
    Metric.RESPONSE_SECONDS: ("Difference (minutes)", 1 / 60),
    Metric.VALUE: ("Difference (US dollars a contact)", 1.0),
}


def differences(metric: Metric, rows: Sequence[tuple[str, Mapping[str, Any]]]) -> go.Figure:
    """One line a comparison: (its name, {difference, low, high}), zero marked."""
    title, scale = _UNIT[metric]
    shown = list(reversed(rows))
    figure = go.Figure(
        go.Scatter(
            x=[row["difference"] * scale for _, row in shown],
            y=[
                "<br>".join(escape(part) for part in textwrap.wrap(name, 20)) for name, _ in shown
            ],  # Plotly reads its labels as HTML
            mode="markers",
            marker={"size": 12, "color": _POINT},
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [(row["high"] - row["difference"]) * scale for _, row in shown],
                "arrayminus": [(row["difference"] - row["low"]) * scale for _, row in shown],
                "thickness": 2,
                "width": 6,
            },
            customdata=[
                [
                    speak.difference(metric, row["difference"]),
                    speak.difference(metric, row["low"]),
                    speak.difference(metric, row["high"]),
                ]
                for _, row in shown
            ],
            hovertemplate="%{y}: %{customdata[0]}<br>%{customdata[1]} to %{customdata[2]}<extra></extra>",
        )
    )
    figure.add_vline(x=0, line={"color": _BAR, "dash": "dash", "width": 1})
    figure.update_xaxes(title=title, automargin=True, fixedrange=True)
    figure.update_yaxes(automargin=True, fixedrange=True)
    figure.update_layout(
        height=120 + 42 * len(shown), margin={"l": 8, "r": 16, "t": 12, "b": 8}, showlegend=False, dragmode=False
    )
    return figure


def tier(code: str) -> str:
    return f"{words.group(code)} alerts"
