import subprocess
import sys

import pytest

SCRIPT = """
import os, signal, sys, threading
from jobs import stopping

stop = threading.Event()
stopping.when_asked(stop)
with stop._cond:  # as the main thread does for an instant of every wait
    os.kill(os.getpid(), getattr(signal, sys.argv[1]))
    sum(range(1000))
print(stop.wait(20))
"""


@pytest.mark.parametrize("number", ["SIGTERM", "SIGINT"])
def test_a_signal_in_the_middle_of_waiting_for_it_stops_us_and_does_not_hang(number: str) -> None:
    ended = subprocess.run([sys.executable, "-c", SCRIPT, number], capture_output=True, text=True, timeout=30)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "True\n", "")
