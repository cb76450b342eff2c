"""Processes of their own beside the jobs process: kept running by it, and what each does first.

Apart from what they run, because loading that takes long and the jobs process does without it.
"""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time

from core import log
from jobs import stopping

_PR_SET_PDEATHSIG = 1
_PAUSE = 5.0
"""Seconds before a demo that ended in an error is started again."""
_log = log.get(__name__)


class Demo:
    """Keeps the demo's process running beside the jobs process."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._again_at = 0.0

    def look(self) -> None:
        """Start it, or start it again a while after it failed. To be called now and then by the thread that stays."""
        if self._process is not None:
            code = self._process.poll()
            if code is None or code == 0:
                return
            if self._again_at == 0.0:
                _log.error("demo_ended", exit_code=code)
                self._again_at = time.monotonic() + _PAUSE
        if time.monotonic() >= self._again_at:
            self._again_at = 0.0
            self._process = subprocess.Popen([sys.executable, "-m", "jobs.demo", str(os.getpid())])

    def stop(self) -> None:
        """It may be killed at any instant; asking first is only polite."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(1.0)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()


def run(module: str, *arguments: str, stop: threading.Event) -> None:
    """Run a module in a process of its own, and wait for it; `stop` ends it.

    Raises:
        RuntimeError: it ended in an error.
    """
    process = subprocess.Popen([sys.executable, "-m", module, str(os.getpid()), *arguments])
    while process.poll() is None:
        if stop.wait(0.1):
            process.terminate()
            try:
                process.wait(1.0)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            return
    if process.returncode != 0:
        raise RuntimeError(f"{module} ended with {process.returncode}")


def begin(parent: int) -> threading.Event:
    """The event that says "stop"; set at once when the parent is already gone."""
    stop = threading.Event()
    stopping.when_asked(stop)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before we could ask to be told
        stop.set()
    os.nice(10)
    return stop
