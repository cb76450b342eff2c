"""Makes models of every form for tests: terms, pairs, trees and any curve, from one seed, over the feature set."""

from typing import Any

import numpy as np

from core.scoring import features
from core.scoring.model import Model, parse

NAMES = features.NAMES


def parameters(
    seed: int,
    *,
    terms: int = 8,
    pairs: int = 4,
    trees: int = 5,
    knots: bool | None = None,
    names: tuple[str, ...] = NAMES,
) -> dict[str, Any]:
    """Stored parameters; `knots` None draws the form of each curve."""
    rng = np.random.default_rng(seed)
    found: dict[str, Any] = {
        "base": float(rng.normal(-3, 1)),
        "base_variance": float(rng.random() * 0.1),
        "base_rate": float(rng.uniform(0.01, 0.2)),
        "terms": {str(name): _term(rng) for name in rng.choice(names, terms, replace=False)},
        "pairs": [_pair(rng, names) for _ in range(pairs)],
        "probability": _curve(rng, knots),
        "confidence": _curve(rng, knots),
        "seed": seed,
    }
    if trees:
        found["trees"] = _trees(rng, trees, names)
    return found


def model(seed: int, *, intent: str = "LIKELY_TO_SELL", **form: Any) -> Model:
    return parse(parameters(seed, **form), id=f"random-{seed}", intent=intent, kind="random")


def vectors(seed: int, count: int, width: int = len(NAMES)) -> np.ndarray[Any, Any]:
    """Small counts, shares on and beside edges, huge numbers, and NaN."""
    rng = np.random.default_rng(seed)
    kinds = rng.integers(0, 6, (count, width))
    found = rng.integers(0, 20, (count, width)).astype(float)
    found[kinds == 1] = np.nan
    found[kinds == 2] = (rng.integers(0, 100, (count, width)) / 100)[kinds == 2]
    found[kinds == 3] = rng.normal(0, 1e5, (count, width))[kinds == 3]
    rare = rng.random((count, width))
    found[rare < 0.01] = 1e39
    found[rare > 0.99] = -np.inf
    return found


def _edges(rng: np.random.Generator, most: int = 7) -> list[float]:
    """Counts and hundredths, of which most have no exact form in either number of bits."""
    found = {*rng.integers(0, 20, most).tolist(), *(rng.integers(0, 100, most) / 100).tolist()}
    return sorted(float(each) for each in list(found)[: int(rng.integers(0, most + 1))])


def _term(rng: np.random.Generator) -> dict[str, Any]:
    edges = _edges(rng)
    bins = len(edges) + 1
    return {
        "edges": edges,
        "values": rng.normal(0, 0.5, bins).tolist(),
        "variances": (rng.random(bins) * 0.05).tolist(),
        "missing": float(rng.normal(0, 0.3)),
        "missing_variance": float(rng.random() * 0.05),
    }


def _pair(rng: np.random.Generator, names: tuple[str, ...]) -> dict[str, Any]:
    first, second = (_edges(rng), _edges(rng))
    return {
        "features": [str(name) for name in rng.choice(names, 2, replace=False)],
        "edges": [first, second],
        "values": rng.normal(0, 0.3, (len(first) + 2, len(second) + 2)).tolist(),
    }


def _curve(rng: np.random.Generator, knots: bool | None) -> dict[str, Any]:
    if knots if knots is not None else rng.random() < 0.5:
        x = sorted({round(float(each), 3) for each in rng.normal(-2, 2, 6)})
        return {"knots": [x, np.sort(rng.random(len(x))).tolist()], "kind": "isotonic"}
    return {"slope": float(rng.uniform(0.3, 2)), "intercept": float(rng.normal(0, 1)), "ceiling": 0.9, "kind": "platt"}


def _trees(rng: np.random.Generator, count: int, names: tuple[str, ...]) -> dict[str, Any]:
    used = [str(name) for name in rng.choice(names, 6, replace=False)]
    nodes: dict[str, list[Any]] = {
        name: [] for name in ("feature", "threshold", "left", "right", "missing_left", "value")
    }

    def grow(depth: int, value: float) -> int:
        at = len(nodes["feature"])
        for name, first in zip(nodes, (-1, 0.0, 0, 0, 0, value), strict=True):
            nodes[name].append(first)
        if depth and rng.random() < 0.9:
            nodes["feature"][at] = int(rng.integers(len(used)))
            nodes["threshold"][at] = float(rng.choice([rng.integers(0, 20), rng.integers(0, 100) / 100]))
            nodes["missing_left"][at] = int(rng.integers(2))
            nodes["left"][at] = grow(depth - 1, float(rng.normal(0, 0.1)))
            nodes["right"][at] = grow(depth - 1, float(rng.normal(0, 0.1)))
        return at

    roots = [grow(4, 0.0) for _ in range(count)]
    return {"features": used, **nodes, "roots": roots}
