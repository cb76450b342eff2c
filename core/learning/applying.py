"""What a model's parameters say of many rows: the same calculation that serves, on a whole matrix."""

from collections.abc import Mapping
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


def numbers(parameters: Mapping[str, Any], matrix: Floats, *, intent: str) -> Numbers:
    """Raises Invalid where the parameters are not a model."""
    model = parse(parameters, id="candidate", intent=intent, kind="candidate")
    scored = [each[0] for each in Compiled([model], features.NAMES).many(matrix)]
    return Numbers(
        np.array([one.log_odds for one in scored]),
        np.array([one.probability for one in scored]),
        np.array([one.confidence for one in scored]),
    )
