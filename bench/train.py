"""Train the models that come with the product, on generated behaviour with known truth: `python -m bench.train`.

Worlds with other seeds than the demo's are watched as the product would watch them: at instants when something arrived,
with what had arrived by then. Models and curves are learnt from an early span of time, the curves on what was said of
contacts that were not learnt from; the figures are of a world of its own, in a later span, which begins only when every
training label is known (forward in time). What is learned from is what a product would know: transactions, and what the
agents who were reached were told.
"""

import argparse
import json
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from sqlalchemy.orm import Session

from bench import cards
from core import events, history, signals, traffic
from core.db import Database
from core.db.base import Base
from core.events import RecordedEvent
from core.generator import INTENTS, LifeEvent, World, generate
from core.history import Fact, Home
from core.scoring import features, metrics, shaped, staircase
from core.scoring.deployed import SHIPPED
from core.scoring.model import Compiled, parse
from core.signals import OpenSignal, as_open
from core.words import HORIZON_DAYS, Intent

Floats = NDArray[np.float64]

SEEDS = tuple(range(20_260_101, 20_260_108))
"""One world each; the first is only tested on."""
SEED = SEEDS[0]
END = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = 760
LEARN = (90.0, 300.0)
TEST = (480.0, 580.0)
"""Begins when the last training label is known: 300 + 180 days."""
SHARE_OF_INSTANTS = 0.35
REACHED = 0.8
FULL = float(history.REACH_DAYS)
"""From this day on everything features look back at has been watched, as with a team that has been here for a while: the
curves are fitted on such rows alone (those before put slopes off by up to .09)."""
SURE_OF_STORY = 0.5
RESAMPLES = 100
LIFE_DAYS = 90.0


class Rows(NamedTuple):
    contact: NDArray[np.int64]
    at: Floats
    features: Floats


class Watched(NamedTuple):
    """Rows of several worlds with what came of them: labels are (rows, 4), one column an intent."""

    contact: NDArray[np.int64]
    """The contact's number; worlds are a million apart."""
    at: Floats
    features: Floats
    transacts: NDArray[np.int64]
    right: NDArray[np.int64]
    latent_transacts: Floats
    """What an oracle says who sees the hidden state: for the figures only, never learned from."""
    latent_right: Floats


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contacts", type=int, default=10_000, help="of each world")
    parser.add_argument("--output", type=Path, default=SHIPPED)
    parser.add_argument(
        "--cards", action="store_true", help="only write the model cards and pictures of what is shipped"
    )
    arguments = parser.parse_args()
    console = Console()
    if not arguments.cards:
        rows = watch_all(arguments.contacts)
        console.print(f"{len(rows.at):,} instants with {len(features.NAMES)} features")
        with ProcessPoolExecutor(2) as pool:
            fitted = list(pool.map(partial(fit, rows, contacts=arguments.contacts), INTENTS))
        for intent, shipped in zip(INTENTS, fitted, strict=True):
            path = arguments.output / f"{intent.lower()}.json"
            path.write_text(json.dumps(shipped) + "\n")
            console.print(f"[bold]{intent}[/bold] {json.dumps(shipped['metrics']['right'])}")
    if arguments.output == SHIPPED:
        for written in cards.write():
            console.print(f"wrote {written.name}")


