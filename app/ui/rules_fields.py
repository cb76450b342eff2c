"""One condition of a rule as a row of widgets: what, how, and a value that fits the kind of the field."""

from collections.abc import Callable, Mapping
from datetime import date, time
from typing import Any

import streamlit as st

from app.ui import queries, words
from app.ui import rules_reading as reading
from app.ui.condition_draft import Row
from core.routing import rule_words
from core.routing.field_kinds import CHOICES, FIELDS, FREE, NUMBERS, OPEN_CHOICES, TIMES, Field, field
from core.routing.operators import WORDS
from core.words import OPEN_STATUSES, Priority

OPERATORS = WORDS | {
    "exists": "is known",
    "missing": "is not known",
    "empty": "is empty",
    "not_empty": "is not empty",
}
AGENT_TEMPLATES = ("${metadata.previousAgentId}", "${contact.ownerAgentId}")
_VALUELESS = frozenset({"exists", "missing", "empty", "not_empty"})
_LISTS = frozenset({"in", "not_in"})
_THERE = ("exists", "missing")
_ORDER = ("greater_than", "less_than", "between")
_SAME = ("equals", "not_equals", "in", "not_in")
_TEXTS = ("starts_with", "contains", "regex")
_OF_LISTED = {"contains": "include", "in": "include one of", "not_in": "include none of"}
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_FIRST: Mapping[str, float] = {"money": 500_000, "share": 0.7, "years": 10, "number": 2, "count": 1}
_STEP: Mapping[str, float] = {"money": 10_000, "share": 5, "years": 1, "number": 0.5, "count": 1}
_ICON = {"money": ":material/attach_money:", "share": ":material/percent:"}


def show(row: Row, label: str, drop: Callable[[], None]) -> None:
    """The row; what is chosen goes into it."""
    what, how, value, remove = st.columns([4, 3, 4, 1.6], vertical_alignment="bottom", gap="small")
    before = (row.field, row.operator)
    with what:
        _what(row, label)
    of = field(row.field)
    with how:
        _how(row, of, label)
    if (row.field, row.operator) != before:
        row.value = fitted(row.value, of, row.operator)
    with value:
        _value(row, of, label)
    with remove:
        st.button("Remove", key=f"drop-{row.uid}", on_click=drop, help=f"Remove {label.lower()}", type="tertiary")


def fitted(value: Any, of: Field, operator: str) -> Any:
    """The value kept as far as it fits another field or operator, else one to start from."""
    if operator in _VALUELESS:
        return None
    if isinstance(value, str) and "${" in value and operator != "between":
        return [value] if operator in _LISTS else value
    each = value if isinstance(value, list) else [value]
    fitting = [one for one in each if _fits(one, of, operator)]
    if operator in _LISTS:
        return fitting
    if operator == "between":
        return sorted(fitting) if len(fitting) == 2 else _pair(of)
    return fitting[0] if fitting else _first(of)


def options(of: Field) -> Mapping[Any, str]:
    """What may be chosen for this field, id -> name."""
    known = reading.choices()
    if of.kind == "agent":
        return dict(known.agents) | {
            one: rule_words.template(one) for one in AGENT_TEMPLATES if one != f"${{{of.name}}}"
        }
    found: Mapping[str, Mapping[Any, str]] = {
        "type": known.types,
        "territory": known.territories,
        "signal": known.signals,
        "priority": {one: words.PRIORITY[one] for one in Priority},
        "status": {one: words.STATUS[one] for one in OPEN_STATUSES},
        "weekday": {one: rule_words.value(one, of, known.names) for one in _DAYS},
        "month": {one: rule_words.value(one, of, known.names) for one in range(1, 13)},
    }
    return found.get(of.kind, {})


def _what(row: Row, label: str) -> None:
    of = field(row.field)
    free = next((start for start in FREE if of.name.startswith(start) and of.name not in FIELDS), None)
    present = free or of.name
    listed = [*FIELDS, *FREE] if present in FIELDS or free else [present, *FIELDS, *FREE]
    chosen = st.selectbox(
        label,
        listed,
        listed.index(present),
        format_func=lambda one: f"{FREE[one]} …" if one in FREE else field(one).label,
        key=f"what-{row.uid}",
        label_visibility="collapsed",
    )
    if chosen not in FREE:
        row.field = chosen if chosen != of.name else row.field
        return
    name = st.text_input(
        f"{label}: name",
        of.name.removeprefix(chosen) if free == chosen else "",
        key=f"name-{row.uid}-{chosen}",
        placeholder="its name, such as source",
        label_visibility="collapsed",
    )
    row.field = f"{chosen}{name.strip()}"


def _how(row: Row, of: Field, label: str) -> None:
    offered = _offered(of)
    if row.operator not in offered:
        if field(row.field).name in FIELDS and row.operator not in OPERATORS:
            row.operator = offered[0]
        else:
            offered = [*offered, row.operator]
    row.operator = st.selectbox(
        f"{label}: how",
        offered,
        offered.index(row.operator),
        format_func=lambda one: _operator(one, of),
        key=f"how-{row.uid}-{of.kind}-{of.listed}",
        label_visibility="collapsed",
    )


def _operator(name: str, of: Field) -> str:
    if of.listed and name in _OF_LISTED:
        return _OF_LISTED[name]
    if of.kind in TIMES:
        return {"greater_than": "is after", "less_than": "is before"}.get(name, OPERATORS.get(name, name))
    return OPERATORS.get(name, name)


