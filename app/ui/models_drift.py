"""The Models page's view of drift: do alerts come true as often as said, and do contacts still look as they did."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from app.ui import charts, layout, model_charts, queries, words
from core.learning import reading
from core.learning.drift import Checked
from core.scoring import features
from core.viewer import Viewer

_MOST = 12


def render(viewer: Viewer) -> None:
    """The newest check of every version in use."""
    with queries.reading() as session:
        found = reading.drift(session)
    st.caption(
        "Checked each day against what each model was made of. Tiers that come true less or more often than said are "
        "in doubt, and their cards say so, until they keep their word again."
    )
    if not found:
        st.info("Nothing has been checked yet. The first check runs within a day of the first scores.")
        return
    alarms = [one for one in found if one.alarmed]
    if alarms:
        st.warning(f"{words.plural(len(alarms), 'number')} of {len(found):,} differ more than chance explains.")
    else:
        st.success(f"{words.plural(len(found), 'number')} checked; none differs more than chance explains.")
    _outcomes([one for one in found if one.kind == "outcome"])
    _shifts([one for one in found if one.kind != "outcome"])


def _outcomes(rows: Sequence[Checked]) -> None:
    st.subheader("Said and true, by tier", anchor=False)
    if not rows:
        st.markdown("Too few alerts whose ending is known: it takes 30 in a tier, and their time to have passed.")
        return
    st.markdown("1 is as promised; bars hold the true value 95 times in 100.")
    named = [(f"{words.type_words(one.intent)}, {words.group(one.subject)}", one) for one in rows]
    st.plotly_chart(
        model_charts.ratios(
            [
                (name, one.value, one.details["interval"][0], one.details["interval"][1], one.alarmed)
                for name, one in named
            ]
        ),
        key="ratios",
        config=charts.CONFIG,
    )
    with st.expander("As a table"):
        st.dataframe(
            pd.DataFrame(
                [
                    {
                        "Alerts": name,
                        "Known": one.details["alerts"],
                        "Expected right": one.details["expected"],
                        "Right": one.details["observed"],
                        "Ratio": f"{one.value:.2f} ({one.details['interval'][0]:.2f}–{one.details['interval'][1]:.2f})",
                        "State": "In doubt" if one.alarmed else "As promised",
                    }
                    for name, one in named
                ]
            ),
            hide_index=True,
            key="table-ratios",
        )


def _shifts(rows: Sequence[Checked]) -> None:
    st.subheader("Do contacts look as they did?", anchor=False)
    if not rows:
        st.markdown("Too few contacts scored lately to compare.")
        return
    st.markdown("What differs most from when the model was made, first. Above the limit it has shifted.")
    st.caption("PSI: how much the shares of its ranges have moved. KS: the widest gap between then and now, 0 to 1.")
    worst = sorted(rows, key=lambda one: (not one.alarmed, -one.value / one.limit))
    frame = pd.DataFrame(
        [
            {
                "Type": words.type_words(one.intent),
                "What": label(one.subject),
                "Measure": one.statistic.upper(),
                "Difference": f"{one.value:.2f}",
                "Limit": f"{one.limit:.2f}",
                "State": "Shifted" if one.alarmed else "Calm",
            }
            for one in worst
        ]
    )
    st.dataframe(frame.head(_MOST), hide_index=True, key="shifts")
    if len(frame) > _MOST:
        with st.expander(f"All {len(frame)}"):
            st.dataframe(frame, hide_index=True, key="all-shifts")


def label(subject: str) -> str:
    """What is watched, as a person calls it."""
    if subject in features.INDEX:
        return features.FEATURES[features.index(subject)].label
    return layout.plain(words.sentence(subject))
