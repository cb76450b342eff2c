"""How many are on duty in every hour of the days to come, as a map: empty hours stand out by colour and by a 0."""

from collections.abc import Mapping, Sequence
from datetime import date

import plotly.graph_objects as go

_NOBODY, _FEW, _MANY = "#c9581a", "#cfe9e4", "#0f8a78"
_HOURS = range(24)


def heat(days: Sequence[date], counts: Mapping[tuple[date, int], int], *, zone: str) -> go.Figure:
    """Days down, hours across.

    Args:
        counts: (day, hour) -> the fewest on duty in it; hours that are over, or that the clock skips, are left out.
    """
    most = max(counts.values(), default=0)
    rows = [[counts.get((day, hour)) for hour in _HOURS] for day in days]
    edge = 0.5 / max(most, 1)
    figure = go.Figure(
        go.Heatmap(
            x=list(_HOURS),
            y=[label(day) for day in days],
            z=rows,
            text=[["0" if number == 0 else "" for number in row] for row in rows],
            texttemplate="%{text}",
            textfont={"color": "#ffffff"},
            zmin=0,
            zmax=max(most, 1),
            colorscale=[[0, _NOBODY], [edge, _NOBODY], [edge, _FEW], [1, _MANY]],
            colorbar={
                "title": {"text": "Agents on duty", "side": "top"},
                "orientation": "h",
                "y": 1.0,
                "yanchor": "bottom",
                "thickness": 10,
                "len": 0.9,
                "tickformat": ",d",
                **({"dtick": 1} if most <= 4 else {}),
            },
            xgap=1,
            ygap=1,
            hovertemplate="%{y}, %{x}:00: %{z} on duty<extra></extra>",
        )
    )
    figure.update_xaxes(
        title=f"Hour of the day ({zone})",
        tickvals=list(range(0, 24, 6)),
        ticktext=[f"{hour}:00" for hour in range(0, 24, 6)],
        tickangle=0,
        fixedrange=True,
        automargin=True,
        showgrid=False,
    )
    figure.update_yaxes(title="Day", autorange="reversed", fixedrange=True, automargin=True, showgrid=False)
    figure.update_layout(
        height=150 + 22 * len(days), margin={"l": 8, "r": 8, "t": 60, "b": 8}, showlegend=False, dragmode=False
    )
    return figure


def label(day: date) -> str:
    return f"{day:%a} {day.day} {day:%b}"
