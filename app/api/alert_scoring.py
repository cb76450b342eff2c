"""Running the line on request, and how the models behind it do."""

import threading
from datetime import datetime
from typing import Any
from weakref import WeakKeyDictionary

from fastapi import APIRouter
from sqlalchemy import not_, select
from sqlalchemy.orm import Session
from starlette.responses import Response

from app.api import alert_shapes as shapes
from app.api.alert_shapes import ProcessedOut, ProcessIn, ScoredOut, ScoreUserIn
from app.api.deps import Admin, Caller, Db, Manager, Now
from core import audit, changes, events, pipeline, versions
from core.db import Database
from core.db.tables import Alert
from core.errors import NotFound
from core.pipeline import Decided, World
from core.scoring import Models, Scored
from core.viewer import Viewer, alert_scope
from core.views import feed, model_performance
from core.views.feed import Filters
from core.words import Role

router = APIRouter(tags=["scoring"])


class _Line:
    """The models and routing this process keeps for requests; one request at a time runs the line here."""

    def __init__(self) -> None:
        self.turn = threading.Lock()
        self.world: World | None = None


_lines: "WeakKeyDictionary[Database, _Line]" = WeakKeyDictionary()
_making = threading.Lock()


@router.post("/score-user", summary="Run the line for one contact, now", responses={200: {"model": ScoredOut}})
def score_user(body: ScoreUserIn, db: Db, viewer: Caller, now: Now) -> Response:
    """Decides on what waits for this contact, scores all four intents, and opens, refreshes and routes alerts.

    `alerts` are the contact's open ones that the caller may see. A contact with an open alert that the caller may not see
    does not exist for them.
    """
    with db.read() as session:
        _check_not_anothers(session, body.user_id, viewer=viewer)
    decided = _score(db, body.user_id, now=now)
    with db.read() as session:
        change_id = changes.newest_id(session)
        mine = Filters(user_id=body.user_id, open_only=True, snoozed=None)
        page = feed.list_alerts(session, viewer, mine, limit=200, now=now)
    seen = {card.id for card in page.items}
    return shapes.answer(
        {
            "userId": body.user_id,
            "scores": [_scored(one) for one in decided.scores.get(body.user_id, ())],
            "alerts": [shapes.alert(card, change_id=change_id) for card in page.items],
            "opened": [alert_id for alert_id in decided.opened if alert_id in seen],
        }
    )


@router.post("/process-signals", summary="Decide on what waits, now", responses={200: {"model": ProcessedOut}})
def process_signals(body: ProcessIn, db: Db, _viewer: Manager, now: Now) -> Response:
    """What the jobs process does all the time, for the contacts named, or for up to `limit` waiting events."""
    errors = []
    done: list[Decided] = []
    if body.user_ids:
        for user_id in body.user_ids:
            try:
                done.append(_score(db, user_id, now=now))
            except NotFound as error:
                errors.append({"userId": user_id, "error": error.detail})
    else:
        line = _line(db)
        with line.turn, db.write() as session:
            done.append(pipeline.decide(session, world=_world(line, session), limit=body.limit, now=now))
    with db.read() as session:
        waiting = events.pending(session)
    return shapes.answer(
        {
            "events": sum(one.events for one in done),
            "contacts": sum(one.contacts for one in done),
            "opened": sum(len(one.opened) for one in done),
            "refreshed": sum(len(one.refreshed) for one in done),
            "waiting": waiting,
            "errors": errors,
        }
    )


@router.get("/models/performance", summary="How the deployed models do")
def performance(db: Db, viewer: Caller) -> Response:
    """Per intent: what training measured, and the share of right alerts since, of those the caller may see."""
    with db.read() as session:
        rows = model_performance.model_performance(session, viewer)
    return shapes.answer({"items": shapes.camel(rows), "nextCursor": None})


@router.post("/models/reload", summary="Have every process load the deployed models again")
def reload(db: Db, viewer: Admin, now: Now) -> Response:
    """Each process notices before its next decision."""
    with db.write() as session:
        versions.bump(session, "models")
        number = versions.number(session, "models")
        audit.record(
            session,
            "models.reloaded",
            subject_type="models",
            subject_id="deployed",
            actor_id=viewer.user_id,
            after={"version": number},
            now=now,
        )
        rows = model_performance.model_performance(session, viewer)
    return shapes.answer({"version": number, "deployed": {row.intent: row.version for row in rows}})


def served_models(db: Database) -> Models | None:
    """What this process scores requests with; None until it was first asked to."""
    line = _lines.get(db)
    return line.world.models if line is not None and line.world is not None else None


def _line(db: Database) -> _Line:
    with _making:
        return _lines.setdefault(db, _Line())


def _world(line: _Line, session: Any) -> World:
    if line.world is None:
        line.world = World.load(session)
    return line.world


def _check_not_anothers(session: Session, contact_id: str, *, viewer: Viewer) -> None:
    hidden = select(Alert.id).where(
        Alert.contact_id == contact_id, Alert.closed_at.is_(None), not_(alert_scope(viewer))
    )
    if viewer.role is not Role.ADMIN and session.scalar(hidden.limit(1)) is not None:
        raise NotFound("There is no such contact.")


def _score(db: Database, user_id: str, *, now: datetime) -> Decided:
    line = _line(db)
    with line.turn, db.write() as session:
        return pipeline.score_contact(session, user_id, world=_world(line, session), now=now)


def _scored(one: Scored) -> dict[str, Any]:
    return {
        "intent": one.intent,
        "probability": round(one.probability, 4),
        "probabilityInterval": [round(one.probability_low, 4), round(one.probability_high, 4)],
        "confidence": round(one.confidence, 4),
        "interval": [round(one.confidence_low, 4), round(one.confidence_high, 4)],
        "lift": round(one.lift, 2),
        "baseRate": round(one.base_rate, 4),
        "modelVersion": one.model_version,
    }