def _offered(of: Field) -> list[str]:
    if of.listed:
        return ["contains", "in", "not_in", *_THERE]
    if of.kind in NUMBERS:
        return [*_ORDER, "equals", "not_equals", *_THERE]
    if of.kind in TIMES:
        return ["between", "greater_than", "less_than", "equals", *_THERE]
    if of.kind == "yes_no":
        return ["equals"]
    if of.kind == "text":
        free = of.name not in FIELDS
        return [*_SAME, *_TEXTS, *(_ORDER if free else ()), *_THERE]
    return [*_SAME, *(_TEXTS if of.kind in OPEN_CHOICES else ()), *_THERE]


def _value(row: Row, of: Field, label: str) -> None:
    operator, value, key = row.operator, row.value, f"{row.uid}-{of.name}-{row.operator}"
    if operator in _VALUELESS:
        return
    name = f"{label}: value"
    if operator in _LISTS and isinstance(value, list):
        row.value = _several(name, value, of, key)
    elif (
        operator == "between"
        and isinstance(value, list)
        and len(value) == 2
        and all(_fits(one, of, operator) for one in value)
    ):
        low, high = st.columns(2, gap="small")
        with low:
            first = _one(f"{name}, from", value[0], of, f"low-{key}", operator)
        with high:
            row.value = [first, _one(f"{name}, to", value[1], of, f"high-{key}", operator)]
    elif operator == "between":
        st.markdown("an unusual value: change it as text")
    else:
        row.value = _one(name, value, of, f"value-{key}", operator)


def _several(name: str, value: list[Any], of: Field, key: str) -> list[Any]:
    known = options(of)
    listed = [*known, *(one for one in value if one not in known)]
    return st.multiselect(
        name,
        listed,
        value,
        format_func=lambda one: known.get(one, str(one)),
        key=f"several-{key}",
        accept_new_options=of.kind in OPEN_CHOICES or of.kind not in CHOICES,
        placeholder="choose" if known else "type one and press Enter",
        label_visibility="collapsed",
    )


def _one(name: str, value: Any, of: Field, key: str, operator: str) -> Any:
    """One value by the widget of its kind; what does not fit the kind (a template, say) as text."""
    if operator in _TEXTS and not of.listed:
        return st.text_input(name, str(value or ""), key=f"text-{key}", label_visibility="collapsed")
    if not _fits(value, of, operator) or of.kind == "text":
        if of.kind == "text" and operator in _ORDER and isinstance(value, int | float):
            return _number(name, value, of, key)
        typed = st.text_input(name, _shown(value), key=f"text-{key}", label_visibility="collapsed")
        return value if typed == _shown(value) else typed
    if of.kind in NUMBERS:
        return _number(name, value, of, key)
    if of.kind == "clock":
        at = st.time_input(name, time.fromisoformat(value), key=f"clock-{key}", step=900, label_visibility="collapsed")
        return f"{at:%H:%M}"
    if of.kind == "date":
        day = st.date_input(name, date.fromisoformat(value[:10]), key=f"date-{key}", label_visibility="collapsed")
        return value if day.isoformat() == value[:10] else day.isoformat()
    known = {True: "Yes", False: "No"} if of.kind == "yes_no" else options(of)
    listed = [*known, *([value] if value not in known else [])]
    return st.selectbox(
        name,
        listed,
        listed.index(value),
        format_func=lambda one: known.get(one, str(one)),
        key=f"choice-{key}",
        accept_new_options=of.kind in OPEN_CHOICES,
        label_visibility="collapsed",
    )


def _number(name: str, value: float, of: Field, key: str) -> float:
    """In per cent where it is a share; whole numbers stay whole."""
    scale = 100 if of.kind == "share" else 1
    typed = st.number_input(
        name,
        value=float(value) * scale,
        step=float(_STEP.get(of.kind, 1)),
        format="%.0f" if of.kind in ("money", "count") else "%.4g",
        key=f"number-{key}",
        icon=_ICON.get(of.kind),
        label_visibility="collapsed",
    )
    found = round(typed / scale, 6)
    return int(found) if float(found).is_integer() else found


def _fits(value: Any, of: Field, operator: str) -> bool:
    if operator in _TEXTS and not of.listed:
        return isinstance(value, str)
    if of.kind in NUMBERS:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if of.kind == "yes_no":
        return isinstance(value, bool)
    if of.kind == "month":
        return value in range(1, 13) and not isinstance(value, bool)
    if of.kind == "text":
        number = operator in _ORDER and isinstance(value, int | float)
        return number or (isinstance(value, str | int | float) and operator not in _ORDER)
    if of.kind in TIMES:
        return isinstance(value, str) and _is_time(value, of)
    return isinstance(value, str) and (of.kind in OPEN_CHOICES or value in options(of))


def _is_time(value: str, of: Field) -> bool:
    try:
        time.fromisoformat(value) if of.kind == "clock" else date.fromisoformat(value[:10])
    except ValueError:
        return False
    return True


def _first(of: Field) -> Any:
    if of.kind in _FIRST:
        return _FIRST[of.kind]
    if of.kind == "clock":
        return "09:00"
    if of.kind == "date":
        return queries.now().date().isoformat()
    if of.kind == "yes_no":
        return True
    return next(iter(options(of)), "")


def _pair(of: Field) -> list[Any]:
    if of.kind == "clock":
        return ["09:00", "17:00"]
    first = _first(of)
    if of.kind == "text":
        return [0, 1]
    return [
        first,
        first * 2 if isinstance(first, int | float) and of.kind != "share" else 1 if of.kind == "share" else first,
    ]


def _shown(value: Any) -> str:
    return "" if value is None else str(value)
