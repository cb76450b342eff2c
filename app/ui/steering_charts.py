"""Charts of thresholds and of the fair housing audit."""

import textwrap
from collections.abc import Sequence

import plotly.graph_objects as go

from app.ui import words
from core.fair_audit import Area
from core.thresholds import Point

_TOLD, _WARNED = "#0f8a78", "#c9581a"


def steering(points: Sequence[Point], *, chosen: float) -> go.Figure:
    """Expected right share and share found against alerts a week, each with its 95% band; a line at the choice."""
    figure = go.Figure()
    ordered = sorted(points, key=lambda point: point.a_week.value)
    for name, attribute, colour, band in (
        ("Expected right", "right", _TOLD, "rgba(15,138,120,0.18)"),
        ("Found", "found", _WARNED, "rgba(201,88,26,0.18)"),
    ):
        found = [(point, getattr(point, attribute)) for point in ordered if getattr(point, attribute) is not None]
        x = [point.a_week.value for point, _ in found]
        figure.add_scatter(
            x=[*x, *reversed(x)],
            y=[*(one.high * 100 for _, one in found), *(one.low * 100 for _, one in reversed(found))],
            fill="toself",
            fillcolor=band,
            line={"width": 0},
            hoverinfo="skip",
            showlegend=False,
        )
        figure.add_scatter(
            x=x,
            y=[one.value * 100 for _, one in found],
            name=name,
            mode="lines+markers",
            line={"color": colour},
            customdata=[
                [words.percent_range(one.low, one.high), words.percent(point.threshold)] for point, one in found
            ],
            hovertemplate="%{x:.1f} alerts a week: %{y:.0f}% (%{customdata[0]})<br>opens at %{customdata[1]}<extra>"
            + name
            + "</extra>",
        )
    figure.add_vline(x=chosen, line_dash="dash", line_color="#8a9894", annotation_text="this choice")
    figure.update_xaxes(title="Alerts a week", rangemode="tozero")
    figure.update_yaxes(title="Share (%)", range=[0, 100])
    return _laid_out(figure, height=340, legend=True)


def areas(rows: Sequence[Area]) -> go.Figure:
    """The share of active contacts with an alert by area with its 95% interval, and four fifths of the overall share."""
    shown = sorted(rows, key=lambda row: row.alerted.rate or 0)
    contacts = sum(row.alerted.total for row in shown)
    overall = sum(row.alerted.hits for row in shown) / contacts if contacts else 0.0
    bad = {"fewer_alerts", "contacted_less", "slower"}
    figure = go.Figure(
        go.Scatter(
            x=[row.alerted.hits / row.alerted.total * 100 for row in shown],
            y=["<br>".join(textwrap.wrap(row.name, 18)) for row in shown],
            mode="markers",
            marker={"size": 11, "color": [_WARNED if bad & set(row.findings) else _TOLD for row in shown]},
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [row.alerted.high * 100 - row.alerted.hits / row.alerted.total * 100 for row in shown],
                "arrayminus": [row.alerted.hits / row.alerted.total * 100 - row.alerted.low * 100 for row in shown],
                "color": "#8a9894",
                "thickness": 2,
                "width": 5,
            },
            customdata=[
                [row.alerted.hits, row.alerted.total, words.percent_range(row.alerted.low, row.alerted.high)]
                for row in shown
            ],
            hovertemplate="%{y}: %{x:.1f}% (%{customdata[2]})<br>%{customdata[0]} of %{customdata[1]} contacts<extra></extra>",
        )
    )
    figure.add_vline(x=overall * 80, line_dash="dash", line_color="#8a9894", annotation_text="four fifths")
    most = max((row.alerted.high for row in shown), default=1)
    figure.update_xaxes(title="Active contacts with an alert (%)", range=[-most * 3, most * 105], zeroline=False)
    return _laid_out(figure, height=110 + 34 * len(shown))


def _laid_out(figure: go.Figure, *, height: int, legend: bool = False) -> go.Figure:
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 16, "t": 12, "b": 8},
        showlegend=legend,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "xanchor": "left"},
        dragmode=False,
    )
    figure.update_xaxes(automargin=True, fixedrange=True)
    figure.update_yaxes(automargin=True, fixedrange=True)
    return figure
