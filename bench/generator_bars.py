"""How well the models recover the made-up world, where the truth is known: every bar of the generator, with its interval.

The shipped models are asked about worlds they never saw. Two oracles stand beside them: one sees the hidden state and is
out of anybody's reach; the other sees what the product sees and knows the generator (core.generator.oracle): the bar is
80% of the way from the base rate to that one. The rest is trained here: noise, shuffled labels, a leak, a small tenant.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.console import Console
from scipy.special import logit
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
    with console.status("the generator: what drives a score ..."):
        world = generate(seeds[0], contacts, train.DAYS, train.END)
        for name, told in drivers(world, parts[0][0]).items():
            found["intents"][name]["drivers"] = told
    with console.status("the generator: noise, shuffled labels, a leak, a small tenant ..."):
        early = train.watched(SEEDS[-1] + 1, 1_500 if quick else 4_000)
        found["noise"] = noise(early, Intent.LIKELY_TO_SELL)
        found["shuffled"] = shuffled(early, Intent.LIKELY_TO_SELL, times=3 if quick else 8)
        found["leak"] = leak(early, Intent.LIKELY_TO_SELL)
        found["tenant"] = tenant(Intent.LIKELY_TO_SELL, draws=4 if quick else 40, contacts=2_500 if quick else 4_000)
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


ASKED = 200
"""Contacts of whom the drivers are asked."""
DRIVERS: Mapping[str, tuple[int, ...]] = {
    **{name: (kind,) for kind, name in enumerate(KINDS)},
    "mail_opened": (EMAIL_OPEN, EMAIL_CLICK),
    "mail_clicked": (EMAIL_CLICK,),
}
"""What people do, by the kinds of events that tell of it."""


def drivers(world: World, rows: train.Watched) -> dict[str, dict[str, Any]]:
    """How the models rank what people do, against how the observing oracle does, by one experiment done to both: take all
    events of a kind out of the world and ask again. A driver is what those who are in the market lose in log-odds by it.

    Features that are made of the same clicks (a count, a signal, a recency) fall together, so no share of credit among
    them has to be settled.
    """
    people = np.unique(rows.contact[(rows.latent_right > CANDID).any(axis=1)])[:ASKED]
    some = np.isin(rows.contact, people)
    who, at, inside = rows.contact[some] % 1_000_000, rows.at[some], rows.latent_right[some] > CANDID
    models = [Sum.parse(deployed.shipped_model(each)["parameters"], list(features.NAMES)) for each in INTENTS]

    def asked(of: World) -> tuple[Floats, Floats]:
        X, seen = train.seen_at(of, who, at).features, oracle.observe(of, who, at).right
        return np.column_stack([each.log_odds(X) for each in models]), logit(np.clip(seen, 1e-6, 1 - 1e-6))

    whole = asked(world)
    fallen = {
        name: [a - b for a, b in zip(whole, asked(_without(world, of)), strict=True)] for name, of in DRIVERS.items()
    }
    found = {}
    for which, intent in enumerate(INTENTS):
        said, true = (
            {name: float(each[place][inside[:, which], which].mean()) for name, each in fallen.items()}
            for place in (0, 1)
        )
        rank = float(spearmanr([said[name] for name in DRIVERS], [true[name] for name in DRIVERS]).statistic)
        found[intent.value] = {
            "spearman": round(rank, 3),
            "holds": rank >= RANKED,
            "instants": int(inside[:, which].sum()),
            "model": {name: round(value, 3) for name, value in said.items()},
            "oracle": {name: round(value, 3) for name, value in true.items()},
        }
    return found


def _without(world: World, kinds: Sequence[int]) -> World:
    kept = ~np.isin(world.arrivals.kind, kinds)
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
    parameters = shaped.fit(X[learn], y[learn], names, intent=intent, seed=5, rounds=shaped.ROUNDS)
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


def tenant(intent: Intent, *, draws: int, contacts: int) -> dict[str, Any]:
    """A small tenant that differs from the prior, with 50 transactions: the prior alone, its own rows alone, and both.

    All predict the same later rows of the tenant's world. Each draw takes contacts at random until 50 have transacted.
    Own rows alone are the library's regularised logistic; both are the shrunk staircase, as the nightly training does.
    """
    which = INTENTS.index(intent)
    world = generate(91, contacts, train.DAYS, train.END, habits=PER_VISIT * ABROAD)
    rows = train.labelled(world, train.watch(world))
    learn, test = _split(rows)
    y = rows.transacts[:, which]
    alone = train.said(prior.parameters(intent), rows.features[test], intent)[0]
    base = metrics.log_loss(y[test], alone)
    worse: dict[str, list[float]] = {"priorAlone": [], "ownAlone": []}
    losses = []
    rng = np.random.default_rng(9)
    for number in range(draws):
        chosen = learn & np.isin(rows.contact, _until_fifty(rows.contact[learn], y[learn], rng))
        both = staircase.fit(rows.features[chosen], y[chosen], intent=intent, seed=number)
        loss = metrics.log_loss(y[test], train.said(both, rows.features[test], intent)[0])
        own = fit_candidate("logistic", rows.features[chosen], y[chosen], features.NAMES, seed=number)
        odds = Sum.parse(own, list(features.NAMES)).log_odds(rows.features[test])
        losses.append(loss)
        worse["priorAlone"].append(base - loss)
        worse["ownAlone"].append(metrics.log_loss(y[test], 1 / (1 + np.exp(-odds))) - loss)
    gained = {
        name: dict(zip(("value", "low", "high"), _mean_interval(each), strict=True)) for name, each in worse.items()
    }
    return {
        "draws": draws,
        "positives": POSITIVES,
        "logLoss": round(float(np.mean(losses)), 5),
        "betterThan": gained,
        "holds": all(each["low"] > 0 for each in gained.values()),
    }


def _until_fifty(contact: Ints, y: Ints, rng: np.random.Generator) -> Ints:
    """Contacts at random until so many of them have transacted."""
    people = rng.permutation(np.unique(contact))
    transacted = np.isin(people, contact[y == 1])
    return people[: int(np.searchsorted(np.cumsum(transacted), POSITIVES)) + 1]


def _mean_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Mean and its 95% t interval."""
    mean, error = float(np.mean(values)), float(np.std(values, ddof=1) / np.sqrt(len(values)))
    half = float(student.ppf(0.975, len(values) - 1)) * error
    return round(mean, 5), round(mean - half, 5), round(mean + half, 5)
