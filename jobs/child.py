"""What a process of its own beside the jobs process does first: end with it, be nicer than it, and stop when asked."""

import ctypes
import os
import signal
import sys
import threading

_PR_SET_PDEATHSIG = 1


def begin(parent: int) -> threading.Event:
    """The event that says "stop"; set at once when the parent is already gone."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before we could ask to be told
        stop.set()
    os.nice(10)
    return stop
