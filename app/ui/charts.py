"""Charts in Plotly: every axis says what it is and in what unit, every share carries its interval, and text says it too."""

import math
import textwrap
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import plotly.graph_objects as go

from app.ui import words
from core.views.analytics import ALL, ComparedAgent, ConversionRow, FunnelStep, ResponseRow, VolumeRow
from core.views.delivery_slo import TARGET, DayLevel
from core.words import Priority

_LABEL = 20
"""Letters in a line of a label: as many as leave room for the bars on a phone."""
CONFIG = {"displayModeBar": False, "responsive": True}
_FOR, _AGAINST = "#0f8a78", "#c9581a"
_COLOURS = {
    "LIKELY_TO_SELL": "#0f8a78",
    "LIKELY_TO_BUY": "#d9660b",
    "REFINANCE_OPPORTUNITY": "#3b78d8",
    "INVESTMENT_INTEREST": "#9a5fc0",
}
_PRIORITIES = {
    Priority.CRITICAL: "#c0392b",
    Priority.HIGH: "#d9660b",
    Priority.MEDIUM: "#3b78d8",
    Priority.LOW: "#8a9894",
}


def contributions(rows: Sequence[Mapping[str, Any]]) -> go.Figure:
    """What speaks for (right) and against (left) the alert, the strongest on top."""
    shown = list(reversed(rows))
    values = [row["contribution"] for row in shown]
    figure = go.Figure(
        go.Bar(
            x=values,
            y=[_wrapped(row["label"]) for row in shown],
            orientation="h",
            marker_color=[_FOR if value > 0 else _AGAINST for value in values],
            customdata=[
                [row.get("here") or words.number(row.get("value")), words.odds(row["contribution"])] for row in shown
            ],
            hovertemplate="%{y}: %{customdata[0]}<br>%{customdata[1]}<extra></extra>",
        )
    )
    marks = _marks(min(values), max(values))
    figure.update_xaxes(
        zeroline=True,
        tickvals=[math.log(mark) for mark in marks],
        ticktext=[f"×{mark:g}" if mark >= 1 else f"÷{1 / mark:g}" for mark in marks],
        tickangle=0,
        title="← less · odds · more →",
    )
    lines = max(label.count("<br>") for label in figure.data[0].y) + 1
    return _laid_out(figure, height=100 + max(38, 14 * lines + 8) * len(shown), left=8)


def _marks(low: float, high: float) -> list[float]:
    """Factors of the odds to write under the bars: about four, however far the bars reach."""
    steps = (1.5, 2, 3, 5, 10, 30, 100, 1000, 1e6)

    room = (max(high, 0) - min(low, 0)) / 5  # two marks closer than this run into each other on a phone

    def side(reach: float) -> list[float]:
        reached = [step for step in steps if room <= math.log(step) <= reach * 1.05]
        return reached[-1:] if len(reached) < 3 else [reached[0], reached[-1]]

    return [*(1 / step for step in side(-low)), 1, *side(high)]


def volume(rows: Sequence[VolumeRow]) -> go.Figure:
    """Alerts opened per day, stacked by type."""
    figure = go.Figure()
    for kind in dict.fromkeys(row.alert_type for row in rows):
        of_kind = [row for row in rows if row.alert_type == kind]
        figure.add_bar(
            x=[row.day for row in of_kind],
            y=[row.count for row in of_kind],
            name=_type(kind),
            marker_color=_COLOURS.get(kind),
            hovertemplate="%{x|%a %d %b}: %{y} alerts<extra>" + _type(kind) + "</extra>",
        )
    figure.update_layout(barmode="stack")
    if max((row.count for row in rows), default=0) <= 4:
        figure.update_yaxes(dtick=1)
    figure.update_xaxes(title="Day (your time zone)")
    figure.update_yaxes(title="Alerts opened", rangemode="tozero", tickformat=",d")
    return _laid_out(figure, height=320, legend=True)


def conversion(rows: Sequence[ConversionRow]) -> go.Figure:
    """Converted of closed by type, with the 95% interval."""
    shown = [row for row in rows if row.rate.rate is not None]
    names = ["All types" if row.group == ALL else _type(row.group) for row in shown]
    return _shares(names, [row.rate for row in shown], "Converted of closed alerts (%)")


def caught(counts: Sequence[tuple[str, str, int]]) -> go.Figure:
    """Alerts by type, in bars of their priorities; (type, priority, how many)."""
    types = sorted({kind for kind, _, _ in counts}, key=lambda kind: sum(n for one, _, n in counts if one == kind))
    figure = go.Figure()
    for priority, colour in _PRIORITIES.items():
        found = {kind: number for kind, of, number in counts if of == priority}
        if not found:
            continue
        figure.add_bar(
            x=[found.get(kind, 0) for kind in types],
            y=[_wrapped(_type(kind)) for kind in types],
            orientation="h",
            name=words.PRIORITY[priority],
            marker_color=colour,
            hovertemplate="%{y}: %{x}<extra>" + words.PRIORITY[priority] + "</extra>",
        )
    figure.update_layout(barmode="stack")
    most = max(sum(n for one, _, n in counts if one == kind) for kind in types)
    figure.update_xaxes(title="Alerts", rangemode="tozero", tickformat=",d", **({"dtick": 1} if most <= 4 else {}))
    return _laid_out(figure, height=130 + 40 * len(types), legend=True)


