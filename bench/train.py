"""Train the models that come with the product, on generated behaviour with known truth: `python -m bench.train`.

A world with another seed than the demo's is watched as the product would watch it: at instants when something arrived,
with what had arrived by then. Training and calibration use different contacts of an early span of time; the figures are
of a later span, which begins only when every training label is known (forward in time).
"""

import argparse
import json
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from sqlalchemy.orm import Session

from core import events, history, signals, traffic
from core.db import Database
from core.db.base import Base
from core.events import RecordedEvent
from core.generator import HORIZON_DAYS, INTENTS, LifeEvent, World, generate
from core.history import Fact, Home
from core.scoring import features, staircase
from core.scoring.deployed import SHIPPED
from core.scoring.model import Compiled, parse
from core.signals import OpenSignal, as_open
from core.words import Intent

Floats = NDArray[np.float64]

SEED = 20_260_101
END = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = 760
LEARN = (90.0, 300.0)
TEST = (480.0, 580.0)
"""Begins when the last training label is known: 300 + 180 days."""
SHARE_OF_INSTANTS = 0.35
REACHED = 0.8
LIFE_DAYS = 90.0


class Rows(NamedTuple):
    contact: NDArray[np.int64]
    at: Floats
    features: Floats


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contacts", type=int, default=8_000)
    parser.add_argument("--output", type=Path, default=SHIPPED)
    arguments = parser.parse_args()
    console = Console()
    world = generate(SEED, arguments.contacts, DAYS, END)
    console.print(
        f"{len(world.contacts):,} contacts, {len(world.arrivals):,} events, {len(world.transactions):,} transactions"
    )
    rows = watch(world)
    console.print(f"{len(rows.at):,} instants with {len(features.NAMES)} features")
    for intent in INTENTS:
        shipped = fit(world, rows, intent)
        path = arguments.output / f"{intent.lower()}.json"
        path.write_text(json.dumps(shipped, indent=1) + "\n")
        console.print(f"[bold]{intent}[/bold] {json.dumps(shipped['metrics'])}")


def watch(world: World) -> Rows:
    """The features of sampled instants, each from what had arrived by then."""
    rng = np.random.default_rng(world.seed)
    arrived = _by_contact(world)
    life: dict[str, list[LifeEvent]] = defaultdict(list)
    for each in world.life_events:
        life[each.contact_id].append(each)
    contacts: list[int] = []
    times: list[float] = []
    vectors: list[tuple[float, ...]] = []
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{Path(folder) / 'empty.db'}")
        Base.metadata.create_all(database.engine)
        with database.read() as session:
            for number, rows in track(sorted(arrived.items()), description="Watching"):
                for at, vector in _instants(world, number, rows, life[world.contacts[number].id], session, rng):
                    contacts.append(number)
                    times.append(at)
                    vectors.append(vector)
        database.dispose()
    return Rows(np.array(contacts), np.array(times), np.array(vectors, dtype=np.float64))


def _by_contact(world: World) -> dict[int, list[int]]:
    found: dict[int, list[int]] = defaultdict(list)
    for row, number in enumerate(world.arrivals.contact.tolist()):
        found[number].append(row)
    return found


def _instants(
    world: World,
    number: int,
    rows: Sequence[int],
    life: Sequence[LifeEvent],
    session: Session,
    rng: np.random.Generator,
) -> list[tuple[float, tuple[float, ...]]]:
    """At the end of a share of the days on which something of this contact arrived."""
    received = world.arrivals.received[list(rows)]
    days = np.unique(np.ceil(received[(received >= LEARN[0]) & (received < TEST[1])]))
    inside = (days < LEARN[1]) | ((days >= TEST[0]) & (days < TEST[1]))
    chosen = days[inside & (rng.random(len(days)) < SHARE_OF_INSTANTS)]
    if not len(chosen):
        return []
    person = world.contacts[number]
    recorded = _recorded(world, rows)
    machine_ids = traffic.machines(recorded, session)
    homes = [Home(home.estimated_value, home.mortgage_balance, home.purchased_on) for home in person.homes]
    first_seen = world.time(max(float(world.population.joined[number]), 0.0))
    found = []
    for day in chosen.tolist():
        now = world.time(day)
        known = [event for event in recorded if event.received_at <= now]
        past = history.of(
            person.id,
            known,
            machine_ids=machine_ids,
            homes=homes,
            facts=[Fact("LIFE_EVENT", each.kind, 0.8, 0.85, each.at) for each in life],
            first_seen_at=first_seen,
            now=now,
        )
        posted = [_posted(each) for each in life if each.at <= now < each.at + timedelta(days=LIFE_DAYS)]
        open_signals = [as_open(person.id, one) for one in signals.detect(past, now=now)] + posted
        found.append((day, features.vector(past, open_signals, now=now)))
    return found


