"""An editor of conditions in groups within groups: the tree, with what a row looks like left to who asks."""

from collections.abc import Callable, Mapping

import streamlit as st

from app.ui.condition_draft import KINDS, Group, Row
from app.ui.layout import plain

DEEPEST = 4
_MOST_ROWS = 20
ShowRow = Callable[[Row, str, Callable[[], None]], None]
"""(row, its label, what its Remove button does)"""


def show(root: Group, *, row: ShowRow, new: Callable[[], Row], wrong: Mapping[str, str], at: str) -> None:
    """The whole tree; what is typed goes into it at each run.

    Args:
        new: a condition to start from.
        wrong: place in what is written -> what is wrong there; told under the condition it belongs to.
        at: the place of the root: a list of conditions.
    """
    _Editor(row, new, wrong).group(root, at, label="", used=0, drop=None)


class _Editor:
    def __init__(self, row: ShowRow, new: Callable[[], Row], wrong: Mapping[str, str]) -> None:
        self._row = row
        self._new = new
        self._wrong = wrong

    def group(self, group: Group, at: str, *, label: str, used: int, drop: Callable[[], None] | None) -> None:
        """`at` is the place of a list for the root, of the group itself for the others; `used` counts the groups around it."""
        is_root = drop is None
        with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
            chosen = st.segmented_control(
                f"Group {label}" if label else "Must hold",
                list(KINDS),
                format_func=lambda kind: KINDS[kind],
                default=group.kind,
                required=True,
                wrap=True,
                key=f"group-{group.uid}",
            )
            group.kind = chosen or group.kind
            if drop is not None:
                st.button("Remove the group", key=f"drop-group-{group.uid}", on_click=drop, type="tertiary")
        is_list = is_root and group.kind == "all"
        within = at if is_list or not is_root else f"{at}.0"
        self._tell(within if not is_root else at, whole=not is_root)
        levels = used + (0 if is_list else 2 if group.kind == "none" and len(group.members) > 1 else 1)
        for number, member in enumerate(group.members):
            self._member(group, member, _place(within, group, number, is_list=is_list), f"{label}{number + 1}", levels)
        with st.container(horizontal=True, gap="small"):
            if len(group.members) < _MOST_ROWS:
                st.button(
                    f"Add a condition to group {label.rstrip('.')}" if label else "Add a condition",
                    key=f"add-row-{group.uid}",
                    icon=":material/add:",
                    on_click=lambda: group.members.append(self._new()),
                )
                if levels < DEEPEST:
                    st.button(
                        f"Add a group within {label.rstrip('.')}" if label else "Add a group",
                        key=f"add-group-{group.uid}",
                        icon=":material/account_tree:",
                        on_click=lambda: group.members.append(Group("any", [self._new(), self._new()])),
                    )

    def _member(self, group: Group, member: Row | Group, at: str, label: str, used: int) -> None:
        if isinstance(member, Group):
            with st.container(border=True):
                self.group(member, at, label=f"{label}.", used=used, drop=lambda: _drop(group, member))
            return
        self._row(member, f"Condition {label}", lambda: _drop(group, member))
        self._tell(at, whole=False)

    def _tell(self, at: str, *, whole: bool) -> None:
        """What is wrong at this place, and (not for a group) at a part of it."""
        parts = {at} if whole else {at, f"{at}.field", f"{at}.operator", f"{at}.value"}
        for place in sorted(parts & self._wrong.keys()):
            st.warning(plain(self._wrong[place]), icon=":material/edit:")


def _place(at: str, group: Group, number: int, *, is_list: bool) -> str:
    """Where a member stands in what is written."""
    if is_list:
        return f"{at}.{number}"
    if group.kind == "none":
        return f"{at}.not" if len(group.members) == 1 else f"{at}.not.any.{number}"
    return f"{at}.{group.kind}.{number}"


def _drop(group: Group, member: Row | Group) -> None:
    group.members.remove(member)
