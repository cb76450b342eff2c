"""Looking up which state contacts were in at a time."""

import numpy as np

from core.generator.hazards import Floats, Ints, Paths

_SPREAD = 1e6  # days; larger than any time, so that (contact, time) sorts as one number


def states_at(paths: Paths, contacts: Ints, at: Floats) -> Ints:
    """The state of each contact at each time (days)."""
    keys = paths.contact * _SPREAD + paths.at
    rows = np.searchsorted(keys, contacts * _SPREAD + at, side="right") - 1
    return np.asarray(paths.state[rows])
