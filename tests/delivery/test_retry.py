"""Retrying is a pure decision."""

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from core.delivery import retry
from core.delivery.retry import GiveUp, Retry


def decide(now: datetime, **values: float | bool | None) -> Retry | GiveUp:
    given_values = {"attempt": 1, "retryable": True, "retry_after": None, "fraction": 0.5, **values}
    return retry.decide(now=now, **given_values)  # type: ignore[arg-type]


def test_waits_double_until_the_cap(now: datetime) -> None:
    waits = [decide(now, attempt=attempt, fraction=0.999999) for attempt in range(1, retry.MAX_ATTEMPTS)]
    seconds = [round((one.at - now).total_seconds()) for one in waits if isinstance(one, Retry)]
    assert seconds == [2, 4, 8, 16, 32, 64, 128, 256, 512]


def test_jitter_is_full_from_nothing_to_the_ceiling(now: datetime) -> None:
    assert decide(now, attempt=5, fraction=0.0) == Retry(at=now)
    assert decide(now, attempt=5, fraction=0.5) == Retry(at=now + timedelta(seconds=16))


def test_what_the_provider_asks_for_is_the_least_we_wait(now: datetime) -> None:
    assert decide(now, retry_after=90.0) == Retry(at=now + timedelta(seconds=90))
    assert decide(now, attempt=8, retry_after=1.0, fraction=0.5) == Retry(at=now + timedelta(seconds=128))


def test_a_final_failure_and_the_last_try_give_up(now: datetime) -> None:
    assert decide(now, retryable=False) == GiveUp(why="final")
    assert decide(now, attempt=retry.MAX_ATTEMPTS) == GiveUp(why=f"gave up after {retry.MAX_ATTEMPTS} tries")


@given(
    attempt=st.integers(1, 50),
    fraction=st.floats(0, 1, exclude_max=True),
    retry_after=st.none() | st.floats(-1e12, 1e12),
)
def test_a_retry_is_never_in_the_past_nor_beyond_a_day(
    attempt: int, fraction: float, retry_after: float | None
) -> None:
    now = datetime.fromisoformat("2026-03-02T15:00:00+00:00")
    decision = decide(now, attempt=attempt, fraction=fraction, retry_after=retry_after)
    assert isinstance(decision, GiveUp) or timedelta() <= decision.at - now <= timedelta(days=1)


def test_client_errors_are_final_except_timeout_too_early_and_too_many() -> None:
    retryable = {status for status in range(400, 600) if retry.http_status_is_retryable(status)}
    assert retryable == {408, 425, 429, *range(500, 600)}


def test_smtp_answers_of_the_fours_are_temporary_and_of_the_fives_final() -> None:
    assert retry.smtp_status_is_retryable(451)
    assert not retry.smtp_status_is_retryable(550)
