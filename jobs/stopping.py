"""How a process of ours hears that it is to stop."""

import queue
import signal
import threading


def when_asked(stop: threading.Event) -> None:
    """Set `stop` on SIGTERM and SIGINT, whatever the main thread is doing then.

    Not by the handler itself: it runs inside the main thread, and when that is just waiting for the same event and
    holds its lock, setting it would wait for ever. What the handler calls instead may be entered at any point.
    """
    asked: queue.SimpleQueue[int] = queue.SimpleQueue()

    def pass_on() -> None:
        asked.get()
        stop.set()

    threading.Thread(target=pass_on, name="asked-to-stop", daemon=True).start()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _frame: asked.put(number))
