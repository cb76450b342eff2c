"""Signals: patterns in what a contact did (the catalog's 11), and four that other systems post.

`detect` finds, `refresh` stores and closes, `post` takes what other systems say; `core.signals.catalog` is one file each.
"""

from core.signals.detect import detect
from core.signals.found import Found, OpenSignal, PostedSignal, as_open
from core.signals.posting import post
from core.signals.registry import definitions
from core.signals.store import close_lapsed, open_signals, posted_then, refresh

__all__ = [
    "Found",
    "OpenSignal",
    "PostedSignal",
    "as_open",
    "close_lapsed",
    "definitions",
    "detect",
    "open_signals",
    "post",
    "posted_then",
    "refresh",
]
