"""The ordinary way, to compare with: a Streamlit page of native cards that streamlit-autorefresh runs again each second."""

import os

import streamlit as st
from streamlit_autorefresh import st_autorefresh

from core.clock import SystemClock
from core.db import Database
from core.viewer import SYSTEM
from core.views.feed import Filters, list_alerts


@st.cache_resource
def database() -> Database:
    return Database(os.environ["BENCH_DATABASE_URL"])


st_autorefresh(interval=1000, key="refresh")
with database().read() as session:
    page = list_alerts(session, SYSTEM, Filters(open_only=True), sort="newest", limit=25, now=SystemClock().now())
for card in page.items:
    with st.container(border=True):
        st.subheader(card.who)
        st.write(card.alert_type, card.priority, card.status)
        st.progress(card.confidence, text=f"{card.confidence:.0%}")
        for factor in card.top_factors[:3]:
            st.caption(str(factor.get("text", "")))
        st.button("Acknowledge", key=card.id)
