"""Territories: what lies in what, their ZIPs, who covers them, and what two of them share."""

import re
from collections.abc import Iterator, Mapping

import pandas as pd
import streamlit as st

from app.ui import agents_commands as commands
from app.ui import agents_reading, words
from app.ui.agents_reading import Places
from core.routing.territories import StoredTerritory
from core.viewer import Viewer
from core.words import Role

_NEW = ""
_SHARED = 8


@st.fragment
def render(viewer: Viewer) -> None:
    """The tab: admins change, managers look."""
    commands.last()
    st.caption(
        "A neighborhood lies in a city, a city in a region. A contact without a territory gets the smallest one that "
        "holds the ZIP of a home. Territories say who is rung for whom; they never enter a score."
    )
    places = agents_reading.places()
    if places.rows:
        _table(places)
        for text in places.shared[:_SHARED]:
            st.warning(words.plain(text))
        if len(places.shared) > _SHARED:
            st.caption(f"And {words.plural(len(places.shared) - _SHARED, 'more pair')} that share ZIPs.")
    else:
        st.info(
            "There are no territories yet. Without them alerts go to whoever knows the kind of client and has room."
        )
    if viewer.role is Role.ADMIN:
        _editor(viewer, places)


def _table(places: Places) -> None:
    rows = [
        {
            "Territory": f"{'  ' * depth}{one.name}",
            "ZIPs": ", ".join(one.zips) or "–",
            "Agents": places.covered.get(one.id, 0),
        }
        for depth, one in _tree(places.rows)
    ]
    st.dataframe(pd.DataFrame(rows), hide_index=True, height=min(38 + 35 * len(rows), 520))
    if uncovered := _uncovered(places):
        st.caption("Nobody covers " + words.plain(words.listed(uncovered[:12])) + ", nor what is around.")


def _uncovered(places: Places) -> list[str]:
    """The smallest territories whose alerts find nobody of the place, however far around one looks."""
    parents = {one.id: one.parent_id for one in places.rows}
    outer = set(parents.values())

    def is_covered(territory: str | None, steps: int = 0) -> bool:
        if territory is None or steps > len(parents):
            return False
        return bool(places.covered.get(territory)) or is_covered(parents.get(territory), steps + 1)

    return [one.name for one in places.rows if one.id not in outer and not is_covered(one.id)]


def _tree(rows: list[StoredTerritory]) -> Iterator[tuple[int, StoredTerritory]]:
    """(depth, territory), each below the one around it; what lies in a circle stands at the end."""
    below: dict[str | None, list[StoredTerritory]] = {}
    ids = {one.id for one in rows}
    for one in rows:
        below.setdefault(one.parent_id if one.parent_id in ids else None, []).append(one)
    seen: set[str] = set()

    def walk(parent: str | None, depth: int) -> Iterator[tuple[int, StoredTerritory]]:
        for one in below.get(parent, ()):
            if one.id not in seen:
                seen.add(one.id)
                yield depth, one
                yield from walk(one.id, depth + 1)

    yield from walk(None, 0)
    yield from ((0, one) for one in rows if one.id not in seen)


def _editor(viewer: Viewer, places: Places) -> None:
    by_id = {one.id: one for one in places.rows}
    st.subheader("Change or add", anchor=False)
    chosen = st.selectbox(
        "Territory", [_NEW, *by_id], format_func=lambda one: by_id[one].name if one else "A new one", key="territory", width=340
    )  # fmt: skip
    one = by_id.get(chosen)
    with st.form(f"territory-{chosen}"):
        name = st.text_input("Name", one.name if one else "", max_chars=120)
        around: list[str | None] = [None, *(other for other in by_id if other != chosen)]
        parent = st.selectbox(
            "Lies in",
            around,
            around.index(one.parent_id) if one and one.parent_id in around else 0,
            format_func=lambda other: by_id[other].name if other else "Nothing larger",
        )
        text = st.text_area(
            "ZIPs",
            ", ".join(one.zips) if one else "",
            placeholder="78701, 78703-78705, 7871*",
            help="Single ones, ranges and prefixes, with commas or new lines between them.",
        )
        if st.form_submit_button("Save"):
            raw = {"name": name, "parent_id": parent, "zips": _zips(text)}
            commands.show(commands.save_territory(viewer, one.id if one else None, raw))
    if one is not None:
        _delete(viewer, one, places.covered)


def _delete(viewer: Viewer, one: StoredTerritory, covered: Mapping[str, int]) -> None:
    with st.popover("Delete", width="content"):
        if covered.get(one.id):
            st.write(f"{words.plural(covered[one.id], 'agent')} cover it: take it from their profiles first.")
            return
        st.write("Contacts and alerts keep its name, and go to who covers what is around it no more.")
        if st.button("Delete it", key=f"drop-{one.id}"):
            commands.show(commands.remove_territory(viewer, one))


def _zips(text: str) -> list[str]:
    return [part.strip() for part in re.split(r"[,;\n]", text) if part.strip()]
