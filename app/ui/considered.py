"""Everybody a decision considered, worked out again on request: who came where, and for each why not them."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from app.ui import layout, queries, words
from core.errors import NotFound
from core.routing import ledger
from core.routing.ledger import Considered, Recomputed
from core.viewer import Viewer

_RULES = {
    "assigned": "decided",
    "notified": "told somebody, and went on",
    "nobody_free": "fits, but found nobody free",
    "no_match": "does not fit",
    "not_reached": "was not reached any more",
}
_FIRST = 10
"""Of the line; who comes later is behind a fold."""


def render(viewer: Viewer, alert_id: str, decision_id: str) -> None:
    """A switch, and behind it the whole list; nothing is worked out before it is asked for."""
    if not st.toggle("Show everybody who was considered", key=f"considered-{decision_id}"):
        return
    try:
        with queries.reading() as session:
            found = ledger.recompute(session, viewer, alert_id, decision_id=decision_id)
    except NotFound:
        st.caption("A person gave it, or it is from before such lists were kept: there is no list to show.")
        return
    if not found.agrees:
        st.warning("Worked out again it comes out differently: this is a fault of the product, please report it.")
    _people(found)
    _rules(found)


def _people(found: Recomputed) -> None:
    """Those in the line that decided, in order; then the others by why not them."""
    line = [one for one in found.everybody if one.outcome != "excluded"]
    if line:
        st.table(_frame(line[:_FIRST]).set_index("Place"))
    if later := line[_FIRST:]:
        with st.expander(f"{words.plural(len(later), 'agent')} after them"):
            st.dataframe(_frame(later), hide_index=True, width="stretch")
    left = by_reason(found.everybody)
    if left:
        st.markdown("\n".join(f"- **{layout.plain(why)}:** {layout.plain(', '.join(names))}" for why, names in left))
    if found.others:
        parts = [words.excluded(code, number) for code, number in found.others.items()]
        st.caption(f"Of other teams: {layout.plain('; '.join(parts))}.")


def by_reason(everybody: Sequence[Considered]) -> list[tuple[str, list[str]]]:
    """Why agents were left out, and whom it left out; what left out the most first."""
    found: dict[str, list[str]] = {}
    for one in everybody:
        if one.outcome == "excluded":
            found.setdefault(words.sentence(one.text), []).append(one.name)
    return sorted(found.items(), key=lambda pair: (-len(pair[1]), pair[0]))


def _frame(people: Sequence[Considered]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"Place": f"{one.place}." if one.place else "–", "Agent": one.name, "Open": _open(one), "Why": one.text}
            for one in people
        ]
    )


def _open(one: Considered) -> str:
    return "" if one.open_alerts is None else f"{one.open_alerts} of {one.capacity}"


def _rules(found: Recomputed) -> None:
    if not found.rules:
        return
    with st.expander(f"The {words.plural(len(found.rules), 'rule')} at that time"):
        st.table(
            pd.DataFrame(
                [
                    {
                        "Rule": rule.get("name", ""),
                        "": _RULES.get(str(rule["outcome"]), "") + (f": {rule['why']}" if rule.get("why") else ""),
                    }
                    for rule in found.rules
                ]
            ).set_index("Rule")
        )
