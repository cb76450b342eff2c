"""How well the models recover the made-up world, where the truth is known: every bar of the generator, with its interval.

The shipped models are asked about worlds they never saw. Two oracles stand beside them: one sees the hidden state and is
out of anybody's reach; the other sees what the product sees and knows the generator (core.generator.oracle): the bar is
80% of the way from the base rate to that one. The rest is trained here: noise, shuffled labels, a leak, a small tenant.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import fields, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.console import Console
from scipy.special import expit, logit
from scipy.stats import spearmanr
from scipy.stats import t as student

from bench import train
from core.generator import INTENTS, World, generate, hazards, oracle
from core.generator.behaviour import EMAIL_CLICK, EMAIL_OPEN, KINDS, PER_VISIT
from core.scoring import deployed, features, metrics, prior, shaped, staircase
from core.scoring.tabular import doubts, reading
from core.scoring.tabular.candidates import fit as fit_candidate
from core.scoring.tabular.tables import Sum
from core.words import Intent

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SEEDS = (71, 72, 73)
EARLY = 77
"""The world of noise, shuffled labels and the leak."""
TENANTS = (91, 92, 93, 94)
CONTACTS, QUICK_CONTACTS = 4_000, 1_200
CLOSED, OVER, SLOPE, RANKED = 0.80, (0.8, 1.25), (0.9, 1.1), 0.8
SHARES = (0.01, 0.05, 0.10)
RESAMPLES = 100
NOISE = 5
SILENT = 0.02
"""Noise may add so much to a score, on average (log-odds): two parts in a hundred of the odds."""
POSITIVES = 50


def run(console: Console, *, quick: bool = False) -> dict[str, Any]:
    """{intents: {intent: {transacts, right, drivers}}, nothing: {...}, leak, tenant}: figures, intervals and whether they hold."""
    seeds, contacts = (SEEDS[:1], QUICK_CONTACTS) if quick else (SEEDS, CONTACTS)
    with console.status("the generator: worlds and oracles ..."), ProcessPoolExecutor(2) as pool:
        parts = list(pool.map(_world, seeds, [contacts] * len(seeds)))
    rows = train.Watched(*(np.concatenate([part[0][k] for part in parts]) for k in range(len(parts[0][0]))))
    seen = {name: np.concatenate([getattr(part[1], name) for part in parts]) for name in ("transacts", "right")}
    world_of = rows.contact // 1_000_000
    shipped = {intent: deployed.shipped_model(intent)["parameters"] for intent in INTENTS}
    found: dict[str, Any] = {
        "seeds": list(seeds),
        "contacts": contacts * len(seeds),
        "rows": len(rows.at),
        "intents": {},
    }
    for which, intent in enumerate(INTENTS):
        probability, confidence = train.said(shipped[intent], rows.features, intent)
        of = {
            "transacts": (rows.transacts[:, which], probability, rows.latent_transacts[:, which]),
            "right": (rows.right[:, which], confidence, rows.latent_right[:, which]),
        }
        found["intents"][intent.value] = {
            name: recovered(y, said, latent, seen[name][:, which], rows.contact, world_of)
            for name, (y, said, latent) in of.items()
        }
    with console.status("the generator: what drives a score ..."), ProcessPoolExecutor(2) as pool:
        asked = list(pool.map(_asked, seeds, [contacts] * len(seeds), [part[0] for part in parts]))
        for name, told in drivers(asked).items():
            found["intents"][name]["drivers"] = told
    with console.status("the generator: noise, shuffled labels, a leak, small tenants ..."):
        early = train.watched(EARLY, 1_500 if quick else 4_000)
        found["noise"] = noise(early, Intent.LIKELY_TO_SELL)
        found["shuffled"] = shuffled(early, Intent.LIKELY_TO_SELL, times=3 if quick else 8)
        found["leak"] = leak(early, Intent.LIKELY_TO_SELL)
        found["tenant"] = tenant(
            Intent.LIKELY_TO_SELL, seeds=TENANTS[:2] if quick else TENANTS, contacts=2_500 if quick else 4_000
        )
    return found


CANDID = hazards.CANDOUR - 1e-9
"""Only who is in the market now is right with at least this probability."""


def _world(seed: int, contacts: int) -> tuple[train.Watched, oracle.Seen]:
    world = generate(seed, contacts, train.DAYS, train.END)
    rows = train.watch(world, spans=(train.TEST,))
    return train.labelled(world, rows), oracle.observe(world, rows.contact, rows.at)


def recovered(y: Ints, said: Floats, latent: Floats, observing: Floats, contact: Ints, world: Ints) -> dict[str, Any]:
    """One label of one intent: the gaps closed, observed over expected and the calibration slope, with 95% intervals over
    resampled contacts; the oracle's own figures show what the sample itself allows."""

    def figures(weight: Floats) -> list[float]:
        rate = float(np.average(y, weights=weight))
        base = metrics.log_loss(y, np.full(len(y), rate), weight)
        loss, best, out_of_reach = (metrics.log_loss(y, each, weight) for each in (said, observing, latent))
        return [
            (base - loss) / (base - best),
            (base - loss) / (base - out_of_reach),
            *(metrics.observed_over_expected(y, said, weight, share=share) for share in SHARES),
            metrics.calibration(y, said, weight).slope,
        ]

    value = figures(np.ones(len(y)))
    drawn = np.array([figures(weight) for weight in train.resampled(contact, RESAMPLES)])
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    told = [
        {"value": round(v, 3), "low": round(a, 3), "high": round(b, 3)}
        for v, a, b in zip(value, low, high, strict=True)
    ]
    closed, latent_closed, over, slope = told[0], told[1], told[2:5], told[5]
    names = [f"top{share:.0%}" for share in SHARES]
    return {
        "rows": len(y),
        "positives": int(y.sum()),
        "logLoss": {
            name: round(metrics.log_loss(y, each), 5)
            for name, each in {
                "base": np.full(len(y), y.mean()),
                "model": said,
                "observingOracle": observing,
                "latentOracle": latent,
            }.items()
        },
        "closed": {**closed, "bar": CLOSED, "holds": closed["value"] >= CLOSED},
        "closedBySeed": [
            _closed(y[world == each], said[world == each], observing[world == each]) for each in np.unique(world)
        ],
        "closedToLatent": latent_closed,
        "observedOverExpected": {
            name: {
                **each,
                "oracle": round(metrics.observed_over_expected(y, observing, share=share), 3),
                "holds": OVER[0] <= each["value"] <= OVER[1],
            }
            for name, each, share in zip(names, over, SHARES, strict=True)
        },
        "calibrationSlope": {
            **slope,
            "oracle": round(metrics.calibration(y, observing).slope, 3),
            "holds": SLOPE[0] <= slope["value"] <= SLOPE[1],
        },
        "auc": {"model": round(metrics.auc(y, said), 3), "observingOracle": round(metrics.auc(y, observing), 3)},
    }


