"""What deciding costs a contact: rollups, history, signals, features, four intents and the explanation, on both databases."""

import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
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
from core.scoring import Models, features, prior
from core.scoring.lowering import what_lowers
from core.scoring.model import Compiled, parse
from core.signals import Found, OpenSignal
from core.words import EventCategory, EventType, Intent

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
    rows = _vectors(histories, opened)
    matrix = np.array(rows, dtype=np.float64)
    key = next(iter(histories))
    boosted = HistGradientBoostingClassifier(max_iter=TREES, max_leaf_nodes=16, early_stopping=False).fit(
        np.nan_to_num(matrix), np.arange(len(matrix)) % 2
    )  # one model; its predictions are not looked at
    ordinary = _each(lambda: boosted.predict_proba(matrix[:1]), 50)
    ordinary_batch = _each(lambda: boosted.predict_proba(matrix), 5) / len(rows)
    forms = {
        form: _form(models, rows, histories[key], ordinary=ordinary, ordinary_batch=ordinary_batch)
        for form, models in _forms().items()
    }
    past = histories[key]
    return {
        "forms": forms,
        "four_intents_alone_us": forms["terms"]["alone_us"],
        "four_intents_batch_us": forms["terms"]["batch_us"],
        "features_alone_us": round(_each(lambda: features.vector(past, opened[key], now=NOW), 1_000), 1),
        "signals_alone_us": round(_each(lambda: signals.detect(past, now=NOW), 1_000), 1),
        "explain_us": forms["terms"]["explain_us"],
        "what_lowers_us": round(_each(lambda: what_lowers(Models.of_prior().model("LIKELY_TO_SELL"), past, []), 50), 1),
        "sklearn_one_model_us": round(ordinary, 1),
        "sklearn_one_model_batch_us": round(ordinary_batch, 2),
        "ratio": forms["terms"]["ratio"],
    }


def _form(
    models: Models, rows: Sequence[tuple[float, ...]], past: History, *, ordinary: float, ordinary_batch: float
) -> dict[str, float]:
    """Four intents alone and in batches, one explanation; ratios against four scikit-learn models, which explain nothing."""
    alone = _each(lambda: scoring.score(models, rows[0]), 500)
    batch = _each(lambda: scoring.score_batch(models, rows), 10) / len(rows)
    explain = _each(lambda: scoring.why(models, "LIKELY_TO_SELL", rows[0], history=past), 200)
    return {
        "alone_us": round(alone, 1),
        "batch_us": round(batch, 2),
        "explain_us": round(explain, 1),
        "ratio": round(ordinary * 4 / alone, 1),
        "batch_ratio": round(ordinary_batch * 4 / batch, 1),
    }


PAIRS, BINS = 15, 8
TREES = 100
"""A model of each form, the size that training makes."""


def _forms() -> dict[str, Models]:
    rng = np.random.default_rng(0)
    found = {}
    for form in ("terms", "pairs", "trees"):
        models = []
        for intent in Intent:
            stored = prior.parameters(intent)
            if form == "pairs":
                stored["pairs"] = [_pair(rng) for _ in range(PAIRS)]
            if form == "trees":
                stored["trees"] = _trees(rng)
            models.append(parse(stored, id=f"{intent}-{form}", intent=intent, kind=form))
        found[form] = Models(0, Compiled(models, features.NAMES))
    return found


def _pair(rng: np.random.Generator) -> dict[str, Any]:
    edges = [float(edge) for edge in range(1, BINS)]
    chosen = rng.choice(features.NAMES, 2, replace=False)
    return {
        "features": [str(name) for name in chosen],
        "edges": [edges, edges],
        "values": rng.normal(0, 0.1, (BINS + 1, BINS + 1)).tolist(),
    }


def _trees(rng: np.random.Generator) -> dict[str, Any]:
    """Full trees of 16 leaves, node after node: the children of the tree's n-th node are its 2n + 1st and 2n + 2nd."""
    inner, nodes = 15, 31
    feature = rng.integers(len(features.NAMES), size=(TREES, nodes))
    feature[:, inner:] = -1
    place = np.arange(nodes)
    first = np.arange(TREES)[:, None] * nodes
    value = rng.normal(0, 0.05, (TREES, nodes))
    value[:, 0] = 0.0
    return {
        "features": list(features.NAMES),
        "feature": feature.ravel().tolist(),
        "threshold": rng.integers(0, 10, TREES * nodes).astype(float).tolist(),
        "left": np.where(place < inner, first + 2 * place + 1, 0).ravel().tolist(),
        "right": np.where(place < inner, first + 2 * place + 2, 0).ravel().tolist(),
        "missing_left": rng.integers(2, size=TREES * nodes).tolist(),
        "value": value.ravel().tolist(),
        "roots": first.ravel().tolist(),
    }


def _each(call: Callable[[], Any], times: int) -> float:
    """Microseconds a call, the best of thirty short runs: between them other processes may have the processor."""
    best = float("inf")
    short = max(1, times // 10)
    for _ in range(30):
        started = time.perf_counter()
        for _ in range(short):
            call()
        best = min(best, time.perf_counter() - started)
    return best / short * 1e6


def _timed(taken: dict[str, list[float]], stage: str, call: Callable[[], Any]) -> Any:
    started = time.perf_counter()
    result = call()
    taken.setdefault(stage, []).append(time.perf_counter() - started)
    return result
