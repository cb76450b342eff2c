"""Model versions: what scores, how it was made and does, and what an admin may do about it."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from pydantic import StringConstraints
from starlette.responses import PlainTextResponse, Response

from app.api import alert_shapes as shapes
from app.api.deps import Admin, Camel, Db, Manager, Now, RuntimeOf
from core import audit
from core.errors import Conflict
from core.learning import acting, card, drift, memory, reading, registry
from core.views.page import checked_limit, cursor_of, key_of

router = APIRouter(prefix="/models", tags=["models"])

_PLAIN = r"^[^\x00]*$"
Id = Annotated[str, Path(min_length=1, max_length=64, pattern=_PLAIN)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=_PLAIN)]
Said = Annotated[str, StringConstraints(max_length=500, pattern=_PLAIN)]
StatusName = Literal["training", "validating", "shadow", "deployed", "retired"]


class NoteIn(Camel):
    note: Said | None = None
    """Why, in a sentence; kept with the version."""


class PromoteIn(NoteIn):
    replaces: Name | None = None
    """The version you believe is deployed; if another one is, nothing changes (409)."""


class IntentIn(Camel):
    intent: Name


@router.get("", summary="All versions, newest first")
def list_versions(
    db: Db,
    _viewer: Manager,
    intent: Annotated[str | None, Query(max_length=64, pattern=_PLAIN)] = None,
    status: StatusName | None = None,
    cursor: Annotated[str | None, Query(max_length=1000)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Response:
    after = key_of(cursor, "models", [datetime, str]) if cursor else None
    with db.read() as session:
        rows = reading.versions(
            session,
            intent=intent,
            status=status,
            after=(after[0], after[1]) if after else None,
            limit=checked_limit(limit) + 1,
        )
    page = rows[:limit]
    following = cursor_of("models", page[-1].created_at, page[-1].id) if len(rows) > limit else None
    return shapes.answer({"items": shapes.camel(page), "nextCursor": following})


@router.get("/drift", summary="The newest check of every deployed version")
def read_drift(db: Db, _viewer: Manager) -> Response:
    """`unverified` are the tiers whose promise is in doubt."""
    with db.read() as session:
        rows, doubted = reading.drift(session), sorted(drift.unverified(session))
    return shapes.answer(
        {
            "items": shapes.camel(rows),
            "unverified": [{"intent": intent, "priority": tier} for intent, tier in doubted],
            "nextCursor": None,
        }
    )


@router.get("/training", summary="How far the training is, and what each intent's last night said")
def read_training(db: Db, _viewer: Manager, now: Now) -> Response:
    return _progress_of(db, now)


@router.post("/train", status_code=202, summary="Learn from the outcomes now")
def train(db: Db, viewer: Admin, now: Now) -> Response:
    """Starts as soon as the jobs process looks (within seconds), in a process of its own; `GET /models/training` tells how
    far it is. Asked twice it runs once."""
    with db.write() as session:
        memory.ask(session, by=viewer.user_id or None, now=now)
        audit.record(
            session,
            "models.training_asked",
            subject_type="models",
            subject_id="training",
            actor_id=viewer.user_id or None,
            now=now,
        )
    return _progress_of(db, now, status=202)


@router.post("/rollback", summary="Back to the version before the deployed one")
def rollback(body: IntentIn, db: Db, viewer: Admin, now: Now) -> Response:
    with db.write() as session:
        row = registry.rollback(session, body.intent, actor_id=viewer.user_id or None, now=now)
    return _detail(db, row.id)


@router.post("/recalibrate", summary="Move the deployed intercepts to what was observed")
def recalibrate(body: IntentIn, db: Db, runtime: RuntimeOf, viewer: Admin, now: Now) -> Response:
    """409 with the reason where observed over expected gives no cause to."""
    from core.learning import retuning  # noqa: PLC0415  SciPy and scikit-learn, which the process else does without

    delay = runtime.settings.transaction_delay_days
    with db.read() as session:
        material, verdict = retuning.consider(session, body.intent, delay_days=delay, now=now)
    if verdict.action != "recalibrate":
        raise Conflict(f"Nothing was changed. {verdict.sentence[:1].upper()}{verdict.sentence[1:]}")
    with db.write() as session:
        version_id = acting.act(session, material, verdict, actor_id=viewer.user_id or None, now=now)
    return _detail(db, str(version_id))


@router.get("/{version_id}", summary="One version: figures, intervals, reliability, data, drift")
def get_version(version_id: Id, db: Db, _viewer: Manager) -> Response:
    return _detail(db, version_id)


@router.get("/{version_id}/card", summary="Its model card, as Markdown", response_class=PlainTextResponse)
def get_card(version_id: Id, db: Db, _viewer: Manager) -> Response:
    with db.read() as session:
        text = card.markdown(reading.version(session, version_id))
    return PlainTextResponse(text, media_type="text/markdown; charset=utf-8")


@router.get("/{version_id}/compare/{other_id}", summary="Two versions side by side")
def compare(version_id: Id, other_id: Id, db: Db, _viewer: Manager) -> Response:
    """The first as champion, the second as challenger, each measured on its own newest scores."""
    with db.read() as session:
        found = reading.comparison(session, version_id, other_id)
    return shapes.answer(shapes.camel(found))


@router.post("/{version_id}/shadow", summary="Have it score beside the deployed one, deciding nothing")
def shadow(version_id: Id, body: NoteIn, db: Db, viewer: Admin, now: Now) -> Response:
    with db.write() as session:
        registry.shadow(session, version_id, actor_id=viewer.user_id or None, note=body.note, now=now)
    return _detail(db, version_id)


@router.post("/{version_id}/promote", summary="Deploy what is in shadow")
def promote(version_id: Id, body: PromoteIn, db: Db, viewer: Admin, now: Now) -> Response:
    """Every process scores with it before its next decision; `POST /models/rollback` takes it back."""
    with db.write() as session:
        registry.promote(
            session, version_id, replaces=body.replaces, actor_id=viewer.user_id or None, note=body.note, now=now
        )
    return _detail(db, version_id)


@router.post("/{version_id}/retire", summary="Put away a version that is not deployed")
def retire(version_id: Id, body: NoteIn, db: Db, viewer: Admin, now: Now) -> Response:
    with db.write() as session:
        registry.retire(session, version_id, actor_id=viewer.user_id or None, note=body.note, now=now)
    return _detail(db, version_id)


def _detail(db: Db, version_id: str) -> Response:
    with db.read() as session:
        found = reading.version(session, version_id)
    told: dict[str, Any] = shapes.camel(found)
    return shapes.answer({**told.pop("version"), **told})


def _progress_of(db: Db, now: datetime, *, status: int = 200) -> Response:
    with db.read() as session:
        found = reading.training_progress(session, now=now)
    return shapes.answer(shapes.camel(found), status)