def _closed(y: Ints, said: Floats, observing: Floats) -> float:
    base = metrics.log_loss(y, np.full(len(y), y.mean()))
    return round((base - metrics.log_loss(y, said)) / (base - metrics.log_loss(y, observing)), 3)


ASKED = 25
"""Contacts in the market, of each intent and world, of whom the drivers are asked."""
DRIVERS: Mapping[str, tuple[int, ...]] = {
    **{name: (kind,) for kind, name in enumerate(KINDS)},
    "mail": (EMAIL_OPEN, EMAIL_CLICK),
}
"""What people do, by the kinds of events that tell of it: each event is of one."""


class Asked(NamedTuple):
    """What every kind of event was worth to model and oracle, of contacts in the market."""

    contact: Ints
    inside: NDArray[np.bool_]
    """(rows, 4): in the market for this intent."""
    model: Floats
    """(rows, drivers, 4) log-odds."""
    oracle: Floats


def _asked(seed: int, contacts: int, rows: train.Watched) -> Asked:
    """One experiment done to both: events of a kind come into a world that has only some of the others, in an order drawn
    anew for each contact. What the score rises by is, on average, the kind's Shapley value (Shapley 1953; by drawn orders,
    Castro et al. 2009).

    Taking one kind out of the whole would not do: of those in the market the oracle is at its ceiling, where one kind less
    changes nothing, and kinds that tell the same would both count for nothing.
    """
    world = generate(seed, contacts, train.DAYS, train.END)
    within = rows.latent_right > CANDID
    people = np.unique(np.concatenate([np.unique(rows.contact[within[:, i]])[:ASKED] for i in range(len(INTENTS))]))
    some = np.isin(rows.contact, people) & within.any(axis=1)
    who, at = rows.contact[some] % 1_000_000, rows.at[some]
    models = [Sum.parse(deployed.shipped_model(each)["parameters"], list(features.NAMES)) for each in INTENTS]
    turn = np.random.default_rng(seed).permuted(np.tile(np.arange(len(DRIVERS)), (contacts, 1)), axis=1)
    """When each driver comes in, by contact."""

    def scores(turns: int) -> tuple[Floats, Floats]:
        of = _with(world, turn < turns)
        X, seen = train.seen_at(of, who, at).features, oracle.observe(of, who, at).right
        return np.column_stack([each.log_odds(X) for each in models]), logit(np.clip(seen, 1e-6, 1 - 1e-6))

    worth = np.zeros((2, len(at), len(DRIVERS), len(INTENTS)))
    before = scores(0)
    for number in range(len(DRIVERS)):
        after = scores(number + 1)
        came = np.argmax(turn[who] == number, axis=1)
        for place in range(2):
            worth[place, np.arange(len(at)), came] = after[place] - before[place]
        before = after
    return Asked(rows.contact[some], within[some], *worth)


