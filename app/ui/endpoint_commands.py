"""What people do to the systems that are told: one unit of work each, and a sentence about what became of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app import runtime
from core.db.tables.reaching import Endpoint
from core.delivery import endpoint_book, endpoint_testing
from core.errors import DoorbellError
from core.viewer import Viewer


@dataclass(frozen=True, kw_only=True)
class Done:
    """What became of it."""

    ok: bool
    text: str = ""
    wrong: Mapping[str, str] = field(default_factory=dict)
    """Field to what is wrong there."""
    secret: str | None = None
    """Shown this once."""
    test_id: str | None = None


def save(viewer: Viewer, raw: Mapping[str, Any], *, endpoint_id: str | None = None, version: int | None = None) -> Done:
    """Store a new one, or the new text of one."""
    here = runtime.current()
    try:
        wanted = endpoint_book.read(raw, here.settings)
        with here.database.write() as session:
            now, options = here.clock.now(), {"viewer": viewer, "settings": here.settings}
            if endpoint_id is None:
                made = endpoint_book.add(session, wanted, now=now, **options)  # type: ignore[arg-type]
                return Done(ok=True, text=f"“{wanted.name}” is told from now on", secret=made.secret)
            endpoint_book.change(session, endpoint_id, wanted, version=version, now=now, **options)  # type: ignore[arg-type]
            return Done(ok=True, text=f"Saved “{wanted.name}”")
    except DoorbellError as error:
        return _refused(error)


def switch(viewer: Viewer, one: Endpoint) -> Done:
    """On if it is off, off if it is on."""
    done = save(
        viewer, endpoint_book.plain(one) | {"enabled": not one.enabled}, endpoint_id=one.id, version=one.version
    )
    if not done.ok:
        return done
    text = f"“{one.name}” is told nothing more" if one.enabled else f"“{one.name}” is told from now on again"
    return Done(ok=True, text=text)


def rotate(viewer: Viewer, one: Endpoint) -> Done:
    """A new secret; for a day both sign."""
    here = runtime.current()
    try:
        with here.database.write() as session:
            made = endpoint_book.rotate(session, one.id, viewer=viewer, settings=here.settings, now=here.clock.now())
    except DoorbellError as error:
        return _refused(error)
    return Done(ok=True, text=f"“{one.name}” has a new secret", secret=made.secret)


def remove(viewer: Viewer, one: Endpoint) -> Done:
    here = runtime.current()
    try:
        with here.database.write() as session:
            endpoint_book.remove(session, one.id, version=one.version, viewer=viewer, now=here.clock.now())
    except DoorbellError as error:
        return _refused(error)
    return Done(ok=True, text=f"Deleted “{one.name}”")


def test(viewer: Viewer, one: Endpoint) -> Done:
    """Queue a test."""
    here = runtime.current()
    try:
        with here.database.write() as session:
            return Done(ok=True, test_id=endpoint_testing.send(session, viewer, one.id, now=here.clock.now()))
    except DoorbellError as error:
        return _refused(error)


def _refused(error: DoorbellError) -> Done:
    return Done(ok=False, text=error.detail, wrong=error.fields)
