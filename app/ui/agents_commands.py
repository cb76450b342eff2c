"""What people do on the Agents page: one unit of work each, a sentence about what became of it, and a way back where there is one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import streamlit as st
from sqlalchemy.orm import Session

from app import runtime
from app.ui import words
from core import delivery
from core.errors import DoorbellError, Forbidden
from core.routing import holidays, pausing, profiles, teams, territories, time_off
from core.viewer import Viewer
from core.words import Role

_LAST = "agents-last"
Work = Callable[[Session, datetime], Any]


@dataclass(frozen=True, kw_only=True)
class Done:
    """What became of it."""

    ok: bool
    text: str
    doubts: tuple[str, ...] = ()
    back: Callable[[], "Done"] | None = None
    """Takes it back."""


def show(done: Done) -> None:
    """Tell what became of it: a refusal at once, the rest at the head of the page, which is drawn again."""
    if not done.ok:
        st.error(words.plain(done.text))
        return
    st.session_state[_LAST] = done
    st.rerun()


def last() -> None:
    """What was done last, with a button that takes it back where that is possible."""
    done: Done | None = st.session_state.get(_LAST)
    if done is None:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.success(words.plain(done.text), width="stretch")
        if done.back is not None and st.button("Undo", key="agents-undo"):
            st.session_state.pop(_LAST)
            show(done.back())
    for doubt in done.doubts:
        st.warning(words.plain(doubt))
    if done.back is None:
        st.session_state.pop(_LAST, None)


def put_profile(viewer: Viewer, agent_id: str, changes: Mapping[str, Any], said: str) -> Done:
    return _do(lambda session, now: profiles.put(session, agent_id, changes, viewer=viewer, now=now), said)


def switch(viewer: Viewer, agent_id: str, *, available: bool, name: str) -> Done:
    said = f"{name} gets new alerts again" if available else f"{name} gets no new alerts until switched on again"
    done = put_profile(viewer, agent_id, {"available": available}, said)
    return _with_back(done, lambda: put_profile(viewer, agent_id, {"available": not available}, "Taken back"))


def resume(viewer: Viewer, agent_id: str) -> Done:
    return _do(lambda session, now: pausing.resume(session, agent_id, viewer=viewer, now=now), "New alerts come again")


def add_time_off(viewer: Viewer, agent_id: str, raw: Mapping[str, Any]) -> Done:
    kept: list[time_off.Saved] = []

    def work(session: Session, now: datetime) -> None:
        kept.append(time_off.add(session, agent_id, raw, viewer=viewer, now=now))
        delivery.tell_cover(session, kept[0].off, by=viewer.user_id, now=now)

    done = _do(work, "Time off saved")
    if not done.ok:
        return done
    off = kept[0].off
    return Done(
        ok=True,
        text=f"Time off saved: {off.words()}",
        doubts=kept[0].doubts,
        back=lambda: _take_back(viewer, off, "The time off is taken back"),
    )


def _take_back(viewer: Viewer, off: time_off.Off, said: str) -> Done:
    def work(session: Session, now: datetime) -> None:
        before = time_off.remove(session, off.id, viewer=viewer, now=now)
        delivery.tell_cover(session, None, before=before, by=viewer.user_id, now=now)

    return _do(work, said)


def change_time_off(viewer: Viewer, off: time_off.Off, raw: Mapping[str, Any], said: str = "") -> Done:
    kept: list[time_off.Saved] = []

    def work(session: Session, now: datetime) -> None:
        kept.append(time_off.change(session, off.id, raw, viewer=viewer, now=now))
        delivery.tell_cover(session, kept[0].off, before=kept[0].before, by=viewer.user_id, now=now)

    done = _do(work, said or "Saved")
    if not done.ok:
        return done
    return Done(
        ok=True,
        text=said or f"Time off changed: {kept[0].off.words()}",
        doubts=kept[0].doubts,
        back=None if said else lambda: change_time_off(viewer, off, _as_it_was(off), "Changed back"),
    )


def remove_time_off(viewer: Viewer, off: time_off.Off) -> Done:
    began = off.starts_at < runtime.current().clock.now()
    done = _take_back(viewer, off, f"{off.agent_name} is back" if began else f"Deleted: {off.words()}")
    if began:
        return done  # it is over now, and what is over is kept as it was
    return _with_back(done, lambda: add_time_off(viewer, off.agent_id, _as_it_was(off)))


def add_holiday(viewer: Viewer, raw: Mapping[str, Any]) -> Done:
    kept: list[holidays.StoredHoliday] = []
    done = _do(lambda session, now: kept.append(holidays.add(session, raw, viewer=viewer, now=now)), f"{raw['name']} is a holiday")  # fmt: skip
    return _with_back(done, lambda: remove_holiday(viewer, kept[0]))


def add_federal(viewer: Viewer, year: int, team_id: str | None) -> Done:
    kept: list[holidays.StoredHoliday] = []

    def take_back() -> Done:
        def work(session: Session, now: datetime) -> None:
            for one in kept:
                holidays.remove(session, one.id, viewer=viewer, now=now)

        return _do(work, "Taken back")

    done = _do(
        lambda session, now: kept.extend(holidays.add_federal(session, year, team_id=team_id, viewer=viewer, now=now)),
        "",
    )
    if not done.ok:
        return done
    if not kept:
        return Done(ok=True, text=f"All federal holidays of {year} are there already")
    return Done(ok=True, text=f"{words.plural(len(kept), 'holiday')} of {year} added", back=take_back)


def remove_holiday(viewer: Viewer, one: holidays.StoredHoliday) -> Done:
    done = _do(
        lambda session, now: holidays.remove(session, one.id, viewer=viewer, now=now),
        f"{one.name} is no holiday any more",
    )
    raw = {"name": one.name, "day": one.day, "team_id": one.team_id}
    return _with_back(done, lambda: add_holiday(viewer, raw))


def save_territory(viewer: Viewer, territory_id: str | None, raw: Mapping[str, Any]) -> Done:
    kept: list[territories.Placed] = []

    def work(session: Session, now: datetime) -> None:
        if territory_id is None:
            kept.append(territories.add(session, raw, actor_id=viewer.user_id or None, now=now))
        else:
            kept.append(territories.change(session, territory_id, raw, actor_id=viewer.user_id or None, now=now))

    done = _by_admin(viewer, work, "")
    if not done.ok:
        return done
    placed = kept[0]
    found = f" {words.plural(placed.contacts, 'contact')} found their place by it." if placed.contacts else ""
    return Done(ok=True, text=f"Saved “{placed.territory.name}”.{found}")


def remove_territory(viewer: Viewer, one: territories.StoredTerritory) -> Done:
    done = _by_admin(
        viewer,
        lambda session, now: territories.remove(session, one.id, actor_id=viewer.user_id or None, now=now),
        f"Deleted “{one.name}”",
    )
    raw = {"id": one.id, "name": one.name, "parent_id": one.parent_id, "zips": one.zips}
    return _with_back(done, lambda: save_territory(viewer, None, raw))


def save_team(viewer: Viewer, team_id: str | None, raw: Mapping[str, Any]) -> Done:
    def work(session: Session, now: datetime) -> None:
        if team_id is None:
            teams.add(session, raw, actor_id=viewer.user_id or None, now=now)
        else:
            teams.change(session, team_id, raw, actor_id=viewer.user_id or None, now=now)

    return _by_admin(viewer, work, f"Saved “{raw['name']}”")


def remove_team(viewer: Viewer, team_id: str, name: str) -> Done:
    return _by_admin(
        viewer,
        lambda session, now: teams.remove(session, team_id, actor_id=viewer.user_id or None, now=now),
        f"Deleted “{name}”",
    )


def _as_it_was(off: time_off.Off) -> dict[str, Any]:
    return {
        "starts_at": off.starts_at,
        "ends_at": off.ends_at,
        "cover_agent_id": off.cover_agent_id,
        "reason": off.reason,
    }


def _with_back(done: Done, back: Callable[[], Done]) -> Done:
    return Done(ok=True, text=done.text, back=back) if done.ok else done


def _by_admin(viewer: Viewer, work: Work, said: str) -> Done:
    def checked(session: Session, now: datetime) -> Any:
        if viewer.role is not Role.ADMIN:
            raise Forbidden("This takes an admin.")
        return work(session, now)

    return _do(checked, said)


def _do(work: Work, said: str) -> Done:
    try:
        with runtime.current().database.write() as session:
            work(session, runtime.current().clock.now())
    except DoorbellError as error:
        why = "; ".join(f"{words.sentence(name)}: {text}" for name, text in error.fields.items())
        return Done(ok=False, text=f"{error.detail} {why}".strip())
    return Done(ok=True, text=said)