def drivers(asked: Sequence[Asked]) -> dict[str, dict[str, Any]]:
    """How the models rank what people do, against how the observing oracle does, with 95% intervals over contacts."""
    contact, inside, model, truth = (np.concatenate(column) for column in zip(*asked, strict=True))
    found = {}
    for which, intent in enumerate(INTENTS):
        here = inside[:, which]
        said, true = model[here, :, which], truth[here, :, which]
        drawn = [
            _rank(weight @ said, weight @ true) for weight in train.resampled(contact[here], RESAMPLES) if weight.any()
        ]
        low, high = np.quantile(drawn, [0.025, 0.975])
        rank = _rank(said.sum(axis=0), true.sum(axis=0))
        found[intent.value] = {
            "spearman": round(rank, 3),
            "low": round(float(low), 3),
            "high": round(float(high), 3),
            "holds": rank >= RANKED,
            "instants": int(here.sum()),
            "contacts": len(np.unique(contact[here])),
            "model": dict(zip(DRIVERS, said.mean(axis=0).round(3).tolist(), strict=True)),
            "oracle": dict(zip(DRIVERS, true.mean(axis=0).round(3).tolist(), strict=True)),
        }
    return found


def _rank(said: Floats, true: Floats) -> float:
    return float(spearmanr(said, true).statistic)


def _with(world: World, here: NDArray[np.bool_]) -> World:
    """The world with only the events of the drivers that are here, (contacts, drivers); mails are sent all the same."""
    driver = np.full(EMAIL_CLICK + 1, -1)
    for number, kinds in enumerate(DRIVERS.values()):
        driver[list(kinds)] = number
    of = driver[world.arrivals.kind]
    kept = (of < 0) | here[world.arrivals.contact, of]
    columns = {field.name: getattr(world.arrivals, field.name)[kept] for field in fields(world.arrivals)}
    return replace(world, arrivals=type(world.arrivals)(**columns))


def _split(rows: train.Watched) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    return rows.at < train.LEARN[1], rows.at >= train.TEST[0]


def noise(rows: train.Watched, intent: Intent) -> dict[str, Any]:
    """Five columns of noise beside the real ones: what they add to a score, on average and in log-loss."""
    learn, test = _split(rows)
    which = INTENTS.index(intent)
    rng = np.random.default_rng(5)
    names = [*features.NAMES, *(f"noise_{number}" for number in range(NOISE))]
    drawn = rng.normal(size=(len(rows.at), NOISE))
    drawn[:, 0] = rng.poisson(1.0, len(drawn))  # one looks like a count
    X = np.column_stack([rows.features, drawn])
    y = rows.right[:, which]
    parameters = shaped.fit(X[learn], y[learn], names, intent=intent, seed=5, contact=rows.contact[learn])
    model = Sum.parse(parameters, names)
    own, paired = model.contributions(X[test])
    for number, pair in enumerate(model.pairs.each if model.pairs else ()):
        for name in pair.features:
            if name.startswith("noise"):
                own[:, names.index(name)] += paired[:, number]
    adds = np.abs(own - np.median(own, axis=0)).mean(axis=0)
    real = float(np.sort(adds[: len(features.NAMES)])[::-1][:5].mean())
    each = [round(float(value), 4) for value in adds[len(features.NAMES) :]]
    return {
        "meanAbsoluteContribution": each,
        "bound": SILENT,
        "ofTheFiveStrongestRealOnes": round(real, 4),
        "holds": max(each) <= SILENT,
    }


def shuffled(rows: train.Watched, intent: Intent, *, times: int) -> dict[str, Any]:
    """Labels dealt out anew among contacts: nothing is left to learn, and the AUC's 95% interval must cover a half."""
    learn, test = _split(rows)
    which = INTENTS.index(intent)
    rng = np.random.default_rng(6)
    found = []
    for number in range(times):
        dealt = rng.permutation(rows.right[:, which])
        parameters = shaped.fit(rows.features[learn], dealt[learn], intent=intent, seed=number, rounds=60, pairs=0)
        said = Sum.parse(parameters, list(features.NAMES)).log_odds(rows.features[test])
        found.append(metrics.auc(dealt[test], said))
    mean, low, high = _mean_interval(found)
    return {"auc": {"value": mean, "low": low, "high": high}, "shuffles": times, "holds": low <= 0.5 <= high}


