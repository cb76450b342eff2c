"""What deciding costs a contact: rollups, history, signals, features, four intents and the explanation, on both databases."""

import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from core import events, history, scoring, signals, traffic
from core.db import Database
from core.db.migrate import upgrade
from core.events import NewEvent
from core.history import History
from core.scoring import Models, features
from core.signals import Found, OpenSignal
from core.words import EventCategory, EventType

NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
CONTACTS = 500
EVENTS_A_CONTACT = 24
ROUNDS = 7
_SEEN = (
    (EventType.PAGE_VIEW, "value_check"),
    (EventType.PROPERTY_VIEW, "comparable_view"),
    (EventType.DOCUMENT_ACCESS, None),
    (EventType.EMAIL_SENT, None),
    (EventType.EMAIL_OPEN, None),
    (EventType.CALCULATOR_USE, "mortgage"),
)


def run(scratch: Path, postgres_url: str) -> dict[str, Any]:
    """Microseconds a contact (medians); `ratio` is against one scikit-learn model asked in the same run."""
    results: dict[str, Any] = {"contacts": CONTACTS, "events_a_contact": EVENTS_A_CONTACT}
    for name, database in _databases(scratch, postgres_url):
        results[name], histories, opened = _line(database)
        database.dispose()
    results.update(_models(histories, opened))
    return results


def _databases(scratch: Path, postgres_url: str) -> Iterator[tuple[str, Database]]:
    yield "sqlite", Database(f"sqlite:///{scratch / 'scoring.db'}")
    server = make_url(postgres_url)
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text("CREATE DATABASE bench_scoring"))
    yield "postgresql", Database(server.set(database="bench_scoring").render_as_string(hide_password=False))
    with admin.connect() as connection:
        connection.execute(text("DROP DATABASE bench_scoring WITH (FORCE)"))
    admin.dispose()


def _line(database: Database) -> tuple[dict[str, float], dict[str, History], Mapping[str, list[OpenSignal]]]:
    """One batch of contacts after another through the stages, with commits."""
    upgrade(database)
    with database.write() as session:
        scoring.install(session, now=NOW)
        models = Models.load(session)
    taken: dict[str, list[float]] = {}
    for number in range(ROUNDS):
        with database.write() as session:
            events.record(session, _behaviour(number), now=NOW)
        with database.write() as session:
            batch = events.claim(session, limit=CONTACTS * EVENTS_A_CONTACT)
            ids = sorted({event.contact_id for event in batch})
            stage = partial(_timed, taken)
            doubts = stage("traffic", partial(traffic.doubts, batch, session))
            stage("absorb", partial(history.absorb, session, batch, doubts))
            histories = stage("load", partial(history.load, session, ids, now=NOW))
            found = stage("detect", partial(_detect, histories))
            opened = stage("refresh", partial(signals.refresh, session, histories, found, now=NOW))
            rows = stage("features", partial(_vectors, histories, opened))
            scored = stage("score", partial(scoring.score_batch, models, rows))
            stage("store", partial(scoring.store, session, list(zip(histories, rows, scored, strict=True)), now=NOW))
            events.finish(session, [event.id for event in batch], doubts, now=NOW)
    medians = {f"{stage}_us": round(statistics.median(times) / CONTACTS * 1e6, 1) for stage, times in taken.items()}
    medians["events_per_second"] = round(EVENTS_A_CONTACT * 1e6 / sum(medians.values()))
    return medians, histories, opened


def _detect(histories: Mapping[str, History]) -> dict[str, list[Found]]:
    return {contact_id: signals.detect(past, now=NOW) for contact_id, past in histories.items()}


def _vectors(histories: Mapping[str, History], opened: Mapping[str, list[OpenSignal]]) -> list[tuple[float, ...]]:
    return [features.vector(histories[key], opened[key], now=NOW) for key in histories]


def _behaviour(number: int) -> list[NewEvent]:
    """Half of the contacts are new in every round, half come again."""
    found = []
    for who in range(CONTACTS):
        contact_id = f"contact-{who}" if who % 2 else f"contact-{number}-{who}"
        for which in range(EVENTS_A_CONTACT):
            event_type, name = _SEEN[(which + who) % len(_SEEN)]
            found.append(
                NewEvent(
                    event_id=f"{number}-{who}-{which}",
                    contact_id=contact_id,
                    event_type=event_type,
                    event_category=EventCategory.PLATFORM_BEHAVIOR,
                    event_name=name,
                    occurred_at=NOW - timedelta(hours=which * 19 + 1),
                    session_id=f"{who}-{which // 6}",
                    device="mobile",
                )
            )
    return found


def _models(histories: Mapping[str, History], opened: Mapping[str, list[OpenSignal]]) -> dict[str, Any]:
    models = Models.of_prior()
    rows = _vectors(histories, opened)
    matrix = np.array(rows, dtype=np.float64)
    key = next(iter(histories))
    alone = _each(lambda: scoring.score(models, rows[0]), 2_000)
    boosted = HistGradientBoostingClassifier(max_iter=50).fit(
        np.nan_to_num(matrix), np.arange(len(matrix)) % 2
    )  # one model; its predictions are not looked at
    ordinary = _each(lambda: boosted.predict_proba(matrix[:1]), 50)
    return {
        "four_intents_alone_us": round(alone, 1),
        "four_intents_batch_us": round(_each(lambda: scoring.score_batch(models, rows), 20) / len(rows), 2),
        "features_alone_us": round(_each(lambda: features.vector(histories[key], opened[key], now=NOW), 2_000), 1),
        "signals_alone_us": round(_each(lambda: signals.detect(histories[key], now=NOW), 2_000), 1),
        "explain_us": round(
            _each(lambda: scoring.why(models, "LIKELY_TO_SELL", rows[0], history=histories[key]), 500), 1
        ),
        "sklearn_one_model_us": round(ordinary, 1),
        "ratio": round(ordinary * 4 / alone, 1),
    }


def _each(call: Callable[[], Any], times: int) -> float:
    """Microseconds a call, the best of three runs."""
    best = float("inf")
    for _ in range(3):
        started = time.perf_counter()
        for _ in range(times):
            call()
        best = min(best, time.perf_counter() - started)
    return best / times * 1e6


def _timed(taken: dict[str, list[float]], stage: str, call: Callable[[], Any]) -> Any:
    started = time.perf_counter()
    result = call()
    taken.setdefault(stage, []).append(time.perf_counter() - started)
    return result
