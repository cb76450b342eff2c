"""The chart of loads before and after an evening out."""

from collections.abc import Sequence

import plotly.graph_objects as go

from core.routing.rebalancing import Load

_BEFORE, _AFTER = "#8a9894", "#0f8a78"


def loads(rows: Sequence[Load]) -> go.Figure:
    """Each person's share of capacity in use: a grey dot before, a line to a green dot after; a line at the limit."""
    figure = go.Figure()
    shown = [one for one in reversed(rows) if one.share is not None and one.share_after is not None]
    names = [one.name for one in shown]
    for one in shown:
        figure.add_scatter(
            x=[(one.share or 0) * 100, (one.share_after or 0) * 100],
            y=[one.name, one.name],
            mode="lines",
            line={"color": _BEFORE, "width": 3},
            hoverinfo="skip",
            showlegend=False,
        )
    for label, colour, symbol, shares, numbers in (
        ("Before", _BEFORE, "circle-open", [one.share for one in shown], [one.open for one in shown]),
        ("After", _AFTER, "circle", [one.share_after for one in shown], [one.open_after for one in shown]),
    ):
        figure.add_scatter(
            x=[(share or 0) * 100 for share in shares],
            y=names,
            name=label,
            mode="markers",
            marker={"color": colour, "size": 13, "symbol": symbol, "line": {"width": 3, "color": colour}},
            cliponaxis=False,
            customdata=[(number, one.capacity) for number, one in zip(numbers, shown, strict=True)],
            hovertemplate="%{y}: %{customdata[0]} of %{customdata[1]} (%{x:.0f}%)<extra>" + label + "</extra>",
        )
    figure.add_vline(
        x=100, line={"dash": "dash", "color": "#c9581a"}, annotation_text="limit", annotation_position="top"
    )
    figure.update_layout(
        height=130 + 34 * len(shown),
        margin={"l": 8, "r": 16, "t": 28, "b": 8},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "xanchor": "left"},
        dragmode=False,
    )
    figure.update_xaxes(
        title="Share of capacity in use (%)",
        rangemode="tozero",
        ticksuffix="%",
        automargin=True,
        fixedrange=True,
    )
    figure.update_yaxes(automargin=True, fixedrange=True)
    return figure
