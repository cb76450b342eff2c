"""What a comparison found: sentences, tiles with the difference and its range, and every agent before and after, as chart and table."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from app.ui import charts, tiles
from app.ui.layout import plain
from app.ui.tiles import Tile
from core.routing.rehearsal.measuring import ONE, WHOLE, Figure
from core.routing.rehearsal.words import span

_TILES = ("median_minutes", "late", "gini", "largest_share", "waited", "overflow", "peak_load", "expected")
_OF_PEOPLE = ("alerts", "median_minutes", "late", "mean_open", "expected")
_MOST_DRAWN = 15
"""Agents in the chart, those for whom most changes; the table has all."""
_BEFORE, _AFTER = "#8a9894", "#0f8a78"
_WHOLE = {one.id: one for one in WHOLE}
_ONE = {one.id: one for one in ONE}


def render(result: Mapping[str, Any], *, days: int | None) -> None:
    """All of it."""
    st.markdown("\n".join(f"- {plain(text)}" for text in result["sentences"]))
    tiles.show([_tile(_WHOLE[name], result["whole"][name]) for name in _TILES], key="rehearsal-tiles")
    st.caption(
        "Each number is with the draft; beneath it how it is now, the difference, and the range that luck in how soon "
        "people answer leaves of it: with these alerts, nine of ten such periods would fall into it."
    )
    for note in result["notes"]:
        st.info(plain(note))
    _people(result)
    with st.expander("Every figure" + (" beside what really happened" if days else "")):
        st.table(pd.DataFrame([_row(_WHOLE[name], one) for name, one in result["whole"].items()]).set_index("Figure"))
        st.caption(
            "The replay is a model: people answer as they did in the last year, an escalation counts as a missed time and "
            "moves nobody's alert. Where “now” is far from what really happened, trust the direction more than the number."
        )


def said(figure: Figure, value: float | None, *, signed: bool = False) -> str:
    """A value with its unit."""
    if value is None:
        return "not known"
    sign = ("+" if value > 0 else "−" if value < 0 else "±") if signed else ""
    size = abs(value) if signed else value
    if figure.unit == "minutes":
        return sign + (span(size) if size or not signed else "0 minutes")
    if figure.unit == "share":
        return f"{sign}{size * 100:.1f}%" if not signed else f"{sign}{size * 100:.1f} points"
    if figure.unit == "hours":
        return f"{sign}{size:,.1f} hours"
    if figure.unit == "index":
        return f"{sign}{size:.2f}"
    return f"{sign}{size:,.1f}" if size < 10 and abs(size - round(size)) > 0.05 else f"{sign}{size:,.0f}"


def _tile(figure: Figure, one: Mapping[str, Any]) -> Tile:
    note = f"now {said(figure, one['before'])}; {_change(figure, one)}"
    if reach := _range(figure, one):
        note += f" ({reach})"
    worse = figure.better and _sure(one) and (one["change"] > 0) == (figure.better == "lower")
    return Tile(label=figure.label, value=said(figure, one["after"]), note=note, tone="warn" if worse else "")


def _change(figure: Figure, one: Mapping[str, Any]) -> str:
    told = said(figure, one["change"], signed=True)
    return "no difference" if not one["change"] or not any(digit in told for digit in "123456789") else told


def _range(figure: Figure, one: Mapping[str, Any]) -> str:
    """Empty where the draws make no difference that could be read."""
    if one["low"] is None:
        return ""
    low, high = said(figure, one["low"], signed=True), said(figure, one["high"], signed=True)
    return "" if low == high else f"{low} to {high}"


def _sure(one: Mapping[str, Any]) -> bool:
    return bool(one["change"]) and (one["low"] is None or one["low"] > 0 or one["high"] < 0)


def _people(result: Mapping[str, Any]) -> None:
    parts = {"agents": "Agents", "teams": "Teams"}
    with st.container(horizontal=True, gap="medium"):
        part = st.segmented_control(
            "Whose", list(parts), format_func=parts.__getitem__, default="agents", required=True, key="rehearsal-whose"
        )
        name = st.selectbox(
            "What", _OF_PEOPLE, format_func=lambda one: _ONE[one].label, key="rehearsal-figure", width=280
        )
    rows = [row for row in result[part or "agents"] if row["figures"][name]["before"] or row["figures"][name]["after"]]
    rows.sort(key=lambda row: -abs(row["figures"][name]["change"] or 0.0))
    if not rows:
        st.write("There is nothing to show of them.")
        return
    figure = _ONE[name]
    left, right = st.columns([3, 2], gap="medium")
    with left:
        st.plotly_chart(chart(figure, rows[:_MOST_DRAWN]), config=charts.CONFIG, key="rehearsal-chart")
    with right:
        table = pd.DataFrame(
            [{"Name": plain_name(row["name"]), **_numbers(figure, row["figures"][name])} for row in rows]
        )
        if not table["Range"].any():
            table = table.drop(columns="Range")
        st.dataframe(table, hide_index=True, height=min(38 + 35 * len(rows), 110 + 44 * _MOST_DRAWN))


def chart(figure: Figure, rows: Sequence[Mapping[str, Any]]) -> go.Figure:
    """Two bars for each, now and with the draft, with their values."""
    shown = list(reversed(rows))
    drawn = go.Figure()
    for label, side, colour in (("With the draft", "after", _AFTER), ("Now", "before", _BEFORE)):
        values = [row["figures"][figure.id][side] or 0.0 for row in shown]
        drawn.add_bar(
            x=values,
            y=[escape(row["name"]) for row in shown],
            name=label,
            orientation="h",
            marker_color=colour,
            text=[said(figure, value) for value in values],
            textposition="outside",
            textangle=0,
            cliponaxis=False,
            hovertemplate="%{y}: %{text}<extra>" + label + "</extra>",
        )
    unit = figure.unit if figure.unit not in ("alerts", "index") else ""
    drawn.update_layout(
        barmode="group",
        bargap=0.25,
        height=110 + 44 * len(shown),
        margin={"l": 8, "r": 16, "t": 12, "b": 8},
        legend={
            "orientation": "h",
            "y": 1.02,
            "yanchor": "bottom",
            "x": 0,
            "xanchor": "left",
            "traceorder": "reversed",
        },
        dragmode=False,
    )
    drawn.update_xaxes(title=f"{figure.label}{f' ({unit})' if unit else ''}", automargin=True, fixedrange=True)
    drawn.update_yaxes(automargin=True, fixedrange=True)
    return drawn


def plain_name(name: str) -> str:
    return name if len(name) <= 40 else f"{name[:39]}…"


def _numbers(figure: Figure, one: Mapping[str, Any]) -> dict[str, str]:
    found = {"Now": said(figure, one["before"]), "Draft": said(figure, one["after"])}
    found["Change"] = _change(figure, one)
    found["Range"] = _range(figure, one)
    if one["real"] is not None:
        found["Really"] = said(figure, one["real"])
    return found


def _row(figure: Figure, one: Mapping[str, Any]) -> dict[str, str]:
    real = said(figure, one["real"]) if one["real"] is not None else "not known"
    return {"Figure": figure.label, **_numbers(figure, {**one, "real": None}), "Really": real}
