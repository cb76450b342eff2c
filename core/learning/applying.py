"""What a model's parameters say of many rows: the same calculation that serves, on a whole matrix."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from core.learning.examples import Floats
from core.scoring import features
from core.scoring.model import Compiled, parse


class Numbers(NamedTuple):
    """(n,) each."""

    log_odds: Floats
    probability: Floats
    confidence: Floats


def numbers(
    parameters: Mapping[str, Any], matrix: Floats, *, intent: str, names: Sequence[str] = features.NAMES
) -> Numbers:
    """(n, names) -> what the model says of each row; a feature that has no column is missing.

    Raises:
        Invalid: the parameters are not a model.
    """
    model = parse(parameters, id="candidate", intent=intent, kind="candidate")
    absent = sorted(model.features - set(names))
    wide = np.hstack([matrix, np.full((len(matrix), len(absent)), np.nan)]) if absent else matrix
    scored = [each[0] for each in Compiled([model], (*names, *absent)).many(wide)]
    return Numbers(
        np.array([one.log_odds for one in scored]),
        np.array([one.probability for one in scored]),
        np.array([one.confidence for one in scored]),
    )
