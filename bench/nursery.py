"""Jobs processes that begin at once: everything is imported here, and each is a fork of this process.

`python -m bench.nursery`: a line on standard input starts one and answers its process id; the end of input ends all. What runs
is the whole jobs process (`python -m jobs --no-schedule`), only without the seconds that imports take.
"""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from jobs.__main__ import main as jobs
from tests.processes import ROOT

_PR_SET_PDEATHSIG = 1


def main() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them: a killed one is gone at once
    for _line in sys.stdin:
        child = os.fork()
        if child == 0:
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            sys.argv = ["jobs", "--no-schedule"]
            os._exit(jobs())
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()


@dataclass(kw_only=True)
class Nursery:
    _process: "subprocess.Popen[str]"
    living: list[int] = field(default_factory=list)

    def start(self) -> int:
        """Begin one more; its process id."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("start\n")
        self._process.stdin.flush()
        self.living.append(int(self._process.stdout.readline()))
        return self.living[-1]

    def kill(self, pid: int) -> None:
        """kill -9, and gone when this returns."""
        self.living.remove(pid)
        os.kill(pid, signal.SIGKILL)
        while Path(f"/proc/{pid}").exists():
            time.sleep(0.002)

    def memory(self, pid: int) -> float:
        """Megabytes resident."""
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    def processor(self, pid: int) -> float:
        """Seconds of processor used so far."""
        used = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(used[11]) + int(used[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def nursery(folder: Path, environment: Mapping[str, str]) -> Iterator[Nursery]:
    with (folder / "jobs.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "bench.nursery"],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    found = Nursery(_process=process)
    try:
        yield found
    finally:
        for pid in list(found.living):
            with suppress(ProcessLookupError):
                found.kill(pid)
        process.kill()
        process.communicate()


if __name__ == "__main__":
    main()
