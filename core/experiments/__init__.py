"""Experiments: which of two ways is better, decided by a hash, planned before the start and read without peeking errors.

The line asks `Running`; people go through `core.experiments.lifecycle`, which is what loads the statistics.
"""

from core.experiments.running import Another, Met, Running, trial_of

__all__ = ["Another", "Met", "Running", "trial_of"]
