"""Two changes at the same moment: the second begins while the first has not committed yet."""

import threading
from collections.abc import Callable

from sqlalchemy.orm import Session

from core.db import Database

_BEGINS = 0.1
"""Seconds in which the second one comes as far as the first lets it."""


def at_once(database: Database, first: Callable[[Session], object], second: Callable[[Session], object]) -> str:
    """What the second was told: the name of its error, or empty when it went through. The first must go through."""
    told: list[str] = []

    def other() -> None:
        try:
            with database.write() as session:
                second(session)
            told.append("")
        except Exception as error:
            told.append(type(error).__name__)

    thread = threading.Thread(target=other)
    with database.write() as session:
        first(session)
        session.flush()
        thread.start()
        thread.join(_BEGINS)
    thread.join()
    return told[0]
