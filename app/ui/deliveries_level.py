"""The tab Service level: the product's own promise over thirty days, with how sure it is, by channel and provider."""

import pandas as pd
import streamlit as st

from app.ui import charts, deliveries_words, queries, words
from core.delivery.registry import CHANNELS
from core.viewer import Viewer
from core.views import delivery_slo
from core.views.delivery_slo import ProviderLevel, ServiceLevel
from core.views.intervals import Quantile, Share


@st.fragment
def render(viewer: Viewer) -> None:
    """The whole tab."""
    outside = [name for name, channel in CHANNELS.items() if channel.write is None]
    channel = st.selectbox(
        "Channel",
        outside,
        index=outside.index("email"),
        format_func=deliveries_words.channel,
        key="level-channel",
        width=240,
    )
    with queries.reading() as session:
        found = delivery_slo.service_level(session, channel=channel, timezone=viewer.timezone, now=queries.now())
    promise = "At least 95% are to be accepted by the provider within a minute of when they are due."
    if not found.together.total:
        st.info(f"No message went out this way in 30 days. {promise}")
    else:
        _headline(found, promise)
        st.plotly_chart(charts.service_level(found.days), config=charts.CONFIG, key="level-chart")
        with st.expander("Day by day"):
            st.dataframe(
                pd.DataFrame([{"Day": words.day(one.day), **_share(one.level)} for one in reversed(found.days)]),
                hide_index=True,
            )
    if found.providers:
        st.markdown("**By channel and provider, 30 days**")
        st.dataframe(pd.DataFrame([_row(one) for one in found.providers]), hide_index=True)
        st.caption(
            "Times run from the decision to the provider's yes, for what was to go out at once; "
            "in brackets, where the true value lies with 95% certainty."
        )


def _headline(found: ServiceLevel, promise: str) -> None:
    share = found.together
    broken = delivery_slo.is_broken(share)
    # A decimal: "89 to 95%" beside a promise of 95% would not say on which side of it they lie.
    between = f"{share.low * 100:.1f}–{share.high * 100:.1f}%" if broken else words.percent_range(share.low, share.high)
    (st.error if broken else st.success)(
        f"**{words.percent(share.rate)}** ({between}) of {words.plural(share.total, 'message')} in 30 days were accepted "
        f"within a minute. {'The promise is broken: ' if broken else ''}{promise[:1].lower() if broken else promise[:1]}"
        f"{promise[1:]}"
    )


def _share(share: Share) -> dict[str, str]:
    return {
        "Within a minute": words.percent(share.rate),
        "Between": words.percent_range(share.low, share.high) if share.total else "–",
        "Messages": f"{share.total:,}",
        "Missed": f"{share.total - share.hits:,}",
    }


def _row(one: ProviderLevel) -> dict[str, str]:
    name = deliveries_words.channel(one.channel)
    return {
        "Channel": name,
        "Provider": "" if one.provider == one.channel else one.provider,
        **_share(one.level),
        "Half within": _time(one.median),
        "95 of 100 within": _time(one.p95),
    }


def _time(value: Quantile | None) -> str:
    if value is None:
        return "–"
    return f"{_seconds(value.value)} ({_seconds(value.low)} to {_seconds(value.high)})"


def _seconds(value: float) -> str:
    return f"{value:.1f} s" if value < 10 else words.span(value)
