"""Experiments: which of two ways is better, decided by a hash, planned before the start and read without peeking errors."""
