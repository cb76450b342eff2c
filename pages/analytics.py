"""Analytics: how the alerts of a period did, each number with its interval and its table."""

from datetime import date, timedelta

import pandas as pd
import streamlit as st

from app.ui import charts, identity, layout, queries, words
from app.ui.queries import Report
from core.viewer import Viewer
from core.views import days
from core.views.analytics import ALL
from core.views.intervals import Quantile, Share
from core.words import Role

PERIODS = {"7": "7 days", "30": "30 days", "90": "90 days", "365": "A year", "own": "From … to"}


def page() -> None:
    analytics()


@st.fragment
def analytics() -> None:
    viewer = identity.me()
    today = days.day_of(queries.now(), viewer.timezone)
    st.title("Analytics", anchor=False)
    whose = {Role.AGENT: "your own alerts and those free to take", Role.MANAGER: "your teams", Role.ADMIN: "everybody"}
    first, last = _period(today)
    if first > last:
        st.warning("The period ends before it begins.")
        return
    st.caption(
        f"{words.day(first)} to {words.day(last)}, {whose[viewer.role]}. Ranges in brackets hold the true value 95 times in 100."
    )
    report = queries.report(viewer, first, last)
    if not report.volume:
        st.info("No alert was opened in this period. Choose a longer one.")
        return
    _volume(report)
    left, right = st.columns(2, gap="large")
    with left:
        _conversion(report)
    with right:
        _funnel(report)
    _response(report)
    if viewer.role is not Role.AGENT:
        _agents(viewer, report)


def _period(today: date) -> tuple[date, date]:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.segmented_control(
            "Period",
            list(PERIODS),
            format_func=lambda one: PERIODS[one],
            default="30",
            required=True,
            key="period",
            wrap=True,
            bind="query-params",
        )
        if chosen != "own":
            return today - timedelta(days=int(chosen or 30) - 1), today
        first = st.date_input("From", today - timedelta(days=29), max_value=today, key="first", bind="query-params")
        last = st.date_input("to", today, key="last", bind="query-params")
    return first, min(last, today)


def _volume(report: Report) -> None:
    st.subheader("Alerts opened", anchor=False)
    total = sum(row.count for row in report.volume)
    number = len({row.day for row in report.volume})
    st.markdown(f"**{total:,}** alerts in {words.plural(number, 'day')}: **{total / max(number, 1):.1f}** a day.")
    st.plotly_chart(charts.volume(report.volume), key="volume", config=charts.CONFIG)
    frame = pd.DataFrame(
        [
            {"Day": row.day.isoformat(), "type": words.type_words(row.alert_type), "n": row.count}
            for row in report.volume
        ]
    )
    _as_table(frame.pivot_table(index="Day", columns="type", values="n", aggfunc="sum").reset_index(), "volume")


def _conversion(report: Report) -> None:
    st.subheader("Converted", anchor=False)
    everything = report.by_type[0]
    worth = f" Worth **{layout.plain(words.money(everything.value))}**." if everything.value else ""
    st.markdown(_share(everything.rate, "closed alerts converted") + worth)
    if everything.right.total:
        st.markdown(f"{_share(everything.right, 'alerts with a known outcome were right')} The goal is 70%.")
    if everything.rate.total:
        st.plotly_chart(charts.conversion(report.by_type), key="conversion", config=charts.CONFIG)
    _as_table(
        pd.DataFrame(
            [
                {
                    "Type": "All types" if row.group == ALL else words.type_words(row.group),
                    "Opened": row.opened,
                    "Closed": row.closed,
                    "Converted": row.converted,
                    "Rate": _rate(row.rate),
                    "Right": _rate(row.right),
                    "Value": words.money(row.value),
                }
                for row in report.by_type
            ]
        ),
        "conversion",
    )


def _funnel(report: Report) -> None:
    st.subheader("How far they came", anchor=False)
    last = report.funnel[-1]
    st.markdown(_share(last.of_first, "opened alerts converted so far"))
    st.plotly_chart(charts.funnel(report.funnel), key="funnel", config=charts.CONFIG)
    _as_table(
        pd.DataFrame(
            [
                {
                    "Step": words.STEP.get(step.step, step.step),
                    "Alerts": step.count,
                    "Of all": _rate(step.of_first),
                    "Of the step before": _rate(step.of_previous),
                }
                for step in report.funnel
            ]
        ),
        "funnel",
    )


def _response(report: Report) -> None:
    st.subheader("Time until acknowledged", anchor=False)
    everything = report.response[0]
    if everything.median is None or everything.p90 is None:
        st.markdown("Nothing was acknowledged in this period.")
    else:
        st.markdown(
            f"Half within **{_span(everything.median)}**, nine of ten within **{_span(everything.p90)}**; "
            f"{words.plural(everything.waiting, 'alert')} still waiting."
        )
        st.plotly_chart(charts.response(report.response), key="response", config=charts.CONFIG)
    _as_table(
        pd.DataFrame(
            [
                {
                    "Priority": words.group(row.group),
                    "Half within": _span(row.median),
                    "9 of 10 within": _span(row.p90),
                    "Acknowledged": row.median.count if row.median else 0,
                    "Still waiting": row.waiting,
                }
                for row in report.response
            ]
        ),
        "response",
    )


def _agents(viewer: Viewer, report: Report) -> None:
    st.subheader("Agents beside each other", anchor=False)
    worked = [row for row in report.agents if row.received]
    if not worked:
        st.markdown("No agent had an alert in this period.")
        return
    st.markdown("Where the ranges overlap, the difference may be chance.")
    if any(row.rate.total for row in worked):
        st.plotly_chart(charts.agents(worked), key="agents", config=charts.CONFIG)
    _as_table(
        pd.DataFrame(
            [
                {
                    "Agent": row.name,
                    "Team": row.team_name or "–",
                    "Received": row.received,
                    "Open": row.open,
                    "Contacted": row.contacted,
                    "Converted": row.converted,
                    "Rate": _rate(row.rate),
                    "Half within": _span(row.response),
                    "Value": words.money(row.value),
                }
                for row in worked
            ]
        ),
        "agents",
    )


def _share(share: Share, of: str) -> str:
    if share.rate is None:
        return "Nothing to count yet: " + of.replace(" converted", "").replace(" so far", "") + " are missing."
    return f"**{words.percent(share.rate)}** ({words.percent_range(share.low, share.high)}) of {share.total:,} {of}."


def _rate(share: Share) -> str:
    return "–" if share.rate is None else f"{words.percent(share.rate)} ({words.percent_range(share.low, share.high)})"


def _span(value: Quantile | None) -> str:
    return "–" if value is None else f"{words.span(value.value)} ({words.span(value.low)}–{words.span(value.high)})"


def _as_table(frame: pd.DataFrame, key: str) -> None:
    with st.expander("As a table"):
        st.dataframe(frame, hide_index=True, key=f"table-{key}")


page()
