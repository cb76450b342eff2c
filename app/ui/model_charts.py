"""Charts of the Models page: what was said against what came true, each point with its interval."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import plotly.graph_objects as go

from app.ui import words

_TOLD, _GOOD, _BAD = "#0f8a78", "#0f8a78", "#c9581a"


def reliability(rows: Sequence[Mapping[str, Any]], *, what: str) -> go.Figure:
    """Predicted against observed share, a point for scores of about the same number; on the line the numbers keep their word."""
    most = max(max(row["observedHigh"], row["predicted"]) for row in rows) * 100
    figure = go.Figure()
    figure.add_scatter(
        x=[0, most],
        y=[0, most],
        mode="lines",
        line={"dash": "dot", "color": "#8a9894"},
        name="Exactly true",
        hoverinfo="skip",
    )
    figure.add_scatter(
        x=[row["predicted"] * 100 for row in rows],
        y=[row["observed"] * 100 for row in rows],
        mode="markers",
        marker={"size": 10, "color": _TOLD},
        error_y={
            "type": "data",
            "symmetric": False,
            "array": [(row["observedHigh"] - row["observed"]) * 100 for row in rows],
            "arrayminus": [(row["observed"] - row["observedLow"]) * 100 for row in rows],
            "thickness": 1.5,
            "width": 4,
        },
        customdata=[[int(row["rows"]), words.percent_range(row["observedLow"], row["observedHigh"])] for row in rows],
        hovertemplate="said %{x:.1f}%, true %{y:.1f}% (%{customdata[1]})<br>%{customdata[0]} scores<extra></extra>",
        name="Scores that said about this",
    )
    figure.update_xaxes(title=f"Said: {what} (%)", range=[-most * 0.03, most * 1.05], fixedrange=True, automargin=True)
    figure.update_yaxes(title="Came true (%)", range=[-most * 0.03, most * 1.05], fixedrange=True, automargin=True)
    return figure.update_layout(height=340, margin={"l": 8, "r": 16, "t": 12, "b": 8}, dragmode=False, showlegend=False)


def ratios(rows: Sequence[tuple[str, float, float, float, bool]]) -> go.Figure:
    """Observed over expected by tier (name, value, low, high, alarmed); 1 is as promised."""
    figure = go.Figure()
    figure.add_scatter(
        x=[value for _, value, *_ in rows],
        y=[escape(name) for name, *_ in rows],
        mode="markers",
        marker={"size": 11, "color": [_BAD if alarmed else _GOOD for *_, alarmed in rows]},
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [high - value for _, value, _, high, _ in rows],
            "arrayminus": [value - low for _, value, low, _, _ in rows],
            "color": "#8a9894",
            "thickness": 2,
            "width": 5,
        },
        hovertemplate="%{y}: %{x:.2f}<extra></extra>",
    )
    figure.add_vline(x=1, line={"dash": "dot", "color": "#8a9894"})
    figure.update_xaxes(title="Came true, for each one expected", rangemode="tozero", fixedrange=True, automargin=True)
    figure.update_yaxes(fixedrange=True, automargin=True)
    return figure.update_layout(
        height=110 + 34 * len(rows), margin={"l": 8, "r": 16, "t": 12, "b": 8}, dragmode=False, showlegend=False
    )