def watch_all(contacts: int, seeds: Sequence[int] = SEEDS) -> Watched:
    """All worlds, two at a time: the first to be tested on, the others to learn from."""
    with ProcessPoolExecutor(2) as pool:
        parts = list(pool.map(watched, seeds, [contacts] * len(seeds), [(TEST,), *[(LEARN,)] * (len(seeds) - 1)]))
    return Watched(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def watched(seed: int, contacts: int, spans: Sequence[tuple[float, float]] = (LEARN, TEST)) -> Watched:
    """One world's rows."""
    return labelled(world := generate(seed, contacts, DAYS, END), watch(world, spans=spans))


def labelled(world: World, rows: Rows) -> Watched:
    """With what came of them."""
    labels = [world.labels(rows.contact, intent, rows.at) for intent in INTENTS]
    latent = [world.truths(rows.contact, intent, rows.at) for intent in INTENTS]
    return Watched(
        rows.contact + 1_000_000 * world.seed,
        rows.at,
        rows.features,
        np.column_stack([each[0] for each in labels]),
        np.column_stack([each[1] for each in labels]),
        np.column_stack([each[0] for each in latent]),
        np.column_stack([each[1] for each in latent]),
    )


def watch(world: World, *, spans: Sequence[tuple[float, float]] = (LEARN, TEST)) -> Rows:
    """The features of sampled instants within these spans of days, each from what had arrived by then."""
    rng = np.random.default_rng(world.seed)
    contacts: list[int] = []
    times: list[float] = []
    for number, rows in sorted(_by_contact(world).items()):
        chosen = _chosen(world.arrivals.received[rows], rng, spans)
        contacts += [number] * len(chosen)
        times += chosen
    return seen_at(world, np.array(contacts, dtype=np.int64), np.array(times))


def seen_at(world: World, contact: NDArray[np.int64], at: Floats) -> Rows:
    """The features of these contacts (numbers, ascending) at the ends of these days."""
    arrived = _by_contact(world)
    life: dict[str, list[LifeEvent]] = defaultdict(list)
    for each in world.life_events:
        life[each.contact_id].append(each)
    vectors: list[tuple[float, ...]] = []
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{Path(folder) / 'empty.db'}")
        Base.metadata.create_all(database.engine)
        with database.read() as session:
            for number in np.unique(contact).tolist():
                days, told = at[contact == number].tolist(), life[world.contacts[number].id]
                vectors += _vectors(world, number, arrived.get(number, []), told, session, days)
        database.dispose()
    return Rows(contact, at, np.array(vectors, dtype=np.float64))


def _by_contact(world: World) -> dict[int, list[int]]:
    found: dict[int, list[int]] = defaultdict(list)
    for row, number in enumerate(world.arrivals.contact.tolist()):
        found[number].append(row)
    return found


def _chosen(received: Floats, rng: np.random.Generator, spans: Sequence[tuple[float, float]]) -> list[float]:
    """The ends of a share of the days on which something of a contact arrived."""
    days = np.unique(np.ceil(received))
    inside = np.any([(days >= since) & (days < until) for since, until in spans], axis=0)
    found: list[float] = days[inside & (rng.random(len(days)) < SHARE_OF_INSTANTS)].tolist()
    return found


def _vectors(
    world: World,
    number: int,
    rows: Sequence[int],
    life: Sequence[LifeEvent],
    session: Session,
    days: Sequence[float],
) -> list[tuple[float, ...]]:
    """One contact's features at the ends of these days."""
    received = world.arrivals.received[list(rows)]
    person = world.contacts[number]
    needed = (received <= days[-1]) & (received > days[0] - history.REACH_DAYS)
    recorded = _recorded(world, np.array(rows, dtype=np.int64)[needed])
    machine_ids = traffic.machines(recorded, session)
    homes = [Home(home.estimated_value, home.mortgage_balance, home.purchased_on) for home in person.homes]
    first_seen = world.time(max(float(world.population.joined[number]), 0.0))
    found = []
    for day in days:
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
        found.append(features.vector(past, open_signals, now=now))
    return found


def _recorded(world: World, rows: NDArray[np.int64]) -> list[RecordedEvent]:
    """The contact's events as the store would hold them, each once."""
    sent = world.events_between(world.start, world.end, rows=rows)
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


def fit(rows: Watched, intent: Intent, *, contacts: int) -> dict[str, Any]:
    """One shipped model: {feature_set, kind, parameters, metrics, trained_on}."""
    which = INTENTS.index(intent)
    transacts, right = rows.transacts[:, which], rows.right[:, which]
    reached = np.random.default_rng(SEED).random(len(rows.at)) < REACHED
    confirmed = np.where(reached, right, np.nan)
    learn, late = rows.at < LEARN[1], rows.at >= TEST[0]
    for_curves = rows.at[learn] >= FULL
    parameters = shaped.fit(
        rows.features[learn],
        transacts[learn],
        intent=intent,
        seed=SEED,
        confirmed=confirmed[learn],
        contact=rows.contact[learn],
        for_curves=for_curves,
    )
    if said(parameters, staircase.stories(intent, features.NAMES)[0], intent)[1][0] < SURE_OF_STORY:
        raise RuntimeError(f"the documented story of {intent} would be no alert")
    probability, confidence = said(parameters, rows.features[late], intent)
    contact, alerts = rows.contact[late], confidence >= 0.5
    figures = {
        "transacts": (transacts[late], probability, rows.latent_transacts[late, which]),
        "right": (right[late], confidence, rows.latent_right[late, which]),
    }
    spans = {name: _intervals(y, p, contact) for name, (y, p, _) in figures.items()}
    return {
        "feature_set": features.FEATURE_SET,
        "kind": "additive",
        "parameters": parameters,
        "metrics": {
            **{name: _figures(*each) for name, each in figures.items()},
            "intervals": spans,
            "reliability": _reliability(transacts[late], probability),
            "reliabilityRight": _reliability(right[late], confidence),
            "alertShare": round(float(alerts.mean()), 4),
            "rightShareAbove05": round(float(right[late][alerts].mean()), 3),
        },
        "trained_on": {
            "source": "generated behaviour (bench/train.py)",
            "seeds": list(SEEDS[1:]),
            "contacts": contacts * (len(SEEDS) - 1),
            "rows": int(learn.sum()),
            "positives": int(transacts[learn].sum()),
            "storyRows": shaped.STORY_ROWS,
            "calibrationRows": int(for_curves.sum()),
            "testRows": int(late.sum()),
            "testContacts": len(np.unique(contact)),
            "horizonDays": HORIZON_DAYS[intent],
            "split": "forward in time: tested on other contacts, after every training label was known",
        },
    }


def said(parameters: Mapping[str, Any], X: Floats, intent: Intent) -> tuple[Floats, Floats]:
    """(probability, confidence) of every row, as served."""
    model = Compiled([parse(parameters, id="fitted", intent=intent, kind="additive")], features.NAMES)
    scored = [each[0] for each in model.many(X)]
    return np.array([each.probability for each in scored]), np.array([each.confidence for each in scored])


def _figures(y: NDArray[np.int64], predicted: Floats, oracle: Floats) -> dict[str, float]:
    calibration = metrics.calibration(y, predicted)
    return {
        "rows": len(y),
        "positives": int(y.sum()),
        "rate": round(float(y.mean()), 4),
        "predicted": round(float(predicted.mean()), 4),
        "auc": round(metrics.auc(y, predicted), 3),
        "prAuc": round(metrics.average_precision(y, predicted), 3),
        "brier": round(metrics.brier(y, predicted), 5),
        "ece": round(metrics.ece(y, predicted), 4),
        "precisionAt10": round(metrics.precision_at(y, predicted, share=0.1), 3),
        "calibrationSlope": round(calibration.slope, 3),
        "logLoss": round(metrics.log_loss(y, predicted), 4),
        "baseLogLoss": round(metrics.log_loss(y, np.full(len(y), y.mean())), 4),
        "oracleAuc": round(metrics.auc(y, oracle), 3),
        "oracleLogLoss": round(metrics.log_loss(y, oracle), 4),
    }


def _intervals(y: NDArray[np.int64], predicted: Floats, contact: NDArray[np.int64]) -> dict[str, list[float]]:
    """95% intervals by resampling contacts: rows of one contact tell the same story."""
    measures: dict[str, Callable[..., float]] = {
        "auc": metrics.auc,
        "logLoss": metrics.log_loss,
        "calibrationSlope": _slope,
    }
    drawn: dict[str, list[float]] = {name: [] for name in measures}
    for weight in resampled(contact, RESAMPLES):
        for name, measure in measures.items():
            drawn[name].append(measure(y, predicted, weight))
    return {
        name: [round(float(each), 4) for each in np.quantile(values, [0.025, 0.975])] for name, values in drawn.items()
    }


def resampled(contact: NDArray[np.int64], times: int) -> Iterator[Floats]:
    """Row weights of contacts drawn with replacement."""
    rng = np.random.default_rng(SEED)
    _, which = np.unique(contact, return_inverse=True)
    people = int(which.max()) + 1
    for _ in range(times):
        yield rng.multinomial(people, np.full(people, 1 / people))[which].astype(np.float64)


def _slope(y: NDArray[np.int64], predicted: Floats, weight: Floats) -> float:
    return metrics.calibration(y, predicted, weight).slope


def _reliability(y: NDArray[np.int64], predicted: Floats) -> list[dict[str, float]]:
    """Said and true with Wilson's interval, in bins of equal width: the few high scores are what alerts are made of."""
    return [
        {
            "low": round(each.low, 4),
            "high": round(each.high, 4),
            "rows": each.rows,
            "predicted": round(each.predicted, 4),
            "observed": round(each.observed, 4),
            "observedLow": round(each.observed_low, 4),
            "observedHigh": round(each.observed_high, 4),
        }
        for each in metrics.reliability(y, predicted, bins=10, mass=False)
    ]


if __name__ == "__main__":
    main()
