"""Real web and jobs processes for tests and benchmarks: started, killed, started again, and stopped for certain."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

import httpx2

from tests.mail import free_port

ROOT = Path(__file__).resolve().parent.parent
KEY = "k" * 40


@dataclass(kw_only=True)
class Processes:
    """A web process (the API without pages) and a jobs process on one database."""

    folder: Path
    database_url: str
    smtp_url: str = ""
    port: int = field(default_factory=free_port)
    more: Mapping[str, str] = field(default_factory=dict)
    _running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "DOORBELL_DATA_DIR": str(self.folder),
            "DOORBELL_DATABASE_URL": self.database_url,
            "DOORBELL_PORT": str(self.port),
            "DOORBELL_SECRET_KEY": KEY,
            "DOORBELL_SMTP_URL": self.smtp_url,
            **self.more,
        }

    def start(self, name: str) -> None:
        """`name` is web or jobs."""
        command = {"web": ["-m", "app", "--role", "api", "--no-jobs"], "jobs": ["-m", "jobs"]}[name]
        with (self.folder / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                [sys.executable, *command], cwd=ROOT, env=self.environment(), stdout=log, stderr=log
            )

    def kill(self, name: str) -> None:
        """kill -9."""
        self._running[name].send_signal(signal.SIGKILL)
        self._running[name].wait()

    def terminate(self, name: str, *, timeout: float = 30.0) -> int:
        """SIGTERM; its exit code.

        Raises:
            subprocess.TimeoutExpired: it did not end in time.
        """
        self._running[name].terminate()
        return self._running[name].wait(timeout)

    def wait_until_ready(self, *, timeout: float = 120.0) -> None:
        until = time.monotonic() + timeout
        while time.monotonic() < until:
            try:
                if httpx2.get(f"{self.origin}/health", timeout=5).status_code == 200:
                    return
            except httpx2.HTTPError:
                Event().wait(0.05)
        raise AssertionError(f"the web process did not start:\n{self.log('web')}")

    def log(self, name: str) -> str:
        path = self.folder / f"{name}.log"
        return path.read_text()[-8000:] if path.exists() else ""

    def stop(self) -> None:
        for process in self._running.values():
            if process.poll() is None:
                process.kill()
            process.wait()


@contextmanager
def running(folder: Path, database_url: str, *, smtp_url: str = "") -> Iterator[Processes]:
    """Both processes, up, until the block ends."""
    processes = Processes(folder=folder, database_url=database_url, smtp_url=smtp_url)
    try:
        processes.start("web")
        processes.start("jobs")
        processes.wait_until_ready()
        yield processes
    finally:
        processes.stop()
