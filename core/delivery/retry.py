"""Whether to try again and when: a pure decision, exponential backoff with full jitter.

Full jitter (a uniform draw from zero to the backed-off ceiling) spreads a thousand messages that failed together better
than any fixed fraction: Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

MAX_ATTEMPTS = 10
FIRST = timedelta(seconds=2)
CAP = timedelta(minutes=10)
LONGEST_WISH = timedelta(hours=24)
_RETRYABLE_CLIENT_ERRORS = {408, 425, 429}


@dataclass(frozen=True, kw_only=True)
class Retry:
    at: datetime


@dataclass(frozen=True, kw_only=True)
class GiveUp:
    why: str


def decide(
    *, attempt: int, retryable: bool, retry_after: float | None, fraction: float, now: datetime
) -> Retry | GiveUp:
    """What follows the failure of try number `attempt` (1 is the first).

    `fraction` is the jitter, a uniform draw from [0, 1). A provider's Retry-After (seconds) is the least we wait: it may
    lengthen a wait and never shortens one; wishes beyond a day are taken as a day.
    """
    if not retryable:
        return GiveUp(why="final")
    if attempt >= MAX_ATTEMPTS:
        return GiveUp(why=f"gave up after {attempt} tries")
    ceiling = min(CAP, FIRST * 2 ** (attempt - 1))
    wait = ceiling * fraction
    if retry_after is not None:
        wait = max(wait, min(timedelta(seconds=max(retry_after, 0.0)), LONGEST_WISH))
    return Retry(at=now + wait)


def http_status_is_retryable(status: int) -> bool:
    """A 4xx says the request is wrong, and it will be as wrong tomorrow, except for timeouts, too early and too many."""
    return status in _RETRYABLE_CLIENT_ERRORS or status >= 500


def smtp_status_is_retryable(status: int) -> bool:
    """RFC 5321, 4.2.1: 4yz is a transient refusal, 5yz a permanent one."""
    return 400 <= status < 500
