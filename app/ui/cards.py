"""The list of alerts: what each card says, which actions it offers, and what becomes of a click."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import streamlit as st

from app.ui import commands, identity, parts, queries, words
from core.routing import declining
from core.viewer import Viewer
from core.views.card import AlertCard
from core.words import Priority, Role, Status

_list = parts.component("cards")
_REMEMBERED = 60
_COOLED = 0.5
"""An urgent alert opens well above this; what is below has lost what made it urgent, and a priority is never lowered."""

Other = Callable[[str, Mapping[str, Any]], None]


def show(
    viewer: Viewer,
    cards: Sequence[AlertCard],
    *,
    key: str,
    now: datetime,
    page: str = "",
    page_text: str = "",
    older: bool = False,
    newer: bool = False,
    compact: bool = False,
    single: bool = False,
    keyboard: bool = False,
    other: Other | None = None,
) -> None:
    """Draw the cards; their actions are carried out before the surrounding fragment runs again.

    Args:
        page: names the page of the list, so that turning a page is not taken for arrivals.
        other: gets what is not an action on an alert's state: `details`, `assign`, `older`, `newer`.
    """
    memory = _memory(key)
    st.session_state[_names(key)] = {card.id: card.who for card in cards}
    problem = memory.get("problem", "")
    _list(
        key=key,
        data={
            "cards": [
                card_data(
                    viewer, card, now=now, can=_compact_can(viewer, card) if compact else can(viewer, card, now=now)
                )
                for card in cards
            ],
            "page": page,
            "pageText": page_text,
            "older": older,
            "newer": newer,
            "compact": compact,
            "single": single,
            "keyboard": keyboard,
            "acked": memory["acked"][-_REMEMBERED:],
            "problem": problem,
            "problemN": memory.get("problem_n", 0),
            "done": [
                {"id": one["id"], "key": one["key"], "text": one["text"], "until": _ms(one["until"])}
                for one in memory["done"]
                if one["until"] > now
            ],
            "reasons": [[str(value), text] for value, text in words.DISMISS.items()],
            "declines": [[str(value), text] for value, text in words.DECLINE.items()],
            "transactions": [[value, text] for value, text in words.TRANSACTIONS.items()],
        },
        on_actions_change=lambda: _carry_out(key, other),
    )


def _carry_out(key: str, other: Other | None) -> None:
    """Take the outbox: every action in it once, whatever is sent again."""
    viewer = identity.find()
    sent = st.session_state[key].get("actions")
    if viewer is None or not isinstance(sent, list):
        return
    memory = _memory(key)
    known = st.session_state.get(_names(key), {})
    for action in sent:
        if not isinstance(action, dict) or action.get("n") in memory["acked"]:
            continue
        memory["acked"] = [*memory["acked"], action.get("n")][-_REMEMBERED:]
        if action.get("name") in commands.ACTIONS:
            who = known.get(action.get("id")) or memory["names"].get(action.get("id"), "this alert")
            _remember(memory, commands.act(viewer, action, who=who), who)
        elif other is not None:
            other(str(action.get("name")), action)


def _remember(memory: dict[str, Any], done: commands.Done, who: str) -> None:
    memory["problem"] = "" if done.ok else done.text
    memory["problem_n"] = memory.get("problem_n", 0) + 1
    memory["done"] = [one for one in memory["done"] if one["id"] != done.alert_id][:4]
    memory["names"] = {**memory["names"], done.alert_id: who}
    if done.ok and done.undo_until is not None:
        entry = {"id": done.alert_id, "key": str(memory["problem_n"]), "text": done.text, "until": done.undo_until}
        memory["done"] = [entry, *memory["done"]]


def complain(key: str, text: str) -> None:
    """Show a refusal above the list."""
    memory = _memory(key)
    memory["problem"], memory["problem_n"] = text, memory.get("problem_n", 0) + 1


def _memory(key: str) -> dict[str, Any]:
    return st.session_state.setdefault(f"{key}-memory", {"acked": [], "done": [], "names": {}})  # type: ignore[no-any-return]


def _names(key: str) -> str:
    return f"{key}-names"


def can(viewer: Viewer, card: AlertCard, *, now: datetime) -> list[str]:
    """The actions this viewer is offered on this card, in the order they are shown."""
    if not card.is_open:
        return ["undo"] if card.undo_until else []
    free = card.agent_id is None and viewer.role is Role.AGENT
    offered = ["take" if free else "acknowledge"] if card.status == Status.NEW or free else []
    if card.status != Status.CONTACTED:
        offered.append("contact")
    offered.append("unsnooze" if card.snoozed_until and card.snoozed_until > now else "snooze")
    offered += ["convert", "dismiss"]
    if card.agent_id == viewer.user_id and card.status in declining.DECLINABLE:
        offered.append("decline")
    if viewer.role is not Role.AGENT:
        offered.append("assign")
    if card.undo_until:
        offered.append("undo")
    return offered


def _compact_can(viewer: Viewer, card: AlertCard) -> list[str]:
    free = card.agent_id is None and viewer.role is Role.AGENT
    offered = ["take" if free else "acknowledge"] if card.status == Status.NEW or free else ["contact"]
    return offered if card.status != Status.CONTACTED else ["convert"]


def card_data(viewer: Viewer, card: AlertCard, *, now: datetime, can: Sequence[str]) -> dict[str, Any]:
    """One card as the browser draws it: words only, in the viewer's zone."""
    return {
        "id": card.id,
        "href": f"/feed?alert={card.id}",
        "priority": card.priority,
        "priorityWord": words.PRIORITY.get(card.priority, card.priority),  # type: ignore[call-overload]
        "type": words.type_words(card.alert_type),
        "status": card.status,
        "statusWord": words.STATUS[Status(card.status)],
        "closed": not card.is_open,
        "who": card.who,
        "where": _where(card),
        "why": _why(card),
        "sure": words.percent(card.confidence),
        "sureAt": card.confidence,
        "sureLow": card.confidence_low,
        "sureHigh": card.confidence_high,
        "sureRange": words.percent_range(card.confidence_low, card.confidence_high),
        "sureHelp": "How sure we are that this person has it in mind; 9 of 10 such ranges hold the true share.",
        "lift": words.lift(card.lift),
        "chance": f"{words.chance(card.alert_type)}: {words.percent(card.probability)}"
        f" ({words.percent_range(card.probability_low, card.probability_high)})",
        "openedAt": _ms(card.opened_at),
        "openedIso": card.opened_at.isoformat(),
        "openedExact": words.exact(card.opened_at, viewer.timezone),
        "owner": _owner(viewer, card),
        "pool": card.agent_id is None and card.is_open,
        "notes": _notes(viewer, card, now=now),
        "transaction": words.transaction_of(card.alert_type),
        "primary": _primary(can),
        "can": [*can, "details"],
    }


