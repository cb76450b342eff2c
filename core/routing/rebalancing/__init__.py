"""REBALANCE: the fewest moves of untouched alerts that bring people under their limits, shown, approved and taken back.

reading (who holds what, what may move) -> solving (the fewest moves) -> planning (in words) -> book (kept, done, undone)
"""
