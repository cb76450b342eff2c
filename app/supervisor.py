"""Keeps the jobs process running: restarts it after a crash, with growing pauses, and stops it cleanly."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence

from core import log

_log = log.get(__name__)
_FIRST_PAUSE = 0.25
_LONGEST_PAUSE = 30.0
_HEALTHY_AFTER = 60.0
"""Seconds after which a crash counts as the first again."""
_GRACE = 4.0


def pause_before(crashes: int) -> float:
    """Seconds to wait before the next start after so many crashes in a row (1, 2, ...)."""
    return float(min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** (crashes - 1)))


class Supervisor:
    """One child process. `command` follows the interpreter; `more` is added to the environment."""

    def __init__(self, command: Sequence[str], *, more: Mapping[str, str] | None = None) -> None:
        self._command = [sys.executable, *command]
        self._environment = {**os.environ, **(more or {})}  # noqa: TID251  a child inherits ours, no setting is read
        self._stopping = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._keep_running, name="supervisor", daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def pid(self) -> int | None:
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def stop(self) -> None:
        """SIGTERM, and SIGKILL for one that does not listen; nothing is lost by either."""
        self._stopping.set()
        process = self._process
        if process is not None and process.poll() is None:
            process.terminate()
            try:
                process.wait(_GRACE)
            except subprocess.TimeoutExpired:
                _log.warning("jobs_killed", pid=process.pid)
                process.kill()
                process.wait()
        if self._thread.is_alive():
            self._thread.join(1)

    def _keep_running(self) -> None:
        crashes = 0
        while not self._stopping.is_set():
            started = time.monotonic()
            # A session of its own: Ctrl-C reaches us alone, and we pass it on as SIGTERM.
            self._process = subprocess.Popen(self._command, env=self._environment, start_new_session=True)
            if self._stopping.is_set():
                self._process.terminate()
            code = self._process.wait()
            if self._stopping.is_set():
                return
            crashes = 1 if time.monotonic() - started > _HEALTHY_AFTER else crashes + 1
            pause = pause_before(crashes)
            _log.error("jobs_ended", exit_code=code, restart_in_seconds=pause)
            self._stopping.wait(pause)