def _primary(can: Sequence[str]) -> str:
    return next((name for name in ("take", "acknowledge", "contact", "unsnooze", "convert") if name in can), "")


def _where(card: AlertCard) -> str:
    value = f"home worth {words.money(card.property_value)}" if card.property_value else ""
    return " · ".join(part for part in (words.territory(card.territory), value) if part)


def _why(card: AlertCard) -> list[str]:
    lines = [str(factor.get("text") or factor.get("label") or "") for factor in card.top_factors[:3]]
    return [line[:1].upper() + line[1:] for line in lines if line]


def _owner(viewer: Viewer, card: AlertCard) -> str:
    if card.agent_id is None:
        if not card.is_open:
            return "Nobody had it"
        return f"Free to take: {words.pool_reason(card.unassigned_reason)}"
    return "Yours" if card.agent_id == viewer.user_id else card.agent_name or "An agent"


def _notes(viewer: Viewer, card: AlertCard, *, now: datetime) -> list[dict[str, str]]:
    notes = []
    if card.snoozed_until and card.snoozed_until > now:
        text = f"Snoozed until {words.short(card.snoozed_until, viewer.timezone, now=now)}"
        notes.append({"tone": "warn", "text": text})
    elif card.is_open and card.claimed_until is not None:
        until = words.short(card.claimed_until, viewer.timezone, now=now)
        notes.append({"tone": "warn", "text": f"Claimed: goes back into the pool at {until} unless somebody acts"})
    elif card.is_open and card.escalate_at is not None:
        late = card.escalate_at <= now
        text = (
            "Overdue: it goes to the next person"
            if late
            else f"Goes to the next person at {words.short(card.escalate_at, viewer.timezone, now=now)}"
        )
        notes.append({"tone": "bad" if late else "warn", "text": text})
    if card.is_open and (card.alert_type, card.priority) in queries.unverified():
        notes.append(
            {"tone": "warn", "text": f"The {words.percent(card.confidence)} is in doubt for now: go by the reasons"}
        )
    if card.is_open and card.confidence < _COOLED and card.priority in (Priority.CRITICAL, Priority.HIGH):
        notes.append({"tone": "warn", "text": "Has cooled since it opened"})
    if not card.is_open:
        when = words.short(card.closed_at, viewer.timezone, now=now)
        reason = words.dismiss_reason(card.close_reason) if card.status == Status.DISMISSED else ""
        notes.append({"tone": "", "text": f"Closed {when}" + (f": {reason}" if reason else "")})
    return notes


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)