def funnel(steps: Sequence[FunnelStep]) -> go.Figure:
    """How far the alerts came."""
    figure = go.Figure(
        go.Bar(
            x=[step.count for step in steps],
            y=[words.STEP.get(step.step, step.step) for step in steps],
            orientation="h",
            marker_color=_FOR,
            text=[f"{step.count:,} · {words.percent(step.of_first.rate)}" for step in steps],
            textposition="auto",
            cliponaxis=False,
            hovertemplate="%{y}: %{x} alerts<extra></extra>",
        )
    )
    figure.update_xaxes(title="Alerts", rangemode="tozero")
    figure.update_yaxes(autorange="reversed")
    return _laid_out(figure, height=260)


def response(rows: Sequence[ResponseRow]) -> go.Figure:
    """Median and 90% time from opening to acknowledging, by priority, in minutes."""
    shown = [row for row in rows if row.median is not None]
    figure = go.Figure()
    for label, name, colour in (("Half within", "median", _FOR), ("9 of 10 within", "p90", _AGAINST)):
        found = [(row, getattr(row, name)) for row in shown if getattr(row, name) is not None]
        figure.add_bar(
            x=[words.group(row.group) for row, _ in found],
            y=[value.value / 60 for _, value in found],
            name=label,
            marker_color=colour,
            error_y={
                "type": "data",
                "symmetric": False,
                "array": [(value.high - value.value) / 60 for _, value in found],
                "arrayminus": [(value.value - value.low) / 60 for _, value in found],
                "color": "#8a9894",
            },
            customdata=[words.span(value.value) for _, value in found],
            hovertemplate="%{x}: %{customdata}<extra>" + label + "</extra>",
        )
    figure.update_yaxes(title="Minutes until acknowledged", rangemode="tozero")
    figure.update_xaxes(title="Priority")
    return _laid_out(figure, height=320, legend=True)


def agents(rows: Sequence[ComparedAgent]) -> go.Figure:
    """Agents' conversion rates with their intervals: where they overlap, nothing is proven."""
    shown = sorted((row for row in rows if row.rate.rate is not None), key=lambda row: row.rate.rate or 0)
    return _shares(
        [escape(row.name, quote=False) for row in shown], [row.rate for row in shown], "Converted of closed alerts (%)"
    )


def service_level(days: Sequence[DayLevel]) -> go.Figure:
    """The share accepted in time by day with its 95% interval, and the promise as a line; what surely missed it stands out."""
    figure = go.Figure()
    missed = [one for one in days if one.level.rate is not None and one.level.high < TARGET]
    kept = [one for one in days if one.level.rate is not None and one.level.high >= TARGET]
    for name, shown, colour, symbol in (
        ("Kept, as far as can be told", kept, _FOR, "circle"),
        ("Missed beyond chance", missed, _AGAINST, "diamond"),
    ):
        if not shown:
            continue
        figure.add_scatter(
            x=[one.day for one in shown],
            y=[(one.level.rate or 0) * 100 for one in shown],
            name=name,
            mode="markers",
            marker={"size": 10, "color": colour, "symbol": symbol},
            cliponaxis=False,
            error_y={
                "type": "data",
                "symmetric": False,
                "array": [(one.level.high - (one.level.rate or 0)) * 100 for one in shown],
                "arrayminus": [((one.level.rate or 0) - one.level.low) * 100 for one in shown],
                "thickness": 1.5,
                "width": 3,
            },
            customdata=[[one.level.hits, one.level.total] for one in shown],
            hovertemplate="%{x|%a %-d %b}: %{y:.1f}%<br>%{customdata[0]} of %{customdata[1]}<extra></extra>",
        )
    figure.add_scatter(
        x=[days[0].day, days[-1].day],
        y=[TARGET * 100] * 2,
        name=f"The promise, {TARGET:.0%}",
        mode="lines",
        line={"color": _AGAINST, "dash": "dash", "width": 2},
        hoverinfo="skip",
    )
    lowest = min((one.level.low for one in (*kept, *missed)), default=0) * 100
    figure.update_yaxes(title="Accepted within a minute (%)", range=[max(min(lowest, 90) - 5, -3), 103])
    figure.update_xaxes(title="Day (your time zone)", tickformat="%-d %b", nticks=5)
    return _laid_out(figure, height=320, legend=True)


def _shares(names: Sequence[str], shares: Sequence[Any], title: str) -> go.Figure:
    figure = go.Figure(
        go.Scatter(
            x=[one.rate * 100 for one in shares],
            y=[_wrapped(name) for name in names],
            mode="markers",
            marker={"size": 11, "color": _FOR},
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [(one.high - one.rate) * 100 for one in shares],
                "arrayminus": [(one.rate - one.low) * 100 for one in shares],
                "thickness": 2,
                "width": 5,
            },
            customdata=[[one.hits, one.total, words.percent_range(one.low, one.high)] for one in shares],
            hovertemplate="%{y}: %{x:.1f}% (%{customdata[2]})<br>%{customdata[0]} of %{customdata[1]}<extra></extra>",
        )
    )
    figure.update_xaxes(title=title, range=[-3, 103])
    return _laid_out(figure, height=110 + 34 * len(names))


def _wrapped(label: str) -> str:
    """In as many short lines as it takes: on a phone the whole label is to be read beside its bar."""
    return "<br>".join(textwrap.wrap(label, _LABEL))


def _type(alert_type: str) -> str:
    """A type's name as plain text: Plotly would take a team's own "<b>" for formatting."""
    return escape(words.type_words(alert_type), quote=False)


def _laid_out(figure: go.Figure, *, height: int, legend: bool = False, left: int = 8) -> go.Figure:
    figure.update_layout(
        height=height,
        margin={"l": left, "r": 16, "t": 12, "b": 8},
        showlegend=legend,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "xanchor": "left"},
        dragmode=False,
    )
    figure.update_xaxes(automargin=True, fixedrange=True)
    figure.update_yaxes(automargin=True, fixedrange=True)
    return figure
