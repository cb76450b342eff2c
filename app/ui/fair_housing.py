"""Fair housing: how alerts, scores and response times compare between areas, in a sentence, a chart and a table."""

from datetime import timedelta
from typing import cast

import pandas as pd
import streamlit as st

from app import runtime
from app.ui import charts, layout, queries, steering_charts, words
from core import fair_audit
from core.fair_audit import Area, Audit, By
from core.fair_audit.proxies import WARNING
from core.viewer import Viewer
from core.views import days
from core.views.intervals import Share

_PERIODS = {"90": "90 days", "180": "Half a year", "365": "A year"}
_BY = {"territory": "Territory", "zip3": "ZIP, first 3 digits", "city": "City"}


def render(viewer: Viewer) -> None:
    """The tab, for managers (their teams) and admins (everybody)."""
    _audit(viewer)


@st.fragment
def _audit(viewer: Viewer) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        period = st.segmented_control(
            "Period",
            list(_PERIODS),
            format_func=lambda one: _PERIODS[one],
            default="90",
            required=True,
            key="fair-period",
        )
        by = st.segmented_control(
            "Compare by", list(_BY), format_func=lambda one: _BY[one], default="territory", required=True, key="fair-by"
        )
    audit = _found(viewer, int(period or 90), cast(By, by or "territory"))
    text = layout.plain(fair_audit.sentence(audit))
    (st.warning if audit.adverse or not audit.alerts else st.info)(text)
    if audit.alerts:
        _chart(audit)
    if audit.areas:
        _table(audit)
    _proxies(audit)
    _downloads(viewer, audit)
    _method(audit)


@st.cache_data(ttl=timedelta(minutes=5), max_entries=32, show_spinner="Comparing the areas …")
def _found(viewer: Viewer, number: int, by: By) -> Audit:
    now = queries.now()
    since = days.start_of(days.day_of(now, viewer.timezone) - timedelta(days=number), viewer.timezone)
    with queries.reading() as session:
        return fair_audit.audit(session, viewer, since=since, until=now, by=by, now=now)


def _chart(audit: Audit) -> None:
    st.subheader("Contacts with an alert, by area", anchor=False)
    st.markdown(
        "The dashed line is four fifths of the overall rate. An area left of it with its whole range gets clearly fewer alerts than the others."
    )
    st.plotly_chart(steering_charts.areas(audit.areas), key=f"fair-chart-{audit.by}", config=charts.CONFIG)


def _table(audit: Audit) -> None:
    with st.expander("As a table, with waiting times", expanded=False):
        st.dataframe(pd.DataFrame([_row(area) for area in audit.areas]), hide_index=True, key="fair-table")
        st.markdown(
            "**Ratio**: the share of contacts with an alert over that of all other areas. **Place of waits**: where this area's waits stand "
            "among alerts of the same urgency, 0% is the fastest, 100% the slowest, 50% like everybody. Brackets: 95% ranges."
        )
    hidden = (
        f" {words.plural(audit.hidden, 'contact')} in areas too small to show are left out." if audit.hidden else ""
    )
    st.caption(
        f"{words.day(days.day_of(audit.since, 'UTC'))} to {words.day(days.day_of(audit.until, 'UTC'))}: {audit.contacts:,} active contacts, "
        f"{words.plural(audit.alerts, 'alert')}. Areas below {fair_audit.FEWEST_CONTACTS} active contacts are shown together.{hidden}"
    )


def _row(area: Area) -> dict[str, object]:
    impact, place, wait = area.impact, area.place, area.wait
    return {
        "Area": area.name,
        "Differs": ", ".join(fair_audit.FINDINGS[one] for one in area.findings) or "–",
        "Active contacts": area.contacts,
        "With an alert": _share(area.alerted),
        "Ratio": "–" if impact is None else f"{impact.value:.2f} ({impact.low:.2f}–{impact.high:.2f})",
        "Mean confidence": "–" if area.confidence is None else words.percent(area.confidence.value),
        "Half reached within": "–"
        if wait is None
        else f"{words.span(wait.value)} ({words.span(wait.low)}–{words.span(wait.high)})",
        "Place of waits": "–" if place is None else f"{place.value:.0%} ({place.low:.0%}–{place.high:.0%})",
        "Contacted": _share(area.contacted),
        "Alerts": area.alerts,
    }


def _share(one: Share | None) -> str:
    return "–" if one is None else f"{words.percent(one.rate)} ({words.percent_range(one.low, one.high)})"


def _proxies(audit: Audit) -> None:
    if not audit.proxies:
        return
    warned = [one for one in audit.proxies if one.is_warning]
    if warned:
        said = ", ".join(f"{one.label} ({words.percent(one.tells)})" for one in warned)
        st.warning(
            f"These features tell something of the area, and may stand in for it: {layout.plain(said)}. Look at them before the next training."
        )
    else:
        strongest = audit.proxies[0]
        st.markdown(
            f"No feature stands in for the area: the strongest, {layout.plain(strongest.label.lower())}, removes "
            f"{words.percent(strongest.tells)} of the uncertainty about it (a warning begins at {words.percent(WARNING)})."
        )


def _downloads(viewer: Viewer, audit: Audit) -> None:
    name = f"fair-housing-{audit.at:%Y-%m-%d}"
    with st.container(horizontal=True):
        st.download_button(
            "Download the report",
            lambda: fair_audit.to_html(audit, timezone=viewer.timezone, prepared_for=viewer.name),
            file_name=f"{name}.html",
            mime="text/html",
            key="fair-html",
            on_click=_record,
            args=(viewer, audit, "html"),
        )
        st.download_button(
            "Download the table (CSV)",
            lambda: fair_audit.to_csv(audit),
            file_name=f"{name}.csv",
            mime="text/csv",
            key="fair-csv",
            on_click=_record,
            args=(viewer, audit, "csv"),
        )


def _record(viewer: Viewer, audit: Audit, kind: str) -> None:
    with runtime.current().database.write() as session:
        fair_audit.record_download(session, audit, viewer=viewer, kind=kind, now=queries.now())


def _method(audit: Audit) -> None:
    with st.expander("How this is counted, and what it cannot tell"):
        for text in fair_audit.METHOD:
            st.markdown(layout.plain(text))
        st.markdown("**What it cannot tell**")
        st.markdown("\n".join(f"- {layout.plain(text)}" for text in fair_audit.LIMITS))
        if audit.whose == "teams":
            st.markdown(
                "You see the areas where your teams work. Whether contacts there have an alert counts whoever got it; how alerts were worked "
                "is told of your own teams and of those free to take."
            )
