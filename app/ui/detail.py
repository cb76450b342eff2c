"""One alert in full, in a dialog: what speaks for and against it, what it rests on, and what happened to it."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from app.ui import cards, considered, deliveries_story, escalation_standing, identity, layout, queries, why, words
from core.errors import NotFound
from core.viewer import Viewer
from core.views.detail import AlertDetail, DecisionRow


def _closed() -> None:
    st.session_state.pop("feed-opened", None)
    st.query_params.pop("alert", None)


@st.dialog("Alert", width="large", on_dismiss=_closed)
def dialog(alert_id: str) -> None:
    """Show everything about one alert this viewer may see."""
    if st.session_state.get("feed-open"):
        st.rerun(scope="app")  # another dialog is wanted, and there is one at a time
    viewer = identity.me()
    try:
        found = queries.alert(viewer, alert_id)
    except NotFound:
        st.info("This alert is not here: it was given to somebody else, or the link is wrong.")
        return
    cards.show(viewer, [found.card], key="detail-card", now=queries.now(), single=True, page=alert_id, other=_other)
    _people(found)
    reasons, signals, story, owner, told = st.tabs(
        ["Why", "What was seen", "What happened", "Who has it", "Who was told"]
    )
    with reasons:
        why.render(found)
    with signals:
        _signals(viewer, found)
    with story:
        _story(viewer, found)
    with owner:
        _owner(viewer, found)
    with told:
        deliveries_story.of_alert(viewer, alert_id)


def _other(name: str, action: Mapping[str, Any]) -> None:
    if name == "assign":
        st.session_state["feed-open"] = ("assign", str(action.get("id", "")))
        _closed()


def _people(found: AlertDetail) -> None:
    contact = found.contact
    ways = [
        f"[{layout.plain(contact.phone)}](tel:{_link(contact.phone)})" if contact.phone else "",
        f"[{layout.plain(contact.email)}](mailto:{_link(contact.email)})" if contact.email else "",
    ]
    reach = " · ".join(way for way in ways if way) or "No phone number or e-mail is known."
    st.markdown(f"**Reach them:** {reach}")
    for home in found.properties[:3]:
        place = ", ".join(part for part in (home.address, home.city, home.zip) if part) or "A home"
        facts = [f"worth about {words.money(home.estimated_value)}"] if home.estimated_value else []
        if home.mortgage_balance:
            facts.append(f"mortgage {words.money(home.mortgage_balance)}")
        if home.purchased_on:
            facts.append(f"bought {home.purchased_on:%b %Y}")
        st.markdown(f"**Home:** {layout.plain(place)}" + (f" · {layout.plain(', '.join(facts))}" if facts else ""))
    if found.outcome is not None:
        outcome = found.outcome
        value = f", {layout.plain(words.money(outcome.value))}" if outcome.value else ""
        by = f" · recorded by {layout.plain(outcome.recorded_by)}" if outcome.recorded_by else ""
        notes = f" · “{layout.plain(outcome.notes)}”" if outcome.notes else ""
        st.markdown(f"**Outcome:** {words.outcome(outcome.outcome, converted=outcome.converted)}{value}{by}{notes}")


def _link(text: str) -> str:
    """Only what a phone number or an address is made of may stand in a link."""
    return "".join(letter for letter in text if letter.isalnum() or letter in "+@._-")


def _signals(viewer: Viewer, found: AlertDetail) -> None:
    if not found.signals:
        st.caption("No signal is open any more.")
    else:
        st.table(
            pd.DataFrame(
                [
                    {
                        "Signal": words.sentence(row.type.lower()),
                        "How strong": words.percent(row.strength),
                        "How sure": words.percent(row.confidence),
                        "Times seen": f"{row.event_count:,}",
                        "Since": words.short(row.first_seen_at, viewer.timezone, now=queries.now()),
                    }
                    for row in found.signals
                ]
            ).set_index("Signal")
        )
    if found.events:
        st.markdown("**Last seen doing**")
        st.table(
            pd.DataFrame(
                [
                    {
                        "When": words.short(row.at, viewer.timezone, now=queries.now()),
                        "What": words.sentence((row.event_name or row.event_type).lower()),
                    }
                    for row in found.events[:12]
                ]
            ).set_index("When")
        )


def _story(viewer: Viewer, found: AlertDetail) -> None:
    for entry in found.timeline:
        by = f" by {layout.plain(entry.actor)}" if entry.actor else ""
        st.markdown(
            f":gray[{layout.plain(words.short(entry.at, viewer.timezone, now=queries.now()))}] · "
            f"{layout.plain(entry.text)}{by}"
        )


def _owner(viewer: Viewer, found: AlertDetail) -> None:
    decision = found.decision
    if decision is not None:
        _decision(viewer, found.card.id, decision)
    escalation_standing.render(viewer, found.card.id)
    if found.assignments:
        st.markdown("**Who had it**")
        st.table(
            pd.DataFrame(
                [
                    {
                        "Agent": row.agent_name,
                        "From": words.short(row.assigned_at, viewer.timezone, now=queries.now()),
                        "To": words.short(row.ended_at, viewer.timezone, now=queries.now()) if row.ended_at else "now",
                        "Why": row.reason,
                    }
                    for row in found.assignments
                ]
            ).set_index("Agent")
        )


def _decision(viewer: Viewer, alert_id: str, decision: DecisionRow) -> None:
    mine = decision.agent_id == viewer.user_id
    whom = "you" if mine else layout.plain(decision.agent_name) if decision.agent_name else "nobody"
    told = "" if mine or decision.agent_id is None else " (as they were told)"
    st.markdown(f"**Why {whom}**{told}: {layout.plain(decision.reason)}")
    trace = decision.trace
    others = [
        candidate
        for candidate in trace.get("candidates", [])
        if isinstance(candidate, dict) and candidate.get("agentId") != decision.agent_id
    ]
    left = trace.get("excluded", {})
    if left:
        parts = [words.excluded(code, int(count)) for code, count in left.items() if count]
        st.markdown(f"**Why not others:** {layout.plain('; '.join(parts))}.")
    if others:
        st.caption(f"{words.plural(len(others), 'other agent')} could have taken it and came after in the order.")
    considered.render(viewer, alert_id, decision.id)