def leak(rows: train.Watched, intent: Intent) -> dict[str, Any]:
    """A column from the future (whether it transacts, so many in a hundred wrong) among the real ones: the library must
    name it, and no other."""
    which = INTENTS.index(intent)
    some = np.random.default_rng(7).permutation(len(rows.at))[:12_000]
    y = rows.transacts[some, which]
    found = {}
    for wrong in (0.01, 0.1):
        rng = np.random.default_rng(8)
        table = pd.DataFrame(rows.features[some], columns=list(features.NAMES))
        table["contract_signed"] = np.where(rng.random(len(some)) < wrong, 1 - y, y).astype(float)
        order = np.argsort(rows.at[some], kind="stable")
        before, after = (
            reading.table(table.iloc[each], y[each]) for each in np.array_split(order, [len(order) * 2 // 3])
        )
        named = [each.column for each in doubts.of_leaks(before, after)]
        found[f"wrong{wrong:.0%}"] = {"named": named, "holds": named == ["contract_signed"]}
    return found


ABROAD = np.array([1.0, 0.45, 0.7, 1.3, 1.0, 1.5, 1.8, 1.6, 0.6, 0.7, 1.5])
"""A brokerage whose people click otherwise than the prior believes: fewer value checks, more documents (KINDS)."""


def tenant(intent: Intent, *, seeds: Sequence[int], contacts: int) -> dict[str, Any]:
    """Small tenants that differ from the prior, with 50 transactions: the prior alone, own rows alone, and both.

    Each is some contacts of a world of its kind, until 50 have transacted, no contact being of two tenants; all predict the
    later rows of their world. Intervals are over worlds. Own rows alone are the library's regularised logistic; both are
    the shrunk staircase, as the nightly training fits it.
    """
    with ProcessPoolExecutor(2) as pool:
        worlds = list(pool.map(partial(_tenants, intent, contacts), seeds))
    worse = {name: [float(np.mean([each[name] for each in world])) for world in worlds] for name in ("prior", "own")}
    gained = {
        f"{name}Alone": dict(zip(("value", "low", "high"), _mean_interval(each), strict=True))
        for name, each in worse.items()
    }
    return {
        "draws": sum(len(world) for world in worlds),
        "worlds": len(worlds),
        "positives": POSITIVES,
        "logLoss": round(float(np.mean([each["both"] for world in worlds for each in world])), 5),
        "betterThan": gained,
        "holds": all(each["low"] > 0 for each in gained.values()),
    }


def _tenants(intent: Intent, contacts: int, seed: int) -> list[dict[str, float]]:
    """The log-loss of both of every tenant of one world, and how much worse either alone is."""
    which = INTENTS.index(intent)
    world = generate(seed, contacts, train.DAYS, train.END, habits=PER_VISIT * ABROAD)
    rows = train.labelled(world, train.watch(world))
    learn, test = _split(rows)
    y = rows.transacts[:, which]
    alone = metrics.log_loss(y[test], train.said(prior.parameters(intent), rows.features[test], intent)[0])
    found = []
    for number, people in enumerate(_fifties(rows.contact[learn], y[learn], np.random.default_rng(9))):
        chosen = learn & np.isin(rows.contact, people)
        weight = staircase.one_each(rows.contact[chosen])
        both = staircase.fit(rows.features[chosen], y[chosen], intent=intent, seed=number, weight=weight)
        loss = metrics.log_loss(y[test], train.said(both, rows.features[test], intent)[0])
        own = fit_candidate("logistic", rows.features[chosen], y[chosen], features.NAMES, seed=number)
        odds = Sum.parse(own, list(features.NAMES)).log_odds(rows.features[test])
        own_loss = metrics.log_loss(y[test], expit(odds))
        found.append({"both": loss, "prior": alone - loss, "own": own_loss - loss})
    return found


def _fifties(contact: Ints, y: Ints, rng: np.random.Generator) -> list[Ints]:
    """Contacts at random, in groups of which so many have transacted."""
    people = rng.permutation(np.unique(contact))
    transacted = np.cumsum(np.isin(people, contact[y == 1]))
    ends = [
        int(np.searchsorted(transacted, POSITIVES * each)) + 1
        for each in range(1, int(transacted[-1]) // POSITIVES + 1)
    ]
    return [np.asarray(each) for each in np.split(people, ends)[:-1]]


def _mean_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Mean and its 95% t interval."""
    mean, error = float(np.mean(values)), float(np.std(values, ddof=1) / np.sqrt(len(values)))
    half = float(student.ppf(0.975, len(values) - 1)) * error
    return round(mean, 5), round(mean - half, 5), round(mean + half, 5)