def _recorded(world: World, rows: Sequence[int]) -> list[RecordedEvent]:
    """The contact's events as the store would hold them, each once."""
    sent = world.events_between(world.start, world.end, rows=np.array(rows))
    found: dict[str, RecordedEvent] = {}
    for number, each in enumerate(sent):
        new = events.parse(each.body, now=each.received_at)
        if new.event_id not in found:
            found[new.event_id] = RecordedEvent(
                number,
                new.event_id,
                new.contact_id,
                new.event_type,
                new.event_category,
                new.event_name,
                new.occurred_at,
                each.received_at,
                new.session_id,
                new.device,
                new.user_agent,
                new.ip,
                new.page_url,
                new.properties,
            )
    return list(found.values())


def _posted(life: LifeEvent) -> OpenSignal:
    return OpenSignal("", life.contact_id, "LIFE_EVENT", life.kind, "LIFE_EVENTS", 0.8, 0.85, 1, {}, life.at, life.at)


def fit(world: World, rows: Rows, intent: Intent) -> dict[str, Any]:
    """One shipped model: {feature_set, kind, parameters, metrics, trained_on}."""
    transacts, right = world.labels(rows.contact, intent, rows.at)
    rng = np.random.default_rng(SEED)
    reached = rng.random(len(rows.at)) < REACHED
    confirmed = np.where(reached, right, np.nan)
    early, late = rows.at < LEARN[1], rows.at >= TEST[0]
    held_out = rows.contact % 10 < 3
    learn, tune = early & ~held_out, early & held_out
    parameters = staircase.fit(
        rows.features[learn],
        transacts[learn],
        intent=intent,
        seed=SEED,
        confirmed=confirmed[learn],
        calibration=(rows.features[tune], transacts[tune], confirmed[tune]),
    )
    model = Compiled([parse(parameters, id="fitted", intent=intent, kind="additive")], features.NAMES)
    scored = [each[0] for each in model.many(rows.features[late])]
    probability, confidence = np.array([s.probability for s in scored]), np.array([s.confidence for s in scored])
    oracle = world.truths(rows.contact[late], intent, rows.at[late])
    return {
        "feature_set": features.FEATURE_SET,
        "kind": "additive",
        "parameters": parameters,
        "metrics": {
            "transacts": _figures(transacts[late], probability, oracle[0]),
            "right": _figures(right[late], confidence, oracle[1]),
            "alertShare": round(float((confidence >= 0.5).mean()), 4),
            "rightShareAbove05": round(float(right[late][confidence >= 0.5].mean()), 3),
            "calibration": _calibration(right[late], confidence),
        },
        "trained_on": {
            "source": "generated behaviour (bench/train.py)",
            "seed": SEED,
            "contacts": len(world.contacts),
            "rows": int(learn.sum()),
            "calibrationRows": int(tune.sum()),
            "testRows": int(late.sum()),
            "horizonDays": HORIZON_DAYS[intent],
            "split": "forward in time: tested on instants after every training label was known",
        },
    }


def _figures(y: NDArray[np.int64], predicted: Floats, oracle: Floats) -> dict[str, float]:
    return {
        "rate": round(float(y.mean()), 4),
        "predicted": round(float(predicted.mean()), 4),
        "auc": round(_auc(y, predicted), 3),
        "oracleAuc": round(_auc(y, oracle), 3),
        "logLoss": round(_log_loss(y, predicted), 4),
        "baseLogLoss": round(_log_loss(y, np.full(len(y), y.mean())), 4),
        "oracleLogLoss": round(_log_loss(y, oracle), 4),
    }


def _auc(y: NDArray[np.int64], score: Floats) -> float:
    """The share of pairs in the right order, ties counted half (Mann-Whitney)."""
    _values, inverse, counts = np.unique(score, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    positives = y.sum()
    return float((ranks[y == 1].sum() - positives * (positives + 1) / 2) / (positives * (len(y) - positives)))


def _log_loss(y: NDArray[np.int64], predicted: Floats) -> float:
    p = np.clip(predicted, 1e-6, 1 - 1e-6)
    return float(-np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)))


def _calibration(y: NDArray[np.int64], predicted: Floats) -> list[dict[str, float]]:
    """Said and true, bin by bin."""
    found = []
    for low, high in pairwise((0.0, 0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 1.01)):
        inside = (predicted >= low) & (predicted < high)
        if inside.sum():
            found.append(
                {
                    "rows": int(inside.sum()),
                    "said": round(float(predicted[inside].mean()), 3),
                    "true": round(float(y[inside].mean()), 3),
                }
            )
    return found


if __name__ == "__main__":
    main()
