"""What each way of telling a person still needs, said once where several need the same, and where to put it right."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import streamlit as st

from app import runtime
from app.ui import chats, phones, push_button, words
from core.delivery.ledger import Rule
from core.delivery.registry import CHANNELS
from core.settings import Doubt
from core.viewer import Viewer
from core.views.delivery_outlook import Outlook, Standing

_SECTIONS: Mapping[str, Callable[[Viewer], object]] = {
    "phone": phones.section,
    "chat": chats.section,
    "push": push_button.section,
}
"""By kind of address: where a person adds their own."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """One or more channels that stand the same."""

    label: str
    works: bool
    text: str
    steps: tuple[str, ...]
    """What to do, each once."""


def section(viewer: Viewer, outlook: Outlook, *, name: str | None) -> None:
    """The part of the page.

    Args:
        name: of the person they belong to; None where they are the viewer's own, who can add to them here.
    """
    st.subheader("What your channels need" if name is None else f"What reaches {name}", anchor=False)
    doubts = runtime.current().settings.doubts
    for kind, group in groupby(sorted(outlook.channels, key=_kind), key=_kind):
        found = list(group)
        own = _SECTIONS.get(kind) if name is None else None
        with st.container(border=own is not None, gap="small"):
            for line in lines(found, doubts, below=own is not None):
                _shown(line)
            if own is not None:
                own(viewer)
    if name is not None:
        st.caption(f"Phones, chats and browsers are added by {words.plain(name)}, who confirms each of them.")


def lines(found: Sequence[Standing], doubts: Collection[Doubt], *, below: bool) -> list[Line]:
    """Those of one kind of address, what stands the same in one line.

    Args:
        doubts: as `Settings.doubts`.
        below: whether what a person can do stands below anyway.
    """
    made = []
    for _, group in groupby(found, key=lambda one: (one.works, one.rule)):
        same = list(group)
        missing = same[0].rule == Rule.NOT_SET_UP
        steps = [] if below and not missing else [one.next_step for one in same if one.next_step]
        names = {one.channel for one in same}
        steps += [f"For an admin: {doubt.line}" for doubt in doubts if names & set(doubt.channels)]
        label = words.listed([one.label for one in same])
        made.append(
            Line(
                label=label[:1].upper() + label[1:],
                works=same[0].works,
                text="none added yet" if below and same[0].rule == Rule.NO_ADDRESS else same[0].text,
                steps=tuple(dict.fromkeys(steps)),
            )
        )
    return made


def _kind(one: Standing) -> str:
    return CHANNELS[one.channel].address


def _shown(line: Line) -> None:
    icon = ":material/check_circle:" if line.works else ":material/error:"
    st.markdown(f"{icon} **{words.plain(line.label)}** · {words.plain(line.text)}.")
    for step in line.steps:
        st.text(step)  # Markdown would make a link of name:password@host
